"""Plant known training faults: tiny Whispers, each trained on labels with one of them.

They learn a language of tones, which takes seconds: each word is a tone, and the same tone is a different word in each
language, so that only the language token determines which to write. A base model is trained mostly on Norwegian, then
fine-tuned on Swedish with faulty or correct labels.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import WhisperForConditionalGeneration

from trainer.evaluation.alarm import Alarm, CauseName
from trainer.evaluation.evaluate import Plan, evaluate
from trainer.evaluation.recogniser import Recogniser
from trainer.evaluation.utterances import Audio, Utterance
from trainer.examples import SAMPLE_RATE
from trainer.models.features import LogMel
from trainer.models.tokenizer import Speller, train_tokenizer
from trainer.models.whisper import Size, new_model

#: The tones, and their names in each language.
TONES_HZ = (300.0, 700.0, 1400.0, 2600.0)
WORDS = {
    "en": ("low", "middle", "high", "bright"),
    "no": ("lav", "midt", "høy", "lys"),
    "sv": ("låg", "mellan", "hög", "ljus"),
}
#: Duration of a tone, and interval between the beginnings of two tones, in seconds.
_TONE_S, _STEP_S = 0.25, 0.35
_LONGEST_S = 2.0

_SIZE = Size(d_model=48, heads=2, ffn=96, encoder_layers=1, decoder_layers=2, context_s=2, max_tokens=40)
_BASE_STEPS, _TUNE_STEPS = 220, 100
_LEARNING_RATE, _TUNE_RATE, _BATCH, _WARM_UP = 4e-3, 1.5e-3, 16, 30
_IGNORED = -100
#: Seed and number of the test utterances: enough words for an alarm.
_TEST_SEED, _TESTED = 999, 24


@dataclass(frozen=True)
class Labels:
    """Decoder inputs and targets: ids [B, n] each; _IGNORED where there is no loss."""

    tokens: Tensor
    wanted: Tensor


@dataclass(frozen=True)
class Planted:
    """A fault, and the alarm for the model that was trained with it. `cause` None: no fault was planted."""

    name: str
    cause: CauseName | None
    wer_percent: float
    loss: float
    alarm: Alarm

    @property
    def caught(self) -> bool:
        """Whether the alarm names the fault first, or is not raised if there is none."""
        if self.cause is None:
            return not self.alarm.raised
        return self.alarm.raised and bool(self.alarm.causes) and self.alarm.causes[0].name == self.cause


def planted_causes(on_model: Callable[[], object] = lambda: None, seed: int = 1) -> list[Planted]:
    """Train a model with each fault and one without, and evaluate the alarm on each; about 25 s on one CPU thread."""
    speller = tone_speller()
    base = _base(speller, seed)
    on_model()
    planted = []
    for name, cause, fault in faults(speller):
        planted.append(_judged(name, cause, _tuned(base, speller, fault, seed), speller))
        on_model()
    # A model that has learnt to stop keeps stopping without a loss on the end token: this fault shows only in a model
    # trained from random weights.
    never_stops = _base(speller, seed, masked_end(speller))
    planted.append(_judged("masked end of text", "masked end of text", never_stops, speller))
    on_model()
    return planted


#: Number of calls of `on_model`.
STEPS = 7


def faults(speller: Speller) -> Iterator[tuple[str, CauseName | None, Callable[[Labels], Labels]]]:
    """Yield each label fault: its name, the cause that the alarm should identify, and a function that plants it."""

    def doubled(labels: Labels) -> Labels:
        """`labels[:, 0] == bos_token_id` is never true, so the start token stays and is prepended again."""
        start = labels.tokens[:, :1]
        return Labels(torch.cat([start, labels.tokens], 1), torch.cat([start, labels.wanted], 1))

    def bare(labels: Labels) -> Labels:
        """A tokenizer without a language and a task writes neither token."""
        tokens = torch.cat([labels.tokens[:, :1], labels.tokens[:, 3:]], 1)
        return Labels(tokens, labels.wanted[:, 2:])

    def untaught(labels: Labels) -> Labels:
        """The prefix has no loss, and generation_config has no language."""
        wanted = labels.wanted.clone()
        wanted[:, :3] = _IGNORED
        return replace(labels, wanted=wanted)

    def english(labels: Labels) -> Labels:
        """The tokenizer is set to English."""
        tokens, wanted = labels.tokens.clone(), labels.wanted.clone()
        tokens[:, 1] = wanted[:, 0] = speller.language("en")
        return Labels(tokens, wanted)

    yield "none", None, lambda labels: labels
    yield "double start token", "double start token", doubled
    yield "unset language: tokenizer", "unset language", bare
    yield "unset language: config", "unset language", untaught
    yield "wrong tokenizer language", "wrong tokenizer language", english


def masked_end(speller: Speller) -> Callable[[Labels], Labels]:
    """Padding uses the end token, and masking all padding also masks the end of the text."""

    def mask(labels: Labels) -> Labels:
        return replace(labels, wanted=labels.wanted.masked_fill(labels.wanted == speller.end, _IGNORED))

    return mask


def tone_speller() -> Speller:
    """A tokenizer for the tones' languages."""
    return Speller(train_tokenizer([" ".join(words) for words in WORDS.values()] * 4, tuple(WORDS), vocab_size=280))


def tones(languages: Sequence[str], seed: int = 0) -> list[Utterance]:
    """An utterance of two to five words in each of `languages`; half are one speaker's, half another's."""
    return [_utterance(number, language, seed) for number, language in enumerate(languages)]


def _utterance(number: int, language: str, seed: int) -> Utterance:
    rng = np.random.default_rng([seed, number])
    spoken = rng.integers(0, len(TONES_HZ), int(rng.integers(2, 6)))
    audio = (0.002 * rng.standard_normal(round(_LONGEST_S * SAMPLE_RATE))).astype(np.float32)
    for place, tone in enumerate(spoken):
        first, count = round((0.1 + place * _STEP_S) * SAMPLE_RATE), round(_TONE_S * SAMPLE_RATE)
        audio[first : first + count] += 0.3 * np.sin(2 * np.pi * TONES_HZ[tone] * np.arange(count) / SAMPLE_RATE)

    def audio_of() -> Audio:
        return audio

    text = " ".join(WORDS[language][tone] for tone in spoken)
    return Utterance(f"{seed}-{number}", text, language, _LONGEST_S, audio_of, {"speaker": f"s{number % 2}"})


def _base(
    speller: Speller, seed: int, fault: Callable[[Labels], Labels] = lambda labels: labels
) -> WhisperForConditionalGeneration:
    """A base model, trained on all three languages, mostly Norwegian."""
    model = new_model(_SIZE, speller, seed)
    _train(model, speller, tones(["no", "no", "no", "sv", "no", "en"] * 16, seed), fault, _BASE_STEPS, _LEARNING_RATE)
    return model


def _tuned(
    base: WhisperForConditionalGeneration, speller: Speller, fault: Callable[[Labels], Labels], seed: int
) -> WhisperForConditionalGeneration:
    model = copy.deepcopy(base)
    _train(model, speller, tones(["sv"] * 48, seed + 100), fault, _TUNE_STEPS, _TUNE_RATE)
    return model


def _train(
    model: WhisperForConditionalGeneration,
    speller: Speller,
    utterances: Sequence[Utterance],
    fault: Callable[[Labels], Labels],
    steps: int,
    rate: float,
) -> None:
    """Train with cross entropy only, like the recipes with these faults."""
    features = LogMel()(torch.from_numpy(np.stack([utterance.audio() for utterance in utterances])))
    labels = fault(_labels(speller, utterances))
    optimizer = torch.optim.AdamW(model.parameters(), rate, betas=(0.9, 0.98))
    generator = torch.Generator().manual_seed(1)
    model.train()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / _WARM_UP) * (1 - step / steps)
        chosen = torch.randint(0, len(utterances), (_BATCH,), generator=generator)
        states = model.get_encoder()(features[chosen]).last_hidden_state
        decoder = model.get_decoder()
        hidden = decoder(input_ids=labels.tokens[chosen], encoder_hidden_states=states, use_cache=False)
        logits = model.proj_out(hidden.last_hidden_state)
        loss = functional.cross_entropy(logits.flatten(0, 1), labels.wanted[chosen].flatten(), ignore_index=_IGNORED)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    model.eval()


def _labels(speller: Speller, utterances: Sequence[Utterance]) -> Labels:
    """Correct labels: the start token only in the input, the end token in the targets, only padding masked."""
    rows = [
        speller.prefix(utterance.language) + speller.text(utterance.text, utterance.language)
        for utterance in utterances
    ]
    longest = max(len(row) for row in rows)
    tokens = [row + [speller.end] * (longest - len(row)) for row in rows]
    wanted = [row[1:] + [speller.end] + [_IGNORED] * (longest - len(row)) for row in rows]
    return Labels(torch.tensor(tokens), torch.tensor(wanted))


def _judged(name: str, cause: CauseName | None, model: WhisperForConditionalGeneration, speller: Speller) -> Planted:
    """Run the usual evaluation on unseen Swedish utterances."""
    evaluation = evaluate(
        Recogniser.of(model, speller, name), tones(["sv"] * _TESTED, _TEST_SEED), Plan(contexts=("full",))
    )
    assert evaluation.probes is not None
    loss = evaluation.probes.readings[evaluation.probes.best].loss
    return Planted(name, cause, evaluation.overall.wer_percent, loss, evaluation.alarm)
