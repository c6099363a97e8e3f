"""seen.json: the clips of each epoch, computed from the number of examples."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from trainer.augmentation.non_speech import NonSpeechSounds
from trainer.corpus.clips import UNKNOWN, Clip
from trainer.reports.balance import Group, balance_plot, top_groups
from trainer.training import seen
from trainer.training.clip_source import ClipSource
from trainer.training.joining import Joiner
from trainer.training.sampling import Balanced, Epochs, Sampler, grouped
from trainer.training.seen import Counted, write_seen

CLIPS = [
    Clip(str(n), 0, 0, 16_000 * (n % 3 + 1), "x", "sv", "train", accent=accent, speaker=str(n % 4))
    for n, accent in enumerate(["skånska"] * 6 + ["gotländska"] * 2 + [""] * 4)
]
SAMPLERS = [Epochs(len(CLIPS), 1), Balanced(CLIPS, ["accent"], 3, 1), Balanced(CLIPS, ["accent"], math.inf, 2)]


def source(sampler: Sampler, share: float = 0.0) -> ClipSource:
    return ClipSource(None, CLIPS, sampler, non_speech=NonSpeechSounds(share) if share else None)  # type: ignore[arg-type]


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("share", [0.0, 0.3])
@pytest.mark.parametrize("examples", [1, 12, 17, 40])
def test_seen_matches_the_examples(sampler: Sampler, share: float, examples: int, tmp_path: Path) -> None:
    of = source(sampler, share)
    write_seen(tmp_path / "seen.json", of, examples)
    told = json.loads((tmp_path / "seen.json").read_text(encoding="utf-8"))["epochs"]
    clips = [of.clip(index) for index in range(examples)]
    accents = Counter(clip.accent or UNKNOWN for clip in clips if clip)
    drawn: Counter[str] = Counter()
    for epoch in told:
        drawn.update({row["value"]: row["draws"] for row in epoch["groups"]["accent"]})
    assert +drawn == accents
    assert sum(epoch["without_speech"] for epoch in told) == clips.count(None)
    assert sum(epoch["hours"] for epoch in told) == pytest.approx(
        sum(clip.duration_s for clip in clips if clip) / 3600, abs=1e-3
    )


def test_joined_clips_are_counted(tmp_path: Path) -> None:
    joiner = Joiner(CLIPS, SAMPLERS[0].shares(), 0.5, 5.0, lambda clip: 1, 20)
    of = ClipSource(None, CLIPS, SAMPLERS[0], joiner=joiner)  # type: ignore[arg-type]
    write_seen(tmp_path / "seen.json", of, 24)
    windows = [[placed.clip.accent or UNKNOWN for placed in of.window(index)] for index in range(24)]
    assert max(map(len, windows)) > 1
    for epoch, heard in zip(
        json.loads((tmp_path / "seen.json").read_text(encoding="utf-8"))["epochs"],
        (windows[:12], windows[12:]),
        strict=True,
    ):
        assert (epoch["draws"], epoch["clips"]) == (12, sum(map(len, heard)))
        told = {group["value"]: group["draws"] for group in epoch["groups"]["accent"]}
        assert told == Counter(accent for window in heard for accent in window)


def test_a_group_has_its_requested_share() -> None:
    sampler = SAMPLERS[2]
    rows = {row.value: row for row in Counted(CLIPS, sampler, "accent").groups(sampler.order(0))}
    assert list(rows) == ["skånska", UNKNOWN, "gotländska"]
    rare = rows["gotländska"]
    assert (rare.clips, rare.draws, rare.distinct) == (2, 4, 2)
    assert rare.expected_percent == pytest.approx(100 / 3, abs=0.01)
    assert rare.drawn_percent == pytest.approx(100 / 3, abs=0.01)
    assert rare.hours == pytest.approx((1 + 2) / 3600, abs=1e-4)
    assert sum(row.expected_percent for row in rows.values()) == pytest.approx(100, abs=0.01)


def test_columns_are_counted_once_for_all_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []

    def counting(clips: list[Clip], columns: tuple[str, ...]) -> list[tuple[str, ...]]:
        counted.extend(columns)
        return grouped(clips, columns)

    monkeypatch.setattr(seen, "grouped", counting)
    write_seen(tmp_path / "seen.json", source(SAMPLERS[0]), 5 * len(CLIPS), columns=("accent", "speaker"))
    assert len(json.loads((tmp_path / "seen.json").read_text(encoding="utf-8"))["epochs"]) == 5
    assert counted == ["accent", "speaker"]


def test_an_oversampled_single_speaker_is_noted(tmp_path: Path) -> None:
    of = [*CLIPS[:6], *CLIPS[:6], replace(CLIPS[6], speaker="7")]
    write_seen(tmp_path / "seen.json", ClipSource(None, of, Balanced(of, ["accent"], math.inf, 1)), 13)  # type: ignore[arg-type]
    told = json.loads((tmp_path / "seen.json").read_text(encoding="utf-8"))
    assert "gotländska (drawn 6.5 times as often as it occurs)" in told["note"]


def test_without_draws_nothing_is_seen() -> None:
    rows = Counted(CLIPS, SAMPLERS[0], "accent").groups(np.array([], np.int64))
    assert {(row.draws, row.drawn_percent) for row in rows} == {(0, 0.0)}


def test_the_plot_has_every_group(tmp_path: Path) -> None:
    sampler = SAMPLERS[1]
    write_seen(tmp_path / "seen.json", source(sampler), 12, columns=("accent",))
    epoch = json.loads((tmp_path / "seen.json").read_text(encoding="utf-8"))["epochs"][0]
    svg = balance_plot([Group(**row) for row in epoch["groups"]["accent"]], "accent", "accent, epoch 1")
    xml.etree.ElementTree.fromstring(svg)
    assert svg == balance_plot(Counted(CLIPS, sampler, "accent").groups(sampler.order(0)), "accent", "accent, epoch 1")
    for word in ("skånska", "gotländska", UNKNOWN, "requested", "drawn"):
        assert word in svg


def test_rare_values_are_grouped() -> None:
    rows = Counted(CLIPS, SAMPLERS[0], "accent").groups(np.arange(12))
    first, others = top_groups(rows, 1)
    assert (first, others.value) == (rows[0], "2 others")
    assert (others.clips, others.draws, others.distinct) == (6, 6, 6)
    assert others.drawn_percent == pytest.approx(50, abs=0.01)
    assert top_groups(rows, 3) == rows
