"""ffmpeg's command lines, interpreting its stderr and ffprobe's JSON, and reading from a process in its place."""

from __future__ import annotations

import os

import pytest

from ingest.media.ffmpeg import Process, _error_text, _text, decode_command, tidy_title
from ingest.media.probe import Probe, Track, explain, parse
from wire.errors import NotAudio, SourceError


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.media.ffmpeg.find_program", lambda name: f"/bin/{name}")


def value(command: list[str], option: str) -> str:
    return command[command.index(option) + 1]


def test_slow_consumer_does_not_count_as_a_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [0.0]
    monkeypatch.setattr("ingest.media.ffmpeg.time.monotonic", lambda: now_s[0])
    heard = []
    with Process(["sh", "-c", "printf a; sleep 1.5; printf b"]) as process:
        for data in process.read(stall_s=20.0):
            heard.append(data)
            now_s[0] += 100.0 if data else 0.0
    assert b"".join(heard) == b"ab"


def test_failed_start_leaks_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise OSError("too many processes")

    monkeypatch.setattr("ingest.media.ffmpeg.subprocess.Popen", refuse)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="too many"):
        Process(["ffmpeg"], on_coded=lambda data: None)
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize("live", [True, False])
def test_output_is_16_khz_mono(live: bool) -> None:
    command = decode_command("http://a.se/x", remote=True, live=live, track=2)
    assert command[0] == "/bin/ffmpeg"
    assert [value(command, o) for o in ("-ar", "-ac", "-f", "-acodec", "-map")] == [
        "16000",
        "1",
        "s16le",
        "pcm_s16le",
        "0:a:2",
    ]
    assert "-nostdin" in command


def test_known_format_is_set_for_the_input_only() -> None:
    command = decode_command("http://a.se/x", remote=True, live=True, format="mp3")
    assert command[command.index("-f") + 1] == "mp3"
    assert command.index("-f") < command.index("-i") < len(command) - command[::-1].index("-f")
    assert "s16le" in command


def test_urls_cannot_read_local_files_and_uploads_cannot_use_the_network() -> None:
    assert "file" not in value(decode_command("http://a.se/x", remote=True, live=True), "-protocol_whitelist").split(
        ","
    )
    local = decode_command("/up/x", remote=False, live=False)
    assert value(local, "-protocol_whitelist") == "file,crypto"
    assert not {"hls", "concat", "dash", "sdp", "tty", "lavfi", "image2"} & set(
        value(local, "-format_whitelist").split(",")
    )


def test_live_source_has_a_timeout_and_does_not_reconnect() -> None:
    live = decode_command("http://a.se/x", remote=True, live=True, timeout_s=20)
    assert value(live, "-rw_timeout") == "20000000"
    assert "-reconnect" not in live
    assert "-af" not in live
    assert value(decode_command("http://a.se/x", remote=True, live=False), "-reconnect") == "1"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("[mp3 @ 0x55d0c] [error] Header missing", "Header missing"),
        ("[error] https://a.se/x: Server returned 404 Not Found", "https://a.se/x: Server returned 404 Not Found"),
        ("[in#0 @ 0x1] [fatal] Error opening input: x", "Error opening input: x"),
        ("[hls @ 0x1] [verbose] Opening 'http://a.se/1.ts' for reading", ""),
        ("[info] Stream mapping:", ""),
        ("[wav @ 0x1] [warning] Cannot check for SPDIF", ""),
        ("  Duration: N/A", ""),
        ("", ""),
    ],
)
def test_only_errors_are_kept(line: str, text: str) -> None:
    assert _error_text(line) == text


def test_errors_do_not_contain_passwords() -> None:
    line = "[hls @ 0x1] [error] Error when loading first segment 'http://me:a:b!@h.se:8000/1.ts' of rtsp://me@h.se/x@y"
    assert _error_text(line) == "Error when loading first segment 'http://h.se:8000/1.ts' of rtsp://h.se/x@y"


AUDIO = {"codec_type": "audio", "codec_name": "aac", "sample_rate": "48000", "channels": 6, "bit_rate": "384000"}


def test_probe_is_parsed_from_json() -> None:
    answer = {
        "streams": [
            {"codec_type": "video", "codec_name": "h264"},
            {**AUDIO, "tags": {"LANGUAGE": "eng"}, "disposition": {"default": 0}},
            {**AUDIO, "channels": 2, "tags": {"language": "swe", "title": "Svenska"}, "disposition": {"default": 1}},
        ],
        "format": {"format_name": "matroska,webm", "duration": "12.5"},
    }
    probe = parse(answer)
    assert probe == Probe(
        tracks=(
            Track("aac", 48000, 6, 384000, "eng", "", False),
            Track("aac", 48000, 2, 384000, "swe", "Svenska", True),
        ),
        format="matroska,webm",
        duration_s=12.5,
    )
    assert probe.choose() == 1
    assert probe.choose(0) == 0
    with pytest.raises(NotAudio, match="no audio track 2; it has 2, counted from 0"):
        probe.choose(2)


def test_first_track_is_chosen_without_a_default() -> None:
    assert parse({"streams": [AUDIO, AUDIO]}).choose() == 0


def test_error_without_audio_names_the_other_tracks() -> None:
    with pytest.raises(NotAudio, match="no audio track, only subtitle and video"):
        parse({"streams": [{"codec_type": "video"}, {"codec_type": "subtitle"}]})
    with pytest.raises(NotAudio, match="contains no audio"):
        parse({})


@pytest.mark.parametrize(
    ("complaint", "kind", "says"),
    [
        ("it: Invalid data found when processing input", NotAudio, "not a recording"),
        ("moov atom not found\nit: Invalid data found", SourceError, "cut off"),
        ("it: Format not on whitelist 'mp3'", NotAudio, "not a recording"),
        ("Protocol 'file' not on whitelist 'http'!", NotAudio, "not http or https"),
        ("it: Input/output error", SourceError, r"a player plays it \(it: Input/output error\)"),
        ("", SourceError, r"a player plays it \(it reported no reason\)"),
    ],
)
def test_ffmpeg_errors_are_translated(complaint: str, kind: type[Exception], says: str) -> None:
    error = explain(complaint)
    assert isinstance(error, kind)
    with pytest.raises(kind, match=says):
        raise error


@pytest.mark.parametrize(
    ("raw", "title"),
    [
        ("Ekot – åtta".encode(), "Ekot – åtta"),
        ("Ekot på åtta".encode("latin-1"), "Ekot på åtta"),
        (b"Ekot &#8211; AT&amp;T", "Ekot – AT&T"),
        (b"  News \t at  ten ", "News at ten"),
    ],
)
def test_titles_are_decoded(raw: bytes, title: str) -> None:
    assert tidy_title(_text(raw)) == title
