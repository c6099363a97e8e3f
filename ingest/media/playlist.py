"""Checks a URL before ffmpeg reads it: follows .m3u and .pls playlists, and reports problems clearly.

One short request distinguishes a missing host, a missing page and a web page, without a process for each try; ffmpeg
would report "Invalid data found when processing input" for most of them. HLS playlists (.m3u8) are left to ffmpeg.
"""

from __future__ import annotations

import re
import socket
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx

from ingest.errors import Refused, Unreachable
from ingest.media import mp3, web
from ingest.media.ffmpeg import without_passwords
from ingest.media.probe import Probe, Track, looks_like_html
from wire.errors import NotAudio, SourceError

#: Maximum depth of playlists that link to playlists.
MAX_DEPTH = 4

#: An entry of a .pls playlist.
_FILE = re.compile(r"file([0-9]{1,9})", re.IGNORECASE)

#: Maximum number of bytes read of a playlist, or of a page that may not be audio.
HEAD_BYTES = 65_536

#: Bytes that identify most recordings and streams.
SNIFF_BYTES = 512

#: Content types of MP3, and the bytes that contain three of its largest frames.
_MP3_TYPES, MP3_BYTES = {"audio/mpeg", "audio/mp3", "audio/x-mpeg", "audio/mpeg3"}, 6_000

_PLAYLIST_TYPES = {"audio/x-scpls", "audio/scpls", "application/pls+xml", "audio/x-mpegurl", "audio/mpegurl"}
_HLS_TYPES = {"application/vnd.apple.mpegurl", "application/x-mpegurl"}

# Names of radio servers, and prefixes of the headers that they send with a stream.
_RADIO_SERVERS = ("icecast", "shoutcast")
_RADIO_HEADERS = ("icy-", "ice-")


@dataclass(frozen=True, slots=True)
class Address:
    """The URL that ffmpeg should read, and what its server reported about it."""

    url: str
    hls: bool = False
    icy: bool = False  # the server presents itself as a radio station
    live: bool = False  # it is a radio station, without a content length
    n_bytes: int | None = None  # size of a file; unknown for a stream
    probe: Probe | None = None  # of a stream that its first bytes identify with certainty

    @property
    def format(self) -> str:
        """ffmpeg's name of the format, if it is certain."""
        return self.probe.format if self.probe else ""


def resolve(url: str, client: httpx.Client, *, turn: int = 0, depth: int = 0) -> Address:
    """Resolve `url` to the address that ffmpeg should read.

    Args:
        turn: which entry of a playlist with several to use; they are alternatives, to be tried in turn.

    Raises:
        NotAudio: a web page, or a playlist without entries.
        Unreachable: no such host, or no connection to it.
        Refused: an error status.
        SourceError: any other, possibly temporary, failure.
    """
    try:
        parsed, host = httpx.URL(url), urlsplit(url).hostname or url
    except (httpx.InvalidURL, ValueError) as error:
        raise NotAudio(without_passwords(f"{url!r} is not a valid address: {error}")) from error
    if parsed.scheme not in ("http", "https"):
        raise NotAudio(without_passwords(f"{url!r} is not an http or https address"))
    if depth > MAX_DEPTH:
        raise NotAudio("too many playlists that link to playlists; use the address of the recording or stream itself")
    url = str(parsed)  # encoded: ffmpeg sends letters and spaces unencoded, and cannot look up a host with å
    try:
        # Some stations only present themselves as one if titles are requested, as ffmpeg does.
        with web.get(client, url, headers={"Icy-MetaData": "1"}) as answer:
            return _classify(url, answer, client, turn, depth)
    except httpx.RemoteProtocolError:
        return Address(url, icy=True)  # "ICY 200 OK": SHOUTcast 1, which ffmpeg understands
    except httpx.TimeoutException as error:
        raise SourceError(f"{host} did not respond in time") from error
    except httpx.ConnectError as error:
        raise _unreachable(host, error) from error
    except httpx.UnsupportedProtocol as error:  # of the target of a redirect
        raise NotAudio(without_passwords(f"{url!r} redirects to an unsupported address: {error}")) from error
    except httpx.HTTPError as error:
        raise SourceError(f"{host}: {error or type(error).__name__}") from error


def _classify(url: str, answer: httpx.Response, client: httpx.Client, turn: int, depth: int) -> Address:
    host = answer.url.host
    if answer.status_code >= 400:
        raise _refused(host, answer.status_code)
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    path = answer.url.path.lower()
    playlist = kind in _PLAYLIST_TYPES or path.endswith((".m3u", ".pls"))
    hls = kind in _HLS_TYPES or path.endswith(".m3u8")
    if hls:  # ffmpeg reads it, compressed or not
        return Address(url, hls=True)
    whole = playlist or kind.startswith("text/")
    head, frame = _read_head(answer, HEAD_BYTES if whole else MP3_BYTES if kind in _MP3_TYPES else SNIFF_BYTES)
    if b"#EXT-X-" in head:
        return Address(url, hls=True)
    if playlist or head.lstrip().lower().startswith((b"[playlist]", b"#extm3u")):
        entries = parse(head)
        if not entries:
            raise NotAudio(f"the playlist at {host} contains no stream")
        return resolve(_entry_url(answer.url, entries[turn % len(entries)]), client, turn=turn, depth=depth + 1)
    if kind in ("text/html", "application/xhtml+xml") or looks_like_html(head):
        raise NotAudio(
            f"{host} returned a web page instead of audio; use the address of the recording or stream itself"
        )
    length = answer.headers.get("content-length", "")
    server = answer.headers.get("server", "").lower()
    icy = any(name.startswith(_RADIO_HEADERS) for name in answer.headers) or server.startswith(_RADIO_SERVERS)
    n_bytes = int(length) if length.isascii() and length.isdigit() else None
    probe = None
    if frame and (icy or not length):  # not for recordings, whose duration is not known from this
        probe = Probe((Track("mp3", frame.sample_rate_hz, frame.channels, frame.bits_per_s),), "mp3")
    return Address(url, icy=icy, live=icy and not length, n_bytes=n_bytes, probe=probe)


def _entry_url(playlist: httpx.URL, entry: str) -> str:
    """The address of an entry, which may be relative to its playlist's."""
    try:
        return str(playlist.join(entry))
    except (httpx.InvalidURL, ValueError) as error:
        why = without_passwords(f"{entry!r}, which is not a valid address: {error}")
        raise NotAudio(f"the playlist at {playlist.host} contains {why}") from error


def parse(playlist: bytes) -> list[str]:
    """The entries of a .pls or .m3u playlist, in order."""
    text = playlist.decode("utf-8-sig", errors="replace")
    if text.lstrip().lower().startswith("[playlist]"):
        # Not with configparser: its time grows with the square of a line's spaces, to a minute for HEAD_BYTES of them.
        files: dict[int, str] = {}
        for line in text.splitlines():
            key, _, value = line.partition("=")
            if (match := _FILE.fullmatch(key.strip())) and value.strip():
                files[int(match[1])] = value.strip()
        return [files[number] for number in sorted(files)]
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _read_head(answer: httpx.Response, n_bytes: int) -> tuple[bytes, mp3.Frame | None]:
    head, frame = b"", None
    for part in web.parts(answer):
        head += part
        frame = mp3.first_frame(head)
        if frame or len(head) >= n_bytes:
            break
    return head[:n_bytes], frame


def _refused(host: str, status: int) -> SourceError:
    try:
        phrase = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = str(status)
    if status >= 500 or status == HTTPStatus.TOO_MANY_REQUESTS:
        return SourceError(f"{host} responded with {phrase}")
    remedy = (
        "it may be blocked in this country or need a login" if status in (401, 403, 451) else "look up its new address"
    )
    return Refused(f"{host} responded with {phrase}: {remedy}")


def _unreachable(host: str, error: httpx.ConnectError) -> SourceError:
    cause: BaseException | None = error
    while cause is not None:
        match cause:
            case ssl.SSLCertVerificationError():
                return Unreachable(f"the certificate of {host} is not valid: {cause.verify_message}")
            case socket.gaierror():
                return Unreachable(f"there is no server named {host}: check the address, and this machine's network")
            case ConnectionRefusedError():
                return SourceError(f"{host} refused the connection: its server is down, or the port is wrong")
        cause = cause.__cause__ or cause.__context__
    return Unreachable(f"{host} cannot be reached: {error}")
