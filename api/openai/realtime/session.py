"""The configuration of a session of OpenAI's Realtime API, as clients write and read it. Pure.

https://developers.openai.com/api/docs/guides/realtime-transcription
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from api.http.parameters import NAME_LIMIT, hot_words, language, prompt_hot_words
from api.microphones.hello import MAX_RATE_HZ, MIN_RATE_HZ
from api.microphones.sample_format import SampleFormat
from wire.errors import BadRequest

#: OpenAI's format names. Samples are mono; those of `audio/pcm` are signed 16-bit little-endian.
FORMATS = {"audio/pcm": SampleFormat.S16LE, "audio/pcmu": SampleFormat.MULAW, "audio/pcma": SampleFormat.ALAW}

#: OpenAI's only rates of `audio/pcm` and of the others, in Hz; we accept more.
RATE_HZ, TELEPHONE_HZ = 24_000, 8_000

#: Types of turn detection on the server; without it, the client commits.
DETECTIONS = ("server_vad", "semantic_vad")


@dataclass(frozen=True, slots=True)
class Session:
    """A transcription session. Other settings of clients are accepted and ignored."""

    id: str
    model: str  # the name that the client uses
    language: str | None = None  # None: detected
    format: SampleFormat = SampleFormat.S16LE
    rate_hz: int = RATE_HZ
    hot_words: tuple[str, ...] = ()
    detection: str = ""  # one of DETECTIONS; empty: the client commits

    def updated(self, event: Mapping[str, Any]) -> Session:
        """The session after a `session.update`; missing settings stay as they are.

        Raises:
            BadRequest: a setting is not supported; the message names the field.
        """
        settings = _object(event, "session", "session")
        if settings.get("type", "transcription") != "transcription":
            raise BadRequest("session.type must be transcription: this server only transcribes")
        audio = _object(_object(settings, "audio", "session.audio"), "input", "session.audio.input")
        changed = self
        if audio.get("format"):
            format, rate_hz = _audio(_object(audio, "format", "session.audio.input.format"))
            changed = replace(changed, format=format, rate_hz=rate_hz)
        if "transcription" in audio:
            transcription = _object(audio, "transcription", "session.audio.input.transcription")
            model = str(transcription.get("model") or self.model)[:NAME_LIMIT]
            changed = replace(
                changed, language=_language(transcription), model=model, hot_words=_hot_words(transcription)
            )
        if "turn_detection" in audio:
            detection = _object(audio, "turn_detection", "session.audio.input.turn_detection").get("type") or ""
            if detection and detection not in DETECTIONS:
                raise BadRequest(
                    f"turn_detection.type may be {' or '.join(DETECTIONS)}; null leaves commits to the client",
                    "session.audio.input.turn_detection.type",
                )
            changed = replace(changed, detection=detection)
        return changed

    def shape(self) -> dict[str, Any]:
        """The session as clients read it."""
        [kind] = (name for name, format in FORMATS.items() if format is self.format)
        return {
            "object": "realtime.transcription_session",
            "type": "transcription",
            "id": self.id,
            "audio": {
                "input": {
                    "format": {"type": kind, "rate": self.rate_hz},
                    "transcription": {"model": self.model, "language": self.language, "keywords": self.hot_words},
                    "noise_reduction": None,
                    "turn_detection": {"type": self.detection} if self.detection else None,
                }
            },
        }


def _object(values: Mapping[str, Any], name: str, path: str) -> dict[str, Any]:
    """An object within another; empty if it is null or missing."""
    part = values.get(name)
    if part is None:
        return {}
    if not isinstance(part, dict):
        raise BadRequest(f"{path} must be an object", path)
    return part


def _audio(format: Mapping[str, Any]) -> tuple[SampleFormat, int]:
    """The sample format, and the rate in Hz."""
    kind = FORMATS.get(str(format.get("type", "audio/pcm")))
    if kind is None:
        raise BadRequest(f"format.type must be one of {', '.join(FORMATS)}", "session.audio.input.format.type")
    rate = format.get("rate", RATE_HZ if kind is SampleFormat.S16LE else TELEPHONE_HZ)
    if isinstance(rate, bool) or not isinstance(rate, int) or not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        raise BadRequest(
            f"format.rate must be a whole number from {MIN_RATE_HZ} to {MAX_RATE_HZ}", "session.audio.input.format.rate"
        )
    return kind, rate


def _language(transcription: Mapping[str, Any]) -> str | None:
    """The requested language; None, so that it is detected, if there are several."""
    languages = transcription.get("languages")
    code = transcription.get("language") or (
        languages[0] if isinstance(languages, list) and len(languages) == 1 else ""
    )
    if not isinstance(code, str):
        raise BadRequest("language must be a code such as sv", "session.audio.input.transcription.language")
    return language(code)


def _hot_words(transcription: Mapping[str, Any]) -> tuple[str, ...]:
    """The requested keywords, or else those in a prompt."""
    prompt = transcription.get("prompt")
    keywords = transcription.get("keywords") or prompt_hot_words(prompt if isinstance(prompt, str) else "")
    return hot_words(keywords, "session.audio.input.transcription.keywords")
