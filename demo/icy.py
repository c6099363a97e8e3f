"""ICY metadata: what plays now, in between the bytes of a stream (SHOUTcast's protocol). Pure."""

from __future__ import annotations

#: Bytes of audio between two blocks of metadata.
INTERVAL = 16_000


class Interleaver:
    """Puts a block of metadata behind every `interval` bytes of audio of one listener."""

    def __init__(self, interval: int = INTERVAL) -> None:
        self._interval = interval
        self._left = interval
        self._told: str | None = None

    def feed(self, audio: bytes, title: str) -> bytes:
        """`audio` with the metadata that falls within it; an unchanged title is told by an empty block."""
        out = bytearray()
        while len(audio) >= self._left:
            out += audio[: self._left]
            audio = audio[self._left :]
            out += b"\0" if title == self._told else block(title)
            self._told, self._left = title, self._interval
        self._left -= len(audio)
        return bytes(out + audio)


def block(title: str) -> bytes:
    """A metadata block: its length in units of 16 bytes, then the padded text."""
    # The protocol cannot escape an apostrophe, and a block holds 255 units at most.
    text = f"StreamTitle='{title.replace(chr(39), '’')[:200]}';".encode()
    units = -(-len(text) // 16)
    return bytes([units]) + text.ljust(units * 16, b"\0")
