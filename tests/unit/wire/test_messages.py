"""Messages: golden samples, which the browser's tests load too, and every way in which decoding fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.places import MESSAGES
from wire.chunk import Chunk
from wire.errors import DecodeError
from wire.messages import Caption, Content, Job, Kind, State, Station, Status, source_name, split_source

TYPES = {"caption": Caption, "status": Status}


def golden() -> list[Path]:
    return sorted(MESSAGES.glob("*.json"))


@pytest.mark.parametrize("path", golden(), ids=lambda path: path.stem)
def test_golden_messages_survive_a_round_trip(path: Path) -> None:
    values = json.loads(path.read_text())
    if values["type"] in TYPES:  # the others are defined and tested in the API
        message = TYPES[values["type"]].decode(path.read_bytes())
        assert json.loads(message.encode()) == values


def test_there_is_a_golden_sample_of_every_kind() -> None:
    types = {json.loads(path.read_text())["type"] for path in golden()}
    assert types >= {"caption", "status", "end", "missed", "reset"}


def test_caption_is_decoded_with_words_and_content() -> None:
    caption = Caption.decode((MESSAGES / "caption.json").read_bytes())
    assert " ".join(word.text for word in caption.words) == caption.text
    assert caption.content is Content.SPEECH
    assert Caption.decode((MESSAGES / "gap.json").read_bytes()).content is Content.GAP


def test_caption_of_an_older_sender_has_no_model() -> None:
    values = json.loads((MESSAGES / "caption.json").read_text())
    del values["model"]
    assert Caption.decode(json.dumps(values)).model == ""


def test_unknown_fields_of_a_newer_sender_are_ignored() -> None:
    values = {**json.loads((MESSAGES / "caption.json").read_text()), "speaker": "Anna"}
    assert Caption.decode(json.dumps(values)).id == values["id"]


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b"{}", b'{"source": "x", "content": "speech"}', b'{"words": 7}', b"\xff"]
)
def test_invalid_caption_is_refused_with_its_data(data: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        Caption.decode(data)
    assert caught.value.data == data


def test_unknown_state_is_refused() -> None:
    with pytest.raises(DecodeError):
        Status.decode(b'{"source": "stations/demo", "state": "dancing"}')


def test_stations_jobs_and_hellos_survive_a_round_trip() -> None:
    station = Station(
        "p1", "Sveriges Radio P1", "https://example.org/p1.mp3", language="sv", from_file=True, task="translate"
    )
    named = Station("p1", "Sveriges Radio P1", "https://example.org/p1.mp3", hot_words=("Bodil Jönsson", "Umeå"))
    job = Job("3f", 1000.5, filename="möte.wav", task="translate", state=State.RUNNING, duration_s=12.25, tracks=2)
    assert Station.decode(station.encode()) == station
    assert Station.decode(named.encode()) == named
    assert Job.decode(job.encode()) == job


# --- chunks ---------------------------------------------------------------------------------------


def chunk(**changes: object) -> Chunk:
    values: dict[str, object] = {
        "source": "stations/demo",
        "epoch": 2,
        "seq": 3,
        "start_s": 15.0,
        "n_samples": 80_000,
        "pcm": bytes(2 * 96_000),
        "lead_samples": 16_000,
    }
    return Chunk(**{**values, **changes})  # type: ignore[arg-type]


def test_chunk_survives_a_round_trip() -> None:
    sent = chunk(language="sv", last=True, captured_s=12.5, hot_words=("Bodil Jönsson", "Umeå"), task="translate")
    assert Chunk.decode(sent.encode()) == sent
    first = chunk(seq=0, follows=(1, 9))
    assert Chunk.decode(first.encode()) == first
    assert Chunk.decode_as_gap(first.encode()).follows == (1, 9)
    silent = chunk(pcm=b"", lead_samples=0, content=Content.SILENCE)
    assert Chunk.decode(silent.encode()) == silent


def test_times_of_a_chunk() -> None:
    sent = chunk()
    assert (sent.duration_s, sent.lead_s, sent.end_s) == (5.0, 1.0, 20.0)


@pytest.mark.parametrize("changes", [{"pcm": b"\0"}, {"pcm": b""}, {"lead_samples": 0}])
def test_audio_must_match_the_length_in_the_header(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="bytes"):
        chunk(**changes)
    sent = chunk().encode()
    with pytest.raises(DecodeError):
        Chunk.decode({**sent, b"pcm": b"\0"})


@pytest.mark.parametrize("fields", [{}, {b"header": b"{}", b"pcm": b""}, {b"header": b"[1]", b"pcm": b""}])
def test_invalid_chunk_is_refused(fields: dict[bytes, bytes]) -> None:
    with pytest.raises(DecodeError):
        Chunk.decode(fields)


def test_lost_chunk_keeps_its_place() -> None:
    lost = chunk(last=True).without_audio("shed")
    assert (lost.seq, lost.start_s, lost.end_s, lost.last) == (3, 15.0, 20.0, True)
    assert (lost.content, lost.reason, lost.pcm, lost.lead_s) == (Content.GAP, "shed", b"", 0.0)


def test_only_jobs_are_not_live() -> None:
    assert chunk().live
    assert chunk(source="microphones/1").live
    assert not chunk(source="jobs/1").live


def test_source_names() -> None:
    assert source_name(Kind.JOB, "3f") == "jobs/3f"
    assert split_source("stations/a-b") == (Kind.STATION, "a-b")
    with pytest.raises(DecodeError):
        split_source("demo")
