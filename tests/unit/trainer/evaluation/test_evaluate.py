"""Evaluations: counts, left-out clips, and full and short context side by side."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from torch import Tensor

from benchmarks.training.planted import tones
from trainer.evaluation.decoding import DecodingOptions
from trainer.evaluation.evaluate import Plan, evaluate, foreign_share, transcribe_and_score, word_errors
from trainer.evaluation.probes import _log_probabilities, probe
from trainer.evaluation.recogniser import Recogniser, RecogniserError
from trainer.evaluation.result import Evaluation, advice_on_windows
from trainer.evaluation.scoring import Score, character_scores, total, word_scores
from trainer.evaluation.summary import Row, summarise
from trainer.evaluation.table import show
from trainer.evaluation.utterances import Utterance, of_examples
from trainer.examples import SAMPLE_RATE, ExampleSource
from trainer.models.tokenizer import Speller
from trainer.models.whisper import Size, new_model
from trainer.publishing.model_card import Facts, card
from trainer.publishing.model_folder import Record
from trainer.reports.evaluation import evaluation, side_by_side


def silence(duration_s: float) -> Utterance:
    audio = np.zeros(round(duration_s * SAMPLE_RATE), np.float32)
    return Utterance(f"silence-{duration_s}", "", "sv", duration_s, lambda: audio, {"speaker": ""})


@pytest.fixture(scope="module")
def recogniser(speller: Speller, tiny: Size) -> Recogniser:
    """An untrained model, which makes every kind of error."""
    return Recogniser.of(new_model(tiny, speller, 1).eval(), speller, "tiny")


@pytest.fixture(scope="module")
def utterances() -> list[Utterance]:
    """Six of speech, with 2 s; two of silence, one of them longer than the context."""
    shorter = [
        replace(one, audio=lambda one=one: one.audio()[:SAMPLE_RATE], duration_s=1.0) for one in tones(["sv"] * 3)
    ]
    return [*shorter, *tones(["en"] * 3, seed=1), silence(1.5), silence(3.0)]


@pytest.fixture(scope="module")
def found(recogniser: Recogniser, utterances: list[Utterance]) -> Evaluation:
    done: list[int] = []
    plan = Plan(short_s=1.0, snrs_db=(10.0,), by=("speaker", "language", "duration"))
    evaluation = evaluate(recogniser, utterances, plan, done.append)
    assert sum(done) == 5 * len(utterances)
    return evaluation


def test_each_context_is_measured_clean_and_in_noise_and_counts_long_clips(found: Evaluation) -> None:
    conditions = [(c.context, c.context_s, c.snr_db, len(c.rows), c.left_out) for c in found.conditions]
    assert conditions == [
        ("full", 2.0, None, 7, 1),
        ("short", 1.0, None, 3, 5),
        ("full", 2.0, 10.0, 7, 1),
        ("short", 1.0, 10.0, 3, 5),
    ]


def test_the_sum_of_the_groups_is_the_whole(found: Evaluation) -> None:
    for column in ("speaker", "language", "duration"):
        assert total(summary.words for summary in found.groups[column].values()) == found.overall.words
    assert list(found.groups["language"]) == ["en", "sv"]
    assert list(found.groups["duration"]) == ["< 2 s", "2–5 s"]
    assert list(found.groups["added snr"]) == ["clean", "10 dB"]


def row(reference: str, hypothesis: str, duration_s: float = 1.0) -> Row:
    words, _ = word_scores([reference], [hypothesis])
    characters = character_scores([reference], [hypothesis])
    return Row(silence(duration_s), reference, hypothesis, hypothesis, words[0], characters[0], 1, False)


def test_words_in_silence_are_counted_per_hour_and_not_as_errors() -> None:
    found = summarise([row("hej du", "hej"), row("", "tack för", 1.5), row("", "", 0.5)], seed=1)
    assert (found.utterances, found.words, found.false_words) == (1, Score(2, 0, 1, 0), 2)
    assert found.false_words_per_hour == 3600
    assert summarise([row("hej", "hej")], seed=1).false_words_per_hour is None


def test_text_removed_by_the_normaliser_is_not_silence() -> None:
    hesitating = row("", "he", 1.5)
    found = summarise([replace(hesitating, utterance=replace(hesitating.utterance, text="Hmm."))], seed=1)
    assert (found.utterances, found.silent_s, found.false_words) == (0, 0, 0)


def test_an_interval_by_speaker_needs_all_speakers() -> None:
    rows = [row("hej", "hej"), row("hej", "nej"), row("", "brus")]
    named = [
        replace(r, utterance=replace(r.utterance, columns={"speaker": name}))
        for r, name in zip(rows, "ab", strict=False)
    ]
    assert summarise(rows, 1).by_speaker is None
    assert summarise([named[0], rows[1]], 1).by_speaker is None
    assert summarise([*named, rows[2]], 1).by_speaker == summarise(rows, 1).by_utterance


def test_there_is_an_interval_without_errors() -> None:
    found = summarise([row("hej du", "hej du")] * 50, 1)
    assert found.document()["wer_interval_percent"] == [0.0, 3.0]
    assert found.by_speaker is None
    assert summarise([row("", "")], 1).by_utterance is None


def test_the_penalty_is_over_clips_that_fit_both_contexts(found: Evaluation) -> None:
    full, short = found.conditions[:2]
    heard = {row.utterance.id for row in short.rows}
    rates = [total(r.words for r in c.rows if r.utterance.id in heard).wer_percent for c in (full, short)]
    assert found.penalty_points == rates[1] - rates[0]


def test_characters_are_counted_in_a_language_without_spaces(recogniser: Recogniser) -> None:
    [utterance] = tones(["sv"])
    japanese = replace(recogniser, languages={**recogniser.languages, "ja": recogniser.languages["sv"]})
    [row] = transcribe_and_score(japanese, [replace(utterance, language="ja", text="今日は、雨。")])
    assert row.reference == "今 日 は 雨"
    assert (row.words.words, row.characters.words) == (4, 4)
    assert row.words.errors == row.characters.errors


def test_the_declared_context_comes_first(recogniser: Recogniser, utterances: list[Utterance]) -> None:
    found = evaluate(replace(recogniser, declared_s=1.0), utterances)
    assert [(c.context, c.context_s) for c in found.conditions] == [("short", 1.0), ("full", 2.0)]
    document = found.document()
    assert len(document["rows"]) == 3
    elsewhere = {row["id"] for row in document["longer"]}
    assert elsewhere == set(document["conditions"][1]["errors"]) - set(document["conditions"][0]["errors"])
    assert [row["words"] for row in document["longer"]] == [len(row["reference"].split()) for row in document["longer"]]


def test_the_alarm_is_judged_in_the_declared_languages(recogniser: Recogniser) -> None:
    both = [*tones(["sv"] * 3), *tones(["en"] * 2, seed=1)]
    for declared, told in (
        ((), " in 5 clips are too few"),
        (("en",), " in 2 clips are"),
        (("fi",), "is for fi only, and"),
    ):
        found = evaluate(replace(recogniser, declared=declared), both, Plan(contexts=("full",)))
        assert told in found.alarm.sentence
        assert found.overall.utterances == 5


def test_clips_that_are_all_longer_than_the_main_context_are_refused(recogniser: Recogniser) -> None:
    with pytest.raises(RecogniserError, match=r"longer than the 1 s that tiny is evaluated at: .*--max-s 1\)"):
        evaluate(replace(recogniser, declared_s=1.0), tones(["sv"] * 2))


def test_a_context_that_nothing_fits_has_no_rate(recogniser: Recogniser) -> None:
    speakers = [*tones(["sv"] * 4), replace(silence(1.5), columns={"speaker": "nobody"})]
    found = evaluate(recogniser, speakers, Plan(short_s=1.0, by=("speaker",), snrs_db=(10.0,)))
    assert found.penalty_points is None
    assert {"short_context_penalty_points"} & set(found.figures) == set()
    document = {**json.loads(json.dumps(found.document())), "corpus": "corpora/tones", "split": "test"}
    rows = re.findall(r"<tr>(.*?)</tr>", "".join(evaluation(document)))
    short = next(row for row in rows if "short 1 s" in row)
    assert "0.0" not in short
    assert ">5<" in short, "too long"
    assert not any("nobody" in row for row in rows)
    assert " 1 s, " not in "".join(side_by_side({"a": [document], "b": [document]}))
    record = Record(("sv",), 0.0, (), {})
    told = card(Facts("tones", 2.0, record, [document], (), "models/tones"))
    assert "| 1 s |" not in told
    assert "2 speakers: WER" in told


def test_without_speech_there_is_no_rate(recogniser: Recogniser) -> None:
    assert "wer_percent" not in evaluate(recogniser, [silence(1.0)]).figures


def test_equal_contexts_are_measured_once(recogniser: Recogniser, utterances: list[Utterance]) -> None:
    found = evaluate(recogniser, utterances)  # the default short context is longer than this model's
    assert found.conditions[0].rows is found.conditions[1].rows
    assert found.penalty_points == 0.0


def test_the_document_is_json_and_has_a_row_for_each_utterance(found: Evaluation) -> None:
    document = json.loads(json.dumps(found.document()))
    assert document["overall"]["wer_percent"] == round(found.overall.wer_percent, 3)
    assert document["figures"]["short_context_penalty_points"] == round(found.penalty_points or 0, 4)
    assert [row["id"] for row in document["rows"]] == [row.utterance.id for row in found.conditions[0].rows]
    errors = [row["errors"] for row in document["worst"]]
    assert errors == sorted(errors, reverse=True)
    assert document["longer"] == [], "the main context covers all clips"
    assert document["normalisers"] == dict.fromkeys(("en", "sv"), "BasicTextNormalizer, diacritics kept")
    assert document["alarm"]["raised"] == found.alarm.raised
    assert set(document["alarm"]["probes"]["readings"]) == {"usual", "doubled", "bare", "detected"}


def test_the_same_seed_gives_the_same_result(recogniser: Recogniser, utterances: list[Utterance]) -> None:
    documents = []
    for _ in range(2):
        document = evaluate(recogniser, utterances, Plan(contexts=("full",), snrs_db=(5.0,))).document()
        documents.append({name: value for name, value in document.items() if name != "figures"})
    assert documents[0] == documents[1]


def test_a_set_without_any_speech(recogniser: Recogniser) -> None:
    found = evaluate(recogniser, [silence(1.0)])
    assert (found.probes, found.overall.utterances) == (None, 0)
    json.dumps(found.document())


def test_word_errors_equal_those_of_an_evaluation(recogniser: Recogniser, tones: ExampleSource) -> None:
    examples = of_examples([tones.example(index) for index in range(16)])
    found = evaluate(recogniser, examples, Plan(contexts=("full",)))
    assert word_errors(recogniser, examples, recogniser.longest_s) == found.overall.words
    assert word_errors(recogniser, examples).words == found.overall.words.words


def test_letters_that_no_reference_has() -> None:
    assert foreign_share([row("på väg", "qwz på"), row("hög tid", "høy tid"), row("x", "москва"), row("y", "")]) == 0.5
    assert foreign_share([row("привет", "hello"), row("москва", "москва")]) == 0.5
    assert foreign_share([]) == 0.0
    assert foreign_share([row("五", "䛛"), row("七", "七な"), row("한국", "국어"), row("八", "8")]) == 0.25


def test_the_words_of_a_language_without_spaces_are_its_characters_in_the_alarm_too(recogniser: Recogniser) -> None:
    said = [replace(silence(1.0), text="på vägen hem")]
    in_words, in_characters = (
        probe(replace(recogniser, languages={language: 1}), [replace(said[0], language=language)], DecodingOptions(2.0))
        for language in ("sv", "th")
    )
    assert in_words is not None
    assert in_characters is not None
    assert in_words.tokens_per_word / in_characters.tokens_per_word == pytest.approx(10 / 3)


@pytest.mark.parametrize("width", [30, 50, 80, 160])
def test_figures_are_not_cut_on_a_narrow_terminal(found: Evaluation, width: int) -> None:
    console = Console(width=width)
    with console.capture() as captured:
        show(found, console)
    words = captured.get().split()
    for condition in found.conditions:
        interval = condition.summary.by_utterance
        assert interval
        assert f"{interval.low_percent:.1f}–{interval.high_percent:.1f}" in words
        assert f"{condition.summary.characters.wer_percent:.1f}" in words
    assert max(map(len, captured.get().splitlines())) <= width


def test_windows_are_reported_beside_the_same_clips_alone(recogniser: Recogniser) -> None:
    short = [replace(one, audio=lambda one=one: one.audio()[:8000], duration_s=0.5) for one in tones(["sv"] * 4)]
    found = evaluate(recogniser, [*short, *tones(["en"], seed=1)], Plan(contexts=("full",)))
    assert found.windows
    assert found.windows.summary.utterances == 2, "one of each speaker"
    assert found.figures["windows_wer_percent"] == pytest.approx(found.windows.summary.wer_percent, abs=1e-4)
    points = found.windows.summary.wer_percent - found.windows.alone_wer_percent
    assert found.figures["windows_penalty_points"] == pytest.approx(points, abs=1e-4)
    assert found.document()["windows"]["words"] == found.windows.summary.words.words
    alone = evaluate(recogniser, short, Plan(contexts=("full",), windows=False))
    assert alone.windows is None
    assert "windows_wer_percent" not in alone.figures


def test_advice_is_given_if_windows_are_much_worse() -> None:
    assert "--join" in advice_on_windows(2.1)
    assert advice_on_windows(1.9) == ""


def test_probes_are_computed_in_parts_that_fit_in_memory(
    recogniser: Recogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, ...]] = []

    def seen(recogniser: Recogniser, tokens: Tensor, states: Tensor) -> Tensor:
        asked.append((len(tokens), tokens.shape[1]))
        return _log_probabilities(recogniser, tokens, states)

    sample = tones(["sv", "en"] * 4)
    whole = probe(recogniser, sample, DecodingOptions(2.0))
    monkeypatch.setattr("trainer.evaluation.probes._log_probabilities", seen)
    monkeypatch.setattr("trainer.evaluation.probes.MOST_AT_ONCE", 50 * recogniser.model.config.vocab_size)
    parts = probe(recogniser, sample, DecodingOptions(2.0))
    assert whole is not None
    assert parts is not None
    assert all(rows == 1 or rows * tokens <= 50 for rows, tokens in asked)
    assert {name: reading.loss for name, reading in parts.readings.items()} == pytest.approx(
        {name: reading.loss for name, reading in whole.readings.items()}
    )
