"""Requests to other people's servers, whose answers must not fill the memory.

httpx by itself reads the whole body of a redirect, which may be endless, and decompresses an answer as many times over
as its server says: half a kilobyte becomes gigabytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

import httpx

from ingest.media.ffmpeg import USER_AGENT

#: Most redirects from one address; browsers follow as many.
MAX_REDIRECTS = 20


def make_client(timeout_s: float) -> httpx.Client:
    """The client for `get`; it may be shared between threads."""
    return httpx.Client(
        timeout=httpx.Timeout(timeout_s),
        headers={"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"},
        limits=httpx.Limits(max_keepalive_connections=0),  # streams are left in the middle, never reused
    )


@contextmanager
def get(client: httpx.Client, url: str, headers: Mapping[str, str] | None = None) -> Iterator[httpx.Response]:
    """The answer to a GET request, after redirects, whose bodies are not read.

    Raises:
        httpx.HTTPError: there is none.
    """
    request = client.build_request("GET", url, headers=headers)
    for _ in range(MAX_REDIRECTS + 1):
        answer = client.send(request, stream=True, follow_redirects=False)
        with closing(answer):
            if answer.next_request is None:
                yield answer
                return
            request = answer.next_request
    raise httpx.TooManyRedirects(f"more than {MAX_REDIRECTS} redirects", request=request)


def parts(answer: httpx.Response, n_bytes: int | None = None) -> Iterator[bytes]:
    """The body of an answer: as it arrives, or in parts of `n_bytes`.

    Raises:
        httpx.HTTPError: it broke off, or is compressed, which `make_client` asks servers not to do.
    """
    coding = answer.headers.get("content-encoding", "").strip()
    if coding.lower() not in ("", "identity"):
        raise httpx.DecodingError(f"its answer is compressed ({coding[:40]}), unasked", request=answer.request)
    return answer.iter_bytes(n_bytes)
