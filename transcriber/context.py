"""What a Whisper is told before it listens: hot words, and what its source has just said.

Whisper was trained with the text before a segment as a prompt, between `<|startofprev|>` and the start token (Radford
et al. 2022, section 2.3; openai/whisper, decoding.py, `_get_initial_tokens`). A model that was not trained so writes
nonsense behind a prompt; `Manifest.trained_with_prompts` says which ones were.

Previous text is that of final captions, and nothing else. A hypothesis that `rules` rejects leaves no words in its
outcome, so its text is in no caption and never becomes a prompt; neither does what the seam drops as repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from transcriber.orthography import joined
from wire.languages import PHRASED
from wire.messages import Caption, Content

#: What was said longer ago than this before an utterance is no context for it, in seconds: Whisper's own window.
PREVIOUS_S = 30.0


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is known before an utterance; empty where nothing is."""

    hot_words: tuple[str, ...] = ()
    previous: str = ""  # final text before it

    def allowed(self, trained_with_prompts: bool | None) -> Prompt:
        """The part that suits a model, given what its manifest says (None: it has no manifest).

        Previous text is only for models that are known to have learnt from it: where it goes wrong it makes loops.
        Hot words somebody has asked for; every Whisper but those that are known not to was trained with prompts.
        """
        if trained_with_prompts is None:
            return Prompt(self.hot_words)
        return self if trained_with_prompts else Prompt()


#: Nothing is known.
NO_PROMPT = Prompt()


def previous_text(captions: Sequence[Caption], begin_s: float, language: str | None = None) -> str:
    """What a source said before `begin_s`: the newest run of final captions of one language without a gap.

    Args:
        captions: the newest of the source's log, oldest first.
        begin_s: where the utterance begins, on the source's clock.
        language: its language where that is known.
    """
    run: list[Caption] = []
    for caption in reversed(captions):
        if not caption.final or caption.end_s > begin_s:
            continue
        language = language or caption.language
        if caption.content is Content.GAP or caption.end_s < begin_s - PREVIOUS_S or caption.language != language:
            break
        run.append(caption)
    between = " " if language in PHRASED else ""
    return joined((between + caption.text for caption in reversed(run) if caption.text), language)


def prompt_tokens(
    prompt: Prompt, encode: Callable[[str], list[int]], start_of_previous: int, end: int, positions: int
) -> list[int]:
    """A prompt as a decoder reads it, `<|startofprev|>` included; empty for an empty prompt.

    Hot words come first and are kept before all else, whole words at a time; of the previous text, the end is kept.

    Args:
        encode: a tokenizer without special tokens of its own.
        end: the first special token; whatever a text spells, none of these gets into a prompt.
        positions: of the decoder; a prompt fills at most half of them, `<|startofprev|>` included.
    """
    room = positions // 2 - 1
    tokens: list[int] = []
    for number, word in enumerate(prompt.hot_words):
        more = _plain(encode(f", {word}" if number else f" {word}"), end)
        if len(tokens) + len(more) > room:
            break
        tokens += more
    previous = _plain(encode(f" {prompt.previous}"), end) if prompt.previous else []
    left = room - len(tokens)
    tokens += previous[-left:] if left else []
    return [start_of_previous, *tokens] if tokens else []


def _plain(tokens: Sequence[int], end: int) -> list[int]:
    return [token for token in tokens if token < end]
