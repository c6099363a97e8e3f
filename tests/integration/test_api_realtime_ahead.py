"""What `WS /v1/realtime` tells of words that are not final yet, against a scripted transcriber."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from openai.resources.realtime.realtime import RealtimeConnection

from tests.integration.api_server import Api, Speaker
from tests.integration.openai_speaker import COMMITTED, COMPLETED, DELTA, FAILED, SECOND, next_of, say, session
from wire.bus import Redis
from wire.captions import Advance
from wire.messages import Caption, Hello, State, Status
from wire.microphone import Microphones
from wire.sources import Statuses


class Scene:
    """A session whose microphone has said "first", and the transcriber that hears what follows."""

    def __init__(self, redis: Redis, connection: RealtimeConnection, *, detects: bool) -> None:
        say(connection, SECOND)
        self.hello = Microphones(redis).next(20)
        assert isinstance(self.hello, Hello)
        self._speaker = Speaker(redis, f"microphones/{self.hello.id}")
        self._speaker.say("first")
        self._next = 2
        # From now on the turn follows what is said.
        self.events = [next_of(connection, type) for type in ([COMMITTED, DELTA, COMPLETED] if detects else [DELTA])]

    def preview(self, id: int, *texts: str) -> None:
        """Hypotheses of a caption, one after the other, while its chunk is still being spoken."""
        for text in texts:
            start_s, end_s = _times(id)
            caption = Caption(self._speaker.source, id, 0, start_s, end_s, text, False, "sv", captured_s=time.time())
            self._speaker.log.preview(
                self._speaker.source,
                lambda _, caption=caption: Advance(b"{}", (caption,)),  # type: ignore[misc]
            )

    def final(self, text: str) -> None:
        """The next caption is final."""
        start_s, end_s = _times(self._next)
        self._speaker.say(text, start_s=start_s, end_s=end_s)
        self._next += 1

    def withdraw(self) -> None:
        """There is no next caption, after all."""
        self._speaker.say("nothing", final_after=False)
        self._speaker.revise("")

    def finish(self) -> None:
        """All has been captioned."""
        self._speaker.finish()


@contextmanager
def scene(api: Api, redis: Redis, *, detects: bool = False) -> Iterator[tuple[RealtimeConnection, Scene]]:
    """A session, and who transcribes it."""
    with session(api, turn_detection={"type": "server_vad"} if detects else None) as connection:
        yield connection, Scene(redis, connection, detects=detects)


def test_words_of_which_two_hypotheses_agree_are_told_before_they_are_final(api: Api, redis: Redis) -> None:
    with scene(api, redis) as (connection, heard):
        heard.preview(2, "we saw a", "we saw a cat")
        assert next_of(connection, DELTA).delta == " we saw a"
        heard.final("we saw a cat.")
        assert next_of(connection, DELTA).delta == " cat."
        connection.input_audio_buffer.commit()
        next_of(connection, COMMITTED)
        heard.finish()
        assert next_of(connection, COMPLETED).transcript == "first we saw a cat."


def test_the_transcript_is_what_is_final_whatever_was_told(api: Api, redis: Redis) -> None:
    with scene(api, redis) as (connection, heard):
        heard.preview(2, "we saw caps", "we saw caps")
        assert next_of(connection, DELTA).delta == " we saw caps"
        heard.final("we saw cats")
        heard.final("asleep")
        assert next_of(connection, DELTA).delta == " asleep"
        connection.input_audio_buffer.commit()
        next_of(connection, COMMITTED)
        heard.finish()
        assert next_of(connection, COMPLETED).transcript == "first we saw cats asleep"


def test_a_caption_that_is_an_item_is_begun_before_it_is_final(api: Api, redis: Redis) -> None:
    with scene(api, redis, detects=True) as (connection, heard):
        heard.preview(2, "we saw", "we saw a")
        begun = next_of(connection, DELTA)
        assert begun.delta == "we saw"
        heard.final("we saw a cat.")
        events = [next_of(connection, type) for type in (COMMITTED, DELTA, COMPLETED)]
        assert {event.item_id for event in events} == {begun.item_id}
        assert events[0].previous_item_id == heard.events[0].item_id
        assert (events[1].delta, events[2].transcript) == (" a cat.", "we saw a cat.")


def test_an_item_that_came_to_nothing_is_completed_without_words(api: Api, redis: Redis) -> None:
    with scene(api, redis, detects=True) as (connection, heard):
        heard.preview(2, "thanks", "thanks")
        begun = next_of(connection, DELTA)
        heard.withdraw()
        events = [next_of(connection, type) for type in (COMMITTED, COMPLETED)]
        assert (events[1].item_id, events[1].transcript) == (begun.item_id, "")


def test_an_item_that_has_begun_stays_one_when_the_rest_is_committed(
    api: Api, redis: Redis, wait_until: Callable[..., None]
) -> None:
    with scene(api, redis, detects=True) as (connection, heard):
        heard.preview(2, "we saw", "we saw")
        begun = next_of(connection, DELTA)
        _commit(redis, connection, heard, wait_until)
        heard.preview(3, "it slept", "it slept")
        rest = next_of(connection, DELTA)
        assert rest.delta == "it slept"
        heard.final("we saw")
        assert [next_of(connection, type).item_id for type in (COMMITTED, COMPLETED)] == [begun.item_id] * 2
        heard.final("it slept.")
        assert next_of(connection, COMMITTED).previous_item_id == begun.item_id
        heard.finish()
        whole = next_of(connection, COMPLETED)
        assert (whole.item_id, whole.transcript) == (rest.item_id, "it slept.")
        assert rest.item_id != begun.item_id


def test_a_commit_of_what_an_item_has_begun_with_is_answered_by_that(
    api: Api, redis: Redis, wait_until: Callable[..., None]
) -> None:
    with scene(api, redis, detects=True) as (connection, heard):
        heard.preview(2, "we saw", "we saw")
        begun = next_of(connection, DELTA)
        _commit(redis, connection, heard, wait_until)
        heard.final("we saw")
        assert [next_of(connection, type).item_id for type in (COMMITTED, COMPLETED)] == [begun.item_id] * 2
        heard.finish()
        after = Scene(redis, connection, detects=True)  # no error comes before it
        assert after.events[0].previous_item_id == begun.item_id


def test_what_was_committed_and_came_to_nothing_is_completed_if_it_has_begun(
    api: Api, redis: Redis, wait_until: Callable[..., None]
) -> None:
    with scene(api, redis, detects=True) as (connection, heard):
        _commit(redis, connection, heard, wait_until)
        heard.preview(2, "thanks", "thanks")
        begun = next_of(connection, DELTA)
        heard.withdraw()
        heard.finish()
        events = [next_of(connection, type) for type in (COMMITTED, COMPLETED)]
        assert (events[1].item_id, events[1].transcript) == (begun.item_id, "")


def test_all_items_that_have_begun_fail_with_their_turn(api: Api, redis: Redis) -> None:
    with scene(api, redis, detects=True) as (connection, heard):
        heard.preview(2, "we saw", "we saw")
        begun = next_of(connection, DELTA)
        assert heard.hello is not None
        source = f"microphones/{heard.hello.id}"
        Statuses(redis).save(Status(source, state=State.FAILED))
        failed = [next_of(connection, FAILED).item_id for _ in range(2)]
        assert failed == [begun.item_id, f"item_{heard.hello.id}"]


def _times(id: int) -> tuple[float, float]:
    """Of a caption that is too short for any of its words to be far from its end."""
    return 5.0 * id, 5.0 * id + 0.9


def _commit(redis: Redis, connection: RealtimeConnection, heard: Scene, wait_until: Callable[..., None]) -> None:
    connection.input_audio_buffer.commit()
    microphones = Microphones(redis)
    assert heard.hello is not None
    id = heard.hello.id
    wait_until(lambda: microphones.frames(id, b"0", 1)[1])
