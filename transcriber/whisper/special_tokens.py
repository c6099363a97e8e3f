"""Whisper's special tokens, with the ids from the checkpoint itself: those of large-v3 are shifted by one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wire.errors import ModelError, Unsupported

_LANGUAGE = re.compile(r"<\|([a-z]{2,3})\|>")

#: A vocabulary's representation of the bytes 0x80 to 0xBF, the continuation bytes of UTF-8: printable ones as Latin-1,
#: the others from U+0100 upwards (openai/gpt-2, encoder.py, `bytes_to_unicode`).
_WITHIN = frozenset(map(chr, [*range(0xA1, 0xAD), *range(0xAE, 0xC0), *range(0x122, 0x144)]))

#: Id of the end token in English-only models, which use GPT-2's vocabulary.
_ENGLISH_END = 50256


@dataclass(frozen=True)
class SpecialTokens:
    """Ids of the tokens that control the decoder.

    Attributes:
        languages: code to id; empty for an English-only model.
        tasks: `transcribe` and, if supported, `translate`; empty for an English-only model.
        suppressed: ids that are never decoded.
        suppressed_first: ids that are not decoded first.
        within: ids of tokens that begin within a character. In scripts with few letters in Whisper's vocabulary, each
            letter takes two or three tokens.
    """

    start: int
    end: int
    no_timestamps: int
    no_speech: int | None
    start_of_previous: int | None = None
    languages: dict[str, int] = field(default_factory=dict)
    tasks: dict[str, int] = field(default_factory=dict)
    suppressed: tuple[int, ...] = ()
    suppressed_first: tuple[int, ...] = ()
    within: frozenset[int] = frozenset()

    @classmethod
    def of(
        cls,
        tokenizer: Any,
        generation: Any,
        languages: Iterable[str] | None = None,
        tasks: Iterable[str] = ("transcribe", "translate"),
        borrowed: Mapping[str, str] | None = None,
    ) -> SpecialTokens:
        """Read them from a checkpoint's tokenizer and generation config.

        Args:
            languages: the only ones that the model was trained for, if known.
            tasks: the same for tasks.
            borrowed: languages without a token in the tokenizer, and the language whose token each was trained with.

        Raises:
            ModelError: the tokenizer lacks a token that every Whisper has.
        """
        vocabulary: dict[str, int] = tokenizer.get_vocab()

        def required(token: str) -> int:
            if token not in vocabulary:
                raise ModelError(f"the model's tokenizer has no {token}: it is not a Whisper tokenizer")
            return vocabulary[token]

        language_ids: dict[str, int] = {}
        # A checkpoint may lack a generation config, and every tokenizer has language tokens.
        if getattr(generation, "is_multilingual", required("<|endoftext|>") != _ENGLISH_END):
            start, end = vocabulary.get("<|startoftranscript|>", -1), vocabulary.get("<|translate|>", len(vocabulary))
            for token, id in vocabulary.items():
                match = _LANGUAGE.fullmatch(token)
                if match and start < id < end:  # language tokens are contiguous
                    language_ids[match[1]] = id
        language_ids |= {
            language: language_ids[token] for language, token in (borrowed or {}).items() if token in language_ids
        }
        supported = set(languages) if languages is not None else set(language_ids)
        if language_ids and not supported & set(language_ids):
            raise ModelError(f"the model has no token for any of its languages {sorted(supported)}")
        no_timestamps = required("<|notimestamps|>")
        no_speech = vocabulary.get("<|nospeech|>", vocabulary.get("<|nocaptions|>"))
        return cls(
            start=required("<|startoftranscript|>"),
            end=required("<|endoftext|>"),
            no_timestamps=no_timestamps,
            no_speech=no_speech,
            start_of_previous=vocabulary.get("<|startofprev|>"),
            languages={code: id for code, id in sorted(language_ids.items()) if code in supported},
            tasks={task: vocabulary[f"<|{task}|>"] for task in tasks if language_ids and f"<|{task}|>" in vocabulary},
            suppressed=tuple(getattr(generation, "suppress_tokens", None) or ()),
            suppressed_first=tuple(getattr(generation, "begin_suppress_tokens", None) or ()),
            within=frozenset(id for token, id in vocabulary.items() if token[:1] in _WITHIN),
        )

    @property
    def timestamps_from(self) -> int:
        """Ids from here on are timestamps."""
        return self.no_timestamps + 1

    @property
    def known_languages(self) -> tuple[str, ...]:
        """Codes of the languages that the model supports."""
        return tuple(self.languages) or ("en",)

    @property
    def known_tasks(self) -> tuple[str, ...]:
        """The tasks that the model supports."""
        return tuple(self.tasks) or ("transcribe",)

    def check(self, language: str | None, task: str) -> None:
        """Check that the model supports a task in a language (None: any).

        Raises:
            Unsupported: it does not.
        """
        known = self.known_languages
        if language is not None and language not in known:
            raise Unsupported(
                f"this model does not support the language {language!r}; it supports {_list(known)}", "language"
            )
        if task not in self.known_tasks:
            raise Unsupported(f"this model cannot {task}", "task")

    def count(self, tokens: Iterable[int]) -> int:
        """Number of tokens that begin a character; in any script, at most the number of letters."""
        return sum(token not in self.within for token in tokens)

    def prefix(self, language: str, task: str) -> list[int]:
        """Initial tokens of the decoder; without timestamps, because word times come from its attention.

        Raises:
            Unsupported: the model does not support the language or the task.
        """
        self.check(language, task)
        if not self.languages:
            return [self.start, self.no_timestamps]
        return [self.start, self.languages[language], self.tasks[task], self.no_timestamps]


def _list(languages: Iterable[str]) -> str:
    known = sorted(languages)
    return ", ".join(known[:10]) + (f" and {len(known) - 10} more" if len(known) > 10 else "")
