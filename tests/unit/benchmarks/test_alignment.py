"""Alignment of captions with the reference: it counts all errors, and nothing else."""

from __future__ import annotations

from typing import Any

from benchmarks.alignment import Alignment, align, caption_words, normalised, truth_words

TEXTS = ("The mayor opened the bridge.", "Rain is expected in Oxford tonight.", "The trains are late again today.")


def sentences() -> list[dict[str, Any]]:
    """Three sentences of five seconds, a word at a time, from second 100 on."""
    made = []
    for number, text in enumerate(TEXTS):
        start_s = 100 + 5 * number
        words = [
            {"text": word, "start_s": start_s + 0.1 + 0.7 * i, "end_s": start_s + 0.7 + 0.7 * i}
            for i, word in enumerate(text.split())
        ]
        made.append(
            {"text": text, "language": "en", "start_s": start_s + 0.1, "end_s": words[-1]["end_s"], "words": words}
        )
    return made


def judge(*captions: str, start_s: float = 100, end_s: float = 115) -> Alignment:
    return align(truth_words(sentences(), start_s, end_s), caption_words([{"text": text} for text in captions]))


def test_reference_text_has_no_errors() -> None:
    errors = judge(*TEXTS).by_language()["en"]
    assert (errors.words, errors.wer_percent) == (17, 0)


def test_case_and_punctuation_do_not_count() -> None:
    assert judge(" ".join(TEXTS).upper().replace(".", "!?")).by_language()["en"].wer_percent == 0


def test_each_kind_of_error_is_counted() -> None:
    errors = judge("The mayor closed the", "Rain is very expected in Oxford tonight", TEXTS[2]).by_language()["en"]
    assert (errors.substituted, errors.deleted, errors.inserted) == (1, 1, 1)


def test_words_outside_the_period_are_not_errors() -> None:
    # The period has only the second sentence; the captions begin and end in the middle of the others.
    errors = judge("opened the bridge", TEXTS[1], "the trains", start_s=104, end_s=111).by_language()["en"]
    assert (errors.words, errors.wer_percent) == (6, 0)


def test_lost_chunk_is_detected() -> None:
    found = judge(TEXTS[0], TEXTS[2])
    assert found.lost_steps(100, 5) == {1}
    assert found.doubled_steps(100, 5) == set()


def test_doubled_chunk_is_detected() -> None:
    found = judge(TEXTS[0], TEXTS[1], TEXTS[1], TEXTS[2])
    assert len(found.doubled_steps(100, 5)) == 1
    assert found.lost_steps(100, 5) == set()


def test_no_captions_at_all_lose_everything() -> None:
    found = judge()
    assert found.lost_steps(100, 5) == {0, 1, 2}
    assert found.by_language()["en"].wer_percent == 100


def test_swedish_letters_are_letters() -> None:
    assert normalised("Åska över Öland, säger SMHI!") == ["åska", "över", "öland", "säger", "smhi"]
