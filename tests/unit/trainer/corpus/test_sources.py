"""Candidates of releases, manifests and datasets."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.recordings import record, release, write_csv, write_list
from tests.unit.trainer.corpus.plans import offered, plan_of
from trainer.corpus.clips import SPLITS
from trainer.corpus.decode import decode
from trainer.corpus.drops import Reason
from trainer.corpus.prepare import prepare
from trainer.corpus.sources.candidate import Source
from trainer.corpus.sources.columns import split_named
from trainer.corpus.sources.languages import language_code, unknown
from trainer.corpus.sources.read import expected_clips, read, with_names
from trainer.errors import SourceError

# --- Common Voice -------------------------------------------------------------------------------


def test_a_release_has_its_splits_and_columns(tmp_path: Path) -> None:
    clips = offered(release(tmp_path / "cv-corpus-22.0" / "sv-SE"))
    assert {clip.split for clip in clips} == set(SPLITS)
    assert len(clips) == 18
    clip = next(clip for clip in clips if clip.speaker == "speaker1")
    assert clip.id == "cv-corpus-22.0/sv-SE/common_voice_sv-SE_1_0"
    assert (clip.language, clip.gender, clip.age) == ("sv", "female", "twenties")
    assert clip.accent == "Skånska, lundensiska|Övrigt"
    assert clip.audio.open() == tmp_path / "cv-corpus-22.0/sv-SE/clips/common_voice_sv-SE_1_0.mp3"


def test_an_old_release_is_read_too(tmp_path: Path) -> None:
    columns = ("client_id", "path", "sentence", "up_votes", "down_votes", "age", "gender", "accent")
    record(tmp_path / "de" / "clips" / "abc.mp3")
    row = {"client_id": "s", "path": "abc", "sentence": "Straße", "gender": "other", "accent": "austria"}
    write_list(tmp_path / "de" / "train.tsv", [row], columns)
    (clip,) = offered(tmp_path / "de", language="de-DE")
    assert (clip.language, clip.accent, clip.gender, clip.text) == ("de", "austria", "other", "Straße")
    assert decode(clip.audio.open()).duration_s == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("accents", "found"),
    [
        ("German English, Non native speaker", "German English|Non native speaker"),
        ("England English,England English", "England English"),
        (
            "Southern African (South Africa, Zimbabwe, Namibia),Welsh English",
            "Southern African (South Africa, Zimbabwe, Namibia)|Welsh English",
        ),
        ("Skånska, lundensiska| Övrigt", "Skånska, lundensiska|Övrigt"),
        ("", ""),
    ],
)
def test_several_accents_are_separated(accents: str, found: str, tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    write_list(tmp_path / "train.tsv", [{"path": "a.mp3", "sentence": "Hej", "accents": accents}])
    assert [clip.accent for clip in offered(tmp_path)] == [found]
    path = write_csv(tmp_path / "x.csv", [{"path": "a.wav", "text": "Hej", "accent": "Lund, Skåne"}])
    assert [clip.accent for clip in offered(path)] == ["Lund, Skåne"], "one, by its name"


def test_a_release_of_spontaneous_speech_has_one_list(tmp_path: Path) -> None:
    folder = tmp_path / "sps-corpus-2.0-ga-IE"
    columns = ("client_id", "audio_id", "audio_file", "duration_ms", "prompt_id", "prompt", "transcription", "split")
    answers = [("train", "Bhuel, [um] is maith liom [laugh] é."), ("dev", "Sea."), ("", "Ní hea."), ("", "")]
    lines = []
    for number, (split, text) in enumerate(answers):
        record(folder / "audios" / f"spontaneous-speech-ga-{number}.mp3", seed=number)
        said = {"audio_file": f"spontaneous-speech-ga-{number}.mp3", "duration_ms": 1000, "transcription": text}
        lines.append({"client_id": f"s{number}", "prompt": "Cén fáth?", "split": split, **said})
    write_list(folder / "ss-corpus-ga-IE.tsv", lines, columns)
    write_list(folder / "ss-reported-audios-ga-IE.tsv", [], ("audio_id", "reason"))
    clips = offered(folder, language="ga-IE")
    assert [(clip.speaker, clip.split, clip.text, clip.declared_s) for clip in clips] == [
        ("s0", "train", "Bhuel, is maith liom é.", 1.0),
        ("s1", "dev", "Sea.", 1.0),
        ("s2", None, "Ní hea.", 1.0),
        ("s3", None, "", 1.0),
    ]
    assert clips[0].id == "sps-corpus-2.0-ga-IE/spontaneous-speech-ga-0"
    assert decode(clips[0].audio.open()).duration_s == pytest.approx(1, abs=0.1)
    with pytest.raises(SourceError, match=r"a single list: remove lists="):
        offered(folder, lists=("train",))
    with pytest.raises(SourceError, match=r"give its folder, .*ga-IE$"):
        offered(folder / "ss-corpus-ga-IE.tsv")


def test_quotation_marks_in_sentences_are_kept(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    sentences = ['"Hej', 'sa "hej" du', '"""Vad?"" sa hon."', '"Hej."']
    rows = [{"path": f"{number}.mp3", "sentence": sentence} for number, sentence in enumerate(sentences)]
    write_list(tmp_path / "train.tsv", rows)
    assert [clip.text for clip in offered(tmp_path)] == ['"Hej', 'sa "hej" du', '"Vad?" sa hon.', '"Hej."']


def test_a_truncated_row_has_the_language_of_its_release(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv" / "ga-IE", clips=1, locale="ga-IE")
    columns = (folder / "train.tsv").read_text(encoding="utf-8").splitlines()[0]
    rows = ["s8\twhole.mp3\tSea.\t2\t0\t\t\t\tga-IE\t", "s9\tshort.mp3\tNí hea."]
    (folder / "train.tsv").write_bytes("\r\n".join([columns, *rows, ""]).encode())
    clips = [clip for clip in offered(folder) if clip.split == "train"]
    assert [(clip.text, clip.language) for clip in clips] == [("Sea.", "ga"), ("Ní hea.", "ga")]


@pytest.mark.parametrize("column", ["path", "sentence"])
def test_a_list_without_a_required_column_is_refused(column: str, tmp_path: Path) -> None:
    folder = release(tmp_path / "sv", clips=1)
    text = (folder / "train.tsv").read_text(encoding="utf-8")
    (folder / "train.tsv").write_text(text.replace(f"\t{column}\t", "\tother\t"), encoding="utf-8")
    with pytest.raises(SourceError, match=rf"train.tsv has no column {column}; it has client_id, .*other"):
        offered(folder)


def test_validated_adds_clips_without_a_split_and_other_is_optional(tmp_path: Path) -> None:
    folder = release(tmp_path / "sv")
    known = (folder / "train.tsv").read_text(encoding="utf-8").splitlines()[1:3]
    columns = (folder / "train.tsv").read_text(encoding="utf-8").splitlines()[0]
    more = ["s9\tnew.mp3\tNy mening.\t2\t0\t\t\t\tsv-SE\t", "s9\tbad.mp3\tDålig.\t1\t2\t\t\t\tsv-SE\t"]
    (folder / "validated.tsv").write_text("\n".join([columns, *known, *more]) + "\n", encoding="utf-8")
    (folder / "other.tsv").write_text(f"{columns}\ns8\tother.mp3\tAnnan.\t0\t0\t\t\t\tsv-SE\t\n", encoding="utf-8")
    clips = offered(folder)
    assert [(clip.text, clip.split, clip.refused) for clip in clips[18:]] == [
        ("Ny mening.", None, None),
        ("Dålig.", None, Reason.VOTED_DOWN),
    ]
    assert [clip.text for clip in offered(folder, lists=("other",))] == ["Annan."]
    for lists in (("train", "dve"), ("dve",)):
        with pytest.raises(SourceError, match=r"no dve.tsv in .*sv; it has train, dev, test, validated, other"):
            offered(folder, lists=lists)


def test_durations_of_a_release_are_read(tmp_path: Path) -> None:
    folder = release(tmp_path / "sv", clips=1)
    write_list(
        folder / "clip_durations.tsv",
        [{"clip": "common_voice_sv-SE_0_0.mp3", "duration[ms]": 1234}],
        ("clip", "duration[ms]"),
    )
    assert {clip.id[-3:]: clip.declared_s for clip in offered(folder)}["0_0"] == 1.234


def test_a_list_of_a_release_is_not_read_as_a_manifest(tmp_path: Path) -> None:
    folder = release(tmp_path / "fi", clips=1)
    with pytest.raises(SourceError, match=r"give its folder, .*/fi, and lists=train"):
        offered(folder / "train.tsv")


def test_a_folder_of_languages_is_several_releases(tmp_path: Path) -> None:
    release(tmp_path / "cv" / "sv-SE", clips=1)
    release(tmp_path / "cv" / "de", clips=1, locale="de")
    clips = offered(tmp_path / "cv")
    assert {(clip.source, clip.language) for clip in clips} == {("cv/sv-SE", "sv"), ("cv/de", "de")}


def test_a_short_unknown_code_gets_no_suggestion() -> None:
    assert unknown("ga").startswith("Whisper has no language 'ga': a checkpoint learns it with"), "no Galician"
    assert "(did you mean sv, Swedish?)" in unknown("swe")


# --- manifests ----------------------------------------------------------------------------------


def test_a_csv_manifest_with_every_column(tmp_path: Path) -> None:
    row = {
        "path": "audio/a.wav",
        "text": "Hej, du",
        "language": "nb-NO",
        "speaker": "s",
        "accent": "trøndersk",
        "gender": "F",
        "age": "40",
        "split": "validation",
        "previous": "Før det.",
        "segments": '[[0, 0.5, "Hej,"], [0.5, 1, "du"]]',
    }
    (clip,) = offered(write_csv(tmp_path / "news.csv", [row]))
    assert clip.id == "news/audio/a.wav"
    assert clip.audio.open() == tmp_path / "audio" / "a.wav"
    assert (clip.language, clip.split, clip.gender) == ("no", "dev", "female")
    assert (clip.previous, clip.segments) == ("Før det.", ((0.0, 0.5, "Hej,"), (0.5, 1.0, "du")))


def test_a_manifest_of_nemo_with_parts_of_recordings(tmp_path: Path) -> None:
    rows = [{"audio_filepath": "/a.wav", "text": "x", "offset": start, "duration": 2.5} for start in (0, 2.5)]
    (tmp_path / "train_manifest.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    first, second = offered(tmp_path / "train_manifest.jsonl", language="en")
    assert (first.start_s, first.end_s, second.start_s, second.end_s) == (0, 2.5, 2.5, 5)
    assert (first.id, second.id) == ("train_manifest//a.wav#0.000-2.500", "train_manifest//a.wav#2.500-5.000")
    assert first.split == "train"
    assert str(first.audio) == str(second.audio) == "/a.wav"
    (tmp_path / "list.json").write_text(json.dumps(rows))
    assert len(offered(tmp_path / "list.json")) == 2


@pytest.mark.parametrize(
    "times",
    [
        {"start_s": 1.5, "end_s": 4.0},
        {"start": 1.5, "end": "4"},
        {"Start Time": "1,5", "End Time": "4,0"},
        {"start_ms": 1500, "end_ms": 4000},
        {"begin": 1.5, "duration": 2.5},
        {"offset": 1.5, "duration_ms": 2500},
        {"startTime": 1.5, "stop": 4},
        {"start_s": 1.5, "end_s": 4.0, "start": 9, "end": 10},
    ],
)
def test_names_of_time_columns_are_recognised(times: dict[str, object], tmp_path: Path) -> None:
    (clip,) = offered(write_csv(tmp_path / "x.csv", [{"File": "a.wav", "Text": "hej", **times}]))
    assert (clip.start_s, clip.end_s) == (1.5, 4.0)
    assert clip.refused is None


@pytest.mark.parametrize("column", ["start_sample", "Segment End", "onset", "begin_frame"])
def test_ambiguous_time_columns_are_refused(column: str, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "x.csv", [{"path": "a.wav", "text": "hej", column: 7, "backend": "x", "send": 1}])
    with pytest.raises(SourceError, match=rf"has a column {column.lower().replace(' ', '_')}, .* start_s or end_s"):
        offered(path)


def test_an_invalid_time_drops_the_clip(tmp_path: Path) -> None:
    rows = [{"path": "a.wav", "text": "hej", "start": start, "end": end} for start, end in (("0:07", 9), ("", ""))]
    damaged, whole = offered(write_csv(tmp_path / "x.csv", rows))
    assert (damaged.refused, damaged.detail) == (Reason.DAMAGED_ROW, "start is not a number: '0:07'")
    assert (whole.refused, whole.start_s, whole.end_s) == (None, 0.0, None)


def test_paths_are_relative_to_the_manifest_or_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lists").mkdir()
    rows = [{"path": rf"wavs\{number}.wav", "text": "hej"} for number in (1, 2)]
    path = write_csv(
        tmp_path / "lists" / "x.csv", [{**row, "path": str(row["path"]).replace("\\", "/")} for row in rows]
    )
    record(tmp_path / "wavs" / "1.wav")
    assert [clip.audio.open() for clip in offered(path)] == [Path("wavs/1.wav"), Path("wavs/2.wav")]
    record(tmp_path / "lists" / "wavs" / "1.wav")
    beside = [tmp_path / "lists" / "wavs" / f"{number}.wav" for number in (1, 2)]
    assert [clip.audio.open() for clip in offered(path)] == beside
    of_windows = offered(write_csv(tmp_path / "lists" / "x.csv", rows))
    assert [clip.audio.open() for clip in of_windows] == beside


def test_a_part_without_an_end_goes_to_the_end_of_its_recording(tmp_path: Path) -> None:
    record(tmp_path / "a.wav", 4.0)
    rows = [{"path": "a.wav", "text": text, "offset": start} for text, start in (("hej du", 1.0), ("du", 3.0))]
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, rows)))
    prepared = prepare(plan_of(tmp_path / "out", tmp_path / "x.jsonl", language="sv", splits="release"))
    assert not prepared.dropped
    lengths_s = {clip.id: clip.duration_s for clip in prepared.corpus.clips}
    assert lengths_s == {"x/a.wav#1.000-": 3.0, "x/a.wav#3.000-": 1.0}


def test_json_values_that_are_not_text_are_ignored(tmp_path: Path) -> None:
    rows = [
        {"path": {"path": "a.wav"}, "text": "hej"},
        {"path": "a.wav", "text": ["hej"]},
        {"path": "b.wav", "text": 5},
    ]
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, rows)))
    nameless, listed, number = offered(tmp_path / "x.jsonl", language="sv")
    assert "names no file" in str(nameless.audio)
    assert (listed.text, number.text) == ("", "5")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("x.csv", "path,words\na.wav,b\n", "no column text or"),
        ("x.csv", "text\nb\n", "no column"),
        ("x.jsonl", '{"path": "a", "text": "b"}\nnonsense\n', "line 2"),
        ("x.jsonl", "[]\n", "not a JSON object"),
        ("x.json", "[1]", "not a list of objects"),
        ("x.csv", b"path,text\na,\xff\n", "Save it as UTF-8"),
        ("x.csv", "path;text\na;å\n".encode("latin-1"), "Save it as UTF-8"),
        ("x.tsv", "path\ttext\na\tå\n".encode("utf-16"), "Save it as UTF-8"),
        ("x.xlsx", "", "none of .csv"),
        ("cv-corpus-24.0-sv-SE.tar.gz", "", "is an archive: unpack it"),
    ],
)
def test_invalid_manifests_are_reported(name: str, text: str | bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SourceError, match=says):
        offered(tmp_path / name)


def test_a_manifest_of_a_spreadsheet(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("path;text;\na.wav;Hej, du;\nb.wav;Hej; du;\n", encoding="utf-8-sig")
    whole, damaged = offered(tmp_path / "x.csv", language="sv")
    assert (whole.text, whole.refused) == ("Hej, du", None)
    assert (damaged.refused, damaged.detail) == (Reason.DAMAGED_ROW, "4 fields, not 3")
    (tmp_path / "t.csv").write_text("path\ttext\na.wav\tHej, du\n")
    assert offered(tmp_path / "t.csv", language="sv")[0].text == "Hej, du"
    (tmp_path / "y.csv").write_text("path,text\na.wav,Hej, du\n")
    assert offered(tmp_path / "y.csv", language="sv")[0].refused is Reason.DAMAGED_ROW


def test_a_negative_end_is_ignored(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "x.csv", [{"path": "a.wav", "text": "a", "start_s": -0.1, "end_s": -1}])
    (clip,) = offered(path)
    assert (clip.start_s, clip.end_s) == (0.0, None)


def test_nan_is_a_missing_value(tmp_path: Path) -> None:
    rows = [{"path": f"{name}.wav", "text": "x", "speaker": float("nan"), "accent": None} for name in "ab"]
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert [(clip.speaker, clip.accent) for clip in offered(tmp_path / "x.jsonl", language="en")] == [("", "")] * 2


def test_the_text_column_can_be_named(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "x.csv", [{"path": "a.wav", "text": "a", "words": "b"}])
    assert offered(path, text="words")[0].text == "b"


# --- Hugging Face -------------------------------------------------------------------------------


def test_a_saved_data_set_is_read_with_its_splits_and_classes(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra `datasets` is not installed")
    paths = [record(tmp_path / f"{seed}.mp3", seed=seed) for seed in range(4)]
    features = datasets.Features(
        {
            "audio": {"bytes": datasets.Value("binary"), "path": datasets.Value("string")},
            "transcription": datasets.Value("string"),
            "gender": datasets.ClassLabel(names=["male", "female"]),
            "speaker_id": datasets.Value("int64"),
            "lang_id": datasets.Value("string"),
        }
    )

    def part(chosen: list[Path], inside: bool) -> object:
        audio = [{"bytes": p.read_bytes() if inside else None, "path": p.name if inside else str(p)} for p in chosen]
        columns = {"transcription": ["Hallå"] * 2, "gender": [1, 0], "speaker_id": [7, 8], "lang_id": ["sv"] * 2}
        made = datasets.Dataset.from_dict({"audio": audio, **columns}, features=features)
        return made.cast_column("audio", datasets.Audio())

    saved = datasets.DatasetDict({"train": part(paths[:2], True), "validation": part(paths[2:], False)})
    saved.save_to_disk(tmp_path / "saved")
    clips = offered(tmp_path / "saved", language="sv")
    assert [(clip.id, clip.split, clip.gender, clip.speaker) for clip in clips] == [
        ("saved/train/0", "train", "female", "7"),
        ("saved/train/1", "train", "male", "8"),
        ("saved/validation/0", "dev", "female", "7"),
        ("saved/validation/1", "dev", "male", "8"),
    ]
    for clip, path in zip(clips, paths, strict=True):
        assert (decode(clip.audio.open()).samples == decode(path).samples).all()
    with pytest.raises(SourceError, match="no column words"):
        offered(tmp_path / "saved", text="words")


def test_a_downloaded_data_set_is_read_with_its_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra `datasets` is not installed")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    paths = [record(tmp_path / f"{seed}.wav", seed=seed) for seed in range(2)]
    for path, split in zip(paths, ("train", "test"), strict=True):
        rows = {"audio": [{"bytes": path.read_bytes(), "path": path.name}], "sentence": [f"I {split}"]}
        made = datasets.Dataset.from_dict(rows).cast_column("audio", datasets.Audio())
        (tmp_path / "set" / "data").mkdir(parents=True, exist_ok=True)
        made.to_parquet(tmp_path / "set" / "data" / f"{split}-00000-of-00001.parquet")
    clips = offered(tmp_path / "set", language="sv")
    assert [(clip.id, clip.text, clip.split) for clip in clips] == [
        ("set/train/0", "I train", "train"),
        ("set/test/0", "I test", "test"),
    ]
    assert [len(decode(clip.audio.open()).samples) for clip in clips] == [16_000] * 2


# --- any ----------------------------------------------------------------------------------------


def test_sources_have_unique_names(tmp_path: Path) -> None:
    release(tmp_path / "cv" / "sv-SE", clips=1)
    shutil.copytree(tmp_path / "cv", tmp_path / "b" / "cv")
    sources = [Source(str(tmp_path / path)) for path in ("cv/sv-SE", "b/cv/sv-SE", "x.csv")]
    names = [source.name for source in with_names((*sources, Source("a", name="x")))]
    assert names == ["cv/sv-SE", "cv/sv-SE-2", "x", "x-2"]


def test_a_missing_source_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        offered(tmp_path / "nothing")


def test_paths_below_local_folders_are_not_searched_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "corpora").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match="does not exist"):
        offered(Path("corpora/nothing"))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        *(("sv-SE", "sv"), ("sv_se", "sv"), ("nb-NO", "no"), ("nn-NO", "nn"), ("-", ""), ("zh-TW", "zh")),
        *(
            ("Finnish", "fi"),
            ("haitian creole", "ht"),
            ("Mandarin Chinese", "zh"),
            ("finnisch", "finnisch"),
            ("ga-IE", "ga"),
        ),
    ],
)
def test_languages_are_mapped_to_whispers_codes(name: str, code: str) -> None:
    assert language_code(name) == code


@pytest.mark.parametrize(
    ("name", "split"),
    [
        *(("validation", "dev"), ("dev_other", "dev"), ("validated", None), ("train.clean.360", "train")),
        *(("other", None), ("Test", "test"), ("eval2000", "dev"), ("devset", "dev"), ("training", "train")),
        *(("Valentina", None), ("devon", None), ("testimonials", None), ("Trainå", None)),
    ],
)
def test_names_of_splits_are_recognised(name: str, split: str | None) -> None:
    assert split_named(name) == split


def test_the_number_of_clips_is_known_before_they_are_read(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv", clips=4)
    lists = {path.stem: path.read_text(encoding="utf-8").split("\n", 1) for path in folder.glob("*.tsv")}
    head = next(iter(lists.values()))[0]
    extra = lists["train"][1].split("\n")[0].replace(".mp3", "-more.mp3")
    everything = "".join(lists[name][1] for name in ("train", "dev", "test")) + f"{extra}\n"
    (folder / "validated.tsv").write_text(f"{head}\n{everything}", encoding="utf-8")
    source = Source(str(folder), name="cv")
    assert expected_clips(source) == len(list(read(source, 30.0))) == everything.count("\n")
    only = Source(str(folder), name="cv", lists=("dev", "train"))
    assert expected_clips(only) == len(list(read(only, 30.0)))
    assert expected_clips(Source(str(folder / "validated.tsv"))) == everything.count("\n")
    assert expected_clips(Source(str(tmp_path))) is None
    assert expected_clips(Source("owner/data-set")) is None
