"""Whisper checkpoints to train from, and the folders that training leaves: each a whole one that transformers loads.

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

from trainer.errors import TrainerError
from trainer.models.features import POSITIONS_PER_S
from trainer.models.tokenizer import Speller, train_tokenizer
from trainer.models.whisper import ALIGNED_HEAD, ALIGNED_LAYER, SIZES, new_model
from trainer.names import NEW, checkpoint
from trainer.replacing import replaced
from trainer.run_folder import RECORD_NAME

#: Learning rates of fine-tuning by d_model: a fortieth of what OpenAI trained the size with. Below tiny: of ours.
FINE_TUNING_RATES = {128: 4e-4, 384: 3.75e-5, 512: 2.5e-5, 768: 1.25e-5, 1024: 6.25e-6, 1280: 5e-6}
#: Training from nothing takes this times as much, and adapters of low rank this.
FROM_NOTHING, ADAPTERS = 40, 10
#: Ours from nothing, where there is no OpenAI's.
OWN_RATE = 1.5e-3


#: What transformers raises where a checkpoint is not there, or not whole.
BROKEN = (OSError, ValueError, SafetensorError)


class CheckpointError(TrainerError):
    """A checkpoint cannot be found or used; the text says what to do."""


@dataclass(frozen=True)
class Loaded:
    """A checkpoint in memory, in single precision, ready to be trained.

    `fingerprint` tells whether it is still the same when a run goes on. `known` are the settings of its config that
    training changes, as they were. Its undertext.json declares the acoustic context (`declared_s`), the shortest window
    that it was trained on (`shortest_s`), and the languages that it is for. `bases` are what it was made from itself,
    the latest first, with commas between them; empty: nothing is known of it.
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
        """The longest that it hears."""
        return float(self.model.config.max_source_positions / POSITIONS_PER_S)


def load(name: str, dropouts: Mapping[str, Any] | None = None) -> Loaded:
    """A checkpoint's folder, a run's, or its name on the Hugging Face hub.

    Args:
        dropouts: `dropout`, `activation_dropout` and `attention_dropout` in training.

    Raises:
        PlanError: there is no such folder.
        CheckpointError: it cannot be found, or is no whole Whisper.
    """
    place = checkpoint(name)
    try:
        config = AutoConfig.from_pretrained(place)
        if config.model_type != "whisper":
            raise CheckpointError(f"{name} is a {config.model_type} model, not a Whisper")
        extractor = AutoFeatureExtractor.from_pretrained(place)
        tokenizer = WhisperTokenizer.from_pretrained(place)
        model = WhisperForConditionalGeneration.from_pretrained(place, dtype=torch.float32, **(dropouts or {}))
    except BROKEN as error:
        raise CheckpointError(not_loaded(name, error)) from error
    if extractor.feature_size != config.num_mel_bins:
        raise CheckpointError(f"{name}: features of {extractor.feature_size} mel bins for {config.num_mel_bins}")
    # As `recogniser.load` has it: not every generation config says so, and a vocabulary may have any size.
    multilingual = getattr(model.generation_config, "is_multilingual", "<|transcribe|>" in tokenizer.get_vocab())
    declared = beside(place, RECORD_NAME)
    speller = Speller(tokenizer, bool(multilingual), declared.get("tokens") or {})
    known = {key: getattr(config, key) for key in dropouts or {}}
    fingerprint = getattr(config, "_commit_hash", None) or _fingerprint(Path(place))
    context_s = None if declared.get("context_s") is None else float(declared["context_s"])
    shortest_s = float(declared.get("min_context_s", 0.0))
    bases = str(declared.get("provenance", {}).get("base", ""))
    languages = tuple(declared.get("languages", ()))
    return Loaded(name, model, speller, extractor, fingerprint, known, context_s, shortest_s, bases, languages)


def not_loaded(name: str, error: Exception) -> str:
    """Why transformers does not load a checkpoint, in a sentence: what could not be fetched may be whole."""
    fetched = not isinstance(error.__cause__, LocalEntryNotFoundError | RepositoryNotFoundError)
    told = "is no whole Whisper checkpoint" if fetched else "could not be fetched"
    return f"{name} {told}: {str(error).strip().splitlines()[0]}"


def new(
    name: str,
    texts: Iterable[str],
    languages: Sequence[str],
    seed: int,
    tokenizer_folder: Path,
    dropouts: Mapping[str, Any] | None = None,
) -> Loaded:
    """A model from nothing: new:SIZE. Its tokenizer is learnt from the texts, once, and kept in a folder.

    Raises:
        CheckpointError: there is no such size.
    """
    size = SIZES.get(name.removeprefix(NEW))
    if size is None:
        raise CheckpointError(f"{name}: there are {', '.join(f'{NEW}{size}' for size in SIZES)}")
    if not tokenizer_folder.exists():
        with replaced(tokenizer_folder) as unfinished:
            train_tokenizer(texts, languages).save_pretrained(unfinished)
    speller = Speller(WhisperTokenizer.from_pretrained(tokenizer_folder))
    model = new_model(size, speller, seed, dropouts)
    model.generation_config = generation_config(model, speller, languages)
    extractor = WhisperFeatureExtractor(feature_size=size.mels, chunk_length=size.context_s)
    return Loaded(name, model, speller, extractor, f"{name}, seed {seed}", dict.fromkeys(dropouts or {}, 0.0))


def learning_rate(loaded: Loaded, adapters: bool) -> float:
    """What suits its size."""
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
    """Write a folder that transformers loads by itself: weights in half precision, processor, generation config.

    Args:
        state: the weights, where they are not those of the model as it stands.
        config: what its config is to say in place of what it says.
    """
    shell = _shell(model.config, config or {})
    shell.generation_config = generation
    tied = model.all_tied_weights_keys  # other names of the same weights: in half precision they would be written twice
    weights = {
        name: value.detach().to("cpu", torch.float16)
        for name, value in (state or _state(model)).items()
        if name not in tied
    }
    shell.save_pretrained(folder, state_dict=weights)
    # Half precision is for the disk: loaded with no dtype named, the model computes in single precision.
    path = folder / "config.json"
    written = json.loads(path.read_text(encoding="utf-8"))
    written["dtype"] = "float32"
    path.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    WhisperProcessor(extractor, speller.tokenizer).save_pretrained(folder)


def told(generation: GenerationConfig, languages: Sequence[str], multilingual: bool) -> GenerationConfig:
    """A checkpoint's generation config that says what it was trained for.

    Without language and task, `generate` detects them, and takes Swedish for Norwegian now and then. Of several
    languages none can be set.
    """
    found = copy.deepcopy(generation)
    said: dict[str, Any] = {"forced_decoder_ids": None}
    if multilingual:
        said |= {"task": "transcribe", "language": languages[0] if len(languages) == 1 else None}
    for name, value in said.items():
        setattr(found, name, value)
    return found


def generation_config(
    model: WhisperForConditionalGeneration, speller: Speller, languages: Sequence[str]
) -> GenerationConfig:
    """What `generate` and `detect_language` need to know of the ids of a model from nothing."""
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
        # An empty answer is right where nobody speaks, so nothing is suppressed at the beginning alone.
        begin_suppress_tokens=None,
        alignment_heads=[[model.config.decoder_layers + ALIGNED_LAYER, ALIGNED_HEAD]],
        max_length=model.config.max_target_positions,
        max_initial_timestamp_index=POSITIONS_PER_S,
        return_timestamps=False,
    )


def _shell(config: WhisperConfig, changes: Mapping[str, Any]) -> WhisperForConditionalGeneration:
    """A model without weights, which knows how they are to be written."""
    changed = copy.deepcopy(config)
    for name, value in changes.items():
        setattr(changed, name, value)
    with torch.device("meta"):
        return WhisperForConditionalGeneration(changed)


def _state(model: WhisperForConditionalGeneration) -> Mapping[str, Tensor]:
    state: Mapping[str, Tensor] = model.state_dict()
    return state


def beside(name: str, file: str) -> Mapping[str, Any]:
    """What a JSON file of a checkpoint says that not every checkpoint has; nothing where it is not."""
    quiet = {"_raise_exceptions_for_missing_entries": False, "_raise_exceptions_for_connection_errors": False}
    found = cached_file(name, file, **quiet)
    try:
        values: Mapping[str, Any] = json.loads(Path(found).read_text(encoding="utf-8")) if found else {}
    except ValueError as error:
        raise CheckpointError(f"{found} is damaged: it is no JSON") from error
    return values


def _fingerprint(folder: Path) -> str:
    """Of all weights in a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin")):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
