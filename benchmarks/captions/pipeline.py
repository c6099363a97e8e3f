"""Our method: the processing of ingest and transcriber in one process, without Redis, on the programme's own clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from benchmarks.captions.programme import Programme
from benchmarks.captions.run import BATCH, Meter, Run
from ingest.chunker import Chunker, Piece
from ingest.options import Options
from ingest.settings import Settings
from ingest.speech.detector import Detector
from ingest.speech.speech_detector import make_detectors
from transcriber import grouping, rules
from transcriber.engine import Hypothesis, Recognition
from transcriber.joining import seam
from transcriber.joining.policy import Policy
from transcriber.outcome import Outcome, Part, Reading
from transcriber.recognition import recognise
from wire.audio import SAMPLE_BYTES, samples, seconds
from wire.chunk import Chunk
from wire.messages import Content, Kind, source_name
from wire.queue import Delivery

#: PCM arrives in steps of this length, in seconds: the resolution of arrival times.
ARRIVAL_S = 0.1

#: Recognises chunks of one source, in order; one result for each part between turns of language.
Recognise = Callable[[Sequence[Chunk]], list[list[Recognition]]]


def ours(
    programme: Programme, meter: Meter, *, detected: bool = False, watched: bool = True, waiting: bool = False
) -> Run:
    """Caption a programme.

    Args:
        detected: detect its language.
        watched: there is a viewer, so partial chunks are decoded, too.
        waiting: all chunks are waiting, as those of a recording: successive ones are decoded together.
    """
    settings = Settings()
    run = follow(
        programme,
        lambda chunks: recognise_in_batches(meter, chunks),
        make_detectors(settings),
        detected=detected,
        partial_samples=settings.partial_samples if watched and not waiting else 0,
        context_s=meter.context_s if waiting else 0.0,
    )
    meter.settle(run)
    return run


def follow(
    programme: Programme,
    recogniser: Recognise,
    make_detector: Callable[[], Detector] | None,
    *,
    detected: bool = False,
    partial_samples: int = 0,
    context_s: float = 0.0,
) -> Run:
    """Caption a programme with any recogniser.

    Args:
        make_detector: makes a speech detector; without one, all chunks are decoded.
        partial_samples: interval of partial chunks; 0: none.
        context_s: context of a recogniser that decodes several chunks together; 0: each chunk is decoded separately.
    """
    run = Run()
    detector = make_detector() if make_detector else None
    arrived = []
    for piece, at_s in cut(programme.audio.tobytes(), partial_samples):
        piece_detector = detector.fork() if detector and piece.partial else detector
        content = piece_detector(piece.new_pcm) if piece_detector else Content.SPEECH
        chunk = piece.chunk(
            source_name(Kind.STATION, programme.name),
            epoch=1,
            origin_s=0.0,
            content=content,
            onset_samples=piece_detector.onset_samples if piece_detector else 0,
            options=Options(None if detected else programme.language),
            captured_s=at_s,
        )
        if not chunk.partial or chunk.pcm:
            arrived.append((chunk, at_s))
        if chunk.partial:
            continue
        if chunk.pcm:
            from_s = max(chunk.start_s, chunk.transcribed_from_s)
            run.sent_s += chunk.end_s - from_s
            if from_s > chunk.start_s:
                run.withheld.append((chunk.start_s, from_s))
            run.borders.append((chunk.start_s - chunk.lead_s, chunk.start_s))
        else:
            run.withheld.append((chunk.start_s, chunk.end_s))
    state: bytes | None = None
    policy = Policy(source_name(Kind.STATION, programme.name))
    whole = outcomes_of([chunk for chunk, _ in arrived if not chunk.partial], recogniser, context_s)
    previewed = previews([chunk for chunk, _ in arrived if chunk.partial], recogniser)
    for chunk, at_s in arrived:
        if chunk.partial:
            step = seam.preview(state, next(previewed), policy)
        else:
            step = seam.advance(state, [next(whole)], policy, at_s)
        if step:
            state = step.state
            run.events.append((at_s, step.captions))
    return run


def cut(pcm: bytes, partial_samples: int = 0) -> Iterator[tuple[Piece, float]]:
    """The pieces that ingest cuts, including partial ones, and when each is available, in seconds."""
    settings = Settings()
    chunker = Chunker(settings.chunk_samples, settings.lead_samples)
    step = samples(ARRIVAL_S) * SAMPLE_BYTES
    previewed = 0
    for start in range(0, len(pcm), step):
        for piece in chunker.feed(pcm[start : start + step]):
            yield piece, seconds(chunker.samples)
            previewed = 0
        if partial_samples and chunker.pending_samples >= previewed + partial_samples:
            previewed = chunker.pending_samples
            yield chunker.partial(), seconds(chunker.samples)
    yield chunker.finish(), seconds(chunker.samples)


def recognise_in_batches(meter: Meter, chunks: Sequence[Chunk]) -> list[list[Recognition]]:
    """Recognise chunks of one source."""
    results: list[list[Recognition]] = []
    for first in range(0, len(chunks), BATCH):
        results += recognise(meter, chunks[first : first + BATCH], "transcribe")
    return results


def outcomes_of(chunks: Sequence[Chunk], recogniser: Recognise, context_s: float) -> Iterator[Outcome]:
    """Outcomes of chunks: those with audio are decoded, and their hypotheses filtered."""
    groups = [
        [delivery.chunk for delivery in group]
        for group in grouping.group_chunks((Delivery("", b"", chunk) for chunk in chunks if chunk.pcm), context_s)
    ]
    wholes = [grouping.merge(group) for group in groups]
    results: list[tuple[Chunk, Outcome]] = []
    for group, whole, parts in zip(groups, wholes, recogniser(wholes), strict=True):
        if len(group) > 1 and not grouping.is_reliable(whole, parts):
            results += [
                (chunk, Outcome.of(chunk, to_parts(one))) for chunk, one in zip(group, recogniser(group), strict=True)
            ]
        else:
            results += zip(group, grouping.split(group, to_parts(parts), "", str(group[0].seq)), strict=True)
    outcomes = {chunk.seq: outcome for chunk, outcome in results}
    for chunk in chunks:
        yield outcomes[chunk.seq] if chunk.pcm else Outcome.of(chunk)


def previews(chunks: Sequence[Chunk], recogniser: Recognise) -> Iterator[Outcome]:
    """Outcomes of partial chunks."""
    for chunk, parts in zip(chunks, recogniser(chunks), strict=True):
        yield Outcome.of(chunk, to_parts(parts))


def to_parts(results: Sequence[Recognition]) -> list[Part]:
    """Filter the hypotheses of the parts of a chunk."""
    return [
        Part.of({spoken: to_reading(h) for spoken, h in part.hypotheses.items()}, part.probabilities)
        for part in results
    ]


def to_reading(hypothesis: Hypothesis) -> Reading:
    """The part of a hypothesis that the rules accept."""
    return Reading(rules.judge(hypothesis).accepted.words, hypothesis.language, rules.doubtful(hypothesis))
