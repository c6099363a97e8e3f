"""The alarm for broken decoding: a model that predicts the words well under teacher forcing but does not write them.

A loss of 0.25 with a word error rate of 99.8 % is not a weak model but a broken training recipe. Each known fault can
be recognised by probing the model; the alarm names the best match and its remedy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from trainer.evaluation.probes import Probes, Reading

CauseName = Literal["double start token", "masked end of text", "unset language", "wrong tokenizer language"]

#: Above these shares of the outputs, the fault affects all of them, not just a few hard clips.
CAPPED_SHARE, EMPTY_SHARE, FOREIGN_SHARE, MISTAKEN_SHARE = 0.2, 0.3, 0.3, 0.5
#: Outputs in another script or language count only above this WER: below it, the model is working.
FOREIGN_WER_PERCENT = 50.0
#: Probability of a second start token: about 0 in a healthy model, about 1 in one that was trained to write it.
START_AFTER_START = 0.2
#: A prefix fits better than the usual one if its loss is less than this factor times the usual one…
BETTER = 0.8
#: …and lower by this many nats per token: the ratio of two losses near 0 is meaningless.
BETTER_BY = 0.05
#: If the end token is less likely than this where the text ends, it was never learnt.
END_PROBABILITY = 0.05
#: Allowance on the WER that the loss explains: greedy decoding continues from its own errors, and small tests vary.
WER_FACTOR, WER_MARGIN_PERCENT = 1.5, 10.0
#: Above this loss (nats per token) a model does not know the text, which explains any error rate.
UNKNOWN_LOSS = 3.0
#: With fewer distinct outputs than this share of the distinct references, a model ignores the audio.
DISTINCT_SHARE = 0.5
#: Distinct references needed to judge that.
LEAST_TEXTS = 10
#: With fewer words, an error rate of a few percent is uncertain by about as much.
WORDS_AT_LEAST = 200
#: With fewer words, no alarm is raised. Broken models fail by a wide margin, so more words are not needed.
ALARM_WORDS = 40


@dataclass(frozen=True)
class Evidence:
    """Observations of a model on a test set; `probes` is None if the test set has no speech.

    Attributes:
        wer_percent: of its outputs.
        words, clips: in the test set.
        capped_share: outputs that were cut at the token cap.
        empty_share: outputs without words, for clips with speech.
        foreign_share: outputs with letters that no reference has.
        set_language: the language in the generation config.
        languages: of the test set.
        declared: the languages that the model declares; empty if it declares none.
        distinct_references, distinct_outputs: numbers of different texts.
    """

    wer_percent: float
    words: int
    clips: int
    capped_share: float
    empty_share: float
    foreign_share: float
    probes: Probes | None
    set_language: str | None = None
    languages: frozenset[str] = frozenset()
    declared: frozenset[str] = frozenset()
    distinct_references: int = 0
    distinct_outputs: int = 0

    @property
    def elsewhere(self) -> bool:
        """Whether the model declares none of the test set's languages."""
        return bool(self.declared and self.languages) and self.declared.isdisjoint(self.languages)

    @property
    def misled(self) -> bool:
        """Whether its generation config sets a language that is not in the test set."""
        return self.set_language is not None and bool(self.languages) and self.set_language not in self.languages


@dataclass(frozen=True)
class Cause:
    """A known fault, the evidence for it, and the remedy."""

    name: CauseName
    because: str
    advice: str


@dataclass(frozen=True)
class Alarm:
    """The verdict.

    Attributes:
        signs: symptoms of broken decoding; the alarm is raised if there are any.
        causes: known faults that match, the best first.
        notes: remarks on a weak model, which need not be broken, or on a test set that is not sufficient.
    """

    signs: tuple[str, ...]
    causes: tuple[Cause, ...]
    notes: tuple[str, ...] = ()

    @property
    def raised(self) -> bool:
        return bool(self.signs)

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        return " ".join([self._verdict, *self.notes])

    @property
    def _verdict(self) -> str:
        if not self.signs:
            return "No alarm, but:" if self.notes else "No alarm: the error rate is consistent with the loss."
        if self.causes:
            best, *others = self.causes
            diagnosis = f"Most likely cause: {best.name} ({best.because}). {best.advice}"
            diagnosis += "".join(f" Other possible cause: {other.name} ({other.because})." for other in others)
        else:
            diagnosis = (
                "No known cause matches: check the worst utterances, and whether the model was trained for such audio."
            )
        return f"Decoding is broken: {'; '.join(self.signs)}. {diagnosis}"


def judge(evidence: Evidence) -> Alarm:
    """Decide whether decoding is broken, and why."""
    if evidence.elsewhere:
        model, corpus = _joined(evidence.declared), _joined(evidence.languages)
        note = f"The model is for {model} only, and the corpus is {corpus}: the error rate does not show its quality."
        return Alarm((), (), (note,))
    notes = tuple(_notes(evidence))
    if evidence.words < ALARM_WORDS:
        return Alarm((), (), notes)
    signs = list(_signs(evidence))
    causes = tuple(_causes(evidence)) if evidence.probes else ()
    if not signs and causes:
        signs = [f"training went wrong: {causes[0].because}"]
    if evidence.probes and _unknown(evidence.probes) and not causes:
        signs = []  # a model that has not learnt the text explains any output
    return Alarm(tuple(signs), causes, notes)


def most_wer_percent(loss: float, tokens_per_word: float) -> float:
    """The highest word error rate that a loss (nats per token) with the correct prefix explains.

    A token is correct with a mean probability of at least exp(-loss) (Jensen), a word of n tokens with exp(-n loss).
    """
    return 100 * WER_FACTOR * (1 - math.exp(-loss * tokens_per_word)) + WER_MARGIN_PERCENT


def _signs(evidence: Evidence) -> Iterator[str]:
    probes = evidence.probes
    if probes:
        loss = probes.readings[probes.best].text_loss
        if evidence.wer_percent > most_wer_percent(loss, probes.tokens_per_word):
            yield f"the WER is {evidence.wer_percent:.1f} % although the loss is only {loss:.2f}"
        if probes.mistaken_share > MISTAKEN_SHARE and evidence.set_language is None:
            yield f"{probes.mistaken_share:.0%} are detected as another language, mostly {probes.mistaken_for}"
    if evidence.misled:
        yield (
            f"its generation config sets the language {evidence.set_language}, but the corpus is "
            f"{_joined(evidence.languages)}"
        )
    if evidence.capped_share > CAPPED_SHARE:
        yield f"{evidence.capped_share:.0%} of the outputs end at the token cap"
    if evidence.empty_share > EMPTY_SHARE:
        yield f"{evidence.empty_share:.0%} of the outputs are empty although there is speech"
    if evidence.foreign_share > FOREIGN_SHARE and evidence.wer_percent > FOREIGN_WER_PERCENT:
        yield f"{evidence.foreign_share:.0%} of the outputs have letters of another script or language"


def _notes(evidence: Evidence) -> Iterator[str]:
    if evidence.words < WORDS_AT_LEAST:
        of_decoding = " or to tell whether decoding is broken" if evidence.words < ALARM_WORDS else ""
        yield (
            f"{evidence.words} words in {evidence.clips} clips are too few for a precise error rate{of_decoding}: see "
            f"the interval, and evaluate on {WORDS_AT_LEAST} words or more."
        )
    if evidence.probes and _unknown(evidence.probes):
        loss = evidence.probes.readings[evidence.probes.best].text_loss
        yield f"The model does not know these words (its loss is {loss:.2f}): train it on such speech before using it."
    if (
        evidence.distinct_references >= LEAST_TEXTS
        and evidence.distinct_outputs < DISTINCT_SHARE * evidence.distinct_references
    ):
        yield (
            f"The model writes almost the same text for all clips ({evidence.distinct_outputs} distinct outputs for "
            f"{evidence.distinct_references} distinct references): train it longer, or on more data."
        )


def _causes(evidence: Evidence) -> Iterator[Cause]:
    """Known causes that match, the clearest first."""
    probes = evidence.probes
    assert probes is not None
    usual = probes.readings["usual"]
    doubled = probes.readings.get("doubled")
    unknown = _unknown(probes)
    fits_better = not unknown and probes.best == "doubled" and _better(doubled, usual)
    if probes.start_after_start > START_AFTER_START or fits_better:
        yield Cause(
            "double start token",
            f"it expects <|startoftranscript|> twice: the second has a probability of {probes.start_after_start:.0%}, "
            f"and the loss is {_loss(doubled)} after two and {_loss(usual)} after one",
            "The collator must strip the decoder's start token from the labels, but strips bos_token_id, which is "
            "<|endoftext|>. Fix it and train again.",
        )
    if unknown:
        return
    best = probes.readings[probes.best]
    if best.end_probability < END_PROBABILITY and evidence.capped_share > CAPPED_SHARE:
        yield Cause(
            "masked end of text",
            f"where the text ends, <|endoftext|> has a probability of {best.end_probability:.1%}",
            "The padding token is also <|endoftext|>, and labels were masked by `== pad`: mask them by the attention "
            "mask, and train again.",
        )
    yield from _language_causes(evidence, probes)


def _language_causes(evidence: Evidence, probes: Probes) -> Iterator[Cause]:
    """Causes in the language of the tokenizer or the generation config; at most one."""
    usual, bare, detected = (probes.readings.get(name) for name in ("usual", "bare", "detected"))
    assert usual is not None
    if probes.best == "bare" and _better(bare, usual):
        yield Cause(
            "unset language",
            f"the loss is {_loss(bare)} after a prefix without language and task, and {_loss(usual)} with them",
            "The tokenizer had neither language nor task when it made the labels: set both on it and on "
            "generation_config, and train again.",
        )
    elif probes.mistaken_share > MISTAKEN_SHARE and detected and detected.loss < usual.loss:
        yield Cause(
            "wrong tokenizer language",
            f"it detects {probes.mistaken_share:.0%} as another language, mostly {probes.mistaken_for}, and the loss "
            f"is {_loss(detected)} with that language and {_loss(usual)} with the corpus' own",
            f"The tokenizer was set to {probes.mistaken_for} when it made the labels: set it and generation_config to "
            "the language of the corpus, and train again.",
        )
    elif evidence.misled:
        yield Cause(
            "unset language",
            f"generation_config.language is {evidence.set_language}",
            f"Set it to {_joined(evidence.languages)} before you evaluate and publish the model.",
        )
    elif probes.mistaken_share > MISTAKEN_SHARE and evidence.set_language is None:
        yield Cause(
            "unset language",
            f"it detects {probes.mistaken_share:.0%} as another language, mostly {probes.mistaken_for}, although the "
            f"loss is {_loss(usual)} with the correct one and {_loss(detected)} with that",
            "Set language and task on generation_config before you evaluate and publish the model.",
        )


def _unknown(probes: Probes) -> bool:
    return probes.readings[probes.best].text_loss > UNKNOWN_LOSS


def _better(other: Reading | None, usual: Reading) -> bool:
    return other is not None and other.loss < BETTER * usual.loss and other.loss < usual.loss - BETTER_BY


def _joined(languages: frozenset[str]) -> str:
    return " and ".join(sorted(languages))


def _loss(reading: Reading | None) -> str:
    return "unknown" if reading is None else f"{reading.loss:.2f}"
