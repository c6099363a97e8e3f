"""Servers of others cannot fill the memory: redirects are not read, and compressed answers are refused."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import httpx
import pytest

from ingest.media.playlist import resolve
from ingest.media.web import MAX_REDIRECTS, get, make_client, parts
from wire.errors import SourceError


class Body(httpx.SyncByteStream):
    """A body that fails when it is read, and remembers that it was closed."""

    closed = False

    def __iter__(self) -> Iterator[bytes]:
        raise AssertionError("the body of a redirect was read")

    def close(self) -> None:
        self.closed = True


def test_body_of_a_redirect_is_not_read() -> None:
    body = Body()
    pages = {
        "http://a.se/live": httpx.Response(302, headers={"location": "//b.se/live"}, stream=body),
        "http://b.se/live": httpx.Response(200, content=b"audio"),
    }
    transport = httpx.MockTransport(lambda request: pages[str(request.url)])
    with httpx.Client(transport=transport, follow_redirects=True) as client:
        assert resolve("http://a.se/live", client).n_bytes == 5
    assert body.closed


def test_endless_redirects_are_given_up() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(302, headers={"location": "http://a.se/live"})

    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as client,
        pytest.raises(SourceError, match=r"a\.se: more than 20 redirects"),
    ):
        resolve("http://a.se/live", client)
    assert len(asked) == MAX_REDIRECTS + 1


@pytest.mark.parametrize("coding", ["gzip", "gzip, gzip"])
def test_compressed_answer_is_refused_before_it_expands(coding: str) -> None:
    page = httpx.Response(200, headers={"content-encoding": coding}, stream=Body())
    with (
        httpx.Client(transport=httpx.MockTransport(lambda request: page)) as client,
        pytest.raises(SourceError, match=r"a\.se: its answer is compressed"),
    ):
        resolve("http://a.se/live", client)


def test_servers_are_asked_not_to_compress() -> None:
    with make_client(1.0) as client:
        assert client.build_request("GET", "http://a.se/").headers["accept-encoding"] == "identity"


def test_parts_have_the_requested_size() -> None:
    page = httpx.Response(200, headers={"content-encoding": "identity"}, content=gzip.compress(b"a recording"))
    transport = httpx.MockTransport(lambda request: page)
    with httpx.Client(transport=transport) as client, get(client, "http://a.se/x.gz") as answer:
        sizes = [len(part) for part in parts(answer, 8)]
    assert sizes[:-1] == [8] * (len(sizes) - 1)
    assert len(sizes) > 1
