from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from tests.whispers import OPENAI
from trainer.examples import SAMPLE_RATE, Example, TimedWord
from trainer.models.tokenizer import Speller, train_tokenizer
from trainer.training.bpe_dropout import BpeDropout
from trainer.training.spelling import IGNORED, ExampleSpeller, Style

RNG = random.Random(1)


def _example(text: str, *, previous: str = "", segments: tuple[tuple[float, float, str], ...] = ()) -> Example:
    words = tuple(TimedWord(word, 0.0, 2.0) for word in text.split())
    audio = np.zeros(2 * SAMPLE_RATE, np.float32)
    return Example(audio, "sv", words, bool(words), previous=previous, segments=segments, timed=False)


def _ids(speller: Speller, text: str) -> list[int]:
    return [id for word in text.split() for id in speller.word(word)]


def test_timestamps_enclose_the_text_of_segments(speller: Speller) -> None:
    example = _example("låg mellan hög.", segments=((0.0, 0.5, "låg"), (0.74, 2.0, "mellan hög.")))
    found = ExampleSpeller(speller, Style(timestamps=1.0)).spell(example, RNG)
    zero = speller.no_timestamps + 1
    body = [zero, *_ids(speller, "låg"), zero + 25, zero + 37, *_ids(speller, "mellan hög."), zero + 100]
    prefix = [speller.start, speller.language("sv"), speller.transcribe]
    assert found.tokens == prefix + body
    assert found.labels == [*prefix[1:], *body, speller.end]
    assert found.text == _ids(speller, "låg mellan hög."), "CTC gets no timestamps"
    assert speller.tokenizer.convert_ids_to_tokens([zero + 37]) == ["<|0.74|>"]


def test_without_segments_a_clip_has_start_and_end_timestamps(speller: Speller) -> None:
    found = ExampleSpeller(speller, Style(timestamps=1.0)).spell(_example("låg mellan"), RNG)
    assert found.tokens[3] == speller.timestamp(0.0)
    assert found.tokens[-1] == speller.timestamp(2.0)
    assert speller.no_timestamps not in found.tokens


@pytest.mark.parametrize("style", [Style(), Style(timestamps=1.0), Style(bpe_dropout=0.5), Style(prompts=1.0)])
def test_in_languages_without_spaces_no_text_begins_with_one(style: Style) -> None:
    speller = Speller(train_tokenizer(["大家好 你好"], ["zh", "sv"]))
    segments = ((0.0, 1.0, "大家好"), (1.0, 2.0, "你好 大家"))
    spoken = replace(_example("大家好 你好", previous="你好", segments=segments), language="zh")
    found = ExampleSpeller(speller, style).spell(spoken, random.Random(1))
    before = {speller.previous, *(speller.timestamp(time_s) for time_s in (0, 1)), speller.no_timestamps}
    firsts = [id for at, id in enumerate(found.tokens) if at and found.tokens[at - 1] in before]
    assert firsts
    assert all(not speller.tokenizer.decode([id]).startswith(" ") for id in firsts if id < speller.end)
    swedish = ExampleSpeller(speller).spell(replace(spoken, language="sv"), RNG)
    assert speller.tokenizer.decode(swedish.text) == " 大家好 你好"
    assert speller.tokenizer.decode(found.text) == ("大家好你好 大家" if style.timestamps else "大家好 你好")


@pytest.mark.skipif(OPENAI is None, reason="UNDERTEXT_SPEECH names no folder with OpenAI's tokenizer")
@pytest.mark.parametrize(
    ("language", "text"), [("zh", "大家好"), ("ja", "東京です"), ("th", "สวัสดีครับ"), ("lo", "ສະບາຍ")]
)
def test_openais_whisper_never_writes_the_token_that_a_space_before_such_text_is(language: str, text: str) -> None:
    from transformers import GenerationConfig, WhisperTokenizer

    speller = Speller(WhisperTokenizer.from_pretrained(OPENAI))
    never_first = GenerationConfig.from_pretrained(OPENAI).begin_suppress_tokens
    assert speller.word(text)[0] in never_first
    assert speller.text(text, language)[0] not in never_first


def test_a_share_of_examples_has_timestamps(speller: Speller) -> None:
    example_speller, rng = ExampleSpeller(speller, Style(timestamps=0.7)), random.Random(3)
    found = [example_speller.spell(_example("låg"), rng) for _ in range(400)]
    share = sum(speller.timestamp(0.0) in each.tokens for each in found) / 400
    assert share == pytest.approx(0.7, abs=0.07)


def test_a_prompt_has_no_labels(speller: Speller) -> None:
    plain = ExampleSpeller(speller).spell(_example("låg"), RNG)
    found = ExampleSpeller(speller, Style(prompts=1.0)).spell(_example("låg", previous="mellan hög."), RNG)
    prompt = [speller.previous, *_ids(speller, "mellan hög.")]
    assert found.tokens == prompt + plain.tokens
    assert found.labels == [IGNORED] * len(prompt) + plain.labels
    assert found.tokens.count(speller.start) == 1
    assert speller.start not in found.labels
    assert len(found.tokens) == len(found.labels) == len(found.spans)
    assert ExampleSpeller(speller, Style(prompts=1.0)).spell(_example("låg"), RNG) == plain, (
        "there is no preceding text"
    )


def test_a_long_prompt_loses_its_beginning(speller: Speller) -> None:
    before = _ids(speller, "låg mellan hög. " * 30)
    found = ExampleSpeller(speller, Style(prompts=1.0), most_tokens=48).spell(
        _example("låg", previous="låg mellan hög. " * 30), RNG
    )
    prompt = found.tokens[: found.tokens.index(speller.start)]
    assert prompt[0] == speller.previous
    assert prompt[1:] == before[-23:], "half of the decoder's context less one, as Whisper takes"
    assert len(found.tokens) <= 48


def test_timestamps_without_room_are_left_out(speller: Speller) -> None:
    example = _example("låg mellan hög", segments=((0.0, 0.2, "låg"), (0.2, 0.6, "mellan"), (0.6, 1.0, "hög")))
    stamped = ExampleSpeller(speller, Style(timestamps=1.0)).spell(example, RNG)
    assert speller.no_timestamps not in stamped.tokens
    room = len(stamped.tokens)
    assert ExampleSpeller(speller, Style(timestamps=1.0), most_tokens=room).spell(example, RNG) == stamped
    found = ExampleSpeller(speller, Style(timestamps=1.0), most_tokens=room - 1).spell(example, RNG)
    assert found == ExampleSpeller(speller).spell(example, RNG), "without timestamps, all words fit"


def test_bpe_dropout_is_not_applied_without_room(speller: Speller) -> None:
    example, style = _example("låg mellan hög. " * 4), Style(bpe_dropout=1.0)
    plain = ExampleSpeller(speller).spell(example, RNG)
    assert len(ExampleSpeller(speller, style).spell(example, RNG).tokens) > len(plain.tokens)
    assert ExampleSpeller(speller, style, most_tokens=len(plain.tokens)).spell(example, RNG) == plain


def test_without_speech_the_end_token_follows_at_once(speller: Speller) -> None:
    found = ExampleSpeller(speller, Style(timestamps=1.0, prompts=1.0)).spell(_example(""), RNG)
    assert found.tokens == speller.prefix("sv")
    assert found.labels == [speller.no_speech, speller.transcribe, speller.no_timestamps, speller.end]


def test_an_english_only_prefix_has_no_language(speller: Speller) -> None:
    english = Speller(speller.tokenizer, multilingual=False)
    assert ExampleSpeller(english).spell(_example("låg"), RNG).tokens[:2] == [english.start, english.no_timestamps]


TEXT = " Låg mellan hög. låg-mellan, 1 200 mellanlåg"


@pytest.fixture(params=["own", "OpenAI's"])
def any_speller(request: pytest.FixtureRequest, speller: Speller) -> Speller:
    if request.param == "own":
        return speller
    if OPENAI is None:
        pytest.skip("UNDERTEXT_SPEECH names no folder with OpenAI's tokenizer")
    from transformers import WhisperTokenizer

    return Speller(WhisperTokenizer.from_pretrained(OPENAI))


def test_bpe_dropout_spells_the_same_text_in_other_tokens(any_speller: Speller) -> None:
    tokenizer = any_speller.tokenizer
    usual = tokenizer.encode(TEXT, add_special_tokens=False)
    assert BpeDropout(tokenizer, 0.0).ids(TEXT, random.Random(1)) == usual
    spelled = [BpeDropout(tokenizer, 0.5).ids(TEXT, random.Random(seed)) for seed in range(8)]
    assert {tokenizer.decode(ids) for ids in spelled} == {tokenizer.decode(usual)}
    assert len({tuple(ids) for ids in spelled}) > 1
    assert all(len(ids) >= len(usual) for ids in spelled)
    assert spelled[3] == BpeDropout(tokenizer, 0.5).ids(TEXT, random.Random(3)), "a function of the seed"
    single = BpeDropout(tokenizer, 1.0).ids(TEXT, random.Random(1))
    assert len(single) == len(TEXT.encode()), "every merge fails: bytes are left"


def test_the_same_seed_spells_the_same(speller: Speller) -> None:
    example_speller = ExampleSpeller(speller, Style(0.5, 0.5, 0.3))
    examples = [_example("låg mellan", previous="hög.") for _ in range(16)]
    once, again = ([example_speller.spell(each, random.Random(n)) for n, each in enumerate(examples)] for _ in range(2))
    assert once == again
    assert len({len(each.tokens) for each in once}) > 1
