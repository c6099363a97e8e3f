"""ICY metadata: the current title, interleaved with the audio of a stream (SHOUTcast's protocol). Pure."""

from __future__ import annotations

#: Bytes of audio between two blocks of metadata.
INTERVAL = 16_000


class Interleaver:
    """Inserts a block of metadata after every `interval` bytes of audio of one listener."""

    def __init__(self, interval: int = INTERVAL) -> None:
        self._interval = interval
        self._left = interval
        self._last_title: str | None = None

    def feed(self, audio: bytes, title: str) -> bytes:
        """Return `audio` with the metadata due within it. For an unchanged title, the block is empty."""
        out = bytearray()
        while len(audio) >= self._left:
            out += audio[: self._left]
            audio = audio[self._left :]
            out += b"\0" if title == self._last_title else block(title)
            self._last_title, self._left = title, self._interval
        self._left -= len(audio)
        return bytes(out + audio)


def block(title: str) -> bytes:
    """A metadata block: the length in units of 16 bytes, then the padded text."""
    # The protocol cannot escape apostrophes, and a block has at most 255 units.
    text = f"StreamTitle='{title.replace(chr(39), '’')[:200]}';".encode()
    units = -(-len(text) // 16)
    return bytes([units]) + text.ljust(units * 16, b"\0")
