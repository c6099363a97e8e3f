from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import report
from demo import exam
from demo.bulletins import split_of
from demo.card import card
from trainer.publishing.model_folder import WerRow


def test_exam_has_only_held_out_sentences() -> None:
    examples = list(exam.sentences("sv", 10, None))
    assert len(examples) == 10
    for example in examples:
        assert split_of(example.text) == "held-out"
        assert example.duration_s <= exam.LONGEST_SENTENCE_S + 2 * exam.MARGIN_S


def test_noise_changes_only_the_audio() -> None:
    clean, noisy = exam.sentences("en", 5, None), exam.sentences("en", 5, 20.0)
    assert [example.text for example in clean] == [example.text for example in noisy]
    for one, other in zip(clean, noisy, strict=True):
        # Before the first word: silence, or noise.
        assert not one.audio[:3000].any()
        assert np.abs(other.audio[:3000]).max() > 1e-4


def test_window_has_its_length_and_only_complete_words() -> None:
    for example in exam.windows("sv", 10, None):
        assert example.duration_s == exam.WINDOW_S
        assert all(word.end_s <= exam.WINDOW_S + exam.TOLERANCE_S for word in example.words)
    assert sum(len(example.words) for example in exam.windows("sv", 10, None)) > 80


def test_card_shows_every_row_and_the_provenance() -> None:
    rows = [WerRow("sv", "sentences", None, 100, 3.21, 1, 1, 1), WerRow("en", "windows", 10.0, 90, 8.0, 5, 1, 1)]
    text = card(1_750_656, 7.0, rows, {"corpus_hours": 36.5})
    assert "| sv | sentences | clean | 3.2 % | 1 | 1 | 1 | 100 |" in text
    assert "| en | windows | 10 dB | 8.0 % |" in text
    assert "- corpus hours: 36.5" in text
    assert "**Understand people.**" in text


def test_report_is_a_table_and_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "report.json"
    options = report.arguments("what it measures").parse_args(["--quick", "--json", str(file)])
    assert options.quick
    report.report("A title", [{"set": "one", "wer": 4.25}, {"set": "two"}], {"wer": 4.25}, options.json)
    shown = capsys.readouterr().out
    assert "A title" in shown
    assert "wer = 4.25" in shown
    assert json.loads(file.read_text()) == {
        "figures": {"wer": 4.25},
        "rows": [{"set": "one", "wer": 4.25}, {"set": "two"}],
    }
