"""How a source may refuse to be read, finer than wire's tree.

SourceError (wire)
├── NotAudio (wire)      it was read, and there is nothing to hear in it
├── SourceStalled (wire) it stopped sending
├── Unreachable          there is no such host, or it cannot be spoken to
└── Refused              the server answered with an error status

Those in `LASTING` will be there at the next try too, so they are tried again slowly.
"""

from __future__ import annotations

from wire.errors import NotAudio, SourceError


class Unreachable(SourceError):
    """No such host, no route to it, no trust in its certificate."""


class Refused(SourceError):
    """The server answered with an error status."""


#: Failures that a quick retry does not mend.
LASTING = (NotAudio, Unreachable, Refused)
