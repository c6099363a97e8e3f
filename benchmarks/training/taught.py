"""Fine-tune the bundled model on prompts and word-level timestamp tokens, which it was not trained with.

Training continues from `demo/model` on the same bulletins. Half of the examples begin with a prompt: names, some of
which are spoken in the window, and the previous text. Half have each word between two timestamp tokens, at 20 ms
resolution.
"""

from __future__ import annotations

import argparse
import itertools
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from tqdm import tqdm
from transformers import WhisperForConditionalGeneration, WhisperTokenizer

from demo.bulletins import LANGUAGES
from demo.corpus import Corpus, with_short_pauses
from demo.make_model import WEIGHTS
from demo.pool import Bulletin, Pool
from trainer.examples import Example
from trainer.models.tokenizer import Speller
from trainer.publishing.model_folder import Record, publish
from trainer.training.batches import Settings
from trainer.training.loop import train
from trainer.training.plan import Plan
from trainer.training.run import Run
from trainer.training.spelling import Style
from transcriber.whisper.model import Model, load

INITIAL_MODEL = Path("demo/model")
#: Number of examples, learning rate, seed, and number of shards (half hours of bulletins).
UTTERANCES, LEARNING_RATE, SEED, SHARDS = 30_000, 7e-4, 5, 20
STYLE = Style(timestamps=0.5, prompts=0.5)

#: Maximum number of previous words and of names in a prompt.
_PREVIOUS_WORDS, _NAMES = 25, 5
#: Share of prompts with names, and share of the window's names in such a prompt.
_NAMED_SHARE, _SAID_SHARE = 0.6, 0.7


class TaughtCorpus(Corpus):
    """The demo's corpus, with previous text, and words as timed segments."""

    def example(self, index: int) -> Example:
        example, window = super().example(index), self.window(index)
        if not example.speech:
            return example
        rng = random.Random(f"taught-{self._seed}-{index}")
        bulletin = with_short_pauses(self._pool.bulletin(window.bulletin), window.pause_s)
        before = [
            text
            for text, end_s in zip(bulletin.texts, bulletin.ends_s, strict=True)
            if end_s <= window.start_s  # words that the window cuts are in neither text
        ]
        spoken = [word.text for word in example.words]
        chosen = self._names(spoken, rng, example.language) if rng.random() < _NAMED_SHARE else []
        first = max(0, len(before) - rng.randint(0, _PREVIOUS_WORDS))
        previous = [", ".join(chosen), *before[first:]]
        segments = tuple((word.start_s, word.end_s, word.text) for word in example.words)
        return replace(example, previous=" ".join(previous).strip(), segments=segments)

    def _names(self, spoken: list[str], rng: random.Random, language: str) -> list[str]:
        """Some of the spoken names, mixed with others of the same language."""
        chosen = [name for name in names(spoken) if rng.random() < _SAID_SHARE]
        while len(chosen) < _NAMES and rng.random() < 0.8:
            other = self._pool.bulletin(rng.randrange(self._bulletins))
            if other.language == language:
                chosen.append(rng.choice(list(all_names(other)) or ["Radio"]))
        chosen = list(dict.fromkeys(chosen))[:_NAMES]
        rng.shuffle(chosen)
        return chosen


def names(words: list[str]) -> Iterator[str]:
    """Capitalised words that do not begin a sentence, without their punctuation."""
    for before, word in itertools.pairwise(words):
        if word[:1].isupper() and before[-1:] not in ".?!":
            yield word.strip(".,?!:")


def all_names(bulletin: Bulletin) -> list[str]:
    """The names in a bulletin."""
    return list(names(list(bulletin.texts)))


def add_arguments(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the arguments of `taught_model` to a parser."""
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("build"),
        help="folder of the taught model, which is trained if missing (default: %(default)s)",
    )
    parser.add_argument(
        "--utterances", type=int, default=UTTERANCES, help="number of training examples (default: %(default)s)"
    )
    parser.add_argument("--taught", type=Path, metavar="FOLDER", help="an already taught model to use instead")
    return parser


def taught_model(options: argparse.Namespace) -> Model | None:
    """The model given by --taught, else the taught one; None with --quick and without --taught."""
    if options.taught is None and options.quick:
        return None
    return load(str(options.taught or taught(options.cache, options.utterances)), device="cpu")


def taught(cache: Path, utterances: int = UTTERANCES) -> Path:
    """The folder of the taught model; train it first if needed, resuming a killed run.

    Args:
        cache: for the corpus, the run and the model.
    """
    folder = cache / f"taught-{utterances}"
    if folder.exists():
        return folder
    torch.set_num_threads(1)
    pool = Pool(cache / "corpus", SEED)
    for shard in tqdm(range(SHARDS), unit="shard", desc="render", leave=False):
        pool.prepare(shard)
    speller = Speller(WhisperTokenizer.from_pretrained(INITIAL_MODEL))
    plan = Plan(
        utterances=utterances,
        seed=SEED,
        batches=Settings(style=STYLE),
        learning_rate=LEARNING_RATE,
        weights=WEIGHTS,
    )
    model = WhisperForConditionalGeneration.from_pretrained(INITIAL_MODEL)
    run = Run.start(cache / f"run-taught-{utterances}", model, speller, plan)
    train(run, TaughtCorpus(cache / "corpus", SEED, SHARDS), speller)
    run.close()
    with run.average.applied():
        record = Record(LANGUAGES, 1.0, (), {"begun_from": str(INITIAL_MODEL)}, trained_with_prompts=True)
        publish(run.model, speller, record, f"# {__doc__}", folder)
    return folder
