from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from demo import noise, pool
from demo.corpus import LONGEST_S, TOLERANCE_S, Corpus, Window, with_short_pauses, words_inside
from demo.pool import Bulletin, Pool
from demo.voices import SAMPLE_RATE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("corpus")


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("demo.pool", "demo.corpus"):
        monkeypatch.setattr(f"{module}.BULLETINS_PER_SHARD", 4)


@pytest.fixture
def corpus(folder: Path) -> Corpus:
    return Corpus(folder, seed=1, shards=1)


def test_example_depends_only_on_seed_and_index(corpus: Corpus, folder: Path) -> None:
    again = Corpus(folder, seed=1, shards=1)
    for index in (0, 5, 11):
        one, other = corpus.example(index), again.example(index)
        np.testing.assert_array_equal(one.audio, other.audio)
        assert one.words == other.words
    assert corpus.example(0).text != Corpus(folder, seed=2, shards=1).example(0).text


def test_examples_have_the_planned_length_and_contain_their_words(corpus: Corpus) -> None:
    for index in range(60):
        example = corpus.example(index)
        assert example.audio.dtype == np.float32
        assert example.duration_s == pytest.approx(corpus.duration_s(index), abs=1e-3)
        assert 0.5 < example.duration_s <= LONGEST_S
        assert np.abs(example.audio).max() <= 1.0
        for word in example.words:
            assert 0 <= word.start_s < word.end_s <= example.duration_s + 1e-3


def test_corpus_has_the_intended_mix(corpus: Corpus) -> None:
    kinds = Counter(corpus.window(index).kind for index in range(1000))
    assert 700 < kinds["cut"] < 800
    assert 40 < kinds["quiet"] < 80
    languages = Counter(corpus.example(index).language for index in range(100))
    assert min(languages["sv"], languages["en"]) > 25


def test_quiet_example_has_no_speech(corpus: Corpus) -> None:
    quiet = [index for index in range(120) if corpus.window(index).kind == "quiet"]
    assert quiet
    for index in quiet:
        example = corpus.example(index)
        assert not example.speech
        assert example.words == ()


@pytest.fixture
def counting() -> Bulletin:
    """Four words of 0.4 s, half a second apart."""
    starts_s = np.arange(4) * 0.5
    audio = np.zeros(2 * SAMPLE_RATE, np.int16)
    return Bulletin("sv", "sv", audio, ("En", "två,", "tre", "fyra."), starts_s, starts_s + 0.4, (0,))


def _window(start_s: float, span_s: float, speed: float = 1.0) -> Window:
    return Window("cut", 0, start_s, span_s, speed, span_s / speed)


@pytest.mark.parametrize(
    ("start_s", "span_s", "text"),
    [
        (0.0, 2.0, "En två, tre fyra."),
        (0.2, 1.8, "två, tre fyra."),
        (TOLERANCE_S - 0.01, 1.0, "En två,"),
        (TOLERANCE_S + 0.01, 1.0, "två,"),
        (0.5, 0.4 - TOLERANCE_S + 0.01, "två,"),
        (0.5, 0.4 - TOLERANCE_S - 0.01, ""),
        (0.6, 0.3, ""),
    ],
)
def test_word_counts_only_if_it_is_completely_inside(
    counting: Bulletin, start_s: float, span_s: float, text: str
) -> None:
    assert " ".join(word.text for word in words_inside(counting, _window(start_s, span_s))) == text


def test_word_times_are_relative_to_the_window_and_its_speed(counting: Bulletin) -> None:
    first, *_ = words_inside(counting, _window(0.45, 1.0, speed=2.0))
    assert (first.text, first.start_s, first.end_s) == ("två,", pytest.approx(0.025), pytest.approx(0.225))


def test_incomplete_shard_is_rendered_again(folder: Path) -> None:
    whole = Pool(folder, seed=1).shard(0)
    path = folder / "seed-1" / "shard-0000.json"
    path.unlink()
    again = Pool(folder, seed=1).shard(0)
    assert [bulletin.texts for bulletin in again] == [bulletin.texts for bulletin in whole]
    assert again[0].voice == whole[0].voice
    # espeak-ng keeps some state between sentences, so the samples are not identical.
    assert again[0].duration_s == pytest.approx(whole[0].duration_s, rel=0.01)


def test_missing_shards_are_rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[int] = []

    def render(folder: Path, seed: int, number: int) -> None:
        rendered.append(number)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"shard-{number:04d}.json").write_text("[]")

    monkeypatch.setattr(pool, "render", render)
    progress: list[int] = []
    pool.render_all(tmp_path, 1, 3, progress.append)
    pool.render_all(tmp_path, 1, 4, progress.append)
    assert rendered == [0, 1, 2, 3]
    assert progress == [1, 2, 3, 1, 2, 3, 4]


@pytest.mark.parametrize("kind", noise.KINDS)
def test_noise_is_added_at_the_given_ratio(kind: str) -> None:
    rng = np.random.default_rng(1)
    tone = np.sin(np.arange(SAMPLE_RATE) / 5).astype(np.float32)
    added = noise.at_snr(tone, noise.noise(kind, len(tone), rng), 10.0) - tone
    assert 20 * np.log10(noise.rms(tone) / noise.rms(added)) == pytest.approx(10.0, abs=0.1)


def test_band_pass_keeps_frequencies_in_the_band() -> None:
    t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    low, middle, high = (np.sin(2 * np.pi * hz * t).astype(np.float32) for hz in (50, 1000, 7000))
    kept = noise.band(low + middle + high, 300, 3400)
    assert noise.rms(kept - middle) < 0.1 * noise.rms(middle)


def test_faster_audio_is_shorter_and_higher() -> None:
    tone = np.sin(2 * np.pi * 500 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    fast = noise.faster(tone, SAMPLE_RATE // 2)
    peak_hz = np.abs(np.fft.rfft(fast)).argmax() * SAMPLE_RATE / len(fast)
    assert (len(fast), peak_hz) == (SAMPLE_RATE // 2, pytest.approx(1000, abs=4))


def test_hasty_bulletin_has_every_word_and_short_pauses(folder: Path) -> None:
    read = Pool(folder, seed=1).bulletin(0)
    fast = with_short_pauses(read, 0.1)
    assert fast.texts == read.texts
    np.testing.assert_allclose(fast.ends_s - fast.starts_s, read.ends_s - read.starts_s)
    firsts = np.array(read.sentence_first[1:])
    pauses_s = fast.starts_s[firsts] - fast.ends_s[firsts - 1]
    assert pauses_s.max() <= 0.1 + 1e-9
    assert fast.duration_s < read.duration_s - 1.0
    for i in (5, len(read.texts) // 2, len(read.texts) - 5):
        span = slice(round(fast.starts_s[i] * SAMPLE_RATE) + 2, round(fast.ends_s[i] * SAMPLE_RATE) - 2)
        shift = round((read.starts_s[i] - fast.starts_s[i]) * SAMPLE_RATE)
        # The same audio, except for rounding of about a sample at each cut.
        best = max(
            float(np.corrcoef(fast.audio[span], read.audio[span.start + shift + d : span.stop + shift + d])[0, 1])
            for d in range(-len(firsts) - 2, len(firsts) + 3)
        )
        assert best > 0.999
    assert with_short_pauses(read, None) is read


def test_gap_is_before_between_or_after_the_words(corpus: Corpus) -> None:
    gapped = [index for index in range(400) if corpus.window(index).gap]
    assert 60 < len(gapped) < 160
    places = Counter()
    for index in gapped:
        gap, example = corpus.window(index).gap, corpus.example(index)
        assert gap is not None
        inside = [w for w in example.words if gap.at_s - 0.05 < (w.start_s + w.end_s) / 2 < gap.at_s + gap.duration_s]
        assert inside == []
        places["before" if gap.at_s == 0 else "between"] += 1
    assert places["before"] > 15
    assert places["between"] > 30


def test_telephone_has_nothing_above_4_khz() -> None:
    audio = np.random.default_rng(1).uniform(-0.5, 0.5, SAMPLE_RATE).astype(np.float32)
    power = np.abs(np.fft.rfft(noise.telephone(audio))) ** 2
    assert power[4100:].sum() < 0.01 * power[300:3400].sum()
    np.testing.assert_array_equal(noise.telephone(np.zeros(100, np.float32)), np.zeros(100))
