"""OpenAI's API on a real server: each call is a job, which a fake transcriber captions while its client waits."""

from __future__ import annotations

import json

import pytest
import srt

from tests.integration.api_answers import fits
from tests.integration.api_server import Api, Speaker, knowing
from tests.integration.openai_caller import TRANSCRIPTIONS, Caller, error
from wire.bus import Redis
from wire.workers import Worker


def test_request_becomes_a_job_and_returns_its_text(caller: Caller) -> None:
    job, answer = caller.send(language="sv-SE", prompt="Bodil Jönsson,\tUmeå", temperature="0")
    assert (job.filename, job.language, job.task) == ("möte.mp3", "sv", "transcribe")
    assert job.hot_words == ("Bodil Jönsson", "Umeå")
    caller.caption(job)
    values = answer.result()
    fits(values.json(), "OpenaiTranscription")
    assert values.json() == {"text": "God kväll. R&D.", "usage": {"type": "duration", "seconds": 12.5}}
    assert values.headers["x-request-id"] == job.id


def test_translations_have_the_translate_task(caller: Caller) -> None:
    job, answer = caller.send("/v1/audio/translations")
    assert (job.language, job.task) == (None, "translate")
    caller.caption(job)
    assert answer.result().json()["text"] == "God kväll. R&D."


@pytest.mark.parametrize(
    ("format", "media_type", "beginning"),
    [
        ("text", "text/plain", "God kväll. R&D.\n"),
        ("srt", "application/x-subrip", "1\n00:00:01,500 --> "),
        ("vtt", "text/vtt", "WEBVTT\n"),
    ],
)
def test_subtitle_formats_are_returned(caller: Caller, format: str, media_type: str, beginning: str) -> None:
    job, answer = caller.send(response_format=format)
    caller.caption(job)
    assert answer.result().text.startswith(beginning)
    assert answer.result().headers["content-type"] == f"{media_type}; charset=utf-8"
    if format == "srt":
        assert [cue.content for cue in srt.parse(answer.result().text)] == ["God kväll.", "R&D."]


def test_verbose_json_has_segments_by_default(caller: Caller) -> None:
    job, answer = caller.send(response_format="verbose_json")
    caller.caption(job)
    values = answer.result().json()
    fits(values, "OpenaiTranscription")
    assert (values["task"], values["language"], values["duration"]) == ("transcribe", "sv", 12.5)
    assert [(s["id"], s["start"], s["end"], s["text"]) for s in values["segments"]] == [
        (0, 1.5, 5.5, "God kväll."),
        (1, 7.0, 11.0, "R&D."),
    ]
    assert values["segments"][0]["avg_logprob"] == pytest.approx(-0.693, abs=0.001)
    assert "words" not in values


@pytest.mark.parametrize("granularities", [["word"], ["word", "segment"]])
def test_words_have_their_times(caller: Caller, granularities: list[str]) -> None:
    form = {"timestamp_granularities[]": granularities}
    job, answer = caller.send(response_format="verbose_json", **form)
    caller.caption(job)
    values = answer.result().json()
    assert values["words"][1] == {"word": "kväll.", "start": 1.8, "end": 2.4}
    assert ("segments" in values) == ("segment" in granularities)


def test_stream_has_final_captions_and_the_whole_text(api: Api, redis: Redis, caller: Caller) -> None:
    form = {"model": "x", "stream": "true"}
    with api.http.stream("POST", TRANSCRIPTIONS, files={"file": ("a.mp3", b"x")}, data=form) as answer:
        lines = (line for line in answer.iter_lines() if line.startswith("data: "))
        job = caller.job()
        speaker = Speaker(redis, f"jobs/{job.id}")
        speaker.say("God", final_after=False)
        speaker.revise("God kväll.")
        assert json.loads(next(lines)[6:]) == {"type": "transcript.text.delta", "delta": "God kväll."}
        api.http.patch(f"/jobs/{job.id}/captions/1", json={"text": "God afton."})  # it was sent already
        speaker.say("Tack för att ni tittade", final_after=False)
        speaker.revise("")  # withdrawn
        speaker.say("R&D.")
        speaker.finish()
        rest = [json.loads(line[6:]) for line in lines]
    assert rest == [
        {"type": "transcript.text.delta", "delta": " R&D."},
        {"type": "transcript.text.done", "text": "God kväll. R&D."},
    ]


def test_models_are_those_on_air(api: Api, redis: Redis) -> None:
    assert api.http.get("/v1/models").json() == {"object": "list", "data": []}
    with Worker(redis, "transcriber", knowing("sv")):
        values = api.http.get("/v1/models").json()
    assert [model["id"] for model in values["data"]] == ["model"]


@pytest.mark.parametrize("name", ["openai/whisper-tiny", "whisper-1"])
def test_any_model_name_is_found(api: Api, name: str) -> None:
    for path in (name, name.replace("/", "%2F")):  # clients differ
        values = api.http.get(f"/v1/models/{path}").json()
        fits(values, "OpenaiModel")
        assert values["id"] == name


@pytest.mark.parametrize("path", ["x" * 201, "a%00b"])
def test_unprintable_model_name_is_not_found(api: Api, path: str) -> None:
    found = error(api.http.get(f"/v1/models/{path}"), 404)
    assert (found["code"], found["param"]) == ("model_not_found", "model")
