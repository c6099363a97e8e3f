"""The seam: turns the outcomes of a source's chunks, in whatever order workers finish, into one sequence of captions.

`advance` is a pure function from a source's state, which the caption log stores, and the outcomes of chunks to the next
state and the resulting captions. Chunks are applied in the order of epoch and sequence number; one that arrives
too early is parked in the state, one that arrives twice is ignored.

A live source does not wait forever: missing chunks are declared lost when a chunk after them has waited for
`max_lag_s`. An epoch is over when it has the number of chunks that the next epoch states, or after its end mark. It is
abandoned when the next epoch has waited for `PATIENCE_S`, or if the next epoch's first chunk is here, states no number,
and the source's last chunk is here, too. Waiting is measured by the clock, not in audio: after a backlog, minutes of
audio arrive within a second, while the missing chunk belongs to a dead worker and is claimed soon. A job's missing
chunk always arrives, because a chunk that cannot be transcribed is committed as a gap. The time between two epochs on
the source's clock is also a gap, because no audio of it exists.

Words that the next window contains too stay provisional until it is decoded; all others are settled at once, and so are
words before a turn of language, which end their line.

Words that were shown early, of a chunk that is then lost, are kept, and its gap begins after them. A gap ends where the
next words begin, since the next window repeats some of the lost audio. Until then, it is provisional, like a caption.

A chunk whose language is in doubt is decoded in several. The choice between them is made here, where a source's chunks
come in order, so it does not depend on the number of workers.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterable
from typing import Any

from transcriber.joining.lines import Lines
from transcriber.joining.policy import Policy
from transcriber.joining.source_state import SourceState
from transcriber.outcome import Outcome
from wire.captions import Advance
from wire.messages import Caption

log = logging.getLogger(__name__)


def advance(state: bytes | None, outcomes: Iterable[Outcome], policy: Policy, now_s: float) -> Advance | None:
    """Apply outcomes of a source's chunks to its state; None if they change nothing.

    Args:
        now_s: Unix time.
    """
    source = _decoded(state, policy)
    taken = [source.take(outcome, now_s) for outcome in outcomes]
    if not any(taken):
        return None
    live = policy.live and not source.previewed  # a preview stays as it is while its chunk is missing
    return _advance(source, source.lines.emit(source.provisional, source.origin, live=live))


def preview(state: bytes | None, outcome: Outcome, policy: Policy) -> Advance | None:
    """Provisional captions of a partial chunk; None if it is too late or adds nothing.

    The complete chunk is applied as if there had been no preview; the previewed words are kept in case that it is lost.
    """
    source = _decoded(state, policy)
    if not source.awaits(outcome):
        return None
    ahead = _decoded(state, policy)  # a copy to discard
    previewed = ahead.preview(outcome)
    if previewed is None:
        return None
    captions = source.lines.emit(previewed.words, ahead.origin, live=policy.live, logged=False)
    if not captions:
        return None
    source.previewed = previewed
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


def _decoded(state: bytes | None, policy: Policy) -> SourceState:
    """Parse what `_advance` wrote; a new state if there is none yet.

    An unreadable state, written by another version, is reset: it must not crash every transcriber in turn.
    """
    if state is None:
        return SourceState(policy)
    values: Any = {}
    try:
        values = json.loads(state)
        return SourceState.from_dict(policy, values)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        log.error("the state of a source is unreadable and is reset: %r", error)
    fresh = SourceState(policy)
    with contextlib.suppress(ValueError, TypeError, KeyError):
        fresh.lines = Lines(next_id=int(values["lines"]["next_id"]))  # continue its captions' ids
        # Committed chunks are not delivered again, and a job would wait for them forever.
        fresh.epoch, fresh.next_seq = int(values["epoch"]), int(values["next_seq"])
        fresh.until_s = float(values["until_s"])
    return fresh
