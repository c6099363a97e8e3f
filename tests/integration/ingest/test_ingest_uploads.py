"""Uploads: files of many formats, made by a real ffmpeg, come out as the chunks of their audio, or as a clear error."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demo.noise import noise
from demo.voices import Voice, speak
from ingest.attempt import Interrupted
from ingest.decoding import Decoding, Workplace
from ingest.speech import make_detectors
from tests.integration.ingest.radio import Web, audio_of, frequency_hz
from wire.captions import Advance, CaptionLog
from wire.jobs import enqueue_decode
from wire.keys import OPENING_CHUNKS, UPLOAD_CHUNKS
from wire.messages import Chunk, Content, Job, Kind, State, Status
from wire.queue import STREAMS, ChunkQueue
from wire.sources import Jobs, Statuses

Chunks = Callable[[str], list[Chunk]]
Make = Callable[..., Path]
Decode = Callable[..., Job]


FORMATS = {
    "mp3": ("x.mp3", ["-b:a", "64k"]),
    "m4a": ("x.m4a", ["-c:a", "aac"]),
    "aac": ("x.aac", ["-c:a", "aac"]),
    "ogg-opus": ("x.ogg", ["-c:a", "libopus"]),
    "webm": ("x.webm", ["-c:a", "libopus"]),
    "flac-24-bit": ("x.flac", ["-sample_fmt", "s32", "-bits_per_raw_sample", "24", "-ar", "96000"]),
    "wav-telephone": ("x.wav", ["-ar", "8000", "-c:a", "pcm_mulaw"]),
    "wav-24-bit": ("x.wav", ["-c:a", "pcm_s24le", "-ar", "44100"]),
    "ac3-5.1": ("x.ac3", ["-c:a", "ac3", "-ac", "6"]),
    "amr-like-8-khz": ("x.3gp", ["-c:a", "aac", "-ar", "8000"]),
    "aiff": ("x.aiff", []),
    "no-extension": ("x", ["-f", "mp3"]),
}


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_comes_out_whole(format: str, decode: Decode, make_audio: Make, chunks: Chunks) -> None:
    name, options = FORMATS[format]
    path = make_audio(name, *options)

    job = decode(path)

    assert (job.state, job.error, job.tracks) == (State.RUNNING, "", 1)
    found = chunks("jobs/j")
    assert [(chunk.epoch, chunk.seq, chunk.last) for chunk in found] == [(1, 0, False), (1, 1, False), (1, 2, True)]
    assert [chunk.start_s for chunk in found] == [0.0, 5.0, 10.0]
    audio = audio_of(found)
    assert len(audio) / 16_000 == pytest.approx(12, abs=0.15)  # codecs pad
    assert frequency_hz(audio[16_000 : 11 * 16_000]) == pytest.approx(440, abs=1)
    assert job.duration_s == pytest.approx(len(audio) / 16_000)
    assert not path.exists()


def test_pcm_is_exact(decode: Decode, make_audio: Make, chunks: Chunks) -> None:
    path = make_audio(
        "x.wav", "-ar", "16000", "-ac", "1", source="anoisesrc=duration=11:sample_rate=16000:amplitude=0.5"
    )
    original = np.frombuffer(path.read_bytes()[-11 * 32_000 :], dtype="<i2")

    decode(path)

    found = chunks("jobs/j")
    assert np.array_equal(audio_of(found), original)
    assert found[1].lead_samples == found[0].tail_samples >= 8_000
    lead = found[1].lead_samples * 2
    assert found[1].pcm[:lead] == found[0].pcm[-lead:]


def test_two_tracks_the_default_one_is_captioned(
    decode: Decode, make_audio: Make, chunks: Chunks, redis_client: Any
) -> None:
    job = decode(two_tracks(make_audio))
    assert job.tracks == 2
    assert frequency_hz(audio_of(chunks("jobs/j"))[: 5 * 16_000]) == pytest.approx(700, abs=1)
    assert Statuses(redis_client).get(Kind.JOB, "j").detail == "audio track 1 of 2 (swe, Svenska)"


def test_two_tracks_the_one_asked_for_is_captioned(decode: Decode, make_audio: Make, chunks: Chunks) -> None:
    job = decode(two_tracks(make_audio), track=0)
    assert (job.state, job.error) == (State.RUNNING, "")
    assert frequency_hz(audio_of(chunks("jobs/j"))[: 5 * 16_000]) == pytest.approx(300, abs=1)


def test_a_track_that_is_not_there_is_an_error(decode: Decode, make_audio: Make) -> None:
    assert decode(two_tracks(make_audio), track=2).error == "there is no audio track 2: it has 2, counted from 0"


def two_tracks(make_audio: Make) -> Path:
    inputs = (
        "-f",
        "lavfi",
        "-i",
        "sine=300:d=6",
        "-f",
        "lavfi",
        "-i",
        "sine=700:d=6",
    )
    tags = ["-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=swe", "-metadata:s:a:1", "title=Svenska"]
    defaults = ["-disposition:a:0", "0", "-disposition:a:1", "default"]
    return make_audio("x.mkv", "-map", "0:a", "-map", "1:a", *tags, *defaults, inputs=inputs)


def test_a_track_that_begins_late_keeps_its_place_beside_the_picture(
    decode: Decode, make_audio: Make, chunks: Chunks
) -> None:
    inputs = ("-f", "lavfi", "-i", "color=size=64x64:duration=9", "-itsoffset", "4")
    path = make_audio("x.mkv", "-c:a", "flac", inputs=(*inputs, "-f", "lavfi", "-i", "sine=frequency=440:duration=5"))
    assert decode(path).state is State.RUNNING
    audio = audio_of(chunks("jobs/j"))
    loud = np.flatnonzero(np.abs(audio) > 100)
    assert loud[0] / 16_000 == pytest.approx(4, abs=0.1)
    assert len(audio) / 16_000 == pytest.approx(9, abs=0.1)


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("x.mp3", b"", "the file is empty (0 bytes)"),
        ("x.txt", b"Good evening. These are the news.\n" * 200, "it is not a recording"),
        ("x.mp3", b"<!DOCTYPE html><html><body>No such file</body></html>" * 50, "it is a web page"),
        ("x.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\nfile:///etc/hostname\n", "it is not a recording"),
        ("x.wav", b"ffconcat version 1.0\nfile /etc/hostname\n", "it is not a recording"),
        ("x.srt", b"1\n00:00:00,000 --> 00:00:02,000\nHello\n", "it is not a recording"),
        ("x.bin", bytes(range(256)) * 400, "it is not a recording"),
    ],
)
def test_what_is_no_recording_is_called_so(
    name: str, body: bytes, says: str, decode: Decode, tmp_path: Path, chunks: Chunks, redis_client: Any
) -> None:
    path = tmp_path / name
    path.write_bytes(body)
    job = decode(path)
    assert job.state is State.FAILED
    assert job.error.startswith(says)
    assert chunks("jobs/j") == []
    assert not path.exists()
    status = Statuses(redis_client).get(Kind.JOB, "j")
    assert (status.state, status.detail) == (State.FAILED, job.error)


@pytest.mark.parametrize("name", ["x.mp3", "x.aac", "x.flac"])
def test_random_bytes_are_called_no_recording(name: str, decode: Decode, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(np.random.default_rng(0).bytes(300_000))
    job = decode(tmp_path / name)
    no_audio = "no audio was found in it: it is damaged, or no recording; see whether a player plays it"
    assert (job.state, job.error) == (State.FAILED, no_audio)


def test_random_bytes_of_which_some_look_like_frames_are_called_no_recording(
    decode: Decode, tmp_path: Path, chunks: Chunks
) -> None:
    (tmp_path / "x.mp3").write_bytes(np.random.default_rng(1).bytes(300_000))  # a tenth of a second comes of them
    job = decode(tmp_path / "x.mp3")
    assert job.state is State.FAILED
    assert job.error.startswith("it is not a recording in any format")
    assert chunks("jobs/j") == []


def test_a_video_without_sound_is_an_error(decode: Decode, make_audio: Make) -> None:
    job = decode(make_audio("x.mp4", source="testsrc=duration=2:size=64x64"))
    assert (job.state, job.error) == (
        State.FAILED,
        "it has no audio track, only video; send one with sound",
    )


def test_a_picture_is_an_error(decode: Decode, make_audio: Make) -> None:
    job = decode(make_audio("x.png", "-frames:v", "1", source="testsrc=size=64x64"))
    assert job.state is State.FAILED


def test_a_video_with_sound_is_captioned(decode: Decode, make_audio: Make, chunks: Chunks) -> None:
    inputs = ("-f", "lavfi", "-i", "testsrc=duration=6:size=64x64", "-f", "lavfi", "-i", "sine=duration=6")
    assert decode(make_audio("x.mp4", "-shortest", inputs=inputs)).state is State.RUNNING
    assert len(audio_of(chunks("jobs/j"))) / 16_000 == pytest.approx(6, abs=0.1)


def test_a_cut_off_mp3_is_captioned_as_far_as_it_goes(decode: Decode, make_audio: Make, chunks: Chunks) -> None:
    path = make_audio("whole.mp3", "-b:a", "64k")
    path.write_bytes(path.read_bytes()[: 64_000 // 8 * 7 + 77])
    job = decode(path)
    assert (job.state, job.error) == (State.RUNNING, "")
    found = chunks("jobs/j")
    assert found[-1].last
    assert len(audio_of(found)) / 16_000 == pytest.approx(7, abs=0.2)
    assert job.duration_s == pytest.approx(7, abs=0.2)
    assert job.warning.startswith("the recording is cut off: its header says 12.0 s")


@pytest.mark.parametrize("rest", [0, 1], ids=["between two samples", "within one"])
def test_a_cut_off_wav_is_captioned_and_says_so(rest: int, decode: Decode, make_audio: Make, chunks: Chunks) -> None:
    path = make_audio("x.wav", "-ar", "16000", "-ac", "1")
    whole = path.read_bytes()
    path.write_bytes(whole[: -2 * 16_000 * 5 - rest])
    job = decode(path)
    assert (job.state, job.error) == (State.RUNNING, "")
    length_s = len(audio_of(chunks("jobs/j"))) / 16_000
    assert job.duration_s == pytest.approx(length_s)
    assert job.warning == f"the recording is cut off: its header says {length_s + 5:.1f} s; captioned as far as it goes"


def test_a_wav_whose_length_was_never_filled_in_is_whole(decode: Decode, make_audio: Make, tmp_path: Path) -> None:
    path = make_audio("x.wav", "-ar", "16000", "-ac", "1")
    audio = path.read_bytes()
    at = audio.index(b"data") + 4
    path.write_bytes(audio[:at] + b"\xff\xff\xff\xff" + audio[at + 4 :])
    job = decode(path)
    assert (job.error, job.warning) == ("", "")


def test_a_wav_whose_sizes_contradict_each_other_is_captioned(decode: Decode, make_audio: Make, chunks: Chunks) -> None:
    """A recorder that was killed has written the length of its samples, and not that of the file."""
    path = make_audio("x.wav", "-ar", "16000", "-ac", "1", "-metadata", "title=News")
    audio = path.read_bytes()
    assert b"LIST" in audio[:100]
    path.write_bytes(audio[:4] + (36).to_bytes(4, "little") + audio[8:])
    assert decode(path).error == ""
    assert len(audio_of(chunks("jobs/j"))) > 16_000


def test_a_job_that_failed_elsewhere_meanwhile_stays_failed(
    decode: Decode, make_audio: Make, redis_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transcriber finds out with the first chunk that its model cannot do what is asked."""
    change = Jobs.change

    def failing(self: Jobs, id: str, **changes: Any) -> Job:
        if changes.get("decoded"):
            self.fail(id, "this model cannot translate")
            Statuses(redis_client).save(Status(f"jobs/{id}", State.FAILED))
        return change(self, id, **changes)

    monkeypatch.setattr(Jobs, "change", failing)
    job = decode(make_audio("x.wav"))
    assert (job.state, job.error) == (State.FAILED, "this model cannot translate")
    assert Statuses(redis_client).get(Kind.JOB, "j").state is State.FAILED


def test_a_cut_off_mp4_says_what_is_missing(decode: Decode, make_audio: Make) -> None:
    path = make_audio("x.m4a", "-c:a", "aac")
    path.write_bytes(path.read_bytes()[:30_000])
    job = decode(path)
    assert job.state is State.FAILED
    assert "cut off" in job.error


def test_a_recording_without_samples_ends_at_once(decode: Decode, make_audio: Make, chunks: Chunks) -> None:
    path = make_audio("x.wav", "-ar", "16000", "-ac", "1")
    path.write_bytes(path.read_bytes()[: -12 * 32_000])
    job = decode(path)
    assert (job.state, job.error) == (State.RUNNING, "")
    assert [(chunk.n_samples, chunk.last) for chunk in chunks("jobs/j")] == [(0, True)]


def test_silence_goes_without_audio(decode: Decode, make_audio: Make, chunks: Chunks) -> None:
    decode(make_audio("x.wav", source="anullsrc=duration=12"))
    found = chunks("jobs/j")
    assert [chunk.content for chunk in found] == [Content.SILENCE] * 3
    assert all(chunk.pcm == b"" for chunk in found)


def test_speech_is_sent_and_the_rest_is_not(tmp_path: Path, workplace: Workplace, chunks: Chunks) -> None:
    words = speak("Rain is expected in the north tomorrow.", Voice("en-us+f2", "en")).audio
    speech = np.pad(words, (16_000, 80_000 - 16_000 - len(words)))
    hum = 0.1 * noise("hum", 240_000, np.random.default_rng(1)) * 32767
    audio = np.concatenate([speech, hum.astype(np.int16), np.zeros(80_000, np.int16), speech])
    with wave.open(str(tmp_path / "x.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(audio.tobytes())
    Jobs(workplace.redis).save(Job("j", time.time(), filename="x", path="x.wav"))
    Decoding("j", dataclasses.replace(workplace, make_detector=make_detectors(workplace.settings))).run()
    found = [chunk for chunk in chunks("jobs/j") if chunk.n_samples]
    assert [str(chunk.content) for chunk in found] == ["speech", "music", "music", "music", "silence", "speech"]
    assert [bool(chunk.pcm) for chunk in found] == [True, False, False, False, False, True]
    assert found[-1].lead_samples == found[-2].tail_samples >= 8_000


def test_a_recording_that_is_too_long_is_refused(decode: Decode, make_audio: Make, workplace: Workplace) -> None:
    object.__setattr__(workplace.settings, "max_upload_hours", 5 / 3600)
    job = decode(make_audio("x.wav"))
    assert job.error == "it lasts 0.0 hours; at most 0.00138889 are accepted (MAX_UPLOAD_HOURS)"


def test_a_recording_that_hides_its_length_is_cut(
    decode: Decode, make_audio: Make, workplace: Workplace, chunks: Chunks
) -> None:
    object.__setattr__(workplace.settings, "max_upload_hours", 8 / 3600)
    job = decode(make_audio("x.mkv", "-live", "1", "-c:a", "flac"))
    assert job.error == ""
    assert 8 <= len(audio_of(chunks("jobs/j"))) / 16_000 < 11
    assert "MAX_UPLOAD_HOURS" in job.warning


# --- files on a server ---------------------------------------------------------------------------


def test_a_file_is_fetched_by_its_url(decode: Decode, make_audio: Make, web: Web, chunks: Chunks) -> None:
    url = web.page("/x.mp3", make_audio("x.mp3").read_bytes(), "audio/mpeg")
    job = decode(url=url)
    assert (job.state, job.error) == (State.RUNNING, "")
    assert len(audio_of(chunks("jobs/j"))) / 16_000 == pytest.approx(12, abs=0.2)


def test_an_index_at_the_end_is_no_obstacle(
    decode: Decode, make_audio: Make, web: Web, chunks: Chunks, tmp_path: Path
) -> None:
    url = web.page("/x.m4a", make_audio("x.m4a", "-c:a", "aac").read_bytes(), "audio/mp4")  # and no parts are sent
    job = decode(url=url)
    assert (job.state, job.error) == (State.RUNNING, "")
    assert len(audio_of(chunks("jobs/j"))) / 16_000 == pytest.approx(12, abs=0.2)
    assert list((tmp_path / "uploads").iterdir()) == []


def test_parts_are_asked_for_where_they_are_sent(decode: Decode, make_audio: Make, web: Web, chunks: Chunks) -> None:
    body = make_audio("x.m4a", "-c:a", "aac").read_bytes()
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        first = int((handler.headers["Range"] or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        asked.append(handler.headers["Range"])
        handler.send_response(206 if handler.headers["Range"] else 200)
        handler.send_header("Accept-Ranges", "bytes")
        handler.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
        handler.send_header("Content-Length", str(len(body) - first))
        handler.end_headers()
        with contextlib.suppress(OSError):
            handler.wfile.write(body[first:])

    web.pages["/x.m4a"] = answer
    assert decode(url=web.url("/x.m4a")).error == ""
    assert len(audio_of(chunks("jobs/j"))) / 16_000 == pytest.approx(12, abs=0.2)
    assert any(part and part != "bytes=0-" for part in asked)


def send_live(web: Web, body: bytes, *, asked: bool = False, pause_s: float = 0.0, **headers: str) -> str:
    """An endless stream, a second at a time; with `asked`, its headers come only if titles are asked for."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response_only(200)
        handler.send_header("Content-Type", "audio/mpeg")
        for name, value in headers.items() if not asked or handler.headers["Icy-MetaData"] else ():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        with contextlib.suppress(OSError):
            while True:
                for at in range(0, len(body), 8_000):
                    handler.wfile.write(body[at : at + 8_000])
                    time.sleep(pause_s)

    web.pages["/live.mp3"] = answer
    return web.url("/live.mp3")


@pytest.mark.parametrize(
    ("headers", "asked"),
    [
        ({"icy_name": "Endless"}, False),
        ({"icy_br": "64"}, True),
        ({"ice_audio_info": "bitrate=64"}, False),
        ({"Server": "Icecast 2.4.4"}, False),
    ],
)
def test_a_live_stream_is_no_recording(
    headers: dict[str, str], asked: bool, decode: Decode, make_audio: Make, web: Web
) -> None:
    body = make_audio("x.mp3", "-b:a", "64k", source="sine=duration=60").read_bytes()
    job = decode(url=send_live(web, body, asked=asked, **headers))
    assert job.error == "it is a live stream without an end: add it as a station with POST /stations"


def test_a_recording_on_a_radio_server_is_captioned(decode: Decode, make_audio: Make, web: Web) -> None:
    body = make_audio("x.mp3").read_bytes()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response_only(200)
        for name, value in {"Server": "Icecast 2.4.4", "icy-name": "News", "Content-Length": str(len(body))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        with contextlib.suppress(OSError):
            handler.wfile.write(body)

    web.pages["/x.mp3"] = answer
    assert decode(url=web.url("/x.mp3")).error == ""


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/missing.mp3", "127.0.0.1 answers 404 Not Found: look up its new address"),
        (
            "/page",
            "127.0.0.1 answers with a web page, not with audio; use the address of the recording or stream itself",
        ),
        ("/text", "it is not a recording in any format that ffmpeg knows; try audio or video: MP3, WAV, MP4 …"),
        ("/big", "it has 3 MB; at most 2 MB are fetched (MAX_FETCH_MB)"),
        ("/leads-to-our-disk.m3u8", None),
    ],
)
def test_what_cannot_be_fetched_says_why(
    path: str, says: str | None, decode: Decode, web: Web, workplace: Workplace, make_audio: Make, chunks: Chunks
) -> None:
    object.__setattr__(workplace.settings, "max_fetch_mb", 2.0)
    ours = make_audio("secret.mp3")
    web.page("/page", b"<html>hello</html>")
    web.page("/text", b"hello " * 400, "application/octet-stream")
    web.page("/big", bytes(3_000_000), "audio/mpeg")
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:12\n#EXTINF:12,\nfile://{ours}\n#EXT-X-ENDLIST\n".encode()
    web.page("/leads-to-our-disk.m3u8", playlist, "application/vnd.apple.mpegurl")
    job = decode(url=web.url(path))
    assert job.state is State.FAILED
    assert says is None or job.error == says
    assert chunks("jobs/j") == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x.mp3", "/etc/passwd", "concat:/etc/passwd"])
def test_only_http_is_fetched(url: str, decode: Decode) -> None:
    assert "is not an http or https address" in decode(url=url).error


def test_a_path_outside_the_uploads_is_refused(decode: Decode, tmp_path: Path) -> None:
    outside = tmp_path.parent / "outside.mp3"
    outside.write_bytes(b"x")
    job = decode(path=f"../{outside.name}")
    assert (job.state, job.error) == (State.FAILED, "'../outside.mp3' is not in the uploads folder")
    assert outside.exists()


# --- waiting, stopping, going on -----------------------------------------------------------------


def take_and_commit(workplace: Workplace, source: str, n: int) -> list[Chunk]:
    """What a transcriber does, without a model: take chunks and commit them."""
    queue, captions = ChunkQueue(workplace.redis), CaptionLog(workplace.redis)
    taken = []
    for delivery in queue.take("transcriber-0", n, block_s=0.1):
        chunk = delivery.chunk
        advance = Advance(b"x", (), chunk.epoch, chunk.seq + 1, chunk.end_s, chunk.last)
        captions.commit(delivery, lambda state, advance=advance: advance)  # type: ignore[misc]
        taken.append(chunk)
    return taken


def test_decoding_waits_for_transcribers(
    workplace: Workplace, make_audio: Make, chunks: Chunks, wait_until: Callable[..., None]
) -> None:
    object.__setattr__(workplace.settings, "upload_ahead_chunks", 4)
    path = make_audio("x.wav", "-ar", "16000", "-ac", "1", source="sine=duration=60:sample_rate=16000")
    jobs = Jobs(workplace.redis)
    jobs.save(Job("j", time.time(), path=path.name))
    thread = threading.Thread(target=Decoding("j", workplace).run)
    thread.start()
    seen: list[Chunk] = []
    while not (seen and seen[-1].last):
        wait_until(lambda: chunks("jobs/j"))
        assert len(chunks("jobs/j")) <= 4
        seen += take_and_commit(workplace, "jobs/j", 2)
    thread.join()
    assert [chunk.seq for chunk in seen] == list(range(13))
    assert not path.exists()


def test_one_upload_does_not_fill_the_queue_that_is_shared(
    workplace: Workplace, make_audio: Make, wait_until: Callable[..., None], redis_client: Any
) -> None:
    path = make_audio("x.wav", "-ar", "16000", "-ac", "1", source="sine=duration=400:sample_rate=16000")
    Jobs(workplace.redis).save(Job("j", time.time(), path=path.name))
    thread = threading.Thread(target=Decoding("j", workplace).run)
    thread.start()
    wait_until(lambda: redis_client.xlen(UPLOAD_CHUNKS) >= 20, 30)
    Jobs(workplace.redis).change("j", state=State.CANCELLED)
    thread.join()
    assert (redis_client.xlen(OPENING_CHUNKS), redis_client.xlen(UPLOAD_CHUNKS)) == (12, 20)
    assert not path.exists()
    assert Jobs(workplace.redis).get("j").state is State.CANCELLED


def test_a_deleted_job_ends_its_decoding(
    workplace: Workplace, make_audio: Make, wait_until: Callable[..., None]
) -> None:
    object.__setattr__(workplace.settings, "upload_ahead_chunks", 1)
    path = make_audio("x.wav")
    jobs = Jobs(workplace.redis)
    jobs.save(Job("j", time.time(), path=path.name))
    thread = threading.Thread(target=Decoding("j", workplace).run)
    thread.start()
    wait_until(lambda: jobs.get("j").state is State.RUNNING)
    jobs.remove("j")
    thread.join()
    assert not path.exists()


def test_an_interrupted_job_goes_on_where_its_captions_end(
    workplace: Workplace, make_audio: Make, chunks: Chunks, wait_until: Callable[..., None]
) -> None:
    object.__setattr__(workplace.settings, "upload_ahead_chunks", 3)
    path = make_audio("x.flac", source="sine=duration=31")
    Jobs(workplace.redis).save(Job("j", time.time(), path=path.name))
    ended: list[type[BaseException]] = []

    def first_attempt() -> None:
        try:
            Decoding("j", workplace).run()
        except Interrupted as error:
            ended.append(type(error))

    thread = threading.Thread(target=first_attempt)
    thread.start()
    wait_until(lambda: len(chunks("jobs/j")) == 3)
    committed = take_and_commit(workplace, "jobs/j", 2)
    workplace.stopping.set()
    thread.join()
    assert ended == [Interrupted]
    assert path.exists()

    workplace.stopping.clear()
    workplace.redis.delete(*STREAMS)  # whatever was queued and not committed is lost with its worker
    object.__setattr__(workplace.settings, "upload_ahead_chunks", 100)
    Decoding("j", workplace).run()
    rest = chunks("jobs/j")
    assert [chunk.seq for chunk in committed + rest] == list(range(7))
    assert rest[0].lead_samples == committed[-1].tail_samples >= 8_000
    assert len(audio_of(committed + rest)) == 31 * 16_000
    assert not path.exists()


def test_a_long_upload_gives_way_to_one_that_waits(
    workplace: Workplace, make_audio: Make, wait_until: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.attempt.TURN_S", 0.0)
    monkeypatch.setattr("ingest.attempt.TURN_FACTOR", 0.0)
    monkeypatch.setattr("ingest.attempt.ASK_EVERY_S", 0.0)
    object.__setattr__(workplace.settings, "upload_ahead_chunks", 2)
    path = make_audio("x.wav", source="sine=duration=60")
    Jobs(workplace.redis).save(Job("j", time.time(), path=path.name))
    enqueue_decode(workplace.redis, "another", timeout_s=60)
    with pytest.raises(Interrupted):
        Decoding("j", workplace).run()
    assert path.exists()
    assert Jobs(workplace.redis).get("j").state is State.RUNNING


def test_what_may_be_live_gives_way_at_every_attempt(
    workplace: Workplace,
    make_audio: Make,
    web: Web,
    chunks: Chunks,
    wait_until: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An attempt needs as long as all before it to come to what is new, and must not have a multiple of that."""
    monkeypatch.setattr("ingest.attempt.TURN_S", 2.0)
    object.__setattr__(workplace.settings, "chunk_s", 1.0)
    body = make_audio("x.mp3", "-b:a", "64k", source="sine=duration=60").read_bytes()
    Jobs(workplace.redis).save(Job("j", time.time(), url=send_live(web, body, pause_s=0.8)))
    enqueue_decode(workplace.redis, "another", timeout_s=60)
    ended: list[type[BaseException]] = []

    def attempt() -> None:
        try:
            Decoding("j", workplace).run()
        except Interrupted as error:
            ended.append(type(error))

    for n_attempts, factor in ((1, 0.0), (2, 1e6)):
        monkeypatch.setattr("ingest.attempt.TURN_FACTOR", factor)
        thread = threading.Thread(target=attempt)
        thread.start()
        try:
            wait_until(lambda n=n_attempts: len(ended) == n, 20)
        finally:
            workplace.stopping.set()
            thread.join()
            workplace.stopping.clear()
        assert take_and_commit(workplace, "jobs/j", 8) or n_attempts == 2
    assert Jobs(workplace.redis).get("j").state is State.RUNNING


def test_a_decoded_job_is_not_decoded_again(
    decode: Decode, make_audio: Make, workplace: Workplace, chunks: Chunks
) -> None:
    assert decode(make_audio("x.mp3")).decoded
    before = chunks("jobs/j")
    Decoding("j", workplace).run()  # its file is gone, and that is no failure
    assert Jobs(workplace.redis).get("j").state is State.RUNNING
    assert chunks("jobs/j") == before


def test_a_finished_job_is_left_alone(workplace: Workplace, make_audio: Make, chunks: Chunks) -> None:
    Jobs(workplace.redis).save(Job("j", time.time(), path="gone.mp3", state=State.CANCELLED))
    Decoding("j", workplace).run()
    assert chunks("jobs/j") == []


def test_a_killed_decoder_is_replaced_and_its_job_goes_on(
    redis_url: str, workplace: Workplace, make_audio: Make, wait_until: Callable[..., None], tmp_path: Path
) -> None:
    path = make_audio("x.flac", source="sine=duration=200")
    Jobs(workplace.redis).save(Job("j", time.time(), path=path.name))
    enqueue_decode(workplace.redis, "j", timeout_s=600)
    environ = {**os.environ, "REDIS_URL": redis_url, "DATA_DIR": str(tmp_path), "UPLOAD_AHEAD_CHUNKS": "4"}

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "ingest.decoder"], env=environ)

    first = start()
    seen: list[Chunk] = []
    try:
        wait_until(lambda: take_more(workplace, seen) >= 5, 30)
    finally:
        first.kill()
        first.wait()
    second = start()
    try:
        wait_until(lambda: take_more(workplace, seen) and seen[-1].last, 60)
        wait_until(lambda: not path.exists(), 10)
    finally:
        second.terminate()
        assert second.wait(timeout=10) == 0
    # What was queued by the killed one comes twice: committing it again changes nothing.
    assert list(dict.fromkeys(chunk.seq for chunk in seen)) == list(range(41))
    assert CaptionLog(workplace.redis).progress("jobs/j").finished


def take_more(workplace: Workplace, seen: list[Chunk]) -> int:
    seen += take_and_commit(workplace, "jobs/j", 8)
    return len(seen)
