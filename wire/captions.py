"""The caption log: one bounded stream per source, written in one atomic step with the source's cursor.

`commit` reads the source's state, lets a pure function (the transcriber's seam) advance it, and writes in a single
transaction: the new state, the cursor, the captions into the log, the same captions to pub/sub, and the
acknowledgement of the chunks. WATCH serialises two workers that commit to one source at once: the later one retries
with the other's state. Committing a chunk a second time changes nothing.

A person's correction (`revise`) is appended to the log, like any newer revision.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.client import Pipeline

from wire import keys
from wire.bus import Redis, transaction
from wire.errors import UnknownSource
from wire.messages import Caption
from wire.queue import Delivery
from wire.settling import bury, settle


@dataclass(frozen=True, slots=True)
class Advance:
    """What chunks of a source changed: the seam's new state and the captions that follow from it."""

    state: bytes
    captions: tuple[Caption, ...] = ()
    epoch: int = 0
    next_seq: int = 0  # the first chunk of the epoch that is not included yet
    until_s: float = 0.0  # how far the source is captioned, on its clock
    finished: bool = False  # the source has ended and every caption is final
    rejected: tuple[str, ...] = ()  # why words were rejected, once for each window
    sounds_like: str = ""  # the detected language, if it certainly differs from the one that was set


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a source has been committed."""

    event: int = 0  # of the newest caption in the log
    epoch: int = 0
    next_seq: int = 0
    until_s: float = 0.0
    finished: bool = False
    languages: tuple[str, ...] = ()  # of its captions, the one spoken longest first
    sounded_like: str = ""  # the last detected language that certainly differed from the one that was set
    rejected: tuple[str, ...] = ()  # why words were rejected, the most frequent reason first


#: Prefixes of the fields that count the seconds spoken in a language, and how often words were rejected for a reason.
_SPOKEN, _REJECTED = "spoken:", "rejected:"

#: Given the state (None at first), returns how chunks advance it; None if they were committed before.
Step = Callable[[bytes | None], Advance | None]


class CaptionLog:
    """Captions of every source.

    Args:
        live_events: events kept per station or microphone; at three per chunk, 20,000 last about nine hours.
        retention_s: how long the captions of a source are kept after their last change.
        clock: returns Unix time.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        live_events: int = 20_000,
        retention_s: int = keys.RETENTION_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._redis = redis
        self._live_events = live_events
        self._retention_s = retention_s
        self._clock = clock

    def commit(self, deliveries: Sequence[Delivery], step: Step, *, dead: str = "") -> tuple[Caption, ...]:
        """Advance a source by `step` and settle chunks, atomically.

        Args:
            deliveries: the chunks, at least one, all of one source.
            step: called again if another worker has committed to the same source in the meantime.
            dead: why the chunks go to the dead letters; empty if they were transcribed.

        Returns:
            The captions as they were logged, with their event numbers.
        """
        source, live = deliveries[0].chunk.source, deliveries[0].chunk.live
        state_key, progress_key, log_key = keys.seam(source), keys.progress(source), keys.captions(source)

        def attempt(pipe: Pipeline) -> tuple[Caption, ...]:
            state: Any = pipe.get(state_key)  # a watching pipeline executes immediately
            fields: Any = pipe.hgetall(progress_key)
            before = _decode_progress(fields)
            advance = step(state)
            captions = self._number(advance.captions if advance else (), before.event)
            pipe.multi()
            if advance:
                pipe.set(state_key, advance.state)
                pipe.hset(progress_key, mapping=_encode_progress(advance, before.event + len(captions)))
                for reason in advance.rejected:
                    pipe.hincrby(progress_key, f"{_REJECTED}{reason}")
            for caption in captions:
                if caption.final and caption.text and caption.language:
                    spoken_s = caption.end_s - caption.start_s
                    pipe.hincrbyfloat(progress_key, f"{_SPOKEN}{caption.language}", spoken_s)
                trim = self._live_events if live else None
                pipe.xadd(
                    log_key, {b"caption": caption.encode()}, id=f"{caption.event}-0", maxlen=trim, approximate=True
                )
                pipe.publish(keys.live(source), caption.encode())
            if advance and advance.finished:
                pipe.publish(keys.live(source), json.dumps({"type": "end", "source": source}))
            # For stations too, though every commit renews it: a chunk that outlives its station must not leave keys
            # behind forever. The epoch counter lives as long as the state, which still refers to the old epochs.
            for key in (state_key, progress_key, log_key, keys.epoch(source)):
                pipe.expire(key, self._retention_s)
            for delivery in deliveries:
                if dead:
                    bury(pipe, delivery.stream, delivery.entry_id, delivery.chunk.encode(), dead)
                else:
                    settle(pipe, delivery.stream, delivery.entry_id)
            return captions

        return transaction(self._redis, attempt, state_key, progress_key)

    def preview(self, source: str, step: Step) -> tuple[Caption, ...]:
        """Publish the captions of an incomplete chunk to current viewers, without logging them.

        Args:
            step: called again if a worker has committed to the source in the meantime.

        Returns:
            The captions as they were published: each carries the newest event in the log.
        """
        state_key, progress_key = keys.seam(source), keys.progress(source)

        def attempt(pipe: Pipeline) -> tuple[Caption, ...]:
            state: Any = pipe.get(state_key)  # a watching pipeline executes immediately
            event: Any = pipe.hget(progress_key, "event")
            advance = step(state)
            if advance is None:
                return ()
            pipe.multi()
            now_s, newest = self._clock(), int(event or 0)
            captions = tuple(
                dataclasses.replace(caption, partial=True, event=newest, committed_s=now_s)
                for caption in advance.captions
            )
            pipe.set(state_key, advance.state, ex=self._retention_s)
            for caption in captions:
                pipe.publish(keys.live(source), caption.encode())
            return captions

        return transaction(self._redis, attempt, state_key, progress_key)

    def revise(self, source: str, id: int, change: Callable[[Caption], Caption]) -> Caption:
        """Apply `change` to a caption and log the result as its next revision, atomically.

        Args:
            change: receives the newest revision, and is called again if a worker commits to the source in the meantime.
                If it returns its argument, nothing is logged.

        Returns:
            The caption as logged.

        Raises:
            UnknownSource: the source has no such caption.
        """
        progress_key, log_key = keys.progress(source), keys.captions(source)
        newest: Caption | None = None
        looked_up_to = 0  # a retry reads only newer events: frequent commits would outrun a search of the whole log

        def attempt(pipe: Pipeline) -> Caption:
            nonlocal newest, looked_up_to
            event: Any = pipe.hget(progress_key, "event")  # a watching pipeline executes immediately
            newest = _newest_revision(pipe, log_key, id, looked_up_to) or newest
            if newest is None or event is None:
                raise UnknownSource(f"{source} has no caption {id}")
            looked_up_to = int(event)
            changed = change(newest)
            if changed is newest:
                return newest
            [caption] = self._number((dataclasses.replace(changed, revision=newest.revision + 1),), int(event))
            pipe.multi()
            pipe.hset(progress_key, "event", caption.event)
            pipe.xadd(log_key, {b"caption": caption.encode()}, id=f"{caption.event}-0")
            pipe.publish(keys.live(source), caption.encode())
            for key in keys.of_captions(source):
                pipe.expire(key, self._retention_s)
            return caption

        return transaction(self._redis, attempt, progress_key, log_key)

    def publish_correction(self, caption: Caption) -> None:
        """Publish a correction of a caption that is no longer in the log to current viewers.

        It has its own message type, as it has no event after which a reconnecting client could resume.
        """
        message = {"type": "correction", "source": caption.source, "caption": caption.as_dict()}
        self._redis.publish(keys.live(caption.source), json.dumps(message, ensure_ascii=False))

    def read(self, source: str, after: int = 0, limit: int = 1000) -> list[Caption]:
        """Up to `limit` logged captions after event `after`, oldest first."""
        entries: Any = self._redis.xrange(keys.captions(source), min=f"({after}-0", count=limit)
        return [Caption.decode(fields[b"caption"]) for _, fields in entries]

    def latest(self, source: str, limit: int) -> list[Caption]:
        """The newest `limit` logged captions, oldest first."""
        entries: Any = self._redis.xrevrange(keys.captions(source), count=limit)
        return [Caption.decode(fields[b"caption"]) for _, fields in reversed(entries)]

    def progress(self, source: str) -> Progress:
        """How far `source` has been committed."""
        fields: Any = self._redis.hgetall(keys.progress(source))
        return _decode_progress(fields)

    def progress_of_all(self, sources: Sequence[str]) -> list[Progress]:
        """How far each source has been committed, in one request."""
        pipe = self._redis.pipeline(transaction=False)
        for source in sources:
            pipe.hgetall(keys.progress(source))
        return [_decode_progress(fields) for fields in pipe.execute()]

    def newest(self, sources: Sequence[str]) -> list[tuple[int, bool]]:
        """For each source, its newest event (0 if it has none) and whether it has ended; in one request."""
        pipe = self._redis.pipeline(transaction=False)
        for source in sources:
            pipe.hmget(keys.progress(source), "event", "finished")
        return [(int(event or 0), finished == b"1") for event, finished in pipe.execute()]

    def delete(self, source: str) -> None:
        """Delete everything stored for a source."""
        self._redis.delete(*keys.of_source(source))

    def _number(self, captions: tuple[Caption, ...], event: int) -> tuple[Caption, ...]:
        now_s = self._clock()
        return tuple(dataclasses.replace(c, event=event + n, committed_s=now_s) for n, c in enumerate(captions, 1))


def latest_revisions(captions: list[Caption]) -> list[Caption]:
    """The newest revision of each caption, in order of ids."""
    newest: dict[int, Caption] = {}
    for caption in captions:
        newest[caption.id] = caption
    return [newest[id] for id in sorted(newest)]


def _newest_revision(pipe: Pipeline, log_key: str, id: int, after: int) -> Caption | None:
    last, mark = "+", f'"id":{id},'.encode()  # spares decoding most entries
    while True:
        entries: Any = pipe.xrevrange(log_key, max=last, min=f"({after}-0", count=1000)
        for entry, fields in entries:
            if mark in fields[b"caption"] and (caption := Caption.decode(fields[b"caption"])).id == id:
                return caption
            last = f"({entry.decode()}"
        if not entries:
            return None


def _encode_progress(advance: Advance, event: int) -> Mapping[Any, str]:
    return {
        "event": str(event),
        "epoch": str(advance.epoch),
        "next_seq": str(advance.next_seq),
        "until_s": repr(advance.until_s),
        "finished": str(int(advance.finished)),
        **({"sounded_like": advance.sounds_like} if advance.sounds_like else {}),
    }


def _decode_progress(fields: dict[bytes, bytes]) -> Progress:
    if not fields:
        return Progress()
    return Progress(
        event=int(fields[b"event"]),
        epoch=int(fields[b"epoch"]),
        next_seq=int(fields[b"next_seq"]),
        until_s=float(fields[b"until_s"]),
        finished=fields[b"finished"] == b"1",
        sounded_like=fields.get(b"sounded_like", b"").decode(),
        languages=_most_first(fields, _SPOKEN),
        rejected=_most_first(fields, _REJECTED),
    )


def _most_first(fields: Mapping[bytes, bytes], prefix: str) -> tuple[str, ...]:
    """Names of the counters with a prefix, highest count first."""
    counts = {name.decode(): float(value) for name, value in fields.items() if name.startswith(prefix.encode())}
    return tuple(name.removeprefix(prefix) for name in sorted(counts, key=lambda name: (-counts[name], name)))
