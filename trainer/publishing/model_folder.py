"""A published model: a folder that transformers can load, with a description of the model and its error rates.

model.safetensors, config.json, generation_config.json    weights in half precision
tokenizer.json, tokenizer_config.json, processor_config.json
undertext.json    languages, tasks, acoustic context, word error rates, provenance
README.md         the model card
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration

from trainer.atomic import replaced_folder
from trainer.models.checkpoints import generation_config, save
from trainer.models.features import POSITIONS_PER_S
from trainer.models.tokenizer import Speller
from trainer.run_folder import RECORD_NAME

#: Version of undertext.json.
FORMAT = 1


@dataclass(frozen=True)
class WerRow:
    """The word error rate on one set."""

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
    """The contents of undertext.json. `provenance` has the command, seed, utterances, hours, voices and so on."""

    languages: tuple[str, ...]
    min_context_s: float
    wer: tuple[WerRow, ...]
    provenance: Mapping[str, str | int | float]
    tasks: tuple[str, ...] = ("transcribe",)
    #: Whether it was trained with the preceding text as a prompt; transcribers prompt only such models.
    trained_with_prompts: bool = False
    #: Languages that the tokenizer lacks, and the language whose token each uses.
    tokens: Mapping[str, str] = field(default_factory=dict)


def publish(model: WhisperForConditionalGeneration, speller: Speller, record: Record, card: str, folder: Path) -> None:
    """Write the model and replace `folder` as a whole: a reader never sees half a model."""
    context_s = model.config.max_source_positions // POSITIONS_PER_S
    extractor = WhisperFeatureExtractor(feature_size=model.config.num_mel_bins, chunk_length=context_s)
    with replaced_folder(folder) as unfinished:
        save(unfinished, model, speller, extractor, generation_config(model, speller, record.languages))
        describe(unfinished, record, float(context_s), card)


def describe(folder: Path, record: Record, context_s: float, card: str) -> None:
    """Write undertext.json and the card beside the weights."""
    facts = {"format": FORMAT, "context_s": context_s, **asdict(record)}
    (folder / RECORD_NAME).write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(card, encoding="utf-8")
