"""LocalAgreement-2 as published: our own compact reference implementation.

Macháček, Dabre and Bojar, "Turning Whisper into Real-Time Transcription System" (2023): a buffer grows by a second at
a time and is decoded from scratch each time; the common prefix of two successive hypotheses is final. Words that repeat
the last final ones (one to five) are dropped; when the buffer becomes too long, it is cut at the end of the last final
word. Their detector (off by default) and the prompt of previous text are left out, as in all rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.captions.peers import shifted
from benchmarks.captions.programme import Programme
from benchmarks.captions.run import BATCH, Meter, Run, in_lines
from transcriber.engine import Utterance
from wire.messages import Word

#: New audio per step, in seconds: the default in the paper and its program.
STEP_S = 1.0
#: Maximum number of dropped words that repeat the last final ones.
REPEATED = 5
#: Words that begin this much before the end of the last final one are old; repeats are searched within the second value
#: of it, in seconds.
_OLD_S, _NEAR_S = 0.1, 1.0


@dataclass
class Agreement:
    """The words of one stream.

    Attributes:
        begins_s: where the buffer begins.
        final: words on which two hypotheses agreed.
        pending: the rest of the latest hypothesis.
    """

    begins_s: float = 0.0
    final: list[Word] = field(default_factory=list)
    pending: list[Word] = field(default_factory=list)

    def add(self, words: Sequence[Word]) -> list[Word]:
        """Add the buffer's next hypothesis; returns the words that become final."""
        last_s = self.final[-1].end_s if self.final else 0.0
        fresh = self._without_repeats([word for word in words if word.start_s > last_s - _OLD_S], last_s)
        agreed = 0
        while agreed < min(len(fresh), len(self.pending)) and fresh[agreed].text == self.pending[agreed].text:
            agreed += 1
        self.final += fresh[:agreed]
        self.pending = fresh[agreed:]
        return fresh[:agreed]

    def trim(self, longest_s: float, until_s: float) -> list[Word]:
        """Shorten a buffer that ends at `until_s` and exceeds `longest_s`; returns words that become final by that.

        If cutting at the last final word is not enough, the beginning is cut off and its pending words become final: as
        published, the buffer would outgrow the model's context.
        """
        if until_s - self.begins_s <= longest_s:
            return []
        if self.final:
            self.begins_s = max(self.begins_s, self.final[-1].end_s)
        if until_s - self.begins_s <= longest_s:
            return []
        self.begins_s = until_s - longest_s
        given_up = [word for word in self.pending if (word.start_s + word.end_s) / 2 < self.begins_s]
        self.final += given_up
        self.pending = self.pending[len(given_up) :]
        return given_up

    def finish(self) -> list[Word]:
        """End the stream: pending words become final."""
        rest, self.pending = self.pending, []
        self.final += rest
        return rest

    def _without_repeats(self, fresh: list[Word], last_s: float) -> list[Word]:
        if not fresh or abs(fresh[0].start_s - last_s) >= _NEAR_S:
            return fresh
        for length in range(1, min(REPEATED, len(fresh), len(self.final)) + 1):
            if [w.text for w in self.final[-length:]] == [w.text for w in fresh[:length]]:
                return fresh[length:]
        return fresh


@dataclass
class _Stream:
    """A stretch of the programme that is captioned separately, so that several can be decoded in one batch."""

    end_s: float
    agreement: Agreement
    until_s: float = 0.0
    events: list[tuple[float, list[Word]]] = field(default_factory=list)
    cuts_s: list[float] = field(default_factory=list)

    def grow(self, longest_s: float) -> bool:
        """Add the next second; False at the end."""
        if self.until_s >= self.end_s:
            return False
        began_s = self.agreement.begins_s
        given_up = self.agreement.trim(longest_s - STEP_S, self.until_s)
        if self.agreement.begins_s > began_s:
            self.cuts_s.append(self.agreement.begins_s)
        if given_up:
            self.events.append((self.until_s, given_up))
        self.until_s = min(self.until_s + STEP_S, self.end_s)
        return True


def local_agreement(programme: Programme, meter: Meter) -> Run:
    """Caption a programme in BATCH parallel streams, split where there is no speech."""
    run = Run(sent_s=programme.duration_s)
    streams = [
        _Stream(end_s, Agreement(begins_s=start_s), until_s=start_s) for start_s, end_s in stretches(programme, BATCH)
    ]
    while growing := [stream for stream in streams if stream.grow(meter.context_s)]:
        spans = [(stream.agreement.begins_s, stream.until_s) for stream in growing]
        recognitions = meter.transcribe(
            [Utterance(programme.samples_between(*span), programme.language) for span in spans]
        )
        for stream, one, (start_s, until_s) in zip(growing, recognitions, spans, strict=True):
            words = stream.agreement.add(shifted(one.likeliest.words, start_s))
            if until_s >= stream.end_s:
                words += stream.agreement.finish()
            stream.events.append((until_s, words))
    for stream in streams:
        run.borders += [(cut_s, cut_s) for cut_s in stream.cuts_s]
        run.events += [(at_s, in_lines(words, programme.language)) for at_s, words in stream.events if words]
    meter.settle(run)
    return run


def stretches(programme: Programme, most: int) -> list[tuple[float, float]]:
    """Split a programme into at most `most` stretches of similar length that begin and end without speech."""
    middles = [(start_s + end_s) / 2 for start_s, end_s in programme.quiet()]
    cuts: list[float] = [0.0]
    for number in range(1, most):
        wanted_s = programme.duration_s * number / most
        behind = [middle_s for middle_s in middles if middle_s > cuts[-1]]
        if behind:
            cuts.append(min(behind, key=lambda middle_s: abs(middle_s - wanted_s)))
    return list(zip(cuts, [*cuts[1:], programme.duration_s], strict=True))
