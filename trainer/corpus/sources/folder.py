"""A folder of recordings with what is said in a file beside each: our own .json, .vtt, .srt or .sbv
with times, or .txt.

Where nothing is beside a recording, a list may say it.
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
#: The first that is there is read: captions as JSON are as somebody corrected them, and say so, as no other does.
TEXT_SUFFIXES = (".json", ".vtt", ".srt", ".sbv", ".txt")
#: Recordings that are named of those which have several.
_NAMED = 3


def read(folder: Path, source: Source, max_s: float) -> Iterator[Candidate]:
    """The clips of all recordings under a folder; folders named train, dev and test are splits.

    Raises:
        SourceError: what was corrected is wanted, and nothing there says what was.
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
        found = _clips(path, beside[0] if beside else None, folder, source, max_s) if beside or not tables else None
        for clip in found or next(iter(tables.values())):
            speaker = clip.speaker or (_own_folder(path, folder) if source.speaker else "")
            yield replace(clip, speaker=speaker, texts=names if len(names) > 1 else ())
    for tables in listed.values():  # of recordings that are not there
        yield from next(iter(tables.values()))
    for path in sorted(alone):
        yield Candidate(
            id=_id(path, folder, source),
            audio=FileAudio(path),
            text="",
            source=source.name,
            refused=Reason.MISSING,
            detail="a text beside no audio",
        )


def files_in(folder: Path) -> Iterator[Path]:
    """All files below a folder, those behind links too: recordings lie on another disk. Each folder once."""
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        if (real := os.path.realpath(place)) in seen:
            folders.clear()  # a link that leads back would lead on for ever
            continue
        seen.add(real)
        yield from (path for name in names if (path := Path(place, name)).is_file())


def without_speakers(folder: Path, candidates: Iterable[Candidate]) -> str:
    """What to do where nobody is known to speak, though recordings lie in folders of their own; empty: nothing."""
    names = {
        _own_folder(clip.audio.path, folder)
        for clip in candidates
        if clip.speech and not clip.speaker and isinstance(clip.audio, FileAudio) and folder in clip.audio.path.parents
    }
    if len(names) < 2:
        return ""
    return f"{folder} has folders in it: if each is of somebody who speaks, say speaker=folder behind it."


def without_captions(path: Path) -> SourceError:
    """What to do where corrected captions alone are wanted of a source that has none."""
    return SourceError(
        f"corrected=only behind {path} takes captions as JSON that a person corrected, and it has none: fetch them "
        "(captions.json), or leave the words out; lists, .vtt, .srt, .sbv and .txt do not say what was corrected"
    )


def several_texts(candidates: Iterable[Candidate]) -> str:
    """Which texts were read where a recording has more than one, in a sentence; empty: none has."""
    of = {clip.audio: clip for clip in candidates if clip.texts}
    if not of:
        return ""
    told = [f"{clip.texts[0]}, not {' or '.join(clip.texts[1:])}" for clip in of.values()]
    more = [f"and {len(told) - _NAMED:,} more"] if len(told) > _NAMED else []
    source = next(iter(of.values())).source
    return (
        f"{source}: {len(told):,} recording{'s have' if len(told) > 1 else ' has'} more than one text, of which one is "
        f"read, by its kind ({', '.join(TEXT_SUFFIXES)}) and name: {'; '.join([*told[:_NAMED], *more])}."
    )


def _listed(clips: Iterable[tuple[Path, Candidate]]) -> dict[str, dict[Path, list[Candidate]]]:
    """Clips by where their recordings are, and by the list that has them."""
    found: dict[str, dict[Path, list[Candidate]]] = {}
    for path, clip in clips:
        found.setdefault(os.path.abspath(str(clip.audio)), {}).setdefault(path, []).append(clip)
    return found


def _with_splits_first(tables: Mapping[Path, list[Candidate]]) -> dict[Path, list[Candidate]]:
    """What lists say of a recording: train.csv before all.csv."""
    return dict(sorted(tables.items(), key=lambda table: table[1][0].split is None))


def _own_folder(path: Path, folder: Path) -> str:
    """The first folder below the source's on the way to a recording; those of splits do not count."""
    return next((readable(Path(part)) for part in path.relative_to(folder).parts[:-1] if not split_named(part)), "")


def _is_text(path: Path) -> bool:
    return _is_ours(path) or path.suffix.lower() in TEXT_SUFFIXES[1:]


def _is_ours(path: Path) -> bool:
    return path.suffix.lower() == ".json" and is_captions(path)


def _by_recording(texts: Iterable[Path], recordings: Iterable[Path]) -> dict[Path, list[Path]]:
    """Texts by whose they are: talk.vtt and talk.sv.vtt are of `talk`, talk.mp3.txt is of `talk.mp3`.

    Where a recording is called talk.sv itself, talk.sv.vtt is of that. A text in a folder of texts alone is of the only
    recording of its name in another: wav/p225/1.wav, and txt/p225/1.txt.
    """
    names = {path.with_suffix("") for path in recordings}
    with_sound = {path.parent for path in recordings}
    alike = Counter(path.name for path in names)
    elsewhere = {path.name: path for path in names if alike[path.name] == 1}
    found: dict[Path, list[Path]] = {}
    for text in texts:
        whose = text.with_suffix("")
        tagged = whose not in names and _tag(text)
        whose = whose.with_suffix("") if tagged else whose
        if text.parent not in with_sound:
            whose = elsewhere.get(whose.name, whose)
        found.setdefault(whose, []).append(text)
    return found


def _order(text: Path) -> tuple[int, str]:
    return TEXT_SUFFIXES.index(text.suffix.lower()), text.name


def _tag(text: Path) -> str:
    """The language in a name like talk.sv.vtt or talk.sv-SE.vtt."""
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
    """Clips between cues; `only`: of those that a person corrected, and the others refused."""
    if not any(cue.text or cue.sound for cue in cues):
        yield whole
    yield from (_without_words(whole, cue) for cue in cues if cue.sound)
    previous = ""
    if whole.language:  # whoever says it knows better than who heard it
        cues = [replace(cue, language=whole.language) for cue in cues]
    for clip in _parted(cues, max_s) if only else cut(cues, max_s):
        start_s, end_s = clip[0].start_s, max(cue.end_s for cue in clip)
        text = " ".join(cue.text for cue in clip)
        refused = only and any(cue.writer != PERSON for cue in clip)
        yield replace(
            whole,
            id=f"{whole.id}#{start_s:.3f}-{end_s:.3f}",
            text=text,
            language=clip[0].language,
            previous=previous,
            segments=tuple((round(cue.start_s - start_s, 3), round(cue.end_s - start_s, 3), cue.text) for cue in clip),
            start_s=start_s,
            end_s=end_s,
            declared_s=end_s - start_s,
            writers=tuple(cue.writer for cue in clip if cue.writer is not None),
            refused=Reason.NOT_CORRECTED if refused else None,
            detail=text[:200] if refused else "",
        )
        previous = text


def _without_words(whole: Candidate, cue: Cue) -> Candidate:
    id = f"{whole.id}#{cue.start_s:.3f}-{cue.end_s:.3f}"
    return replace(whole, id=id, refused=Reason.ONLY_SOUNDS, detail=cue.sound[:200])


def _parted(cues: list[Cue], max_s: float) -> list[tuple[Cue, ...]]:
    """Clips of what a person corrected; each other cue is one of its own, to be refused."""
    others = [(cue,) for cue in cues if cue.text and cue.writer != PERSON]
    corrected = cut([cue if cue.writer == PERSON else replace(cue, text="") for cue in cues], max_s)
    return sorted([*others, *corrected], key=lambda clip: clip[0].start_s)


def _without_speech(path: Path, folder: Path, source: Source, max_s: float) -> Iterator[Candidate]:
    """Equal parts of up to `max_s`."""
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
        yield replace(whole, id=f"{whole.id}#{start_s:.3f}-{end_s:.3f}", start_s=start_s, end_s=end_s)
    if parts <= 1:
        yield whole


def _id(path: Path, folder: Path, source: Source) -> str:
    return f"{source.name}/{readable(path.relative_to(folder))}"
