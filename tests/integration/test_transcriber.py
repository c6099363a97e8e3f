"""Chunks in a real Redis become captions, whatever happens to the workers."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from redis.exceptions import ConnectionError

from tests.fakes import ScriptedEngine, Spoken, chunks, numbers, speech
from tests.integration.bench import Bench, put, shown, words
from tests.integration.transcriber_process import STALLED
from transcriber.engine import Heard, Hypothesis, Utterance
from transcriber.worker import Transcriber
from wire import keys
from wire.bus import Redis, connect
from wire.captions import CaptionLog
from wire.errors import ModelError, Unsupported
from wire.messages import Chunk, Content, Job, Kind, State, Status, Task, Word
from wire.metrics import TranscriberMetrics
from wire.queue import ChunkQueue
from wire.sources import Jobs, Statuses
from wire.workers import alive

#: A minute of words of various lengths, some of them across every border of 5 s.
WORDS: list[Spoken] = [(n + 1, 0.05 + 0.52 * n, 0.05 + 0.52 * n + 0.25 + 0.05 * (n % 5)) for n in range(115)]
PCM = speech(WORDS, 60.0)
TEXTS = [f"w{number}" for number, _, _ in WORDS]

#: In the middle of the third chunk, and in no other's window.
IN_THIRD = next(number for number, start_s, _ in WORDS if start_s > 12)

ROOT = Path(__file__).resolve().parents[2]


def without(*lost: int) -> list[str]:
    """All words but those of these seconds and the ones cut by their edges."""
    return [
        f"w{number}"
        for number, start_s, end_s in WORDS
        if not any(start_s < second + 1 and end_s > second for second in lost)
    ]


# --- a source comes out whole ----------------------------------------------------------------------


def test_an_upload_comes_out_whole(redis: Redis) -> None:
    put(redis, *chunks("jobs/1", PCM))
    bench = Bench(redis, ScriptedEngine()).drain()
    assert words(redis, "jobs/1") == TEXTS
    assert all(caption.final for caption in CaptionLog(redis).read("jobs/1"))
    assert CaptionLog(redis).progress("jobs/1").finished
    assert [load.length for load in bench.queue.load()] == [0, 0]
    assert bench.count("chunks_total", outcome="transcribed") == 12
    assert bench.count("audio_seconds_total", kind="jobs") == 60.0
    assert bench.count("batch_chunks_count") == 2


def test_two_workers_at_once_give_the_captions_of_one(redis: Redis, redis_url: str) -> None:
    sources = ("stations/one", "stations/two", "jobs/1")
    for source in sources:
        put(redis, *chunks(source, PCM))
    clients = [connect(redis_url) for _ in range(3)]
    workers = [
        Bench(client, ScriptedEngine(), f"transcriber-{n}", batch_size=2, claim_after_s=60.0)
        for n, client in enumerate(clients)
    ]
    threads = [threading.Thread(target=worker.drain) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for source in sources:
        assert words(redis, source) == TEXTS
        assert [c.event for c in CaptionLog(redis).read(source)] == list(
            range(1, len(CaptionLog(redis).read(source)) + 1)
        )
    for client in clients:
        client.close()


def test_batches_reach_across_sources_live_ones_first(redis: Redis) -> None:
    put(redis, *chunks("jobs/1", PCM)[:4], *chunks("stations/a", PCM)[:2], *chunks("stations/b", PCM)[:2])
    engine = ScriptedEngine()
    bench = Bench(redis, engine, batch_size=5)
    assert bench.transcriber.step(block_s=0) == 5
    assert engine.batches == [5]
    log = CaptionLog(redis)
    assert [log.progress(f"stations/{id}").next_seq for id in "ab"] == [2, 2]
    assert log.progress("jobs/1").next_seq == 1


@pytest.mark.parametrize("seq", [2, 11])
def test_a_job_ends_although_a_chunk_cannot_be_decoded(redis: Redis, seq: int) -> None:
    """The last one, too."""
    made = chunks("jobs/1", PCM)
    for number, chunk in enumerate(made):
        fields = chunk.encode()
        redis.xadd(keys.UPLOAD_CHUNKS, {**fields, b"pcm": b"half"} if number == seq else fields)  # type: ignore[arg-type]
    Bench(redis, ScriptedEngine()).drain()
    assert CaptionLog(redis).progress("jobs/1").finished
    [gap] = [caption for caption in shown(redis, "jobs/1") if caption.content is Content.GAP]
    assert (gap.start_s, gap.end_s, gap.reason) == (made[seq].start_s, made[seq].end_s, "failed")
    [(_, fields)] = redis.xrange(keys.DEAD_CHUNKS)  # type: ignore[misc]
    assert fields[b"reason"].startswith(b"undecodable: not a Chunk")
    assert [load.length for load in ChunkQueue(redis).load()] == [0, 0]


def test_silence_costs_no_decoding(redis: Redis) -> None:
    first, second, third = chunks("stations/demo", PCM)[:3]
    second = dataclasses.replace(second, pcm=b"", lead_samples=0, content=Content.SILENCE)
    put(redis, first, second, third)
    engine = ScriptedEngine()
    Bench(redis, engine).drain()
    assert engine.batches == [2]
    assert CaptionLog(redis).progress("stations/demo").until_s == 15.0


# --- dead and dying workers ------------------------------------------------------------------------


@contextlib.contextmanager
def process(redis_url: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.transcriber_process", redis_url, *options], cwd=ROOT
    )
    try:
        yield worker
    finally:
        worker.kill()
        worker.wait(timeout=10)


def test_the_chunks_of_a_killed_worker_are_taken_over(
    redis: Redis, redis_url: str, wait_until: Callable[..., None]
) -> None:
    put(redis, *chunks("stations/demo", PCM))
    with process(redis_url, "--stall", str(IN_THIRD)) as worker:
        wait_until(lambda: redis.exists(STALLED), 30)
        worker.send_signal(signal.SIGKILL)
        worker.wait(timeout=10)
    with process(redis_url):
        wait_until(lambda: CaptionLog(redis).progress("stations/demo").next_seq == 12, 30)
    assert words(redis, "stations/demo") == TEXTS


@pytest.mark.parametrize("held", [0, 1, 2])
def test_no_chunk_is_lost_when_a_machine_dies_with_a_microphones_ingest_and_its_transcriber(
    redis: Redis, held: int
) -> None:
    """The dead transcriber holds a chunk of the old epoch; the new one is over before anybody claims it."""
    made = chunks("microphones/m", PCM[: 25 * 32_000])
    old = [dataclasses.replace(chunk, last=False) for chunk in made[:3]]
    new = [dataclasses.replace(chunk, epoch=2, seq=chunk.seq - 3) for chunk in made[3:]]
    heard = new[0].pcm[2 * new[0].lead_samples :]
    new[0] = dataclasses.replace(new[0], pcm=heard, lead_samples=0, follows=(1, 3))
    put(redis, *old[:held])
    Bench(redis, ScriptedEngine()).drain()
    put(redis, old[held])
    assert ChunkQueue(redis).take("transcriber-dead", 1)
    put(redis, *old[held + 1 :], *new)
    Bench(redis, ScriptedEngine(), claim_after_s=60.0).drain()
    assert not CaptionLog(redis).progress("microphones/m").finished
    Bench(redis, ScriptedEngine()).drain()
    assert CaptionLog(redis).progress("microphones/m").finished
    assert words(redis, "microphones/m") == [
        f"w{number}" for number, start_s, end_s in WORDS if end_s <= 25 and not start_s < 15 < end_s
    ]


def test_a_worker_that_is_asked_to_stop_finishes_its_batch(
    redis: Redis, redis_url: str, wait_until: Callable[..., None]
) -> None:
    put(redis, *chunks("stations/demo", PCM))
    with process(redis_url, "--batch-size", "2") as worker:
        wait_until(lambda: CaptionLog(redis).progress("stations/demo").next_seq > 0, 30)
        assert "transcriber-0" in alive(redis)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=20) == 0
    assert alive(redis) == {}
    pending: list[dict[str, int]] = redis.xpending_range(keys.LIVE_CHUNKS, keys.GROUP, "-", "+", 100)  # type: ignore[assignment]
    handed_back = [entry for entry in pending if entry["time_since_delivered"] >= 1000]
    assert handed_back == pending, "what it had taken and not begun may be claimed at once"
    Bench(redis, ScriptedEngine(), claim_after_s=1.0).drain()
    assert words(redis, "stations/demo") == TEXTS


def test_a_chunk_that_kills_its_workers_is_buried_and_takes_no_other_down(
    redis: Redis, redis_url: str, wait_until: Callable[..., None]
) -> None:
    put(redis, *chunks("stations/demo", PCM))
    log = CaptionLog(redis)
    for _ in range(10):
        if log.progress("stations/demo").next_seq == 12:
            break
        with process(redis_url, "--die", str(IN_THIRD)) as worker:
            wait_until(lambda: worker.poll() is not None or log.progress("stations/demo").next_seq == 12, 30)
    [(_, fields)] = redis.xrange(keys.DEAD_CHUNKS)  # type: ignore[misc]
    assert Chunk.decode(fields).seq == 2
    assert b"handed out" in fields[b"reason"]
    gap = next(c for c in shown(redis, "stations/demo") if c.content is Content.GAP)
    assert (gap.start_s, gap.end_s, gap.reason) == (10.0, 15.0, "failed")
    heard = words(redis, "stations/demo")
    assert heard == [text for text in TEXTS if text in set(heard)], "each once, in order"
    assert set(heard) >= set(without(10, 11, 12, 13, 14))


# --- failing engines -------------------------------------------------------------------------------


def refuses(word: int) -> ScriptedEngine:
    """An engine that raises at every batch with this word."""

    def before(utterances: Sequence[Utterance]) -> None:
        if any(word in numbers(u.audio) for u in utterances):
            raise RuntimeError("boom")

    return ScriptedEngine(before)


def test_a_chunk_that_fails_takes_its_batch_not_down(redis: Redis) -> None:
    put(redis, *chunks("jobs/1", PCM))
    bench = Bench(redis, refuses(IN_THIRD)).drain()
    [(_, fields)] = redis.xrange(keys.DEAD_CHUNKS)  # type: ignore[misc]
    assert (Chunk.decode(fields).seq, fields[b"reason"]) == (2, b"RuntimeError('boom')")
    assert CaptionLog(redis).progress("jobs/1").finished
    assert [c.reason for c in shown(redis, "jobs/1") if c.content is Content.GAP] == ["failed"]
    assert bench.count("chunks_total", outcome="dead") == 1
    assert bench.count("chunks_total", outcome="transcribed") == 11
    assert bench.count("claimed_total") == 2, "it was tried three times"


def test_an_engine_that_fails_on_everything_is_given_up(redis: Redis) -> None:
    put(redis, *chunks("jobs/1", PCM))

    def before(utterances: Sequence[Utterance]) -> None:
        raise RuntimeError("CUDA error")

    bench = Bench(redis, ScriptedEngine(before), claim_after_s=60.0)
    with pytest.raises(ModelError, match="CUDA error"):
        bench.drain()
    assert redis.xlen(keys.DEAD_CHUNKS) == 0, "another worker may do better"


def test_what_the_model_cannot_do_is_a_gap_that_says_so_and_no_reason_to_give_up(redis: Redis) -> None:
    def check(language: str | None, task: Task) -> None:
        if language == "fi":
            raise Unsupported("this model does not know the language 'fi'", "language")
        if task == "translate":
            raise Unsupported("this model cannot translate", "task")

    finnish = [dataclasses.replace(chunk, language="fi") for chunk in chunks("jobs/fi", PCM)]
    into_english = [dataclasses.replace(chunk, task="translate") for chunk in chunks("stations/sv", PCM)]
    put(redis, *chunks("jobs/1", PCM), *finnish, *into_english)
    engine = ScriptedEngine(check=check)
    bench = Bench(redis, engine, batch_size=36).drain()
    assert engine.batches == [12], "what it can do is not tried one by one"
    assert words(redis, "jobs/1") == TEXTS
    for source, reason in (("jobs/fi", "language"), ("stations/sv", "task")):
        assert [(c.content, c.reason) for c in shown(redis, source)] == [(Content.GAP, reason)]
    assert CaptionLog(redis).progress("jobs/fi").finished
    reasons = {fields[b"reason"] for _, fields in redis.xrange(keys.DEAD_CHUNKS)}  # type: ignore[misc]
    assert reasons == {b"this model does not know the language 'fi'", b"this model cannot translate"}
    assert bench.count("claimed_total") == 0, "another try would not help"


def test_a_job_that_no_model_here_can_do_fails_and_says_what_helps(redis: Redis) -> None:
    def check(language: str | None, task: Task) -> None:
        if task == "translate":
            raise Unsupported("this model cannot translate", "task")

    jobs = Jobs(redis)
    jobs.save(Job("1", 1.0, task="translate", state=State.RUNNING))
    jobs.save(Job("2", 2.0, task="translate", state=State.CANCELLED))
    for source in ("jobs/1", "jobs/2", "jobs/forgotten"):
        put(redis, *(dataclasses.replace(chunk, task="translate") for chunk in chunks(source, PCM)))
    Bench(redis, ScriptedEngine(check=check), batch_size=36).drain()
    why = "this model cannot translate; leave task out, or set MODEL to one that can"
    assert (jobs.get("1").state, jobs.get("1").error) == (State.FAILED, why)
    status = Statuses(redis).get(Kind.JOB, "1")
    assert (status.state, status.detail) == (State.FAILED, why)
    assert jobs.get("2").state is State.CANCELLED
    assert jobs.change("1", state=State.RUNNING).state is State.FAILED, "its decoder sees that it is over"


def test_a_live_source_that_asks_for_what_the_model_lacks_says_so_until_another_model_can(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    def check(language: str | None, task: Task) -> None:
        if language == "de":
            raise Unsupported(lack, "language")

    lack = "this model does not know the language 'de'; it knows en and sv"
    german = [dataclasses.replace(chunk, language="de") for chunk in chunks("microphones/1", PCM)]
    put(redis, *german[:4])
    Bench(redis, ScriptedEngine(check=check)).drain()
    why = f"{lack}; leave language out, or set MODEL to one that can"
    logged = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert logged == [f"no captions of microphones/1: {why}"]
    statuses = Statuses(redis)
    statuses.save(Status("microphones/1", State.RUNNING))
    assert statuses.get(Kind.MICROPHONE, "1").detail == f"no captions: {why}"

    put(redis, *german[4:])
    Bench(redis, ScriptedEngine()).drain()
    assert words(redis, "microphones/1")[-3:] == TEXTS[-3:]


def test_a_source_may_have_a_task_of_its_own(redis: Redis) -> None:
    put(redis, *chunks("jobs/1", PCM), *(dataclasses.replace(c, task="transcribe") for c in chunks("jobs/2", PCM)))
    Bench(redis, ScriptedEngine(), task="translate").drain()
    assert {caption.language for caption in shown(redis, "jobs/1")} == {"en"}
    assert {caption.language for caption in shown(redis, "jobs/2")} == {"sv"}


def test_captions_say_which_model_made_them(redis: Redis) -> None:
    put(redis, *chunks("jobs/1", PCM))
    Bench(redis, ScriptedEngine(title="lab/whisper-skånska@0123456789ab")).drain()
    assert {c.model for c in CaptionLog(redis).read("jobs/1")} == {"lab/whisper-skånska@0123456789ab"}


@pytest.mark.parametrize("remembers", [True, False])
def test_a_model_that_learnt_to_be_told_is_told_what_is_final(redis: Redis, remembers: bool) -> None:
    told: list[str] = []
    engine = ScriptedEngine(
        remembers=remembers, before=lambda utterances: told.extend(u.prompt.previous for u in utterances)
    )
    bench = Bench(redis, engine)
    for chunk in chunks("jobs/1", PCM):
        put(redis, chunk)
        bench.drain()
    assert words(redis, "jobs/1") == TEXTS
    if not remembers:
        assert set(told) == {""}
        return
    assert told[0] == ""
    for text, end in zip(told[2:], range(10, 60, 5), strict=False):
        said = text.split()
        assert said == TEXTS[TEXTS.index(said[0]) : TEXTS.index(said[-1]) + 1], "in order, none left out"
        assert WORDS[TEXTS.index(said[-1])][2] <= end, "nothing of what is to be heard"


def test_what_is_not_believed_is_counted_and_not_shown(redis: Redis) -> None:
    class Loops(ScriptedEngine):
        def transcribe(self, utterances: Sequence[Utterance]) -> list[Heard]:
            loop = Hypothesis((Word("tack", 1.0, 2.0),), "tack tack " * 40)
            return [Heard({"sv": loop, "en": loop}, {"sv": 0.6, "en": 0.4}) for _ in utterances]

    put(redis, *chunks("jobs/1", PCM))
    bench = Bench(redis, Loops()).drain()
    assert words(redis, "jobs/1") == []
    assert CaptionLog(redis).progress("jobs/1").finished
    assert bench.count("rejected_total", reason="compression") == 24, "in each of two languages"


def test_what_is_said_again_in_doubt_is_counted_and_shown_once(redis: Redis) -> None:
    class Thanks(ScriptedEngine):
        def transcribe(self, utterances: Sequence[Utterance]) -> list[Heard]:
            text = (Word("Hej", 2.0, 2.4), Word("då.", 2.4, 3.0))
            doubtful = Hypothesis(text, "Hej då.", "sv", mean_log_probability=-0.8, tokens=4)
            return [Heard({"sv": doubtful}) for _ in utterances]

    put(redis, *chunks("jobs/1", PCM))
    bench = Bench(redis, Thanks()).drain()
    assert words(redis, "jobs/1") == ["Hej", "då."]
    assert bench.count("rejected_total", reason="repeated") == 11


# --- load and trouble ------------------------------------------------------------------------------


def test_live_chunks_that_are_too_old_are_shed_and_uploads_never_are(redis: Redis) -> None:
    def aged(source: str) -> list[Chunk]:
        return [dataclasses.replace(c, captured_s=1000.0 + c.end_s) for c in chunks(source, PCM)]

    put(redis, *aged("stations/demo"), *aged("jobs/1"))
    bench = Bench(redis, ScriptedEngine(), clock=lambda: 1090.0, max_lag_s=60.0).drain()
    assert words(redis, "jobs/1") == TEXTS
    gaps = [c for c in shown(redis, "stations/demo") if c.content is Content.GAP]
    assert [(g.start_s, g.end_s, g.reason, g.final) for g in gaps] == [(0.0, 25.0, "shed", True)]
    assert words(redis, "stations/demo")[-1] == TEXTS[-1]
    assert bench.count("shed_seconds_total") == 25.0
    assert bench.count("chunks_total", outcome="shed") == 5
    latencies = bench.registry.get_sample_value("undertext_caption_commit_latency_seconds_count")
    assert latencies, "what is shed has a latency, too: somebody waited for it"


def test_a_worker_waits_while_redis_is_away(redis: Redis) -> None:
    class Away(ChunkQueue):
        def __init__(self, redis: Redis) -> None:
            super().__init__(redis, claim_after_s=0)
            self.refusals = 3

        def take(self, *arguments: object, **options: object) -> list[object]:  # type: ignore[override]
            if self.refusals:
                self.refusals -= 1
                raise ConnectionError("away")
            return super().take(*arguments, **options)  # type: ignore[arg-type,return-value]

    put(redis, *chunks("jobs/1", PCM))
    metrics = TranscriberMetrics(CollectorRegistry())
    transcriber: Transcriber

    def before(utterances: Sequence[Utterance]) -> None:
        transcriber.stop()

    transcriber = Transcriber(
        redis, "transcriber-0", lambda: ScriptedEngine(before), metrics, queue=Away(redis), batch_size=12
    )
    transcriber.run()
    assert words(redis, "jobs/1") == TEXTS


@contextlib.contextmanager
def lasting_redis(folder: Path, port: int) -> Iterator[str]:
    """A Redis that keeps everything on disk; killed, not stopped, in the end."""
    program = os.environ.get("TEST_REDIS_SERVER", "redis-server")
    options = ["--port", str(port), "--dir", str(folder), "--appendonly", "yes", "--appendfsync", "always"]
    server = subprocess.Popen([program, "--bind", "127.0.0.1", *options], stdout=subprocess.DEVNULL)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.kill()
        server.wait(timeout=10)


def answers(redis: Redis) -> bool:
    try:
        return bool(redis.ping())
    except ConnectionError:
        return False


def test_a_transcriber_outlives_its_redis(
    tmp_path: Path, free_port: Callable[[], int], wait_until: Callable[..., None]
) -> None:
    port = free_port()
    parts = chunks("stations/demo", PCM)
    with contextlib.ExitStack() as stack:
        with lasting_redis(tmp_path, port) as url:
            redis = connect(url)
            stack.callback(redis.close)
            wait_until(lambda: answers(redis), 20)
            put(redis, *parts[:6])
            worker = stack.enter_context(process(url, "--batch-size", "1"))
            log = CaptionLog(redis)
            wait_until(lambda: log.progress("stations/demo").next_seq >= 2, 30)
        with lasting_redis(tmp_path, port):
            wait_until(lambda: answers(redis), 20)
            put(redis, *parts[6:])
            wait_until(lambda: log.progress("stations/demo").next_seq == 12, 30)
            assert worker.poll() is None
            assert words(redis, "stations/demo") == TEXTS


def test_captions_are_kept_as_long_as_was_asked_for(redis: Redis) -> None:
    put(redis, *chunks("jobs/1", PCM))
    Bench(redis, ScriptedEngine(), retention_s=1000).drain()
    assert 0 < redis.ttl(keys.captions("jobs/1")) <= 1000


def test_chunks_taken_after_the_order_to_stop_are_handed_back(redis: Redis) -> None:
    put(redis, *chunks("jobs/1", PCM))
    engine = ScriptedEngine()
    stopped = Bench(redis, engine, claim_after_s=60.0)
    stopped.transcriber.stop()
    stopped.transcriber.step(block_s=0)
    assert engine.batches == []
    Bench(redis, ScriptedEngine(), "transcriber-1", claim_after_s=60.0).drain()
    assert words(redis, "jobs/1") == TEXTS
