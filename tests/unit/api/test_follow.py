"""Following a source: no gap, no repeat, whatever order the log and the live messages come in."""

from __future__ import annotations

import json
from functools import partial
from itertools import chain, repeat
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from api.live.follow import PAGE, Follower
from api.live.hub import parse
from api.live.viewer import Item, Live, Missed, Signal
from wire.captions import Progress
from wire.messages import Caption, State, Status

SOURCE = "jobs/x"


def caption(event: int) -> Caption:
    return Caption(SOURCE, event, 0, event, event + 1, f"line {event}", True, event=event)


def live(event: int) -> Live:
    return Live(caption(event).encode().decode(), "caption", event=event, captured_s=1.0)


END = Live('{"type":"end"}', "end")


class FakeLog:
    """A log that holds events up to `newest`."""

    def __init__(self, newest: int, *, oldest: int = 1, finished: bool = False) -> None:
        self.newest, self.oldest, self.finished = newest, oldest, finished

    def read(self, source: str, after: int = 0, limit: int = PAGE) -> list[Caption]:
        first = max(after + 1, self.oldest)
        return [caption(event) for event in range(first, min(self.newest, first + limit - 1) + 1)]

    def progress(self, source: str) -> Progress:
        return Progress(event=self.newest, finished=self.finished)


class Script:
    """A queue that returns items, each after a change of the log, and closes at the end."""

    def __init__(self, log: FakeLog, *items: Item | tuple[Item, int] | None) -> None:
        self._log = log
        self._items = list(items)

    def take(self, timeout_s: float) -> Item | None:
        if not self._items:
            return Signal.CLOSED
        item = self._items.pop(0)
        if isinstance(item, tuple):
            item, self._log.newest = item
        return item


def follow(
    log: FakeLog, *items: Any, after: int = 0, aborted: bool = False, source: str = SOURCE
) -> list[dict[str, Any]]:
    return [
        m
        for m in follow_with_status([Status(source)], log, *items, after=after, aborted=aborted)
        if m["type"] != "status"
    ]


def follow_with_status(
    known: list[Status], log: FakeLog, *items: Any, after: int = 0, aborted: bool = False
) -> list[dict[str, Any]]:
    """All messages, while the source's status runs through `known` and stays at the last."""
    source, statuses = known[0].source, chain(known, repeat(known[-1]))
    status = partial(next, statuses)
    messages = Follower(log, Script(log, *items), source, after, status=status, aborted=aborted).messages()
    return [json.loads(message.text) for message in messages if message]


def events(messages: list[dict[str, Any]]) -> list[int]:
    return [m["event"] for m in messages if m["type"] == "caption"]


def types(messages: list[dict[str, Any]]) -> list[str]:
    return [m["type"] for m in messages if m["type"] != "caption"]


def test_captions_committed_during_the_replay_are_not_repeated() -> None:
    assert events(follow(FakeLog(5), live(4), live(5), (live(6), 6))) == [1, 2, 3, 4, 5, 6]


def test_the_log_is_read_page_by_page() -> None:
    assert events(follow(FakeLog(2 * PAGE + 1))) == list(range(1, 2 * PAGE + 2))


def test_gap_in_live_messages_is_filled_from_the_log() -> None:
    assert events(follow(FakeLog(2), (live(6), 6))) == [1, 2, 3, 4, 5, 6]


def test_after_an_interruption_the_log_is_read_again() -> None:
    messages = follow(FakeLog(2), Signal.INTERRUPTED, (Signal.RESUMED, 4), live(4), (live(5), 5))
    assert events(messages) == [1, 2, 3, 4, 5]
    assert types(messages) == ["interrupted", "resumed"]


def test_first_subscription_is_not_an_interruption() -> None:
    assert types(follow(FakeLog(2), Signal.RESUMED)) == []


def test_slow_viewer_gets_the_number_of_missed_captions_and_continues() -> None:
    messages = follow(FakeLog(2), (Missed(10), 12), live(11), live(12))
    assert [(m["type"], m.get("event"), m.get("count"), m.get("after")) for m in messages[2:]] == [
        ("missed", None, 8, 2),
        ("caption", 11, None, None),
        ("caption", 12, None, None),
    ]


def test_dropped_captions_that_the_replay_sent_are_not_missed() -> None:
    assert types(follow(FakeLog(10), Missed(7), live(11))) == []


def test_events_that_the_bounded_log_has_dropped_are_missed() -> None:
    messages = follow(FakeLog(20, oldest=11), after=5)
    assert messages[0] == {"type": "missed", "source": SOURCE, "count": 5, "after": 5}
    assert events(messages) == list(range(11, 21))


def test_viewer_from_the_beginning_does_not_miss_expired_events() -> None:
    assert types(follow(FakeLog(20, oldest=11))) == []


def test_restarted_log_resets_the_viewer() -> None:
    messages = follow(FakeLog(3), after=50)
    assert types(messages) == ["reset"]
    assert events(messages) == [1, 2, 3]


def test_a_finished_source_ends_after_its_replay() -> None:
    assert types(follow(FakeLog(3, finished=True), live(9))) == ["end"]


def test_live_end_is_the_last_message() -> None:
    assert types(follow(FakeLog(1), END, live(2))) == ["end"]


def test_failed_job_ends_after_its_captions() -> None:
    assert types(follow(FakeLog(3), aborted=True)) == ["end"]


def now(**fields: Any) -> Live:
    """A status as it is published."""
    return parse(Status(**{"source": SOURCE, **fields}).encode())


def states(messages: list[dict[str, Any]]) -> list[str]:
    return [m["state"] if m["type"] == "status" else m["type"] for m in messages if m["type"] != "caption"]


def test_a_failure_ends_a_job_but_not_a_station() -> None:
    known = [Status(SOURCE, State.RUNNING)]
    failed = follow_with_status(known, FakeLog(1), now(state=State.FAILED), (live(2), 2))
    assert states(failed) == ["running", "failed", "end"]
    known = [Status("stations/x", State.RUNNING)]
    station = follow_with_status(known, FakeLog(1), now(source="stations/x", state=State.FAILED), (live(2), 2))
    assert states(station) == ["running", "failed"]
    assert events(station) == [1, 2]


def test_status_is_sent_first_and_when_it_changes() -> None:
    running = {"state": State.RUNNING, "title": "Ekot"}
    known = [Status(SOURCE, **running)]
    chunks = [now(**running, audio_s=5.0 * n) for n in range(4)]
    assert states(follow_with_status(known, FakeLog(1), *chunks)) == ["running"]
    messages = follow_with_status(known, FakeLog(1), *chunks, now(**{**running, "title": "P1"}, audio_s=20.0))
    assert [m["title"] for m in messages if m["type"] == "status"] == ["Ekot", "P1"]


def test_lost_status_is_sent_later() -> None:
    known = [Status(SOURCE), Status(SOURCE, State.RUNNING)]
    away = follow_with_status(known, FakeLog(1), Signal.INTERRUPTED, Signal.RESUMED, Signal.RESUMED)
    assert states(away) == ["waiting", "interrupted", "resumed", "running"]
    slow = follow_with_status(known, FakeLog(1), (Missed(3), 3))
    assert states(slow) == ["waiting", "missed", "running"]
    failed = follow_with_status(
        [known[0], Status(SOURCE, State.FAILED)], FakeLog(1), Signal.INTERRUPTED, Signal.RESUMED
    )
    assert states(failed) == ["waiting", "interrupted", "resumed", "failed", "end"]


def test_only_live_captions_have_a_capture_time() -> None:
    log = FakeLog(1)
    follower = Follower(log, Script(log, (live(2), 2)), SOURCE, 0, status=lambda: Status(SOURCE))
    assert [m.captured_s for m in follower.messages() if m] == [0.0, 0.0, 1.0]


@given(st.data())
def test_any_interleaving_gives_each_event_once_in_order(data: st.DataObject) -> None:
    """The log grows; live messages lag behind it, and some are lost in interruptions."""
    log = FakeLog(data.draw(st.integers(0, 5)))
    script: list[Any] = []
    published, newest = log.newest, log.newest
    for _ in range(data.draw(st.integers(0, 15))):
        newest += data.draw(st.integers(0, 3))
        if published < newest and data.draw(st.booleans()):
            published += 1
            script.append((live(published), newest))
        else:  # what was published meanwhile is lost
            published = newest
            script += [(Signal.INTERRUPTED, newest), (Signal.RESUMED, newest)]
    script.append((Signal.RESUMED, newest))
    after = data.draw(st.integers(0, log.newest))
    assert events(follow(log, *script, after=after)) == list(range(after + 1, newest + 1))


def partial_of(after: int) -> Live:
    return Live(
        Caption(SOURCE, 9, 0, 0.0, 1.0, "ahead", False, event=after, partial=True).encode().decode(),
        "caption",
        after=after,
    )


def test_partial_caption_is_sent_to_up_to_date_viewers_and_does_not_advance_them() -> None:
    follower = Follower(
        FakeLog(2), Script(FakeLog(2), partial_of(2), live(3), partial_of(2)), SOURCE, 0, status=lambda: Status(SOURCE)
    )
    sent = [m for m in follower.messages() if m and m.type == "caption"]
    assert [(json.loads(m.text)["text"], m.event) for m in sent] == [
        ("line 1", 1),
        ("line 2", 2),
        ("ahead", None),
        ("line 3", 3),
    ]
    assert follower.last == 3


def test_partial_caption_after_missing_ones_is_omitted() -> None:
    assert [m.get("text") for m in follow(FakeLog(2), (partial_of(4), 4), live(5))][2:] == [
        "line 3",
        "line 4",
        "line 5",
    ]


def test_correction_outside_the_log_does_not_advance_a_viewer() -> None:
    log, correction = FakeLog(2), parse(json.dumps({"type": "correction", "source": SOURCE, "caption": {}}).encode())
    found = follow(log, correction, (live(3), 3), after=2)
    assert [m["type"] for m in found] == ["correction", "caption"]
    follower = Follower(log, Script(log, correction), SOURCE, 3, status=lambda: Status(SOURCE))
    assert [m.event for m in follower.messages() if m and m.type == "correction"] == [None]
