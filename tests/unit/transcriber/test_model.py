"""Loading a checkpoint: it must be complete, stays unchanged in memory, and errors name what is broken."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.unit.transcriber.noises import noise
from transcriber.engine import Utterance
from transcriber.whisper.model import MANIFEST, load
from transcriber.whisper.model_name import folder_of
from transcriber.whisper.transformers_engine import TransformersEngine
from wire.errors import ModelError

WEIGHTS = "model.safetensors"


def cut(folder: Path) -> None:
    os.truncate(folder / WEIGHTS, (folder / WEIGHTS).stat().st_size // 2)


def deepen(folder: Path) -> None:
    """Declare more layers than there are."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "decoder_layers": config["decoder_layers"] + 1}))


def widen(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "decoder_ffn_dim": 2 * config["decoder_ffn_dim"]}))


def diverge(folder: Path) -> None:
    """Put a NaN into the weights, as a diverged training does."""
    weights = load_file(folder / WEIGHTS)
    weights["model.decoder.layer_norm.weight"][0] = float("nan")
    save_file(weights, folder / WEIGHTS, {"format": "pt"})


@pytest.mark.parametrize(
    ("break_it", "complaint"),
    [
        (cut, "weights of .* are damaged"),
        (deepen, r"\d+ weights are missing"),
        (widen, "cannot be loaded as a Whisper model"),
        (diverge, r"layer_norm\.weight contains NaN or infinite values"),
    ],
)
def test_error_names_what_is_broken_in_a_checkpoint(
    copy: Path, break_it: Callable[[Path], None], complaint: str
) -> None:
    break_it(copy)
    with pytest.raises(ModelError, match=complaint):
        load(str(copy), device="cpu")


@contextmanager
def as_nobody() -> Iterator[None]:
    """Drop root's permission to read everything."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize("part", [".", WEIGHTS])
def test_unreadable_checkpoint_is_reported(copy: Path, part: str) -> None:
    """Like files written by safetensors, for a container that runs as another user."""
    (copy / part).chmod(0)
    with as_nobody(), pytest.raises(ModelError, match="is not readable"):
        folder_of(str(copy))
    (copy / part).chmod(0o700)


@pytest.mark.parametrize("context", ["0", "-1", "NaN", "0.001"])
def test_manifest_with_an_unusable_context_is_refused(context: str, copy: Path) -> None:
    (copy / MANIFEST).write_text(f'{{"context_s": {context}}}')
    with pytest.raises(
        ModelError, match=r"undertext\.json: not a manifest: context_s is .*: less than one encoder position"
    ):
        load(str(copy), device="cpu")


def test_overwriting_the_file_does_not_change_a_loaded_model(copy: Path) -> None:
    """transformers memory-maps the weights; overwriting the file would change them, or crash the process."""
    model = load(str(copy), device="cpu")
    before = {name: weights.clone() for name, weights in model.whisper.named_parameters()}
    with (copy / WEIGHTS).open("r+b") as file:
        file.write(bytes((copy / WEIGHTS).stat().st_size))
    cut(copy)
    for name, weights in model.whisper.named_parameters():
        assert torch.equal(weights, before[name]), name
    assert model.whisper.proj_out.weight is model.whisper.get_decoder().embed_tokens.weight, "the weights are tied"


def test_title_identifies_the_edition_of_a_folder(copy: Path, tmp_path: Path) -> None:
    first = load(str(copy), device="cpu").title
    assert first.startswith("models/tiny@")
    link = tmp_path / "on-air"
    link.symlink_to(copy)
    by_link = load(str(link), device="cpu")
    assert by_link.title == first, "a link has the edition of its target"
    weights = load_file(copy / WEIGHTS)
    save_file({name: value * 2 for name, value in weights.items()}, copy / WEIGHTS, {"format": "pt"})
    assert load(str(copy), device="cpu").title != first
    assert by_link.title == first, "the loaded model is unchanged"


def test_loading_another_model_does_not_disturb_a_batch(tiny_checkpoint: Path) -> None:
    """While it loads, transformers sets torch's default dtype, in all threads."""
    engine = TransformersEngine(load(str(tiny_checkpoint), device="cpu"))
    audio = noise(3.0)
    expected = engine.transcribe([Utterance(audio)])
    torch.set_default_dtype(torch.float16)
    try:
        assert engine.transcribe([Utterance(audio)]) == expected
    finally:
        torch.set_default_dtype(torch.float32)
