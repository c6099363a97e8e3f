"""What a run leaves in its folder beside the metrics: models, the command that repeats it, and what it was made of."""

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

from trainer.corpus.clips import CLIPS_NAME, Clip, Corpus, total_s
from trainer.corpus.corrections import writers_of
from trainer.corpus.leaving_out import named
from trainer.models import checkpoints
from trainer.models.checkpoints import Loaded
from trainer.models.frozen import Originals
from trainer.publishing.model_folder import Record, describe
from trainer.replacing import replaced
from trainer.training.loop import Keep
from trainer.training.options import Options, command, given
from trainer.training.plan import Plan
from trainer.training.run import Run


def keeper(
    run: Run,
    loaded: Loaded,
    languages: Sequence[str],
    context_s: float,
    min_context_s: float,
    options: Options,
    originals: Originals,
) -> Keep:
    """Writes the model as it is into the run's folder, without adapters and dropout.

    Args:
        originals: what is not trained of it, as it was before it was put into the numbers that the model computes in.
    """
    speller = loaded.speller
    tokens = [speller.token_of(language) for language in languages]
    generation = checkpoints.told(loaded.model.generation_config, tokens, speller.multilingual)
    made_of = {"base": ", ".join(filter(None, (loaded.name, loaded.bases))), "corpus": options.corpus.name}

    def keep(name: str) -> None:
        state: Mapping[str, Tensor] = {**run.model.state_dict(), **originals}
        if options.lora:
            from trainer.models.lora import merged

            state = merged(run.model, originals)
        record = Record(
            tuple(languages),
            min_context_s,
            (),
            {**made_of, "seed": options.seed, "utterances": run.progress.examples, "steps": run.progress.steps},
            trained_with_prompts=options.prompts > 0,
            tokens={code: token for code, token in speller.borrowed.items() if code in languages},
        )
        with replaced(run.folder / name) as folder:
            checkpoints.save(folder, run.model, speller, loaded.extractor, generation, state, loaded.known)
            describe(folder, record, context_s, f"# {run.folder.name}, {name}\n\n`python -m trainer publish`\n")

    return keep


def about(
    options: Options, loaded: Loaded, corpus: Corpus, clips: Sequence[Clip], dropped: Mapping[str, int], plan: Plan
) -> dict[str, Any]:
    """What plan.json says beside the plan."""
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
            "leave_out_fingerprint": _leave_out(options),
            "language": options.language,
            "dev_clips": options.dev_clips,
        },
        "environment": {
            "corpus": str(options.corpus),
            "dev_written_by": writers_of(corpus.split("dev")),
            "hours": round(total_s(clips) / 3600, 4),
            "command": command(options, plan),
            "given": given(options),
            "commit": _commit(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "device": str(loaded.model.device),
            "threads": torch.get_num_threads(),
        },
    }


def _fingerprint(corpus: Corpus) -> str:
    """Of what is said in a corpus, and of where its audio is."""
    with (corpus.folder / CLIPS_NAME).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _leave_out(options: Options) -> str:
    """Of the clips that are not to be trained on; empty where none are named."""
    ids = sorted(named(Path(options.leave_out))) if options.leave_out else []
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16] if ids else ""


def _commit() -> str:
    """Of the trainer's code; empty where it is no working tree, or there is no git, as in the container."""
    here = Path(__file__).parent
    if shutil.which("git") is None:
        return ""
    found = subprocess.run(["git", "-C", here, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return found.stdout.strip()
