"""The real API process for tests, and captions committed as a transcriber would."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from prometheus_client import CollectorRegistry
from simple_websocket import ConnectionClosed

from tests.websocket_client import Client
from wire.bus import Redis, connect
from wire.captions import Advance, CaptionLog
from wire.chunk import Chunk
from wire.messages import Caption, Content, Hello
from wire.metrics import TranscriberMetrics, exposition
from wire.microphone import Microphones
from wire.queue import Delivery, stream_of

ROOT = Path(__file__).resolve().parents[2]


class Api:
    """A running `python -m api`."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
        self.process = process
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self.ws = f"ws://127.0.0.1:{port}"
        self.http = httpx.Client(base_url=self.url, timeout=20)

    def log(self) -> str:
        """Its log."""
        return (self.folder / "api.log").read_text()

    def refusal(self, path: str, **headers: str) -> httpx.Response:
        """The HTTP response to a rejected handshake."""
        handshake = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        return self.http.get(path, headers={**handshake, **headers})

    @contextmanager
    def socket(self, path: str, **options: Any) -> Iterator[Socket]:
        """A WebSocket."""
        client = Client(self.ws + path, **options)
        try:
            yield Socket(client)
        finally:
            with suppress(ConnectionClosed, OSError):
                client.close()


class Socket:
    """A WebSocket client that speaks JSON."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def next(self, *types: str, timeout_s: float = 20) -> dict[str, Any]:
        """The next message, of one of `types` if any are given."""
        until = time.monotonic() + timeout_s
        while (left := until - time.monotonic()) > 0:
            message = self.client.receive(timeout=left)
            if message is not None:
                values: dict[str, Any] = json.loads(message)
                if not types or values["type"] in types:
                    return values
        raise AssertionError(f"no {' or '.join(types) or 'message'} within {timeout_s} s")

    def until(self, last: Callable[[dict[str, Any]], bool], timeout_s: float = 30) -> list[dict[str, Any]]:
        """Messages up to the one for which `last` is true."""
        found: list[dict[str, Any]] = []
        while not found or not last(found[-1]):
            found.append(self.next(timeout_s=timeout_s))
        return found

    def closed(self, timeout_s: float = 20) -> int:
        """Wait until the server closes; the close code."""
        until = time.monotonic() + timeout_s
        try:
            while time.monotonic() < until:
                self.client.receive(timeout=max(0.1, until - time.monotonic()))
        except ConnectionClosed as closed:
            return int(closed.reason or 1006)
        raise AssertionError(f"still open after {timeout_s} s")


@contextmanager
def running(
    redis_url: str, port: int, folder: Path, *, program: Sequence[str] = ("-m", "api"), **environ: object
) -> Iterator[Api]:
    """An API on `port` whose files are in `folder`; its settings come from `environ`."""
    log = folder / "api.log"
    settings = {"REDIS_URL": redis_url, "PORT": port, "HOST": "127.0.0.1", "DATA_DIR": folder / "var", **environ}
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, *program],
            cwd=ROOT,
            env={**os.environ, **{name: str(value) for name, value in settings.items()}},
            stdout=file,
            stderr=file,
        )
    api = Api(process, port, folder)
    try:
        _wait_for(api)
        yield api
    finally:
        api.http.close()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=15)
        finally:
            process.kill()


def _wait_for(api: Api) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        assert api.process.poll() is None, api.log()
        try:
            if api.http.get("/healthz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(api.log())


class Speaker:
    """Commits captions of one source, as a transcriber does."""

    def __init__(self, redis: Redis, source: str) -> None:
        self.source = source
        self.log = CaptionLog(redis)
        self._seq = 0
        self._id = 0

    def say(
        self,
        text: str = "",
        *,
        revisions: int = 1,
        start_s: float | None = None,
        end_s: float | None = None,
        final_after: bool = True,
        sounds_like: str = "",
        **fields: Any,
    ) -> None:
        """Commit one more caption, in this many revisions; the last is final if `final_after`."""
        self._id += 1
        start_s = 5.0 * self._id if start_s is None else start_s
        fields = {"language": "sv", **fields}
        for revision in range(revisions):
            self._newest = Caption(
                source=self.source,
                id=self._id,
                revision=revision,
                start_s=start_s,
                end_s=start_s + 4 if end_s is None else end_s,
                text=text or (f"line {self._id}" if "content" not in fields else ""),
                final=final_after and revision == revisions - 1,
                captured_s=time.time(),
                **fields,
            )
            until_s = self._newest.end_s
            self._commit(Advance(b"{}", (self._newest,), 1, self._seq + 1, until_s, sounds_like=sounds_like))

    def say_many(self, count: int) -> None:
        """Commit captions of five seconds each, at once."""
        captions = [
            Caption(self.source, id, 0, 5.0 * id, 5.0 * id + 4, f"line {id}", True, "sv") for id in range(1, count + 1)
        ]
        self._id = count
        self._commit(Advance(b"{}", tuple(captions), 1, self._seq + 1, captions[-1].end_s))

    def revise(self, text: str, *, final: bool = True) -> None:
        """Commit the last caption again with another text."""
        self._newest = dataclasses.replace(self._newest, revision=self._newest.revision + 1, text=text, final=final)
        self._commit(Advance(b"{}", (self._newest,), 1, self._seq + 1, self._newest.end_s))

    def make_up(self, reason: str) -> None:
        """Commit a chunk whose text was rejected."""
        self._commit(Advance(b"{}", (), 1, self._seq + 1, 5.0 * self._seq, rejected=(reason,)))

    def finish(self) -> None:
        """Finish the source."""
        self._commit(Advance(b"{}", (), 1, self._seq + 1, 5.0 * self._id + 5, finished=True))

    def _commit(self, advance: Advance) -> None:
        chunk = Chunk(self.source, 1, self._seq, 5.0 * self._seq, 80_000, content=Content.SILENCE)
        self._seq += 1
        self.log.commit([Delivery(stream_of(chunk), b"1-1", chunk)], lambda _: advance)


def knowing(languages: str, tasks: str = "transcribe translate", *, model: str = "model") -> Callable[[], bytes]:
    """The metrics of a transcriber whose `model` supports `languages` and `tasks`, separated by spaces."""
    registry = CollectorRegistry()
    TranscriberMetrics(registry).model_info.labels(model, "cpu", languages, tasks).set(1)
    return lambda: exposition(registry)


class Babble(threading.Thread):
    """A speaker that never stops, on a thread."""

    def __init__(self, url: str, source: str, pause_s: float = 0.002) -> None:
        super().__init__(daemon=True)
        self._speaker = Speaker(connect(url), source)
        self._pause_s = pause_s
        self._stopping = threading.Event()

    def run(self) -> None:
        """Speak."""
        while not self._stopping.wait(self._pause_s):
            self._speaker.say(revisions=2)

    def __enter__(self) -> Babble:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self.join()


class Ingest(threading.Thread):
    """Accepts one microphone, collects its audio, and commits a caption when it is closed."""

    def __init__(self, redis_url: str, hello: Hello | None = None) -> None:
        super().__init__(daemon=True)
        self._redis = connect(redis_url)
        self.microphones = Microphones(self._redis)
        self.hello = hello
        self.pcm = b""

    def heard(self, n_bytes: int) -> None:
        """Wait until this many bytes have arrived."""
        until = time.monotonic() + 20
        while len(self.pcm) < n_bytes:
            assert time.monotonic() < until, f"{len(self.pcm)} bytes of {n_bytes}"
            time.sleep(0.02)

    def run(self) -> None:
        """The whole life of a microphone."""
        self.hello = self.hello or self.microphones.next(20)
        assert self.hello is not None
        speaker = Speaker(self._redis, f"microphones/{self.hello.id}")
        begun_s = time.time()  # times of a microphone are Unix times, like a station's
        speaker.say("first", start_s=begun_s)
        after, closed = b"0", False
        while not closed:
            frames, closed = self.microphones.frames(self.hello.id, after, 5)
            for frame in frames:
                after = frame.entry
                self.pcm += frame.pcm
        speaker.say(f"{len(self.pcm)} bytes", start_s=begun_s + 5)
        speaker.finish()


class Ingests(threading.Thread):
    """Accepts every microphone, and runs until all are closed."""

    def __init__(self, redis_url: str) -> None:
        super().__init__(daemon=True)
        self._url = redis_url
        self._stopping = threading.Event()
        self.all: list[Ingest] = []

    def run(self) -> None:
        """Accept microphones."""
        with connect(self._url) as redis:
            while not self._stopping.is_set():
                if hello := Microphones(redis).next(0.2):
                    self.all.append(Ingest(self._url, hello))
                    self.all[-1].start()

    def __enter__(self) -> Ingests:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in (self, *self.all):
            thread.join(timeout=20)
            assert not thread.is_alive()
