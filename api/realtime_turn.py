"""A turn of a session of OpenAI's Realtime API, and the way of its text to the client."""

from __future__ import annotations

import json
import secrets
import threading
import time
from typing import Any

from simple_websocket import ConnectionClosed, Server

from api import openai_shapes, problems
from api.context import Context
from api.follow import OVER, Follower
from api.formats import dumps
from api.hello import parse_hello
from api.intake import Intake
from api.live import count
from api.openai_shapes import piece
from api.problems import Problem
from api.realtime_session import Session
from wire.bus import RedisError
from wire.errors import BadRequest
from wire.messages import Caption, Kind, Status, source_name

#: A turn has at least so much audio, in seconds, as OpenAI's.
SHORTEST_S = 0.1

#: How often a turn looks whether it has waited for long enough, in seconds.
LOOK_S = 1.0


class Outlet:
    """A session's events on their way out, which several threads send."""

    def __init__(self, ws: Server) -> None:
        self._ws = ws
        self._item: str | None = None

    @property
    def open(self) -> bool:
        """Whether the client is there."""
        return bool(self._ws.connected)

    def send(self, type: str, **values: Any) -> None:
        """Send an event.

        Raises:
            ConnectionClosed, OSError: the client is gone.
        """
        self._ws.send(dumps({"type": type, "event_id": f"event_{secrets.token_hex(8)}", **values}))

    def committed(self, item: str) -> None:
        """Send that an item has all of its audio, and behind which it stands."""
        before, self._item = self._item, item
        self.send("input_audio_buffer.committed", item_id=item, previous_item_id=before)

    def transcript(self, what: str, item: str, **values: Any) -> None:
        """Send something of an item's text: a `delta`, that it is `completed`, or has `failed`."""
        type = f"conversation.item.input_audio_transcription.{what}"
        self.send(type, item_id=item, content_index=0, **values)

    def completed(self, item: str, text: str, duration_s: float) -> None:
        """Send an item's whole text."""
        usage = {"type": "duration", "seconds": duration_s}
        self.transcript("completed", item, transcript=text, usage=usage)

    def complain(self, error: Exception, event: Any = None) -> None:
        """Say what is wrong, and with which event of the client's."""
        shape = openai_shapes.error(problems.from_error(error))["error"]
        try:
            self.send("error", error={**shape, "event_id": event})
        except (ConnectionClosed, OSError):
            return  # nobody is there to hear it


class Turn:
    """What is said up to a commit. Its captions go out on a thread of its own, also after that."""

    def __init__(self, ctx: Context, session: Session, outlet: Outlet) -> None:
        self._ctx = ctx
        self._detects = bool(session.detection)
        self._outlet = outlet
        hello = {"sample_rate": session.rate_hz, "format": session.format, "language": session.language}
        greeting = parse_hello(json.dumps(hello))
        self._id = greeting.hello.id
        self._source = source_name(Kind.MICROPHONE, self._id)
        self._item = f"item_{self._id}"
        self._committed = self._dropped = False
        self._until_s: float | None = None  # when its last captions must have come, once it has ended
        ctx.statuses.save(Status(self._source, since_s=time.time()))
        connection = ctx.microphones.open(greeting.hello, greeting.key)
        self._intake = Intake(ctx.microphones, greeting, connection)
        self._audio_s = 0.0
        self.heard_s = time.monotonic()  #: when audio last came
        self._thread = threading.Thread(target=self._relay, name=f"turn-{self._id}", daemon=True)
        self._thread.start()

    @property
    def waits(self) -> bool:
        """Whether anything of it is still to come."""
        return self._thread.is_alive()

    def hear(self, audio: bytes) -> None:
        """Take more audio.

        Raises:
            BadRequest: it is none.
        """
        self.heard_s = time.monotonic()
        self._intake.hear(audio)
        self._audio_s += self._intake.seconds(audio)

    def seconds(self, audio: bytes) -> float:
        """How long a part is."""
        return self._intake.seconds(audio)

    def commit(self) -> None:
        """This was all of it.

        Raises:
            BadRequest: that is next to nothing; the turn goes on.
        """
        if self._audio_s < SHORTEST_S:
            raise BadRequest(f"a turn has at least {SHORTEST_S:g} s of audio, and this one {self._audio_s:.2f} s")
        self._committed = True
        self._outlet.committed(self._item)
        self._close()

    def end(self) -> None:
        """Nothing more comes, though nobody said so."""
        if self._detects or self._audio_s < SHORTEST_S:
            self._close()
        else:
            self.commit()

    def drop(self) -> None:
        """Nobody wants to know any more of it; until its recording has ended, it `waits`."""
        self._dropped = True
        if self._until_s is None:
            self._close()

    def _close(self) -> None:
        self._intake.flush()
        self._until_s = time.monotonic() + self._ctx.settings.microphone_drain_s
        self._ctx.microphones.close(self._id)

    def _relay(self) -> None:
        try:
            with self._ctx.hub.watch(self._source) as viewer:
                self._pass_on(Follower(self._ctx.log, viewer, self._source, 0, status=self._status, idle_s=LOOK_S))
        except RedisError as error:
            self._fail(problems.from_error(error))
        except (ConnectionClosed, OSError):
            return  # the session sees it too

    def _status(self) -> Status:
        return self._ctx.statuses.get(Kind.MICROPHONE, self._id)

    def _pass_on(self, follower: Follower) -> None:
        text = ""
        for message in follower.messages():
            if not self._outlet.open:
                return
            if message and message.type == Caption.type and not self._dropped:
                caption = Caption.decode(message.text)
                if not caption.final or not (delta := piece(caption, first=not text)):
                    continue
                if self._detects and not self._committed:
                    self._pass_on_alone(caption)
                else:
                    text += delta
                    self._outlet.transcript("delta", self._item, delta=delta)
                count(self._ctx, message)
            elif message and message.type == "end":
                if self._until_s is None or self._status().state in OVER:
                    break  # ingest has given it up
                if self._committed:
                    self._outlet.completed(self._item, text, self._audio_s)
                return
            elif self._until_s and time.monotonic() > self._until_s:
                break
        if not self._dropped:
            self._fail(Problem(503, f"Not all of it is captioned; /microphones/{self._id}/captions.json has what is."))

    def _pass_on_alone(self, caption: Caption) -> None:
        """A caption as an item of its own."""
        item, text = f"{self._item}_{caption.id}", piece(caption, first=True)
        self._outlet.committed(item)
        self._outlet.transcript("delta", item, delta=text)
        self._outlet.completed(item, text, caption.end_s - caption.start_s)

    def _fail(self, problem: Problem) -> None:
        try:
            self._outlet.transcript("failed", self._item, **openai_shapes.error(problem))
        except (ConnectionClosed, OSError):
            return
