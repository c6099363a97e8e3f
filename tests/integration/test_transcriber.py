"""Chunks in a real Redis become captions: complete, in order, and with the engine's text."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import pytest

from tests.fakes import ScriptedEngine, chunks
from tests.integration.bench import Bench, drain_at_once, put, shown, words
from tests.integration.minute import PCM, TEXTS, WORDS
from transcriber.engine import Hypothesis, Recognition, Utterance
from wire import keys
from wire.bus import Redis
from wire.captions import CaptionLog
from wire.chunk import Chunk
from wire.messages import Content, Word


def test_upload_is_captioned_completely(redis: Redis) -> None:
    put(redis, *chunks("jobs/1", PCM))
    bench = Bench(redis, ScriptedEngine()).drain()
    assert words(redis, "jobs/1") == TEXTS
    assert all(caption.final for caption in CaptionLog(redis).read("jobs/1"))
    assert CaptionLog(redis).progress("jobs/1").finished
    assert not any(load.length for load in bench.queue.load())
    assert bench.count("chunks_total", outcome="transcribed") == 12
    assert bench.count("audio_seconds_total", kind="jobs") == 60.0
    assert bench.count("batch_chunks_count") == 2


def test_three_workers_at_once_give_the_captions_of_one(redis: Redis, redis_url: str) -> None:
    sources = ("stations/one", "stations/two", "jobs/1")
    for source in sources:
        put(redis, *chunks(source, PCM))
    drain_at_once(redis_url, ScriptedEngine(), 3)
    for source in sources:
        assert words(redis, source) == TEXTS
        assert [c.event for c in CaptionLog(redis).read(source)] == list(
            range(1, len(CaptionLog(redis).read(source)) + 1)
        )


def test_batches_span_sources_with_live_ones_first(redis: Redis) -> None:
    put(redis, *chunks("jobs/1", PCM)[:4], *chunks("stations/a", PCM)[:2], *chunks("stations/b", PCM)[:2])
    engine = ScriptedEngine()
    bench = Bench(redis, engine, batch_size=5)
    assert bench.transcriber.step(block_s=0) == 5
    assert engine.batches == [5]
    log = CaptionLog(redis)
    assert [log.progress(f"stations/{id}").next_seq for id in "ab"] == [2, 2]
    assert log.progress("jobs/1").next_seq == 1


def test_silence_is_not_decoded(redis: Redis) -> None:
    first, second, third = chunks("stations/demo", PCM)[:3]
    second = dataclasses.replace(second, pcm=b"", lead_samples=0, content=Content.SILENCE)
    put(redis, first, second, third)
    engine = ScriptedEngine()
    Bench(redis, engine).drain()
    assert engine.batches == [2]
    assert CaptionLog(redis).progress("stations/demo").until_s == 15.0


def test_a_source_may_have_a_task_of_its_own(redis: Redis) -> None:
    put(redis, *chunks("jobs/1", PCM), *(dataclasses.replace(c, task="transcribe") for c in chunks("jobs/2", PCM)))
    Bench(redis, ScriptedEngine(), task="translate").drain()
    assert {caption.language for caption in shown(redis, "jobs/1")} == {"en"}
    assert {caption.language for caption in shown(redis, "jobs/2")} == {"sv"}


def test_captions_say_which_model_made_them(redis: Redis) -> None:
    put(redis, *chunks("jobs/1", PCM))
    Bench(redis, ScriptedEngine(title="lab/whisper-skånska@0123456789ab")).drain()
    assert {c.model for c in CaptionLog(redis).read("jobs/1")} == {"lab/whisper-skånska@0123456789ab"}


def previous_texts(redis: Redis, *, uses_prompts: bool, after: Callable[[], object] = lambda: None) -> list[str]:
    """The previous text that a model gets with each chunk of a job; `after` is called after each."""
    told: list[str] = []
    engine = ScriptedEngine(
        uses_prompts=uses_prompts, before=lambda utterances: told.extend(u.prompt.previous for u in utterances)
    )
    bench = Bench(redis, engine)
    for chunk in chunks("jobs/1", PCM):
        put(redis, chunk)
        bench.drain()
        after()
    return told


@pytest.mark.parametrize("uses_prompts", [True, False])
def test_model_trained_with_prompts_gets_final_text(redis: Redis, uses_prompts: bool) -> None:
    told = previous_texts(redis, uses_prompts=uses_prompts)
    assert words(redis, "jobs/1") == TEXTS
    if not uses_prompts:
        assert set(told) == {""}
        return
    assert told[0] == ""
    for text, end in zip(told[2:], range(10, 60, 5), strict=False):
        said = text.split()
        assert said == TEXTS[TEXTS.index(said[0]) : TEXTS.index(said[-1]) + 1], "previous text is contiguous"
        assert WORDS[TEXTS.index(said[-1])][2] <= end, "previous text has no words of the chunk itself"


def test_newly_corrected_old_caption_is_not_previous_text(redis: Redis) -> None:
    captions = CaptionLog(redis)

    def correct() -> None:
        if captions.progress("jobs/1").until_s > 10:
            captions.revise("jobs/1", 1, lambda caption: dataclasses.replace(caption, text="Corrected."))

    told = previous_texts(redis, uses_prompts=True, after=correct)
    assert told[-1].split()[-1] in TEXTS
    assert "Corrected." not in told[-1]


def test_rejected_text_is_counted_and_not_shown(redis: Redis) -> None:
    class Loops(ScriptedEngine):
        def transcribe(self, utterances: Sequence[Utterance]) -> list[Recognition]:
            loop = Hypothesis((Word("tack", 1.0, 2.0),), "tack tack " * 40)
            return [Recognition({"sv": loop, "en": loop}, {"sv": 0.6, "en": 0.4}) for _ in utterances]

    put(redis, *chunks("jobs/1", PCM))
    bench = Bench(redis, Loops()).drain()
    assert words(redis, "jobs/1") == []
    assert CaptionLog(redis).progress("jobs/1").finished
    assert bench.count("rejected_total", reason="compression") == 12, "once for either language"
    assert CaptionLog(redis).progress("jobs/1").rejected == ("compression",)


def test_doubtful_repetition_is_counted_and_shown_once(redis: Redis) -> None:
    class Thanks(ScriptedEngine):
        def transcribe(self, utterances: Sequence[Utterance]) -> list[Recognition]:
            text = (Word("Hej", 2.0, 2.4), Word("då.", 2.4, 3.0))
            doubtful = Hypothesis(text, "Hej då.", "sv", mean_log_probability=-0.8, tokens=4)
            return [Recognition({"sv": doubtful}) for _ in utterances]

    put(redis, *chunks("jobs/1", PCM))
    bench = Bench(redis, Thanks()).drain()
    assert words(redis, "jobs/1") == ["Hej", "då."]
    assert bench.count("rejected_total", reason="repeated") == 11


def test_live_chunks_that_are_too_old_are_shed_and_uploads_never_are(redis: Redis) -> None:
    def aged(source: str) -> list[Chunk]:
        return [dataclasses.replace(c, captured_s=1000.0 + c.end_s) for c in chunks(source, PCM)]

    put(redis, *aged("stations/demo"), *aged("jobs/1"))
    bench = Bench(redis, ScriptedEngine(), clock=lambda: 1090.0, live_max_lag_s=60.0).drain()
    assert words(redis, "jobs/1") == TEXTS
    gaps = [c for c in shown(redis, "stations/demo") if c.content is Content.GAP]
    assert [(g.start_s, g.reason, g.final) for g in gaps] == [(0.0, "shed", True)]
    assert 23.5 < gaps[0].end_s <= 25.0, "the next window repeats the rest"
    assert words(redis, "stations/demo")[-1] == TEXTS[-1]
    assert bench.count("shed_seconds_total") == 25.0
    assert bench.count("chunks_total", outcome="shed") == 5
    latencies = bench.registry.get_sample_value("undertext_caption_commit_latency_seconds_count")
    assert latencies, "shed chunks have a latency, too"


def test_captions_are_kept_for_the_retention_time(redis: Redis) -> None:
    put(redis, *chunks("jobs/1", PCM))
    Bench(redis, ScriptedEngine(), retention_s=1000).drain()
    assert 0 < redis.ttl(keys.captions("jobs/1")) <= 1000


def test_every_live_chunk_of_a_batch_has_a_latency(redis: Redis) -> None:
    put(redis, *(dataclasses.replace(c, captured_s=1000.0 + c.end_s) for c in chunks("stations/demo", PCM)))
    bench = Bench(redis, ScriptedEngine(), clock=lambda: 1065.0, batch_size=12).drain()
    name = "undertext_caption_commit_latency_seconds"
    assert bench.registry.get_sample_value(f"{name}_count") == 12
    assert bench.registry.get_sample_value(f"{name}_sum") == sum(range(5, 65, 5))


def test_captions_are_committed_at_the_time_of_the_shared_clock(redis: Redis) -> None:
    put(redis, *chunks("jobs/1", PCM))
    Bench(redis, ScriptedEngine(), clock=lambda: 1065.0).drain()
    assert {caption.committed_s for caption in shown(redis, "jobs/1")} == {1065.0}
