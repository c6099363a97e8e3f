"""Load a Whisper checkpoint from a folder or from the Hugging Face hub.

A checkpoint made by our trainer has an `undertext.json`, which lists the languages and the acoustic context in seconds
that the model was trained for; the encoder is then cut to that context, which saves most of its work. A checkpoint
without it runs with Whisper's 30 s: a model that was not trained for a shorter context produces nonsense with one.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from safetensors import SafetensorError
from transformers.utils.hub import cached_file

from transcriber.whisper.edition import fingerprint
from transcriber.whisper.int8 import quantize
from transcriber.whisper.model_name import folder_of
from transcriber.whisper.special_tokens import SpecialTokens
from wire.errors import DecodeError, ModelError

log = logging.getLogger(__name__)

#: Encoder positions per second: one is 20 ms.
POSITIONS_PER_S = 50

#: File that our trainer writes next to the weights.
MANIFEST = "undertext.json"


@dataclass(frozen=True)
class Manifest:
    """The trainer's description of a model; the defaults suit a model without a manifest."""

    languages: tuple[str, ...] | None = None  # None: all that the tokenizer has
    context_s: float | None = None  # None: the encoder's full context
    trained_with_prompts: bool | None = None  # None: unknown
    tasks: tuple[str, ...] = ("transcribe", "translate")  # those that the tokenizer has
    tokens: Mapping[str, str] = field(default_factory=dict)  # languages that use another language's token, and which

    @classmethod
    def decode(cls, data: bytes) -> Manifest:
        """Parse `undertext.json`; unknown fields are ignored.

        Raises:
            DecodeError: not JSON, or a field has the wrong type.
        """
        try:
            values = json.loads(data)
            languages, context_s = values.get("languages"), values.get("context_s")
            prompts, tokens = values.get("trained_with_prompts", False), values.get("tokens", {})
            if not isinstance(prompts, bool):
                raise TypeError(f"trained_with_prompts is {prompts!r}, not true or false")
            if context_s is not None and not float(context_s) * POSITIONS_PER_S >= 1:
                raise ValueError(f"context_s is {context_s!r}: less than one encoder position")
            return cls(
                tasks=tuple(str(task) for task in values.get("tasks", cls.tasks)),
                languages=tuple(str(language) for language in languages) if languages is not None else None,
                context_s=float(context_s) if context_s is not None else None,
                trained_with_prompts=prompts,
                tokens={str(language): str(token) for language, token in tokens.items()},
            )
        except (ValueError, TypeError, AttributeError) as error:
            raise DecodeError(f"not a manifest: {error}", data) from error


@dataclass(frozen=True)
class Model:
    """A checkpoint in memory."""

    name: str
    title: str  # in captions: its name on the hub with the commit, or the end of its folder's path with its edition
    whisper: Any  # WhisperForConditionalGeneration, in evaluation mode
    tokenizer: Any
    mel_filters: NDArray[np.floating]  # [n_fft / 2 + 1, n_mels]
    tokens: SpecialTokens
    device: torch.device
    dtype: torch.dtype
    trained_with_prompts: bool | None = None  # see `Manifest`

    @property
    def positions(self) -> int:
        """Encoder positions of its context."""
        return int(self.whisper.config.max_source_positions)

    @property
    def context_s(self) -> float:
        """Its acoustic context, in seconds."""
        return self.positions / POSITIONS_PER_S


def load(name: str, *, device: str = "auto", dtype: str = "auto") -> Model:
    """Load `name` and move it to a device.

    Args:
        dtype: a value of the setting DTYPE.

    Raises:
        ModelError: it cannot be found, reached or used; the message suggests a fix.
    """
    place = _device(device)
    precision = _dtype(dtype, place)
    config = _from_pretrained(name, transformers.AutoConfig)
    if config.model_type != "whisper":
        raise ModelError(f"{name} is a {config.model_type} model; set MODEL to a Whisper checkpoint")
    tokenizer = _from_pretrained(name, transformers.AutoTokenizer)
    extractor = _from_pretrained(name, transformers.AutoFeatureExtractor)
    whisper, loading_info = _from_pretrained(
        name, transformers.WhisperForConditionalGeneration, dtype=precision, output_loading_info=True
    )
    if extractor.feature_size != config.num_mel_bins:
        raise ModelError(f"{name}: features of {extractor.feature_size} mel bins, but a model of {config.num_mel_bins}")
    _check_weights(name, whisper, loading_info["missing_keys"])
    manifest = _manifest(name)
    if manifest.context_s is not None:
        shorten(whisper, round(manifest.context_s * POSITIONS_PER_S))
    generation = whisper.generation_config
    tokens = SpecialTokens.of(tokenizer, generation, manifest.languages, manifest.tasks, manifest.tokens)
    title = _title(name, config)
    whisper = _to_device(whisper.eval().requires_grad_(False), place)
    if dtype == "int8":
        quantize(whisper)
    dtype_name = precision if dtype == "auto" else dtype
    filters = np.asarray(extractor.mel_filters)
    model = Model(name, title, whisper, tokenizer, filters, tokens, place, precision, manifest.trained_with_prompts)
    log.info("model %s on %s as %s, %.1f s of context", name, place, dtype_name, model.context_s)
    return model


def shorten(whisper: Any, positions: int) -> None:
    """Cut the encoder to a shorter context. Its embeddings are sinusoidal, so the first ones fit a shorter clip."""
    if positions >= whisper.config.max_source_positions:
        return
    encoder = whisper.get_encoder()
    embedding = encoder.embed_positions
    embedding.weight = torch.nn.Parameter(embedding.weight[:positions].detach().clone(), requires_grad=False)
    embedding.num_embeddings = positions
    encoder.max_source_positions = positions
    whisper.config.max_source_positions = positions


def _check_weights(name: str, whisper: Any, missing: Iterable[str]) -> None:
    """Check that all weights are present and finite: transformers initialises missing ones at random.

    Raises:
        ModelError: they are not.
    """
    absent = sorted(missing)
    if absent:
        raise ModelError(
            f"{name} is not a complete Whisper checkpoint: {len(absent)} weights are missing, first {absent[0]}"
        )
    invalid = next((key for key, value in whisper.named_parameters() if not value.isfinite().all()), None)
    if invalid:
        raise ModelError(f"{name}: {invalid} contains NaN or infinite values; its training failed")


def _to_device(whisper: Any, device: torch.device) -> Any:
    """Move a model to its device. On a CPU, copy its weights out of the mapped file, which may be overwritten."""
    if device.type == "cpu":
        for weights in (*whisper.parameters(), *whisper.buffers()):
            weights.data = weights.data.clone()
    return whisper.to(device)


def _title(name: str, config: Any) -> str:
    """The model's name in captions; reveals nothing about this machine."""
    path = Path(name).expanduser().resolve()
    if path.is_dir():
        return f"{'/'.join(path.parts[-2:])}@{fingerprint(path)}"
    commit = getattr(config, "_commit_hash", None)
    return f"{name}@{commit[:12]}" if commit else name


def _from_pretrained(name: str, cls: Any, **options: Any) -> Any:
    """Call `cls.from_pretrained` and translate its errors into ones that a user can act on."""
    path = folder_of(name)
    try:
        return cls.from_pretrained(name if path is None else str(path), **options)
    except OSError as error:
        if path is not None:
            raise ModelError(f"{path} is not a complete Whisper checkpoint: {_first_line(error)}") from error
        raise ModelError(
            f"{name} is not a folder and cannot be fetched from the hub: {_first_line(error).rstrip('.')}. "
            "Without a network, set MODEL to a folder such as demo/model"
        ) from error
    except torch.OutOfMemoryError:
        raise
    except SafetensorError as error:
        raise ModelError(f"the weights of {name} are damaged: {_first_line(error)}") from error
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ModelError(f"{name} cannot be loaded as a Whisper model: {_first_line(error)}") from error


def _manifest(name: str) -> Manifest:
    path = Path(name).expanduser() / MANIFEST
    try:
        return Manifest.decode(path.read_bytes())
    except FileNotFoundError:
        pass
    except DecodeError as error:
        raise ModelError(f"{path}: {error}") from error
    if Path(name).is_dir():
        return Manifest()
    # A model that our trainer made may have been uploaded to the hub with its manifest.
    cached = cached_file(
        name,
        MANIFEST,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return Manifest.decode(Path(cached).read_bytes()) if cached else Manifest()


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"DEVICE={name} cannot be used: {_first_line(error)}") from error
    return device


def _dtype(name: str, device: torch.device) -> torch.dtype:
    """The dtype to compute in; int8 matrices have float32 inputs and outputs."""
    if name == "int8":
        if device.type != "cpu":
            raise ModelError(f"DTYPE=int8 runs only on a CPU, not on {device.type}: unset it, or set DEVICE=cpu")
        return torch.float32
    if name == "auto":
        name = "float16" if device.type == "cuda" else "float32"
    dtype: torch.dtype = getattr(torch, name)
    return dtype


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
