"""Recognises the tags before, after and, in joined recordings, between the frames of an MP3. Pure.

Sources: id3.org, "ID3v1", "ID3 tag version 2.4.0" (3.1); hydrogenaudio wiki, "APEv2 specification".
"""

from __future__ import annotations

import mmap

#: Size of an ID3v1 tag, of the header of an ID3v2 tag, and of the header or footer of an APE tag.
_ID3V1_BYTES, _ID3V2_BYTES, _APE_BYTES = 128, 10, 32


def past_tag(data: bytes | mmap.mmap, at: int) -> int:
    """The position after the tag that begins at `at`; `at` if there is none."""
    head = data[at : at + 16]
    if head[:3] == b"ID3" and len(head) >= _ID3V2_BYTES:
        n_bytes = 0
        for byte in head[6:10]:  # seven bits each
            n_bytes = n_bytes << 7 | byte & 0x7F
        footer = _ID3V2_BYTES if head[5] & 0x10 else 0
        return at + _ID3V2_BYTES + n_bytes + footer
    if head[:8] == b"APETAGEX":
        return at + _APE_BYTES + int.from_bytes(head[12:16], "little")
    return at + _ID3V1_BYTES if head[:3] == b"TAG" else at
