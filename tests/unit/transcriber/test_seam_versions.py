"""States written by older or newer versions of the seam are read."""

from __future__ import annotations

import json

import pytest

from tests.unit.transcriber.seams import JOB, STATION, SeamDriver, in_parts, lost, outcome, spoken, word
from transcriber.joining.seam import advance
from transcriber.outcome import Outcome, Part, Reading
from wire.messages import Word


@pytest.mark.parametrize(
    ("state", "id"),
    [(b'{"from": "the future", "lines": {"next_id": 7}}', 7), (b"no JSON", 1), (b"[]", 1), (b'{"lines": []}', 1)],
)
def test_unreadable_state_is_reset(state: bytes, id: int) -> None:
    first = outcome(0, [word("Hej.", 1.0)], last=True)
    advanced = advance(state, [first], STATION, 0.0)
    assert advanced is not None
    assert [(c.id, c.text, c.final) for c in advanced.captions] == [(id, "Hej.", True)]
    assert advance(advanced.state, [first], STATION, 0.0) is None


def test_state_with_unknown_fields_is_read() -> None:
    driver = SeamDriver(JOB).feed(outcome(0, [word("Hej", 4.5)]), outcome(2, [word("slut.", 11.0)]))
    assert driver.state is not None
    state = json.loads(driver.state)
    state["lead_s"] = state["parked"][0][1]["more"] = 2.0
    driver.state = json.dumps(state).encode()
    driver.feed(outcome(1, [word("Hej", 4.5), word("du.", 5.0)]), outcome(3, last=True))
    assert driver.text == "Hej du. slut."
    assert driver.finished, "a reset job would wait for its first chunks forever"


def test_job_continues_after_an_unreadable_state() -> None:
    driver = SeamDriver(JOB).feed(outcome(0, [word("Hej.", 1.0)]), outcome(1, [word("Du.", 6.0)]))
    assert driver.state is not None
    driver.state = json.dumps(json.loads(driver.state) | {"tail": "of another kind"}).encode()
    driver.feed(outcome(2, [word("Slut.", 11.0)], last=True))
    assert driver.text == "Hej. Du. Slut."
    assert driver.finished


def test_a_state_from_before_the_votes_is_read() -> None:
    driver = SeamDriver().feed(outcome(0, [word("Hej", 4.5)]))
    assert driver.state is not None
    state = json.loads(driver.state)
    del state["votes"]
    driver.state = json.dumps(state).encode()
    assert driver.feed(outcome(1, [word("Hej", 4.5), word("du.", 5.0)])).text == "Hej du."


def test_a_state_whose_preview_has_no_words_is_read() -> None:
    driver = SeamDriver().feed(outcome(0, [word("noll", 2.0), word("ett", 4.5)]))
    assert driver.state is not None
    state = json.loads(driver.state)
    del state["previewed"]
    driver.state = json.dumps({**state, "previewed_s": 7.5}).encode()
    driver.feed(lost(1), outcome(2, [word("fem", 12.0)]))
    assert driver.text == "noll ett fem"


def test_an_outcome_that_an_older_version_wrote_keeps_its_words() -> None:
    written = {"epoch": 1, "seq": 3, "start_s": 15.0, "end_s": 20.0, "lead_s": 1.0, "language": "sv"}
    found = Outcome.from_dict({**written, "words": [["Hej", 16.0, 16.4, 0.9]], "probabilities": {"sv": 1.0}})
    assert found.parts == (Part({"sv": Reading((Word("Hej", 16.0, 16.4, 0.9),), "sv")}, {"sv": 1.0}),)


def test_a_part_that_an_older_version_wrote_is_read() -> None:
    values = [{"sv": ["sv", True, [["Hej", 16.0, 16.4, 0.9]]]}, {}]
    assert Part.from_list(values) == Part({"sv": Reading((Word("Hej", 16.0, 16.4, 0.9),), "sv", doubtful=True)})


def test_parked_outcome_survives_a_round_trip() -> None:
    rejected = outcome(3, parts=(Part({"sv": Reading((), "sv", rejected="loop")}),))
    parts = in_parts(3, ("sv", 0.5, 3), ("en", 3.0, 2))
    for waiting in (spoken(3, 0.4), spoken(3, 0.0), parts, outcome(3), lost(3), rejected):
        assert Outcome.from_dict(json.loads(json.dumps(waiting.as_dict()))) == waiting
