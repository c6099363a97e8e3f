"""The alarm, from given evidence: observed broken models raise it, healthy models do not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.evaluation.alarm import Evidence, judge, most_wer_percent
from trainer.evaluation.probes import Prefix, Probes, Reading

GOOD, BAD = Reading(0.3, 0.3, 0.9), Reading(2.5, 2.5, 0.5)


def probes(loss: float = 0.3, tokens_per_word: float = 2.0, **readings: Reading) -> Probes:
    usual = Reading(loss, loss, 0.9)
    names: dict[Prefix, Reading] = {"usual": usual, "doubled": BAD, "bare": BAD, "detected": usual}
    return Probes({**names, **readings}, 1e-4, tokens_per_word=tokens_per_word)  # type: ignore[dict-item]


HEALTHY = Evidence(19.5, 1000, 100, 0.01, 0.02, 0.0, probes(), None, frozenset({"sv"}))


def best_of(evidence: Evidence) -> str | None:
    alarm = judge(evidence)
    assert alarm.raised
    return alarm.causes[0].name if alarm.causes else None


@pytest.mark.parametrize(("loss", "wer_percent"), [(0.33, 117.9), (0.25, 99.8)])
def test_reported_broken_models_raise_the_alarm(loss: float, wer_percent: float) -> None:
    alarm = judge(replace(HEALTHY, wer_percent=wer_percent, probes=probes(loss)))
    assert alarm.raised
    assert f"the WER is {wer_percent} % although the loss is only {loss}" in alarm.sentence


@pytest.mark.parametrize("wer_percent", [0.0, 19.0, 20.0])
def test_working_models_do_not_raise_the_alarm(wer_percent: float) -> None:
    alarm = judge(replace(HEALTHY, wer_percent=wer_percent, probes=probes(0.25)))
    assert not alarm.raised
    assert alarm.sentence.startswith("No alarm")


def test_a_bad_model_with_a_high_loss_does_not_raise_the_alarm() -> None:
    assert not judge(replace(HEALTHY, wer_percent=90.0, probes=probes(1.5))).raised


@given(loss=st.floats(0, 10), tokens=st.floats(1, 5))
def test_the_wer_bound_grows_with_the_loss(loss: float, tokens: float) -> None:
    assert most_wer_percent(0, tokens) == 10.0 <= most_wer_percent(loss, tokens) <= most_wer_percent(loss + 1, tokens)


def test_a_second_start_token() -> None:
    assert best_of(replace(HEALTHY, probes=replace(probes(), start_after_start=0.9))) == "double start token"
    assert best_of(replace(HEALTHY, wer_percent=99.8, probes=probes(2.0, doubled=GOOD))) == "double start token"


def test_an_end_that_was_masked() -> None:
    endless = Reading(1.5, 0.3, 0.001)
    evidence = replace(HEALTHY, wer_percent=300.0, capped_share=0.97, probes=probes(usual=endless, detected=endless))
    assert best_of(evidence) == "masked end of text"
    # On a corpus without punctuation, a healthy model expects a full stop: that alone is not a fault.
    assert not judge(replace(evidence, wer_percent=19.0, capped_share=0.0)).raised


def test_loops_are_not_a_masked_end() -> None:
    assert best_of(replace(HEALTHY, capped_share=0.4)) is None


def test_an_unset_language() -> None:
    assert best_of(replace(HEALTHY, wer_percent=99.8, probes=probes(2.0, bare=GOOD))) == "unset language"
    mistaken = replace(probes(), mistaken_share=0.8, mistaken_for="no")
    detected = replace(mistaken, readings={**mistaken.readings, "detected": BAD})
    evidence = replace(HEALTHY, probes=detected)
    assert best_of(evidence) == "unset language"
    assert "80% are detected as another language, mostly no" in judge(evidence).sentence
    # With the language set, it is not detected.
    assert not judge(replace(evidence, set_language="sv")).raised


def test_a_wrongly_set_language() -> None:
    assert best_of(replace(HEALTHY, set_language="en")) == "unset language"
    mistaken = replace(probes(0.9), mistaken_share=1.0, mistaken_for="en")
    evidence = replace(HEALTHY, probes=replace(mistaken, readings={**mistaken.readings, "detected": GOOD}))
    assert best_of(evidence) == "wrong tokenizer language"
    assert "was set to en" in judge(evidence).sentence


def test_a_corpus_in_an_undeclared_language_raises_no_alarm() -> None:
    """A perfect model shows all signs of a fault on another language."""
    asked = replace(probes(2.4, doubled=GOOD, bare=GOOD), start_after_start=0.9, mistaken_share=1.0, mistaken_for="en")
    evidence = replace(HEALTHY, wer_percent=114.3, capped_share=0.5, probes=asked, set_language="en")
    alarm = judge(replace(evidence, declared=frozenset({"en"})))
    assert not alarm.raised
    assert alarm.causes == ()
    assert alarm.sentence == (
        "No alarm, but: The model is for en only, and the corpus is sv: the error rate does not show its quality."
    )
    assert judge(evidence).raised, "a model without declared languages may have been trained for it"
    assert judge(replace(evidence, declared=frozenset({"en", "sv"}))).raised


def test_few_words_raise_no_alarm() -> None:
    broken = replace(HEALTHY, wer_percent=99.8, set_language="en", probes=probes(2.0, doubled=GOOD))
    assert judge(replace(broken, words=40)).raised
    alarm = judge(replace(broken, words=39, clips=20))
    assert not alarm.raised
    assert alarm.causes == ()
    assert alarm.sentence.startswith(
        "No alarm, but: 39 words in 20 clips are too few for a precise error rate or to tell whether decoding"
    )


def test_a_rate_over_few_words_is_noted_as_imprecise() -> None:
    assert judge(replace(HEALTHY, words=200)).sentence == judge(HEALTHY).sentence
    told = judge(replace(HEALTHY, words=199, clips=20)).sentence
    assert "199 words in 20 clips are too few for a precise error rate: see the interval" in told


def test_outputs_that_are_empty_or_of_another_script() -> None:
    assert best_of(replace(HEALTHY, empty_share=0.5)) is None
    assert best_of(replace(HEALTHY, wer_percent=60.0, foreign_share=0.9)) is None
    assert not judge(replace(HEALTHY, foreign_share=0.9)).raised


def test_an_untrained_model_is_not_reported_as_broken() -> None:
    nothing = probes(9.0, bare=Reading(6.0, 6.0, 0.0), doubled=Reading(5.0, 5.0, 0.0))
    mistaken = replace(nothing, mistaken_share=0.65, mistaken_for="en")
    for evidence in (
        replace(HEALTHY, wer_percent=100.0, capped_share=1.0, probes=nothing),
        replace(HEALTHY, wer_percent=100.0, empty_share=0.9, foreign_share=0.9, probes=mistaken),
        replace(HEALTHY, wer_percent=100.0, set_language="en", probes=nothing),
    ):
        alarm = judge(evidence)
        assert not alarm.raised
        assert alarm.causes == ()
        assert alarm.sentence.startswith(
            "No alarm, but: The model does not know these words (its loss is 5.00): train it"
        )


def test_a_model_that_ignores_the_audio_is_noted() -> None:
    template = replace(HEALTHY, wer_percent=84.4, probes=probes(1.28), distinct_references=97, distinct_outputs=6)
    alarm = judge(template)
    assert not alarm.raised
    assert "almost the same text for all clips (6 distinct outputs for 97 distinct references)" in alarm.sentence
    assert "almost the same text" in judge(replace(template, capped_share=0.9)).sentence
    assert judge(replace(template, distinct_outputs=90)).notes == ()
    # Few distinct references give few distinct outputs; five clips are too few to judge.
    assert judge(replace(template, distinct_references=10, distinct_outputs=10)).notes == ()
    assert judge(replace(template, distinct_references=5, distinct_outputs=1)).notes == ()


def test_silence_only_raises_no_alarm() -> None:
    assert not judge(Evidence(0.0, 0, 0, 0.0, 0.0, 0.0, None)).raised


def test_several_faults_are_all_named() -> None:
    endless = Reading(1.5, 0.3, 0.001)
    lab = replace(probes(2.0, doubled=endless), start_after_start=0.99)
    alarm = judge(Evidence(117.9, 1000, 100, 0.9, 0.0, 0.0, lab))
    assert [cause.name for cause in alarm.causes] == ["double start token", "masked end of text"]
    assert "Other possible cause: masked end of text" in alarm.sentence
