"""The seam's state of a source, and how each chunk changes it. Use it through `seam`."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

from transcriber.joining.join import in_order, join
from transcriber.joining.lines import Lines, Origin
from transcriber.joining.policy import Policy
from transcriber.joining.preview import Preview
from transcriber.joining.reading import choose_words, join_at_turn
from transcriber.language import Votes
from transcriber.outcome import Outcome, Reading, pack, unpack
from transcriber.rules import Reason, SpokenText, remember, repeats
from wire.messages import Content, Word

#: How long the first received chunk of a source or an epoch waits for earlier ones, in seconds. Those were queued
#: earlier, so if they exist, a worker has them; if that worker is dead, they are claimed within this time.
PATIENCE_S = 20.0

#: Settled words this close to the next window may be recognised again in it, in seconds: times are imprecise.
_ANCHOR_S = 1.0

#: A word that ends this close to the end of a partial chunk may be cut, in seconds.
_CUT_S = 0.3

#: If a new epoch begins more than this after the old one's end, the source was off air, in seconds. Smaller differences
#: may be clock error.
_AWAY_S = 1.0


@dataclass(frozen=True, slots=True)
class _Parked:
    """An outcome that waits for an earlier one."""

    outcome: Outcome
    since_s: float


@dataclass
class SourceState:
    """The state of one source."""

    policy: Policy
    epoch: int = 0  # 0: no chunk yet
    next_seq: int = 0
    until_s: float = 0.0  # end of the newest applied chunk
    ended: bool = False  # the epoch's last chunk has been applied
    finished: bool = False
    language: str | None = None  # of the captions
    votes: Votes = field(default_factory=Votes)
    captured_s: float = 0.0
    model: str = ""  # that decoded the newest words
    tail: list[Word] = field(default_factory=list)  # words near the newest chunk's end
    settled: int = 0  # number of settled words in the tail
    window: str = ""  # in which the newest chunk was decoded with others
    previewed: Preview | None = None
    kept_s: float | None = None  # the newest chunk is lost, but the tail has words of its preview, which ended then
    parked: dict[tuple[int, int], _Parked] = field(default_factory=dict)
    lines: Lines = field(default_factory=Lines)
    said: list[SpokenText] = field(default_factory=list)  # the newest windows' texts
    rejected: list[str] = field(default_factory=list)  # in this step
    sounds_like: str = ""  # in this step

    @property
    def provisional(self) -> list[Word]:
        return self.tail[self.settled :]

    @property
    def origin(self) -> Origin:
        return Origin(self.policy.source, max(1, self.epoch), self.language, self.captured_s, self.model)

    def take(self, outcome: Outcome, now_s: float) -> bool:
        """Apply an outcome, now or when it is its turn; False for a duplicate."""
        place = (outcome.epoch, outcome.seq)
        if self.finished or place < (self.epoch, self.next_seq) or place in self.parked:
            return False
        self.parked[place] = _Parked(outcome, now_s)
        while self._apply_next(now_s):
            pass
        return True

    def awaits(self, outcome: Outcome) -> bool:
        """Whether a partial chunk is the next in order, and longer than its previous preview."""
        place = (outcome.epoch, outcome.seq)
        first = not self.epoch and not outcome.seq  # nothing has been applied yet
        longer = self.previewed is None or outcome.end_s > self.previewed.end_s
        return (first or place == (self.epoch, self.next_seq)) and longer

    def preview(self, outcome: Outcome) -> Preview | None:
        """The words if the next chunk ended here; None if the language turns, which few words do not prove.

        This changes the state, which must be discarded afterwards.
        """
        language, settled, self.epoch = self.language, self.settled, outcome.epoch
        self.captured_s = max(self.captured_s, outcome.captured_s)
        self._add_words(replace(outcome, tail_s=float("inf")))
        if (language and self.language != language) or self.settled > settled:
            return None
        whole_s = max(self.until_s, outcome.end_s - _CUT_S)
        words = [word for word in self.provisional if word.end_s <= whole_s]
        return Preview(self.epoch, outcome.end_s, self.language, self.model, words)

    def _apply_next(self, now_s: float) -> bool:
        """Apply the next parked outcome in order; False if it has not arrived yet."""
        if not self.parked or self.finished:
            return False
        epoch, seq = min(self.parked)
        waited_s = now_s - self.parked[epoch, seq].since_s
        if epoch > self.epoch:
            if not self._earlier_epochs_over(epoch, waited_s):
                return False
            self._begin_epoch(epoch)
        if seq > self.next_seq:
            # An earlier chunk of a source without captions can only be with another worker.
            patience_s = self.policy.max_lag_s if self.until_s else min(self.policy.max_lag_s, PATIENCE_S)
            if not self.policy.live or waited_s < patience_s:
                return False
            self._skip_to(seq)
        self._apply(self.parked.pop((epoch, seq)).outcome)
        return True

    def _earlier_epochs_over(self, epoch: int, waited_s: float) -> bool:
        """Whether no more chunks are expected in the epochs before `epoch`."""
        first = self.parked.get((epoch, 0))
        follows = first.outcome.follows if first else None
        if waited_s >= PATIENCE_S:
            return True
        if follows:  # missing chunks were queued, so a worker has them, or will claim them
            return (self.epoch, self.next_seq) >= follows
        if self.ended:
            return True
        # After the source's last chunk, no other chunk can end the wait.
        over = self.policy.ends and any(parked.outcome.last for parked in self.parked.values())
        return not self.epoch or (first is not None and over)

    def _begin_epoch(self, epoch: int) -> None:
        """Settle the remaining words of the old epoch, and start a new one."""
        if self.previewed and self.previewed.epoch != epoch:
            self.until_s = self._keep_preview(self.previewed)
        self._forget_window()
        self.lines.flush(self.origin)
        self.ended = False
        self.epoch, self.next_seq = epoch, 0
        self.parked = {place: parked for place, parked in self.parked.items() if place[0] >= epoch}

    def _skip_to(self, seq: int) -> None:
        """Declare the chunks before `seq` lost. If nothing has been shown yet, the source simply begins here."""
        if self.until_s or self.previewed:
            self._add_gap(self.until_s, self.parked[self.epoch, seq].outcome.start_s, "lost")
        self.next_seq = seq

    def _apply(self, outcome: Outcome) -> None:
        """Apply the outcome that is next in order."""
        self.captured_s = max(self.captured_s, outcome.captured_s)
        if not outcome.seq and self.until_s and outcome.start_s - self.until_s > _AWAY_S:
            self._add_gap(self.until_s, outcome.start_s, "away")
        if outcome.content is Content.GAP:
            self._add_gap(outcome.start_s, outcome.end_s, outcome.reason)
        elif outcome.content is Content.SPEECH:
            self._add_words(outcome)
        else:
            self._forget_window()
            self.lines.settle((), self.origin, quiet_until_s=outcome.end_s - outcome.tail_s)
        self.next_seq, self.until_s, self.window = outcome.seq + 1, outcome.end_s, outcome.window
        self.previewed = None
        if outcome.last:
            self._settle_all()
            self.lines.flush(self.origin)
            self.ended = True
            self.finished = self.policy.ends
            if self.finished:
                self.lines.withdraw(self.origin)

    def _add_words(self, outcome: Outcome) -> None:
        """Join a window's words to the earlier ones, and settle those that the next window does not contain."""
        same_window = bool(outcome.window) and outcome.window == self.window
        if same_window:
            outcome = outcome.without_lead()
        begin_s = outcome.start_s - outcome.lead_s
        self.model = outcome.model
        chosen, self.votes = choose_words(
            outcome.parts, self.votes, self.language, outcome.start_s, self._accepted_words
        )
        if outcome.told:
            self.sounds_like = self.votes.contradiction(outcome.told) or self.sounds_like
        words, turns = [word for word, _ in chosen], bool(chosen) and chosen[0][1] != self.language
        place = {"begin_s": begin_s, "end_s": outcome.start_s if self.kept_s is None else self.kept_s}
        if same_window:  # the same window: there is nothing to join
            self.tail, kept = in_order([*self.tail, *words], self.settled), len(self.tail)
        else:
            joined = join_at_turn(self.tail, words, **place, settled=self.settled) if turns else None
            self.tail, kept = joined or join(self.tail, words, **place, settled=self.settled)
        self.kept_s = None
        new = len(self.tail) - kept
        if new:
            self.lines.end_gap(self.tail[kept].start_s)
        for count, (_, language) in enumerate(chosen[len(chosen) - new :], start=kept):
            if language != self.language:
                self._switch_language(language, count)
        horizon_s = outcome.end_s - outcome.tail_s
        settled = self.settled
        while settled < len(self.tail) and self.tail[settled].end_s <= horizon_s:
            settled += 1
        # The next word is the first provisional one, or is in audio that has not been decoded yet.
        quiet_until_s = self.tail[settled].start_s if settled < len(self.tail) else horizon_s
        self.lines.settle(self.tail[self.settled : settled], self.origin, quiet_until_s=quiet_until_s)
        anchors = sum(word.end_s <= horizon_s - _ANCHOR_S for word in self.tail[:settled])
        self.tail, self.settled = self.tail[anchors:], settled - anchors

    def _switch_language(self, language: str | None, kept: int) -> None:
        """Switch to another language; the first `kept` words of the tail are in the old one and end their line."""
        if self.settled < kept:
            old = self.tail[self.settled : kept]
            self.lines.settle(old, self.origin, quiet_until_s=old[-1].end_s)
            self.settled = kept
        self.lines.flush(self.origin)
        self.language = language

    def _accepted_words(self, reading: Reading) -> list[Word]:
        """The words of a reading, unless they are in doubt and only repeat an earlier text.

        Decided here, because here windows are in order, whatever worker decoded them.
        """
        if reading.rejected:
            self.rejected.append(reading.rejected)
        if not reading.words:
            return []
        repeated = reading.doubtful and repeats(reading.words, self.said)
        self.said = remember(reading.words, self.said)
        if repeated:
            self.rejected.append(Reason.REPEATED)
        return [] if repeated else list(reading.words)

    def _add_gap(self, start_s: float, end_s: float, reason: str) -> None:
        if self.previewed:
            start_s = self.kept_s = self._keep_preview(self.previewed)
            self.window = ""
        else:
            self._forget_window()
        self.lines.add_gap(start_s, end_s, reason, self.origin)

    def _keep_preview(self, kept: Preview) -> float:
        """Settle the words of a preview whose chunk is lost, as viewers have read them; returns its end."""
        self.previewed = None
        self.epoch, self.language, self.model = self.epoch or kept.epoch, kept.language, kept.model
        self.tail = [*self.tail[: self.settled], *kept.words]
        self._settle_all()
        return kept.end_s

    def _forget_window(self) -> None:
        """Settle all words and forget the window: this chunk was not decoded, so the next one is not joined to it."""
        self._settle_all()
        self.tail, self.settled, self.window, self.kept_s = [], 0, "", None

    def _settle_all(self) -> None:
        """Settle all words: later chunks do not change them."""
        if self.settled < len(self.tail):
            self.lines.settle(self.provisional, self.origin, quiet_until_s=self.tail[-1].end_s)
        self.settled = len(self.tail)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        not_stored = ("policy", "rejected", "sounds_like")
        return {
            **{f.name: getattr(self, f.name) for f in fields(self) if f.name not in not_stored},
            "votes": self.votes.as_dict(),
            "tail": [pack(word) for word in self.tail],
            "previewed": self.previewed and self.previewed.as_list(),
            "parked": [[parked.since_s, parked.outcome.as_dict()] for parked in self.parked.values()],
            "lines": self.lines.as_dict(),
            "said": [[said.text, said.start_s] for said in self.said],
        }

    @classmethod
    def from_dict(cls, policy: Policy, values: dict[str, Any]) -> SourceState:
        """The inverse of `as_dict`; fields of other versions are ignored."""
        parked = [_Parked(Outcome.from_dict(outcome), since_s) for since_s, outcome in values["parked"]]
        names = {f.name for f in fields(cls)}
        return cls(
            policy,
            **{
                **{name: value for name, value in values.items() if name in names},
                "votes": Votes.from_dict(values["votes"]) if "votes" in values else Votes(),
                "tail": [unpack(word) for word in values["tail"]],
                "previewed": Preview.from_list(values["previewed"]) if values.get("previewed") else None,
                "parked": {(p.outcome.epoch, p.outcome.seq): p for p in parked},
                "lines": Lines.from_dict(values["lines"]),
                "said": [SpokenText(*said) for said in values.get("said", ())],
            },
        )
