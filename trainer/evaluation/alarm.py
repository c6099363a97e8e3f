"""The alarm for broken decoding: a model that knows the words and does not write them.

A loss of 0.25 beside a word error rate of 99.8 is no weak model but a broken recipe. Each fault that is known leaves
something that can be asked of the model itself; the one that fits best is named, with what to do about it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from trainer.evaluation.probes import Probes, Reading

CauseName = Literal["double start token", "masked end of text", "unset language", "wrong tokenizer language"]

#: Shares of outputs from which something is wrong with all of them, not with a few hard clips.
CAPPED_SHARE, EMPTY_SHARE, FOREIGN_SHARE, MISTAKEN_SHARE = 0.2, 0.3, 0.3, 0.5
#: Up to here another script or language in the outputs may be a weakness: a model that hardly errs writes none.
FOREIGN_WER_PERCENT = 50.0
#: A healthy model gives a second start token about nothing; one that was trained to write it, about everything.
START_AFTER_START = 0.2
#: A prefix explains the text better than the usual one if its loss is less than this part of the usual one's…
BETTER = 0.8
#: …and by so many nats a token: two losses that are both nothing have any ratio.
BETTER_BY = 0.05
#: An end of text that is so unlikely where the text ends was never learnt.
END_PROBABILITY = 0.05
#: Errors beyond what the loss allows: greedy decoding goes on from its own mistakes, and small tests have luck.
WER_FACTOR, WER_MARGIN_PERCENT = 1.5, 10.0
#: From this loss on (nats a token) a model does not know the text, and no fault of decoding is needed to explain why.
UNKNOWN_LOSS = 3.0
#: Below this share of as many different texts as were said, a model writes much the same whatever it hears.
DISTINCT_SHARE = 0.5
#: So many different texts must have been said to tell.
LEAST_TEXTS = 10
#: Words from which on a rate of some per cent is known to within about as much.
WORDS_AT_LEAST = 200
#: Words by fewer of which no alarm is raised. What is broken is so by far: more of them tell nothing new.
ALARM_WORDS = 40


@dataclass(frozen=True)
class Evidence:
    """What can be seen of a model on a test set; `probes` are None where nobody speaks in it.

    Attributes:
        wer_percent: of what it wrote.
        words, clips: that were said, and in how many it was heard.
        capped_share: outputs that were cut at the token cap.
        empty_share: outputs without a word where somebody speaks.
        foreign_share: outputs with more than a stray letter that no reference has.
        told: the language that the generation config sets.
        languages: of the test set.
        declared: the languages that the model says it is for; none: it does not say.
        said, written: how many different texts there are among the references, and among the outputs.
    """

    wer_percent: float
    words: int
    clips: int
    capped_share: float
    empty_share: float
    foreign_share: float
    probes: Probes | None
    told: str | None = None
    languages: frozenset[str] = frozenset()
    declared: frozenset[str] = frozenset()
    said: int = 0
    written: int = 0

    @property
    def elsewhere(self) -> bool:
        """None of the test set's languages is one that the model is for."""
        return bool(self.declared and self.languages) and self.declared.isdisjoint(self.languages)

    @property
    def misled(self) -> bool:
        """Its generation config sets a language that nobody speaks in the test set."""
        return self.told is not None and bool(self.languages) and self.told not in self.languages


@dataclass(frozen=True)
class Cause:
    """A known fault, what speaks for it, and what to do."""

    name: CauseName
    because: str
    advice: str


@dataclass(frozen=True)
class Alarm:
    """What is wrong. `causes` are those that fit, the best first; none: no known one does.

    `notes` are of a model that is weak, and need not be broken for that, or of a test set that does not tell.
    """

    signs: tuple[str, ...]
    causes: tuple[Cause, ...]
    notes: tuple[str, ...] = ()

    @property
    def raised(self) -> bool:
        return bool(self.signs)

    @property
    def sentence(self) -> str:
        """All of it for a person."""
        return " ".join([self._verdict, *self.notes])

    @property
    def _verdict(self) -> str:
        if not self.signs:
            return "No alarm, but:" if self.notes else "No alarm: decoding does what the loss promises."
        if self.causes:
            best, *others = self.causes
            fits = f"What fits best: {best.name} ({best.because}). {best.advice}"
            fits += "".join(f" It may also be: {other.name} ({other.because})." for other in others)
        else:
            fits = (
                "No known cause fits: look at the worst utterances, and whether the model was trained for this at all."
            )
        return f"Decoding is broken: {'; '.join(self.signs)}. {fits}"


def judge(evidence: Evidence) -> Alarm:
    """Look at the evidence."""
    if evidence.elsewhere:
        only, of = _all(evidence.declared), _all(evidence.languages)
        told = f"The model is for {only} alone, and the corpus is {of}: its word error rate says nothing of how well"
        return Alarm((), (), (f"{told} it was trained.",))
    notes = tuple(_notes(evidence))
    if evidence.words < ALARM_WORDS:
        return Alarm((), (), notes)
    signs = list(_signs(evidence))
    causes = tuple(_causes(evidence)) if evidence.probes else ()
    if not signs and causes:
        signs = [f"training went wrong: {causes[0].because}"]
    if evidence.probes and _unknown(evidence.probes) and not causes:
        signs = []  # whatever such a model writes, its decoding need not be broken for it
    return Alarm(tuple(signs), causes, notes)


def most_wer_percent(loss: float, tokens_per_word: float) -> float:
    """The highest word error rate that goes with a loss (nats a token) behind the right prefix.

    A token is right with a mean probability of at least exp(-loss) (Jensen), a word of n tokens with exp(-n loss).
    """
    return 100 * WER_FACTOR * (1 - math.exp(-loss * tokens_per_word)) + WER_MARGIN_PERCENT


def _signs(evidence: Evidence) -> Iterator[str]:
    probes = evidence.probes
    if probes:
        loss = probes.readings[probes.best].text_loss
        if evidence.wer_percent > most_wer_percent(loss, probes.tokens_per_word):
            yield f"a WER of {evidence.wer_percent:.1f} % beside a loss of {loss:.2f}: it knows what it does not write"
        if probes.mistaken_share > MISTAKEN_SHARE and evidence.told is None:
            yield f"{probes.mistaken_share:.0%} are taken for another language, mostly {probes.mistaken_for}"
    if evidence.misled:
        yield f"its generation config sets the language {evidence.told}, and the corpus is {_all(evidence.languages)}"
    if evidence.capped_share > CAPPED_SHARE:
        yield f"{evidence.capped_share:.0%} of the outputs end at the token cap"
    if evidence.empty_share > EMPTY_SHARE:
        yield f"{evidence.empty_share:.0%} of the outputs are empty where somebody speaks"
    if evidence.foreign_share > FOREIGN_SHARE and evidence.wer_percent > FOREIGN_WER_PERCENT:
        yield f"{evidence.foreign_share:.0%} of the outputs are in letters of another script or language"


def _notes(evidence: Evidence) -> Iterator[str]:
    if evidence.words < WORDS_AT_LEAST:
        of_decoding = ", and nothing of whether decoding is broken" if evidence.words < ALARM_WORDS else ""
        yield (
            f"{evidence.words} words in {evidence.clips} clips say little{of_decoding}: look at the interval, and give "
            f"it {WORDS_AT_LEAST} words or more to hear."
        )
    if evidence.probes and _unknown(evidence.probes):
        loss = evidence.probes.readings[evidence.probes.best].text_loss
        yield f"It does not know these words (a loss of {loss:.2f}): train it, on such speech, before it is used."
    if evidence.said >= LEAST_TEXTS and evidence.written < DISTINCT_SHARE * evidence.said:
        yield (
            f"It writes much the same whatever it hears ({evidence.written} different texts where {evidence.said} were "
            "said): train it longer, or on more."
        )


def _causes(evidence: Evidence) -> Iterator[Cause]:
    """Known causes that fit, by how clearly they show."""
    probes = evidence.probes
    assert probes is not None
    usual = probes.readings["usual"]
    doubled, bare, detected = (probes.readings.get(name) for name in ("doubled", "bare", "detected"))
    unknown = _unknown(probes)
    fits_better = not unknown and probes.best == "doubled" and _better(doubled, usual)
    if probes.start_after_start > START_AFTER_START or fits_better:
        yield Cause(
            "double start token",
            f"it expects <|startoftranscript|> twice: the second has a probability of {probes.start_after_start:.0%}, "
            f"and the loss is {_loss(doubled)} behind two and {_loss(usual)} behind one",
            "The collator must strip the decoder's start token from the labels; it strips bos_token_id, which is "
            "<|endoftext|>. Mend it and train again.",
        )
    if unknown:
        return
    best = probes.readings[probes.best]
    if best.end_probability < END_PROBABILITY and evidence.capped_share > CAPPED_SHARE:
        yield Cause(
            "masked end of text",
            f"where the text ends, <|endoftext|> has a probability of {best.end_probability:.1%}",
            "Padding is <|endoftext|>, too, and labels were masked by `== pad`: mask them by the attention mask, and "
            "train again.",
        )
    if probes.best == "bare" and _better(bare, usual):
        yield Cause(
            "unset language",
            f"the loss is {_loss(bare)} behind a start without language and task, {_loss(usual)} with them",
            "The tokenizer was told neither language nor task when the labels were made: give it both, set them on "
            "generation_config, and train again.",
        )
    elif probes.mistaken_share > MISTAKEN_SHARE and detected and detected.loss < usual.loss:
        yield Cause(
            "wrong tokenizer language",
            f"it takes {probes.mistaken_share:.0%} for another language, mostly {probes.mistaken_for}, and the loss is "
            f"{_loss(detected)} behind that one and {_loss(usual)} behind the corpus' own",
            f"The tokenizer that made the labels was set to {probes.mistaken_for}: set it, and generation_config, to "
            "the language of the corpus, and train again.",
        )
    elif evidence.misled:
        yield Cause(
            "unset language",
            f"generation_config.language is {evidence.told}",
            f"Set it to {_all(evidence.languages)} before the model is evaluated and published.",
        )
    elif probes.mistaken_share > MISTAKEN_SHARE and evidence.told is None:
        yield Cause(
            "unset language",
            f"left to itself it takes {probes.mistaken_share:.0%} for another language, mostly {probes.mistaken_for}, "
            f"though the loss is {_loss(usual)} behind the right one and {_loss(detected)} behind that",
            "Set language and task on generation_config before the model is evaluated and published.",
        )


def _unknown(probes: Probes) -> bool:
    return probes.readings[probes.best].text_loss > UNKNOWN_LOSS


def _better(other: Reading | None, usual: Reading) -> bool:
    return other is not None and other.loss < BETTER * usual.loss and other.loss < usual.loss - BETTER_BY


def _all(languages: frozenset[str]) -> str:
    return " and ".join(sorted(languages))


def _loss(reading: Reading | None) -> str:
    return "unknown" if reading is None else f"{reading.loss:.2f}"
