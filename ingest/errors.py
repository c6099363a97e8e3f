"""Errors of reading a source, which extend the hierarchy of wire.

SourceError (wire)
├── NotAudio (wire)      the source has no audio track
├── SourceStalled (wire) the source stopped sending
├── Unreachable          there is no such host, or no connection to it is possible
└── Refused              the server responded with an error status

Those in `LASTING` will probably recur at the next try, so they are retried slowly.
"""

from __future__ import annotations

from wire.errors import NotAudio, SourceError


class Unreachable(SourceError):
    """No such host, no route to it, no trust in its certificate."""


class Refused(SourceError):
    """The server responded with an error status."""


#: Failures that a quick retry does not fix.
LASTING = (NotAudio, Unreachable, Refused)
