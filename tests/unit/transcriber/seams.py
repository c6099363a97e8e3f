"""Helpers for tests of the seam: a driver that feeds it, and outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from hypothesis import settings

from transcriber.joining.policy import Policy
from transcriber.joining.seam import advance
from transcriber.language import candidates
from transcriber.outcome import Outcome, Part, Reading
from wire.captions import latest_revisions
from wire.messages import Caption, Content, Word

CHUNK_S, LEAD_S = 5.0, 1.0
#: The same examples in every run; failures found with random ones get tests of their own.
EXAMPLES = settings(max_examples=100, derandomize=True)

STATION, JOB, MICROPHONE = Policy("stations/demo"), Policy("jobs/1"), Policy("microphones/1")


class SeamDriver:
    """Feeds outcomes to the seam and collects its captions, checking invariants at every step."""

    def __init__(self, policy: Policy = STATION) -> None:
        self.policy = policy
        self.state: bytes | None = None
        self.now_s = 0.0
        self.captions: list[Caption] = []
        self.rejections: list[str] = []
        self.finished = False

    def feed(self, *outcomes: Outcome) -> SeamDriver:
        """Apply outcomes one by one."""
        for outcome in outcomes:
            self.feed_together(outcome)
        return self

    def feed_together(self, *outcomes: Outcome) -> SeamDriver:
        """Apply outcomes in one step."""
        result = advance(self.state, outcomes, self.policy, self.now_s)
        if result is None:
            return self
        self.state = result.state
        self.finished = result.finished
        self.rejections += result.rejected
        for caption in result.captions:
            self._check(caption)
            self.captions.append(caption)
        return self

    def wait(self, duration_s: float) -> SeamDriver:
        self.now_s += duration_s
        return self

    def _check(self, caption: Caption) -> None:
        earlier = [c for c in self.captions if c.id == caption.id]
        assert not any(c.final for c in earlier), f"final caption {caption.id} was changed"
        assert caption.revision == (earlier[-1].revision + 1 if earlier else 0)
        assert caption.end_s >= caption.start_s
        if caption.final:
            finals = [c.id for c in self.captions if c.final]
            assert caption.id == len(finals) + 1, "captions become final in order, without gaps"

    @property
    def shown(self) -> list[Caption]:
        return latest_revisions(self.captions)

    @property
    def words(self) -> list[str]:
        return [word.text for caption in self.shown for word in caption.words]

    @property
    def text(self) -> str:
        return " ".join(caption.text for caption in self.shown if caption.text)


def part(
    words: Iterable[Word], language: str = "sv", p: float | None = None, *, doubtful: bool = False, **others: Reading
) -> Part:
    """A part with words in a language, given or with probability `p`; `others` are readings in other languages."""
    own = {language: Reading(tuple(words), language, doubtful)}
    return Part.of(own | others, {} if p is None else {language: p, "en" if language == "sv" else "sv": 1 - p})


def outcome(seq: int, words: Iterable[Word] = (), *, doubtful: bool = False, **changes: object) -> Outcome:
    """The outcome of a chunk with a second of overlap at either end, without language probabilities."""
    plain = Outcome(
        epoch=1,
        seq=seq,
        start_s=seq * CHUNK_S,
        end_s=(seq + 1) * CHUNK_S,
        lead_s=LEAD_S if seq else 0.0,
        tail_s=LEAD_S,
        parts=(part(words, doubtful=doubtful),),
        captured_s=1000.0 + (seq + 1) * CHUNK_S,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def word(text: str, start_s: float, end_s: float | None = None) -> Word:
    """A word of 0.3 s, or until `end_s`."""
    return Word(text, start_s, start_s + 0.3 if end_s is None else end_s)


def words_of(outcome: Outcome) -> list[Word]:
    """The words of the likeliest readings."""
    return [word for part in outcome.parts for word in part.likeliest.words]


def numbered(n: int, **changes: object) -> list[Outcome]:
    """Chunks with one sentence in the middle of each."""
    return [outcome(seq, [word(f"{seq}.", seq * CHUNK_S + 2.5)], **changes) for seq in range(n)]


def again(chunks: Sequence[Outcome], epoch: int = 2, after_s: float = 100.0) -> list[Outcome]:
    """The same chunks after a reconnection."""
    return [
        replace(
            o,
            epoch=epoch,
            start_s=o.start_s + after_s,
            end_s=o.end_s + after_s,
            parts=(part(word(w.text, w.start_s + after_s) for w in words_of(o)),),
        )
        for o in chunks
    ]


def lost(seq: int, reason: str = "shed", **changes: object) -> Outcome:
    """A chunk that was not transcribed."""
    return outcome(seq, content=Content.GAP, reason=reason, lead_s=0.0, **changes)


def spoken(seq: int, english: float, n_words: int = 6, **changes: object) -> Outcome:
    """A chunk of half-second words in English, in Swedish, or, if the language is in doubt, in both."""
    likely = {"sv": 1.0 - english, "en": english}
    starts_s = [seq * CHUNK_S + 0.5 + 0.6 * n for n in range(n_words)]
    readings = {
        code: Reading(tuple(Word(f"{code}{seq}.{n}", at_s, at_s + 0.5) for n, at_s in enumerate(starts_s)), code)
        for code in candidates(likely)
    }
    return outcome(seq, **{"parts": (Part.of(readings, likely),), **changes})


def in_parts(seq: int, *parts: tuple[str, float, int]) -> Outcome:
    """A chunk of parts: (certain language, beginning within the chunk in seconds, number of half-second words)."""
    told = []
    for code, at_s, n_words in parts:
        starts_s = [seq * CHUNK_S + at_s + 0.6 * n for n in range(n_words)]
        words = [Word(f"{code}@{start_s:.1f}", start_s, start_s + 0.5, 0.9) for start_s in starts_s]
        told.append(part(words, code, 1.0))
    return outcome(seq, parts=tuple(told))
