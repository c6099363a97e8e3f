"""The main functions of the page in Firefox: captions, replay, corrections; a recording; a microphone."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import soundfile

from ingest.stations.keeping import encode
from tests.e2e.firefox import Firefox, firefox
from tests.integration.api_server import Api, Ingest, Speaker
from wire.bus import Redis
from wire.kept_audio import Clip, KeptAudio
from wire.messages import State, Status
from wire.sources import Jobs, Statuses

pytestmark = pytest.mark.browser

ENTER = "\ue007"


@pytest.fixture(scope="module")
def speakers(
    need_program: Callable[..., str], tmp_path_factory: pytest.TempPathFactory, wait_until: Callable[..., None]
) -> Iterator[str]:
    """A silent audio output: without one, Firefox cannot record a microphone."""
    folder = tmp_path_factory.mktemp("pulse")
    server = folder / "native"
    command = [
        *(need_program("pulseaudio"), "-n", "--daemonize=no", "--exit-idle-time=-1", "--load=module-null-sink"),
        f"--load=module-native-protocol-unix auth-anonymous=1 socket={server}",
    ]
    environment = {**os.environ, "HOME": str(folder), "PULSE_RUNTIME_PATH": str(folder)}
    with (folder / "pulseaudio.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    wait_until(server.exists, 20, "pulseaudio listens")
    yield f"unix:{server}"
    process.terminate()
    process.wait(timeout=20)


@pytest.fixture(scope="module")
def started(
    need_program: Callable[..., str], speakers: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Firefox]:
    """One Firefox for all tests."""
    program = need_program("firefox-esr", "firefox")
    with firefox(program, tmp_path_factory.mktemp("firefox"), PULSE_SERVER=speakers) as browser:
        yield browser


@pytest.fixture
def fox(started: Firefox) -> Iterator[Firefox]:
    """A Firefox whose page must not report errors."""
    started.open("about:blank")
    started.complaints.clear()
    yield started
    assert started.complaints == []


def test_captions_are_shown_replayed_and_corrected(
    fox: Firefox, api: Api, redis: Redis, speaker: Speaker, tone: Path
) -> None:
    now_s = time.time()
    samples, rate = soundfile.read(tone, dtype="int16")
    pcm = samples[:: rate // 16_000].tobytes()
    Statuses(redis).save(Status("stations/p1", State.RUNNING, audio_kept_s=900))
    KeptAudio(redis).add("stations/p1", Clip(now_s - 10, len(pcm) // 2, encode(pcm)), kept_s=900)
    speaker.say("Vädret i Skåne.", start_s=now_s - 9)
    fox.open(api.url)
    fox.wait("document.querySelectorAll('.lines .text').length === 1")
    speaker.say("Vädret i Småland.", start_s=now_s - 4)
    fox.wait("document.querySelectorAll('.lines .text').length === 2")
    fox.click("document.querySelector('.lines time[role=button]')")
    fox.wait("document.querySelector('replay-player audio').currentTime > 0.3")
    assert fox.text("[aria-current=true] .text") == "Vädret i Skåne."
    fox.press("button", "Back to live")
    fox.press("button", "Correct captions")
    fox.click("[...document.querySelectorAll('.lines .correct')].at(-1)")
    fox.keys(f" I dag.{ENTER}")
    fox.wait("!document.querySelector('line-editor')")
    assert fox.text(".lines p:last-of-type .text") == "Vädret i Småland. I dag."
    assert api.http.get("/stations/p1/captions.txt").text == "Vädret i Skåne.\nVädret i Småland. I dag.\n"


def test_recording_is_captioned_and_played(fox: Firefox, api: Api, redis: Redis, tone: Path) -> None:
    fox.open(f"{api.url}#file")
    fox.choose("#recording", tone)
    fox.press("button", "Caption it")
    fox.wait("document.querySelector('job-panel h2')?.textContent === 'tone.wav'")
    [job], _ = Jobs(redis).page(1)
    Jobs(redis).change(job.id, state=State.RUNNING, duration_s=10.0)
    speaker = Speaker(redis, f"jobs/{job.id}")
    speaker.say("Första raden.", start_s=1.0)
    speaker.say("Andra raden.", start_s=6.0)
    speaker.finish()
    fox.wait("document.querySelector('job-panel .state').innerText === 'Captions complete'")
    fox.press("button", "0:06")
    fox.wait("document.querySelector('recording-player audio').currentTime > 6.2")
    assert fox.text("[aria-current=true] .text") == "Andra raden."


def test_microphone_recording_resumes_after_a_reload(fox: Firefox, api: Api, redis_url: str) -> None:
    ingest = Ingest(redis_url)
    ingest.start()
    fox.open(f"{api.url}#microphone")
    fox.press("button", "Start")
    fox.wait("document.querySelector('.lines .text')?.innerText === 'first'")
    fox.wait("document.querySelector('meter').value > 0.05")
    fox.reload()
    fox.press("button", "Resume")
    fox.wait("document.querySelector('microphone-view .state').innerText.startsWith('Listening')")
    ingest.heard(len(ingest.pcm) + 44_100)
    fox.press("button", "Stop")
    fox.wait("document.querySelector('microphone-view .state').innerText === 'Stopped.'")
    fox.wait("document.querySelectorAll('.lines .text').length === 2")
    ingest.join(timeout=20)
    assert any(ingest.pcm), "it is silent"
