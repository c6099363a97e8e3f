"""Examples from a corpus: functions of (seed, index), with texts, times and durations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.corpus.clips import Corpus, Writer
from trainer.errors import PlanError
from trainer.examples import SAMPLE_RATE
from trainer.models.tokenizer import Speller
from trainer.training.batches import IGNORED, letters, spell
from trainer.training.clip_source import Audio, ClipSource
from trainer.training.sampling import Epochs


class Louder:
    """Lengthens audio by a third, and scales it at random."""

    def lengthening(self, rng: np.random.Generator) -> float:
        return float(1 + rng.integers(0, 2) / 3)

    def __call__(self, audio: Audio, rng: np.random.Generator) -> Audio:
        samples = round(len(audio) * self.lengthening(rng))
        return np.full(samples, rng.random(), np.float32)


class Hiss:
    def __init__(self, share: float) -> None:
        self.share = share

    def duration_s(self, rng: np.random.Generator) -> float:
        return int(rng.integers(1, 4)) / 2

    def __call__(self, rng: np.random.Generator) -> Audio:
        samples = round(self.duration_s(rng) * SAMPLE_RATE)
        return (0.01 * rng.standard_normal(samples)).astype(np.float32)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    with Writer(tmp_path_factory.mktemp("corpus")) as writer:
        for n in range(9):
            segments = ((0.0, 0.1, "låg"), (0.1, 0.2, "mellan"))
            writer.add(
                np.full(1600 * (n + 2), n + 1, np.int16),
                id=f"clip {n}",
                text="" if n == 8 else "låg mellan",
                language="sv" if n % 2 else "en",
                split="train",
                previous="hög." if n == 1 else "",
                segments=segments if n == 1 else (),
            )
        return writer.finish({})


def make(corpus: Corpus, share: float = 0.0, augment: Louder | None = None, seed: int = 1) -> ClipSource:
    quiet = Hiss(share) if share else None
    return ClipSource(corpus, corpus.clips, Epochs(len(corpus.clips), seed), augment, quiet, seed)


def test_an_example_has_all_data_of_its_clip(corpus: Corpus) -> None:
    source = make(corpus)
    by_id = {example.id: example for example in map(source.example, range(9))}
    assert len(by_id) == 9
    example = by_id["clip 1"]
    assert (example.text, example.language, example.previous) == ("låg mellan", "sv", "hög.")
    assert example.segments == ((0.0, 0.1, "låg"), (0.1, 0.2, "mellan"))
    assert example.speech
    np.testing.assert_array_equal(example.audio, np.full(4800, 2 / 32768, np.float32))
    assert not by_id["clip 8"].speech


def test_words_without_times_have_text_but_no_spans(corpus: Corpus, speller: Speller) -> None:
    source = make(corpus)
    example = next(e for e in map(source.example, range(9)) if e.id == "clip 1")
    tokens, labels, spans, text = spell(example, speller)
    assert speller.tokenizer.decode(text).strip() == "låg mellan"
    assert set(spans) == {(-1, -1)}
    assert len(spans) == len(labels) == len(tokens)
    assert set(letters(example, 10).tolist()) == {IGNORED}


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_an_example_is_a_function_of_seed_and_index(corpus: Corpus, share: float) -> None:
    one, again, other = (make(corpus, share, Louder(), seed) for seed in (1, 1, 2))
    differs = False
    for index in [30, 3, 17, 0, 3, 29]:
        a, b = one.example(index), again.example(index)
        np.testing.assert_array_equal(a.audio, b.audio)
        assert (a.id, a.text, a.language) == (b.id, b.text, b.language)
        differs |= len(a.audio) != len(other.example(index).audio) or bool(
            (a.audio != other.example(index).audio).any()
        )
    assert differs


def test_the_duration_is_known_without_making_the_audio(corpus: Corpus) -> None:
    source = make(corpus, 0.3, Louder())
    for index in range(60):
        assert source.duration_s(index) == source.example(index).duration_s


def test_times_are_lengthened_with_the_audio(corpus: Corpus) -> None:
    source = make(corpus, augment=Louder())
    seen = set()
    for example in map(source.example, range(200)):
        if example.id == "clip 1":
            lengthening = len(example.audio) / 4800
            seen.add(round(lengthening, 3))
            expected = [(0.0, 0.1 * lengthening), (0.1 * lengthening, 0.2 * lengthening)]
            assert [(start, end) for start, end, _ in example.segments] == [pytest.approx(e) for e in expected]
            assert example.words[-1].end_s == pytest.approx(example.duration_s)
    assert seen == {1.0, 1.333}


@given(share=st.floats(0.001, 0.9), epochs=st.integers(1, 20))
def test_examples_without_speech_have_their_share_in_addition_to_the_clips(share: float, epochs: int) -> None:
    n = 9
    clips = [object()] * n
    source = ClipSource(None, clips, Epochs(n, 1), None, Hiss(share))  # type: ignore[arg-type]
    end = source.epoch_starts(epochs)
    drawn = [source.draw(index) for index in range(end) if source.clip(index) is not None]
    assert drawn == list(range(epochs * n))
    assert abs((end - len(drawn)) - end * share) <= 1


def test_an_example_without_speech_has_a_language_of_the_corpus(corpus: Corpus) -> None:
    source = make(corpus, 0.5)
    quiet = [example for example in map(source.example, range(40)) if not example.id]
    assert len(quiet) == 20
    assert all(not e.speech and not e.text and e.audio.any() for e in quiet)
    assert {e.language for e in quiet} == {"en", "sv"}


def test_a_language_may_be_given_for_all(corpus: Corpus) -> None:
    source = ClipSource(corpus, corpus.clips, Epochs(9, 1), language="da")
    assert {source.example(index).language for index in range(9)} == {"da"}


def test_a_share_of_1_without_speech_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="share"):
        make(corpus, 1.0)
