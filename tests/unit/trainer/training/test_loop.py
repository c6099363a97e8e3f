from __future__ import annotations

import json
import os
import resource
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import WhisperForConditionalGeneration

from tests.unit.trainer.metrics import metrics_of
from trainer.errors import NoRoom, PlanError, SourceError, TrainerError
from trainer.examples import Example, ExampleSource
from trainer.models.features import LogMel
from trainer.models.precision import DTYPES
from trainer.models.tokenizer import Speller
from trainer.models.whisper import Size, new_model
from trainer.stopping import Stop, Stopped
from trainer.training import loop
from trainer.training.acft import Teacher
from trainer.training.batches import Batch, Settings, Shape, collate
from trainer.training.loop import DEV_WER, Measure, SaveModel, step, train
from trainer.training.losses import Losses, Weights
from trainer.training.plan import Plan, Progress
from trainer.training.run import Run

FOUR = Settings(Shape(examples=4))
PLAN = Plan(utterances=24, batches=FOUR, warm_up_steps=2, log_every_steps=1, measure_every_steps=0)
DROPOUTS = {"dropout": 0.2, "activation_dropout": 0.1, "attention_dropout": 0.1}


class Killed(Exception):
    pass


def _train(
    folder: Path,
    plan: Plan,
    speller: Speller,
    size: Size,
    source: ExampleSource,
    kill_after: int | None = None,
    measure: Measure | None = None,
    save_model: SaveModel | None = None,
) -> Run:
    model = new_model(size, speller, plan.seed, DROPOUTS)
    teacher = Teacher.of(model, size.context_s) if plan.weights.matching else None
    run = Run.start(folder, model, speller, plan, teacher=teacher)
    real, steps = loop.step, 0

    def counted(run: Run, batches: list[Batch]) -> Losses:
        nonlocal steps
        if steps == kill_after:
            raise Killed
        steps += 1
        return real(run, batches)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "step", counted)
        train(run, source, speller, measure, save_model)
    run.close()
    return run


def _losses(folder: Path) -> list[tuple[int, float]]:
    return [(row["step"], row["loss"]) for row in metrics_of(folder) if "loss" in row]


@pytest.mark.parametrize(
    "plan",
    [
        PLAN,
        replace(PLAN, utterances=48, accumulate=2, average_decay=0.0),
        replace(PLAN, weights=Weights(matching=0.5)),
        replace(PLAN, precision="fp16"),
    ],
    ids=["plain", "accumulated", "matched", "float16"],
)
def test_a_killed_run_resumes_to_the_very_weights_and_losses_of_an_unbroken_one(
    plan: Plan, speller: Speller, tiny: Size, tones: ExampleSource, tmp_path: Path
) -> None:
    every_step = replace(plan, checkpoint_every_s=0.0)
    unbroken = _train(tmp_path / "unbroken", plan, speller, tiny, tones)
    with pytest.raises(Killed):
        _train(tmp_path / "killed", every_step, speller, tiny, tones, kill_after=4)
    torch.manual_seed(99)  # a new process has another state
    resumed = _train(tmp_path / "killed", every_step, speller, tiny, tones)
    assert resumed.progress.steps == unbroken.progress.steps == 6
    assert _losses(tmp_path / "killed") == _losses(tmp_path / "unbroken")
    assert len(_losses(tmp_path / "unbroken")) == 6
    for name, weights in unbroken.weights.items():
        for key, value in weights.items():
            torch.testing.assert_close(resumed.weights[name][key], value, rtol=0, atol=0)


def test_metrics_after_the_checkpoint_are_rewritten(
    speller: Speller, tiny: Size, tones: ExampleSource, tmp_path: Path
) -> None:
    """The run is killed after three logged steps, before the first checkpoint."""
    with pytest.raises(Killed):
        _train(tmp_path, PLAN, speller, tiny, tones, kill_after=3)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "lo')  # killed while writing
    _train(tmp_path, PLAN, speller, tiny, tones)
    assert [number for number, _ in _losses(tmp_path)] == [1, 2, 3, 4, 5, 6]


def test_metrics_are_kept_if_the_disk_is_full_when_they_are_rewritten(
    speller: Speller, tiny: Size, tones: ExampleSource, tmp_path: Path
) -> None:
    _train(tmp_path, PLAN, speller, tiny, tones)
    before = (tmp_path / "metrics.jsonl").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            Run.start(tmp_path, new_model(tiny, speller, 1), speller, PLAN)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "metrics.jsonl").read_bytes() == before


def test_a_full_disk_keeps_the_previous_checkpoint_and_training_continues(
    speller: Speller, tiny: Size, tones: ExampleSource, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Killed):
        _train(tmp_path, replace(PLAN, checkpoint_every_s=0.0), speller, tiny, tones, kill_after=2)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    stop = Stop()

    def asked(model: WhisperForConditionalGeneration) -> dict[str, float]:
        stop.signal_number = 15
        return {"wer_percent": 12.5}

    plan = replace(PLAN, measure_every_steps=4, checkpoint_every_s=0.0)
    run = Run.start(tmp_path, new_model(tiny, speller, plan.seed, DROPOUTS), speller, PLAN)
    run.plan = plan
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with caplog.at_level("WARNING", "trainer"), pytest.raises(Stopped, match="resumes after step 2"):
            train(run, tones, speller, asked, workers=0, stop=stop)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    run.close()
    assert "no room for the checkpoint of step 4. Free some space: until then, a killed run resumes after step 2" in (
        caplog.text
    )
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    assert not (tmp_path / "checkpoint.pt.tmp").exists(), "it may have filled the disk"
    assert _train(tmp_path, PLAN, speller, tiny, tones).progress.steps == 6


class _Failing:
    """Examples that cannot be made."""

    def __init__(self, source: ExampleSource, fail: Callable[[], None]) -> None:
        self.duration_s, self._fail = source.duration_s, fail

    def example(self, index: int) -> Example:
        self._fail()
        raise AssertionError


def _killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _gone() -> None:
    Path("/nowhere/sounds.pcm").read_bytes()


def _refused() -> None:
    raise SourceError("nothing in street can be read")


def _ours() -> None:
    raise ValueError("a fault of ours")


@pytest.mark.parametrize(
    ("fail", "kind", "sentence"),
    [
        (
            _killed,
            NoRoom,
            r"^a dataloader worker was killed, .* fewer --workers.* \(DataLoader worker \(pid",
        ),
        (_gone, TrainerError, r"^a dataloader worker failed: \[Errno 2\] .*: '/nowhere/sounds.pcm'$"),
        (_refused, SourceError, "^nothing in street can be read$"),
        (_ours, ValueError, "Traceback"),
    ],
)
def test_worker_errors_are_explained_in_a_sentence(
    fail: Callable[[], None],
    kind: type[Exception],
    sentence: str,
    speller: Speller,
    tiny: Size,
    tones: ExampleSource,
    tmp_path: Path,
) -> None:
    with pytest.raises(kind, match=sentence):
        _train(tmp_path, PLAN, speller, tiny, _Failing(tones, fail))


def test_no_checkpoint_is_written_twice(
    speller: Speller, tiny: Size, tones: ExampleSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    monkeypatch.setattr("trainer.training.run.save", lambda *about: written.append(about[-1].steps))
    _train(tmp_path, replace(PLAN, checkpoint_every_s=0.0), speller, tiny, tones)
    assert written == [1, 2, 3, 4, 5, 6]


def test_a_run_resumes_only_with_the_same_plan(
    speller: Speller, tiny: Size, tones: ExampleSource, tmp_path: Path
) -> None:
    _train(tmp_path, PLAN, speller, tiny, tones)
    Run.start(tmp_path, new_model(tiny, speller, 1), speller, replace(PLAN, checkpoint_every_s=1.0)).close()
    changed = replace(PLAN, learning_rate=1e-3, batches=replace(FOUR, misled=0.5))
    with pytest.raises(PlanError) as caught:
        Run.start(tmp_path, new_model(tiny, speller, 1), speller, changed)
    assert "plan.batches.misled was 0.2, not 0.5; plan.learning_rate was 0.0015, not 0.001" in str(caught.value)


def test_a_run_of_an_older_version_resumes_without_newer_weights(
    speller: Speller, tiny: Size, tones: ExampleSource, tmp_path: Path
) -> None:
    _train(tmp_path, PLAN, speller, tiny, tones)
    begun = json.loads((tmp_path / "plan.json").read_text())
    del begun["plan"]["weights"]["matching"]
    (tmp_path / "plan.json").write_text(json.dumps(begun))
    Run.start(tmp_path, new_model(tiny, speller, 1), speller, PLAN).close()
    with pytest.raises(PlanError, match=r"plan\.weights\.matching was not given, not 0\.5"):
        _train(tmp_path, replace(PLAN, weights=Weights(matching=0.5)), speller, tiny, tones)


def test_a_finished_run_trains_no_further(speller: Speller, tiny: Size, tones: ExampleSource, tmp_path: Path) -> None:
    _train(tmp_path, PLAN, speller, tiny, tones)
    again = _train(tmp_path, PLAN, speller, tiny, tones, kill_after=0)
    assert again.progress.steps == 6


def _overall(run: Run, batches: list[Batch]) -> tuple[float, dict[str, torch.Tensor]]:
    found = step(run, batches)
    gradients = {name: p.grad for name, p in run.model.named_parameters() if p.grad is not None}
    return float(found.total), {
        **gradients,
        **{n: p.grad for n, p in run.heads.named_parameters() if p.grad is not None},
    }


def test_accumulation_does_not_change_the_loss(
    speller: Speller, tiny: Size, tones: ExampleSource, tmp_path: Path
) -> None:
    """The trap of `num_items_in_batch`: in a mean of means, tokens of a short batch weigh more."""
    examples = [tones.example(index) for index in (0, 9, 3, 7, 4, 12, 15, 5)]

    def batch(some: list[Example]) -> Batch:
        return collate(some, speller, LogMel(), least_s=2.0)

    parts = [batch(examples[start : start + 2]) for start in range(0, 8, 2)]
    assert len({int((part.labels >= 0).sum()) for part in parts}) > 1, (
        "batches with the same number of tokens would hide it"
    )
    found = []
    for name, batches in (("once", [batch(examples)]), ("four times", parts)):
        run = Run.start(tmp_path / name, new_model(tiny, speller, 1), speller, PLAN)
        found.append(_overall(run, batches))
        run.close()
    (loss, gradients), (accumulated, their_gradients) = found
    assert accumulated == pytest.approx(loss, abs=1e-5)
    for name, gradient in gradients.items():
        torch.testing.assert_close(their_gradients[name], gradient, rtol=1e-4, atol=1e-5)


def test_recomputing_activations_changes_nothing(
    speller: Speller, tiny: Size, tones: ExampleSource, tmp_path: Path
) -> None:
    batch = collate([tones.example(index) for index in (0, 9, 3, 7)], speller, LogMel())
    found = []
    for recompute in (False, True):
        plan = replace(PLAN, recompute=recompute)
        run = Run.start(tmp_path / str(recompute), new_model(tiny, speller, 1, DROPOUTS), speller, plan)
        run.model.train()
        assert run.model.is_activation_checkpointing == recompute
        found.append(_overall(run, [batch])[0])
        run.close()
    assert found[1] == pytest.approx(found[0], abs=1e-6)


def test_half_precision_computes_about_the_same(
    speller: Speller, tiny: Size, tones: ExampleSource, tmp_path: Path
) -> None:
    batch = collate([tones.example(index) for index in (0, 9, 3, 7)], speller, LogMel())
    found, sizes = [], []
    for precision in DTYPES:
        plan = replace(PLAN, precision=precision)
        run = Run.start(tmp_path / precision, new_model(tiny, speller, 1), speller, plan)
        for _ in range(8):  # with float16, gradients are scaled too high at first, and the first steps are skipped
            loss, gradients = _overall(run, [batch])
            if all(torch.isfinite(gradient).all() for gradient in gradients.values()):
                break
        assert {gradient.dtype for gradient in gradients.values()} == {torch.float32}
        found.append(loss)
        sizes.append(float(torch.stack([gradient.norm() for gradient in gradients.values()]).norm()))
        run.close()
    assert len(set(found)) == 3
    assert found == pytest.approx([found[0]] * 3, rel=0.02)
    assert sizes == pytest.approx([sizes[0]] * 3, rel=0.05), "they are unscaled"


def test_a_step_whose_gradients_overflow_changes_nothing(
    speller: Speller, tiny: Size, tones: ExampleSource, tmp_path: Path
) -> None:
    batch = collate([tones.example(index) for index in (0, 9, 3, 7)], speller, LogMel())
    run = Run.start(tmp_path, new_model(tiny, speller, 1), speller, replace(PLAN, precision="fp16", average_decay=0.0))
    run.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40)
    before = {name: value.detach().clone() for name, value in run.weights["model"].items()}
    step(run, [batch])
    assert run.scaler.get_scale() == 2.0**39
    assert all(torch.equal(value, before[name]) for name, value in run.weights["model"].items())
    run.close()


def test_a_model_that_spells_better_is_still_learning() -> None:
    progress = Progress()
    measures = [(80.0, 79.0), (80.0, 75.0), (80.0, 76.0), (81.0, 74.0), (80.0, 74.5), (80.0, 75.5)]
    found = [(progress.update_best(*measure), progress.since_best) for measure in measures]
    assert found == [(True, 0), (True, 0), (False, 1), (False, 0), (True, 0), (False, 1)]
    assert (progress.best, progress.best_characters, progress.fewest_characters) == (80.0, 74.5, 74.0)
    assert (progress.update_best(80.0, 74.5), progress.since_best) == (True, 2), (
        "of equal models the later one, but without resetting patience"
    )


def test_biases_and_norms_do_not_decay(speller: Speller, tiny: Size, tmp_path: Path) -> None:
    run = Run.start(tmp_path, new_model(tiny, speller, 1), speller, PLAN)
    decayed, spared = run.optimizer.param_groups
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.01, 0.0)
    parameters = [*run.model.named_parameters(), *run.heads.named_parameters()]
    names = {id(p): name for name, p in parameters if p.requires_grad}
    assert {id(p) for group in (decayed, spared) for p in group["params"]} == names.keys()
    assert all(names[id(p)].endswith("bias") or "layer_norm" in names[id(p)] for p in spared["params"])
    assert not any("bias" in names[id(p)] or "layer_norm" in names[id(p)] for p in decayed["params"])
    run.close()


def test_averaged_weights_are_measured_and_saved(
    speller: Speller, tiny: Size, tones: ExampleSource, tmp_path: Path
) -> None:
    plan = replace(PLAN, measure_every_steps=2)
    run = Run.start(tmp_path, new_model(tiny, speller, 1), speller, plan)
    own, seen = run.model.proj_out.weight, []

    def measure(model: WhisperForConditionalGeneration) -> dict[str, float]:
        seen.append(model.proj_out.weight.detach().clone())
        return {"wer_percent": 12.5}

    train(run, tones, speller, measure)
    run.close()
    torch.testing.assert_close(seen[-1], run.average.weights["model.decoder.embed_tokens.weight"], rtol=0, atol=0)
    assert not torch.equal(seen[-1], own)
    rows = metrics_of(tmp_path)
    assert [row["step"] for row in rows if "wer_percent" in row] == [2, 4, 6]
    assert {"step": 2, "wer_percent": 12.5} in rows
    assert json.loads((tmp_path / "plan.json").read_text())["plan"]["utterances"] == 24


def test_the_best_model_is_saved_and_patience_ends_training(
    speller: Speller, tiny: Size, tones: ExampleSource, tmp_path: Path
) -> None:
    plan = replace(PLAN, utterances=4000, measure_every_steps=1, patience=2)
    rates, kept = iter([50.0, 40.0, 45.0, 40.0, 10.0]), []
    run = _train(
        tmp_path, plan, speller, tiny, tones, measure=lambda model: {DEV_WER: next(rates)}, save_model=kept.append
    )
    assert (run.progress.steps, run.progress.best, kept) == (4, 40.0, ["best"] * 3)
    assert _train(tmp_path, plan, speller, tiny, tones, kill_after=0).progress.stopped


def test_the_learning_rate_warms_up_and_decays_to_0() -> None:
    plan = Plan(utterances=3200, warm_up_steps=10, learning_rate=1.0)
    rates = [plan.learning_rate_at(Progress(steps, examples=32 * steps)) for steps in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == pytest.approx(0.91)
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[100] == 0.0


def test_a_plan_of_minutes_ends_by_the_clock() -> None:
    plan = Plan(utterances=32, minutes=2.0)
    assert plan.done(Progress(examples=1000, elapsed_s=60.0)) == 0.5
    assert plan.done(Progress(examples=1000, elapsed_s=121.0)) == 1.0
