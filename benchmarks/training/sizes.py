"""Cost of training Whisper's real sizes: memory, and on a GPU, speed.

Memory is estimated with tensors that have shapes but no contents; with a GPU, steps are also run for real.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count
from tqdm import tqdm
from transformers import WhisperForConditionalGeneration, WhisperTokenizer
from transformers.utils import logging

from benchmarks.training.architecture import END, whisper
from benchmarks.training.measurement import Measurement
from trainer.models.frozen import convert_frozen
from trainer.models.lora import TARGETS, adapt
from trainer.models.tokenizer import Speller
from trainer.models.whisper import SIZES
from trainer.training.batches import Batch
from trainer.training.loop import step
from trainer.training.losses import Targets, Weights
from trainer.training.memory import peak_bytes, randomize_weights, without_contents
from trainer.training.plan import Plan
from trainer.training.run import Run

#: Clips are as long as Whisper's context, with fast speech.
CLIP_S, CLIP_TOKENS = 30.0, 100
#: Clips in the two batches that the estimate compares, and in a batch on a GPU: `--batch-s 240`.
FEW, MORE, CLIPS = 8, 16, 8
#: Warm-up steps and timed steps on a GPU.
WARM_UP, TIMED = 3, 10
RANK = 32
#: Memory of GPUs, in GiB, for which to compute the number of clips in a batch.
CARDS = (8, 12, 24, 80)
#: Size of the matrix product, [n, n] by [n, n], that measures a GPU's peak speed.
MATRIX = 8192
GIB = 2**30

_FLASH = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_FLASH_BACKWARD = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


@dataclass(frozen=True)
class Way:
    """How a size is trained."""

    name: str
    rank: int = 0
    recompute: bool = False


WAYS = (
    Way("all"),
    Way("all --recompute", recompute=True),
    Way(f"--lora {RANK}", RANK),
    Way(f"--lora {RANK} --recompute", RANK, recompute=True),
)


@dataclass(frozen=True)
class Taken:
    """Cost of training: fixed bytes, bytes per clip, and operations per clip."""

    fixed: float
    per_clip: float
    flops: float

    def clips(self, memory: float) -> int:
        """Number of clips that fit into `memory` bytes."""
        return max(0, int((memory - self.fixed) // self.per_clip))


def sizes(options: argparse.Namespace) -> Measurement:
    """A row for each size and way: fixed GiB, GiB per clip of 30 s, and the number of clips that fit into each GPU."""
    names = ["tiny", "small"] if options.quick else [name for name in SIZES if name != "tiny-demo"]
    gpu = torch.cuda.is_available() and options.device != "cpu"
    attainable = matrix_flops() if gpu else 0.0
    measurement = Measurement()
    logging.set_verbosity_error()  # it warns that a model without a cache uses none
    with tqdm(total=len(names) * len(WAYS), unit="way", desc="sizes", leave=False) as bar:
        for name in names:
            for way in WAYS:
                taken = estimate(name, way)
                row: dict[str, object] = {
                    "size": name,
                    "trained": way.name,
                    "GiB": taken.fixed / GIB,
                    "per clip": taken.per_clip / GIB,
                    "TFLOP": taken.flops / 1e12,
                    **{f"in {memory}": taken.clips(memory * GIB) for memory in CARDS},
                }
                if gpu:
                    row |= measure(name, way, taken, attainable)
                measurement.rows.append(row)
                bar.update()
    return measurement


def estimate(name: str, way: Way) -> Taken:
    """Estimate the cost of a step from two batches of different size."""
    few, more = (peak(name, way, clips) for clips in (FEW, MORE))
    per_clip = (more - few) / (MORE - FEW)
    return Taken(few - FEW * per_clip, per_clip, flops(name, way))


def peak(name: str, way: Way, clips: int) -> int:
    """Peak memory of a step in bytes, with the optimizer's state."""
    with without_contents(), started_run(name, way, torch.device("cpu")) as run:
        return peak_bytes(run, [batch(run.model, clips)], targets(clips))


def flops(name: str, way: Way) -> float:
    """Operations of a step per clip, without recomputation."""
    # These are operators of the CPU; the counter supports only their counterparts on a GPU.
    counted = {
        _FLASH: lambda query, key, value, *rest, **more: sdpa_flop_count(query, key, value),
        _FLASH_BACKWARD: lambda grad, query, key, value, *rest, **more: sdpa_backward_flop_count(
            grad, query, key, value
        ),
    }
    counter = FlopCounterMode(display=False, custom_mapping=counted)
    once = Way(way.name, way.rank)
    with without_contents(), started_run(name, once, torch.device("cpu")) as run, counter:
        make_step(run, batch(run.model, 1))
    return float(counter.get_total_flops())


def measure(name: str, way: Way, taken: Taken, attainable: float) -> dict[str, object]:
    """Run steps on a GPU; `attainable` is its peak speed in operations per second."""
    device = torch.device("cuda")
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    try:
        with started_run(name, way, device) as run:
            clips = batch(run.model, CLIPS)
            for _ in range(WARM_UP):
                make_step(run, clips)
            torch.cuda.synchronize()
            began_s = time.perf_counter()
            for _ in range(TIMED):
                make_step(run, clips)
            torch.cuda.synchronize()
            clips_per_s = TIMED * CLIPS / (time.perf_counter() - began_s)
    except torch.OutOfMemoryError:
        return {f"peak of {CLIPS} clips, GiB": "out of memory"}
    return {
        f"peak of {CLIPS} clips, GiB": torch.cuda.max_memory_allocated() / GIB,
        "estimated": (taken.fixed + CLIPS * taken.per_clip) / GIB,
        "clips/s": clips_per_s,
        "of a matrix product's speed, %": 100 * clips_per_s * taken.flops / attainable,
    }


def matrix_flops() -> float:
    """Operations per second of the GPU in a large bfloat16 product: an upper bound for training."""
    a = torch.randn(MATRIX, MATRIX, dtype=torch.bfloat16, device="cuda")
    for _ in range(WARM_UP):
        a @ a
    torch.cuda.synchronize()
    began_s = time.perf_counter()
    for _ in range(TIMED):
        a @ a
    torch.cuda.synchronize()
    return TIMED * 2.0 * MATRIX**3 / (time.perf_counter() - began_s)


@contextmanager
def started_run(name: str, way: Way, device: torch.device) -> Iterator[Run]:
    """A run before its first step, with random weights in half precision."""
    with torch.device("meta"):
        model = whisper(name)
        if way.rank:
            adapt(model, way.rank, 2 * way.rank, TARGETS, seed=1)
        convert_frozen(model, torch.bfloat16)
    randomize_weights(model, device)
    plan = Plan(weights=Weights(ctc=0.0, letters=0.0, alignment=0.0), precision="bf16", recompute=way.recompute)
    with tempfile.TemporaryDirectory(prefix="undertext-benchmark-") as folder:
        run = Run.start(Path(folder), model.train(), _speller(), plan)
        try:
            yield run
        finally:
            run.close()


def batch(model: WhisperForConditionalGeneration, clips: int) -> Batch:
    """Silent clips with a dummy text; the cost of a step does not depend on the content."""
    frames = round(CLIP_S * 100)
    return Batch(
        features=torch.zeros(clips, model.config.num_mel_bins, frames),
        frames=torch.full((clips,), frames),
        tokens=torch.zeros(clips, CLIP_TOKENS, dtype=torch.long),
        labels=torch.zeros(clips, CLIP_TOKENS, dtype=torch.long),
        spans=torch.zeros(clips, CLIP_TOKENS, 2, dtype=torch.long),
        text=torch.zeros(clips, CLIP_TOKENS, dtype=torch.long),
        text_lengths=torch.full((clips,), CLIP_TOKENS),
        letters=torch.zeros(clips, frames // 2, dtype=torch.long),
    )


def make_step(run: Run, clips: Batch) -> None:
    """Run one step of the real training loop."""
    step(run, [clips], targets(len(clips)))


def targets(clips: int) -> Targets:
    """Number of targets in a batch of clips."""
    return Targets(clips * CLIP_TOKENS, 1, 1, 1)


def _speller() -> Speller:
    """A tokenizer with Whisper's end token, which determines the size of output heads."""
    speller = Speller(WhisperTokenizer.from_pretrained("demo/model"))
    speller.end = END
    return speller
