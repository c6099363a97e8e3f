"""Prepares a corpus: reads sources, filters clips, assigns splits, decodes audio, and writes the clips.

Every dropped clip is recorded with a reason. A killed `prepare` resumes: clips.jsonl and dropped.jsonl say what is
done, and the order of work is deterministic, so the resulting corpus is the same to the last byte.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, TypeVar

from tqdm import tqdm

from trainer.corpus import corrections
from trainer.corpus.about import about
from trainer.corpus.cleaning import clean, has_words, spoken_length
from trainer.corpus.clips import CLIPS_NAME, Corpus, Writer
from trainer.corpus.digests import Digests
from trainer.corpus.drops import Dropped, Limits, Reason
from trainer.corpus.extraction import ExtractedClip, Part, Recording, extract_all
from trainer.corpus.out_folder import check_folder, prepared_folder
from trainer.corpus.recordings import Recordings
from trainer.corpus.resuming import clip_fields, outdated_notes
from trainer.corpus.scripts import Scripts
from trainer.corpus.source_notes import source_notes
from trainer.corpus.sources.candidate import Candidate, Source
from trainer.corpus.sources.languages import check
from trainer.corpus.sources.read import expected_clips, read, with_names
from trainer.corpus.splits import Assignment, Mode, Shares, assign
from trainer.errors import SourceError

T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """What to prepare.

    Attributes:
        language: of clips whose source does not declare one.
        text: `clean` (see `trainer.corpus.cleaning`), or `keep` for text as written.
        max_readings: maximum number of clips with the same text by the same speaker; 0: no limit.
        processes: number of decoding processes; the result does not depend on it.
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

    def document(self) -> dict[str, Any]:
        """Return, as JSON, the settings that the corpus depends on."""
        values = asdict(self)
        for name in ("out", "processes", "progress"):
            del values[name]
        for source in values["sources"]:
            del source["weight"]  # only for the sampler: it may change any time
            for word in ("speaker", "corrected"):  # corpora from before these options existed can be resumed
                if not source[word]:
                    del source[word]
        plan: dict[str, Any] = json.loads(json.dumps(values))
        return plan


@dataclass(frozen=True)
class Prepared:
    """The result of `prepare`.

    Attributes:
        dropped: number of dropped clips by reason, including those of interrupted runs.
        decoded_s: seconds of audio that this run decoded and wrote.
        elapsed_s: the time that this took, without reading lists.
    """

    corpus: Corpus
    dropped: Counter[Reason]
    assignment: Assignment
    decoded_s: float
    elapsed_s: float

    @property
    def hours_per_minute(self) -> float:
        """Hours of audio prepared per minute; 0 if nothing was left to do."""
        return self.decoded_s / 60 / self.elapsed_s if self.elapsed_s else 0.0


def prepare(plan: Plan, again: bool = False) -> Prepared:
    """Prepare a corpus, or resume an interrupted run.

    Args:
        again: replace an existing corpus, once all sources have been read.

    Raises:
        SourceError: a source cannot be read, is empty, or has no language, declared or given.
        PlanError: the folder has a corpus of another plan, another process uses it, or a language is invalid.
    """
    plan = replace(plan, sources=with_names(plan.sources))
    check_folder(plan.out, plan.document(), again)
    check(plan.language, "--language")
    for source in plan.sources:
        check(source.language, f"language= of {source.path}")
    candidates = _with_languages([clip for source in plan.sources for clip in _read(source, plan)])
    assignment = assign(candidates, plan.splits, plan.shares)
    captions = corrections.count(candidates)
    notes = (*source_notes(candidates, captions, plan.sources, plan.language), *assignment.notes)
    with (
        prepared_folder(plan.out, plan.document(), again),
        Dropped(plan.out) as dropped,
        Recordings(plan.out) as recordings,
        Writer(plan.out) as writer,
        Digests(plan.out, writer.resumed, plan.progress) as digests,
    ):
        wanted = _filter(candidates, assignment, plan, dropped, writer.written)
        reasons, splits = dropped.reasons, assignment.splits
        resumed = _progress(writer.resumed, "compare with sources", plan)
        notes = (*outdated_notes(plan.out, recordings, resumed, reasons, candidates, splits, wanted), *notes)
        done = writer.written | dropped.reasons.keys()
        todo = [i for i in wanted if candidates[i].id not in done]
        started_s = time.monotonic()
        to_decode = _recordings(candidates, todo, recordings, frozenset(writer.written))
        extracted = _progress(extract_all(to_decode, plan.limits, plan.processes), "decode", plan, len(todo))
        decoded_s = _write(extracted, candidates, assignment, digests, writer, dropped)
        elapsed_s = time.monotonic() - started_s if todo else 0.0
        assigned = replace(assignment, notes=notes)
        corpus = writer.finish(_about(plan, assigned, dropped.counts, digests, captions, len(writer.written)))
    return Prepared(corpus, dropped.counts, assignment, decoded_s, elapsed_s)


def _write(
    extracted: Iterable[ExtractedClip],
    candidates: Sequence[Candidate],
    assignment: Assignment,
    digests: Digests,
    writer: Writer,
    dropped: Dropped,
) -> float:
    """Write the extracted clips, or record why they are dropped; return the duration of those written, in seconds."""
    written_s = 0.0
    for result in extracted:
        clip = candidates[result.index]
        if result.audio is None:
            assert result.reason is not None
            dropped.add(clip.id, result.reason, result.detail)
        elif twin := digests.ids.get(result.digest):
            dropped.add(clip.id, Reason.DUPLICATE, twin)
        else:
            digests.add(result.digest, clip.id)
            split = assignment.splits[result.index]
            assert split is not None
            written_s += writer.add(result.audio, **clip_fields(clip, split)).duration_s
    return written_s


def _read(source: Source, plan: Plan) -> Iterator[Candidate]:
    """Yield a source's clips with normalized texts."""
    tidy = clean if plan.text == "clean" else str.strip
    offered = 0
    clips = read(replace(source, language=source.language or plan.language), plan.limits.max_s)
    for clip in _progress(clips, f"read {source.name}", plan, expected_clips(source)):
        offered += 1
        segments = tuple((start, end, tidy(text)) for start, end, text in clip.segments)
        yield replace(clip, text=tidy(clip.text), previous=tidy(clip.previous), segments=segments)
    if not offered:
        raise SourceError(f"{source.path} has no clips: no lists beside clips/, and no recordings with transcripts")


def _with_languages(candidates: list[Candidate]) -> list[Candidate]:
    """Check that every clip with speech has a language; give the most frequent one to clips without speech."""
    spoken = Counter(clip.language for clip in candidates if clip.speech and clip.language)
    for clip in candidates:
        if clip.speech and clip.text and not clip.language and not clip.refused:
            raise SourceError(
                f"{clip.source} does not declare the language of {clip.id}: give --language, or language="
            )
        if clip.speech and not clip.refused:
            check(clip.language, clip.id)
    usual = spoken.most_common(1)[0][0] if spoken else ""
    return [clip if clip.language else replace(clip, language=usual) for clip in candidates]


def _filter(
    candidates: Sequence[Candidate], assignment: Assignment, plan: Plan, dropped: Dropped, written: Container[str]
) -> list[int]:
    """Drop clips that need no decoding to be rejected; return the indices of the others."""
    scripts = Scripts((clip.language, clip.text) for clip in candidates)
    seen: set[str] = set()
    readings: Counter[tuple[str, str]] = Counter()
    wanted: list[int] = []
    for index, clip in enumerate(_progress(candidates, "check texts", plan)):
        id, reason = clip.id, clip.refused or _of_text(clip, scripts)
        if clip.id in seen:  # give it another id: this one belongs to the first clip, which is used
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


def _recordings(
    candidates: Sequence[Candidate], todo: Iterable[int], recordings: Recordings, written: frozenset[str]
) -> Iterator[Recording]:
    """Group the clips of one recording, which are consecutive in their source, so that it is decoded once."""
    with_clips = {clip.audio for clip in candidates if clip.id in written}
    for audio, indices in groupby(todo, key=lambda index: candidates[index].audio):
        recordings.note(audio, audio in with_clips)
        yield Recording(audio, tuple(_part(index, candidates[index]) for index in indices))


def _part(index: int, clip: Candidate) -> Part:
    letters = spoken_length(clip.text) if clip.speech else None
    text_spans_s = tuple((start_s, end_s) for start_s, end_s, _ in clip.segments)
    return Part(index, clip.start_s, clip.end_s, clip.declared_s, letters, text_spans_s)


def _about(
    plan: Plan,
    assignment: Assignment,
    dropped: Counter[Reason],
    digests: Digests,
    captions: Mapping[str, Counter[str]],
    clips: int,
) -> dict[str, Any]:
    with (plan.out / CLIPS_NAME).open("rb") as file:
        lines = _progress(file, "summarize", plan, clips)
        return about(lines, plan.document(), plan.sources, assignment, dropped, digests.ids, captions)


def _progress(items: Iterable[T], what: str, plan: Plan, total: int | None = None) -> Iterable[T]:
    """Show the progress through clips, with the time left if their number is known."""
    return tqdm(items, what, total, unit="clip", disable=not plan.progress, dynamic_ncols=True)
