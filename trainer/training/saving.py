"""What a run saves in its folder beside the metrics: models, and the description of the run in plan.json."""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor

from trainer.atomic import replaced_folder
from trainer.corpus.clips import CLIPS_NAME, Clip, Corpus, total_s
from trainer.corpus.corrections import writers_of
from trainer.corpus.leaving_out import read_clip_ids
from trainer.models import checkpoints
from trainer.models.checkpoints import Loaded
from trainer.models.frozen import Originals
from trainer.publishing.model_folder import Record, describe
from trainer.training.loop import SaveModel
from trainer.training.options import Options, command_to_repeat, option_values
from trainer.training.plan import Plan
from trainer.training.run import Run
from trainer.training.run_setup import Setup


def model_saver(run: Run, setup: Setup, originals: Originals) -> SaveModel:
    """A function that writes the current model into the run's folder, with adapters merged and without dropout.

    Args:
        originals: the frozen weights before they were converted to the precision that the model computes in.
    """
    options, loaded, languages, context_s = setup.options, setup.loaded, setup.languages, setup.context_s
    speller = loaded.speller
    tokens = [speller.token_of(language) for language in languages]
    generation = checkpoints.with_language(loaded.model.generation_config, tokens, speller.multilingual)
    provenance = {"base": ", ".join(filter(None, (loaded.name, loaded.bases))), "corpus": options.corpus.name}

    def save_model(name: str) -> None:
        state: Mapping[str, Tensor] = {**run.model.state_dict(), **originals}
        if options.lora:
            from trainer.models.lora import merged

            state = merged(run.model, originals)
        record = Record(
            tuple(languages),
            context_s if setup.full else 0.0,
            (),
            {**provenance, "seed": options.seed, "utterances": run.progress.examples, "steps": run.progress.steps},
            trained_with_prompts=options.prompts > 0,
            tokens={code: token for code, token in speller.borrowed.items() if code in languages},
        )
        with replaced_folder(run.folder / name) as folder:
            checkpoints.save(folder, run.model, speller, loaded.extractor, generation, state, loaded.known)
            describe(folder, record, context_s, f"# {run.folder.name}, {name}\n\n`python -m trainer publish`\n")

    return save_model


def describe_run(
    options: Options, loaded: Loaded, corpus: Corpus, clips: Sequence[Clip], dropped: Mapping[str, int], plan: Plan
) -> dict[str, Any]:
    """The entries of plan.json beside the plan."""
    adapters = {"rank": options.lora, "alpha": options.lora_alpha, "targets": list(options.lora_targets)}
    return {
        "model": {
            "name": loaded.name,
            "fingerprint": loaded.fingerprint,
            "freeze_encoder": options.freeze_encoder,
            **options.dropouts,
            "lora": adapters if options.lora else None,
        },
        "data": {
            "fingerprint": _fingerprint(corpus),
            "clips": len(clips),
            "left_out": dict(dropped),
            "leave_out_fingerprint": _leave_out_fingerprint(options),
            "language": options.language,
            "dev_clips": options.dev_clips,
        },
        "environment": {
            "corpus": str(options.corpus),
            "dev_written_by": writers_of(corpus.split("dev")),
            "hours": round(total_s(clips) / 3600, 4),
            "command": command_to_repeat(options, plan),
            "given": option_values(options),
            "commit": _commit(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "device": str(loaded.model.device),
            "threads": torch.get_num_threads(),
        },
    }


def _fingerprint(corpus: Corpus) -> str:
    """A hash of a corpus' texts and of where its audio is."""
    with (corpus.folder / CLIPS_NAME).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _leave_out_fingerprint(options: Options) -> str:
    """A hash of the ids in --leave-out; empty without any."""
    ids = sorted(read_clip_ids(Path(options.leave_out))) if options.leave_out else []
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16] if ids else ""


def _commit() -> str:
    """The commit of the trainer's code; empty outside of a working tree or without git, as in the container."""
    here = Path(__file__).parent
    if shutil.which("git") is None:
        return ""
    described = subprocess.run(["git", "-C", here, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return described.stdout.strip()
