"""Limits for clips, and the list of dropped clips."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from api.text.formats import document
from tests.recordings import cut_short, record, voice, write_list
from trainer.corpus.cleaning import spoken_length
from trainer.corpus.drops import DROPPED_NAME, Dropped, Limits, Reason, level_dbfs
from trainer.corpus.prepare import Plan, prepare
from trainer.corpus.sources.candidate import Source
from wire.messages import Caption

LIMITS = Limits()


def pcm(seconds: float, gain: float = 1.0) -> np.ndarray:
    return np.rint(voice(seconds) * gain * 32767).astype(np.int16)


@pytest.mark.parametrize(
    ("audio", "reason"),
    [
        (pcm(0), Reason.EMPTY),
        (pcm(0.05), Reason.TOO_SHORT),
        (pcm(30), None),
        (pcm(30.01), Reason.TOO_LONG),
        (np.zeros(16_000, np.int16), Reason.SILENT),
        (np.ones(16_000, np.int16), Reason.SILENT),  # dither
        (pcm(1, gain=0.002), None),  # -67 dBFS, as in FLEURS
    ],
)
def test_audio_beyond_the_limits_is_rejected(audio: np.ndarray, reason: Reason | None) -> None:
    assert LIMITS.of_audio(audio) is reason


@pytest.mark.parametrize(
    ("text", "duration_s", "reason"),
    [
        ("seven", 0.15, None),  # a digit, cut tightly
        ("ja", 5.0, None),  # a word in a clip of Common Voice
        ("ja", 15.0, Reason.TOO_LITTLE_TEXT),
        ("En ganska vanlig mening med nio ord i sig.", 3.0, None),
        ("En ganska vanlig mening med nio ord i sig.", 0.5, Reason.TOO_MUCH_TEXT),
        ("En ganska vanlig mening med nio ord i sig.", 29.0, None),
        ("今日はとても良い天気ですね", 2.0, None),
        ("今日はとても良い天気ですね", 0.5, Reason.TOO_MUCH_TEXT),
    ],
)
def test_an_impossible_pace_is_rejected(text: str, duration_s: float, reason: Reason | None) -> None:
    assert LIMITS.of_pace(spoken_length(text), duration_s) is reason


@given(st.floats(0, 10_000), st.floats(0, 10_000))
def test_audio_is_truncated_only_if_it_is_shorter_than_declared(duration_s: float, declared_s: float) -> None:
    reason = LIMITS.of_length(duration_s, declared_s)
    if duration_s >= declared_s - 0.2:
        assert reason is None
    if duration_s < 0.9 * declared_s - 0.2:
        assert reason is Reason.TRUNCATED


def test_the_level_of_a_full_square_wave_is_0_dbfs() -> None:
    assert level_dbfs(np.full(10, -32768, np.int16)) == 0
    assert level_dbfs(np.zeros(10, np.int16)) == -np.inf


def test_the_list_of_dropped_clips_is_resumed(tmp_path: Path) -> None:
    with Dropped(tmp_path) as dropped:
        dropped.add("a\u2028å", Reason.MISSING)
        dropped.add("b", Reason.DUPLICATE, "a")
    with (tmp_path / DROPPED_NAME).open("ab") as file:
        file.write(b'{"id": "half a li')
    with Dropped(tmp_path) as dropped:
        assert dropped.reasons.keys() == {"a\u2028å", "b"}
        assert dropped.counts == {Reason.MISSING: 1, Reason.DUPLICATE: 1}
        dropped.add("c", Reason.MISSING)
    assert (tmp_path / DROPPED_NAME).read_bytes().count(b"\n") == 3


def every_reason(folder: Path) -> list[Source]:
    """Create sources with a clip to drop for every reason."""
    clips = folder / "cv" / "clips"
    text = "En helt vanlig mening på svenska"
    rows: list[dict[str, object]] = []

    def row(name: str, sentence: str = "", speaker: str = "a", **more: object) -> None:
        sentence = sentence or f"{text} {len(rows)}"
        rows.append({"client_id": speaker, "path": name, "sentence": sentence, "locale": "sv-SE", **more})

    for number in range(30):
        record(clips / f"good{number}.mp3", 3, seed=number)
        row(f"good{number}.mp3")
    row("good0.mp3")
    row("tab.mp3", "En tabb\ti meningen", up_votes=0, down_votes=0, age=2)
    row("missing.mp3")
    row("no_text.mp3", " ")
    row("marks.mp3", "… !")
    row("russian.mp3", "Съешь ещё этих мягких булок")
    row("down.mp3", up_votes=1, down_votes=2)
    record(clips / "once.mp3", 3, seed=50)
    row("once.mp3", text, speaker="c")
    record(clips / "twice.mp3", 3, seed=51)
    row("twice.mp3", text, speaker="c")
    (clips / "garbage.mp3").write_bytes(b"garbage" * 99)
    row("garbage.mp3")
    soundfile.write(clips / "empty.wav", np.zeros(0), 16_000)
    row("empty.wav")
    record(clips / "cut.wav", 3, seed=60)
    cut_short(clips / "cut.wav")
    row("cut.wav")
    record(clips / "short.wav", 0.05)
    row("short.wav", "a")
    record(clips / "long.flac", 31)
    row("long.flac")
    soundfile.write(clips / "silent.wav", np.zeros(32_000), 16_000)
    row("silent.wav")
    record(clips / "fast.wav", 0.5, seed=61)
    row("fast.wav", text * 3)
    record(clips / "slow.wav", 25, seed=62)
    row("slow.wav", "Ja")
    (clips / "again.mp3").write_bytes((clips / "good0.mp3").read_bytes())
    row("again.mp3")
    write_list(folder / "cv" / "train.tsv", rows)
    record(clips / "tested.mp3", 3, seed=70)
    row("tested.mp3", speaker="b")
    write_list(folder / "cv" / "test.tsv", rows[-1:])
    row("leftover.mp3", speaker="b")
    write_list(folder / "cv" / "validated.tsv", rows)
    record(folder / "talks" / "talk.wav", 3, seed=80)
    (folder / "talks" / "talk.srt").write_bytes(b"no subtitle")
    record(folder / "talks" / "song.wav", 3, seed=82)
    (folder / "talks" / "song.srt").write_text("1\n00:00:00,000 --> 00:00:03,000\n♪ La la ♪\n")
    record(folder / "heard" / "talk.wav", 3, seed=81)
    heard = Caption("jobs/a", 1, 1, 0.0, 3.0, text, True, "sv", model="demo/model@44")
    (folder / "heard" / "talk.json").write_text(document([heard], {"source": "jobs/a"}))
    return [
        Source(str(folder / "cv"), name="cv"),
        Source(str(folder / "talks"), language="sv"),
        Source(str(folder / "heard"), language="sv", corrected="only"),
    ]


def test_every_dropped_clip_is_counted_with_its_reason(tmp_path: Path) -> None:
    sources = tuple(every_reason(tmp_path))
    prepared = prepare(Plan(sources, tmp_path / "out", max_readings=1, processes=1, progress=False))
    lines = [json.loads(line) for line in (tmp_path / "out" / DROPPED_NAME).read_text().splitlines()]
    assert {line["id"].removeprefix("cv/"): line["reason"] for line in lines} == {
        "good0 (row 32)": "listed twice",
        "tab": "damaged row",
        "missing": "missing file",
        "no_text": "no text",
        "marks": "only punctuation",
        "russian": "wrong script",
        "down": "more down than up votes",
        "twice": "said too often by its speaker",
        "garbage": "unreadable audio",
        "empty": "empty audio",
        "cut": "truncated audio",
        "short": "too short",
        "long": "too long",
        "silent": "silent audio",
        "fast": "text too long for its audio",
        "slow": "text too short for its audio",
        "again": "same audio as another clip",
        "leftover": "of a speaker in dev or test",
        "talks/talk.wav": "unreadable text",
        "talks/song.wav#0.000-3.000": "subtitle without spoken words",
        "heard/talk.wav#0.000-3.000": "not corrected",
    }
    assert next(line for line in lines if line["id"] == "cv/tab")["detail"] == "11 fields, not 10"
    assert prepared.dropped == Counter(Reason(line["reason"]) for line in lines)
    assert set(prepared.dropped) == set(Reason), "a reason has no test"
    assert {clip.id for clip in prepared.corpus.clips} == {
        *(f"cv/good{number}" for number in range(30)),
        "cv/once",
        "cv/tested",
    }
