"""The engine that runs any Whisper checkpoint with transformers and torch."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from transcriber.engine import Hypothesis, Observe, Recognition, Utterance
from transcriber.language import candidates
from transcriber.prompt import prompt_tokens
from transcriber.rules import max_tokens
from transcriber.whisper.beams import BeamSearch
from transcriber.whisper.greedy import Decoded, GreedyDecoder
from transcriber.whisper.log_mel import HOP_SAMPLES, LogMel
from transcriber.whisper.model import Model
from transcriber.whisper.second_try import SecondTry
from transcriber.whisper.token_words import words_of
from transcriber.whisper.turn_finder import TurnFinder, language_probabilities
from transcriber.whisper.word_times import alignment_heads, word_times
from wire.audio import SAMPLE_RATE_HZ
from wire.errors import ModelError
from wire.messages import Task, Word


class TransformersEngine:
    """Runs a loaded model.

    Args:
        observe: called with the duration of each of the stages `encode`, `decode`, `turns`, `again` and `align`.
        second_try: which texts are decoded again, and how.
    """

    def __init__(
        self,
        model: Model,
        observe: Observe = lambda stage, duration_s: None,
        second_try: SecondTry = SecondTry(),  # noqa: B008  # frozen
    ) -> None:
        self._model = model
        self._observe = observe
        self._log_mel = LogMel(model.mel_filters, model.device)
        config = model.whisper.config
        heads = alignment_heads(model.whisper.generation_config, config.decoder_layers, config.decoder_attention_heads)
        self._decode = GreedyDecoder(model.whisper, model.tokens, heads)
        self._second_try = second_try
        self._search = BeamSearch(model.whisper, model.tokens, second_try.beams)
        self._turns = TurnFinder(model.tokens, self._encode, self._decode)

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def title(self) -> str:
        return self._model.title

    @property
    def uses_prompts(self) -> bool:
        return self._model.trained_with_prompts is True

    @property
    def device(self) -> str:
        return str(self._model.device)

    @property
    def context_s(self) -> float:
        return self._model.context_s

    @property
    def languages(self) -> tuple[str, ...]:
        """See `Replaceable`."""
        return self._model.tokens.known_languages

    @property
    def tasks(self) -> tuple[str, ...]:
        """See `Replaceable`."""
        return self._model.tokens.known_tasks

    def warm_up(self) -> None:
        """Run once, so that the first real batch does not pay for lazy initialisation."""
        self.transcribe([Utterance(np.zeros(SAMPLE_RATE_HZ, dtype=np.float32))])

    def offload(self) -> None:
        """See `Replaceable`."""
        self._model.whisper.to("cpu")

    def restore(self) -> None:
        """See `Replaceable`."""
        self._model.whisper.to(self._model.device)

    def check(self, language: str | None, task: Task) -> None:
        """See `Engine`."""
        self._model.tokens.check(language, task)

    @torch.inference_mode()
    def transcribe(self, utterances: Sequence[Utterance]) -> list[Recognition]:
        """See `Engine`."""
        if not utterances:
            return []
        for utterance in utterances:
            self._check_length(utterance)
        began_s = time.perf_counter()
        states = self._encode([u.audio for u in utterances])
        began_s = self._lap("encode", began_s)
        probabilities: list[dict[str, float]] = []
        languages: list[list[str]] = []
        prefixes: list[list[list[int]]] = []

        def choose(logits: Tensor) -> list[list[list[int]]]:
            probabilities.extend(language_probabilities(self._model.tokens.languages, logits))
            for utterance, likely in zip(utterances, probabilities, strict=True):
                languages.append([utterance.language] if utterance.language else candidates(likely) or ["en"])
            for utterance, spoken_languages in zip(utterances, languages, strict=True):
                prompt = self._prompt(utterance)
                prefix = self._model.tokens.prefix
                prefixes.append([prompt + prefix(spoken, utterance.task) for spoken in spoken_languages])
            return prefixes

        caps = [max_tokens(len(u.audio) / SAMPLE_RATE_HZ) for u in utterances]
        first_texts = self._decode(states, choose, caps)
        began_s = self._lap("decode", began_s)
        doubtful = [[self._doubted(one) for one in texts] for texts in first_texts]
        uncertain = [len(texts) > 1 or all(texts) for texts in doubtful]
        turns = self._turns(utterances, states, uncertain)
        began_s = self._lap("turns", began_s)
        # A text across a turn is discarded anyway, so it needs no search.
        to_search = [
            (row, which)
            for row, texts in enumerate(doubtful)
            for which, is_doubted in enumerate(texts)
            if is_doubted and not turns[row] and self._second_try.beams > 1
        ]
        decoded = self._search_again(states, prefixes, caps, first_texts, to_search)
        began_s = self._lap("again", began_s)
        recognitions = [
            Recognition({spoken: self._hypothesis(u, a, b, spoken) for spoken, a, b in zip(*each, strict=True)}, p, t)
            for u, p, t, *each in zip(utterances, probabilities, turns, languages, first_texts, decoded, strict=True)
        ]
        self._lap("align", began_s)
        return recognitions

    def _encode(self, audios: Sequence[NDArray[np.float32]]) -> Tensor:
        """Encoder states [B, positions, d_model]."""
        features = self._log_mel(audios, 2 * self._model.positions)
        states: Tensor = self._model.whisper.get_encoder()(features.to(self._model.dtype)).last_hidden_state
        return states

    def _search_again(
        self,
        states: Tensor,
        prefixes: Sequence[Sequence[list[int]]],
        caps: Sequence[int],
        first_texts: Sequence[list[Decoded]],
        to_search: Sequence[tuple[int, int]],
    ) -> list[list[Decoded]]:
        """The first texts, with those in `to_search` (row, index) replaced if a search finds a better one."""
        decoded = [list(texts) for texts in first_texts]
        if not to_search:
            return decoded
        chosen_states = states[[row for row, _ in to_search]]
        chosen_prefixes = [prefixes[row][which] for row, which in to_search]
        room = [int(self._model.whisper.config.max_target_positions) - len(prefix) for prefix in chosen_prefixes]
        # The search counts all tokens, not only those that begin a character; allow at least the length of the first.
        lengths = [len(first_texts[row][which].tokens) for row, which in to_search]
        limits = [min(max(caps[row], n), left) for (row, _), n, left in zip(to_search, lengths, room, strict=True)]
        texts = self._search(chosen_states, chosen_prefixes, limits)
        scored = self._decode.score(chosen_states, chosen_prefixes, texts)
        for (row, which), second in zip(to_search, scored, strict=True):
            if self._second_try.better(second.mean_log_probability, first_texts[row][which].mean_log_probability):
                decoded[row][which] = second
        return decoded

    def _doubted(self, one: Decoded) -> bool:
        return self._second_try.doubts(one.mean_log_probability, len(one.tokens))

    def _check_length(self, utterance: Utterance) -> None:
        longest = self._model.positions * 2 * HOP_SAMPLES
        if len(utterance.audio) > longest:
            raise ModelError(
                f"{len(utterance.audio) / SAMPLE_RATE_HZ:.1f} s of audio do not fit into the model's context of "
                f"{self.context_s:.1f} s; reduce CHUNK_S"
            )

    def _prompt(self, utterance: Utterance) -> list[int]:
        """Prompt tokens before the start token: the part of the utterance's prompt that the model supports."""
        prompt, tokens = utterance.prompt.allowed(self._model.trained_with_prompts), self._model.tokens
        if tokens.start_of_previous is None:
            return []
        positions = int(self._model.whisper.config.max_target_positions)
        return prompt_tokens(prompt, self._token_ids, tokens.start_of_previous, tokens.end, positions)

    def _token_ids(self, text: str) -> list[int]:
        ids: list[int] = self._model.tokenizer.encode(text, add_special_tokens=False)
        return ids

    def _hypothesis(self, utterance: Utterance, first: Decoded, decoded: Decoded, spoken: str) -> Hypothesis:
        """The hypothesis of the text decoded last, with the confidence of the text decoded first.

        Beam search maximises likelihood, and finds a likely text even in music.
        """
        text_tokens = [t for t in decoded.tokens if t < self._model.tokens.end]
        text_language = spoken if utterance.task == "transcribe" else "en"
        audio_s = len(utterance.audio) / SAMPLE_RATE_HZ
        words: tuple[Word, ...] = ()
        if text_tokens:
            words = self._words(decoded, text_language, audio_s)
        return Hypothesis(
            words=words,
            text=self._text(text_tokens).strip(),
            language=text_language,
            mean_log_probability=first.mean_log_probability,
            no_speech_probability=first.no_speech_probability,
            tokens=self._model.tokens.count(text_tokens),
            truncated=decoded.truncated,
        )

    def _words(self, decoded: Decoded, language: str, audio_s: float) -> tuple[Word, ...]:
        # Tokens that are not text (a stray timestamp) keep their position but decode to nothing.
        spans = words_of(decoded.tokens, self._text, language)
        times = word_times(decoded.attention.numpy(), audio_s, [(span.first, span.end) for span in spans])
        probabilities = np.exp(decoded.log_probabilities)
        return tuple(
            Word(
                text=span.text,
                start_s=round(start_s, 3),
                end_s=round(end_s, 3),
                confidence=round(float(probabilities[span.first : span.end].mean()), 3),
            )
            for span, (start_s, end_s) in zip(spans, times, strict=True)
        )

    def _text(self, tokens: list[int]) -> str:
        kept = [token for token in tokens if token < self._model.tokens.end]
        text: str = self._model.tokenizer.decode(kept, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return text

    def _lap(self, stage: str, began_s: float) -> float:
        if self._model.device.type == "cuda":
            torch.cuda.synchronize(self._model.device)
        now_s = time.perf_counter()
        self._observe(stage, now_s - began_s)
        return now_s
