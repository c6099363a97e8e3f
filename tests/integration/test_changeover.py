"""Two transcribers change models under load: every chunk and word counts once, and captions name their model."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import length_hint
from pathlib import Path

import pytest
import torch
from prometheus_client.parser import text_string_to_metric_families
from safetensors.torch import load_file, save_file

from tests.e2e.recording import record
from tests.integration.bench import cut, shown, words
from tests.places import ROOT
from trainer.atomic import replaced_folder
from wire import keys
from wire.bus import Redis
from wire.captions import CaptionLog
from wire.chunk import Chunk
from wire.messages import Kind, source_name
from wire.queue import ChunkQueue
from wire.workers import alive

pytestmark = pytest.mark.timeout(400)

MODEL = ROOT / "demo" / "model"
WEIGHTS = "model.safetensors"

#: Sources that are transcribed concurrently, and waiting chunks: the transcribers are never idle.
AT_ONCE, WAITING = 3, 6


@dataclass
class Feed:
    """An endless supply of sources with the same speech: when one is complete, the next begins."""

    redis: Redis
    make: Callable[[str], list[Chunk]]
    sources: list[str] = field(default_factory=list)
    put: int = 0

    def __post_init__(self) -> None:
        self._queue = ChunkQueue(self.redis)
        self._numbers = itertools.count()
        self._open = [self._next() for _ in range(AT_ONCE)]
        for place, chunks in enumerate(
            self._open
        ):  # they end at different times, so a change always happens within one
            for chunk in itertools.islice(chunks, place * length_hint(chunks) // AT_ONCE):
                self._put(chunk)

    def _next(self) -> Iterator[Chunk]:
        self.sources.append(source_name(Kind.JOB, f"n{next(self._numbers)}"))
        return iter(self.make(self.sources[-1]))

    def work(self) -> None:
        """Keep the queue filled."""
        while sum(load.length for load in self._queue.load()) < WAITING:
            place = self.put % AT_ONCE
            chunk = next(self._open[place], None)
            if chunk is None:
                self._open[place] = self._next()
                chunk = next(self._open[place])
            self._put(chunk)

    def finish(self) -> None:
        """End the open sources; all of it fits into the queue."""
        for chunk in itertools.chain(*self._open):
            self._put(chunk)

    def _put(self, chunk: Chunk) -> None:
        self._queue.put(chunk)
        self.put += 1


@pytest.fixture(scope="module")
def speech() -> bytes:
    """A minute of English."""
    return record("en", 14, 7).audio.tobytes()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The folder in MODEL: a link to a release, as is usual."""
    shutil.copytree(MODEL, tmp_path / "models" / "release-1")
    (tmp_path / "models" / "on-air").symlink_to("release-1")
    return tmp_path / "models" / "on-air"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A training run whose best model is the bundled one, slightly changed and with a shorter context."""
    best = tmp_path / "runs" / "better" / "best"
    shutil.copytree(MODEL, best)
    generator = torch.Generator().manual_seed(1)
    changed = {
        name: weights * (1 + 1e-3 * torch.randn(weights.shape, generator=generator)).to(weights.dtype)
        for name, weights in load_file(best / WEIGHTS).items()
    }
    save_file(changed, best / WEIGHTS, {"format": "pt"})
    manifest = json.loads((best / "undertext.json").read_text())
    (best / "undertext.json").write_text(json.dumps({**manifest, "context_s": 6.0, "trained_with_prompts": False}))
    (best.parent / "plan.json").write_text("{}")
    return best.parent


@pytest.fixture
def transcribers(redis_url: str, model: Path, tmp_path: Path) -> Iterator[Path]:
    """Two transcribers with MODEL=`model`; returns the path of their log."""
    environ = {"REDIS_URL": redis_url, "MODEL": str(model), "DEVICE": "cpu", "OMP_NUM_THREADS": "1", "BATCH_SIZE": "2"}
    # Beam search may choose between nearly equally likely texts, where two similar models may differ.
    environ |= {"BEAMS": "1"}
    log = tmp_path / "transcribers.log"
    with log.open("ab") as out:
        command = [sys.executable, "-m", "transcriber"]
        started = [
            subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environ}, stdout=out, stderr=out) for _ in range(2)
        ]
    yield log
    for process in started:
        process.terminate()
    codes = [process.wait(timeout=60) for process in started]
    print(log.read_text())
    assert codes == [0, 0]


def total(redis: Redis, name: str, **labels: str) -> float:
    """A metric of all transcribers, from their heartbeats."""
    return sum(
        sample.value
        for text in alive(redis).values()
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.name == f"undertext_transcriber_{name}" and labels.items() <= sample.labels.items()
    )


def told(redis: Redis) -> set[str]:
    """Models on air, from metrics."""
    return {
        sample.labels["model"]
        for text in alive(redis).values()
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.name == "undertext_transcriber_model_info" and sample.value
    }


def models(redis: Redis, source: str) -> list[str]:
    """The models of a source's captions, in order, without consecutive duplicates."""
    return [model for model, _ in itertools.groupby(c.model for c in shown(redis, source) if c.words)]


def publish(run: Path, out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "trainer", "publish", str(run), str(out)]
    return subprocess.Popen(command, cwd=ROOT)


def test_a_model_is_published_under_load_and_nothing_is_lost(
    redis: Redis,
    model: Path,
    run: Path,
    transcribers: Path,
    speech: bytes,
    wait_until: Callable[..., None],
) -> None:
    feed = Feed(redis, lambda source: cut(source, speech))

    def until(condition: Callable[[], object], what: str) -> None:
        def worked() -> object:
            feed.work()
            return condition()

        wait_until(worked, 120, what)

    wait_until(lambda: len(alive(redis)) == 2, 120, "both are ready")
    [old] = told(redis)
    until(lambda: CaptionLog(redis).progress(feed.sources[0]).finished, "a source is complete before the change")

    with replaced_folder(model) as unfinished:  # publishing half a model
        shutil.copytree(run / "best", unfinished, dirs_exist_ok=True)
        os.truncate(unfinished / WEIGHTS, 100_000)
    until(lambda: total(redis, "model_changes_total", outcome="refused") == 2, "both refuse it")
    assert told(redis) == {old}

    publishing = publish(run, model.with_name("release-2"))
    until(lambda: publishing.poll() is not None, "it is published")
    assert publishing.returncode == 0
    subprocess.run(["ln", "-sfn", "release-2", model], check=True)
    until(lambda: total(redis, "model_changes_total", outcome="changed") == 2, "both have changed over")
    [new] = told(redis)
    begun = len(feed.sources)
    until(lambda: len(feed.sources) > begun, "a source begins after the change")
    feed.finish()
    wait_until(lambda: all(CaptionLog(redis).progress(source).finished for source in feed.sources), 120, "all is done")

    assert not any(load.length for load in ChunkQueue(redis).load())
    assert redis.xlen(keys.DEAD_CHUNKS) == 0
    wait_until(lambda: total(redis, "chunks_total") == feed.put, 30, "every chunk was committed exactly once")
    assert total(redis, "chunks_total", outcome="transcribed") == feed.put
    expected = words(redis, feed.sources[0])
    assert len(expected) > 80
    for source in feed.sources:
        assert words(redis, source) == expected, models(redis, source)
    check_models([models(redis, source) for source in feed.sources], old, new)
    log = transcribers.read_text()
    assert log.count("refused the new model") == 2
    assert log.count(f"on air: {new}, instead of {old}") == 2


def check_models(by_source: Sequence[Sequence[str]], old: str, new: str) -> None:
    """The old model before, the new one after, and a few sources with both."""
    assert old != new
    assert (old.split("@")[0], new.split("@")[0]) == ("models/release-1", "models/release-2")
    assert by_source[0] == [old]
    assert by_source[-1] == [new]
    assert [m for m in by_source if len(m) > 1], "no source has captions of both models"
    assert {model for found in by_source for model in found} == {old, new}
