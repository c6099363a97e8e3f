"""`/stations/ID/hls/live.m3u8`: a station's own sound with its captions in time, for any HLS player.

Players are about twenty seconds behind the live sound: by then its captions are final and in place.
"""

from __future__ import annotations

import time

from flask import Blueprint, Response, request
from gevent import sleep

from api.context import Context, context
from api.http import access
from api.http.problems import Problem
from api.text import playlists
from wire import audience
from wire.broadcast import KEPT_S, Segment
from wire.captions import latest_revisions
from wire.errors import UnknownSource
from wire.messages import Caption, Kind, Station, source_name

blueprint = Blueprint("hls", __name__, url_prefix="/stations/<id>/hls")

#: The first player of a station waits this long for ingest to publish the last minute, in seconds; what earlier players
#: got may be older than that.
_WAIT_S = 4.0

#: How often that player checks meanwhile, in seconds.
_POLL_S = 0.25

#: Segments that ended at most this long ago belong to the last minute, in seconds: HLS segments have up to ten.
_FRESH_S = 20.0

#: Events of the log that cover the minute that playlists list.
_EVENTS = 150

#: A segment never changes.
_CACHE_HEADERS = {"Cache-Control": "max-age=60"}


@blueprint.get("/live.m3u8")
def live(id: str) -> Response:
    """The main playlist."""
    ctx, station = context(), _station(id)
    listed, now_s = _wait_for_segments(ctx, station)
    if listed[-1].end_s < now_s - KEPT_S:  # other players wait for the station; these segments are gone
        raise _no_sound(ctx, station)
    language = station.language or next(iter(ctx.log.progress(_source(id)).languages), None)
    return _playlist(playlists.main_playlist(listed, language))


@blueprint.get("/sound.m3u8")
def sound(id: str) -> Response:
    """The playlist of the sound."""
    return _playlist(playlists.playlist(_wait_for_segments(context(), _station(id))[0]))


@blueprint.get("/captions.m3u8")
def captions(id: str) -> Response:
    """The playlist of the captions."""
    return _playlist(playlists.playlist(_wait_for_segments(context(), _station(id))[0], "vtt"))


@blueprint.get("/<int:number>.<ending>")
def segment(id: str, number: int, ending: str) -> Response:
    """One segment of sound or captions."""
    ctx, source = context(), _source(_station(id).id)
    listed = ctx.broadcasts.segment(source, number)
    if listed and ending == "vtt":
        text = ctx.cache.get((source, number), lambda: playlists.captions(listed, _recent_captions(ctx, source)[0]))
        return Response(text, content_type="text/vtt; charset=utf-8", headers=_CACHE_HEADERS)
    data = ctx.broadcasts.data(source, number) if listed and ending == listed.format else None
    if not listed or data is None:
        raise UnknownSource("this segment no longer exists: the playlist lists those that do")
    media_type, _ = playlists.SOUNDS[ending]
    return Response(playlists.sound(listed, data), mimetype=media_type, headers=_CACHE_HEADERS)


def _station(id: str) -> Station:
    """The station, if the client may hear it.

    Raises:
        Problem: the client lacks the token.
        UnknownSource: there is no such station.
    """
    ctx = context()
    station = ctx.stations.get(id)
    access.check_audio_access(ctx.settings, request, station.url)
    return station


def _wait_for_segments(ctx: Context, station: Station) -> tuple[list[Segment], float]:
    """The segments to list now, at least one, and the Unix time.

    Raises:
        Problem: 503, there are none yet.
        UnknownSource: HLS is switched off.
    """
    source = _source(station.id)
    is_fresh = audience.register_listener(ctx.redis, source)
    ctx.broadcasts.keep_alive(source)
    until_s = time.monotonic() + _WAIT_S
    while True:
        segments, now_s = ctx.broadcasts.listed_now(source)
        is_fresh |= bool(segments) and segments[-1].end_s > now_s - _FRESH_S
        timed_out = time.monotonic() > until_s
        if (is_fresh or timed_out) and (listed := playlists.ready(segments, _recent_captions(ctx, source)[1], now_s)):
            return listed, now_s
        if timed_out:
            raise _no_sound(ctx, station)
        sleep(_POLL_S)


def _no_sound(ctx: Context, station: Station) -> Exception:
    status = ctx.statuses.get(Kind.STATION, station.id)
    if not status.hls and status.worker:
        return UnknownSource("this server offers no HLS: HLS=no in ingest's settings")
    why = f"{station.name} is {status.state}" + (f": {status.detail}" if status.detail else "")
    return Problem(503, f"There is no audio yet; {why}.", {"Retry-After": "5"})


def _recent_captions(ctx: Context, source: str) -> tuple[list[Caption], float]:
    """The recent captions, and the Unix time up to which they are final.

    Reading them costs as much as the rest of a request, and players poll: many players must not slow readers down.
    """

    def read() -> tuple[list[Caption], float]:
        captioned_s = ctx.log.progress(source).until_s  # first: captions committed in between may not be final
        recent = latest_revisions(ctx.log.latest(source, _EVENTS))
        return recent, playlists.final_until(recent, captioned_s)

    return ctx.cache.get(source, read)


def _source(id: str) -> str:
    return source_name(Kind.STATION, id)


def _playlist(text: str) -> Response:
    return Response(text, mimetype=playlists.MEDIA_TYPE)
