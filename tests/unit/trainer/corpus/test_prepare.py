"""From sources to a corpus: what is kept, what is dropped and why, and what a kill leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.conftest import ROOT
from tests.recordings import convert, cut_short, record, release, voice, write_csv, write_list
from trainer.corpus.clips import AUDIO_NAME, CLIPS_NAME, CORPUS_NAME, SPLITS
from trainer.corpus.decode import decode
from trainer.corpus.drops import DROPPED_NAME, Reason
from trainer.corpus.prepare import Plan, prepare, start_again
from trainer.corpus.sources.candidate import Source
from trainer.errors import PlanError, SourceError


def plan(out: Path, *paths: Path, **about: object) -> Plan:
    given = {"processes": 1, "progress": False, **about}
    return Plan(tuple(Source(str(path)) for path in paths), out, **given)  # type: ignore[arg-type]


def content(folder: Path) -> dict[str, bytes]:
    """What a corpus consists of, byte by byte."""
    files = [folder / CLIPS_NAME, folder / CORPUS_NAME, folder / DROPPED_NAME, *sorted((folder / AUDIO_NAME).iterdir())]
    return {file.name: file.read_bytes() for file in files}


def test_a_release_becomes_a_corpus(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv" / "sv-SE")
    prepared = prepare(plan(tmp_path / "out", folder))
    corpus = prepared.corpus
    assert not prepared.dropped
    assert {split: len(corpus.split(split)) for split in SPLITS} == {"train": 12, "dev": 3, "test": 3}
    clip = next(clip for clip in corpus.clips if clip.id == "cv/sv-SE/common_voice_sv-SE_1_2")
    assert (clip.text, clip.language, clip.gender) == ("Mening nummer 2 på svenska.", "sv", "female")
    assert clip.accent == "Skånska, lundensiska|Övrigt"
    expected = decode(folder / "clips" / "common_voice_sv-SE_1_2.mp3").samples
    np.testing.assert_array_equal(corpus.samples(clip), expected)
    assert corpus.about["splits"]["train"]["clips"] == 12
    assert prepared.hours_per_minute > 0
    assert prepared.heard_s == pytest.approx(18 * 1.1, rel=0.02)


def every_reason(folder: Path) -> list[Source]:
    """Sources in which there is something to drop for each reason that there is."""
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
    return [Source(str(folder / "cv"), name="cv"), Source(str(folder / "talks"), language="sv")]


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
    }
    assert next(line for line in lines if line["id"] == "cv/tab")["detail"] == "11 fields, not 10"
    assert prepared.dropped == Counter(Reason(line["reason"]) for line in lines)
    assert set(prepared.dropped) == set(Reason), "a reason has no test"
    assert {clip.id for clip in prepared.corpus.clips} == {
        *(f"cv/good{number}" for number in range(30)),
        "cv/once",
        "cv/tested",
    }


def test_the_corpus_does_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv", speakers=12, clips=12)
    for processes in (1, 3):
        prepare(plan(tmp_path / str(processes), folder, processes=processes))
    assert content(tmp_path / "1") == content(tmp_path / "3")


KILLED = """
import os, signal, sys
from pathlib import Path
from trainer.corpus.clips import Writer
from trainer.corpus.prepare import Plan, prepare
from trainer.corpus.sources.candidate import Source

add = Writer.add

def add_and_die(self, *words, **about):
    clip = add(self, *words, **about)
    if len(self.written) == 30:
        print(*children(os.getpid()), flush=True)
        self._lines.write(b'{"id": "half a li')
        self._lines.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    return clip

def children(pid):
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield child
        yield from children(child)

Writer.add = add_and_die
if __name__ == "__main__":
    prepare(Plan((Source(sys.argv[1]),), Path(sys.argv[2]), processes=2))
"""


def alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_killed_run_leaves_no_process_and_goes_on_to_the_same_corpus(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv", speakers=12, clips=12)
    (folder / "clips" / "common_voice_sv-SE_0_0.mp3").unlink()
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, script, folder, tmp_path / "killed"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    children = done.stdout.split()
    assert len(children) >= 2
    deadline_s = time.monotonic() + 30
    while any(alive(pid) for pid in children):
        assert time.monotonic() < deadline_s, "processes outlive their parent"
        time.sleep(0.05)
    assert not (tmp_path / "killed" / CORPUS_NAME).exists()
    resumed = prepare(plan(tmp_path / "killed", folder, processes=2))
    unbroken = prepare(plan(tmp_path / "unbroken", folder))
    assert content(tmp_path / "killed") == content(tmp_path / "unbroken")
    assert resumed.dropped == unbroken.dropped == {Reason.MISSING: 1}
    assert len(resumed.corpus.clips) == 143
    assert resumed.heard_s < unbroken.heard_s


def test_a_finished_corpus_has_nothing_left_to_do(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv", clips=1)
    prepare(plan(tmp_path / "out", folder))
    before = content(tmp_path / "out")
    again = prepare(plan(tmp_path / "out", folder))
    assert (again.heard_s, again.hours_per_minute) == (0, 0)
    assert content(tmp_path / "out") == before


def test_another_plan_does_not_go_on_with_it(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv", clips=1)
    prepare(plan(tmp_path / "out", folder))
    with pytest.raises(PlanError, match="--again"):
        prepare(plan(tmp_path / "out", folder, text="keep"))
    (tmp_path / "out" / "mine.txt").write_text("stays")
    start_again(tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]
    prepare(plan(tmp_path / "out", folder, text="keep"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / CLIPS_NAME).touch()
    with pytest.raises(PlanError, match="did not make"):
        prepare(plan(tmp_path / "other", folder))


def test_weights_may_change_and_are_kept_for_the_sampler(tmp_path: Path) -> None:
    first = plan(tmp_path / "out", release(tmp_path / "cv", clips=1))
    prepare(first)
    weighted = replace(first, sources=(replace(first.sources[0], weight=3.0),))
    assert prepare(weighted).corpus.about["sources"][0]["weight"] == 3


def test_of_the_same_audio_in_two_splits_the_tested_one_stays(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv", clips=2)
    trained, tested = (folder / "clips" / f"common_voice_sv-SE_{speaker}_0.mp3" for speaker in (0, 5))
    trained.write_bytes(tested.read_bytes())
    prepared = prepare(plan(tmp_path / "out", folder))
    assert prepared.dropped == {Reason.DUPLICATE: 1}
    assert next(clip for clip in prepared.corpus.clips if clip.id.endswith("_5_0")).split == "test"


def test_the_fingerprint_knows_texts_and_samples(tmp_path: Path) -> None:
    prints = set()
    for seed, text in ((0, "hej"), (1, "hej"), (0, "Hej")):
        folder = tmp_path / f"{seed}{text}"
        record(folder / "m" / "a.wav", seed=seed)
        (folder / "m" / "a.txt").write_text(text)
        prints.add(prepare(plan(folder / "out", folder / "m", language="sv")).corpus.about["fingerprint"])
    assert len(prints) == 3


def test_several_sources_languages_and_no_speech_at_once(tmp_path: Path) -> None:
    release(tmp_path / "cv" / "sv-SE", clips=1)
    record(tmp_path / "talks" / "a.flac", 40, rate=44_100, channels=2)
    cues = "WEBVTT\n\n00:00.000 --> 00:20.000\nDas ist ein recht langer Satz, den jemand sehr langsam spricht.\n\n"
    (tmp_path / "talks" / "a.vtt").write_text(cues + "00:20.000 --> 00:39.000\nNoch ein langer Satz, ebenso langsam.\n")
    (tmp_path / "music.d").mkdir()
    convert(record(tmp_path / "x.wav", 40, seed=3), tmp_path / "music.d" / "m.m4a")
    soundfile.write(tmp_path / "music.d" / "silence.wav", np.zeros(16_000), 16_000)
    rows = [{"path": str(tmp_path / "x.wav"), "text": "नमस्ते दुनिया", "language": "hi", "start_s": 1, "end_s": 3}]
    sources = (
        Source(str(tmp_path / "cv" / "sv-SE"), weight=2),
        Source(str(tmp_path / "talks"), language="de"),
        Source(str(tmp_path / "music.d"), speech=False),
        Source(str(write_csv(tmp_path / "list.csv", rows))),
    )
    corpus = prepare(Plan(sources, tmp_path / "out", processes=1, progress=False)).corpus
    assert Counter(clip.language for clip in corpus.clips if clip.text) == {"sv": 6, "de": 2, "hi": 1}
    first, second = (clip for clip in corpus.clips if clip.language == "de")
    assert second.previous == first.text
    assert second.segments == ((0.0, 19.0, second.text),)
    assert second.duration_s == 19
    nobody = [clip for clip in corpus.clips if not clip.text]
    assert sorted(clip.duration_s for clip in nobody) == pytest.approx([1, 20, 20], abs=0.1)
    assert {clip.language for clip in nobody} == {"sv"}
    part = next(clip for clip in corpus.clips if clip.language == "hi")
    np.testing.assert_allclose(corpus.audio(part), voice(40, 3)[16_000:48_000], atol=2 / 32768)
    assert [source["weight"] for source in corpus.about["sources"]] == [2, 1, 1, 1]


def test_a_language_that_nobody_says_is_asked_for(tmp_path: Path) -> None:
    record(tmp_path / "talks" / "a.wav")
    (tmp_path / "talks" / "a.txt").write_text("hej")
    with pytest.raises(SourceError, match="--language"):
        prepare(plan(tmp_path / "out", tmp_path / "talks"))
    assert prepare(plan(tmp_path / "out", tmp_path / "talks", language="sv-SE")).corpus.clips[0].language == "sv"


def test_a_source_without_clips_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="offers no clips"):
        prepare(plan(tmp_path / "out", tmp_path / "empty"))


def test_text_is_cleaned_or_kept(tmp_path: Path) -> None:
    record(tmp_path / "t" / "a.wav")
    (tmp_path / "t" / "a.txt").write_text(" ”Ha\u030a”  \n")
    for text, written in (("clean", '"Hå"'), ("keep", "”Ha\u030a”")):
        corpus = prepare(plan(tmp_path / text, tmp_path / "t", language="sv", text=text)).corpus
        assert corpus.clips[0].text == written


def test_digits_of_six_real_voices(tmp_path: Path) -> None:
    folder = os.environ.get("UNDERTEXT_SPEECH")
    if not folder:
        pytest.skip("UNDERTEXT_SPEECH does not name a folder of speech")
    source = Path(folder) / "digits-common-voice" / "en"
    kept = prepare(plan(tmp_path / "release", source, splits="release", processes=2)).corpus
    assert {split: len(kept.split(split)) for split in SPLITS} == {"train": 2520, "dev": 180, "test": 300}
    apart = prepare(plan(tmp_path / "disjoint", source, processes=2)).corpus
    speakers = [{clip.speaker for clip in apart.split(split)} for split in SPLITS]
    assert sum(map(len, speakers)) == len(set.union(*speakers)) == 6
