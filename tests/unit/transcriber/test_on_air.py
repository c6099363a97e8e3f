"""A new model replaces the current one between two batches; a broken one does not."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from tests.fakes import ScriptedEngine
from transcriber.on_air import NoRoom, OnAir, Replaceable
from transcriber.whisper.edition import fingerprint, snapshot
from wire.errors import ModelError
from wire.metrics import TranscriberMetrics, exposition, model_languages


@dataclass
class Shelf:
    """A folder whose only file has the model's title, and the engines loaded from it."""

    folder: Path
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    tries: int = 0
    released: int = 0
    before: Callable[[], None] = lambda: None  # called by every load; may raise

    def __post_init__(self) -> None:
        self.put("old")
        self.first = ScriptedEngine(title="old")
        self.on_air = OnAir(
            self.first,
            TranscriberMetrics(self.registry),
            loaded=snapshot(str(self.folder)),
            snapshot=lambda: snapshot(str(self.folder)),
            load=self.load,
            release=self.release,
            poll_interval_s=0.01,
        )

    def put(self, title: str) -> None:
        """Publish a model."""
        unfinished = self.folder.with_name("unfinished")
        unfinished.mkdir()
        (unfinished / "config.json").write_text(title)
        shutil.rmtree(self.folder, ignore_errors=True)
        unfinished.rename(self.folder)

    def load(self) -> Replaceable:
        self.tries += 1
        title = (self.folder / "config.json").read_text()
        self.before()
        if title == "broken":
            raise ModelError("it is damaged")
        return ScriptedEngine(title=title, languages=("fi",))

    def release(self) -> None:
        self.released += 1

    def poll(self, times: int = 2) -> None:
        for _ in range(times):
            self.on_air.poll()

    def changes(self, outcome: str) -> float:
        return self.registry.get_sample_value("undertext_transcriber_model_changes_total", {"outcome": outcome}) or 0.0

    def languages(self) -> set[str]:
        """The languages in the metric that other services read."""
        return model_languages([exposition(self.registry)])

    def told(self) -> set[str]:
        """Models that metrics say are on air."""
        [family] = [f for f in self.registry.collect() if f.name == "undertext_transcriber_model_info"]
        return {sample.labels["model"] for sample in family.samples}


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "model")


def test_unchanged_model_is_not_loaded_again(shelf: Shelf) -> None:
    shelf.poll(5)
    assert shelf.on_air() is shelf.first
    assert shelf.tries == 0
    assert shelf.told() == {"old"}


def test_new_model_is_used_from_the_workers_next_call(shelf: Shelf) -> None:
    shelf.put("new")
    shelf.poll()
    assert (shelf.told(), shelf.languages()) == ({"old"}, {"en", "sv"}), (
        "it is loaded, but the worker has not called yet"
    )
    assert shelf.on_air().title == "new"
    assert (shelf.told(), shelf.languages()) == ({"new"}, {"fi"})
    assert (shelf.changes("changed"), shelf.changes("refused"), shelf.released) == (1, 0, 1)
    shelf.poll(3)
    assert shelf.tries == 1


def test_changing_folder_is_not_loaded_until_it_is_stable(shelf: Shelf) -> None:
    shelf.put("new")
    shelf.poll(1)
    (shelf.folder / "config.json").write_text("newer")
    shelf.poll(1)
    assert shelf.tries == 0
    shelf.poll(1)
    assert shelf.on_air().title == "newer"


def test_model_that_changes_while_loading_is_not_used(shelf: Shelf) -> None:
    """It may be a mix of two editions."""
    shelf.put("new")
    shelf.before = lambda: shelf.put("newer")
    shelf.poll()
    assert shelf.on_air() is shelf.first
    shelf.before = lambda: None
    shelf.poll()
    assert shelf.on_air().title == "newer"
    assert shelf.changes("refused") == 0


def test_failure_during_a_replacement_is_not_a_refusal(shelf: Shelf) -> None:
    shelf.put("broken")
    shelf.before = lambda: shelf.put("new")
    shelf.poll()
    shelf.before = lambda: None
    shelf.poll()
    assert shelf.on_air().title == "new"
    assert shelf.changes("refused") == 0


def test_temporarily_missing_folder_changes_nothing(shelf: Shelf) -> None:
    shutil.rmtree(shelf.folder)
    shelf.poll(3)
    assert shelf.on_air() is shelf.first
    assert shelf.changes("refused") == 0


@pytest.mark.parametrize("error", [None, RuntimeError("boom"), OSError("it is away")])
def test_a_broken_model_is_refused_once(
    shelf: Shelf, error: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        if error is not None:
            raise error

    shelf.put("broken")
    shelf.before = fail
    shelf.poll(5)
    assert shelf.on_air() is shelf.first
    assert (shelf.tries, shelf.changes("refused"), shelf.told()) == (1, 1, {"old"})
    [complaint] = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert complaint.startswith("refused the new model, old stays on air: ")
    shelf.before = lambda: None
    shelf.put("new")
    shelf.poll()
    assert shelf.on_air().title == "new"


def test_reloading_the_same_edition_is_not_a_change(shelf: Shelf) -> None:
    shelf.put("old")
    shelf.poll(4)
    assert shelf.on_air() is shelf.first
    assert (shelf.tries, shelf.changes("changed")) == (1, 0)


def test_unused_model_is_released(shelf: Shelf) -> None:
    shelf.put("old")
    shelf.poll()
    assert (shelf.tries, shelf.released) == (1, 1), "the same edition again"
    shelf.put("broken")
    shelf.poll()
    assert (shelf.tries, shelf.released) == (2, 2), "a broken one"


def test_model_without_room_beside_the_current_one_is_loaded_in_its_place(shelf: Shelf) -> None:
    def full() -> None:
        if not shelf.first.places:
            raise NoRoom("it does not fit")

    shelf.put("new")
    shelf.before = full
    shelf.poll()
    assert shelf.first.places == [], "the current batch is decoded first"
    assert shelf.on_air().title == "new"
    assert shelf.first.places == ["left"]
    assert (shelf.tries, shelf.changes("changed")) == (2, 1)


def test_current_model_is_restored_if_the_new_one_does_not_fit_at_all(shelf: Shelf) -> None:
    def full() -> None:
        raise NoRoom("it does not fit")

    shelf.put("new")
    shelf.before = full
    shelf.poll()
    assert shelf.on_air() is shelf.first
    assert shelf.first.places == ["left", "came back"]
    shelf.poll(3)
    assert shelf.on_air() is shelf.first
    assert (shelf.tries, shelf.changes("refused"), shelf.told()) == (2, 1, {"old"})


def test_the_folder_is_watched_while_the_worker_works(shelf: Shelf) -> None:
    loading, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        loading.set()
        assert go_on.wait(20)

    shelf.before = slow
    with shelf.on_air:
        shelf.put("new")
        assert loading.wait(20)
        assert shelf.on_air() is shelf.first, "it stays available while another is loaded"
        go_on.set()
        while shelf.on_air() is shelf.first:
            threading.Event().wait(0.01)
    assert shelf.on_air().title == "new"


def test_moved_link_is_another_model(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("the same")
    link = tmp_path / "on-air"
    link.symlink_to("one")
    before = snapshot(str(link))
    link.unlink()
    link.symlink_to("two")
    assert None not in (before, snapshot(str(link)))
    assert before != snapshot(str(link))


def test_fingerprint_covers_only_the_model_files(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    first = fingerprint(tmp_path)
    (tmp_path / "README.md").write_text("a card")
    assert fingerprint(tmp_path) == first
    (tmp_path / "model.safetensors").write_bytes(b"Weights")
    assert fingerprint(tmp_path) != first


def test_a_name_on_the_hub_is_not_watched() -> None:
    assert snapshot("KBLab/kb-whisper-small") is None
