"""Fakes shared by several tests. Redis, ffmpeg and browsers are never faked."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from transcriber.engine import Hypothesis, Recognition, Turn, Utterance
from transcriber.language import candidates
from wire.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ, samples
from wire.chunk import Chunk
from wire.messages import Task, Word

#: A word of fake speech: its number, and its start and end in seconds.
Spoken = tuple[int, float, float]

_SCALE = 32768.0


def speech(words: Sequence[Spoken], duration_s: float) -> bytes:
    """PCM in which every sample of a word is the word's number (from 1), and all other samples are zero."""
    audio = np.zeros(samples(duration_s), dtype="<i2")
    for number, start_s, end_s in words:
        audio[samples(start_s) : samples(end_s)] = number
    return audio.tobytes()


def chunks(
    source: str, pcm: bytes, *, chunk_s: float = 5.0, lead_s: float = 1.0, epoch: int = 1, origin_s: float = 0.0
) -> list[Chunk]:
    """Cut PCM as ingest does."""
    step, total = samples(chunk_s), len(pcm) // SAMPLE_BYTES
    result = []
    for seq, first in enumerate(range(0, total, step)):
        lead = min(first, samples(lead_s))
        end = min(total, first + step)
        result.append(
            Chunk(
                source=source,
                epoch=epoch,
                seq=seq,
                start_s=origin_s + first / SAMPLE_RATE_HZ,
                n_samples=end - first,
                pcm=pcm[(first - lead) * SAMPLE_BYTES : end * SAMPLE_BYTES],
                lead_samples=lead,
                tail_samples=0 if end == total else samples(lead_s),
                language="sv",
                last=end == total,
            )
        )
    return result


@dataclass
class ScriptedEngine:
    """Transcribes fake speech exactly: word 7 becomes `w7`. Words cut by a window are omitted, as by our model.

    Attributes:
        before: called with every batch; may raise, or kill the process.
        batches: sizes of the batches so far.
        detect: language probabilities of an utterance without a language, given the numbers of its words.
        turns: whether it detects changes of language.
        spell: text of a word in a language.
        check: checks that a language and a task are supported; may raise Unsupported.
    """

    before: Callable[[Sequence[Utterance]], None] = lambda utterances: None
    batches: list[int] = field(default_factory=list)
    detect: Callable[[set[int]], Mapping[str, float]] = lambda numbers: {"sv": 1.0, "en": 0.0}
    turns: bool = False
    spell: Callable[[str, int], str] = lambda language, number: f"w{number}"
    check: Callable[[str | None, Task], None] = lambda language, task: None
    name: str = "scripted"
    title: str = "scripted"
    uses_prompts: bool = False
    device: str = "cpu"
    languages: tuple[str, ...] = ("en", "sv")
    tasks: tuple[str, ...] = ("transcribe", "translate")
    context_s: float = 7.0
    places: list[str] = field(default_factory=list)

    def offload(self) -> None:
        self.places.append("left")

    def restore(self) -> None:
        self.places.append("came back")

    def transcribe(self, utterances: Sequence[Utterance]) -> list[Recognition]:
        self.before(utterances)
        self.batches.append(len(utterances))
        return [self._hear(utterance) for utterance in utterances]

    def _hear(self, utterance: Utterance) -> Recognition:
        if utterance.language:
            return Recognition({utterance.language: self._write(utterance, utterance.language)})
        likely = self.detect(numbers(utterance.audio))
        hypotheses = {language: self._write(utterance, language) for language in candidates(likely)}
        return Recognition(hypotheses, likely, self._turns(utterance) if self.turns and utterance.may_turn else ())

    def _turns(self, utterance: Utterance) -> tuple[Turn, ...]:
        """The middle of every pause after which another language is likeliest."""
        turns: list[Turn] = []
        before_s = 0.0
        for number, start_s, end_s in _runs(utterance.audio):
            language = max((p := self.detect({number})), key=p.get)
            if not turns or turns[-1].language != language:
                turns.append(Turn((before_s + start_s) / 2 if turns else 0.0, language))
            before_s = end_s
        return tuple(turns) if len(turns) > 1 else ()

    def _write(self, utterance: Utterance, spoken: str) -> Hypothesis:
        words = tuple(
            Word(self.spell(spoken, number), start_s, end_s, 0.9)
            for number, start_s, end_s in _runs(utterance.audio)
            if start_s > 0 and end_s < len(utterance.audio) / SAMPLE_RATE_HZ
        )
        return Hypothesis(
            words=words,
            text=" ".join(word.text for word in words),
            language=spoken if utterance.task == "transcribe" else "en",
            mean_log_probability=-0.1,
            tokens=len(words),
        )


def numbers(audio: NDArray[np.float32]) -> set[int]:
    """Numbers of the words in a window of fake speech, including those cut at its edges."""
    return {number for number, _, _ in _runs(audio)}


def _runs(audio: NDArray[np.float32]) -> list[Spoken]:
    values = np.rint(audio * _SCALE).astype(int)
    borders = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    return [
        (int(values[start]), start / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ)
        for start, end in itertools.pairwise(borders)
        if values[start]
    ]
