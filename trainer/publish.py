"""A published model: a folder that transformers loads by itself, and that says what it was made of and how good it is.

model.safetensors, config.json, generation_config.json    weights in half precision
tokenizer.json, tokenizer_config.json, processor_config.json
undertext.json    languages, tasks, acoustic context, word error rates, provenance
README.md         the model card
"""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from transformers import (
    GenerationConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
)

from trainer.features import POSITIONS_PER_S
from trainer.losses import ALIGNED_HEAD, ALIGNED_LAYER
from trainer.tokenizer import Speller

#: Version of undertext.json.
FORMAT = 1
RECORD_NAME = "undertext.json"


@dataclass(frozen=True)
class WerRow:
    """Word error rate on one set: errors in percent of `words`."""

    language: str
    set: str
    snr_db: float | None
    words: int
    wer_percent: float
    substitutions: int
    deletions: int
    insertions: int


@dataclass(frozen=True)
class Record:
    """What undertext.json says. `provenance`: command, seed, utterances, hours, voices and the like."""

    languages: tuple[str, ...]
    min_context_s: float
    wer: tuple[WerRow, ...]
    provenance: Mapping[str, str | int | float]


def publish(model: WhisperForConditionalGeneration, speller: Speller, record: Record, card: str, folder: Path) -> None:
    """Write the folder whole, then put it where `folder` is: a reader never sees half a model."""
    unfinished, old = (folder.with_name(f".{folder.name}.{state}") for state in ("unfinished", "old"))
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    _save_weights(model, speller, record.languages, unfinished)
    context_s = model.config.max_source_positions // POSITIONS_PER_S
    extractor = WhisperFeatureExtractor(feature_size=model.config.num_mel_bins, chunk_length=context_s)
    WhisperProcessor(extractor, speller.tokenizer).save_pretrained(unfinished)
    facts = {"format": FORMAT, "context_s": float(context_s), "tasks": ["transcribe"], **asdict(record)}
    (unfinished / RECORD_NAME).write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (unfinished / "README.md").write_text(card, encoding="utf-8")
    for path in unfinished.iterdir():
        # safetensors writes for its owner alone, and a container's user is another.
        path.chmod(0o644)
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)  # whoever is reading it reads on
    unfinished.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def generation_config(
    model: WhisperForConditionalGeneration, speller: Speller, languages: Sequence[str]
) -> GenerationConfig:
    """What `generate` and `detect_language` need to know of our ids."""
    never = ["startoftranscript", *languages, "translate", "transcribe", "startoflm", "startofprev", "nospeech"]
    never += ["notimestamps"]
    return GenerationConfig(
        is_multilingual=True,
        lang_to_id={f"<|{language}|>": speller.language(language) for language in languages},
        task_to_id={"transcribe": speller.transcribe, "translate": speller.translate},
        no_timestamps_token_id=speller.no_timestamps,
        prev_sot_token_id=speller.special("startofprev"),
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


def _save_weights(
    model: WhisperForConditionalGeneration, speller: Speller, languages: Sequence[str], folder: Path
) -> None:
    half = copy.deepcopy(model).half()
    half.generation_config = generation_config(model, speller, languages)
    half.save_pretrained(folder)
    # Half precision is for the disk: loaded with no dtype named, the model computes in single precision.
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["dtype"] = "float32"
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
