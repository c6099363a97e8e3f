"""What a run was told to do, in words, out of its plan.json; and in what the plans of several differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trainer.run_folder import RunFolder, flat

Row = tuple[str, str]

#: Where it is in plan.json, what it is called, and at which value it does nothing.
_REGULARISATION: tuple[tuple[str, str, object], ...] = (
    ("model.dropout", "dropout of what layers add to the stream", 0.0),
    ("model.activation_dropout", "dropout inside feed-forward layers", 0.0),
    ("model.attention_dropout", "dropout of attention", 0.0),
    ("plan.label_smoothing", "label smoothing", 0.0),
    ("plan.batches.style.bpe_dropout", "BPE dropout", 0.0),
    ("plan.batches.spec_augment", "clips with SpecAugment", 0.0),
    ("plan.batches.misled", "tokens that the decoder reads wrong", 0.0),
    ("plan.weight_decay", "weight decay", 0.0),
    ("plan.clip_norm", "norm to which the gradient is clipped", 0.0),
    ("plan.average_decay", "decay of the average of weights", 0.0),
    ("plan.patience", "measures without a better one, then it stops", None),
    ("model.lora.rank", "rank of adapters, in place of all weights", None),
    ("model.freeze_encoder", "the encoder is frozen", False),
    ("plan.batches.style.timestamps", "examples with timestamps", 0.0),
    ("plan.batches.style.prompts", "examples with what was said before", 0.0),
    ("plan.weights.matching", "share of the loss that matches the full context (ACFT)", 0.0),
    ("plan.weights.ctc", "weight of CTC on the encoder", 0.0),
    ("plan.weights.letters", "weight of letters on the encoder", 0.0),
    ("plan.weights.alignment", "weight of attention to the word that is written", 0.0),
)
#: Of `plan.examples`, in their order.
_EXAMPLES = ("--augment", "--balance", "--without-speech", "--join")
#: Entries of plan.json that are an option of `train`, or else what they are; others are called as they are there.
_CALLED = {
    "plan.utterances": "utterances to hear",
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
#: What says nothing about how a run was begun that another entry does not.
_NOT_COMPARED = (
    *("environment.command", "environment.asked", "environment.given.", "environment.python"),
    *("plan.checkpoint_every_s", "plan.log_every_steps"),
)
#: Versions and the machine.
_MADE_WITH = ("commit", "python", "torch", "transformers", "device", "processes", "threads")


def about(run: RunFolder) -> list[Row]:
    """Model, corpus and plan."""
    model, data, environment, plan = (run.plan.get(k, {}) for k in ("model", "data", "environment", "plan"))
    shape = plan.get("batches", {}).get("shape", {})
    left_out = "; ".join(f"{count:,} {reason}" for reason, count in data.get("left_out", {}).items())
    rows = [
        ("model", _joined(model.get("name"), model.get("fingerprint"))),
        ("corpus", _joined(environment.get("corpus"), data.get("fingerprint"))),
        ("clips to train on", f"{data['clips']:,}" if "clips" in data else ""),
        ("hours to train on", f"{environment['hours']:.3f}" if "hours" in environment else ""),
        ("left out", left_out),
        ("language", data.get("language") or ", ".join(next(iter(run.declared.values()), {}).get("languages", ()))),
        ("token of a language", _tokens(run)),
        ("utterances to hear", f"{plan['utterances']:,}" if plan.get("utterances") else ""),
        ("acoustic context", _context(shape)),
        ("batches", _batches(shape, plan)),
        ("learning rate", f"{plan['learning_rate']:g}" if "learning_rate" in plan else ""),
        ("steps to warm up", str(plan.get("warm_up_steps", ""))),
        ("precision", str(plan.get("precision", ""))),
        ("seed", str(plan.get("seed", ""))),
    ]
    return [(name, value) for name, value in rows if value]


def regularisation(run: RunFolder) -> tuple[list[Row], list[str]]:
    """What was used, with its value; and the options that were not."""
    values = flat(run.plan)
    used, unused = [], []
    for path, name, nothing in _REGULARISATION:
        value = values.get(path, nothing)
        option = _CALLED.get(path, "")
        if value != nothing:
            told = f"{name} ({option})" if option else name
            used.append((told, "yes" if value is True else f"{value:g}"))
        elif option:
            unused.append(option)
    return used, unused


def examples(run: RunFolder) -> list[Row]:
    """How clips were drawn and disturbed, in the words of the command line."""
    told: Sequence[str] = run.plan.get("plan", {}).get("examples", ())
    return [(name, words) for name, words in zip(_EXAMPLES, told, strict=False) if words]


def made_with(run: RunFolder) -> list[Row]:
    """Versions, and the machine."""
    environment = run.plan.get("environment", {})
    return [(name, str(environment[name])) for name in _MADE_WITH if environment.get(name) not in (None, "")]


def differences(runs: Mapping[str, RunFolder]) -> list[tuple[str, ...]]:
    """What is not the same in all runs: an option's name, or where else it is in plan.json; and its value in each."""
    plans = [_told(run.plan) for run in runs.values()]
    paths = list(dict.fromkeys(path for plan in plans for path in plan))
    return [
        (_CALLED.get(path, path), *(_value(plan.get(path)) for plan in plans))
        for path in paths
        if not path.startswith(_NOT_COMPARED) and len({repr(plan.get(path)) for plan in plans}) > 1
    ]


def _told(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Entries of plan.json, with what adapters are where nothing was said of it."""
    found = flat(plan)
    found |= dict(zip(_EXAMPLES, found.pop("plan.examples", ()), strict=False))
    if found.get("model.lora.rank"):
        found["model.lora.alpha"] = found.get("model.lora.alpha") or 2 * found["model.lora.rank"]
        found["model.lora.targets"] = found.get("model.lora.targets") or ["all of attention, fc1, fc2"]
    return found


def _value(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(str(each) for each in value if each) or "–"
    return "–" if value in (None, "") else str(value)


def _joined(name: object, fingerprint: object) -> str:
    return f"{name} ({fingerprint})" if name and fingerprint else str(name or "")


def _tokens(run: RunFolder) -> str:
    """Languages that the model lacks, and whose token each has: as its model says, or else as was asked for."""
    known: Mapping[str, str] = next(iter(run.declared.values()), {}).get("tokens") or {}
    asked = str(run.plan.get("environment", {}).get("given", {}).get("--token", ""))
    pairs = [f"{code}={token}" for code, token in known.items()] or asked.split(",")
    return ", ".join(
        f"{code} has that of {token}" for code, _, token in (pair.partition("=") for pair in pairs) if token
    )


def _context(shape: Mapping[str, Any]) -> str:
    if not shape:
        return ""
    if shape.get("least_s"):
        return f"all is padded to {shape['least_s']:g} s"
    return f"any length up to {shape['most_s']:g} s"


def _batches(shape: Mapping[str, Any], plan: Mapping[str, Any]) -> str:
    def parts() -> Iterator[str]:
        yield f"up to {shape['examples']} clips"
        if shape.get("seconds"):
            yield f"up to {shape['seconds']:g} s"
        if plan.get("accumulate", 1) > 1:
            yield f"{plan['accumulate']} of them a step"

    return ", ".join(parts()) if shape else ""
