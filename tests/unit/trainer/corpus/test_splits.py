"""No voice is in two splits."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.corpus.clips import SPLITS, Split
from trainer.corpus.drops import Reason
from trainer.corpus.sources.candidate import Candidate, FileAudio
from trainer.corpus.splits import Assignment, Mode, Shares, assign

SHARES = Shares(dev_percent=10, test_percent=10)


def clip(speaker: str, split: Split | None = None, source: str = "a", file: str = "x.wav") -> Candidate:
    return Candidate("id", FileAudio(Path(file)), "Hej", source, "sv", split, speaker)


def of(assignment: Assignment, clips: list[Candidate]) -> dict[str, set[Split]]:
    """Return the splits of each voice."""
    found: dict[str, set[Split]] = defaultdict(set)
    for candidate, split in zip(clips, assignment.splits, strict=True):
        if split:
            found[candidate.voice].add(split)
    return found


some_clips = st.lists(
    st.builds(
        clip,
        st.sampled_from(["", *"abcdefghijkl"]),
        st.sampled_from([None, *SPLITS]),
        st.sampled_from("ab"),
        st.sampled_from(["1.wav", "2.wav", "3.wav"]),
    ),
    max_size=60,
)


@given(some_clips, st.sampled_from(["disjoint", "speaker"]))
def test_no_voice_is_in_two_splits(clips: list[Candidate], mode: Mode) -> None:
    assignment = assign(clips, mode, SHARES)
    assert all(len(splits) == 1 for splits in of(assignment, clips).values())


def test_clips_of_a_voice_with_and_without_a_split_are_in_one_split() -> None:
    chosen = next(name for name in "abcdefghijklmnopqrstuvwxyz" if SHARES.of(name) == "test")
    clips = [clip("somebody", "train", "a"), clip(chosen, None, "a"), clip(chosen, None, "b")]
    assert len(of(assign(clips, "disjoint", SHARES), clips)[chosen]) == 1


def test_clips_of_one_voice_are_split_on_request() -> None:
    clips = [replace(clip("a", "train"), id=f"{number}") for number in range(200)]
    found = assign(clips, "clip", SHARES)
    sizes = Counter(found.splits)
    assert sizes["train"] > 140
    assert min(sizes["dev"], sizes["test"]) >= 10
    assert found.notes == ("Splits were made by clip: voices of train are also in dev and test.",)
    assert assign([*clips, replace(clips[0], id="new")], "clip", SHARES).splits[:200] == found.splits


@given(some_clips)
def test_only_clips_without_a_split_are_held_out(clips: list[Candidate]) -> None:
    for mode in ("disjoint", "release", "speaker"):
        for candidate, split in zip(clips, assign(clips, mode, SHARES).splits, strict=True):
            assert split or (candidate.split is None and mode != "speaker")


@given(some_clips)
def test_two_voices_are_enough_to_train_and_one_more_to_test(clips: list[Candidate]) -> None:
    splits = set(assign(clips, "speaker", SHARES).splits)
    voices = len({candidate.voice for candidate in clips})
    if voices >= 3:
        assert {"dev", "test"} <= splits


def test_three_voices_get_one_split_each() -> None:
    dev = [name for name in map(str, range(100)) if SHARES.of(name) == "dev"][:2]
    train = next(name for name in map(str, range(100)) if SHARES.of(name) == "train")
    clips = [clip(name) for name in (*dev, train)]
    assert sorted(map(str, assign(clips, "disjoint", SHARES).splits)) == ["dev", "test", "train"]


@given(st.lists(st.builds(clip, st.text(min_size=1)), min_size=1, max_size=4))
def test_train_is_never_empty(clips: list[Candidate]) -> None:
    assignment = assign(clips, "disjoint", SHARES)
    assert "train" in assignment.splits
    lacking = {"dev", "test"} - set(assignment.splits)
    assert all(any(f"no {split}" in note for note in assignment.notes) for split in lacking)


def test_notes_on_filled_splits_have_no_counts() -> None:
    clips = [clip(speaker, "train") for speaker in "abcdef"]
    assert assign(clips, "disjoint", SHARES).notes == (
        "There was no test: some of the voices in train were moved to it.",
        "There was no dev: some of the voices in train were moved to it.",
    )


def test_unusable_clips_do_not_fill_a_split() -> None:
    """If most recordings have no transcript yet, dev must not consist of those."""
    said = [replace(clip(""), audio=FileAudio(Path(f"{number}.wav"))) for number in range(5)]
    unsaid = [replace(clip("", file=f"unsaid-{number}.wav"), text=" …"[: number % 3]) for number in range(20)]
    damaged = [replace(clip("", file=f"damaged-{number}.wav"), refused=Reason.DAMAGED_ROW) for number in range(20)]
    found = assign([*unsaid, *said, *damaged], "disjoint", SHARES)
    assert set(found.splits[20:25]) == {"train", "dev", "test"}
    assert set(found.splits[:20] + found.splits[25:]) == {None}
    assert assign(said, "disjoint", SHARES).splits == found.splits[20:25], "it moves nobody"
    silent = [replace(each, text="", speech=False) for each in said]
    assert assign(silent, "disjoint", SHARES).splits == found.splits[20:25], "where nobody speaks there is no text"


def test_too_few_clips_get_no_advice_to_split_by_clip() -> None:
    clips = [replace(clip("a"), id=f"{number}") for number in range(2)]
    assert assign(clips, "clip", SHARES).notes[1:] == (
        "There was no test: some of the clips in train were moved to it.",
        "There is no dev: there are too few clips.",
    )


def test_a_release_that_is_disjoint_is_kept() -> None:
    clips = [clip("a", "train"), clip("b", "dev"), clip("c", "test"), clip("c", "test")]
    found = assign(clips, "disjoint", SHARES)
    assert found == Assignment(("train", "dev", "test", "test"), 0, 0, ())


def test_a_voice_in_several_splits_goes_to_the_one_with_most_clips() -> None:
    clips = [clip("a", "train"), clip("a", "train"), clip("a", "test"), clip("b", "dev"), clip("c", "test")]
    found = assign(clips, "disjoint", SHARES)
    assert found.splits == ("train", "train", "train", "dev", "test")
    assert (found.crossing, found.moved) == (1, 1)
    assert "1 clips were moved" in found.notes[0]


def test_a_speaker_in_two_sources_is_one_voice() -> None:
    clips = [*[clip("a", "train", "one")] * 3, clip("a", "test", "two"), clip("b", "test", "two"), clip("c", "dev")]
    assert assign(clips, "disjoint", SHARES).splits == ("train", "train", "train", "train", "test", "dev")


def test_new_splits_are_made_if_no_voice_is_left_in_one() -> None:
    clips = [clip(speaker, split) for speaker in "abcdef" for split in ("train", "train", "dev", "test")]
    found = assign(clips, "disjoint", SHARES)
    assert all(len(splits) == 1 for splits in of(found, clips).values())
    assert set(found.splits) == set(SPLITS)
    assert "--splits release" in found.notes[0]
    kept = assign(clips, "release", SHARES)
    assert kept.splits == tuple(candidate.split for candidate in clips)
    assert (kept.crossing, kept.moved) == (6, 0)
    assert "6 voices are in several splits" in kept.notes[0]


def test_validated_clips_go_to_train_unless_their_speaker_is_tested() -> None:
    clips = [clip("a", "train"), clip("b", "dev"), clip("c", "test"), clip("a"), clip("b"), clip("c"), clip("new")]
    assert assign(clips, "disjoint", SHARES).splits == ("train", "dev", "test", "train", None, None, "train")


def test_a_release_without_voices_for_train_gets_advice() -> None:
    clips = [clip("a", "test"), clip("a"), clip("b", "dev"), clip("b")]
    found = assign(clips, "disjoint", SHARES)
    assert found.splits == ("test", None, "dev", None)
    assert found.notes == ("There is no train: every voice is in dev or test. --splits speaker makes new splits.",)
    assert "train" in assign(clips, "speaker", SHARES).splits


def test_a_voice_without_a_name_is_its_recording() -> None:
    clips = [clip("", file=f"{number % 20}.wav") for number in range(100)]
    found = assign(clips, "disjoint", SHARES)
    assert all(len(splits) == 1 for splits in of(found, clips).values())


def test_more_data_moves_no_voice() -> None:
    before = [clip(f"speaker {number}") for number in range(300)]
    after = [*before, *(clip(f"new speaker {number}") for number in range(300))]
    assert assign(after, "disjoint", SHARES).splits[:300] == assign(before, "disjoint", SHARES).splits


def test_shares_are_approximately_kept() -> None:
    splits = assign([clip(f"speaker {number}") for number in range(4000)], "speaker", SHARES).splits
    assert splits.count("dev") == pytest.approx(400, rel=0.2)
    assert splits.count("test") == pytest.approx(400, rel=0.2)
    assert set(assign([clip("a"), clip("b")], "speaker", Shares(0, 0)).splits) == {"train"}
