"""Cuts PCM into numbered pieces that overlap. Pure: bytes in, pieces out, no clock and no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field

from ingest.options import NO_OPTIONS, Options
from ingest.overlap import overlap_samples, saved_samples
from wire.audio import SAMPLE_BYTES, samples, seconds
from wire.chunk import Chunk
from wire.messages import Content

#: Audio kept before speech that begins within a piece, and the minimum that is worth skipping.
PREROLL_SAMPLES, SKIP_SAMPLES = samples(0.4), samples(0.4)


@dataclass(frozen=True, slots=True)
class Piece:
    """`n_samples` new samples after `lead_samples` that repeat the end of the previous piece.

    Its last `tail_samples` are the lead of the next piece.
    """

    seq: int
    first_sample: int  # place of the first new sample in the epoch, from 0
    n_samples: int
    lead_samples: int
    pcm: bytes = field(repr=False)
    tail_samples: int = 0
    last: bool = False
    partial: bool = False

    @property
    def new_pcm(self) -> bytes:
        """The audio without the lead."""
        return self.pcm[self.lead_samples * SAMPLE_BYTES :]

    def chunk(
        self,
        source: str,
        *,
        epoch: int,
        origin_s: float,
        content: Content = Content.SPEECH,
        onset_samples: int = 0,
        options: Options = NO_OPTIONS,
        captured_s: float = 0.0,
    ) -> Chunk:
        """The message for this piece; only one that may contain speech includes its audio.

        Args:
            origin_s: the time of the epoch's first sample on the source's clock.
            onset_samples: new samples before the first possible speech. If there are many, they and the lead are not
                transcribed: models perform worst on windows that do not begin with speech, and no word of the previous
                piece continues into this one.
        """
        silent = content is not Content.SPEECH or not self.n_samples
        skipped = min(onset_samples, self.n_samples) - PREROLL_SAMPLES
        skipped = 0 if silent or skipped < SKIP_SAMPLES else skipped
        return Chunk(
            source=source,
            epoch=epoch,
            seq=self.seq,
            start_s=origin_s + seconds(self.first_sample),
            n_samples=self.n_samples,
            pcm=b"" if silent else self.pcm,
            lead_samples=0 if silent else self.lead_samples,
            skipped_samples=skipped,
            tail_samples=self.tail_samples,
            content=content,
            language=options.language,
            hot_words=options.hot_words,
            task=options.task,
            last=self.last,
            partial=self.partial,
            captured_s=captured_s,
        )


class Chunker:
    """Cuts one epoch of one source.

    Args:
        chunk_samples: new samples of each piece; the last one may have fewer.
        lead_samples: samples that each piece except the first repeats from the previous one, on average; see `overlap`.
    """

    def __init__(self, chunk_samples: int, lead_samples: int) -> None:
        if chunk_samples < 1 or not 0 <= lead_samples <= chunk_samples:
            raise ValueError(f"a lead of {lead_samples} samples does not fit a chunk of {chunk_samples}")
        self._chunk_bytes = chunk_samples * SAMPLE_BYTES
        self._lead_samples = lead_samples
        self._buffer = bytearray()
        self._lead, self._saved = b"", 0
        self._seq = 0
        self._samples = 0  # cut so far

    @property
    def samples(self) -> int:
        """Whole samples received so far."""
        return self._samples + self.pending_samples

    def feed(self, pcm: bytes) -> list[Piece]:
        """Add PCM of any length, even half a sample; return the pieces that it completes."""
        self._buffer += pcm
        pieces = []
        while len(self._buffer) >= self._chunk_bytes:
            pieces.append(self._cut(self._chunk_bytes))
        return pieces

    @property
    def pending_samples(self) -> int:
        """Whole samples that are not in a piece yet."""
        return len(self._buffer) // SAMPLE_BYTES

    def partial(self) -> Piece:
        """The next piece as far as it has arrived; the complete piece will include all of it."""
        n_samples = self.pending_samples
        return Piece(
            seq=self._seq,
            first_sample=self._samples,
            n_samples=n_samples,
            lead_samples=len(self._lead) // SAMPLE_BYTES,
            pcm=self._lead + bytes(self._buffer[: n_samples * SAMPLE_BYTES]),
            partial=True,
        )

    def flush(self) -> Piece | None:
        """Return the remaining samples as a piece, if any. The next piece repeats the end of it, as usual."""
        return self._cut(self.pending_samples * SAMPLE_BYTES) if self.pending_samples else None

    def finish(self) -> Piece:
        """Return the rest as the last piece; it is empty if the source ended at a border. Half a sample is dropped."""
        return self._cut(self.pending_samples * SAMPLE_BYTES, whole=True, last=True)

    def _cut(self, n_bytes: int, *, whole: bool = False, last: bool = False) -> Piece:
        new = bytes(self._buffer[:n_bytes])
        del self._buffer[:n_bytes]
        tail_samples = 0 if whole else overlap_samples(new, self._lead_samples, self._saved)
        self._saved = saved_samples(self._saved, self._lead_samples, tail_samples)
        piece = Piece(
            seq=self._seq,
            first_sample=self._samples,
            n_samples=n_bytes // SAMPLE_BYTES,
            lead_samples=len(self._lead) // SAMPLE_BYTES,
            pcm=self._lead + new,
            tail_samples=tail_samples,
            last=last,
        )
        self._seq += 1
        self._samples += piece.n_samples
        self._lead = new[len(new) - tail_samples * SAMPLE_BYTES :]
        return piece
