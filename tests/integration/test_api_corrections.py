"""Correcting captions over HTTP."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import srt

from tests.integration.api_answers import fits, problem
from tests.integration.api_server import Api, Speaker
from wire import keys
from wire.bus import Redis
from wire.captions import CaptionLog, latest_revisions
from wire.messages import Content, Job, State, Station, Word
from wire.sources import Jobs, Stations


@pytest.fixture
def speaker(redis: Redis) -> Speaker:
    """A finished recording of two captions."""
    return recorded(redis, "j")


def recorded(redis: Redis, id: str) -> Speaker:
    Jobs(redis).save(Job(id, created_s=9e9, state=State.FINISHED, filename="möte.mp3", duration_s=20.0))
    speaker = Speaker(redis, f"jobs/{id}")
    heard = tuple(Word(text, n, n + 1.0, 0.4) for n, text in enumerate(["Väderet", "i", "skona."], start=1))
    speaker.say("Väderet i skona.", start_s=1.0, words=heard)
    speaker.say("Tack för att ni tittade!", start_s=6.0)
    return speaker


def correct(api: Api, id: object, job: str = "j", **values: Any) -> dict[str, Any]:
    answer = api.http.patch(f"/jobs/{job}/captions/{id}", json=values)
    assert answer.status_code == 200, answer.text
    fits(answer.json(), "Caption")
    return dict(answer.json())


def test_a_correction_is_in_every_file(api: Api, speaker: Speaker) -> None:
    speaker.finish()
    caption = correct(api, 1, text="  Vädret i\nSkåne. ", revision=0)
    assert (caption["text"], caption["lines"], caption["revision"]) == ("Vädret i Skåne.", ["Vädret i Skåne."], 1)
    assert [(w["text"], w["start_s"], w["confidence"]) for w in caption["words"]] == [
        ("Vädret", 1.0, None),
        ("i", 2.0, None),
        ("Skåne.", 3.0, None),
    ]
    correct(api, 2, text="")
    assert [cue.content for cue in srt.parse(api.http.get("/jobs/j/captions.srt").text)] == ["Vädret i Skåne."]
    assert "<00:00:03.000>Skåne." in api.http.get("/jobs/j/captions.vtt").text
    assert api.http.get("/jobs/j/captions.txt").text == "Vädret i Skåne.\n"
    answer = api.http.get("/jobs/j/captions.json")
    fits(answer.json(), "JobCaptions")
    assert [(c["text"], c["corrected"]) for c in answer.json()["captions"]] == [("Vädret i Skåne.", True), ("", True)]
    assert answer.headers["captions-complete"] == "true"
    assert api.http.get("/jobs/j").json()["state"] == "finished"
    assert correct(api, 2, text="Tack.")["text"] == "Tack.", "what was taken away can come back"


def test_correction_restarts_the_retention_of_a_recording(api: Api, redis: Redis, speaker: Speaker) -> None:
    kept = [keys.job("j"), keys.captions("jobs/j"), keys.progress("jobs/j")]
    for key in kept:
        redis.expire(key, 100)
    correct(api, 1, text="Vädret i Skåne.")
    assert all(redis.ttl(key) > 100 for key in kept)


def test_viewers_of_a_recording_receive_a_correction(api: Api, speaker: Speaker) -> None:
    with api.socket("/jobs/j/live") as socket:
        socket.until(lambda message: message["type"] == "caption" and message["id"] == 2)
        sent = correct(api, 1, text="Vädret i Skåne.")
        speaker.say("Och nu musik.")
        assert socket.next("caption") == sent
        assert (socket.next("caption")["text"], sent["event"]) == ("Och nu musik.", 3)


def become(api: Api, source: str, word: str, texts: list[str]) -> None:
    """Wait until a search for a word finds these texts."""
    until = time.monotonic() + 30
    while True:
        found = api.http.get("/search", params={"q": word, "source": source}).json()["results"]
        if [hit["text"] for hit in found] == texts:
            return
        assert time.monotonic() < until, found
        time.sleep(0.1)


def test_search_finds_the_corrected_text_only(api: Api, redis: Redis) -> None:
    job = "searched"  # unique, since the archive still has those of other tests
    recorded(redis, job).finish()
    become(api, f"jobs/{job}", "tittade", ["Tack för att ni tittade!"])  # all of it is in the archive
    correct(api, 1, job, text="Vädret i Skåne.")
    become(api, f"jobs/{job}", "skåne", ["Vädret i Skåne."])
    become(api, f"jobs/{job}", "skona", [])
    correct(api, 2, job, text="")
    become(api, f"jobs/{job}", "tittade", [])


@pytest.mark.parametrize("source", ["stations/radio", "microphones/m"])
def test_live_sources_can_be_corrected(api: Api, redis: Redis, source: str) -> None:
    Stations(redis).add(Station("radio", "Radio", "http://127.0.0.1:9/x.mp3"))
    speaker = Speaker(redis, source)
    speaker.say("Väderet i skona.")
    speaker.say("Och n", final_after=False)
    with api.socket(f"/{source}/live?after=2") as socket:
        answer = api.http.patch(f"/{source}/captions/1", json={"text": "Vädret i Skåne.", "revision": 0})
        assert socket.next("caption") == answer.json()
        fits(answer.json(), "Caption")
        speaker.revise("Och nu musik.")
        assert socket.next("caption")["text"] == "Och nu musik."
    assert [c.text for c in latest_revisions(CaptionLog(redis).read(source))] == ["Vädret i Skåne.", "Och nu musik."]
    assert api.http.get(f"/{source}/captions.txt").text == "Vädret i Skåne.\nOch nu musik.\n"
    assert "no caption 9" in problem(api.http.patch(f"/{source}/captions/9", json={"text": "x"}), 404)
    assert "there is no" in problem(api.http.patch(f"/{source}2/captions/1", json={"text": "x"}), 404)
    assert "text is required" in problem(api.http.patch(f"/{source}/captions/1", json={}), 422)


def test_search_finds_the_correction_of_a_station(api: Api, redis: Redis) -> None:
    Stations(redis).add(Station("corrected", "Radio", "http://127.0.0.1:9/x.mp3"))
    speaker = Speaker(redis, "stations/corrected")
    speaker.say("Väderet i skona.", start_s=time.time())
    become(api, "stations/corrected", "skona", ["Väderet i skona."])
    assert api.http.patch("/stations/corrected/captions/1", json={"text": "Vädret i Skåne."}).status_code == 200
    become(api, "stations/corrected", "skåne", ["Vädret i Skåne."])
    become(api, "stations/corrected", "skona", [])


def test_concurrent_corrections_conflict(api: Api, speaker: Speaker) -> None:
    correct(api, 1, text="Vädret i Skåne.", revision=0)
    answer = api.http.patch("/jobs/j/captions/1", json={"text": "Väder i Skåne.", "revision": 0})
    assert "was corrected in the meantime: Vädret i Skåne." in problem(answer, 409)
    correct(api, 1, text="Väder i Skåne.", revision=1)


def test_repeated_correction_is_applied_once(api: Api, speaker: Speaker) -> None:
    once = correct(api, 1, text="Vädret i Skåne.", revision=0)
    assert correct(api, 1, text="Vädret i Skåne.", revision=0) == once
    for number in range(99):
        correct(api, 1, text=f"Vädret {number}.")
    answer = api.http.patch("/jobs/j/captions/1", json={"text": "Vädret."})
    assert "changed 100 times" in problem(answer, 409)


def test_invalid_corrections_are_rejected_with_the_reason(api: Api, speaker: Speaker) -> None:
    speaker.say(content=Content.GAP, reason="lost")
    speaker.say("Och n", final_after=False)
    path = "/jobs/j/captions"
    assert "no caption 9" in problem(api.http.patch(f"{path}/9", json={"text": "x"}), 404)
    for no_number in ("one", "١"):
        assert "does not support PATCH" in problem(api.http.patch(f"{path}/{no_number}", json={"text": "x"}), 405)
    assert "no job 'none'" in problem(api.http.patch("/jobs/none/captions/1", json={"text": "x"}), 404)
    assert "is a gap" in problem(api.http.patch(f"{path}/3", json={"text": "x"}), 409)
    assert "not final yet" in problem(api.http.patch(f"{path}/4", json={"text": "x"}), 409)
    assert "text is required" in problem(api.http.patch(f"{path}/1", json={"revision": 0}), 422)
    assert "longer than 500" in problem(api.http.patch(f"{path}/1", json={"text": "x" * 501}), 422)
    assert "cannot be displayed" in problem(api.http.patch(f"{path}/1", json={"text": "\x00\x1b"}), 422)
    assert "did you mean 'text'" in problem(api.http.patch(f"{path}/1", json={"txt": "x"}), 422)
    assert "revision must be" in problem(api.http.patch(f"{path}/1", json={"text": "x", "revision": "1"}), 422)
    assert "Content-Type" in problem(api.http.patch(f"{path}/1", content="Vädret"), 415)
    assert [c["revision"] for c in api.http.get(f"{path}.json").json()["captions"]] == [0, 0, 0, 0]


def test_caption_outside_the_log_is_corrected_in_the_archive(api: Api, redis: Redis) -> None:
    Stations(redis).add(Station("old", "Radio", "http://127.0.0.1:9/x.mp3"))
    begin_s = time.time() - 100

    def say(text: str, ago_s: int) -> Speaker:
        speaker = Speaker(redis, "stations/old")
        words = tuple(Word(each, begin_s - ago_s + n, begin_s - ago_s + n + 1) for n, each in enumerate(text.split()))
        speaker.say(text, start_s=begin_s - ago_s, words=words)
        return speaker

    say("Väderet i skona.", 60)
    become(api, "stations/old", "skona", ["Väderet i skona."])
    redis.delete(*keys.of_source("stations/old"))  # Redis lost its data, and ids restart
    speaker = say("Väderet i dalarna.", 0)
    speaker.say("Tack.", start_s=begin_s + 4)
    become(api, "stations/old", "dalarna", ["Väderet i dalarna."])
    path, seen = "/stations/old/captions/1", {"revision": 0, "start_s": begin_s - 60}
    with api.socket("/stations/old/live") as socket:
        answer = api.http.patch(path, json={"text": "Vädret i Skåne.", **seen})
        message = socket.next("correction")
    assert answer.status_code == 200, answer.text
    fits(answer.json(), "Caption")
    fits(message, "Message")
    assert message == {"type": "correction", "source": "stations/old", "caption": answer.json()}
    assert [word["text"] for word in answer.json()["words"]] == ["Vädret", "i", "Skåne."]
    again = api.http.patch(path, json={"text": "Vädret i Skåne.", **seen})
    assert (again.status_code, again.json()["revision"]) == (200, 1), "done once"
    become(api, "stations/old", "skona", [])
    become(api, "stations/old", "skåne", ["Vädret i Skåne."])
    [read, other, _] = api.http.get("/stations/old/captions.json?from=0").json()["captions"]
    assert (read["text"], read["corrected"], read["revision"]) == ("Vädret i Skåne.", True, 1)
    assert (other["text"], other["corrected"]) == ("Väderet i dalarna.", False)
    assert "in the meantime: Vädret i Skåne." in problem(api.http.patch(path, json={"text": "Väder.", **seen}), 409)
    assert "longer than 500" in problem(api.http.patch(path, json={"text": "x" * 501, **seen}), 422)
    assert api.http.patch(path, json={"text": "Dalarna.", "start_s": begin_s}).json()["event"] == 3, "the log's"
    for _ in range(3):
        speaker.say("Mera.", start_s=begin_s + 5)
    become(api, "stations/old", "mera", ["Mera."] * 3)
    redis.xtrim(keys.captions("stations/old"), maxlen=1, approximate=False)
    assert "2 captions 1: give start_s" in problem(api.http.patch(path, json={"text": "x"}), 422)
    assert api.http.patch("/stations/old/captions/2", json={"text": "Annat."}).status_code == 200, "there is one alone"
    assert api.http.patch(path, json={"text": "", "start_s": begin_s - 60}).status_code == 200
    become(api, "stations/old", "skåne", [])
    for unfit in ("1", True, float("nan")):
        body = json.dumps({"text": "x", "start_s": unfit})
        answer = api.http.patch(path, content=body, headers={"Content-Type": "application/json"})
        assert "start_s must be" in problem(answer, 422)
    assert "begins at 7" in problem(api.http.patch(path, json={"text": "x", "start_s": 7}), 404)
