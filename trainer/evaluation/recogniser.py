"""A Whisper ready to transcribe: any checkpoint with its own special ids, or the model that is being trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
import transformers
from transformers import GenerationConfig, WhisperForConditionalGeneration
from transformers.models.whisper.tokenization_whisper import TO_LANGUAGE_CODE

from trainer.errors import TrainerError
from trainer.models.checkpoints import BROKEN, explain_load_error, read_json
from trainer.models.device import device_of
from trainer.models.features import POSITIONS_PER_S
from trainer.models.precision import on_air
from trainer.models.tokenizer import Speller, languages_of, listed
from trainer.names import checkpoint
from trainer.run_folder import RECORD_NAME

#: A checkpoint's table of English spellings, for scoring.
_SPELLING = "normalizer.json"


class RecogniserError(TrainerError):
    """A checkpoint cannot be used, or not for this; the message says what to do."""


@dataclass(frozen=True)
class Recogniser:
    """A model and the ids that control it.

    Attributes:
        model: in evaluation mode if it comes from `load`.
        start, end, no_timestamps, transcribe: ids; `transcribe` is None for English-only models.
        languages: code to id; empty for English-only models.
        suppressed, suppressed_first: ids that are never written, and ids that are not written first.
        declared_s, declared: the acoustic context in seconds and the languages in `undertext.json`.
        spelling: British to American, from the checkpoint's normalizer.json.
        set_language: the language in its generation config.
    """

    name: str
    model: WhisperForConditionalGeneration
    tokenizer: Any
    start: int
    end: int
    no_timestamps: int
    transcribe: int | None
    languages: Mapping[str, int]
    suppressed: tuple[int, ...] = ()
    suppressed_first: tuple[int, ...] = ()
    declared_s: float | None = None
    spelling: Mapping[str, str] | None = None
    set_language: str | None = None
    declared: tuple[str, ...] = ()

    @classmethod
    def of(cls, model: WhisperForConditionalGeneration, speller: Speller, name: str = "") -> Self:
        """A model in training, which has no generation config yet: it may write text and the end token only."""
        return cls(
            name,
            model,
            speller.tokenizer,
            *(speller.start, speller.end, speller.no_timestamps),
            speller.transcribe if speller.multilingual else None,
            languages=languages_of(speller.tokenizer.get_vocab(), speller.borrowed),
            suppressed=tuple(range(speller.end + 1, model.config.vocab_size)),
        )

    @property
    def device(self) -> torch.device:
        return self.model.device

    @property
    def longest_s(self) -> float:
        """The acoustic context that the encoder was built for, in seconds."""
        return float(self.model.config.max_source_positions / POSITIONS_PER_S)

    def prefix(self, language: str) -> list[int]:
        """The decoder's first input: language and task are forced, except in English-only models.

        Raises:
            RecogniserError: the model lacks the language.
        """
        if self.transcribe is None:
            if language != "en":
                raise RecogniserError(f"{self.name} supports English only, and the corpus has {language!r}")
            return [self.start, self.no_timestamps]
        if language not in self.languages:
            known, name = listed(self.languages), self.name or "the model"
            raise RecogniserError(
                f"{name} has no language {language!r} (it has {known}): give one of these with --language"
            )
        return [self.start, self.languages[language], self.transcribe, self.no_timestamps]

    def ids(self, text: str) -> list[int]:
        """Ids of a text as is; start it with a space for models that write one."""
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return ids

    def text(self, ids: list[int]) -> str:
        """The text of ids, without special tokens and timestamps."""
        decoded: str = self.tokenizer.decode([id for id in ids if id < self.end], clean_up_tokenization_spaces=False)
        return decoded.strip()


def load(name: str, device: str = "auto") -> Recogniser:
    """Load a checkpoint from a folder, a run or the hub, in the precision that transcribers compute in.

    Raises:
        PlanError: the folder or the device does not exist.
        RecogniserError: it cannot be loaded, or is not a Whisper model.
    """
    place = device_of(device)
    name = checkpoint(name)
    try:
        config = transformers.AutoConfig.from_pretrained(name)
        if config.model_type != "whisper":
            raise RecogniserError(f"{name} is a {config.model_type} model, not a Whisper model")
        tokenizer = transformers.AutoTokenizer.from_pretrained(name)
        model = WhisperForConditionalGeneration.from_pretrained(name, dtype=on_air(place))
    except BROKEN as error:
        raise RecogniserError(explain_load_error(name, error)) from error
    # nn.Module.to, because transformers' wrapper is untyped.
    torch.nn.Module.to(model, place)
    return _recogniser(name, model.eval().requires_grad_(False), tokenizer)


def _recogniser(name: str, model: WhisperForConditionalGeneration, tokenizer: Any) -> Recogniser:
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    generation = model.generation_config
    multilingual = bool(getattr(generation, "is_multilingual", "<|transcribe|>" in vocabulary))
    try:
        start, end = vocabulary["<|startoftranscript|>"], vocabulary["<|endoftext|>"]
        no_timestamps = vocabulary["<|notimestamps|>"]
        transcribe = vocabulary["<|transcribe|>"] if multilingual else None
    except KeyError as error:
        raise RecogniserError(f"the tokenizer of {name} is not Whisper's: it has no {error}") from error
    declared = read_json(name, RECORD_NAME)
    borrowed: dict[str, str] = declared.get("tokens") or {}
    return Recogniser(
        name,
        model,
        tokenizer,
        *(start, end, no_timestamps, transcribe),
        languages=languages_of(vocabulary, borrowed) if multilingual else {},
        suppressed=tuple(getattr(generation, "suppress_tokens", None) or ()),
        suppressed_first=tuple(getattr(generation, "begin_suppress_tokens", None) or ()),
        declared_s=declared.get("context_s"),
        spelling=read_json(name, _SPELLING) or None,
        set_language=_set_language(generation, borrowed),
        declared=tuple(declared.get("languages") or ()),
    )


def _set_language(generation: GenerationConfig, borrowed: Mapping[str, str]) -> str | None:
    """The language in a generation config, which may be a name, a code or a token."""
    language = getattr(generation, "language", None)
    if not language:
        return None
    code = TO_LANGUAGE_CODE.get(language.strip("<|>").lower(), language.strip("<|>"))
    return next((borrower for borrower, lender in borrowed.items() if lender == code), code)
