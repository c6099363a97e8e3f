"""LocalAgreement-2, the reference implementation: its buffer and its final words."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.captions.local_agreement import Agreement
from wire.messages import Word


def timed(text: str, start_s: float = 0.0) -> list[Word]:
    return [Word(word, start_s + 0.5 * i, start_s + 0.5 * i + 0.4) for i, word in enumerate(text.split())]


def texts(words: list[Word]) -> str:
    return " ".join(word.text for word in words)


def test_one_hypothesis_makes_nothing_final() -> None:
    assert Agreement().add(timed("the mayor")) == []


def test_common_prefix_of_two_hypotheses_is_final() -> None:
    agreement = Agreement()
    agreement.add(timed("the mayor open"))
    assert texts(agreement.add(timed("the mayor opened the"))) == "the mayor"
    assert texts(agreement.add(timed("the mayor opened the bridge"))) == "opened the"


def test_final_words_do_not_change() -> None:
    agreement = Agreement()
    for _ in range(2):
        agreement.add(timed("the mayor"))
    agreement.add(timed("a major bridge"))
    agreement.add(timed("a major bridge"))
    assert texts(agreement.final) == "the mayor bridge"


def test_words_that_repeat_the_last_final_ones_are_dropped() -> None:
    agreement = Agreement()
    for _ in range(2):
        agreement.add(timed("opened the bridge"))
    # The buffer restarts a little too early, so its first words are the last final ones.
    for _ in range(2):
        agreement.add(timed("the bridge in oxford", 1.4))
    assert texts(agreement.final) == "opened the bridge in oxford"


def test_same_words_much_later_are_not_dropped() -> None:
    agreement = Agreement()
    for _ in range(2):
        agreement.add(timed("no"))
    for _ in range(2):
        agreement.add(timed("no", 2.0))
    assert texts(agreement.final) == "no no"


def test_long_buffer_is_cut_at_the_end_of_the_last_final_word() -> None:
    agreement = Agreement()
    for _ in range(2):
        agreement.add(timed("the mayor opened"))
    assert agreement.trim(6.0, 6.0) == []
    assert agreement.begins_s == 0.0
    assert agreement.trim(6.0, 7.0) == []
    assert agreement.begins_s == agreement.final[-1].end_s


def test_buffer_without_agreement_drops_its_beginning_and_keeps_its_words() -> None:
    agreement = Agreement()
    agreement.add(timed("one two three four five six seven eight nine ten"))
    assert texts(agreement.trim(3.0, 5.0)) == "one two three four"
    assert agreement.begins_s == 2.0
    assert texts(agreement.pending) == "five six seven eight nine ten"


def test_all_words_are_final_at_the_end() -> None:
    agreement = Agreement()
    agreement.add(timed("the mayor"))
    assert texts(agreement.finish()) == "the mayor"
    assert agreement.finish() == []


@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=40, unique_by=lambda letter: letter), st.integers(1, 4)
)
def test_words_of_a_perfect_recogniser_appear_once(letters: list[str], step: int) -> None:
    truth, agreement = timed(" ".join(letters)), Agreement()
    for heard in range(step, len(truth) + step, step):
        until_s = truth[min(heard, len(truth)) - 1].end_s
        agreement.trim(3.0, until_s)
        agreement.add([word for word in truth[:heard] if word.start_s >= agreement.begins_s - 0.01])
    agreement.finish()
    assert texts(agreement.final) == texts(truth)
