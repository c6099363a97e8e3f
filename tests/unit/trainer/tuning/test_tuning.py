"""A search in this process: what its trials become, what it survives, and what it refuses."""

from __future__ import annotations

import math
import os
import shlex
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from trainer import __main__ as cli
from trainer.commands import tune
from trainer.errors import PlanError, TrainerError
from trainer.held import held
from trainer.reports.run import write_report
from trainer.run_folder import read_run
from trainer.training.options import Options
from trainer.training.train import Outcome, Told, train_run
from trainer.tuning import trial
from trainer.tuning.conducting import Here, add, conduct
from trainer.tuning.folders import needed
from trainer.tuning.journal import alone
from trainer.tuning.results import best_command, failures, ranked
from trainer.tuning.space import parse
from trainer.tuning.study import Asked, begin, document_of, options_of, trials_of

SPACE = ["learning-rate=1e-5..1e-3:log:4", "dropout=0,0.1,0.2"]
Training = Callable[[Options, Told | None], Outcome]


def _asked(folder: Path, **words: object) -> Asked:
    fixed = {"corpus": "/corpora/tones", "model": "tiny", "measures": 4}
    values = {"folder": folder / "study", "space": parse(SPACE), "fixed": fixed, "prune": "none", **words}
    return Asked(**values)  # type: ignore[arg-type]


def _error_rate(options: Options) -> float:
    """Best at a learning rate of 1e-4 or so, and much dropout."""
    return 10 * abs(math.log10(options.learning_rate or 1) + 4) + 20 * (0.2 - options.dropout)


class Fake:
    """In place of training: measures what the parameters say, and leaves what a run leaves."""

    def __init__(self) -> None:
        self.runs: list[Options] = []

    def __call__(self, options: Options, told: Told | None) -> Outcome:
        self.runs.append(options)
        for name in ("best", "last"):
            (options.run / name).mkdir(parents=True, exist_ok=True)
        (options.run / "checkpoint.pt").touch()
        for step in (1, 2, 3, 4):
            assert told
            told(step / 4, {"dev_wer_percent": _error_rate(options), "dev_loss": 1.0})
        return Outcome(4, _error_rate(options), options.run)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    found = Fake()
    monkeypatch.setattr(trial, "train_run", found)
    return found


def _search(asked: Asked, keep_all: bool = False) -> optuna.Study:
    study = begin(alone(asked.folder), asked)
    conduct(study, asked, Here(), keep_all)
    return study


def test_a_grid_is_searched_to_its_end_and_the_best_keeps_its_weights(
    fake: Fake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = _search(_asked(tmp_path, search="grid", trials=None))
    assert "12/12" in capsys.readouterr().err
    assert len(fake.runs) == len({(run.learning_rate, run.dropout) for run in fake.runs}) == 12
    best = ranked(study)[0]
    assert (best.params["dropout"], best.value) == (0.2, min(_error_rate(run) for run in fake.runs))
    kept = sorted(path.parent.name for path in tmp_path.glob("study/*/checkpoint.pt"))
    assert kept == [f"trial-{best.number:04d}"]
    assert len(list(tmp_path.glob("study/*/best"))) == 1
    assert shlex.split(best_command(study) or "")[:7] == [
        *("python", "-m", "trainer", "train", "/corpora/tones", "--model", "tiny")
    ]


def test_all_weights_are_kept_if_asked(fake: Fake, tmp_path: Path) -> None:
    _search(_asked(tmp_path, trials=3), keep_all=True)
    assert len(list(tmp_path.glob("study/*/best"))) == 3


def test_weights_that_were_to_be_kept_are_kept_when_the_search_goes_on(fake: Fake, tmp_path: Path) -> None:
    _search(_asked(tmp_path, trials=3), keep_all=True)
    _search(_asked(tmp_path, trials=4))
    assert len(list(tmp_path.glob("study/*/best"))) == 4


def test_a_finished_search_is_added_to(fake: Fake, tmp_path: Path) -> None:
    _search(_asked(tmp_path, trials=3))
    _search(_asked(tmp_path, trials=3))
    assert len(fake.runs) == 3
    study = _search(_asked(tmp_path, trials=5))
    assert [found.number for found in trials_of(study)] == [0, 1, 2, 3, 4]
    assert len(fake.runs) == 5


def test_an_interrupted_trial_is_taken_up_again(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(options: Options, told: Told | None) -> Outcome:
        if len(fake.runs) == 2:
            fake.runs.append(options)
            raise KeyboardInterrupt
        return fake(options, told)

    monkeypatch.setattr(trial, "train_run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _search(_asked(tmp_path, trials=4))
    study = _search(_asked(tmp_path, trials=4))
    assert [found.state for found in trials_of(study)] == [TrialState.COMPLETE] * 4
    assert fake.runs[2] == fake.runs[3], "the same options, in the same folder"
    assert len(fake.runs) == 5


def test_what_is_worse_than_the_others_is_pruned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = 0

    def training(options: Options, told: Told | None) -> Outcome:
        nonlocal heard
        rate = 90.0 if options.run.name == "trial-0004" else 10.0
        for done in (0.25, 0.5, 0.75, 1.0):
            heard += 1
            assert told
            told(done, {"dev_wer_percent": rate, "dev_loss": 1.0})
        return Outcome(4, rate, options.run)

    monkeypatch.setattr(trial, "train_run", training)
    study = _search(_asked(tmp_path, trials=6, prune="median"))
    states = [found.state for found in trials_of(study)]
    assert states == [*[TrialState.COMPLETE] * 4, TrialState.PRUNED, TrialState.COMPLETE]
    assert heard == 5 * 4 + 2
    assert ranked(study)[-1].number == 4


@pytest.mark.parametrize(
    ("error", "loss", "reason"),
    [
        (RuntimeError("CUDA out of memory.\nTried to"), 1.0, "RuntimeError: CUDA out of memory."),
        (PlanError("too few clips"), 1.0, "too few clips"),
        (None, math.nan, "it diverged: the loss is no number when 25 % of the training is behind"),
    ],
)
def test_a_failed_trial_says_why_and_the_search_goes_on(
    error: Exception | None, loss: float, reason: str, fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(options: Options, told: Told | None) -> Outcome:
        if options.run.name == "trial-0001":
            assert told
            told(0.25, {"dev_wer_percent": 99.0, "dev_loss": loss})
            if error:
                raise error
        return fake(options, told)

    monkeypatch.setattr(trial, "train_run", failing)
    study = _search(_asked(tmp_path, trials=4))
    failed = trials_of(study)[1]
    assert [found.state for found in trials_of(study)].count(TrialState.COMPLETE) == 3
    assert failures(study) == [(str(failed.number), reason)]


def test_a_search_whose_trials_all_fail_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(options: Options, told: Told | None) -> Outcome:
        raise PlanError("the corpus has no split dev")

    monkeypatch.setattr(trial, "train_run", failing)
    with pytest.raises(TrainerError, match="none of the first 3 trials came to an end: the corpus has no split dev"):
        _search(_asked(tmp_path))


def test_a_search_of_few_trials_that_all_fail_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(options: Options, told: Told | None) -> Outcome:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(trial, "train_run", failing)
    with pytest.raises(TrainerError, match="none of 2 trials came to a result: RuntimeError: out of memory"):
        _search(_asked(tmp_path, trials=2))


def test_when_every_trial_fails_from_some_time_on_the_search_ends_and_goes_on_later(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(options: Options, told: Told | None) -> Outcome:
        if fake.runs:
            raise OSError("no space left on device")
        return fake(options, told)

    monkeypatch.setattr(trial, "train_run", full)
    with pytest.raises(TrainerError, match="the last 5 trials failed: OSError: no space left on device"):
        _search(_asked(tmp_path, trials=12))
    monkeypatch.setattr(trial, "train_run", fake)
    states = [found.state for found in trials_of(_search(_asked(tmp_path, trials=8)))]
    assert states == [TrialState.COMPLETE, *[TrialState.FAIL] * 5, *[TrialState.COMPLETE] * 2]


def test_a_trial_goes_on_in_the_precision_it_was_begun_in(fake: Fake, tmp_path: Path) -> None:
    asked = _asked(tmp_path, trials=1)
    study = begin(alone(asked.folder), asked)
    run = asked.folder / "trial-0000"
    run.mkdir()
    (run / "plan.json").write_text('{"plan": {"precision": "bf16"}}')
    conduct(study, asked, Here())
    assert [each.precision for each in fake.runs] == ["bf16"]


def test_the_machine_may_change_when_a_search_goes_on(fake: Fake, tmp_path: Path) -> None:
    asked = _asked(tmp_path, trials=1)
    _search(asked)
    _search(replace(asked, trials=2, fixed={**asked.fixed, "workers": 3, "checkpoint_every_s": 20.0}))
    assert [each.workers for each in fake.runs] == [None, 3]
    assert fake.runs[1].checkpoint_every_s == 20.0


def test_a_study_is_not_put_into_a_run(fake: Fake, tmp_path: Path) -> None:
    asked = _asked(tmp_path, trials=1)
    asked.folder.mkdir(parents=True)
    (asked.folder / "plan.json").touch()
    with pytest.raises(PlanError, match="is a run of train: choose another --study"):
        _search(asked)


def test_a_study_whose_folder_has_gone_is_refused(fake: Fake, tmp_path: Path) -> None:
    asked = _asked(tmp_path, trials=1)
    _search(asked)
    shutil.rmtree(asked.folder / "trial-0000")
    with pytest.raises(PlanError, match="has lost trials that the study remembers"):
        _search(asked)


def test_a_changed_search_is_refused_by_name(fake: Fake, tmp_path: Path) -> None:
    _search(_asked(tmp_path, trials=2))
    changed = parse(["learning-rate=1e-5..1e-3:log:4", "dropout=0,0.3"])
    with pytest.raises(PlanError, match=r"otherwise: --vary dropout was 0,0.1,0.2, not 0,0.3. .* another --study"):
        _search(_asked(tmp_path, space=changed))
    with pytest.raises(PlanError, match=r"0.2, and is not given; --vary seed was not given, not 1,2"):
        _search(_asked(tmp_path, space=parse(["learning-rate=1e-5..1e-3:log:4", "seed=1,2"])))
    with pytest.raises(PlanError, match=r"--model was tiny, not small"):
        _search(_asked(tmp_path, fixed={"corpus": "/corpora/tones", "model": "small", "measures": 4}))


def test_trials_of_a_study_that_is_not_here_are_not_mixed_with_others(fake: Fake, tmp_path: Path) -> None:
    _search(_asked(tmp_path, trials=2))
    (tmp_path / "study" / "study.journal").unlink()
    with pytest.raises(PlanError, match="has trials that are not known here"):
        _search(_asked(tmp_path, trials=2))


def test_one_process_conducts_a_study(fake: Fake, tmp_path: Path) -> None:
    with held(tmp_path / "study", "--study"), pytest.raises(PlanError, match=f"process {os.getpid()} on .* works in"):
        _search(_asked(tmp_path))


def test_the_measure_that_a_trial_is_pruned_for_is_on_its_curve(corpus: Path, checkpoint: Path, tmp_path: Path) -> None:
    def pruned(done: float, found: Mapping[str, float]) -> None:
        raise optuna.TrialPruned

    options = Options(corpus, str(checkpoint), tmp_path / "run", epochs=1, batch=16, measures=2, workers=0)
    with pytest.raises(optuna.TrialPruned):
        train_run(options, pruned)
    assert len(read_run(options.run).series("dev_wer_percent")) == 1
    assert "Word error rate on dev" in write_report(options.run).read_text()


def test_a_search_by_its_command_where_there_is_no_redis(
    corpus: Path,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    words = ["tune", str(corpus), "--model", str(checkpoint), "--study", str(tmp_path / "tones")]
    words += ["--epochs", "1", "--batch", "16", "--measures", "2", "--workers", "0", "--search", "grid"]
    assert cli.main([*words, "--vary", "learning-rate=1e-4,1e-2"]) == 0
    told, warned = capsys.readouterr()
    assert "trials run here, one after another" in warned
    assert "WER on dev %  learning-rate" in told
    again = shlex.split(told.partition("again: ")[2].splitlines()[0])
    options = cli.parser(["train"]).parse_args(again[3:])
    assert options.learning_rate in (1e-4, 1e-2)
    assert (options.measures, options.batch, options.epochs) == (2, 16, 1.0)
    best = Path(told.partition("wrong, ")[2].splitlines()[0])
    assert (best / "model.safetensors").exists()
    assert "<svg" in (tmp_path / "tones" / "report.html").read_text()
    metrics = (best.parent / "metrics.jsonl").read_text()
    assert metrics.count("dev_wer_percent") == 2, "spread over the four steps"


def test_what_trials_read_is_absolute_however_it_was_typed(
    corpus: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, folder in (("corpus", corpus), ("model", checkpoint)):
        (tmp_path / name).symlink_to(folder)
    (tmp_path / "rain").mkdir()
    monkeypatch.chdir(tmp_path)
    words = ["tune", "corpus", "--model", "model", "--study", "s", "--augment", "noise:0.5:0..20:rain"]
    asked = tune.asked_of(cli.parser(words).parse_args([*words, "--vary", "without-speech=0|0.1:rain"]))
    assert asked.folder == tmp_path / "runs" / "s"
    assert asked.space.words == {"without_speech": f"0|0.1:{tmp_path}/rain"}
    study = begin(alone(asked.folder), asked)
    add(study, asked)
    options = options_of(study, trials_of(study)[0])
    assert set(needed(options)) - {tmp_path / "rain"} == {tmp_path / "corpus", tmp_path / "model"}
    assert options.augment == f"noise:0.5:0..20:{tmp_path}/rain"
    before = {**document_of(study), "fixed": {**asked.fixed, "augment": "noise:0.5:0..20:rain"}}
    study.set_user_attr("asked", before)
    begin(alone(asked.folder), asked)
    assert options_of(study, trials_of(study)[0]) == options, "a study of before goes on"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--vary", "dropout=0,0.1", "--dropout", "0.1"], "--dropout is given, and varied"),
        (["--vary", "dropout=0..0.1", "--search", "grid"], "a grid needs points"),
        (["--vary", "dropout=0,0.1", "--measure-every", "5"], "give --measures"),
        (["--vary", "dropout=0,0.1", "--measures", "0"], "nothing to compare trials by"),
        (["--vary", "dropuot=0,0.1"], "did you mean dropout?"),
        (["--vary", "model=x,y"], "give each model a --study of its own"),
        (["--vary", "dropout=0,0.1", "--trials", "0"], "--trials 0: there must be one at least"),
        (["--vary", "dropout=0,0.1", "--epochs", "0"], "--epochs 0.0: it is more than 0"),
        (["--vary", "dropout=0,0.1", "--model", "no/such/model"], "there is no folder no/such/model"),
        (["--vary", "lora-alpha=8,16"], "--vary lora-alpha is of adapters"),
        (["--vary", "dropout=0,0.1", "--augment", "noise:0.5:0..20:/no/sounds"], "there is no folder /no/sounds"),
        (["--vary", "without-speech=0.1|0.1:/no/sounds"], "there is no folder /no/sounds"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    words: list[str], sentence: str, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        cli.main(["tune", str(corpus), "--model", "new:tiny-demo", "--study", str(tmp_path / "s"), "--local", *words])
        == 1
    )
    assert sentence in capsys.readouterr().err


def test_a_redis_that_was_named_and_does_not_answer_is_refused(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], free_port: Callable[[], int]
) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    words = ["--model", "new:tiny-demo", "--study", str(tmp_path / "s"), "--vary", "dropout=0,0.1", "--redis", url]
    assert cli.main(["tune", str(corpus), *words]) == 1
    assert f"no Redis at {url}" in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["tune", "--help"])
    told = capsys.readouterr().out
    assert "--vary learning-rate=1e-5..1e-3:log:5  five of these: a grid needs points" in told
    assert "python -m trainer worker" in told
