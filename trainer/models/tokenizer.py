"""A byte-level BPE of our own with Whisper's special tokens, in the order that transformers expects them."""

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
    """Learn `vocab_size` tokens (256 bytes among them) from texts, then add the special ones after them."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, initial_alphabet=sorted(alphabet), show_progress=False)
    bpe.train_from_iterator(texts, trainer)
    learnt = json.loads(bpe.to_str())["model"]  # the only public way to its merges
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
    """Ids by code. Language tokens stand between the start token and the tasks; large-v3 has one more than others.

    Args:
        borrowed: languages without a token of their own, and whose each of them has: that one is gone.
    """
    first, last = vocabulary["<|startoftranscript|>"], vocabulary["<|translate|>"]
    matches = ((_LANGUAGE.fullmatch(token), id) for token, id in vocabulary.items() if first < id < last)
    borrowers = {lender: borrower for borrower, lender in (borrowed or {}).items()}
    return {borrowers.get(match[1], match[1]): id for match, id in matches if match}


def begins_spaced(language: str) -> bool:
    """Whether Whisper writes a space before the first word of a text, as before every other.

    Not in languages without spaces: before 大 or ส its tokenizer has that space as a token of its own, and the settings
    that each of its checkpoints comes with forbid it to begin with that (`begin_suppress_tokens`: 220).
    """
    return language not in SPACELESS


def listed(languages: Iterable[str]) -> str:
    """The first ten codes, for a sentence."""
    codes = sorted(languages)
    return ", ".join(codes[:10]) + ("…" if len(codes) > 10 else "")


@dataclass
class Speller:
    """Token ids of words and of the prefix that Whisper's decoder starts from."""

    tokenizer: WhisperTokenizer
    #: False for a Whisper that knows English only: it is told neither language nor task.
    multilingual: bool = True
    #: Languages that the tokenizer lacks, and whose token each of them has: {"ga": "cy"}.
    borrowed: Mapping[str, str] = field(default_factory=dict)
    _words: dict[str, list[int]] = field(default_factory=dict)
    _languages: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start, self.end = self.special("startoftranscript"), self.special("endoftext")
        self.transcribe, self.translate = self.special("transcribe"), self.special("translate")
        self.no_timestamps, self.previous = self.special("notimestamps"), self.special("startofprev")
        # Its older name stands in the tokenizers of tiny to large-v2.
        self.no_speech = self.special("nospeech", "nocaptions")

    def special(self, *names: str) -> int:
        """Id of <|name|>, of the first name that there is; a KeyError if there is none."""
        vocabulary = self.tokenizer.get_vocab()
        found = [vocabulary[f"<|{name}|>"] for name in names if f"<|{name}|>" in vocabulary]
        if not found:
            raise KeyError(f"the tokenizer has no <|{names[0]}|>")
        return int(found[0])

    def word(self, text: str, spaced: bool = True) -> list[int]:
        """Ids of a word, with the space before it unless it has none."""
        spelt = f" {text}" if spaced else text
        if spelt not in self._words:
            self._words[spelt] = self.tokenizer.encode(spelt, add_special_tokens=False)
        return self._words[spelt]

    def text(self, text: str, language: str) -> list[int]:
        """Ids of a text, word by word."""
        return [id for n, word in enumerate(text.split()) for id in self.word(word, n > 0 or begins_spaced(language))]

    @property
    def languages(self) -> list[str]:
        """Codes of all that it has a token for."""
        return sorted(languages_of(self.tokenizer.get_vocab(), self.borrowed))

    def token_of(self, language: str) -> str:
        """The code that a language's token spells: its own, or that of the one it has borrowed from."""
        return self.borrowed.get(language, language)

    def language(self, code: str) -> int:
        if code not in self._languages:
            self._languages[code] = self.special(self.token_of(code))
        return self._languages[code]

    def prefix(self, language: str) -> list[int]:
        """<|startoftranscript|><|language|><|transcribe|><|notimestamps|>; without the middle in English-only models"""
        told = [self.language(language), self.transcribe] if self.multilingual else []
        return [self.start, *told, self.no_timestamps]

    def timestamp(self, time_s: float) -> int:
        """Id of a time in the audio: <|0.00|> to <|30.00|>, 20 ms apart, stand behind <|notimestamps|>."""
        return self.no_timestamps + 1 + min(len(_TIMESTAMPS) - 1, max(0, round(time_s / 0.02)))
