"""Publish a run: its best checkpoint and its evaluation results become a model folder."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import WhisperFeatureExtractor

from trainer.atomic import replaced_folder
from trainer.errors import TrainerError
from trainer.publishing.model_card import Facts, agreements, card, promised_on
from trainer.publishing.model_folder import Record, WerRow, describe
from trainer.reports.curves import PUBLISHED, curves
from trainer.run_folder import read_run

#: Entries of plan.json that go into the provenance.
_PROVENANCE = ("command", "commit", "torch", "transformers", "device")
#: Possible paths in a word of a command line, such as `radio,noise:0.5:0..20:sounds/street`.
_PART = re.compile(r"[^:,|=\s][^:,|=]*")


class PublishError(TrainerError):
    """A run cannot be published, or not there; the message says what to do."""


@dataclass(frozen=True)
class RunFiles:
    """The files of a run that a published model is described by."""

    plan: Mapping[str, Any]
    declared: Mapping[str, Any]
    metrics: Sequence[Mapping[str, float]]
    evaluations: tuple[Mapping[str, Any], ...]
    which: str = "best"


def read(run: Path, which: str) -> RunFiles:
    """Read a run's files about the model `which`: best or last.

    Raises:
        RunError: the folder is not a run.
        PublishError: it has no such model yet, or a file is damaged.
    """
    folder = read_run(run)
    if folder.unread:
        raise PublishError(f"{run / folder.unread[0]} is damaged: evaluate again, or remove it")
    if which not in folder.declared:
        raise PublishError(f"{run} has no {which}/ yet: it is saved at the first evaluation, or at the end of training")
    corpus = Path(str(folder.plan.get("environment", {}).get("corpus", ""))).name
    evaluations = (
        {
            **document,
            "trained_on": document["split"] == "train" and Path(str(document["corpus"])).name == corpus,
            "written_by": [_last_names(model) for model in document.get("written_by", ())],
        }
        for document in folder.evaluations
        if Path(str(document["model"])).name == which
    )
    return RunFiles(folder.plan, folder.declared[which], folder.metrics, tuple(evaluations), which)


def publish_run(
    run: Path, out: Path, which: str = "best", despite_alarm: bool = False, hub_id: str | None = None
) -> tuple[list[WerRow], list[str]]:
    """Publish a run's model to `out`, which is replaced as a whole.

    Returns its word error rates, and notes on those whose references were written by a model.

    Args:
        hub_id: where it will be pushed, for its card.

    Raises:
        PublishError: there is nothing to publish, an evaluation raised the alarm, or `out` is not a model folder.
    """
    _check_out(out)
    files = read(run, which)
    alarms = [document["alarm"]["sentence"] for document in files.evaluations if document["alarm"]["raised"]]
    if alarms and not despite_alarm:
        raise PublishError(f"the evaluation raised the alarm: {alarms[0]} (--despite-alarm publishes it anyway)")
    rows = wer_rows(files)
    record = Record(
        languages=tuple(files.declared["languages"]),
        min_context_s=files.declared["min_context_s"],
        wer=tuple(rows),
        provenance=provenance(files),
        tasks=tuple(files.declared["tasks"]),
        trained_with_prompts=files.declared["trained_with_prompts"],
        tokens=files.declared.get("tokens") or {},
    )
    context_s = float(files.declared["context_s"])
    plots = curves({"": files.metrics}, PUBLISHED)
    pictures = {f"{title.lower().replace(' ', '-')}.svg": svg for title, svg in plots.items()}
    with replaced_folder(out) as folder:
        shutil.copytree(run / which, folder, dirs_exist_ok=True)
        for name, svg in pictures.items():
            (folder / name).write_text(svg, encoding="utf-8")
        facts = Facts(out.name, context_s, record, files.evaluations, tuple(pictures), hub_id or _place(out))
        describe(folder, record, context_s, card(facts))
    return rows, agreements(files.evaluations)


def _check_out(out: Path) -> None:
    """Refuse to replace anything but a model folder, which has a config.json; a corpus or a run has none.

    A link is refused too: the model that it points to would be lost, to which the user may want to roll back.
    """
    if out.is_symlink():
        raise PublishError(
            f"{out} is a link, and its target would be replaced: publish to a new folder, such as "
            f"{out.with_name('NAME')}, then run `ln -sfn NAME {out}`"
        )
    if out.is_dir() and (not any(out.iterdir()) or (out / "config.json").exists()):
        return
    if out.exists():
        raise PublishError(f"{out} already exists and is not a model, so it is not replaced: choose another OUT")


def _place(out: Path) -> str:
    """The value for MODEL, without the folders of this machine."""
    return f"path/to/{out.name}" if out.is_absolute() or ".." in out.parts else str(out)


def wer_rows(files: RunFiles) -> list[WerRow]:
    """A row for each condition of each evaluation."""
    languages = "+".join(files.declared["languages"])
    rows = [
        WerRow(
            languages,
            f"{promised_on(document)}, {condition['context_s']:g} s of context",
            condition["snr_db"],
            *(condition[name] for name in ("words", "wer_percent", "substitutions", "deletions", "insertions")),
        )
        for document in files.evaluations
        for condition in document["conditions"]
        if condition["words"]
    ]
    return list(dict.fromkeys(rows))  # full and short context are the same if the model has only one


def provenance(files: RunFiles) -> dict[str, str | int | float]:
    """The origin of the model: base, data, command, versions."""
    environment, data = files.plan.get("environment", {}), files.plan.get("data", {})
    from_plan = {name: environment[name] for name in _PROVENANCE if name in environment}
    corpus = {"clips": data.get("clips", 0), "corpus_fingerprint": data.get("fingerprint", "")}
    declared = files.declared["provenance"]
    if files.metrics and "steps" in declared:
        steps = max(int(row["step"]) for row in files.metrics)
        corpus["model"] = f"{files.which}, at step {declared['steps']:,} of {steps:,}"
    entries = {**declared, **corpus, **from_plan}
    return {name: _without_folders(name, value) if isinstance(value, str) else value for name, value in entries.items()}


def _without_folders(name: str, value: str) -> str:
    """Reduce paths to their last component, so that the folders of the training machine are not published."""
    return shlex.join(map(_last_names, shlex.split(value))) if name == "command" else _last_names(value)


def _last_names(word: str) -> str:
    def last(match: re.Match[str]) -> str:
        return Path(match[0]).name if match[0].startswith(("/", "~", "..")) else match[0]

    return word if "://" in word else _PART.sub(last, word)


def push(folder: Path, hub_id: str) -> str:
    """Upload a published folder to the Hugging Face hub. Returns its address there.

    Raises:
        PublishError: the hub cannot be reached, or refuses the upload.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    api = HfApi()
    try:
        address = api.create_repo(hub_id, exist_ok=True)
        api.upload_folder(repo_id=hub_id, folder_path=folder, commit_message="Undertext: a new model")
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise PublishError(f"{hub_id} could not be pushed: {reason}. Log in with `hf auth login`") from error
    return str(address)


def to_ctranslate2(folder: Path, out: Path, quantization: str) -> None:
    """Export a published folder for CTranslate2 (faster-whisper).

    Raises:
        PublishError: ctranslate2 is not installed, or `out` is not a model folder.
    """
    try:
        from ctranslate2.converters import TransformersConverter
    except ImportError as error:
        raise PublishError("--ctranslate2 needs the library: pip install 'undertext[ctranslate2]'") from error
    _check_out(out)
    with replaced_folder(out) as unfinished:
        converter = TransformersConverter(str(folder), copy_files=["tokenizer.json"])
        converter.convert(str(unfinished), quantization=quantization, force=True)
        # faster-whisper reads the number of mel bins from this file; transformers 5 writes another.
        WhisperFeatureExtractor.from_pretrained(folder).save_pretrained(unfinished)
