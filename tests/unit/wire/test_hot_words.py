"""Hot words are cleaned, or refused with the reason."""

from __future__ import annotations

import pytest

from wire.hot_words import validate_hot_words


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ()),
        ([], ()),
        ([" Bodil Jönsson ", "Umeå", "Umeå"], ("Bodil Jönsson", "Umeå")),
        (["x" * 250, "y" * 250], ("x" * 250, "y" * 250)),
        ([str(n) for n in range(50)], tuple(str(n) for n in range(50))),
    ],
)
def test_valid_hot_words_are_cleaned(value: object, expected: tuple[str, ...]) -> None:
    assert validate_hot_words(value) == expected


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("Umeå", "list of strings"),
        ([1], "list of strings"),
        ([None], "list of strings"),
        ({"a": "b"}, "list of strings"),
        ([" "], "printable"),
        (["a\nb"], "printable"),
        (["\ud800"], "printable"),
        ([str(n) for n in range(51)], "at most 50"),
        (["x" * 501], "at most 500 characters"),
    ],
)
def test_invalid_hot_words_are_refused(value: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        validate_hot_words(value)
