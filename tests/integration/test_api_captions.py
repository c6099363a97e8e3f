"""Captions over HTTP: pages of a station, files of stations and jobs, and a job's warnings."""

from __future__ import annotations

import re

import pytest
import srt

from tests.integration.api_answers import fits, problem
from tests.integration.api_server import Api, Speaker
from wire import keys
from wire.bus import Redis
from wire.messages import Content, Job, State, Station
from wire.sources import Jobs, Stations


def test_captions_are_paged_in_their_newest_revision(api: Api, redis: Redis) -> None:
    Stations(redis).add(Station("p1", "P1", "http://127.0.0.1/p1", "sv"))
    speaker = Speaker(redis, "stations/p1")
    for _ in range(4):
        speaker.say(revisions=2)
    first = api.http.get("/stations/p1/captions?after=0&limit=3").json()
    fits(first, "LiveCaptions")
    assert [(c["id"], c["revision"]) for c in first["captions"]] == [(1, 1), (2, 0)]
    rest = api.http.get(f"/stations/p1/captions?after={first['next']}").json()
    assert [(c["id"], c["revision"]) for c in rest["captions"]] == [(2, 1), (3, 1), (4, 1)]
    empty = api.http.get(f"/stations/p1/captions?after={rest['next']}").json()
    assert (empty["captions"], empty["next"], empty["start_s"]) == ([], rest["next"], None)
    assert [c["id"] for c in api.http.get("/stations/p1/captions?limit=2").json()["captions"]] == [4]


def test_pages_link_to_the_next_and_are_incomplete(api: Api, redis: Redis) -> None:
    Stations(redis).add(Station("p1", "P1", "http://127.0.0.1/p1", "sv"))
    assert api.http.get("/stations/p1/captions").json()["complete"] is True, "nothing was said"
    speaker = Speaker(redis, "stations/p1")
    for _ in range(5):
        speaker.say()
    ids, completes, path = [], [], "/stations/p1/captions.json?after=0&limit=2"
    while path:
        page = api.http.get(path)
        ids.append([c["id"] for c in page.json()["captions"]])
        completes.append((page.json()["complete"], page.headers["captions-complete"]))
        path = page.links.get("next", {}).get("url", "")
    assert (ids, completes) == ([[1, 2], [3, 4], [5]], [(False, "false")] * 3)
    assert api.http.get("/stations/p1/captions").json()["complete"] is True


@pytest.mark.parametrize("format", ["srt", "vtt", "txt"])
def test_pages_of_a_file_contain_each_caption_once(api: Api, redis: Redis, format: str) -> None:
    Stations(redis).add(Station("p1", "P1", "http://127.0.0.1/p1", "sv"))
    speaker = Speaker(redis, "stations/p1")
    for _ in range(4):
        speaker.say(revisions=2)
    speaker.say(final_after=False)
    text, path = "", f"/stations/p1/captions.{format}?after=0&limit=3"
    while path:
        page = api.http.get(path)
        text += page.text
        path = page.links.get("next", {}).get("url", "")
    assert re.findall("line [0-9]", text) == ["line 1", "line 2", "line 3", "line 4"]
    assert page.headers["captions-complete"] == "false"
    whole = api.http.get(f"/stations/p1/captions.{format}")
    assert ("line 5" in whole.text, whole.headers["captions-complete"]) == (False, "false")
    speaker.revise("line 5, whole")
    speaker.say(final_after=False)
    speaker.revise("", final=False)  # withdrawn, and never replaced
    whole = api.http.get(f"/stations/p1/captions.{format}")
    assert ("line 5" in whole.text, whole.headers["captions-complete"]) == (True, "true")


def test_files_count_from_the_first_caption(api: Api, redis: Redis) -> None:
    Stations(redis).add(Station("p1", "P1", "http://127.0.0.1/p1", "sv"))
    Speaker(redis, "stations/p1").say("Ekot", start_s=1_795_345_200.0)
    assert api.http.get("/stations/p1/captions.srt").text == "1\n00:00:00,000 --> 00:00:04,000\nEkot\n"
    assert api.http.get("/stations/p1/captions.json").json()["start_s"] == 1_795_345_200.0
    assert api.http.get("/stations/p1/captions.vtt").headers["content-type"] == "text/vtt; charset=utf-8"
    assert api.http.get("/stations/p1/captions.txt").text == "Ekot\n"
    problem(api.http.get("/stations/p1/captions.doc"), 404)


def test_files_have_all_kept_captions_and_their_start(api: Api, redis: Redis) -> None:
    Stations(redis).add(Station("p1", "P1", "http://127.0.0.1/p1", "sv"))
    speaker = Speaker(redis, "stations/p1")
    for number in range(1200):  # more than a page, and more than is read at once
        speaker.say(start_s=1_795_345_200.0 + 5 * number)
    whole = api.http.get("/stations/p1/captions.vtt")
    assert whole.headers["captions-complete"] == "true"
    assert "\n\nNOTE Begins: 2026-11-22T11:00:00.000Z\n\n00:00:00.000 -->" in whole.text
    assert whole.text.count(" --> ") == 1200
    redis.xtrim(keys.captions("stations/p1"), maxlen=1100, approximate=False)
    rest = api.http.get("/stations/p1/captions.vtt")
    assert rest.headers["captions-complete"] == "false"
    assert "NOTE Begins: 2026-11-22T11:08:20.000Z, after earlier captions\n" in rest.text
    assert (rest.text.count(" --> "), "link" in rest.headers) == (1100, False)
    assert api.http.get("/stations/p1/captions.json").json()["complete"] is False


@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "after=1e3", "limit=0", "limit=99999", "after=²", "from=1e3", "first=1"]
)
def test_invalid_numbers_are_rejected(api: Api, redis: Redis, query: str) -> None:
    Stations(redis).add(Station("p1", "P1", "http://127.0.0.1/p1"))
    answer = api.http.get(f"/stations/p1/captions?{query}")
    assert query.partition("=")[0] in problem(answer, 422)
    assert answer.json()["field"] == query.partition("=")[0]


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/jobs/j/captions.srt?form=60&to=120", "did you mean 'from'"),
        ("/jobs/j/captions.json?after=5", "the fields are from, to"),
        ("/stations/p1/captions?form=1795345200", "did you mean 'from'"),
        ("/microphones/m/captions.json?from=1", "the fields are after, limit"),
    ],
)
def test_unknown_query_parameters_are_rejected(api: Api, redis: Redis, path: str, meant: str) -> None:
    Stations(redis).add(Station("p1", "P1", "http://127.0.0.1/p1"))
    assert meant in problem(api.http.get(path), 422)


def test_captions_are_202_until_they_are_complete(api: Api, redis: Redis) -> None:
    Jobs(redis).save(Job("j", created_s=9e9, filename="möte 日.wav", duration_s=20.0, language="sv"))
    speaker = Speaker(redis, "jobs/j")
    speaker.say("R&D <här> och --> där", revisions=2, start_s=1.5)
    partial = api.http.get("/jobs/j/captions.json")
    assert (partial.status_code, partial.headers["captions-complete"]) == (202, "false")
    assert partial.json()["complete"] is False
    speaker.say(content=Content.GAP, reason="failed")
    speaker.finish()
    whole = api.http.get("/jobs/j/captions.json")
    assert (whole.status_code, whole.headers["captions-complete"]) == (200, "true")
    fits(whole.json(), "JobCaptions")
    assert (whole.json()["language"], whole.json()["languages"]) == ("sv", ["sv"])
    assert api.http.get("/jobs/j").json()["languages"] == ["sv"]
    assert [(c["id"], c["revision"]) for c in whole.json()["captions"]] == [(1, 1), (2, 0)]
    [cue] = srt.parse(api.http.get("/jobs/j/captions.srt").text)
    assert api.http.get("/jobs/j/captions.srt?from=1&to=2").text == api.http.get("/jobs/j/captions.srt").text
    assert api.http.get("/jobs/j/captions.txt?from=5.5").text == "[0:00:04 not captioned]\n"
    assert (cue.start.total_seconds(), cue.content) == (1.5, "R&D <här> och → där")
    vtt = api.http.get("/jobs/j/captions.vtt")
    cue_text = "R&amp;D &lt;här&gt; och --&gt; där"
    notes = "NOTE Language: sv\n\nNOTE Not captioned:\n00:00:10.000 to 00:00:14.000\n\n"
    assert vtt.text == f"WEBVTT\n\n{notes}00:00:01.500 --> 00:00:05.500\n{cue_text}\n"
    assert "filename*=UTF-8''m%C3%B6te%20%E6%97%A5.vtt" in vtt.headers["content-disposition"]


@pytest.mark.parametrize("warning", ["", "the recording is cut off"])
def test_finished_job_without_speech_has_a_warning(api: Api, redis: Redis, warning: str) -> None:
    silent = "the model found no speech in the recording"
    for id, text in (("silence", ""), ("speech", "Hej")):
        Jobs(redis).save(Job(id, created_s=9e9, state=State.RUNNING, duration_s=5.0, warning=warning))
        speaker = Speaker(redis, f"jobs/{id}")
        if text:
            speaker.say(text)
        assert api.http.get(f"/jobs/{id}").json()["warning"] == warning
        speaker.finish()
    for path in ("", "/captions.json"):
        actual = api.http.get(f"/jobs/silence{path}").json()["warning"]
        assert actual == (f"{warning}; {silent}" if warning else silent)
        assert api.http.get(f"/jobs/speech{path}").json()["warning"] == warning
    assert [api.http.get(f"/jobs/silence/captions.{f}").text for f in ("srt", "vtt", "txt")] == [
        "",
        "WEBVTT\n\n",
        "",
    ]


def test_withdrawn_captions_count_as_silence_and_gaps_do_not(api: Api, redis: Redis) -> None:
    for id in ("withdrawn", "lost"):
        Jobs(redis).save(Job(id, created_s=9e9, state=State.RUNNING, duration_s=5.0))
    withdrawn, lost = Speaker(redis, "jobs/withdrawn"), Speaker(redis, "jobs/lost")
    withdrawn.say("Tack för att ni tittade", final_after=False)
    withdrawn.revise("", final=False)
    lost.say("", content=Content.GAP, reason="failed")
    withdrawn.finish()
    lost.finish()
    assert "found no speech" in api.http.get("/jobs/withdrawn").json()["warning"]
    assert api.http.get("/jobs/lost").json()["warning"] == ""


def test_warning_about_rejected_text_does_not_claim_silence(api: Api, redis: Redis) -> None:
    for id, reasons in (("loops", ["phrase", "loop", "rate", "loop"]), ("credits", ["phrase"])):
        Jobs(redis).save(Job(id, created_s=9e9, state=State.RUNNING, duration_s=5.0))
        speaker = Speaker(redis, f"jobs/{id}")
        for reason in reasons:
            speaker.make_up(reason)
        speaker.finish()
    for path in ("/jobs/loops", "/jobs/loops/captions.json"):
        actual = api.http.get(path).json()["warning"]
        assert "nothing credible, only the same words over and over and more than can be said" in actual
        assert "found no speech" not in actual
    assert "found no speech" in api.http.get("/jobs/credits").json()["warning"], "as in the credits of films"


def test_job_that_sounds_like_another_language_has_a_warning(api: Api, redis: Redis) -> None:
    Jobs(redis).save(Job("j", created_s=9e9, state=State.RUNNING, duration_s=5.0, language="en"))
    speaker = Speaker(redis, "jobs/j")
    speaker.say("Hej", sounds_like="sv")
    speaker.say("då")
    assert "sounds like sv, but was transcribed as en, as requested" in api.http.get("/jobs/j").json()["warning"]


def test_failed_job_has_a_reason(api: Api, redis: Redis) -> None:
    Jobs(redis).save(Job("j", created_s=9e9, state=State.FAILED, error="it holds no audio track"))
    assert api.http.get("/jobs/j").json()["error"] == "it holds no audio track"
    assert "no audio track" in problem(api.http.get("/jobs/j/captions.srt"), 409)
    Speaker(redis, "jobs/j").say(content=Content.GAP, reason="task")
    assert "no audio track" in problem(api.http.get("/jobs/j/captions.srt"), 409), "a gap is nothing to read"
