"""The arithmetic of the end-to-end benchmark, on a known period."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.end_to_end import NotRunning, Period, System, Viewer, judge, measure


def sentence(number: int, language: str) -> dict[str, Any]:
    """Ten words in five seconds."""
    start_s = 1000.0 + 5 * number
    words = [
        {"text": f"{language}{number}x{i}", "start_s": start_s + 0.45 * i, "end_s": start_s + 0.45 * i + 0.4}
        for i in range(10)
    ]
    return {"language": language, "start_s": start_s, "end_s": words[-1]["end_s"], "words": words}


def caption(number: int, text: str, **changes: Any) -> dict[str, Any]:
    start_s = 1000.0 + 5 * number
    about = {"id": number + 1, "event": number + 1, "revision": 0, "final": True, "content": "speech"}
    return {**about, "start_s": start_s, "end_s": start_s + 5, "captured_s": start_s + 5.5, "text": text, **changes}


def viewer(captions: list[dict[str, Any]]) -> Viewer:
    seen = Viewer()
    for number, each in enumerate(captions):
        seen.add(each, each["captured_s"] + 0.1 * (number + 1))
    return seen


@pytest.fixture
def truth() -> list[dict[str, Any]]:
    return [sentence(number, "sv" if number < 3 else "en") for number in range(6)]


def said(truth: list[dict[str, Any]], number: int) -> str:
    return " ".join(word["text"] for word in truth[number]["words"])


def figures(truth: list[dict[str, Any]], captions: list[dict[str, Any]]) -> dict[str, float]:
    return judge(Period(1000.0, 1035.0, 1.0, viewer(captions), truth))[0]


def test_perfect_captions_have_no_errors(truth: list[dict[str, Any]]) -> None:
    found = figures(truth, [caption(number, said(truth, number)) for number in range(6)])
    assert found["wer_percent"] == found["wer_sv_percent"] == found["wer_en_percent"] == 0
    assert found["chunks_lost"] == found["chunks_doubled"] == 0
    assert found["latency_p50_s"] == pytest.approx(0.35)
    assert found["latency_p95_s"] == pytest.approx(0.575)


def test_previewed_words_count_from_their_first_showing_and_are_not_doubled(
    truth: list[dict[str, Any]],
) -> None:
    captions = [caption(number, said(truth, number), words=truth[number]["words"]) for number in range(6)]
    ahead = [{**c, "event": c["event"] - 1, "partial": True, "final": False, "words": c["words"][:5]} for c in captions]
    seen = Viewer()
    for early, whole in zip(ahead, captions, strict=True):
        seen.add(early, early["words"][-1]["end_s"] + 0.2)
        seen.add(whole, whole["words"][-1]["end_s"] + 0.7)
    found = judge(Period(1000.0, 1035.0, 1.0, seen, truth))[0]
    assert found["chunks_doubled"] == found["wer_percent"] == 0
    assert 0.2 <= found["shown_p50_s"] <= 0.7 + 0.45 * 4
    assert found["shown_p95_s"] < 0.7 + 0.45 * 4 + 0.1


def test_a_gap_is_a_lost_chunk_and_its_words_are_errors(truth: list[dict[str, Any]]) -> None:
    captions = [caption(number, said(truth, number)) for number in range(6)]
    captions[4] = caption(4, "", content="gap")
    found = figures(truth, captions)
    assert found["chunks_lost"] == 1
    assert found["wer_sv_percent"] == 0
    assert found["wer_en_percent"] == pytest.approx(100 / 3)


def test_repeated_caption_is_doubled(truth: list[dict[str, Any]]) -> None:
    captions = [caption(number, said(truth, number)) for number in range(6)]
    assert figures(truth, [*captions, captions[-1]])["chunks_doubled"] == 1


def test_repeated_words_are_doubled(truth: list[dict[str, Any]]) -> None:
    captions = [caption(number, said(truth, number)) for number in range(6)]
    captions[2] = caption(2, f"{said(truth, 2)} {said(truth, 2)}")
    found = figures(truth, captions)
    assert found["chunks_doubled"] == 1
    assert found["chunks_lost"] == 0


def test_language_that_was_not_spoken_has_no_figure(truth: list[dict[str, Any]]) -> None:
    found = figures(truth[:3], [caption(number, said(truth, number)) for number in range(3)])
    assert "wer_en_percent" not in found


def test_missing_reference_text_is_reported_before_measuring(
    free_port: Callable[[], int],
) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(NotRunning, match=f"{nobody} does not serve its reference text .*--truth"):
        measure(System(nobody, nobody), 60.0, 1.0)
