"""The demo station: content, timing and transcript of its stream."""

from __future__ import annotations

import io
import itertools
import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import numpy as np
import pytest

from demo import icy, music, station
from demo.broadcast import LISTENER_DELAY_S, Broadcast
from demo.bulletins import split_of
from demo.encoder import DELAY_SAMPLES, Encoder, EncoderError, ffmpeg, frame_bytes, split_frames
from demo.programme import SPEECH_DBFS, Item, endless


@pytest.fixture(scope="module")
def items() -> list[Item]:
    """Two programmes and the beginning of a third."""
    collected: list[Item] = []
    turns = 0
    for item in endless(7):
        turns += bool(item.spoken) and not any(
            s.language == item.spoken[0].language for i in collected[-3:] for s in i.spoken
        )
        collected.append(item)
        if turns == 3:
            break
    return collected


class TestProgramme:
    def test_languages_alternate(self, items: list[Item]) -> None:
        languages = [sentence.language for item in items for sentence in item.spoken]
        turns = [language for language, _ in itertools.groupby(languages)]
        assert turns in (["sv", "en", "sv"], ["en", "sv", "en"])

    def test_a_programme_lasts_some_minutes(self, items: list[Item]) -> None:
        second = next(i for i, item in enumerate(items) if item.title != items[0].title)
        assert 90 < sum(item.duration_s for item in items[:second]) < 300

    def test_every_sentence_is_held_out(self, items: list[Item]) -> None:
        assert {split_of(sentence.text) for item in items for sentence in item.spoken} == {"held-out"}

    def test_no_sentence_is_read_twice_in_a_programme(self, items: list[Item]) -> None:
        sentences = [sentence for item in items for sentence in item.spoken]
        for _, programme in itertools.groupby(sentences, key=lambda sentence: sentence.language):
            texts = [sentence.text for sentence in programme]
            assert len(texts) == len(set(texts))

    def test_a_jingle_announces_each_language(self, items: list[Item]) -> None:
        assert not items[0].spoken
        assert float(np.abs(items[0].audio).max()) > 1000

    def test_words_are_in_order_within_their_sentence_and_item(self, items: list[Item]) -> None:
        for item in items:
            for sentence in item.spoken:
                assert " ".join(word.text for word in sentence.words) == sentence.text
                times = [t for word in sentence.words for t in (word.start_s, word.end_s)]
                assert times == sorted(times)
                assert sentence.start_s <= times[0] + 1e-6
                assert times[-1] <= sentence.end_s + 0.05 <= item.duration_s + 0.05

    def test_speech_is_as_loud_as_radio(self, items: list[Item]) -> None:
        sentence, audio = next((s, item.audio) for item in items for s in item.spoken)
        part = audio[round(sentence.start_s * music.RATE_HZ) : round(sentence.end_s * music.RATE_HZ)] / 32768
        assert 20 * np.log10(np.sqrt(np.mean(part**2))) == pytest.approx(SPEECH_DBFS, abs=4)

    def test_same_seed_gives_the_same_programmes(self, items: list[Item]) -> None:
        def said(some: list[Item]) -> list[tuple[str, str]]:
            return [(sentence.text, sentence.voice) for item in some for sentence in item.spoken]

        again = list(itertools.islice(endless(7), 8))  # espeak-ng's own noise differs from run to run
        assert said(again) == said(items[:8])

    def test_another_seed_gives_other_programmes(self, items: list[Item]) -> None:
        texts = [s.text for item in itertools.islice(endless(8), 10) for s in item.spoken]
        assert texts != [s.text for item in items[:10] for s in item.spoken][: len(texts)]


class TestIcy:
    def test_metadata_is_inserted_at_the_interval(self) -> None:
        out = icy.Interleaver(10).feed(b"a" * 25, "News")
        block = icy.block("News")
        assert out == b"a" * 10 + block + b"a" * 10 + b"\0" + b"a" * 5

    def test_result_does_not_depend_on_the_size_of_pieces(self) -> None:
        audio = bytes(range(256)) * 3
        whole, pieces = icy.Interleaver(100), icy.Interleaver(100)
        assert whole.feed(audio, "A") == b"".join(pieces.feed(audio[i : i + 7], "A") for i in range(0, len(audio), 7))

    def test_block_begins_with_its_length(self) -> None:
        block = icy.block("O'Brien på åtta")
        assert len(block) == 1 + 16 * block[0]
        assert block[1:].rstrip(b"\0").decode() == "StreamTitle='O’Brien på åtta';"


class TestEncoder:
    def test_frames_decode_to_what_was_encoded_after_the_known_delay(self) -> None:
        click = np.zeros((music.RATE_HZ, 2), np.int16)
        click[20_000:20_050] = 20_000
        frames: list[bytes] = []
        encoder = Encoder(frames.append)
        encoder.write(click.tobytes())
        encoder.close()
        command = [ffmpeg(), "-v", "error", "-f", "mp3", "-i", "pipe:0", "-f", "s16le", "-ac", "1", "pipe:1"]
        decoded = subprocess.run(command, input=b"".join(frames), capture_output=True, check=True).stdout
        loudest = int(np.abs(np.frombuffer(decoded, np.int16).astype(int)).argmax())
        assert loudest == pytest.approx(20_025 + DELAY_SAMPLES, abs=40)

    def test_frames_are_split_regardless_of_read_sizes(self) -> None:
        frame = bytes.fromhex("fffb7000").ljust(313, b"x")
        assert frame_bytes(frame) == 313

        class Trickle(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                return super().read(50)

        assert list(split_frames(Trickle(frame * 5))) == [frame] * 5

    def test_invalid_frame_header_is_rejected(self) -> None:
        with pytest.raises(EncoderError, match="is not the header"):
            frame_bytes(b"ID3\x04")

    def test_ffmpeg_exits_when_its_input_ends(self) -> None:
        encoder = Encoder(lambda frame: None)
        encoder.close()
        assert encoder._process.poll() is not None


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A station on a free port."""
    broadcast = Broadcast(seed=3)
    server = station.Server(("127.0.0.1", 0), broadcast)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    broadcast.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        broadcast.stop()
        server.shutdown()
        server.server_close()
        thread.join()


def _get(url: str, headers: dict[str, str] | None = None) -> tuple[int, str, str]:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=30) as answer:
        return answer.status, answer.headers["Content-Type"], answer.read().decode()


class TestServer:
    def test_the_stream_is_paced_and_carries_its_title(self, address: str) -> None:
        request = urllib.request.Request(f"{address}/stream.mp3", headers={"Icy-MetaData": "1"})
        began = time.monotonic()
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.headers["Content-Type"] == "audio/mpeg"
            interval = int(answer.headers["icy-metaint"])
            audio = answer.read(interval)
            length = answer.read(1)[0] * 16
            title = answer.read(length).rstrip(b"\0").decode()
            answer.read(interval)
            elapsed_s = time.monotonic() - began
        assert frame_bytes(audio[:4]) in (313, 314)
        assert title.startswith("StreamTitle='")
        # Two intervals are 2.67 s of audio, half a second of which is sent at once; never faster, on any machine.
        assert elapsed_s > 2.0

    def test_all_listeners_receive_the_same_audio(self, address: str) -> None:
        heard: list[bytes] = []

        def hear() -> None:
            with urllib.request.urlopen(f"{address}/stream.mp3", timeout=30) as answer:
                heard.append(answer.read(15_000))

        with urllib.request.urlopen(f"{address}/stream.mp3", timeout=30) as answer:
            first = answer.read(1_000)
            threads = [threading.Thread(target=hear) for _ in range(8)]
            for thread in threads:
                thread.start()
            # It started before the others, and continues until they are done.
            while any(thread.is_alive() for thread in threads):
                first += answer.read(1_000)
            first += answer.read(15_000)
        assert len(heard) == 8
        assert all(other[7_000:8_000] in first for other in heard)

    def test_truth_has_one_sentence_per_line(self, address: str) -> None:
        deadline = time.monotonic() + 60
        while not (lines := _get(f"{address}/truth?after=0")[2].splitlines()):
            assert time.monotonic() < deadline, "nothing was said"
            time.sleep(0.2)
        sentence = json.loads(lines[0])
        assert {"text", "language", "start_s", "end_s", "words", "programme", "voice"} <= sentence.keys()
        assert sentence["end_s"] <= time.time()
        assert " ".join(word["text"] for word in sentence["words"]) == sentence["text"]
        assert _get(f"{address}/truth?after={time.time() + 1}")[2] == ""

    def test_health_and_page_report_on_air(self, address: str) -> None:
        assert _get(f"{address}/healthz")[0] == 200
        assert "Undertext demo" in _get(f"{address}/")[2]

    @pytest.mark.parametrize(("path", "status"), [("/truth?after=noon", 400), ("/nothing", 404)])
    def test_errors_are_problem_documents(self, address: str, path: str, status: int) -> None:
        with pytest.raises(urllib.error.HTTPError) as caught:
            _get(address + path)
        with caught.value as answer:
            assert answer.code == status
            assert answer.headers["Content-Type"] == "application/problem+json"


def test_listener_delay_is_a_frame_plus_the_codec_delay() -> None:
    assert 0.05 < LISTENER_DELAY_S < 0.06


def test_invalid_port_is_reported(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO_PORT", "eight")
    assert station.main([]) == 2
    assert "DEMO_PORT" in capsys.readouterr().err


def test_station_does_not_import_torch() -> None:
    code = "import sys, demo.station; sys.exit('torch' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
