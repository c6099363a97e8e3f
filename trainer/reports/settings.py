"""The settings of a run in words, from its plan.json, and the differences between the plans of several runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trainer.run_folder import RunFolder, flat

Row = tuple[str, str]

#: The path in plan.json, a description, and the value that has no effect.
_REGULARISATION: tuple[tuple[str, str, object], ...] = (
    ("model.dropout", "dropout on the residual stream", 0.0),
    ("model.activation_dropout", "dropout inside feed-forward layers", 0.0),
    ("model.attention_dropout", "dropout on attention", 0.0),
    ("plan.label_smoothing", "label smoothing", 0.0),
    ("plan.batches.style.bpe_dropout", "BPE dropout", 0.0),
    ("plan.batches.spec_augment", "share of clips with SpecAugment", 0.0),
    ("plan.batches.misled", "share of decoder input tokens replaced", 0.0),
    ("plan.weight_decay", "weight decay", 0.0),
    ("plan.clip_norm", "gradient clipping norm", 0.0),
    ("plan.average_decay", "decay of the weight average", 0.0),
    ("plan.patience", "patience, in evaluations", None),
    ("model.lora.rank", "rank of adapters, instead of all weights", None),
    ("model.freeze_encoder", "frozen encoder", False),
    ("plan.batches.style.timestamps", "share of examples with timestamps", 0.0),
    ("plan.batches.style.prompts", "share of examples with the preceding text", 0.0),
    ("plan.weights.matching", "share of the loss that matches the full context (ACFT)", 0.0),
    ("plan.weights.ctc", "weight of CTC on the encoder", 0.0),
    ("plan.weights.letters", "weight of letters on the encoder", 0.0),
    ("plan.weights.alignment", "weight of attention to the word being written", 0.0),
)
#: The options in `plan.examples`, in order.
_EXAMPLES = ("--augment", "--balance", "--without-speech", "--join")
#: Names of entries in plan.json: the option of `train` that sets them, or a description; others are shown by path.
_LABELS = {
    "plan.utterances": "training utterances",
    "plan.accumulate": "--accumulate",
    "plan.average_decay": "--average",
    "plan.batches.shape.examples": "--batch",
    "plan.batches.shape.seconds": "--batch-s",
    "plan.batches.shape.most_s": "--context-s",
    "plan.batches.shape.least_s": "padded to, s (--full-context)",
    "plan.learning_rate": "--learning-rate",
    "plan.measure_every_steps": "--measure-every",
    "plan.precision": "--precision",
    "plan.recompute": "--recompute",
    "plan.seed": "--seed",
    "plan.warm_up_steps": "--warm-up",
    "plan.weights.matching": "--acft",
    "model.name": "--model",
    "model.lora.rank": "--lora",
    "model.lora.alpha": "--lora-alpha",
    "model.lora.targets": "--lora-targets",
    "data.dev_clips": "--dev-clips",
    "data.language": "--language",
    **{
        path: f"--{path.split('.')[-1].replace('_', '-')}"
        for path, _, _ in _REGULARISATION
        if path.split(".")[-1] not in ("average_decay", "rank", "matching", "letters", "alignment")
    },
}
#: Entries that other entries already cover, or that do not affect the model.
_NOT_COMPARED = (
    *("environment.command", "environment.asked", "environment.given.", "environment.python"),
    *("plan.checkpoint_every_s", "plan.log_every_steps"),
)
#: Entries of `environment` to show: versions and the machine.
_ENVIRONMENT = ("commit", "python", "torch", "transformers", "device", "processes", "threads")


def about(run: RunFolder) -> list[Row]:
    """Model, corpus and plan."""
    model, data, environment, plan = (run.plan.get(k, {}) for k in ("model", "data", "environment", "plan"))
    shape = plan.get("batches", {}).get("shape", {})
    left_out = "; ".join(f"{count:,} {reason}" for reason, count in data.get("left_out", {}).items())
    rows = [
        ("model", _joined(model.get("name"), model.get("fingerprint"))),
        ("corpus", _joined(environment.get("corpus"), data.get("fingerprint"))),
        ("training clips", f"{data['clips']:,}" if "clips" in data else ""),
        ("training hours", f"{environment['hours']:.3f}" if "hours" in environment else ""),
        ("left out", left_out),
        ("language", data.get("language") or ", ".join(next(iter(run.declared.values()), {}).get("languages", ()))),
        ("language tokens", _tokens(run)),
        ("training utterances", f"{plan['utterances']:,}" if plan.get("utterances") else ""),
        ("acoustic context", _context(shape)),
        ("batches", _batches(shape, plan)),
        ("learning rate", f"{plan['learning_rate']:g}" if "learning_rate" in plan else ""),
        ("warm-up steps", str(plan.get("warm_up_steps", ""))),
        ("precision", str(plan.get("precision", ""))),
        ("seed", str(plan.get("seed", ""))),
    ]
    return [(name, value) for name, value in rows if value]


def regularisation(run: RunFolder) -> tuple[list[Row], list[str]]:
    """The regularisation in use, with values, and the options that are not in use."""
    values = flat(run.plan)
    used, unused = [], []
    for path, name, off in _REGULARISATION:
        value = values.get(path, off)
        option = _LABELS.get(path, "")
        if value != off:
            label = f"{name} ({option})" if option else name
            used.append((label, "yes" if value is True else f"{value:g}"))
        elif option:
            unused.append(option)
    return used, unused


def examples(run: RunFolder) -> list[Row]:
    """The options for sampling and augmentation, as given on the command line."""
    values: Sequence[str] = run.plan.get("plan", {}).get("examples", ())
    return [(name, words) for name, words in zip(_EXAMPLES, values, strict=False) if words]


def environment(run: RunFolder) -> list[Row]:
    """Versions and the machine."""
    values = run.plan.get("environment", {})
    return [(name, str(values[name])) for name in _ENVIRONMENT if values.get(name) not in (None, "")]


def differences(runs: Mapping[str, RunFolder]) -> list[tuple[str, ...]]:
    """Settings that differ between runs: an option's name or a path in plan.json, and the value in each run."""
    plans = [_settings(run.plan) for run in runs.values()]
    paths = list(dict.fromkeys(path for plan in plans for path in plan))
    return [
        (_LABELS.get(path, path), *(_value(plan.get(path)) for plan in plans))
        for path in paths
        if not path.startswith(_NOT_COMPARED) and len({repr(plan.get(path)) for plan in plans}) > 1
    ]


def _settings(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Entries of plan.json, with the defaults of adapters filled in."""
    settings = flat(plan)
    settings |= dict(zip(_EXAMPLES, settings.pop("plan.examples", ()), strict=False))
    if settings.get("model.lora.rank"):
        settings["model.lora.alpha"] = settings.get("model.lora.alpha") or 2 * settings["model.lora.rank"]
        settings["model.lora.targets"] = settings.get("model.lora.targets") or ["all of attention, fc1, fc2"]
    return settings


def _value(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(str(item) for item in value if item) or "–"
    return "–" if value in (None, "") else str(value)


def _joined(name: object, fingerprint: object) -> str:
    return f"{name} ({fingerprint})" if name and fingerprint else str(name or "")


def _tokens(run: RunFolder) -> str:
    """Languages that the model lacks, and the language whose token each uses, from undertext.json or --token."""
    declared: Mapping[str, str] = next(iter(run.declared.values()), {}).get("tokens") or {}
    option = str(run.plan.get("environment", {}).get("given", {}).get("--token", ""))
    pairs = [f"{code}={token}" for code, token in declared.items()] or option.split(",")
    return ", ".join(
        f"{code} uses that of {token}" for code, _, token in (pair.partition("=") for pair in pairs) if token
    )


def _context(shape: Mapping[str, Any]) -> str:
    if not shape:
        return ""
    if shape.get("least_s"):
        return f"padded to {shape['least_s']:g} s"
    return f"any length up to {shape['most_s']:g} s"


def _batches(shape: Mapping[str, Any], plan: Mapping[str, Any]) -> str:
    def parts() -> Iterator[str]:
        yield f"up to {shape['examples']} clips"
        if shape.get("seconds"):
            yield f"up to {shape['seconds']:g} s"
        if plan.get("accumulate", 1) > 1:
            yield f"{plan['accumulate']} per step"

    return ", ".join(parts()) if shape else ""
