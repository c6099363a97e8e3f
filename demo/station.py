"""A radio station for machines without a network: `python -m demo.station`.

It sends new bulletins, alternating Swedish and English, as an endless MP3 stream with ICY titles, and publishes the
exact transcript, so that captions can be checked word by word.

The server is the standard library's ThreadingHTTPServer: an endless response needs its own thread under any WSGI server
too, a demo has few listeners, and nothing has to be installed.
"""

from __future__ import annotations

import argparse
import html
import json
import logging
import os
import socket
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from demo import icy
from demo.broadcast import Broadcast
from demo.encoder import BIT_RATE
from wire.errors import SettingsError
from wire.settings import load, setting
from wire.stopping import stop_on_signals

log = logging.getLogger("demo.station")

NAME = "Undertext demo"
#: Further listeners are rejected.
MAX_LISTENERS = 100
#: A listener that reads nothing for this long is disconnected, in seconds.
SEND_TIMEOUT_S = 30
#: The kernel's send buffer per listener, in bytes; a small one reveals slow listeners sooner.
SEND_BUFFER = 32 * 1024

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}</title>
<h1>{name}</h1><p>On air for {minutes:.0f} minutes, {listeners} listening. Now: {title}</p>
<p><audio controls src="/stream.mp3"></audio></p>
<p><a href="/truth?after={after:.0f}">What was said in the last minute</a></p></html>
"""

_HELP = """\
paths:
  /stream.mp3           MP3, 44.1 kHz stereo; with `Icy-MetaData: 1`, titles are included in the stream
  /truth?after=SECONDS  what was said since that Unix time, one JSON object per line:
                        text, language, start_s, end_s, words, programme, voice
  /healthz              200 while on air
  /                     a small page

examples:
  python -m demo.station
  ffplay http://127.0.0.1:8010/stream.mp3
  curl -s "127.0.0.1:8010/truth?after=$(($(date +%s) - 60))"
"""


@dataclass(frozen=True)
class Settings:
    """Read from the environment; the command line takes precedence."""

    #: Port on which it listens.
    port: int = setting("DEMO_PORT", 8010, minimum=0, maximum=65535)
    host: str = setting("HOST", "127.0.0.1")


class Server(ThreadingHTTPServer):
    """Uses one thread per connection."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], broadcast: Broadcast) -> None:
        self.broadcast = broadcast
        super().__init__(address, Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log errors, except those of clients that disconnected."""
        if not isinstance(sys.exception(), OSError):
            log.exception("a request from %s failed", client_address)


class Handler(BaseHTTPRequestHandler):
    """Serves the station's paths. Responses are HTTP/1.0: the stream ends when the connection does."""

    server: Server
    server_version = "undertext-demo"
    timeout = SEND_TIMEOUT_S

    def do_GET(self) -> None:
        """Route a request."""
        url = urlsplit(self.path)
        routes = {"/stream.mp3": self._stream, "/truth": self._truth, "/healthz": self._health, "/": self._page}
        route = routes.get(url.path)
        if route is None:
            self._problem(404, "Not found. Available: /stream.mp3, /truth, /healthz and /.")
        else:
            route(parse_qs(url.query))

    do_HEAD = do_GET

    def _stream(self, _query: dict[str, list[str]]) -> None:
        broadcast = self.server.broadcast
        if broadcast.listeners >= MAX_LISTENERS:
            self._problem(503, f"There are already {MAX_LISTENERS} listeners.")
            return
        titles = icy.Interleaver() if self.headers.get("Icy-MetaData", "").strip() == "1" else None
        headers = {"icy-name": NAME, "icy-br": str(BIT_RATE // 1000), "Cache-Control": "no-store"}
        if titles:
            headers["icy-metaint"] = str(icy.INTERVAL)
        self._head(200, "audio/mpeg", headers)
        if self.command == "HEAD":
            return
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        for frames, title in broadcast.listen():
            self.wfile.write(titles.feed(frames, title) if titles else frames)

    def _truth(self, query: dict[str, list[str]]) -> None:
        text = query.get("after", ["0"])[-1]
        try:
            after = float(text)
        except ValueError:
            self._problem(400, f"after={text!r} is not a Unix time in seconds.")
            return
        lines = [json.dumps(sentence, ensure_ascii=False) + "\n" for sentence in self.server.broadcast.truth(after)]
        self._answer(200, "application/x-ndjson", "".join(lines))

    def _health(self, _query: dict[str, list[str]]) -> None:
        broadcast = self.server.broadcast
        if broadcast.on_air:
            self._answer(200, "application/json", '{"status": "ok"}\n')
        else:
            self._problem(503, broadcast.failure or "The first programme is being rendered.")

    def _page(self, _query: dict[str, list[str]]) -> None:
        broadcast = self.server.broadcast
        page = _PAGE.format(
            name=NAME,
            minutes=broadcast.position_s / 60,
            listeners=broadcast.listeners,
            title=html.escape(broadcast.title),
            after=time.time() - 60,
        )
        self._answer(200, "text/html; charset=utf-8", page)

    def _problem(self, status: int, detail: str) -> None:
        self._answer(status, "application/problem+json", json.dumps({"status": status, "detail": detail}) + "\n")

    def _answer(self, status: int, content_type: str, text: str) -> None:
        body = text.encode()
        self._head(status, content_type, {"Content-Length": str(len(body))})
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: int, content_type: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        # The page with the captions has another origin, and plays the stream.
        self.send_header("Access-Control-Allow-Origin", "*")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Log requests only for debugging."""
        log.debug(format, *args)


def main(argv: list[str] | None = None) -> int:
    """Serve until a signal arrives or the broadcast fails."""
    try:
        settings = load(Settings, os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    options = _parser(settings).parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    broadcast = Broadcast(options.seed)
    try:
        server = Server((options.host, options.port), broadcast)
    except OSError as error:
        print(f"cannot listen on port {options.port} ({error.strerror}): set DEMO_PORT", file=sys.stderr)
        return 1
    stop = threading.Event()
    stop_on_signals(stop.set)
    threading.Thread(target=server.serve_forever, name="server", daemon=True).start()
    broadcast.start()
    log.info("the demo station is at http://%s:%d/ (seed %d)", options.host, server.server_port, options.seed)
    while not broadcast.failure and not stop.wait(0.2):
        pass
    broadcast.stop()
    server.shutdown()
    server.server_close()
    return 1 if broadcast.failure else 0


def _parser(settings: Settings) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo.station",
        description="A radio station that reads new bulletins forever, and publishes their exact transcript.",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default=settings.host, help="address to listen on (default: HOST, %(default)s)")
    parser.add_argument(
        "--port",
        type=int,
        default=settings.port,
        help="port to listen on; 0: any free one (default: DEMO_PORT, %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), help="seed of the programmes (default: the current time)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
