"""A turn of a session of OpenAI's Realtime API: its audio to ingest, and its text to the client."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from simple_websocket import ConnectionClosed

from api.context import Context
from api.http import problems
from api.http.problems import Problem
from api.live.follow import ABORTED, Follower
from api.live.websockets import count
from api.microphones.hello import parse_hello
from api.microphones.intake import Intake
from api.openai import shapes
from api.openai.realtime.client import Client
from api.openai.realtime.items import Items
from api.openai.realtime.session import Session
from wire.bus import RedisError
from wire.errors import BadRequest
from wire.messages import Caption, Kind, Status, source_name

#: Least audio of a turn, in seconds, as in OpenAI's API.
MIN_AUDIO_S = 0.1

#: The field in OpenAI's error for a commit without audio.
BUFFER = "input_audio_buffer"

#: How often a turn checks whether it has waited for long enough, in seconds.
POLL_S = 1.0


class Turn:
    """The audio up to a commit. Its captions are sent from a separate thread, also after the commit."""

    def __init__(self, ctx: Context, session: Session, client: Client) -> None:
        self._ctx = ctx
        self._detects = bool(session.detection)
        self._client = client
        about = {"language": session.language, "hot_words": session.hot_words}
        greeting = parse_hello(json.dumps({"sample_rate": session.rate_hz, "format": session.format, **about}))
        self._id = greeting.hello.id
        self._source = source_name(Kind.MICROPHONE, self._id)
        self._item = f"item_{self._id}"
        self._items = Items(client, self._item, detects=self._detects)
        self._committed = self._discarded = False
        self._commit_event: Any = None  # the id of the client's event
        self._until_s: float | None = None  # when its last captions must have arrived, once it has ended
        client.retry_while_away(lambda: ctx.statuses.save(Status(self._source, since_s=time.time())))
        connection = client.retry_while_away(lambda: ctx.microphones.open(greeting.hello, greeting.key))
        self._intake = Intake(ctx.microphones, greeting, connection)
        self._audio_s = 0.0
        self.last_audio_s = time.monotonic()  #: when audio last arrived
        self._thread = threading.Thread(target=self._relay, name=f"turn-{self._id}", daemon=True)
        self._thread.start()

    @property
    def pending(self) -> bool:
        """Whether captions of it are still expected."""
        return self._thread.is_alive()

    def add(self, audio: bytes) -> None:
        """Add audio.

        Raises:
            BadRequest: it is invalid.
        """
        self._intake.add(audio)
        self._audio_s += self._intake.seconds(audio)
        self._client.retry_while_away(self._intake.flush)
        self.last_audio_s = time.monotonic()  # after the wait for Redis, during which no audio is read

    def seconds(self, audio: bytes) -> float:
        """The duration of a piece of audio."""
        return self._intake.seconds(audio)

    def commit(self, event: Any = None) -> None:
        """End the turn on a client's request.

        With turn detection, only the captions still to come show whether there was anything to commit.

        Raises:
            BadRequest: there is next to no audio; the turn continues.
        """
        if self._audio_s < MIN_AUDIO_S:
            raise BadRequest(
                f"a turn needs at least {MIN_AUDIO_S:g} s of audio, and this one has {self._audio_s:.2f} s", BUFFER
            )
        self._commit_event, self._committed = event, True
        if not self._detects:
            self._client.committed(self._item)
        self._close()

    def end(self) -> None:
        """End the turn because no more audio arrives."""
        if self._detects or self._audio_s < MIN_AUDIO_S:
            self._close()
        else:
            self.commit()

    def discard(self) -> None:
        """Discard the turn; it still is `pending` until its recording has ended."""
        self._discarded = True
        if self._until_s is None:
            self._close()

    def _close(self) -> None:
        self._client.retry_while_away(lambda: self._intake.flush(0))
        self._until_s = time.monotonic() + self._ctx.settings.microphone_drain_s
        self._client.retry_while_away(lambda: self._ctx.microphones.close(self._id))

    def _relay(self) -> None:
        try:
            with self._ctx.hub.watch(self._source) as viewer:
                self._forward(Follower(self._ctx.log, viewer, self._source, 0, status=self._status, idle_s=POLL_S))
        except RedisError as error:
            self._fail(problems.from_error(error))
        except (ConnectionClosed, OSError):
            return  # the session notices as well

    def _status(self) -> Status:
        return self._ctx.statuses.get(Kind.MICROPHONE, self._id)

    def _forward(self, follower: Follower) -> None:
        for message in follower.messages():
            if not self._client.connected:
                return
            if message and message.type == Caption.type and not self._discarded:
                caption = Caption.decode(message.text)
                # A corrected caption was sent in its original wording.
                if not caption.corrected and self._items.take(caption, separate=self._detects and not self._committed):
                    count(self._ctx, message)
            elif message and message.type == "end":
                if self._until_s is None or self._status().state in ABORTED:
                    break  # ingest has dropped it
                if self._committed and not self._items.complete(self._audio_s):
                    self._client.send_error(
                        BadRequest("nothing was said since the last item", BUFFER), self._commit_event
                    )
                return
            elif self._until_s and time.monotonic() > self._until_s:
                break
        if not self._discarded:
            self._fail(
                Problem(503, f"Only a part of the turn is captioned; see /microphones/{self._id}/captions.json.")
            )

    def _fail(self, problem: Problem) -> None:
        try:
            self._items.fail(shapes.error(problem))
        except (ConnectionClosed, OSError):
            return
