"""Reads a folder of recordings with a transcript beside each: our own .json, .vtt, .srt or .sbv with times, or .txt.

Recordings without one may have their transcripts in a list.
"""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from trainer.corpus.decode import duration_s
from trainer.corpus.drops import Reason
from trainer.corpus.sources import lists
from trainer.corpus.sources.candidate import Candidate, FileAudio, Source, readable
from trainer.corpus.sources.captions import is_captions, read_captions
from trainer.corpus.sources.columns import split_named
from trainer.corpus.sources.cues import PERSON, Cue, CuesError, cut, read_cues, read_text
from trainer.corpus.sources.languages import language_code
from trainer.errors import AudioError, SourceError

_AUDIO = "3gp aac aif aiff amr au avi caf flac m4a m4b m4v mka mkv mov mp2 mp3 mp4 mpeg oga ogg opus ts wav webm wma"
AUDIO_SUFFIXES = frozenset(f".{name}" for name in _AUDIO.split())
#: In order of preference: only captions as JSON say which of them were corrected.
TEXT_SUFFIXES = (".json", ".vtt", ".srt", ".sbv", ".txt")
#: Maximum number of recordings with several transcripts that are named in a note.
_MAX_NAMED = 3


def read(folder: Path, source: Source, max_s: float) -> Iterator[Candidate]:
    """Yield the clips of all recordings below a folder; folders named train, dev and test are splits.

    Raises:
        SourceError: only corrected captions are wanted, and the folder has no captions as JSON.
    """
    files = sorted(path for path in files_in(folder) if not path.name.startswith("."))
    recordings = [path for path in files if path.suffix.lower() in AUDIO_SUFFIXES]
    if source.corrected and not any(_is_ours(path) for path in files):
        raise without_captions(folder)
    if not source.speech:
        for path in recordings:
            yield from _without_speech(path, folder, source, max_s)
        return
    texts = _by_recording((path for path in files if _is_text(path)), recordings)
    named = {name for path in recordings for name in (path, path.with_suffix(""))}
    alone = {text for whose in texts.keys() - named for text in texts[whose]}
    listed = _listed(lists.read(folder, files, recordings, alone, source))
    alone -= {path for tables in listed.values() for path in tables}
    for path in recordings:
        beside = sorted(texts.get(path, []) + texts.get(path.with_suffix(""), []), key=_order)
        tables = _with_splits_first(listed.pop(os.path.abspath(path), {}))
        names = tuple(readable(Path(text.name)) for text in (*beside, *tables))
        clips = _clips(path, beside[0] if beside else None, folder, source, max_s) if beside or not tables else None
        for clip in clips or next(iter(tables.values())):
            speaker = clip.speaker or (_own_folder(path, folder) if source.speaker else "")
            yield replace(clip, speaker=speaker, texts=names if len(names) > 1 else ())
    for tables in listed.values():  # of recordings that do not exist
        yield from next(iter(tables.values()))
    for path in sorted(alone):
        yield Candidate(
            id=_id(path, folder, source),
            audio=FileAudio(path),
            text="",
            source=source.name,
            refused=Reason.MISSING,
            detail="a transcript without a recording",
        )


def files_in(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder, following symbolic links (to another disk, say); each folder is read once."""
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        if (real := os.path.realpath(place)) in seen:
            folders.clear()  # a link to a parent would recurse forever
            continue
        seen.add(real)
        yield from (path for name in names if (path := Path(place, name)).is_file())


def without_speakers(folder: Path, candidates: Iterable[Candidate]) -> str:
    """Suggest speaker=folder if no speaker is known and recordings are in separate folders; else return ""."""
    names = {
        _own_folder(clip.audio.path, folder)
        for clip in candidates
        if clip.speech and not clip.speaker and isinstance(clip.audio, FileAudio) and folder in clip.audio.path.parents
    }
    if len(names) < 2:
        return ""
    return f"{folder} has folders in it: if each of them is one speaker, add speaker=folder after it."


def without_captions(path: Path) -> SourceError:
    """Return the error for a source with corrected=only that has no captions as JSON."""
    return SourceError(
        f"corrected=only after {path} needs captions as JSON, and it has none: download them (captions.json), or "
        "remove corrected=only; lists, .vtt, .srt, .sbv and .txt do not say what was corrected"
    )


def several_texts(candidates: Iterable[Candidate]) -> str:
    """Return a sentence on recordings with several transcripts and the ones that are used; empty if there are none."""
    of = {clip.audio: clip for clip in candidates if clip.texts}
    if not of:
        return ""
    pairs = [f"{clip.texts[0]}, not {' or '.join(clip.texts[1:])}" for clip in of.values()]
    more = [f"and {len(pairs) - _MAX_NAMED:,} more"] if len(pairs) > _MAX_NAMED else []
    source = next(iter(of.values())).source
    return (
        f"{source}: {len(pairs):,} recording{'s have' if len(pairs) > 1 else ' has'} more than one transcript; one is "
        f"used, chosen by its type ({', '.join(TEXT_SUFFIXES)}) and name: {'; '.join([*pairs[:_MAX_NAMED], *more])}."
    )


def _listed(clips: Iterable[tuple[Path, Candidate]]) -> dict[str, dict[Path, list[Candidate]]]:
    """Group clips by the path of their recordings, and by the list that has them."""
    by_recording: dict[str, dict[Path, list[Candidate]]] = {}
    for path, clip in clips:
        by_recording.setdefault(os.path.abspath(str(clip.audio)), {}).setdefault(path, []).append(clip)
    return by_recording


def _with_splits_first(tables: Mapping[Path, list[Candidate]]) -> dict[Path, list[Candidate]]:
    """Order the lists of a recording: train.csv before all.csv."""
    return dict(sorted(tables.items(), key=lambda table: table[1][0].split is None))


def _own_folder(path: Path, folder: Path) -> str:
    """Return the first folder between the source and a recording that is not the name of a split; empty if none."""
    return next((readable(Path(part)) for part in path.relative_to(folder).parts[:-1] if not split_named(part)), "")


def _is_text(path: Path) -> bool:
    return _is_ours(path) or path.suffix.lower() in TEXT_SUFFIXES[1:]


def _is_ours(path: Path) -> bool:
    return path.suffix.lower() == ".json" and is_captions(path)


def _by_recording(texts: Iterable[Path], recordings: Iterable[Path]) -> dict[Path, list[Path]]:
    """Group transcripts by recording: talk.vtt and talk.sv.vtt belong to `talk`, talk.mp3.txt belongs to `talk.mp3`.

    If there is a recording talk.sv, talk.sv.vtt belongs to it. A transcript in a folder without recordings belongs to
    the only recording of its name elsewhere: txt/p225/1.txt to wav/p225/1.wav.
    """
    names = {path.with_suffix("") for path in recordings}
    audio_folders = {path.parent for path in recordings}
    alike = Counter(path.name for path in names)
    elsewhere = {path.name: path for path in names if alike[path.name] == 1}
    grouped: dict[Path, list[Path]] = {}
    for text in texts:
        whose = text.with_suffix("")
        tagged = whose not in names and _tag(text)
        whose = whose.with_suffix("") if tagged else whose
        if text.parent not in audio_folders:
            whose = elsewhere.get(whose.name, whose)
        grouped.setdefault(whose, []).append(text)
    return grouped


def _order(text: Path) -> tuple[int, str]:
    return TEXT_SUFFIXES.index(text.suffix.lower()), text.name


def _tag(text: Path) -> str:
    """Return the language in a name like talk.sv.vtt or talk.sv-SE.vtt; empty if there is none."""
    tag = Path(text.stem).suffix
    if tag.lower() in AUDIO_SUFFIXES or not re.fullmatch(r"\.[A-Za-z]{2,3}([-_][A-Za-z]+)*", tag):
        return ""
    return language_code(tag[1:])


def _clips(path: Path, text: Path | None, folder: Path, source: Source, max_s: float) -> Iterator[Candidate]:
    tagged = text and text.with_suffix("") != path.with_suffix("")
    whole = Candidate(
        id=_id(path, folder, source),
        audio=FileAudio(path),
        text="",
        source=source.name,
        language=(_tag(text) if text and tagged else "") or language_code(source.language),
        split=next((split for part in path.relative_to(folder).parts[:-1] if (split := split_named(part))), None),
        speaker=_own_folder(path, folder) if source.speaker else "",
    )
    if text is None:
        yield whole
        return
    try:
        if text.suffix.lower() == ".txt":
            yield replace(whole, text=read_text(text).strip())
        else:
            ours = text.suffix.lower() == ".json"
            cues = read_captions(text) if ours else read_cues(text)
            yield from _of_cues(whole, cues, max_s, only=ours and source.corrected == "only")
    except CuesError as error:
        yield replace(whole, refused=Reason.UNREADABLE_TEXT, detail=f"{readable(Path(text.name))}: {error}")


def _of_cues(whole: Candidate, cues: list[Cue], max_s: float, only: bool) -> Iterator[Candidate]:
    """Yield the clips cut between cues; with `only`, refuse those that a person has not corrected."""
    if not any(cue.text or cue.sound for cue in cues):
        yield whole
    ids: set[str] = set()
    previous = ""
    if whole.language:  # the user knows better than the model that detected it
        cues = [replace(cue, language=whole.language) for cue in cues]
    for clip in _cut_corrected(cues, max_s) if only else cut(cues, max_s):
        start_s, end_s = clip[0].start_s, max(cue.end_s for cue in clip)
        text = " ".join(cue.text for cue in clip)
        refused = only and any(cue.writer != PERSON for cue in clip)
        ids.add(id := _part_id(whole, start_s, end_s))
        yield replace(
            whole,
            id=id,
            text=text,
            language=clip[0].language,
            previous=previous,
            segments=tuple((round(cue.start_s - start_s, 3), round(cue.end_s - start_s, 3), cue.text) for cue in clip),
            start_s=start_s,
            end_s=end_s,
            declared_s=end_s - start_s,
            caption_writers=tuple(cue.writer for cue in clip if cue.writer is not None),
            refused=Reason.NOT_CORRECTED if refused else None,
            detail=text[:200] if refused else "",
        )
        previous = text
    for cue in cues:
        id = _part_id(whole, cue.start_s, cue.end_s)
        if cue.sound and id not in ids:  # words that are shown at the same time as a sound have this id
            yield replace(whole, id=id, refused=Reason.ONLY_SOUNDS, detail=cue.sound[:200])


def _part_id(whole: Candidate, start_s: float, end_s: float) -> str:
    return f"{whole.id}#{start_s:.3f}-{end_s:.3f}"


def _cut_corrected(cues: list[Cue], max_s: float) -> list[tuple[Cue, ...]]:
    """Return clips of corrected cues, and each other cue as a clip of its own, to be refused."""
    others = [(cue,) for cue in cues if cue.text and cue.writer != PERSON]
    corrected = cut([cue if cue.writer == PERSON else replace(cue, text="") for cue in cues], max_s)
    return sorted([*others, *corrected], key=lambda clip: clip[0].start_s)


def _without_speech(path: Path, folder: Path, source: Source, max_s: float) -> Iterator[Candidate]:
    """Yield equal parts of a recording, of up to `max_s`."""
    whole = Candidate(
        _id(path, folder, source), FileAudio(path), "", source.name, language_code(source.language), speech=False
    )
    try:
        length_s = duration_s(path)
    except AudioError as error:
        yield replace(whole, refused=Reason.UNREADABLE, detail=str(error))
        return
    parts = math.ceil(length_s / max_s)
    for part in range(parts) if parts > 1 else ():
        start_s, end_s = part * length_s / parts, (part + 1) * length_s / parts
        yield replace(whole, id=_part_id(whole, start_s, end_s), start_s=start_s, end_s=end_s)
    if parts <= 1:
        yield whole


def _id(path: Path, folder: Path, source: Source) -> str:
    return f"{source.name}/{readable(path.relative_to(folder))}"
