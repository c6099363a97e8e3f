"""`/stations/ID/hls/live.m3u8`: a station in any HLS player, with captions in time."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from api.app import create_app
from api.settings import Settings
from tests.integration.api_answers import problem
from tests.integration.api_server import Api, Speaker, running
from wire import audience, keys
from wire.broadcast import KEPT_S, SEGMENT_S, Broadcasts, Sound
from wire.bus import Redis
from wire.messages import State, Station, Status
from wire.sources import Stations, Statuses

SOURCE = "stations/p1"


@pytest.fixture
def station(redis: Redis) -> Station:
    station = Station("p1", "P1", "http://127.0.0.1/p1", language="sv")
    Stations(redis).add(station)
    return station


def broadcast(redis: Redis, begun_s: float, n: int = 10) -> None:
    """Publish this many segments, as ingest does."""
    sounds = [Sound(begun_s + SEGMENT_S * k, SEGMENT_S, "mp3", f"sound {k}".encode()) for k in range(n)]
    Broadcasts(redis).add(SOURCE, sounds)


def names(api: Api, playlist: str) -> list[str]:
    answer = api.http.get(f"/stations/p1/hls/{playlist}.m3u8")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/vnd.apple.mpegurl")
    return [line for line in answer.text.splitlines() if not line.startswith("#")]


def test_playlists_lead_to_sound_and_captions(api: Api, redis: Redis, station: Station) -> None:
    begun_s = time.time() - 60
    broadcast(redis, begun_s)
    speaker = Speaker(redis, SOURCE)
    for n in range(8):
        speaker.say(f"Rad {n}", start_s=begun_s + 5 * n)
    assert api.http.get("/stations/p1").json()["urls"]["hls"] == "/stations/p1/hls/live.m3u8"
    main = api.http.get("/stations/p1/hls/live.m3u8").text
    assert 'LANGUAGE="sv"' in main
    assert 'URI="captions.m3u8"' in main
    assert names(api, "live") == ["sound.m3u8"]
    assert api.http.get("/stations/p1/hls/live.m3u8?_=17").status_code == 200  # some add a query against caches
    sounds, captions = names(api, "sound"), names(api, "captions")
    assert [name.removesuffix(".mp3") for name in sounds] == [name.removesuffix(".vtt") for name in captions]
    sound = api.http.get(f"/stations/p1/hls/{sounds[1]}")
    assert (sound.headers["content-type"], sound.content[-7:]) == ("audio/mpeg", b"sound 1")
    text = api.http.get(f"/stations/p1/hls/{captions[1]}")
    assert text.headers["content-type"] == "text/vtt; charset=utf-8"
    assert "X-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000" in text.text
    assert "Rad 1" in text.text


def test_first_player_waits_for_ingest(
    api: Api, redis: Redis, station: Station, calls: ThreadPoolExecutor, wait_until: Callable[..., None]
) -> None:
    future = calls.submit(names, api, "sound")
    wait_until(lambda: audience.with_listeners(redis, [SOURCE]))
    broadcast(redis, time.time() - 60)
    assert len(future.result()) > 1


def test_player_after_a_minute_without_players_waits_for_new_segments(
    api: Api, redis: Redis, station: Station, calls: ThreadPoolExecutor, wait_until: Callable[..., None]
) -> None:
    broadcast(redis, time.time() - 100, 8)
    future = calls.submit(names, api, "sound")
    wait_until(lambda: audience.with_listeners(redis, [SOURCE]))
    broadcast(redis, time.time() - 60, 12)
    assert len(future.result()) > 8
    redis.delete(keys.listened(SOURCE), keys.broadcast(SOURCE))
    broadcast(redis, time.time() - 100, 8)  # and no new ones arrive
    assert len(names(api, "sound")) == 8


def test_segments_with_provisional_captions_are_not_listed(
    api: Api, redis: Redis, station: Station, wait_until: Callable[..., None]
) -> None:
    begun_s = time.time() - 28
    broadcast(redis, begun_s, 7)
    speaker = Speaker(redis, SOURCE)
    speaker.say("Rad", start_s=begun_s)
    speaker.say("Rad", start_s=begun_s + 14)
    speaker.say("Rad", start_s=begun_s + 18, final_after=False)
    assert len(names(api, "sound")) == 3  # up to 13 s
    speaker.revise("Raden")
    wait_until(lambda: len(names(api, "sound")) == 4)  # up to 17 s, and soon


def test_machine_whose_clock_is_wrong_lists_segments_by_the_clock_of_redis(
    redis: Redis, redis_url: str, station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = create_app(Settings(redis_url=redis_url, data_dir=str(tmp_path))).test_client()
    broadcast(redis, time.time() - 60)
    machine_s = time.time
    monkeypatch.setattr(time, "time", lambda: machine_s() + 300)
    assert client.get("/stations/p1/hls/live.m3u8").status_code == 200


def test_station_off_air_has_a_reason(api: Api, redis: Redis, station: Station) -> None:
    status = Status(SOURCE, State.RECONNECTING, detail="127.0.0.1 refused the connection", worker="ingest-0", hls=True)
    Statuses(redis).save(status)
    answer = api.http.get("/stations/p1/hls/live.m3u8")
    assert "P1 is reconnecting: 127.0.0.1 refused the connection" in problem(answer, 503)
    assert answer.headers["retry-after"] == "5"
    Statuses(redis).save(dataclasses.replace(status, hls=False))
    assert "HLS=no" in problem(api.http.get("/stations/p1/hls/live.m3u8"), 404)


def test_players_keep_the_segments_of_an_interrupted_station(api: Api, redis: Redis, station: Station) -> None:
    broadcast(redis, time.time() - KEPT_S - 60)
    redis.expire(keys.broadcast(SOURCE), 10)
    listed = names(api, "sound")
    assert redis.ttl(keys.broadcast(SOURCE)) > 10
    problem(api.http.get("/stations/p1/hls/live.m3u8"), 503)
    broadcast(redis, time.time() - 60, 4)
    assert names(api, "sound")[: len(listed)] == listed
    assert names(api, "live") == ["sound.m3u8"]


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/stations/p2/hls/live.m3u8", 404, "no station"),
        ("/stations/p1/hls/1.mp3", 404, "no longer exists"),
        ("/stations/p1/hls/1.vtt", 404, "no longer exists"),
        (f"/stations/p1/hls/{1 << 64}.mp3", 404, "nothing at"),
    ],
)
def test_missing_segments_are_a_problem(api: Api, station: Station, path: str, status: int, words: str) -> None:
    assert words in problem(api.http.get(path), status)


def test_sound_of_a_station_with_a_password_requires_the_token(
    redis: Redis, redis_server: str, free_port: Callable[[], int], tmp_path: Path, station: Station
) -> None:
    Stations(redis).add(dataclasses.replace(station, url="http://me:secret@127.0.0.1/p1"))
    broadcast(redis, time.time() - 60)
    with running(redis_server, free_port(), tmp_path, API_TOKEN="hush") as api:
        problem(api.http.get("/stations/p1/hls/live.m3u8"), 401)
        number = Broadcasts(redis).listed(SOURCE)[0].number
        problem(api.http.get(f"/stations/p1/hls/{number}.mp3"), 401)
        headers = {"Authorization": "Bearer hush"}
        assert api.http.get("/stations/p1/hls/live.m3u8", headers=headers).status_code == 200
