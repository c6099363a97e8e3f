from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import multiprocessing

from tests.unit.trainer.tones import TINY, Tones, speller_of_tones
from trainer.errors import PlanError
from trainer.models.whisper import new_model
from trainer.training.batches import Settings, Shape
from trainer.training.loop import DEV_WER, train
from trainer.training.plan import Plan
from trainer.training.run import Run
from trainer.training.team import Team

PLAN = Plan(
    utterances=24, batches=Settings(Shape(examples=4)), accumulate=2, warm_up_steps=2, measure_every_steps=3, patience=9
)


def _run(folder: Path, team: Team, plan: Plan) -> dict[str, torch.Tensor]:
    speller = speller_of_tones()
    run = Run.start(folder, new_model(TINY, speller, 1), speller, plan, team=team)
    train(run, Tones(), speller, lambda model: {DEV_WER: 1.0}, workers=0)
    run.close()
    assert (run.progress.steps, run.progress.examples) == (3, 24)
    return {name: value.detach().clone() for name, value in run.weights["model"].items()}


def _member(rank: int, port: int, folder: Path) -> None:
    import os

    torch.set_num_threads(1)
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    team = Team.of_environment(torch.device("cpu"))
    with team.first_rank_first():
        (folder / f"began-{rank}").write_text(str((folder / "began-0").exists()))
    weights = _run(folder / "together", team, replace(PLAN, accumulate=1))
    torch.save(weights, folder / f"weights-{rank}.pt")
    team.close()


@pytest.mark.timeout(300)
def test_two_processes_make_the_same_steps_as_one_with_both_their_batches(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(_member, (port, tmp_path), nprocs=2)
    alone = _run(tmp_path / "alone", Team(), PLAN)
    first, second = (torch.load(tmp_path / f"weights-{rank}.pt") for rank in range(2))
    for name, value in alone.items():
        torch.testing.assert_close(first[name], value, rtol=1e-3, atol=2e-5)
        torch.testing.assert_close(second[name], first[name], rtol=0, atol=0)
    with pytest.raises(
        PlanError, match=r"started with other settings: it ran in 2 processes, not 1\. Use the same settings"
    ):
        _run(tmp_path / "together", Team(), PLAN)
    lines = [(tmp_path / name / "metrics.jsonl").read_text().count("\n") for name in ("together", "alone")]
    assert lines[0] == lines[1], "the first writes, the other does not"
    assert (tmp_path / "began-1").read_text() == "True"
