"""The seam: what was heard in a source's chunks, whatever worker finished first, becomes one sequence of captions.

`advance` is a pure function from the state that the caption log keeps for a source, and the outcome of one chunk, to
the next state and the captions that follow. Chunks are taken in the order of epoch and sequence number; one that
comes too early waits in the state for those before it, one that comes twice changes nothing.

A live source does not wait for ever: a hole is declared lost when what is behind it has waited for `max_lag_s`. An
epoch is over when it has as many chunks as the next one says, or has said its last. It is given up when the next one
has waited for `PATIENCE_S`, or has begun, does not say and has brought the source's last chunk. Waiting is measured by
the clock, not in audio: behind a backlog, minutes of audio come within a second, and the missing chunk lies with a
worker that has died and is claimed soon. A job's hole is always filled, because a chunk that cannot be transcribed is
committed as a gap. What lies between two epochs on the source's clock is one, too: nobody has it.

Words that the next window hears too stay provisional until it has been heard; all others are settled at once, and so
are words before a turn of the language: they end their line.

A chunk whose language is in doubt was heard in several. Here, where a source's chunks come in order, it is decided
which of them counts; so it does not matter how many workers there are.
"""

from __future__ import annotations

import contextlib
import json
import logging
from typing import Any

from transcriber.lines import Lines
from transcriber.outcome import Outcome
from transcriber.policy import Policy
from transcriber.source_state import SourceState
from wire.captions import Advance
from wire.messages import Caption

log = logging.getLogger(__name__)


def advance(state: bytes | None, outcome: Outcome, policy: Policy, now_s: float) -> Advance | None:
    """What `outcome` makes of a source; None if it changes nothing.

    Args:
        now_s: Unix time.
    """
    source = _decoded(state)
    place = source.epoch, source.next_seq
    if not source.take(outcome, policy, now_s):
        return None
    if (source.epoch, source.next_seq) == place:  # it waits, and what is shown ahead of those before it stays
        return _advance(source, ())
    return _advance(source, source.lines.emit(source.provisional, source.origin(policy), live=policy.live))


def preview(state: bytes | None, outcome: Outcome, policy: Policy) -> Advance | None:
    """What is shown of a chunk that is not whole yet; None if that is nothing new, or comes too late.

    Only provisional captions follow from it: the chunk itself is heard anew, as if this had not been.
    """
    source = _decoded(state)
    if not source.awaits(outcome):
        return None
    ahead = _decoded(state)  # nothing of it is kept
    words = ahead.preview(outcome, policy)
    if words is None:
        return None
    captions = source.lines.emit(words, ahead.origin(policy), live=policy.live, logged=False)
    if not captions:
        return None
    source.previewed_s = outcome.end_s
    return _advance(source, captions)


def _advance(source: SourceState, captions: tuple[Caption, ...]) -> Advance:
    return Advance(
        state=json.dumps(source.as_dict(), ensure_ascii=False, separators=(",", ":")).encode(),
        captions=captions,
        epoch=source.epoch,
        next_seq=source.next_seq,
        until_s=source.until_s,
        finished=source.finished,
        rejected=tuple(source.rejected),
        sounds_like=source.sounds_like,
    )


def _decoded(state: bytes | None) -> SourceState:
    """What `_advance` wrote; a new one if there is none yet.

    One that another version wrote is begun anew: it must not end every transcriber in turn.
    """
    if state is None:
        return SourceState()
    values: Any = {}
    try:
        values = json.loads(state)
        return SourceState.from_dict(values)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        log.error("the state of a source cannot be read and begins anew: %r", error)
    anew = SourceState()
    with contextlib.suppress(ValueError, TypeError, KeyError):
        anew.lines = Lines(next_id=int(values["lines"]["next_id"]))  # its captions count on
        # What was taken does not come again, and a job would wait for it for ever.
        anew.epoch, anew.next_seq = int(values["epoch"]), int(values["next_seq"])
        anew.until_s = float(values["until_s"])
    return anew
