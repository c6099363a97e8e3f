"""Addresses: playlists are followed, and errors name what is wrong. The server is a mock transport."""

from __future__ import annotations

import socket
from collections.abc import Callable

import httpx
import pytest

from ingest.errors import Refused, Unreachable
from ingest.media.playlist import Address, parse, resolve
from ingest.media.probe import Probe, Track
from wire.errors import NotAudio, SourceError

Pages = dict[str, httpx.Response | Exception]
FRAME = b"\xff\xfb\x90\x00" + bytes(413)  # Layer III, 128 kbit/s, 44.1 kHz
MP3 = {"content-type": "audio/mpeg", "icy-name": "Tone"}


@pytest.fixture
def client() -> Callable[[Pages], httpx.Client]:
    def make(pages: Pages) -> httpx.Client:
        def answer(request: httpx.Request) -> httpx.Response:
            page = pages[str(request.url)]
            if isinstance(page, OSError):
                raise httpx.ConnectError(str(page)) from page
            if isinstance(page, Exception):
                raise page
            return page

        return httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=True)

    return make


def test_stream_resolves_to_itself(client: Callable[[Pages], httpx.Client]) -> None:
    pages: Pages = {"http://a.se/live": httpx.Response(200, headers=MP3, content=b"x" * 3000)}
    assert resolve("http://a.se/live", client(pages)) == Address("http://a.se/live", icy=True, n_bytes=3000)


@pytest.mark.parametrize(
    ("headers", "body", "known"),
    [
        (MP3, b"the end of a frame" + 3 * FRAME, True),
        (MP3, b"the end of a frame" + 2 * FRAME + b"no frame", False),
        (MP3, b"the end of a frame" + FRAME, False),
        (MP3, b"\xff\xf1\x50\x80" + bytes(6_000), False),  # AAC, which some servers declare as MP3
        (MP3 | {"content-type": "audio/aac"}, 3 * FRAME, True),
        ({"content-type": "audio/mpeg"}, 3 * FRAME, False),  # with a length, and not a radio server: a recording
    ],
)
def test_mp3_stream_is_recognised_by_its_frames(
    headers: dict[str, str], body: bytes, known: bool, client: Callable[[Pages], httpx.Client]
) -> None:
    pages: Pages = {"http://a.se/live": httpx.Response(200, headers=headers, content=body)}
    address = resolve("http://a.se/live", client(pages))
    assert address.format == ("mp3" if known else "")
    assert address.probe == (Probe((Track("mp3", 44_100, 2, 128_000),), "mp3") if known else None)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("audio/x-scpls", b"[playlist]\nNumberOfEntries=2\nFile2=http://b.se/2\nFile1=http://b.se/1\nTitle1=x%y\n"),
        ("text/plain", b"[Playlist]\r\nFile1=http://b.se/1\r\nFile2=http://b.se/2\r\n"),
        ("audio/x-mpegurl", b"#EXTM3U\n#EXTINF:-1,Tone\nhttp://b.se/1\n\nhttp://b.se/2\n"),
        ("application/octet-stream", b"\xef\xbb\xbfhttp://b.se/1\r\nhttp://b.se/2\r\n"),
    ],
)
def test_playlist_entries_are_tried_in_turn(kind: str, body: bytes, client: Callable[[Pages], httpx.Client]) -> None:
    pages: Pages = {
        "http://a.se/list.m3u": httpx.Response(200, headers={"content-type": kind}, content=body),
        "http://b.se/1": httpx.Response(200, headers=MP3, content=b"x"),
        "http://b.se/2": httpx.Response(200, headers=MP3, content=b"x"),
    }
    assert resolve("http://a.se/list.m3u", client(pages)).url == "http://b.se/1"
    pages["http://a.se/list.m3u"] = httpx.Response(200, headers={"content-type": kind}, content=body)
    pages["http://b.se/2"] = httpx.Response(200, headers=MP3, content=b"x")
    assert resolve("http://a.se/list.m3u", client(pages), turn=1).url == "http://b.se/2"


def test_relative_entries_are_resolved_against_the_playlist(client: Callable[[Pages], httpx.Client]) -> None:
    pages: Pages = {
        "http://a.se/x/list.pls": httpx.Response(302, headers={"location": "http://c.se/y/list.pls"}),
        "http://c.se/y/list.pls": httpx.Response(200, content=b"[playlist]\nFile1=live.mp3\n"),
        "http://c.se/y/live.mp3": httpx.Response(200, headers=MP3, content=b"x"),
    }
    assert resolve("http://a.se/x/list.pls", client(pages)).url == "http://c.se/y/live.mp3"


@pytest.mark.parametrize(
    ("url", "kind", "body"),
    [
        ("http://a.se/live.m3u8", "text/plain", b"#EXTM3U\n#EXT-X-VERSION:3\n"),
        ("http://a.se/live", "application/vnd.apple.mpegurl", b"#EXTM3U\n"),
        ("http://a.se/live.m3u", "audio/x-mpegurl", b"#EXTM3U\n#EXT-X-TARGETDURATION:6\nseg1.ts\n"),
    ],
)
def test_hls_is_left_to_ffmpeg(url: str, kind: str, body: bytes, client: Callable[[Pages], httpx.Client]) -> None:
    pages: Pages = {url: httpx.Response(200, headers={"content-type": kind}, content=body)}
    assert resolve(url, client(pages)) == Address(url, hls=True)


@pytest.mark.parametrize(
    ("page", "kind", "says"),
    [
        (
            httpx.Response(200, headers={"content-type": "text/html; charset=utf-8"}, content=b"<p>"),
            NotAudio,
            "a web page",
        ),
        (httpx.Response(200, content=b" <!DOCTYPE html><html>"), NotAudio, "a web page"),
        (httpx.Response(404), Refused, "a.se responded with 404 Not Found: look up its new address"),
        (httpx.Response(403), Refused, "blocked in this country"),
        (httpx.Response(503), SourceError, "503 Service Unavailable"),
        (
            httpx.Response(200, headers={"content-type": "audio/x-scpls"}, content=b"[playlist]\n"),
            NotAudio,
            "contains no stream",
        ),
        (httpx.ReadTimeout("slow"), SourceError, "did not respond in time"),
        (
            socket.gaierror(-2, "Name or service not known"),
            Unreachable,
            "no server named a.se: check the address",
        ),
        (ConnectionRefusedError(111, "Connection refused"), SourceError, "refused the connection"),
        (OSError(113, "No route to host"), Unreachable, "a.se cannot be reached: .* No route to host"),
    ],
)
def test_errors_name_the_problem(
    page: httpx.Response | Exception, kind: type[Exception], says: str, client: Callable[[Pages], httpx.Client]
) -> None:
    with pytest.raises(kind, match=says):
        resolve("http://a.se/live", client({"http://a.se/live": page}))


def test_shoutcast_1_is_left_to_ffmpeg(client: Callable[[Pages], httpx.Client]) -> None:
    pages: Pages = {"http://a.se/": httpx.RemoteProtocolError("illegal status line: bytearray(b'ICY 200 OK')")}
    assert resolve("http://a.se/", client(pages)) == Address("http://a.se/", icy=True)


def test_recursive_playlist_is_refused(client: Callable[[Pages], httpx.Client]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b"http://a.se/list.m3u\n")

    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as endless,
        pytest.raises(NotAudio, match="too many playlists"),
    ):
        resolve("http://a.se/list.m3u", endless)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "rtmp://a.se/x", "/etc/passwd", "concat:a|b"])
def test_only_http_is_followed(url: str, client: Callable[[Pages], httpx.Client]) -> None:
    with pytest.raises(NotAudio, match="not an http or https address"):
        resolve(url, client({}))


def test_errors_do_not_contain_passwords(client: Callable[[Pages], httpx.Client]) -> None:
    entry = "rtsp://user:secret@b.se/live"
    pages: Pages = {"http://a.se/list.m3u": httpx.Response(200, content=entry.encode())}
    with pytest.raises(NotAudio, match=r"'rtsp://b\.se/live' is not an http or https address"):
        resolve("http://a.se/list.m3u", client(pages))


@pytest.mark.parametrize("entry", ["http://[::1/live", "http://b.se:port/live"])
def test_invalid_addresses_are_refused(entry: str, client: Callable[[Pages], httpx.Client]) -> None:
    with pytest.raises(NotAudio, match="is not a valid address"):
        resolve(entry, client({}))
    pages: Pages = {"http://a.se/list.m3u": httpx.Response(200, content=f"{entry}\nhttp://b.se/2\n".encode())}
    with pytest.raises(NotAudio, match=r"the playlist at a\.se contains .* which is not a valid address"):
        resolve("http://a.se/list.m3u", client(pages))


def test_address_for_ffmpeg_is_encoded(client: Callable[[Pages], httpx.Client]) -> None:
    pages: Pages = {
        "http://a.se/list.m3u": httpx.Response(200, content="http://smörgås.se/på luften?x=%20\n".encode()),
        "http://xn--smrgs-pra0j.se/p%C3%A5%20luften?x=%20": httpx.Response(200, headers=MP3, content=b"x"),
    }
    address = resolve("http://a.se/list.m3u", client(pages))
    assert address.url == "http://xn--smrgs-pra0j.se/p%C3%A5%20luften?x=%20"


def test_broken_playlist_has_no_entries() -> None:
    assert parse(b"[playlist]\nthis is not\n an ini file =\n[") == []
    assert parse("[playlist]\nfile²=http://a/\nfile2=http://b/\nfile1=http://c/".encode()) == ["http://c/", "http://b/"]


def test_playlist_of_spaces_is_parsed_in_linear_time() -> None:
    spaces = b" " * 1_000_000  # configparser would take hours, in which no other station is read
    assert parse(b"[playlist]\na" + spaces + b"b\nFile1=http://a/" + spaces + b"\n") == ["http://a/"]
