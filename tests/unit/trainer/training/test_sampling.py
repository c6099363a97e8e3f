"""Samplers: all clips once per epoch, or groups in requested shares; arithmetic and order."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.corpus.clips import UNKNOWN, Clip
from trainer.errors import PlanError
from trainer.training.sampling import Balanced, Epochs, apportion, grouped, sampler, tempered, weight_of, weights_of


def clips(*accents: str, source: str = "a") -> list[Clip]:
    return [
        Clip(f"{source}{n}", 0, 0, 16_000, "x", "en", "train", source=source, accent=accent)
        for n, accent in enumerate(accents)
    ]


def drawn(sampler: Balanced, of: Sequence[Clip], epochs: int = 1) -> Counter[str]:
    counts: Counter[str] = Counter()
    for index in range(epochs * sampler.draws):
        counts[of[sampler.clip(index)].accent] += 1
    return counts


@given(n=st.integers(1, 200), seed=st.integers(0, 2**32), epoch=st.integers(0, 10**6))
def test_no_clip_is_drawn_twice_in_an_epoch(n: int, seed: int, epoch: int) -> None:
    sampler = Epochs(n, seed)
    assert sorted(sampler.clip(epoch * n + place) for place in range(n)) == list(range(n))


def test_each_epoch_has_its_own_order_given_by_the_seed() -> None:
    one, same, other = Epochs(50, 1), Epochs(50, 1), Epochs(50, 2)
    first = [one.clip(i) for i in range(50)]
    assert first != [one.clip(i) for i in range(50, 100)]
    assert first != [other.clip(i) for i in range(50)]
    # From anywhere, in any order.
    assert [same.clip(i) for i in reversed(range(50))] == first[::-1]


def test_an_empty_split_is_refused() -> None:
    with pytest.raises(PlanError, match="no clips"):
        Epochs(0, 1)


@given(masses=st.lists(st.integers(1, 10**7), min_size=1, max_size=30), temperature=st.floats(1, 1e6))
def test_temperature_interpolates_between_natural_and_even_shares(masses: list[int], temperature: float) -> None:
    shares = tempered(masses, temperature)
    assert sum(shares) == pytest.approx(1)
    for a, one in zip(masses, shares, strict=True):
        for b, two in zip(masses, shares, strict=True):
            assert one / two == pytest.approx((a / b) ** (1 / temperature), rel=1e-6)


@given(masses=st.lists(st.integers(1, 10**7), min_size=1, max_size=30))
def test_temperature_1_keeps_shares_and_infinity_evens_them(masses: list[int]) -> None:
    assert tempered(masses, 1) == pytest.approx([mass / sum(masses) for mass in masses])
    assert tempered(masses, math.inf) == pytest.approx([1 / len(masses)] * len(masses))


@given(shares=st.lists(st.floats(0, 1), min_size=1, max_size=40), more=st.integers(0, 1000))
def test_draws_are_apportioned_as_integers_and_no_group_is_left_out(shares: list[float], more: int) -> None:
    total = sum(shares)
    if total <= 0:
        return
    shares = [share / total for share in shares]
    draws = len(shares) + more
    counts = apportion(shares, draws)
    assert sum(counts) == draws
    assert all((count > 0) == (share > 0) for share, count in zip(shares, counts, strict=True))
    if all(share * draws >= 1 for share in shares if share > 0):
        assert all(abs(share * draws - count) < 1 for share, count in zip(shares, counts, strict=True))


def test_groups_are_drawn_evenly_at_infinity_and_naturally_at_1() -> None:
    of = clips(*["big"] * 90, *["small"] * 10)
    assert drawn(Balanced(of, ["accent"], math.inf, 1), of) == {"big": 50, "small": 50}
    assert drawn(Balanced(of, ["accent"], 1, 1), of) == {"big": 90, "small": 10}
    assert drawn(Balanced(of, ["accent"], 2, 1), of) == {"big": 75, "small": 25}  # √90 : √10 = 3 : 1


def test_a_clip_is_repeated_only_after_all_others_of_its_group() -> None:
    of = clips(*["big"] * 90, *["small"] * 10)
    sampler = Balanced(of, ["accent"], math.inf, 1)
    times = Counter(sampler.clip(index) for index in range(9 * sampler.draws))
    assert {times[i] for i in range(90)} == {5}
    assert {times[i] for i in range(90, 100)} == {45}


def test_at_temperature_1_an_epoch_has_every_clip_once() -> None:
    of = clips(*["a"] * 7, *["b"] * 3, "")
    sampler = Balanced(of, ["accent", "speaker"], 1, 3)
    assert sorted(sampler.order(5)) == list(range(11))


def test_clips_with_unknown_values_keep_their_share() -> None:
    of = clips(*["skånska"] * 12, *["gotländska"] * 4, *[""] * 4)
    assert drawn(Balanced(of, ["accent"], math.inf, 1), of) == {"skånska": 8, "gotländska": 8, "": 4}
    assert drawn(Balanced(of, ["accent", "gender"], math.inf, 1), of) == {"skånska": 12, "gotländska": 4, "": 4}
    assert grouped(of, ["accent", "language"])[16] == (UNKNOWN, "en")


def test_a_clip_of_several_accents_counts_for_the_rarest() -> None:
    of = clips(*["skånska"] * 8, *["gotländska"] * 2, *["skånska|gotländska"] * 2)
    assert drawn(Balanced(of, ["accent"], math.inf, 1), of) == {
        "skånska": 6,
        "gotländska": 3,
        "skånska|gotländska": 3,
    }
    assert {key for (key,) in grouped(of, ["accent"])} == {"skånska", "gotländska"}


def test_an_oversampled_single_speaker_is_named(caplog: pytest.LogCaptureFixture) -> None:
    def of(speakers: Sequence[str]) -> list[Clip]:
        return [replace(clip, speaker=who) for clip, who in zip(clips(*["x"] * 18, "y", "y"), speakers, strict=True)]

    alone = of(["a", "b"] * 9 + ["c", "c"])
    sampler("accent:inf", alone, 1)
    assert "--balance accent:inf: groups with a single speaker" in (told := caplog.text)
    assert "y (drawn 5.0 times as often as it occurs)" in told
    for words, told_of in (
        ("accent:1.2", alone),  # not twice as often
        ("accent:inf", of(["a", "b"] * 9 + ["c", "d"])),
        ("accent:inf", of(["a", "b"] * 9 + ["", ""])),  # unknown
        ("speaker:inf", alone),  # as requested
    ):
        caplog.clear()
        sampler(words, told_of, 1)
        assert not caplog.text


def test_balancing_by_a_column_without_values_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    sampler("accent,gender:inf", clips("x", "y", ""), 1)
    assert (
        "--balance accent,gender:inf: accent and gender is unknown for all clips, so they are not balanced"
        in caplog.text
    )
    caplog.clear()
    sampler("accent:inf", clips("x", "y", ""), 1)
    assert not caplog.text


def test_a_source_of_weight_2_counts_as_if_its_clips_occurred_twice() -> None:
    of = clips(*["x"] * 50) + clips(*["y"] * 50, source="b/part")
    assert drawn(Balanced(of, [], 1, 1, {"a": 3}), of) == {"x": 75, "y": 25}
    assert drawn(Balanced(of, ["accent"], math.inf, 1, {"a": 3}), of) == {"x": 50, "y": 50}
    assert drawn(Balanced(of, [], 1, 1, {"b": 0}), of) == {"x": 100}


def test_weights_are_read_from_the_corpus() -> None:
    weights = weights_of({"sources": [{"name": "a", "weight": 2.0}, {"name": "b"}]})
    assert weights == {"a": 2.0, "b": 1.0}
    assert [weight_of(source, weights) for source in ("a", "a/sv", "c")] == [2, 2, 1]
    assert weight_of("cv/17.0/sv", {"cv/17.0": 3.0}) == 3.0, "a part of a source whose name has a slash"
    assert weights_of({}) == {}


@pytest.mark.parametrize(
    ("words", "weights", "told"),
    [
        ("shoe size", {}, "shoe size"),
        ("accent:0.5", {}, "temperature"),
        ("accent:nan", {}, "temperature"),
        ("accent:hot", {}, "'hot' is not a temperature"),
        ("accent:1", {"a": 0}, "weight 0"),
        ("accent:1", {"a": -1}, "weight"),
    ],
)
def test_invalid_balance_options_are_refused(words: str, weights: dict[str, float], told: str) -> None:
    with pytest.raises(PlanError, match=told):
        sampler(words, clips("x", "y"), 1, weights)


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=8), epoch=st.integers(0, 1000), seed=st.integers(0, 99))
def test_an_epoch_can_be_computed_without_the_previous_ones(sizes: list[int], epoch: int, seed: int) -> None:
    of = clips(*[accent for accent, size in zip("abcdefgh", sizes, strict=False) for _ in range(size)])
    sampler = Balanced(of, ["accent"], 3, seed)
    assert len(sampler.order(epoch)) == sampler.draws == len(of)
    np.testing.assert_array_equal(sampler.order(epoch), Balanced(of, ["accent"], 3, seed).order(epoch))


def test_balance_options_choose_the_sampler() -> None:
    of = clips(*["x"] * 8, "y", "y")
    assert isinstance(sampler("", of, 1), Epochs)
    assert isinstance(sampler("", of, 1, {"a": 2}), Epochs)  # with a single source, its weight has no effect
    weighted = sampler("", of[:8] + clips("y", "y", source="b"), 1, {"b": 4})
    assert isinstance(weighted, Balanced)
    assert [len(stratum.clips) for stratum in weighted.strata] == [8, 2]
    assert [stratum.draws for stratum in weighted.strata] == [5, 5]
    for words, share in (("accent:inf", 5), ("accent:1", 2), ("accent,language", 4)):
        made = sampler(words, of, 1)
        assert isinstance(made, Balanced)
        assert drawn(made, of)["y"] == share, words
    with pytest.raises(PlanError, match="'warm'"):
        sampler("accent:warm", of, 1)
    with pytest.raises(PlanError, match="shoe size"):
        sampler("shoe size:2", of, 1)
