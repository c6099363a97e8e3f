"""Access control: other origins, rebound names, the token."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.integration.api_answers import problem
from tests.integration.api_server import Api, running


def test_pages_of_other_origins_cannot_change_anything(api: Api) -> None:
    body = {"name": "x", "url": "http://a/"}
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        problem(api.http.post("/stations", json=body, headers=headers), 403)
    rebound = {
        "Origin": "http://evil.example:1",
        "Host": "evil.example:1",
    }  # a name that resolves to 127.0.0.1
    problem(api.http.post("/stations", json=body, headers=rebound), 421)
    problem(api.http.get("/stations", headers=rebound), 421)
    assert api.http.post("/stations", json=body, headers={"Origin": api.url}).status_code == 201
    assert (
        "access-control-allow-origin" not in api.http.get("/stations", headers={"Origin": "https://x.example"}).headers
    )


def test_changes_require_the_token(redis_url: str, free_port: Callable[[], int], tmp_path: Path) -> None:
    environ = {"API_TOKEN": "sesam", "ALLOWED_ORIGINS": "https://ok.example"}
    with running(redis_url, free_port(), tmp_path, **environ) as api:
        body = {"id": "x", "name": "x", "url": "http://a/"}
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic sesam"}):
            answer = api.http.post("/stations", json=body, headers=headers)
            problem(answer, 401)
            assert answer.headers["www-authenticate"].startswith("Bearer")
        problem(api.http.post("/stations?token=sesam", json=body), 401)  # addresses end up in logs
        right = {"Authorization": "Bearer sesam"}
        assert api.http.post("/stations", json=body, headers=right).status_code == 201
        problem(api.http.delete("/stations/x"), 401)
        problem(api.http.patch("/stations/x", json={"name": "y"}), 401)
        assert api.http.get("/stations").status_code == 200
        created = api.http.post("/jobs", json={"url": "http://a/private.mp3"}, headers=right)
        answer = api.http.get("/jobs")  # a recording may be private
        problem(answer, 401)
        assert "private" not in answer.text
        assert len(api.http.get("/jobs", headers=right).json()["jobs"]) == 1
        assert api.http.get(created.headers["location"]).status_code == 200, "who has its address may read it"
        secret = {"id": "x", "url": "http://me:word@a/"}
        assert api.http.post("/stations", json=secret, headers=right).json()["url"] == secret["url"]
        assert api.http.get("/stations/x", headers=right).json()["url"] == secret["url"]
        assert api.http.get("/stations/x").json()["url"] == "http://me:***@a/"
        assert api.http.get("/about").json()["token_needed"] is True
        assert api.refusal("/microphone").status_code == 401
        assert api.refusal("/microphone?token=wrong").status_code == 401
        with api.socket("/microphone?token=sesam") as microphone:
            microphone.client.send('{"sample_rate": 16000}')
            spoken = microphone.next("ready")["urls"]["srt"]
        assert api.http.get(spoken).status_code == 200, "who was given its address may read along"
        foreign = {"Origin": "https://ok.example"}
        assert api.http.post("/stations", json=body, headers={**right, **foreign}).status_code == 200
        assert api.http.get("/stations", headers=foreign).headers["access-control-allow-origin"] == "https://ok.example"
        preflight = api.http.options("/stations", headers={**foreign, "Access-Control-Request-Method": "POST"})
        assert "Authorization" in preflight.headers["access-control-allow-headers"]
        assert "PATCH" in preflight.headers["access-control-allow-methods"]
