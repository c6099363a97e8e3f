"""`train` refuses impossible requests with a sentence."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from trainer.__main__ import main
from trainer.corpus.locks import exclusive_lock
from trainer.folder_lock import folder_lock
from trainer.training.loop import step
from trainer.training.losses import Losses


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--language", "fi"), "no language 'fi' (it has en, sv)"),
        (("--language", "Finnish"), "no language 'fi' (it has en, sv)"),
        (("--context-s", "9"), "--context-s is at most the model's 2 s"),
        (("--device", "cuda:99"), "--device cuda:99 cannot be used"),
        (("--dropout", "3"), "--dropout must be from 0 to 1, not 3.0"),
        (("--epochs", "0"), "--epochs must be more than 0, and finite, not 0.0"),
        (("--epochs", "inf"), "--epochs must be more than 0, and finite, not inf"),
        (("--batch-s", "inf"), "--batch-s must be more than 0, and finite, not inf"),
        (("--accumulate", "0"), "--accumulate must be more than 0, and finite, not 0"),
        (("--workers", "-1"), "--workers must be 0 or more, not -1"),
        (("--acft", "2", "--context-s", "1"), "--acft must be from 0 to 1, not 2.0"),
        (("--lora", "2", "--lora-targets", "q_proj,foo"), "no layer is called 'foo', only fc1, fc2, k_proj"),
        (("--lora-targets", "q_proj"), "give --lora RANK too"),
        (("--balance", "colour"), "no column 'colour'"),
        (("--model", "runs/no/such"), "there is no folder runs/no/such"),
        (("--acft", "0.5"), "--acft trains for a shorter context than the full one: give --context-s"),
        (("--acft", "0.5", "--model", "new:tiny-demo"), "--acft needs a trained checkpoint to match"),
    ],
)
def test_invalid_options_are_refused_with_a_sentence(
    words: tuple[str, ...],
    sentence: str,
    corpus: Path,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train", str(corpus), "--model", str(checkpoint), "--run", str(tmp_path / "run"), *words]) == 1
    assert sentence in capsys.readouterr().err


def test_a_model_of_english_is_not_trained_on_another_language(
    corpus: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(checkpoint, tmp_path / "tiny.en")
    config = tmp_path / "tiny.en" / "generation_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "is_multilingual": False}))
    words = ["train", str(corpus), "--model", str(tmp_path / "tiny.en"), "--run", str(tmp_path / "run")]
    assert main(words) == 1
    assert "the model supports English only, and the corpus has 'sv'" in capsys.readouterr().err


def altered(corpus: Path, folder: Path, change: Callable[[list[str]], list[str]]) -> Path:
    """A copy of a corpus with other lines of clips."""
    shutil.copytree(corpus, folder / "corpus")
    clips = folder / "corpus" / "clips.jsonl"
    lines = change(clips.read_text(encoding="utf-8").splitlines())
    clips.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder / "corpus"


def test_a_corpus_without_train_clips_is_refused(
    corpus: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = altered(corpus, tmp_path, lambda lines: [line.replace('"train"', '"test"') for line in lines])
    words = ["train", str(other), "--model", str(checkpoint), "--run", str(tmp_path / "run")]
    assert main(words) == 1
    assert "corpus has no train split\n" in capsys.readouterr().err


def test_dev_clips_that_are_too_long_are_reported(
    corpus: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def only_the_last_in_dev(lines: list[str]) -> list[str]:
        *train, long = [line for line in lines if '"dev"' not in line]
        return [*train, long.replace('"train"', '"dev"')]

    other = altered(corpus, tmp_path, only_the_last_in_dev)
    words = ["train", str(other), "--model", str(checkpoint), "--run", str(tmp_path / "run")]
    assert main(words) == 1
    told = capsys.readouterr().err
    assert "has no clips in dev that fit the model to measure on: `prepare --max-s 2` cuts recordings with" in told


def test_a_remedy_is_given_if_all_clips_are_too_long(
    corpus: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(corpus), "--model", str(checkpoint), "--run", str(tmp_path / "run"), "--context-s", "0.3"]
    assert main(words) == 1
    told = capsys.readouterr().err
    remedy = ": `prepare --max-s 0.3` cuts recordings with subtitles into clips that fit"
    assert f"warning: left out: 65 of 65 clips, longer than the context of 0.3 s{remedy}" in told
    assert f"has no clips to train on that fit the model{remedy}" in told


@pytest.mark.parametrize("place", ["/proc/nowhere", "/etc/passwd/run"])
def test_an_unwritable_run_folder_is_refused_with_a_sentence(
    corpus: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(corpus), "--model", "new:tiny-demo", "--run", place]) == 1
    assert re.search(r"^trainer: /(proc|etc).*: choose another (path|place)", capsys.readouterr().err, re.MULTILINE)


@pytest.mark.parametrize(
    "words",
    [("--dropout", "3"), ("--model", "runs/no/such"), ("--context-s", "0.3"), ("--language", "fi")],
    ids=["option", "model", "clips", "language"],
)
def test_refused_run_leaves_no_folder(words: tuple[str, ...], corpus: Path, checkpoint: Path, tmp_path: Path) -> None:
    run = tmp_path / "new" / "run"
    assert main(["train", str(corpus), "--model", str(checkpoint), "--run", str(run), *words]) == 1
    assert not run.parent.exists()


def test_run_without_a_corpus_leaves_no_folder(checkpoint: Path, tmp_path: Path) -> None:
    words = ["train", str(tmp_path / "none"), "--model", str(checkpoint), "--run", str(tmp_path / "run")]
    assert main(words) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA"), OSError(errno.ENOSPC, "full")], ids=["memory", "disk"]
)
def test_run_without_memory_or_disk_leaves_no_folder(
    error: Exception, corpus: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*words: object) -> None:
        raise error

    monkeypatch.setattr("trainer.training.loop.step", full)
    words = ["--run", str(tmp_path / "run"), "--measure-every", "0", "--lora", "2"]
    assert main(["train", str(corpus), "--model", str(checkpoint), *words]) == 1
    assert not list(tmp_path.iterdir())


def test_refused_run_leaves_an_existing_folder_as_it_was(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    words = ["train", str(corpus), "--model", "new:tiny-demo", "--run", str(tmp_path / "run"), "--ctc", "-1"]
    assert main(words) == 1
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("exists", [True, False], ids=["existing folder", "new folder"])
def test_refused_run_leaves_files_that_others_have_since_put_in_its_folder(
    exists: bool, corpus: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "sounds" / "run"
    if exists:
        run.mkdir(parents=True)

    def full(*words: object) -> None:
        (run / "notes.txt").write_text("mine")
        (run / "folder").mkdir()
        raise torch.OutOfMemoryError("CUDA")

    monkeypatch.setattr("trainer.training.loop.step", full)
    words = ["--run", str(run), "--measure-every", "0", "--lora", "2"]
    assert main(["train", str(corpus), "--model", str(checkpoint), *words]) == 1
    assert sorted(path.name for path in run.iterdir()) == ["folder", "notes.txt"]


@pytest.mark.parametrize("name", ["tokenizer", "best"])
def test_a_folder_with_models_of_another_origin_is_no_run_folder(
    name: str, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "run" / name / "tokenizer.json"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    assert (
        main(["train", str(corpus), "--model", "new:tiny-demo", "--run", str(tmp_path / "run"), "--epochs", "1"]) == 1
    )
    assert f"training would replace its {name}/: choose another --run" in capsys.readouterr().err
    assert mine.read_text() == "mine"


def test_run_that_fails_after_its_first_metrics_is_kept(
    corpus: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"

    def full(*words: object) -> Losses:
        if (run / "metrics.jsonl").exists():
            raise torch.OutOfMemoryError("CUDA")
        return step(*words)  # type: ignore[arg-type]  # as the loop calls it

    monkeypatch.setattr("trainer.training.loop.step", full)
    words = ["train", str(corpus), "--model", str(checkpoint), "--run", str(run), "--batch", "8", "--log-every", "1"]
    assert main([*words, "--measure-every", "0"]) == 1
    assert (run / "plan.json").exists()
    assert (run / "train.log").exists()


def test_two_processes_do_not_train_one_run(
    corpus: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(corpus), "--model", str(checkpoint), "--run", str(tmp_path / "run")]
    with folder_lock(tmp_path / "run", "--run"):
        assert main(words) == 1
    assert f"process {os.getpid()} on " in (told := capsys.readouterr().err)
    assert f"is using {tmp_path / 'run'}: wait for it, or choose another --run" in told
    assert not (tmp_path / "run" / "plan.json").exists()


@pytest.mark.parametrize(
    ("words", "work"),
    [
        ("train {} --model new:tiny-demo --run runs/r", "trainer.training.train._train_run"),
        ("evaluate nobody/nothing {}", "trainer.commands.evaluate._run"),
        ("listen {}", "trainer.commands.listen._run"),
        ("tune {} --model new:tiny-demo --study s --vary batch=4,8 --local", "trainer.commands.tune._run"),
    ],
)
def test_a_corpus_is_not_replaced_while_it_is_read(
    corpus: Path,
    words: str,
    work: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def replace(*_: object) -> None:
        with exclusive_lock(corpus, "--out"):
            raise AssertionError("it could have been replaced")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(work, replace)
    assert main(words.format(corpus).split()) == 1
    assert f"{corpus} is being read by train, tune, evaluate or listen" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ((), "repeat the command with --recompute; or start a new run with half the --batch-s (it is 240)"),
        (
            ("--recompute", "--lora", "4"),
            "out of memory: start a new run with half the --batch-s (it is 240) and twice the",
        ),
    ],
)
def test_out_of_memory_errors_name_options_that_need_less(
    corpus: Path,
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: tuple[str, ...],
    remedy: str,
) -> None:
    def full(*words: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("trainer.training.loop.step", full)
    run = str(tmp_path / "run")
    words = ["train", str(corpus), "--model", str(checkpoint), "--run", run, "--measure-every", "0", *given]
    assert main(words) == 1
    assert remedy in capsys.readouterr().err
