"""`tune` on the command line."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from trainer import __main__ as cli
from trainer.commands import tune
from trainer.tuning.folders import folders_of
from trainer.tuning.journal import local_storage
from trainer.tuning.running import add
from trainer.tuning.study import begin, document_of, options_of, trials_of


def test_a_study_runs_locally_without_redis(
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
    again = shlex.split(told.partition("to repeat it: ")[2].splitlines()[0])
    options = cli.parser(["train"]).parse_args(again[3:])
    assert options.learning_rate in (1e-4, 1e-2)
    assert (options.measures, options.batch, options.epochs) == (2, 16, 1.0)
    best = Path(told.partition("rate on dev, ")[2].splitlines()[0])
    assert (best / "model.safetensors").exists()
    assert "<svg" in (tmp_path / "tones" / "report.html").read_text()
    metrics = (best.parent / "metrics.jsonl").read_text()
    assert metrics.count("dev_wer_percent") == 2, "spread over the four steps"


def test_relative_paths_of_a_study_are_made_absolute(
    corpus: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, folder in (("corpus", corpus), ("model", checkpoint)):
        (tmp_path / name).symlink_to(folder)
    (tmp_path / "rain").mkdir()
    monkeypatch.chdir(tmp_path)
    words = ["tune", "corpus", "--model", "model", "--study", "s", "--augment", "noise:0.5:0..20:rain"]
    spec = tune.spec_of(cli.parser(words).parse_args([*words, "--vary", "without-speech=0|0.1:rain"]))
    assert spec.folder == tmp_path / "runs" / "s"
    assert spec.space.words == {"without_speech": f"0|0.1:{tmp_path}/rain"}
    study = begin(local_storage(spec.folder), spec)
    add(study, spec)
    options = options_of(study, trials_of(study)[0])
    assert set(folders_of(options)) - {tmp_path / "rain"} == {tmp_path / "corpus", tmp_path / "model"}
    assert options.augment == f"noise:0.5:0..20:{tmp_path}/rain"
    before = {**document_of(study), "fixed": {**spec.fixed, "augment": "noise:0.5:0..20:rain"}}
    study.set_user_attr("asked", before)
    begin(local_storage(spec.folder), spec)
    assert options_of(study, trials_of(study)[0]) == options, "a study of before goes on"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--vary", "dropout=0,0.1", "--dropout", "0.1"], "--dropout is both given and varied"),
        (["--vary", "dropout=0..0.1", "--search", "grid"], "a grid needs points"),
        (["--vary", "dropout=0,0.1", "--measure-every", "5"], "give --measures"),
        (["--vary", "dropout=0,0.1", "--measures", "0"], "nothing to compare trials by"),
        (["--vary", "dropuot=0,0.1"], "did you mean dropout?"),
        (["--vary", "model=x,y"], "give each model its own --study"),
        (["--vary", "dropout=0,0.1", "--trials", "0"], "--trials 0: it must be at least 1"),
        (["--vary", "dropout=0,0.1", "--epochs", "0"], "--epochs must be more than 0, and finite, not 0.0"),
        (["--vary", "dropout=0,0.1", "--model", "no/such/model"], "there is no folder no/such/model"),
        (["--vary", "lora-alpha=8,16"], "--vary lora-alpha needs adapters"),
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


def test_an_unreachable_redis_is_refused(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], free_port: Callable[[], int]
) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    words = ["--model", "new:tiny-demo", "--study", str(tmp_path / "s"), "--vary", "dropout=0,0.1", "--redis", url]
    assert cli.main(["tune", str(corpus), *words]) == 1
    assert f"no Redis at {url}" in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


def test_help_has_examples_and_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["tune", "--help"])
    told = capsys.readouterr().out
    assert "--vary learning-rate=1e-5..1e-3:log:5        one of five values, as a grid needs" in told
    assert "python -m trainer worker" in told
