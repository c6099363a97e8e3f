"""Words that `WS /v1/realtime` sends before they are final, against a scripted transcriber."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from openai.resources.realtime.realtime import RealtimeConnection

from tests.integration.api_server import Api, Speaker
from tests.integration.openai_speaker import COMMITTED, COMPLETED, DELTA, FAILED, SECOND, next_of, say, session
from wire.bus import Redis
from wire.captions import Advance
from wire.messages import Caption, Hello, State, Status
from wire.microphone import Microphones
from wire.sources import Statuses


class Scene:
    """A session with the caption "first", and the transcriber of what follows."""

    def __init__(self, redis: Redis, connection: RealtimeConnection, *, detects: bool) -> None:
        say(connection, SECOND)
        self.hello = Microphones(redis).next(20)
        assert isinstance(self.hello, Hello)
        self._speaker = Speaker(redis, f"microphones/{self.hello.id}")
        self._speaker.say("first")
        self._next = 2
        # From now on the turn follows new captions.
        self.events = [next_of(connection, type) for type in ([COMMITTED, DELTA, COMPLETED] if detects else [DELTA])]

    def preview(self, id: int, *texts: str) -> None:
        """Publish consecutive hypotheses of a caption while its chunk is incomplete."""
        for text in texts:
            start_s, end_s = _times(id)
            caption = Caption(self._speaker.source, id, 0, start_s, end_s, text, False, "sv", captured_s=time.time())
            self._speaker.log.preview(
                self._speaker.source,
                lambda _, caption=caption: Advance(b"{}", (caption,)),  # type: ignore[misc]
            )

    def final(self, text: str) -> None:
        """Commit the next caption as final."""
        start_s, end_s = _times(self._next)
        self._speaker.say(text, start_s=start_s, end_s=end_s)
        self._next += 1

    def withdraw(self) -> None:
        """Commit the next caption and withdraw it."""
        self._speaker.say("nothing", final_after=False)
        self._speaker.revise("")

    def finish(self) -> None:
        """Finish the source."""
        self._speaker.finish()


@contextmanager
def scene(api: Api, redis: Redis, *, detects: bool = False) -> Iterator[tuple[RealtimeConnection, Scene]]:
    """A session and its transcriber."""
    with session(api, turn_detection={"type": "server_vad"} if detects else None) as connection:
        yield connection, Scene(redis, connection, detects=detects)


def test_words_common_to_two_hypotheses_are_sent_before_they_are_final(api: Api, redis: Redis) -> None:
    with scene(api, redis) as (connection, heard):
        heard.preview(2, "we saw a", "we saw a cat")
        assert next_of(connection, DELTA).delta == " we saw a"
        heard.final("we saw a cat.")
        assert next_of(connection, DELTA).delta == " cat."
        connection.input_audio_buffer.commit()
        next_of(connection, COMMITTED)
        heard.finish()
        assert next_of(connection, COMPLETED).transcript == "first we saw a cat."


def test_transcript_is_the_final_text(api: Api, redis: Redis) -> None:
    with scene(api, redis) as (connection, heard):
        heard.preview(2, "we saw caps", "we saw caps")
        assert next_of(connection, DELTA).delta == " we saw caps"
        heard.final("we saw cats")
        heard.final("asleep")
        assert next_of(connection, DELTA).delta == " asleep"
        connection.input_audio_buffer.commit()
        next_of(connection, COMMITTED)
        heard.finish()
        assert next_of(connection, COMPLETED).transcript == "first we saw cats asleep"


def test_item_of_a_caption_starts_before_it_is_final(api: Api, redis: Redis) -> None:
    with scene(api, redis, detects=True) as (connection, heard):
        heard.preview(2, "we saw", "we saw a")
        started = next_of(connection, DELTA)
        assert started.delta == "we saw"
        heard.final("we saw a cat.")
        events = [next_of(connection, type) for type in (COMMITTED, DELTA, COMPLETED)]
        assert {event.item_id for event in events} == {started.item_id}
        assert events[0].previous_item_id == heard.events[0].item_id
        assert (events[1].delta, events[2].transcript) == (" a cat.", "we saw a cat.")


def test_item_of_a_withdrawn_caption_is_completed_empty(api: Api, redis: Redis) -> None:
    with scene(api, redis, detects=True) as (connection, heard):
        heard.preview(2, "thanks", "thanks")
        started = next_of(connection, DELTA)
        heard.withdraw()
        events = [next_of(connection, type) for type in (COMMITTED, COMPLETED)]
        assert (events[1].item_id, events[1].transcript) == (started.item_id, "")


def test_started_item_is_kept_when_the_rest_is_committed(
    api: Api, redis: Redis, wait_until: Callable[..., None]
) -> None:
    with scene(api, redis, detects=True) as (connection, heard):
        heard.preview(2, "we saw", "we saw")
        started = next_of(connection, DELTA)
        _commit(redis, connection, heard, wait_until)
        heard.preview(3, "it slept", "it slept")
        rest = next_of(connection, DELTA)
        assert rest.delta == "it slept"
        heard.final("we saw")
        assert [next_of(connection, type).item_id for type in (COMMITTED, COMPLETED)] == [started.item_id] * 2
        heard.final("it slept.")
        assert next_of(connection, COMMITTED).previous_item_id == started.item_id
        heard.finish()
        whole = next_of(connection, COMPLETED)
        assert (whole.item_id, whole.transcript) == (rest.item_id, "it slept.")
        assert rest.item_id != started.item_id


def test_commit_of_a_started_item_completes_it(api: Api, redis: Redis, wait_until: Callable[..., None]) -> None:
    with scene(api, redis, detects=True) as (connection, heard):
        heard.preview(2, "we saw", "we saw")
        started = next_of(connection, DELTA)
        _commit(redis, connection, heard, wait_until)
        heard.final("we saw")
        assert [next_of(connection, type).item_id for type in (COMMITTED, COMPLETED)] == [started.item_id] * 2
        heard.finish()
        after = Scene(redis, connection, detects=True)  # no error precedes it
        assert after.events[0].previous_item_id == started.item_id


def test_committed_item_without_text_is_completed_if_started(
    api: Api, redis: Redis, wait_until: Callable[..., None]
) -> None:
    with scene(api, redis, detects=True) as (connection, heard):
        _commit(redis, connection, heard, wait_until)
        heard.preview(2, "thanks", "thanks")
        started = next_of(connection, DELTA)
        heard.withdraw()
        heard.finish()
        events = [next_of(connection, type) for type in (COMMITTED, COMPLETED)]
        assert (events[1].item_id, events[1].transcript) == (started.item_id, "")


def test_started_items_fail_with_their_turn(api: Api, redis: Redis) -> None:
    with scene(api, redis, detects=True) as (connection, heard):
        heard.preview(2, "we saw", "we saw")
        started = next_of(connection, DELTA)
        assert heard.hello is not None
        source = f"microphones/{heard.hello.id}"
        Statuses(redis).save(Status(source, state=State.FAILED))
        failed = [next_of(connection, FAILED).item_id for _ in range(2)]
        assert failed == [started.item_id, f"item_{heard.hello.id}"]


def _times(id: int) -> tuple[float, float]:
    """The times of a caption that is too short for any of its words to be far from its end."""
    return 5.0 * id, 5.0 * id + 0.9


def _commit(redis: Redis, connection: RealtimeConnection, heard: Scene, wait_until: Callable[..., None]) -> None:
    connection.input_audio_buffer.commit()
    microphones = Microphones(redis)
    assert heard.hello is not None
    id = heard.hello.id
    wait_until(lambda: microphones.frames(id, b"0", 1)[1])
