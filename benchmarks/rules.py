"""`python -m benchmarks.rules`: which of a model's hypotheses are rejected by the rules against invented text.

No speech detector is used here, so that the rules have work to do. Hypotheses over speech are *right* if at least half
of their words were spoken there, else *garbled*; those over music, noise and silence are *invented*. In *crosstalk*,
a voice 20 dB below music, there is speech, but it is not meant to be understood. Rejecting right hypotheses is harmful;
rejecting invented ones is useful. Each rule is evaluated alone, then all of them as the transcriber applies them.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import jiwer
import numpy as np
import soxr
import torch
from tqdm import tqdm

from benchmarks.report import Row, arguments, report
from demo import exam, music, noise
from demo.bulletins import LANGUAGES, Language
from demo.noise import Audio
from demo.voices import SAMPLE_RATE
from transcriber import rules
from transcriber.engine import Hypothesis, Utterance
from transcriber.orthography import normalised
from transcriber.rules import Reason, SpokenText
from transcriber.whisper.model import load
from transcriber.whisper.transformers_engine import TransformersEngine

#: Noise below speech, in decibels; None is clean.
SNRS_DB = (None, 20.0, 10.0, 0.0)

#: Sounds without speech: the demo's kinds of noise, its station's music, and the like.
NOTHING = (*noise.KINDS, "jingle", "bed", "silence", "faint hiss", "crosstalk")

#: How far below the music the voices of `crosstalk` are, in decibels.
CROSSTALK_DB = 20.0

#: Duration of a window without speech, in seconds: the bundled model's context.
QUIET_S = 7.0

#: Windows for each language and SNR, and for each language and sound without speech.
_FULL, _QUICK = (200, 80), (25, 10)
_BATCH = 8

GROUPS = ("right", "garbled", "crosstalk", "invented")


@dataclass(frozen=True)
class Sample:
    """A hypothesis with words, its group, and its origin; windows of one origin are successive."""

    hypothesis: Hypothesis
    group: str
    origin: str


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments(__doc__)
    parser.add_argument("--model", default="demo/model", help="a checkpoint's folder or hub id (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto: a GPU if there is one (default)")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    engine = TransformersEngine(load(options.model, device=options.device))
    spoken, quiet = _QUICK if options.quick else _FULL
    windows = len(LANGUAGES) * (len(SNRS_DB) * spoken + len(NOTHING) * quiet)
    samples: list[Sample] = []
    with tqdm(total=windows, unit="window", desc="listen") as progress:
        for origin, language, audios, texts in material(spoken, quiet):
            for first in range(0, len(audios), _BATCH):
                batch = [Utterance(audio, language) for audio in audios[first : first + _BATCH]]
                for one, text in zip(engine.transcribe(batch), texts[first : first + _BATCH], strict=True):
                    hypothesis = one.likeliest
                    if hypothesis.words:
                        samples.append(Sample(hypothesis, group(hypothesis, text, origin), origin))
                progress.update(len(batch))
    rows = table(samples)
    title = f"{engine.name}: {len(samples)} of {windows} windows have words; number rejected by each rule"
    quiet_hours = len(LANGUAGES) * (len(NOTHING) - 1) * quiet * QUIET_S / 3600
    report(title, rows, figures(rows, quiet_hours), options.json)
    for text, count in survivors(samples).most_common(10):
        print(f"invented, but accepted by all rules: {count} x {text!r}")
    return 0


def material(spoken: int, quiet: int) -> Iterator[tuple[str, Language, list[Audio], list[str | None]]]:
    """Yield origin, language, windows, and the text of each (None: no speech)."""
    for language in LANGUAGES:
        for snr_db in SNRS_DB:
            examples = exam.windows(language, spoken, snr_db, seed=11)
            texts = [" ".join(word.text for word in example.words) for example in examples]
            yield f"{language} {snr_db} dB", language, [example.audio for example in examples], list(texts)
        for kind in NOTHING:
            rng = random.Random(f"rules-{language}-{kind}")
            yield f"{language} {kind}", language, [nothing(kind, language, rng) for _ in range(quiet)], [None] * quiet


def nothing(kind: str, language: Language, rng: random.Random) -> Audio:
    """A window without speech."""
    samples, seeded = round(QUIET_S * SAMPLE_RATE), np.random.default_rng(rng.randrange(2**32))
    if kind in noise.KINDS:
        audio = noise.noise(kind, samples, seeded)
    elif kind == "silence":
        return np.zeros(samples, np.float32)
    elif kind == "faint hiss":
        return noise.noise("pink", samples, seeded) * np.float32(0.001)
    elif kind == "jingle":
        audio = _mono(music.jingle(language, rng))
    else:
        audio = _mono(music.bed(QUIET_S, rng))
    audio = np.pad(audio[:samples], (0, max(0, samples - len(audio))))
    if kind == "crosstalk":
        [example] = exam.windows(language, 1, None, seed=rng.randrange(2**32))
        voice = np.pad(example.audio, (0, samples - len(example.audio)))
        audio = audio + noise.rms(audio) / noise.active_rms(voice) * voice * 10 ** (-CROSSTALK_DB / 20)
    return np.asarray(0.5 * audio / np.abs(audio).max(), np.float32)


def group(hypothesis: Hypothesis, text: str | None, origin: str) -> str:
    """The group of a hypothesis with words, given the reference text (None: no speech, or crosstalk)."""
    if text is None:
        return "crosstalk" if "crosstalk" in origin else "invented"
    truth, ours = _bare(text.split()), _bare(word.text for word in hypothesis.words)
    if not truth or not ours:
        return "garbled"
    hits = jiwer.process_words(" ".join(truth), " ".join(ours)).hits
    return "right" if hits >= len(ours) / 2 else "garbled"


def table(samples: Sequence[Sample]) -> list[Row]:
    """Number of hypotheses from which each rule removes words; then totals, and the words that are left."""
    alone: dict[str, Callable[[Hypothesis], int]] = {
        str(Reason.LOOP): lambda h: len(h.words) - len(rules.without_loop(h).words),
        **{str(reason): _whole(rejects) for reason, rejects in rules.RULES.items()},
        "(doubtful)": _whole(rules.doubtful),
        "(only improbable)": _whole(lambda h: h.mean_log_probability < rules.LOG_PROBABILITY),
    }
    taken = {name: [rule(sample.hypothesis) for sample in samples] for name, rule in alone.items()}
    taken[str(Reason.REPEATED)] = repeated(samples)
    taken["all rules"] = taken_by_all(samples)
    words = [len(sample.hypothesis.words) for sample in samples]
    left = [there - gone for there, gone in zip(words, taken["all rules"], strict=True)]
    return [
        *({"rule": name, **_counts(samples, [bool(count) for count in counts])} for name, counts in taken.items()),
        {"rule": "there were", **_counts(samples, [True] * len(samples))},
        {"rule": "their words", **_counts(samples, words)},
        {"rule": "words left", **_counts(samples, left)},
    ]


def repeated(samples: Sequence[Sample]) -> list[int]:
    """Number of words that are removed from each hypothesis as a doubtful repetition."""
    before: Mapping[str, list[SpokenText]] = {sample.origin: [] for sample in samples}
    taken = []
    for place, sample in enumerate(samples):
        # Windows do not overlap here: shift each one after the previous one.
        words = [replace(word, start_s=word.start_s + place * QUIET_S) for word in sample.hypothesis.words]
        known = before[sample.origin]
        taken.append(len(words) if rules.doubtful(sample.hypothesis) and rules.repeats(words, known) else 0)
        known[:] = rules.remember(words, known)
    return taken


def taken_by_all(samples: Sequence[Sample]) -> list[int]:
    """Number of words that the transcriber rejects of each hypothesis."""
    judged = [len(sample.hypothesis.words) - len(rules.judge(sample.hypothesis).accepted.words) for sample in samples]
    return [max(ours, again) for ours, again in zip(judged, repeated(samples), strict=True)]


def survivors(samples: Sequence[Sample]) -> Counter[str]:
    """Invented texts that are accepted."""
    taken = taken_by_all(samples)
    kept = [
        sample.hypothesis
        for sample, words in zip(samples, taken, strict=True)
        if sample.group == "invented" and not words
    ]
    return Counter(hypothesis.text for hypothesis in kept)


def figures(rows: Sequence[Row], quiet_hours: float) -> dict[str, float]:
    """Percentages rejected by all rules together, and the invented words that are left."""
    counts = {str(row["rule"]): {name: float(str(row[name])) for name in GROUPS} for row in rows}
    rejected, there, left = counts["all rules"], counts["there were"], counts["words left"]
    words_lost = {
        f"{name}_rejected_percent": 100 * rejected[name] / there[name] for name in ("right", "invented") if there[name]
    }
    return {**words_lost, "invented_words_left_per_hour": left["invented"] / quiet_hours}


def _counts(samples: Sequence[Sample], counts: Sequence[int]) -> dict[str, object]:
    """Sums by group."""
    return {
        name: sum(count for sample, count in zip(samples, counts, strict=True) if sample.group == name)
        for name in GROUPS
    }


def _whole(rejects: Callable[[Hypothesis], bool]) -> Callable[[Hypothesis], int]:
    return lambda hypothesis: len(hypothesis.words) * rejects(hypothesis)


def _bare(words: Iterator[str] | Sequence[str]) -> list[str]:
    return [word for word in map(normalised, words) if word]


def _mono(audio: music.Stereo) -> Audio:
    return np.asarray(soxr.resample(audio.mean(axis=1), music.RATE_HZ, SAMPLE_RATE), np.float32)


if __name__ == "__main__":
    sys.exit(main())
