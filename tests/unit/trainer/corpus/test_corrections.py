"""Corrected captions are counted, and uncorrected ones are reported."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from api.text.formats import document
from tests.recordings import record
from tests.unit.trainer.corpus.plans import offered, plan_of
from trainer.corpus.clips import CLIPS_NAME, CORPUS_NAME, SPLITS, Clip
from trainer.corpus.corrections import agreement, join_names, model_of, writers_of
from trainer.corpus.drops import Reason
from trainer.corpus.prepare import Prepared, prepare
from trainer.corpus.sources.candidate import Source
from trainer.corpus.sources.cues import PERSON
from trainer.errors import SourceError
from trainer.reports.corpus import notes, write_report
from wire.messages import Caption

MODEL = "demo/model@44"


def caption(id: int, corrected: bool = False, text: str = "") -> Caption:
    start_s = 3.0 * (id - 1)
    text = text or f"Mening nummer {id}."
    return Caption("jobs/a", id, 1, start_s, start_s + 2.9, text, True, "sv", model=MODEL, corrected=corrected)


#: Eight captions: the second and third are corrected, and the fifth was removed.
SAID = [replace(caption(id, corrected=id in (2, 3, 5)), **({"text": ""} if id == 5 else {})) for id in range(1, 9)]


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    record(tmp_path / "talks" / "talk.wav", 24)
    (tmp_path / "talks" / "talk.json").write_text(document(SAID, {"source": "jobs/a", "state": "finished"}))
    return tmp_path / "talks"


def prepared(talks: Path, **about: object) -> Prepared:
    source = Source(**{"path": str(talks), **about})  # type: ignore[arg-type]
    return prepare(replace(plan_of(talks.parent / "out"), sources=(source,)), again=True)


def test_corrected_captions_are_counted_and_reported(talks: Path) -> None:
    corpus = prepared(talks).corpus
    assert corpus.about["sources"][0]["captions"] == {"corrected": 2, "written_by": {MODEL: 5}}
    told = f"talks: 2 of 7 captions were corrected; {MODEL} wrote the others. Unless someone has checked them"
    assert [note.startswith(told) for note in notes(corpus)].count(True) == 1
    assert told in write_report(corpus, {}).read_text(encoding="utf-8")
    assert [clip.written_by for clip in corpus.clips] == ["", MODEL], "two of four were corrected, and none of three"


def test_only_corrected_captions_are_used_on_request(talks: Path) -> None:
    found = prepared(talks, corrected="only")
    assert [clip.text for clip in found.corpus.clips] == ["Mening nummer 2. Mening nummer 3."]
    assert [clip.previous for clip in found.corpus.clips] == ["Mening nummer 1."]
    assert found.dropped == {Reason.NOT_CORRECTED: 5}
    dropped = [json.loads(line) for line in (talks.parent / "out" / "dropped.jsonl").read_text().splitlines()]
    assert dropped[0] == {"id": "talks/talk.wav#0.000-2.950", "reason": "not corrected", "detail": "Mening nummer 1."}
    assert found.corpus.about["sources"][0]["captions"] == {"corrected": 2, "written_by": {}}
    assert not any("were corrected" in note for note in notes(found.corpus))
    assert [clip.written_by for clip in found.corpus.clips] == [""]


def test_splits_are_made_from_used_clips_only(tmp_path: Path) -> None:
    record(tmp_path / "talks" / "talk.wav", 120)
    captions = [caption(id, corrected=id % 8 == 1) for id in range(1, 41)]
    (tmp_path / "talks" / "talk.json").write_text(document(captions, {"source": "jobs/a"}))
    plan = plan_of(tmp_path / "out", splits="clip")
    found = prepare(replace(plan, sources=(Source(str(tmp_path / "talks"), corrected="only"),)))
    assert [len(found.corpus.split(split)) for split in SPLITS] == [3, 1, 1]


def test_captions_without_writers_are_not_counted_and_not_taken_as_corrected(talks: Path) -> None:
    values = json.loads((talks / "talk.json").read_text())
    for caption in values["captions"]:
        del caption["corrected"], caption["model"]
    (talks / "talk.json").write_text(json.dumps(values))
    corpus = prepared(talks).corpus
    assert corpus.clips
    assert "captions" not in corpus.about["sources"][0]
    assert not any("were corrected" in note for note in notes(corpus))
    assert not any(clip.written_by for clip in corpus.clips)
    record(talks / "other.wav", 2)
    (talks / "other.txt").write_text("Hej")
    found = prepared(talks, corrected="only", language="sv")
    assert found.dropped == {Reason.NOT_CORRECTED: 7}
    assert [clip.text for clip in found.corpus.clips] == ["Hej"]


def test_other_transcripts_are_used_with_corrected_only(talks: Path) -> None:
    cue = "00:00:00{0}000 --> 00:00:01{0}900\nHej {1}\n"
    texts = {"vtt": "WEBVTT\n\n" + cue.format(".", "vtt"), "srt": "1\n" + cue.format(",", "srt"), "txt": "Hej txt"}
    for seed, (name, text) in enumerate(texts.items(), 1):
        record(talks / f"{name}.wav", 2, seed=seed)
        (talks / f"{name}.{name}").write_text(text)
    found = prepared(talks, corrected="only", language="sv")
    assert [clip.text for clip in found.corpus.clips] == [
        *("Hej srt", "Mening nummer 2. Mening nummer 3.", "Hej txt", "Hej vtt"),
    ]
    assert found.dropped == {Reason.NOT_CORRECTED: 5}


def test_corrected_only_needs_captions_as_json(tmp_path: Path) -> None:
    record(tmp_path / "talks" / "a.wav", 2)
    (tmp_path / "talks" / "a.txt").write_text("Hej")
    (tmp_path / "talks" / "a.json").write_text('{"title": "what a downloader wrote"}')
    (tmp_path / "list.csv").write_text("path,text\ntalks/a.wav,Hej\n")
    (tmp_path / "release" / "clips").mkdir(parents=True)
    (tmp_path / "release" / "train.tsv").write_text("path\tsentence\na.mp3\tHej\n")
    for source in ("talks", "list.csv", "release", "someone/data"):
        with pytest.raises(
            SourceError, match=f"corrected=only after .*{source} needs captions as JSON, and it has none"
        ):
            prepared(
                tmp_path / "talks",
                path=source if source == "someone/data" else str(tmp_path / source),
                corrected="only",
                language="sv",
            )


def test_an_unnamed_model_still_counts_as_a_model(talks: Path) -> None:
    (talks / "talk.json").write_text(document([replace(caption(1), model="")], {"source": "jobs/a"}))
    assert [clip.caption_writers for clip in offered(talks)] == [("a model",)]


def test_a_plan_without_the_corrected_option_can_be_resumed(talks: Path) -> None:
    plan = plan_of(talks.parent / "out", talks)
    assert "corrected" not in plan.document()["sources"][0]
    only = replace(plan, sources=(Source(str(talks), corrected="only"),))
    assert only.document()["sources"][0]["corrected"] == "only"


def test_other_transcripts_are_not_attributed_to_a_model(tmp_path: Path) -> None:
    record(tmp_path / "talks" / "a.wav", 30)
    captions = [caption(id, corrected=id > 7) for id in range(1, 11)]
    (tmp_path / "talks" / "a.json").write_text(document(captions, {"source": "jobs/a"}))
    for number in range(30):
        record(tmp_path / "talks" / f"talk{number}.wav", 2, seed=number + 1)
        (tmp_path / "talks" / f"talk{number}.txt").write_text(f"Sagt {number}")
    corpus = prepared(tmp_path / "talks", language="sv").corpus
    assert corpus.about["sources"][0]["captions"] == {"corrected": 3, "written_by": {MODEL: 7}}
    assert [clip.text for clip in corpus.clips if clip.written_by == MODEL] == [" ".join(c.text for c in captions)]
    assert len(corpus.clips) == 31
    assert all(corpus.split(split) for split in SPLITS)
    assert [writers_of(corpus.split(split)) for split in SPLITS] == [[], [], []]
    assert (tmp_path / "out" / CLIPS_NAME).read_text().count("written_by") == 1, "of people's clips nothing is said"


def test_writers_of_a_split_are_those_of_most_clips() -> None:
    mine, other, people, silence = (
        Clip(str(number), 0, 0, 1, text, "sv", "test", written_by=model)
        for number, (text, model) in enumerate([("a", MODEL), ("b", "other"), ("c", ""), ("", "")])
    )
    assert writers_of([mine, mine, other, people]) == [MODEL, "other"]
    assert writers_of([mine, people]) == []
    assert writers_of([mine, silence]) == [MODEL], "where nobody speaks there is no text"
    assert writers_of([]) == []


def test_the_model_of_a_clip_is_that_of_most_captions() -> None:
    assert model_of([MODEL, "other", MODEL, PERSON]) == MODEL
    assert model_of([MODEL, PERSON]) == model_of([PERSON]) == model_of([]) == ""


def test_a_killed_run_goes_on_to_the_same_corpus(talks: Path) -> None:
    plan = plan_of(talks.parent / "out", talks)
    prepare(plan)
    lines, about = (talks.parent / "out" / CLIPS_NAME), (talks.parent / "out" / CORPUS_NAME)
    whole = lines.read_bytes(), about.read_bytes()
    lines.write_bytes(whole[0][: whole[0].index(b"\n") + 1])
    about.unlink()
    prepare(plan)
    assert (lines.read_bytes(), about.read_bytes()) == whole
    assert b"written_by" in whole[0]


def test_only_the_first_models_are_named() -> None:
    assert join_names(["a"]) == "a"
    assert join_names(["a", "b", "c"]) == "a, b and c"
    assert join_names(list("abcde")) == "a, b, c and 2 others"
    assert agreement("x test", []) == ""
