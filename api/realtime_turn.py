"""A turn of a session of OpenAI's Realtime API, and the way of its text to the client."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from simple_websocket import ConnectionClosed

from api import openai_shapes, problems
from api.context import Context
from api.follow import OVER, Follower
from api.hello import parse_hello
from api.intake import Intake
from api.live import count
from api.problems import Problem
from api.realtime_client import Client
from api.realtime_items import Items
from api.realtime_session import Session
from wire.bus import RedisError
from wire.errors import BadRequest
from wire.messages import Caption, Kind, Status, source_name

#: A turn has at least so much audio, in seconds, as OpenAI's.
SHORTEST_S = 0.1

#: What OpenAI's API says that nothing can be committed of.
BUFFER = "input_audio_buffer"

#: How often a turn looks whether it has waited for long enough, in seconds.
LOOK_S = 1.0


class Turn:
    """What is said up to a commit. Its captions go out on a thread of its own, also after that."""

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
        self._committed = self._dropped = False
        self._committed_by: Any = None  # the id of an event of the client's
        self._until_s: float | None = None  # when its last captions must have come, once it has ended
        client.patiently(lambda: ctx.statuses.save(Status(self._source, since_s=time.time())))
        connection = client.patiently(lambda: ctx.microphones.open(greeting.hello, greeting.key))
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
        self._intake.hear(audio)
        self._audio_s += self._intake.seconds(audio)
        self._client.patiently(self._intake.hand_on)
        self.heard_s = time.monotonic()  # behind the wait for Redis, in which nothing can come

    def seconds(self, audio: bytes) -> float:
        """How long a part is."""
        return self._intake.seconds(audio)

    def commit(self, event: Any = None) -> None:
        """This was all of it, as an event of the client's says.

        Where the server finds the turns, only what is still to be written tells whether there was anything to commit.

        Raises:
            BadRequest: that is next to nothing; the turn goes on.
        """
        if self._audio_s < SHORTEST_S:
            raise BadRequest(
                f"a turn has at least {SHORTEST_S:g} s of audio, and this one {self._audio_s:.2f} s", BUFFER
            )
        self._committed_by, self._committed = event, True
        if not self._detects:
            self._client.committed(self._item)
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
        self._client.patiently(lambda: self._intake.hand_on(0))
        self._until_s = time.monotonic() + self._ctx.settings.microphone_drain_s
        self._client.patiently(lambda: self._ctx.microphones.close(self._id))

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
        for message in follower.messages():
            if not self._client.there:
                return
            if message and message.type == Caption.type and not self._dropped:
                caption = Caption.decode(message.text)
                # One that is corrected has gone out as it was heard.
                if not caption.corrected and self._items.take(caption, alone=self._detects and not self._committed):
                    count(self._ctx, message)
            elif message and message.type == "end":
                if self._until_s is None or self._status().state in OVER:
                    break  # ingest has given it up
                if self._committed and not self._items.complete(self._audio_s):
                    self._client.complain(
                        BadRequest("nothing was said since the last item", BUFFER), self._committed_by
                    )
                return
            elif self._until_s and time.monotonic() > self._until_s:
                break
        if not self._dropped:
            self._fail(Problem(503, f"Not all of it is captioned; /microphones/{self._id}/captions.json has what is."))

    def _fail(self, problem: Problem) -> None:
        try:
            self._items.fail(openai_shapes.error(problem))
        except (ConnectionClosed, OSError):
            return
