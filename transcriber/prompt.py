"""Prompts for Whisper: hot words, and the previous text of the source.

Whisper was trained with the text before a segment as a prompt, between `<|startofprev|>` and the start token (Radford
et al. 2022, section 2.3; openai/whisper, decoding.py, `_get_initial_tokens`). A model that was not trained with prompts
writes nonsense after one; see `Manifest.trained_with_prompts`.

Previous text comes only from final captions. A hypothesis that `rules` rejects has no words in its outcome, so its text
is in no caption and never becomes a prompt; neither does text that the seam drops as repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from transcriber.orthography import join_words
from wire.languages import PHRASED
from wire.messages import Caption, Content

#: Text that ended more than this before an utterance is not part of its prompt, in seconds: Whisper's own window.
PREVIOUS_S = 30.0


@dataclass(frozen=True, slots=True)
class Prompt:
    """Context of an utterance; may be empty."""

    hot_words: tuple[str, ...] = ()
    previous: str = ""  # final text before it

    def allowed(self, trained_with_prompts: bool | None) -> Prompt:
        """The part that a model supports, given its manifest's `trained_with_prompts` (None: it has no manifest).

        Previous text is used only by models known to be trained with prompts, because it can cause loops. Hot words are
        requested by the user, so they are used by all models except those known to be trained without prompts.
        """
        if trained_with_prompts is None:
            return Prompt(self.hot_words)
        return self if trained_with_prompts else Prompt()


#: The empty prompt.
NO_PROMPT = Prompt()


def previous_text(captions: Sequence[Caption], begin_s: float, language: str | None = None) -> str:
    """The text of a source before `begin_s`: the newest run of final captions in one language without a gap.

    Args:
        captions: the newest of the source's log, oldest first.
        begin_s: where the utterance begins, on the source's clock.
        language: its language if known.
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
    return join_words((between + caption.text for caption in reversed(run) if caption.text), language)


def prompt_tokens(
    prompt: Prompt, encode: Callable[[str], list[int]], start_of_previous: int, end: int, positions: int
) -> list[int]:
    """A prompt as tokens, including `<|startofprev|>`; empty for an empty prompt.

    Hot words come first and have priority; they are dropped whole. The previous text is truncated at its beginning.

    Args:
        encode: tokenizes text without adding special tokens.
        end: the first special token; special tokens spelled out in a text are removed.
        positions: of the decoder; a prompt uses at most half of them, including `<|startofprev|>`.
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
