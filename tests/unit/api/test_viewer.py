"""A viewer's queue, and the hub that fills it."""

from __future__ import annotations

import pytest

from api.live.hub import Hub, parse
from api.live.viewer import Live, Missed, Signal, Viewer
from api.text.corrected_words import corrected
from wire import keys
from wire.bus import connect
from wire.messages import Caption, Status


def caption(event: int) -> Live:
    return Live("{}", "caption", event=event)


def test_messages_are_taken_in_order() -> None:
    viewer = Viewer("stations/x", 10)
    for event in (1, 2, 3):
        assert viewer.offer(caption(event)) == 0
    assert [viewer.take(0) for _ in range(4)] == [caption(1), caption(2), caption(3), None]


def test_full_queue_drops_the_oldest_and_reports_it() -> None:
    viewer = Viewer("stations/x", 2)
    assert [viewer.offer(caption(event)) for event in (1, 2, 3, 4)] == [0, 0, 1, 1]
    assert [viewer.take(0) for _ in range(4)] == [Missed(2), caption(3), caption(4), None]


def test_a_dropped_status_is_not_a_missed_caption() -> None:
    viewer = Viewer("stations/x", 1)
    viewer.offer(Live("{}", "status"))
    assert viewer.offer(caption(1)) == 0
    assert [viewer.take(0), viewer.take(0)] == [caption(1), None]


def test_dropped_partial_caption_is_not_missed() -> None:
    viewer = Viewer("stations/x", 1)
    viewer.offer(parse(Caption("stations/x", 7, 0, 0.0, 1.0, "x", False, event=6, partial=True).encode()))
    assert viewer.offer(caption(7)) == 0
    assert [viewer.take(0), viewer.take(0)] == [caption(7), None]


def test_partial_caption_does_not_displace_a_committed_one() -> None:
    viewer, ahead = Viewer("stations/x", 2), Live("{}", "caption", after=1)
    for message in (caption(1), ahead, caption(2), ahead):
        assert viewer.offer(message) == 0
    assert [viewer.take(0) for _ in range(3)] == [caption(1), caption(2), None]


def test_signals_precede_messages_and_close_is_permanent() -> None:
    viewer = Viewer("stations/x", 2)
    viewer.offer(caption(1))
    viewer.signal(Signal.INTERRUPTED)
    viewer.signal(Signal.RESUMED)
    assert [viewer.take(0), viewer.take(0)] == [Signal.RESUMED, caption(1)]
    viewer.signal(Signal.CLOSED)
    viewer.signal(Signal.RESUMED)
    assert [viewer.take(0), viewer.take(0)] == [Signal.CLOSED, Signal.CLOSED]


@pytest.fixture
def hub() -> Hub:
    """A hub that is not started: it reaches no Redis."""
    return Hub(connect("redis://127.0.0.1:1/0"), queue_limit=2)


def publish(hub: Hub, source: str, event: int) -> None:
    message = Caption(source, event, 0, 0.0, 1.0, "x", True, event=event).encode()
    hub.dispatch(keys.live(source).encode(), message)


def test_message_reaches_viewers_of_its_source_only(hub: Hub) -> None:
    with hub.watch("stations/a") as one, hub.watch("stations/a") as two, hub.watch("stations/b") as other:
        for viewer in (one, two, other):
            assert viewer.take(0) is Signal.INTERRUPTED  # there is no subscription yet
        publish(hub, "stations/a", 1)
        assert [v.event if isinstance(v := viewer.take(0), Live) else v for viewer in (one, two, other)] == [1, 1, None]


def test_closed_viewer_is_removed(hub: Hub) -> None:
    with hub.watch("stations/a") as viewer:
        pass
    publish(hub, "stations/a", 1)
    assert viewer.take(0) is Signal.INTERRUPTED
    assert viewer.take(0) is None
    assert hub._viewers == {}


def test_missed_captions_are_counted() -> None:
    counted: list[int] = []
    hub = Hub(connect("redis://127.0.0.1:1/0"), queue_limit=2, on_missed=counted.append)
    with hub.watch("stations/a"), hub.watch("stations/a"):
        for event in (1, 2, 3):
            publish(hub, "stations/a", event)
    assert counted == [2]


def test_invalid_message_on_a_channel_is_ignored(hub: Hub) -> None:
    with hub.watch("stations/a") as viewer:
        viewer.take(0)
        for data in (
            b"",
            b"\xff",
            b"[]",
            b"7",
            b'{"type":"caption"}',
            b'{"type":"caption","event":"x"}',
            b'{"type":"status"}',
        ):
            hub.dispatch(keys.live("stations/a").encode(), data)
        publish(hub, "stations/a", 1)
        assert isinstance(viewer.take(0), Live)


def test_closed_hub_closes_its_viewers(hub: Hub) -> None:
    with hub.watch("stations/a") as viewer:
        hub.close()
        assert viewer.take(0) is Signal.CLOSED
    with hub.watch("stations/a") as late:
        assert late.take(0) is Signal.CLOSED


def test_correction_has_no_latency() -> None:
    heard = Caption("stations/x", 1, 0, 0.0, 4.0, "Umea", final=True, captured_s=5.0, event=1)
    assert parse(heard.encode()).captured_s == 5.0
    assert parse(corrected(heard, "Umeå").encode()).captured_s == 0.0


def test_a_status_is_parsed() -> None:
    assert parse(Status("jobs/x").encode()).status == Status("jobs/x")
