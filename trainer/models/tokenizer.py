"""Whisper tokenizers: token ids of words, languages and timestamps, and learning one from texts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import WhisperTokenizer

from wire.languages import SPACELESS

_LANGUAGE = re.compile(r"<\|([a-z]{2,3})\|>")
#: Timestamp tokens run from <|0.00|> to <|30.00|> in steps of 0.02 s.
_TIMESTAMPS = tuple(f"<|{step * 0.02:.2f}|>" for step in range(1501))


def train_tokenizer(texts: Iterable[str], languages: Iterable[str], vocab_size: int = 768) -> WhisperTokenizer:
    """Learn a byte-level BPE of `vocab_size` tokens (256 bytes among them), and add Whisper's special tokens in the
    order that transformers expects."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, initial_alphabet=sorted(alphabet), show_progress=False)
    bpe.train_from_iterator(texts, trainer)
    learnt = json.loads(bpe.to_str())["model"]  # the only public access to the merges
    tokenizer = WhisperTokenizer(vocab=learnt["vocab"], merges=[tuple(merge) for merge in learnt["merges"]])
    special = [
        "<|endoftext|>",
        "<|startoftranscript|>",
        *(f"<|{language}|>" for language in languages),
        *("<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>"),
        "<|notimestamps|>",
    ]
    tokenizer.add_tokens([AddedToken(token, normalized=False, special=True) for token in special], special_tokens=True)
    tokenizer.add_tokens([AddedToken(token, normalized=False, special=False) for token in _TIMESTAMPS])
    return tokenizer


def languages_of(vocabulary: Mapping[str, int], borrowed: Mapping[str, str] | None = None) -> dict[str, int]:
    """Ids by language code. Language tokens are between the start token and the tasks; large-v3 has one more.

    Args:
        borrowed: languages that use another language's token, which that language no longer has: {"ga": "cy"}.
    """
    first, last = vocabulary["<|startoftranscript|>"], vocabulary["<|translate|>"]
    matches = ((_LANGUAGE.fullmatch(token), id) for token, id in vocabulary.items() if first < id < last)
    borrowers = {lender: borrower for borrower, lender in (borrowed or {}).items()}
    return {borrowers.get(match[1], match[1]): id for match, id in matches if match}


def begins_spaced(language: str) -> bool:
    """Whether Whisper writes a space before the first word of a text, as before every other.

    It does not in languages without spaces: before 大 or ส the space is a separate token, which the generation config
    of every checkpoint suppresses at the start (`begin_suppress_tokens`: 220).
    """
    return language not in SPACELESS


def listed(languages: Iterable[str]) -> str:
    """The first ten codes, for a message."""
    codes = sorted(languages)
    return ", ".join(codes[:10]) + ("…" if len(codes) > 10 else "")


@dataclass
class Speller:
    """Token ids of words, and of the prefix of Whisper's decoder input."""

    tokenizer: WhisperTokenizer
    #: False for an English-only Whisper, whose prefix has neither language nor task.
    multilingual: bool = True
    #: Languages that the tokenizer lacks, and the language whose token each uses: {"ga": "cy"}.
    borrowed: Mapping[str, str] = field(default_factory=dict)
    _words: dict[str, list[int]] = field(default_factory=dict)
    _languages: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start, self.end = self.special("startoftranscript"), self.special("endoftext")
        self.transcribe, self.translate = self.special("transcribe"), self.special("translate")
        self.no_timestamps, self.previous = self.special("notimestamps"), self.special("startofprev")
        # The tokenizers of tiny to large-v2 have the older name.
        self.no_speech = self.special("nospeech", "nocaptions")

    def special(self, *names: str) -> int:
        """Id of <|name|>, for the first of the names that exists.

        Raises:
            KeyError: none of them exists.
        """
        vocabulary = self.tokenizer.get_vocab()
        ids = [vocabulary[f"<|{name}|>"] for name in names if f"<|{name}|>" in vocabulary]
        if not ids:
            raise KeyError(f"the tokenizer has no <|{names[0]}|>")
        return int(ids[0])

    def word(self, text: str, spaced: bool = True) -> list[int]:
        """Ids of a word, with the space before it if `spaced`."""
        spelt = f" {text}" if spaced else text
        if spelt not in self._words:
            self._words[spelt] = self.tokenizer.encode(spelt, add_special_tokens=False)
        return self._words[spelt]

    def text(self, text: str, language: str) -> list[int]:
        """Ids of a text, word by word."""
        return [id for n, word in enumerate(text.split()) for id in self.word(word, n > 0 or begins_spaced(language))]

    @property
    def languages(self) -> list[str]:
        """Codes of all languages that have a token."""
        return sorted(languages_of(self.tokenizer.get_vocab(), self.borrowed))

    def token_of(self, language: str) -> str:
        """The code in a language's token: its own, or that of the language whose token it uses."""
        return self.borrowed.get(language, language)

    def language(self, code: str) -> int:
        if code not in self._languages:
            self._languages[code] = self.special(self.token_of(code))
        return self._languages[code]

    def prefix(self, language: str) -> list[int]:
        """<|startoftranscript|><|language|><|transcribe|><|notimestamps|>; English-only models lack the middle two."""
        language_and_task = [self.language(language), self.transcribe] if self.multilingual else []
        return [self.start, *language_and_task, self.no_timestamps]

    def timestamp(self, time_s: float) -> int:
        """Id of a time in the audio: <|0.00|> to <|30.00|>, 20 ms apart, follow <|notimestamps|>."""
        return self.no_timestamps + 1 + min(len(_TIMESTAMPS) - 1, max(0, round(time_s / 0.02)))
