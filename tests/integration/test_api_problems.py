"""Errors are problems, and the headers of all responses, including the page's files."""

from __future__ import annotations

import re

import pytest

from tests.integration.api_answers import problem
from tests.integration.api_server import Api


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/stations/none", 404),
        ("GET", "/jobs/none", 404),
        ("GET", "/jobs/none/captions.srt", 404),
        ("GET", "/microphones/none/captions.srt", 404),
        ("PUT", "/stations", 405),
        ("POST", "/healthz", 405),
        ("GET", "/stations/none/live", 426),
        ("GET", "/microphone", 426),
        ("GET", "/../pyproject.toml", 404),
        ("GET", "/%2e%2e/pyproject.toml", 404),
        ("GET", "/.hidden", 404),
    ],
)
def test_every_error_is_a_problem(api: Api, method: str, path: str, status: int) -> None:
    answer = api.http.request(method, path)
    problem(answer, status)
    if status == 405:
        assert answer.headers["allow"]


def test_incomplete_handshake_from_a_proxy_is_explained(api: Api) -> None:
    assert "a proxy must forward" in problem(api.refusal("/microphone", Connection="close"), 426)
    assert "no WebSocket at /about" in problem(api.refusal("/about"), 404)


def test_query_may_have_the_most_hot_words_in_any_script(api: Api) -> None:
    query = {"hot_words": "、".join(["東京都庁"] * 100), "url": "x"}
    assert "no field 'url'" in problem(api.http.post("/jobs", params=query, json={}), 422)


def test_json_body_size_is_limited(api: Api) -> None:
    body = {"name": "x" * 100_000, "url": "http://a/"}
    assert "more than 65536 bytes" in problem(api.http.post("/stations", json=body), 413)


def test_every_response_has_security_headers(api: Api) -> None:
    for path in ("/", "/stations", "/nothing"):
        headers = api.http.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]


def test_the_page_and_its_modules_are_served(api: Api) -> None:
    page = api.http.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for path in re.findall(r'(?:src|href)="([^"#]+)"', page.text):
        answer = api.http.get(f"/{path}")
        assert answer.status_code == 200
        again = api.http.get(f"/{path}", headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
    assert api.http.get("/modules/main.js").headers["content-type"].startswith("text/javascript")
