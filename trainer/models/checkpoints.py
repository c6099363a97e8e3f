"""Load Whisper checkpoints to train from, and save complete ones that transformers can load.

Processor, tokenizer and generation config always come from the same checkpoint as the weights: large-v3 has 128 mel
bins where others have 80, and its special tokens' ids are shifted by one.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError
from safetensors import SafetensorError
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    GenerationConfig,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
    WhisperTokenizer,
)
from transformers.utils.hub import cached_file

from trainer.atomic import replaced_folder
from trainer.errors import TrainerError
from trainer.models.features import POSITIONS_PER_S
from trainer.models.tokenizer import Speller, train_tokenizer
from trainer.models.whisper import ALIGNED_HEAD, ALIGNED_LAYER, SIZES, new_model
from trainer.names import NEW, checkpoint
from trainer.run_folder import RECORD_NAME

#: Learning rates for fine-tuning by d_model: 1/40 of OpenAI's for training that size. 128 is our own demo size.
FINE_TUNING_RATES = {128: 4e-4, 384: 3.75e-5, 512: 2.5e-5, 768: 1.25e-5, 1024: 6.25e-6, 1280: 5e-6}
#: Factors on these for training from scratch, and for low-rank adapters.
FROM_NOTHING, ADAPTERS = 40, 10
#: For training sizes below OpenAI's tiny from scratch.
OWN_RATE = 1.5e-3


#: What transformers raises if a checkpoint is missing or incomplete.
BROKEN = (OSError, ValueError, SafetensorError)


class CheckpointError(TrainerError):
    """A checkpoint cannot be found or used; the message says what to do."""


@dataclass(frozen=True)
class Loaded:
    """A checkpoint in memory, in single precision, ready to be trained.

    Attributes:
        fingerprint: shows whether the checkpoint is unchanged when a run resumes.
        known: original values of the config settings that training changes.
        declared_s: the acoustic context in undertext.json.
        shortest_s: the shortest window that it was trained on, from undertext.json.
        bases: the checkpoints that it was trained from, the latest first, separated by commas; empty if unknown.
        languages: the languages in undertext.json.
    """

    name: str
    model: WhisperForConditionalGeneration
    speller: Speller
    extractor: WhisperFeatureExtractor
    fingerprint: str
    known: Mapping[str, Any]
    declared_s: float | None = None
    shortest_s: float = 0.0
    bases: str = ""
    languages: tuple[str, ...] = ()

    @property
    def from_nothing(self) -> bool:
        return self.name.startswith(NEW)

    @property
    def context_s(self) -> float:
        """The longest context of its encoder."""
        return float(self.model.config.max_source_positions / POSITIONS_PER_S)


def load(name: str, dropouts: Mapping[str, Any] | None = None) -> Loaded:
    """Load a checkpoint from a folder, a run, or the Hugging Face hub.

    Args:
        dropouts: `dropout`, `activation_dropout` and `attention_dropout` in training.

    Raises:
        PlanError: the folder does not exist.
        CheckpointError: the checkpoint cannot be found, or is not a complete Whisper.
    """
    place = checkpoint(name)
    try:
        config = AutoConfig.from_pretrained(place)
        if config.model_type != "whisper":
            raise CheckpointError(f"{name} is a {config.model_type} model, not a Whisper model")
        extractor = AutoFeatureExtractor.from_pretrained(place)
        tokenizer = WhisperTokenizer.from_pretrained(place)
        model = WhisperForConditionalGeneration.from_pretrained(place, dtype=torch.float32, **(dropouts or {}))
    except BROKEN as error:
        raise CheckpointError(explain_load_error(name, error)) from error
    if extractor.feature_size != config.num_mel_bins:
        raise CheckpointError(
            f"{name}: its processor makes {extractor.feature_size} mel bins, but the model takes {config.num_mel_bins}"
        )
    # As in `recogniser.load`: some generation configs lack it, and the size of the vocabulary does not show it.
    multilingual = getattr(model.generation_config, "is_multilingual", "<|transcribe|>" in tokenizer.get_vocab())
    declared = read_json(place, RECORD_NAME)
    speller = Speller(tokenizer, bool(multilingual), declared.get("tokens") or {})
    known = {key: getattr(config, key) for key in dropouts or {}}
    fingerprint = getattr(config, "_commit_hash", None) or _fingerprint(Path(place))
    context_s = None if declared.get("context_s") is None else float(declared["context_s"])
    shortest_s = float(declared.get("min_context_s", 0.0))
    bases = str(declared.get("provenance", {}).get("base", ""))
    languages = tuple(declared.get("languages", ()))
    return Loaded(name, model, speller, extractor, fingerprint, known, context_s, shortest_s, bases, languages)


def explain_load_error(name: str, error: Exception) -> str:
    """Why transformers cannot load a checkpoint: it is incomplete, or could not be downloaded."""
    downloaded = not isinstance(error.__cause__, LocalEntryNotFoundError | RepositoryNotFoundError)
    problem = "is not a complete Whisper checkpoint" if downloaded else "could not be downloaded"
    return f"{name} {problem}: {str(error).strip().splitlines()[0]}"


def new(
    name: str,
    texts: Iterable[str],
    languages: Sequence[str],
    seed: int,
    tokenizer_folder: Path,
    dropouts: Mapping[str, Any] | None = None,
) -> Loaded:
    """A new model with random weights: new:SIZE. Its tokenizer is learnt from the texts once and stored in a folder.

    Raises:
        CheckpointError: the size is unknown.
    """
    size = SIZES.get(name.removeprefix(NEW))
    if size is None:
        raise CheckpointError(f"{name} is unknown; choose one of {', '.join(f'{NEW}{size}' for size in SIZES)}")
    if not tokenizer_folder.exists():
        with replaced_folder(tokenizer_folder) as unfinished:
            train_tokenizer(texts, languages).save_pretrained(unfinished)
    speller = Speller(WhisperTokenizer.from_pretrained(tokenizer_folder))
    model = new_model(size, speller, seed, dropouts)
    model.generation_config = generation_config(model, speller, languages)
    extractor = WhisperFeatureExtractor(feature_size=size.mels, chunk_length=size.context_s)
    return Loaded(name, model, speller, extractor, f"{name}, seed {seed}", dict.fromkeys(dropouts or {}, 0.0))


def learning_rate(loaded: Loaded, adapters: bool) -> float:
    """The default learning rate for a model's size."""
    width = loaded.model.config.d_model
    rate = FINE_TUNING_RATES[max((d for d in FINE_TUNING_RATES if d <= width), default=128)]
    if loaded.from_nothing:
        return rate * FROM_NOTHING if width >= 384 else OWN_RATE
    return rate * ADAPTERS if adapters else rate


def save(
    folder: Path,
    model: WhisperForConditionalGeneration,
    speller: Speller,
    extractor: WhisperFeatureExtractor,
    generation: GenerationConfig,
    state: Mapping[str, Tensor] | None = None,
    config: Mapping[str, Any] | None = None,
) -> None:
    """Write a folder that transformers can load: weights in half precision, processor, generation config.

    Args:
        state: weights to save instead of the model's.
        config: settings to save instead of those in the model's config.
    """
    shell = _shell(model.config, config or {})
    shell.generation_config = generation
    tied = model.all_tied_weights_keys  # other names of the same weights: as half-precision copies, saved twice
    weights = {
        name: value.detach().to("cpu", torch.float16)
        for name, value in (state or _state(model)).items()
        if name not in tied
    }
    shell.save_pretrained(folder, state_dict=weights)
    # Half precision is for storage only: loaded without a dtype, the model computes in single precision.
    path = folder / "config.json"
    written = json.loads(path.read_text(encoding="utf-8"))
    written["dtype"] = "float32"
    path.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    WhisperProcessor(extractor, speller.tokenizer).save_pretrained(folder)


def with_language(generation: GenerationConfig, languages: Sequence[str], multilingual: bool) -> GenerationConfig:
    """A copy of a generation config, set to the task and, if there is a single one, the language.

    Without them, `generate` detects the language, and sometimes mistakes Swedish for Norwegian.
    """
    config = copy.deepcopy(generation)
    settings: dict[str, Any] = {"forced_decoder_ids": None}
    if multilingual:
        settings |= {"task": "transcribe", "language": languages[0] if len(languages) == 1 else None}
    for name, value in settings.items():
        setattr(config, name, value)
    return config


def generation_config(
    model: WhisperForConditionalGeneration, speller: Speller, languages: Sequence[str]
) -> GenerationConfig:
    """The generation config of a new model, with the ids that `generate` and `detect_language` need."""
    never = ["startoftranscript", *languages, "translate", "transcribe", "startoflm", "startofprev", "nospeech"]
    never += ["notimestamps"]
    return GenerationConfig(
        is_multilingual=True,
        lang_to_id={f"<|{language}|>": speller.language(language) for language in languages},
        task_to_id={"transcribe": speller.transcribe, "translate": speller.translate},
        no_timestamps_token_id=speller.no_timestamps,
        prev_sot_token_id=speller.previous,
        decoder_start_token_id=speller.start,
        bos_token_id=speller.end,
        eos_token_id=speller.end,
        pad_token_id=speller.end,
        suppress_tokens=sorted(speller.special(name) for name in never),
        # Empty output is correct for audio without speech, so the first token is not restricted further.
        begin_suppress_tokens=None,
        alignment_heads=[[model.config.decoder_layers + ALIGNED_LAYER, ALIGNED_HEAD]],
        max_length=model.config.max_target_positions,
        max_initial_timestamp_index=POSITIONS_PER_S,
        return_timestamps=False,
    )


def _shell(config: WhisperConfig, changes: Mapping[str, Any]) -> WhisperForConditionalGeneration:
    """A model without weights, for its `save_pretrained`."""
    changed = copy.deepcopy(config)
    for name, value in changes.items():
        setattr(changed, name, value)
    with torch.device("meta"):
        return WhisperForConditionalGeneration(changed)


def _state(model: WhisperForConditionalGeneration) -> Mapping[str, Tensor]:
    state: Mapping[str, Tensor] = model.state_dict()
    return state


def read_json(name: str, file: str) -> Mapping[str, Any]:
    """Read an optional JSON file of a checkpoint; empty if it does not exist."""
    quiet = {"_raise_exceptions_for_missing_entries": False, "_raise_exceptions_for_connection_errors": False}
    path = cached_file(name, file, **quiet)
    try:
        values: Mapping[str, Any] = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
    except ValueError as error:
        raise CheckpointError(f"{path} is damaged: it is not valid JSON") from error
    return values


def _fingerprint(folder: Path) -> str:
    """A hash of all weights in a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin")):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
