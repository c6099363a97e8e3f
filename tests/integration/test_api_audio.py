"""`/stations/ID/audio.mp3`: recent speech as audio files."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from ingest.stations.keeping import encode
from tests.integration.api_answers import problem
from tests.integration.api_server import Api, running
from wire.audio import samples
from wire.bus import Redis
from wire.kept_audio import Clip, KeptAudio
from wire.messages import Station
from wire.sources import Stations

#: When the audio of these tests was captured.
NOON_S = 1795345200.5


@pytest.fixture
def station(redis: Redis) -> Station:
    """A station that spoke for ten seconds at noon, and for five ten seconds later."""
    station = Station("p1", "P1", "http://127.0.0.1/p1")
    Stations(redis).add(station)
    for begin_s in (0, 5, 20):
        clip = Clip(NOON_S + begin_s, samples(5), encode(voice(begin_s, begin_s + 5).tobytes()))
        KeptAudio(redis).add("stations/p1", clip, kept_s=900)
    return station


def voice(from_s: float, to_s: float) -> NDArray[np.int16]:
    """A tone that rises all the time, so that no two moments sound alike."""
    times = np.arange(samples(from_s), samples(to_s)) / 16_000
    return (8000 * np.sin(2 * np.pi * (300 + 10 * times) * times)).astype("<i2")


def heard(api: Api, format: str, from_s: float, to_s: float) -> NDArray[np.int16]:
    answer = api.http.get(f"/stations/p1/audio.{format}", params={"from": NOON_S + from_s, "to": NOON_S + to_s})
    assert answer.status_code == 200, answer.text
    audio, rate = soundfile.read(io.BytesIO(answer.content), dtype="int16")
    assert rate == 16_000
    return np.asarray(audio)


def alike(audio: NDArray[np.int16], expected: NDArray[np.int16]) -> bool:
    return len(audio) == len(expected) and float(np.corrcoef(audio, expected)[0, 1]) > 0.98


@pytest.mark.parametrize("format", ["mp3", "flac", "wav"])
def test_excerpt_is_exact_to_the_sample(api: Api, station: Station, format: str) -> None:
    assert alike(heard(api, format, 2.5, 7.25), voice(2.5, 7.25))


def test_excerpt_is_silent_where_nothing_was_said(api: Api, station: Station) -> None:
    audio = heard(api, "wav", 8, 23)
    assert alike(audio[: samples(2)], voice(8, 10))
    assert not audio[samples(2) : samples(12)].any()
    assert alike(audio[samples(12) :], voice(20, 23))


def test_excerpt_ends_with_the_last_speech(api: Api, station: Station) -> None:
    assert alike(heard(api, "wav", 21, 600), voice(21, 25))
    answer = api.http.get("/stations/p1/audio.wav", params={"from": NOON_S + 21})
    assert alike(soundfile.read(io.BytesIO(answer.content), dtype="int16")[0], voice(21, 25))


def test_later_audio_replaces_that_of_an_earlier_connection(api: Api, redis: Redis, station: Station) -> None:
    """A clock that is anchored again may go back in time."""
    again = Clip(NOON_S + 8, samples(5), encode(voice(50, 55).tobytes()))
    KeptAudio(redis).add("stations/p1", again, kept_s=900)
    audio = heard(api, "wav", 6, 13)
    assert alike(audio[: samples(2)], voice(6, 8))
    assert alike(audio[samples(2) :], voice(50, 55))


def test_range_requests_are_served(api: Api, station: Station) -> None:
    query = {"from": NOON_S, "to": NOON_S + 5}
    whole = api.http.get("/stations/p1/audio.mp3", params=query)
    assert (whole.headers["content-type"], whole.headers["accept-ranges"]) == ("audio/mpeg", "bytes")
    assert 'filename="p1 2026-11-22T110000Z.mp3"' in whole.headers["content-disposition"]
    part = api.http.get("/stations/p1/audio.mp3", params=query, headers={"Range": "bytes=1000-1999"})
    assert (part.status_code, part.content) == (206, whole.content[1000:2000])
    later = {"Range": "bytes=1000-1999", "If-Range": whole.headers["etag"]}
    assert api.http.get("/stations/p1/audio.mp3", params=query, headers=later).content == whole.content[1000:2000]
    for ignored in ("seconds=1-2", "bytes=0-1,5-6"):
        other = api.http.get("/stations/p1/audio.mp3", params=query, headers={"Range": ignored})
        assert (other.status_code, other.content) == (200, whole.content)
    beyond = api.http.get("/stations/p1/audio.mp3", params=query, headers={"Range": "bytes=9999999-"})
    problem(beyond, 416)
    assert beyond.headers["content-range"] == f"bytes */{len(whole.content)}"


def test_many_excerpts_at_once_do_not_delay_other_requests(
    redis: Redis, redis_server: str, free_port: Callable[[], int], tmp_path: Path, station: Station
) -> None:
    clip = encode(voice(0, 5).tobytes())
    for begin_s in range(0, 600, 5):
        KeptAudio(redis).add("stations/p1", Clip(NOON_S + begin_s, samples(5), clip), kept_s=900)
    query = {"from": NOON_S, "to": NOON_S + 600}
    with running(redis_server, free_port(), tmp_path) as api, ThreadPoolExecutor(24) as readers:  # of uncached audio
        path = f"{api.url}/stations/p1/audio.wav"
        responses = [readers.submit(httpx.get, path, params=query, timeout=60) for _ in range(24)]
        wait(responses, return_when=FIRST_COMPLETED)  # by then all have been received
        assert api.http.get("/search", params={"q": "storm"}).status_code == 200
        assert sum(not answer.done() for answer in responses) > len(responses) // 2
        assert {answer.result().status_code for answer in responses} == {200}


def test_station_has_the_url_of_its_audio(api: Api, station: Station) -> None:
    assert api.http.get("/stations/p1").json()["urls"]["audio"] == "/stations/p1/audio.mp3"


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/stations/p2/audio.mp3?from=1", 404, "no station"),
        (f"/stations/p1/audio.opus?from={NOON_S}", 404, "mp3, flac, wav"),
        (f"/stations/p1/audio.mp3?from={NOON_S + 60}", 404, "audio_kept_s"),
        (f"/stations/p1/audio.mp3?from={NOON_S - 60}&to={NOON_S}", 404, "audio_kept_s"),
        (f"/stations/p1/audio.mp3?from={NOON_S + 24.999999}", 404, "audio_kept_s"),
        ("/stations/p1/audio.mp3", 422, "from"),
        ("/stations/p1/audio.mp3?from=noon", 422, "Unix time"),
        (f"/stations/p1/audio.mp3?from={NOON_S}&to={NOON_S}", 422, "later than from"),
        ("/stations/p1/audio.mp3?from=4000000000", 404, "Unix time in the future"),
        (f"/stations/p1/audio.mp3?from={NOON_S}&to={NOON_S + 601}", 422, "600 seconds"),
        (f"/stations/p1/audio.mp3?from={NOON_S}&until={NOON_S + 5}", 422, "until"),
    ],
)
def test_unavailable_audio_is_a_problem(api: Api, station: Station, path: str, status: int, words: str) -> None:
    assert words in problem(api.http.get(path), status)


def test_audio_of_a_station_with_a_password_requires_the_token(
    redis: Redis, redis_server: str, free_port: Callable[[], int], tmp_path: Path, station: Station
) -> None:
    with running(redis_server, free_port(), tmp_path, API_TOKEN="secret") as api:
        query = {"from": NOON_S, "to": NOON_S + 5}
        assert api.http.get("/stations/p1/audio.mp3", params=query).status_code == 200
        Stations(redis).add(Station("p1", "P1", "http://me:pass@127.0.0.1/p1"))
        problem(api.http.get("/stations/p1/audio.mp3", params=query), 401)
        token = {"Authorization": "Bearer secret"}
        assert api.http.get("/stations/p1/audio.mp3", params=query, headers=token).status_code == 200
