"""From a run's folder to a published model: its best checkpoint, and what was measured of it."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import WhisperFeatureExtractor

from trainer.errors import TrainerError
from trainer.publishing.model_card import Facts, agreements, card, promised_on
from trainer.publishing.model_folder import Record, WerRow, describe
from trainer.replacing import replaced
from trainer.reports.curves import PUBLISHED, curves
from trainer.run_folder import read_run

#: What provenance tells of how a run was begun, out of plan.json.
_TOLD = ("command", "commit", "torch", "transformers", "device")
#: What may be a path in a word of a command line, such as `radio,noise:0.5:0..20:sounds/street`.
_PART = re.compile(r"[^:,|=\s][^:,|=]*")


class PublishError(TrainerError):
    """A run cannot be published, or not there; the text says what to do."""


@dataclass(frozen=True)
class Written:
    """A run's files, as far as a published model tells of them."""

    plan: Mapping[str, Any]
    declared: Mapping[str, Any]
    metrics: Sequence[Mapping[str, float]]
    evaluations: tuple[Mapping[str, Any], ...]
    which: str = "best"


def read(run: Path, which: str) -> Written:
    """What a run has of the model `which`: best or last.

    Raises:
        RunError: it is no run.
        PublishError: it has no such model yet, or something in it is damaged.
    """
    found = read_run(run)
    if found.unread:
        raise PublishError(f"{run / found.unread[0]} is damaged: evaluate again, or remove it")
    if which not in found.declared:
        raise PublishError(f"{run} has no {which}/ yet: it comes with the first measure, or at the end of training")
    corpus = Path(str(found.plan.get("environment", {}).get("corpus", ""))).name
    of_it = (
        {
            **document,
            "trained_on": document["split"] == "train" and Path(str(document["corpus"])).name == corpus,
            "written_by": [_last_names(model) for model in document.get("written_by", ())],
        }
        for document in found.evaluations
        if Path(str(document["model"])).name == which
    )
    return Written(found.plan, found.declared[which], found.metrics, tuple(of_it), which)


def publish_run(
    run: Path, out: Path, which: str = "best", despite_alarm: bool = False, hub_id: str | None = None
) -> tuple[list[WerRow], list[str]]:
    """Make `out` the published model of a run: whole, at once. Returns the word error rates that it tells, and what is
    to be known of those that say how far it agrees with a model.

    Args:
        hub_id: where it will be pushed, for its card.

    Raises:
        PublishError: there is nothing to publish, an evaluation of it raised the alarm, or `out` is something else.
    """
    _refuse_another(out)
    found = read(run, which)
    alarms = [document["alarm"]["sentence"] for document in found.evaluations if document["alarm"]["raised"]]
    if alarms and not despite_alarm:
        raise PublishError(f"the evaluation raised the alarm: {alarms[0]} (--despite-alarm publishes it all the same)")
    rows = wer_rows(found)
    record = Record(
        languages=tuple(found.declared["languages"]),
        min_context_s=found.declared["min_context_s"],
        wer=tuple(rows),
        provenance=provenance(found),
        tasks=tuple(found.declared["tasks"]),
        trained_with_prompts=found.declared["trained_with_prompts"],
        tokens=found.declared.get("tokens") or {},
    )
    context_s = float(found.declared["context_s"])
    drawn = curves({"": found.metrics}, PUBLISHED)
    pictures = {f"{title.lower().replace(' ', '-')}.svg": svg for title, svg in drawn.items()}
    with replaced(out) as folder:
        shutil.copytree(run / which, folder, dirs_exist_ok=True)
        for name, svg in pictures.items():
            (folder / name).write_text(svg, encoding="utf-8")
        facts = Facts(out.name, context_s, record, found.evaluations, tuple(pictures), hub_id or _place(out))
        describe(folder, record, context_s, card(facts))
    return rows, agreements(found.evaluations)


def _refuse_another(out: Path) -> None:
    """What is there is replaced whole: it must be a model, which has a config.json, and no corpus or run.

    Nor a link: the model that it points to would be gone, which whoever links may want to go back to.
    """
    if out.is_symlink():
        raise PublishError(
            f"{out} is a link, and what it points to would be replaced: publish to a folder of its own, such as "
            f"{out.with_name('NAME')}, then `ln -sfn NAME {out}`"
        )
    if out.is_dir() and (not any(out.iterdir()) or (out / "config.json").exists()):
        return
    if out.exists():
        raise PublishError(f"{out} is there already and is no model, which alone would be replaced: choose another OUT")


def _place(out: Path) -> str:
    """What MODEL names it by; where else on this machine it may be is nobody's business."""
    return f"path/to/{out.name}" if out.is_absolute() or ".." in out.parts else str(out)


def wer_rows(found: Written) -> list[WerRow]:
    """A row for each condition of each evaluation."""
    languages = "+".join(found.declared["languages"])
    rows = [
        WerRow(
            languages,
            f"{promised_on(document)}, {condition['context_s']:g} s of context",
            condition["snr_db"],
            *(condition[name] for name in ("words", "wer_percent", "substitutions", "deletions", "insertions")),
        )
        for document in found.evaluations
        for condition in document["conditions"]
        if condition["words"]
    ]
    return list(dict.fromkeys(rows))  # full and short context are the same where that is all a model has


def provenance(found: Written) -> dict[str, str | int | float]:
    """How it came about: base, data, command, versions."""
    environment, data = found.plan.get("environment", {}), found.plan.get("data", {})
    told = {name: environment[name] for name in _TOLD if name in environment}
    corpus = {"clips": data.get("clips", 0), "corpus_fingerprint": data.get("fingerprint", "")}
    made = found.declared["provenance"]
    if found.metrics and "steps" in made:
        steps = max(int(row["step"]) for row in found.metrics)
        corpus["model"] = f"{found.which}, at step {made['steps']:,} of {steps:,}"
    everything = {**made, **corpus, **told}
    return {name: _anywhere(name, value) if isinstance(value, str) else value for name, value in everything.items()}


def _anywhere(name: str, value: str) -> str:
    """Without the folders of the machine that trained, which are nobody else's business: last names are left."""
    return shlex.join(map(_last_names, shlex.split(value))) if name == "command" else _last_names(value)


def _last_names(word: str) -> str:
    def last(found: re.Match[str]) -> str:
        return Path(found[0]).name if found[0].startswith(("/", "~", "..")) else found[0]

    return word if "://" in word else _PART.sub(last, word)


def push(folder: Path, hub_id: str) -> str:
    """Upload a published folder to the Hugging Face hub; its address there.

    Raises:
        PublishError: the hub cannot be reached, or refuses.
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
        PublishError: the library is not installed.
    """
    try:
        from ctranslate2.converters import TransformersConverter
    except ImportError as error:
        raise PublishError("--ctranslate2 needs a library: pip install 'undertext[ctranslate2]'") from error
    _refuse_another(out)
    with replaced(out) as unfinished:
        converter = TransformersConverter(str(folder), copy_files=["tokenizer.json"])
        converter.convert(str(unfinished), quantization=quantization, force=True)
        # faster-whisper reads the number of mel bins there, which transformers 5 writes into another file.
        WhisperFeatureExtractor.from_pretrained(folder).save_pretrained(unfinished)
