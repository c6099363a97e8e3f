"""Preparing a corpus: sources are read, judged, split, listened to and written; nothing is dropped without a reason.

A killed `prepare` goes on where it was: clips.jsonl and dropped.jsonl say what is done, and the order of the work is
the same every time, so the corpus is, too, to the last byte.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from tqdm import tqdm

from trainer.corpus import corrections, manner
from trainer.corpus.cleaning import clean, has_words, spoken_length
from trainer.corpus.clips import CLIPS_NAME, SPLITS, Clip, Corpus, Writer, total_s
from trainer.corpus.drops import Dropped, Limits, Reason
from trainer.corpus.earlier import described, outdated, written
from trainer.corpus.listening import Heard, Part, Recording, listen
from trainer.corpus.out_folder import begun, check_folder
from trainer.corpus.recordings import Recordings
from trainer.corpus.scripts import Scripts
from trainer.corpus.sources.candidate import Candidate, Source
from trainer.corpus.sources.folder import several_texts, without_speakers
from trainer.corpus.sources.languages import check, language_code, unknown
from trainer.corpus.sources.read import read, with_names
from trainer.corpus.splits import Assignment, Mode, Shares, assign
from trainer.errors import SourceError


@dataclass(frozen=True)
class Plan:
    """What to prepare.

    Attributes:
        language: of clips whose source does not say.
        text: `clean` as `trainer.corpus.cleaning` does, or `keep` what is written.
        max_readings: how often a speaker may say the same text; 0: as often as they like.
        processes: that decode; the result does not depend on it.
    """

    sources: tuple[Source, ...]
    out: Path
    language: str = ""
    text: Literal["clean", "keep"] = "clean"
    splits: Mode = "disjoint"
    shares: Shares = field(default_factory=Shares)
    max_readings: int = 0
    limits: Limits = field(default_factory=Limits)
    processes: int = field(default_factory=lambda: os.cpu_count() or 1)
    progress: bool = True

    def said(self) -> dict[str, Any]:
        """What the corpus depends on, as JSON has it."""
        values = asdict(self)
        for name in ("out", "processes", "progress"):
            del values[name]
        for source in values["sources"]:
            del source["weight"]  # it is for the sampler, and may be changed any time
            for word in ("speaker", "corrected"):  # a corpus of before there was such a word goes on
                if not source[word]:
                    del source[word]
        plan: dict[str, Any] = json.loads(json.dumps(values))
        return plan


@dataclass(frozen=True)
class Prepared:
    """What came of it.

    Attributes:
        dropped: how many clips for which reason, in this run and those before it that it went on from.
        heard_s: seconds of audio that this run decoded and wrote.
        took_s: what that took, without the reading of lists.
    """

    corpus: Corpus
    dropped: Counter[Reason]
    assignment: Assignment
    heard_s: float
    took_s: float

    @property
    def hours_per_minute(self) -> float:
        """Hours of audio prepared in a minute; 0 where there was nothing left to do."""
        return self.heard_s / 60 / self.took_s if self.took_s else 0.0


def prepare(plan: Plan, again: bool = False) -> Prepared:
    """Make a corpus, or go on with one.

    Args:
        again: one that is there is replaced, once all sources have been read.

    Raises:
        SourceError: a source cannot be read, offers nothing, or does not say its language, as nobody else does.
        PlanError: the folder has a corpus of another plan, or another process is making one there, or what is given as
            a language is none.
    """
    plan = replace(plan, sources=with_names(plan.sources))
    check_folder(plan.out, plan.said(), again)
    check(plan.language, "--language")
    for source in plan.sources:
        check(source.language, f"language= of {source.path}")
    candidates = _with_languages([clip for source in plan.sources for clip in _read(source, plan)])
    assignment = assign(candidates, plan.splits, plan.shares)
    captions = corrections.count(candidates)
    notes = (*_of_sources(candidates, captions, plan), *assignment.notes)
    with (
        begun(plan.out, plan.said(), again),
        Dropped(plan.out) as dropped,
        Recordings(plan.out) as recordings,
        Writer(plan.out) as writer,
    ):
        clips, digests = written(plan.out)
        wanted = _judge(candidates, assignment, plan, dropped, writer.written)
        notes = (*outdated(plan.out, recordings, clips, dropped.reasons, candidates, assignment.splits, wanted), *notes)
        done = writer.written | dropped.reasons.keys()
        todo = [i for i in wanted if candidates[i].id not in done]
        began_s, heard_s = time.monotonic(), 0.0
        to_decode = _recordings(candidates, todo, recordings)
        for heard in _bar(listen(to_decode, plan.limits, plan.processes), len(todo), plan):
            clip = candidates[heard.index]
            if heard.audio is None:
                assert heard.reason is not None
                dropped.add(clip.id, heard.reason, heard.detail)
            elif twin := digests.get(heard.digest):
                dropped.add(clip.id, Reason.DUPLICATE, twin)
            else:
                digests[heard.digest] = clip.id
                split = assignment.splits[heard.index]
                assert split is not None
                heard_s += writer.add(heard.audio, **described(clip, split)).duration_s
        took_s = time.monotonic() - began_s if todo else 0.0
        assigned = replace(assignment, notes=notes)
        corpus = writer.finish(_story(plan, assigned, dropped.counts, digests, captions))
    return Prepared(corpus, dropped.counts, assignment, heard_s, took_s)


def _read(source: Source, plan: Plan) -> Iterator[Candidate]:
    """A source's clips with their texts as they are to be written."""
    tidy = clean if plan.text == "clean" else str.strip
    offered = 0
    clips = read(replace(source, language=source.language or plan.language), plan.limits.max_s)
    for clip in tqdm(clips, unit="clip", desc=f"read {source.name}", disable=not plan.progress, dynamic_ncols=True):
        offered += 1
        segments = tuple((start, end, tidy(text)) for start, end, text in clip.segments)
        yield replace(clip, text=tidy(clip.text), previous=tidy(clip.previous), segments=segments)
    if not offered:
        raise SourceError(f"{source.path} offers no clips: neither lists beside clips/, nor audio with texts")


def _with_languages(candidates: list[Candidate]) -> list[Candidate]:
    """Every clip has a language; one without speech has that of most others, which costs it nothing."""
    spoken = Counter(clip.language for clip in candidates if clip.speech and clip.language)
    for clip in candidates:
        if clip.speech and clip.text and not clip.language and not clip.refused:
            raise SourceError(f"{clip.source} does not say which language {clip.id} is in: --language, or language=")
        if clip.speech and not clip.refused:
            check(clip.language, clip.id)
    usual = spoken.most_common(1)[0][0] if spoken else ""
    return [clip if clip.language else replace(clip, language=usual) for clip in candidates]


def _of_sources(candidates: Sequence[Candidate], captions: Mapping[str, Counter[str]], plan: Plan) -> Iterator[str]:
    yield from filter(None, (corrections.note(source, writers) for source, writers in captions.items()))
    yield from _of_languages(candidates, plan)
    yield from _of_each(candidates, plan)


def _of_each(candidates: Sequence[Candidate], plan: Plan) -> Iterator[str]:
    for source in plan.sources:
        own = [clip for clip in candidates if f"{clip.source}/".startswith(f"{source.name}/")]
        yield from filter(None, (several_texts(own), without_speakers(Path(source.path).expanduser(), own)))
        yield from filter(None, [manner.note(source.name, (clip.text for clip in own if not clip.refused))])


def _of_languages(candidates: Sequence[Candidate], plan: Plan) -> Iterator[str]:
    """What whoever gave a language, or trains on it, should know."""
    spoken: dict[str, Counter[str]] = {}
    for clip in candidates:
        if clip.speech and not clip.refused:
            spoken.setdefault(clip.source, Counter())[clip.language] += 1
    yield from filter(None, map(unknown, sorted(set().union(*spoken.values()))))
    given = [("language=", source.language, source.name) for source in plan.sources if source.language]
    for option, language, name in [*given, *([("--language ", plan.language, "")] if plan.language else [])]:
        of = [counts for source, counts in spoken.items() if f"{source}/".startswith(f"{name}/" if name else "")]
        found = sum(of, Counter())
        if found and language_code(language) not in found:
            says = " and ".join(f"{code} of {n:,}" for code, n in found.most_common() if code)
            yield (
                f"{name or 'Every source'} says itself in which language its clips are ({says}): "
                f"{option}{language} is for those that do not say, and was not used."
            )


def _judge(
    candidates: Sequence[Candidate], assignment: Assignment, plan: Plan, dropped: Dropped, written: Container[str]
) -> list[int]:
    """Drop what need not be listened to, and was not written by an earlier run; the indices of the others."""
    scripts = Scripts((clip.language, clip.text) for clip in candidates)
    seen: set[str] = set()
    readings: Counter[tuple[str, str]] = Counter()
    wanted: list[int] = []
    for index, clip in enumerate(candidates):
        id, reason = clip.id, clip.refused or _of_text(clip, scripts)
        if clip.id in seen:  # its id is that of a clip which is used, and must not be skipped with it
            id, reason = f"{clip.id} (row {index + 1})", Reason.LISTED_TWICE
        seen.add(clip.id)
        if reason is None and assignment.splits[index] is None:
            reason = Reason.HELD_OUT
        if reason is None and clip.speech and clip.speaker and plan.max_readings:
            readings[clip.speaker, clip.text] += 1
            reason = Reason.REPEATED if readings[clip.speaker, clip.text] > plan.max_readings else None
        if reason is None:
            wanted.append(index)
        elif id not in dropped.reasons and id not in written:
            dropped.add(id, reason, clip.detail if reason is clip.refused else clip.text[:200])
    return wanted


def _of_text(clip: Candidate, scripts: Scripts) -> Reason | None:
    if not clip.speech:
        return None
    if not clip.text:
        return Reason.NO_TEXT
    if not has_words(clip.text):
        return Reason.ONLY_PUNCTUATION
    return Reason.WRONG_SCRIPT if scripts.strange(clip.language, clip.text) else None


def _recordings(candidates: Sequence[Candidate], todo: Iterable[int], recordings: Recordings) -> Iterator[Recording]:
    """Clips of one recording stand beside each other in their source, and it is decoded once for them."""
    for audio, indices in groupby(todo, key=lambda index: candidates[index].audio):
        recordings.note(audio)
        yield Recording(audio, tuple(_part(index, candidates[index]) for index in indices))


def _part(index: int, clip: Candidate) -> Part:
    letters = spoken_length(clip.text) if clip.speech else None
    said = tuple((start_s, end_s) for start_s, end_s, _ in clip.segments)
    return Part(index, clip.start_s, clip.end_s, clip.declared_s, letters, said)


def _bar(heard: Iterable[Heard], total: int, plan: Plan) -> Iterable[Heard]:
    return tqdm(heard, total=total, unit="clip", desc="listen", disable=not plan.progress, dynamic_ncols=True)


def _story(
    plan: Plan,
    assignment: Assignment,
    dropped: Counter[Reason],
    digests: Iterable[bytes],
    captions: Mapping[str, Counter[str]],
) -> dict[str, Any]:
    """What corpus.json says; its fingerprint changes with any text, column or sample."""
    lines = (plan.out / CLIPS_NAME).read_bytes()
    clips = [Clip.of_line(line) for line in lines.decode().split("\n")[:-1]]
    sources = [
        {
            **asdict(source),
            "lists": list(source.lists),
            **_size([c for c in clips if c.source == source.name or c.source.startswith(f"{source.name}/")]),
            **({"captions": corrections.document(captions[source.name])} if source.name in captions else {}),
        }
        for source in plan.sources
    ]
    return {
        "plan": plan.said(),
        "fingerprint": hashlib.blake2b(lines + b"".join(digests), digest_size=16).hexdigest(),
        "sources": sources,
        "languages": dict(Counter(clip.language for clip in clips).most_common()),
        "splits": {split: _size([clip for clip in clips if clip.split == split]) for split in SPLITS},
        "splits_made": list(assignment.made),
        "voices_crossing": assignment.crossing,
        "clips_moved": assignment.moved,
        "notes": [*assignment.notes, *_of_splits(clips, assignment), *_of_voices(clips, plan)],
        "dropped": {reason.value: dropped[reason] for reason in Reason if dropped[reason]},
    }


def _of_splits(clips: Sequence[Clip], assignment: Assignment) -> Iterator[str]:
    for split in SPLITS:
        if clips and split in assignment.splits and not any(clip.split == split for clip in clips):
            yield f"There is no {split}: all clips that were meant for it were dropped."


def _of_voices(clips: Sequence[Clip], plan: Plan) -> Iterator[str]:
    """Of clips in the corpus: those that were dropped are nobody's."""
    unknown = sum(bool(clip.text) and not clip.speaker for clip in clips)
    if unknown and plan.splits != "clip":
        yield f"{unknown:,} clips have no known speaker: each of their recordings is taken for a voice."


def _size(clips: Sequence[Clip]) -> dict[str, int | float]:
    return {"clips": len(clips), "hours": round(total_s(clips) / 3600, 4)}
