"""`python -m demo.make_model`: render bulletins, train a model on them, evaluate and publish it."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Never

import torch
from tqdm import tqdm
from transformers import WhisperForConditionalGeneration, WhisperTokenizer

from demo import exam
from demo.bulletins import LANGUAGES, endless
from demo.card import card
from demo.corpus import Corpus
from demo.pool import BULLETINS_PER_SHARD, Pool, render_all
from demo.voices import voice_names
from trainer.evaluation.evaluate import word_errors
from trainer.evaluation.recogniser import Recogniser
from trainer.evaluation.scoring import Score
from trainer.evaluation.utterances import of_examples
from trainer.examples import Example
from trainer.models.tokenizer import Speller, train_tokenizer
from trainer.models.whisper import Size, new_model
from trainer.publishing.model_folder import Record, WerRow, publish
from trainer.training.loop import Measure, train
from trainer.training.losses import Weights
from trainer.training.plan import Plan
from trainer.training.run import Run

EXAMPLES = """\
This takes hours on a CPU. The same command resumes a run that was killed.

examples:
  python -m demo.make_model
  python -m demo.make_model --minutes 30 --shards 4 --cache build/small --out models/small
  python -m demo.make_model --init demo/model --learning-rate 0.0003 --utterances 50000 --out models/further"""

#: Half-hour shards of bulletins: 36 hours, from which windows are cut and distorted at random.
SHARDS = 70
#: Sentences per language to train the tokenizer on.
_TOKENIZER_SENTENCES = 20_000
#: Utterances per language and set in the small exam during training, and in each exam of the finished model.
_SMALL_EXAM, _EXAM = 60, 300
#: Word times are known here, so the encoder is trained on letters, and CTC is not needed.
WEIGHTS = Weights(ctc=0.0, letters=0.3, alignment=0.4)
#: The shortest windows in the corpus.
_MIN_CONTEXT_S = 1.0


def main(argv: Sequence[str] | None = None) -> int:
    options = _options(argv)
    torch.set_num_threads(options.threads)
    corpus_folder, run_folder = options.cache / "corpus", options.cache / f"run-seed-{options.seed}"
    with tqdm(total=options.shards, unit="shard", desc="render") as bar:
        render_all(corpus_folder, options.seed, options.shards, lambda done: _advance_to(bar, done))
    plan = Plan(
        utterances=options.utterances,
        minutes=options.minutes,
        seed=options.seed,
        learning_rate=options.learning_rate,
        weights=WEIGHTS,
    )
    speller = Speller(_tokenizer(options.init) if options.init else trained_tokenizer(run_folder, options.seed))
    run = Run.start(run_folder, _model(options.init, speller, options.seed), speller, plan)
    if not options.publish_now:
        corpus = Corpus(corpus_folder, options.seed, options.shards)
        train(run, corpus, speller, small_exam(speller))
    run.close()
    with run.average.applied():
        rows = final_exam(run.model, speller, options.exam)
        provenance = _provenance(options, run, Pool(corpus_folder, options.seed))
        record = Record(LANGUAGES, _MIN_CONTEXT_S, tuple(rows), provenance)
        text = card(run.model.num_parameters(), Size().context_s, rows, provenance)
        publish(run.model, speller, record, text, options.out)
    print(f"published {options.out}")
    return 0


def _model(init: Path | None, speller: Speller, seed: int) -> WhisperForConditionalGeneration:
    """A new model, with the weights of the published one in `init`, if given."""
    model = new_model(Size(), speller, seed)
    if init:
        model.load_state_dict(WhisperForConditionalGeneration.from_pretrained(init).state_dict())
    return model


def _tokenizer(folder: Path) -> WhisperTokenizer:
    tokenizer: WhisperTokenizer = WhisperTokenizer.from_pretrained(folder)
    return tokenizer


def trained_tokenizer(run_folder: Path, seed: int) -> WhisperTokenizer:
    """The tokenizer of a run, trained on training sentences the first time."""
    folder = run_folder / "tokenizer"
    if not folder.exists():
        texts = itertools.chain.from_iterable(
            itertools.islice(endless(language, seed, "train"), _TOKENIZER_SENTENCES) for language in LANGUAGES
        )
        train_tokenizer(texts, LANGUAGES).save_pretrained(folder)
    return _tokenizer(folder)


def small_exam(speller: Speller) -> Measure:
    """The evaluation that is run periodically during training."""
    sets = {
        f"wer_{name}_{language}_percent": make(language, _SMALL_EXAM, exam.PROMISED_SNR_DB)
        for language in LANGUAGES
        for name, make in (("sentences", exam.sentences), ("windows", exam.windows))
    }

    def measure(model: WhisperForConditionalGeneration) -> dict[str, float]:
        recogniser = Recogniser.of(model, speller)
        return {
            name: round(word_errors(recogniser, of_examples(examples)).wer_percent, 2)
            for name, examples in sets.items()
        }

    return measure


def final_exam(model: WhisperForConditionalGeneration, speller: Speller, count: int) -> list[WerRow]:
    """Every exam listed in the model card."""

    def judge(examples: Sequence[Example]) -> Score:
        return word_errors(Recogniser.of(model, speller), of_examples(examples))

    return list(tqdm(exam.examine(count, judge), total=exam.EXAMS, unit="exam", desc="examine"))


def _provenance(options: argparse.Namespace, run: Run, pool: Pool) -> dict[str, str | int | float]:
    bulletins = [bulletin for shard in range(options.shards) for bulletin in pool.shard(shard)]
    length = f"--minutes {options.minutes:g}" if options.minutes else f"--utterances {options.utterances}"
    start = f" --init {options.init} --learning-rate {options.learning_rate:g}" if options.init else ""
    return {
        "command": f"python -m demo.make_model {length} --seed {options.seed} --shards {options.shards}{start}",
        "seed": options.seed,
        "utterances": run.progress.examples,
        "training_minutes": round(run.progress.elapsed_s / 60, 1),
        "cpu_threads": options.threads,
        "corpus_hours": round(sum(bulletin.duration_s for bulletin in bulletins) / 3600, 1),
        "corpus_bulletins": options.shards * BULLETINS_PER_SHARD,
        "voices": len({bulletin.voice for bulletin in bulletins}),
        "held_out_voices": sum(len(voice_names(language, "held-out")) for language in LANGUAGES),
        "synthesizer": "espeak-ng 1.52",
        "torch": torch.__version__,
        **({"note": options.note} if options.note else {}),
    }


def _advance_to(bar: tqdm[Never], done: int) -> None:
    bar.update(done - bar.n)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m demo.make_model",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--utterances", type=int, default=200_000, help="utterances to train on (default: %(default)s)")
    parser.add_argument("--minutes", type=float, help="minutes to train, instead of --utterances")
    parser.add_argument("--init", type=Path, metavar="FOLDER", help="continue training a published model")
    parser.add_argument(
        "--learning-rate", type=float, default=Plan.learning_rate, help="peak learning rate (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of all random draws (default: %(default)s)")
    parser.add_argument(
        "--shards", type=int, default=SHARDS, help="half hours of bulletins to render (default: %(default)s)"
    )
    parser.add_argument(
        "--threads", type=int, default=1, help="CPU threads; two are slower on a busy machine (default: %(default)s)"
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("build"),
        help="folder for corpus and checkpoints, 4 GB (default: %(default)s)",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("demo/model"), help="folder to publish to (default: %(default)s)"
    )
    parser.add_argument(
        "--exam", type=int, default=_EXAM, help="utterances in each exam of the finished model (default: %(default)s)"
    )
    parser.add_argument("--note", help="additional remarks in the model card on how the model was made")
    parser.add_argument(
        "--publish-now", action="store_true", help="publish the last checkpoint without further training"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
