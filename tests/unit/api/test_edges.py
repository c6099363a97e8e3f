"""Small units at the edge: rejected bodies, origins, parameters, old files, settings."""

from __future__ import annotations

import os
import socket
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
from flask import Request, Response
from werkzeug.test import EnvironBuilder

from api import uploads
from api.app import BODY_SILENCE_S
from api.http import access
from api.http.parameters import http_url, language, mask_password, task
from api.http.problems import Problem
from api.http.rejected_bodies import LINGER_BYTES, LINGER_S, discard, discard_rejected_body
from api.job_requests import display_name
from api.jobs import INVENTED, progress_of, state_of
from api.settings import Settings
from api.station_ids import number_id, slug, url_identity
from transcriber.rules import Reason
from wire.captions import Progress
from wire.errors import BadRequest, SettingsError
from wire.messages import Job, State
from wire.settings import load


class TestLingering:
    def test_rest_of_the_body_is_discarded(self) -> None:
        parts = [b"x" * 10, b"y" * 5, b""]
        assert discard(lambda _: parts.pop(0), lambda: 0.0) == 15

    def test_discarding_is_limited_in_bytes_and_time(self) -> None:
        part = b"x" * (LINGER_BYTES // 4)
        assert discard(lambda _: part, lambda: 0.0) == LINGER_BYTES
        clock = iter([0.0, LINGER_S / 2, LINGER_S + 1])
        assert discard(lambda _: b"x", lambda: next(clock)) == 1

    def test_disconnected_client_ends_discarding(self) -> None:
        def gone(_: int) -> bytes:
            raise ConnectionResetError

        assert discard(gone, lambda: 0.0) == 0

    def test_silent_client_times_out(self) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            refused = EnvironBuilder(method="POST", environ_base={"gunicorn.socket": ours, "CONTENT_LENGTH": "9"})
            answer = discard_rejected_body(Request(refused.get_environ()), Response(status=422))
            assert ours.gettimeout() == LINGER_S
            answer.close()
            assert ours.gettimeout() is None, "gunicorn waits for another request in its own way"

    def test_answer_to_an_accepted_body_has_no_timeout(self) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.settimeout(BODY_SILENCE_S)
            taken = EnvironBuilder(method="POST", environ_base={"gunicorn.socket": ours, "CONTENT_LENGTH": "9"})
            discard_rejected_body(Request(taken.get_environ()), Response(status=202))
            assert ours.gettimeout() is None


def request(method: str = "POST", **headers: str) -> Request:
    builder = EnvironBuilder(method=method, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return Request(builder.get_environ())


class TestOrigins:
    @pytest.mark.parametrize(
        ("host", "headers"),
        [
            ("127.0.0.1", {}),
            ("127.0.0.1", {"Host": "127.0.0.1:8000", "Origin": "http://127.0.0.1:8000"}),
            ("127.0.0.1", {"Host": "localhost:8000", "Origin": "http://localhost:8000"}),
            ("::1", {"Host": "[::1]:8000", "Origin": "http://[::1]:8000"}),
            ("0.0.0.0", {"Host": "captions.example", "Origin": "https://captions.example"}),
            ("127.0.0.1", {"Host": "127.0.0.1:8000", "Origin": "https://ok.example"}),
        ],
    )
    def test_these_are_allowed(self, host: str, headers: dict[str, str]) -> None:
        settings = Settings(host=host, allowed_origins="https://ok.example, https://other.example")
        access.check_origin(settings, request(**headers))

    @pytest.mark.parametrize(
        ("host", "headers"),
        [
            ("127.0.0.1", {"Host": "127.0.0.1:8000", "Origin": "https://evil.example"}),
            ("127.0.0.1", {"Host": "127.0.0.1:8000", "Origin": "http://127.0.0.1:3000"}),
            ("127.0.0.1", {"Host": "evil.example", "Origin": "http://evil.example"}),
            ("127.0.0.1", {"Host": "127.0.0.1:8000", "Origin": "null"}),
            ("127.0.0.1", {"Host": "127.0.0.1:8000", "Origin": "http://[bad"}),
            ("0.0.0.0", {"Host": "captions.example", "Origin": "https://captions.example.evil.example"}),
            ("0.0.0.0", {"Host": "captions.example", "Origin": "http://[bad"}),
            ("0.0.0.0", {"Host": "captions.example", "Sec_Fetch_Site": "cross-site"}),
        ],
    )
    def test_these_are_rejected(self, host: str, headers: dict[str, str]) -> None:
        with pytest.raises(Problem) as refused:
            access.check_origin(Settings(host=host, allowed_origins="https://ok.example"), request(**headers))
        assert refused.value.status == 403
        access.check_origin(Settings(host=host), request("GET", **headers))  # reading changes nothing
        with pytest.raises(Problem):  # but a socket is refused
            access.check_origin(Settings(host=host), request("GET", **headers), socket=True)


class TestHosts:
    @pytest.mark.parametrize(
        ("bound", "host"),
        [
            ("127.0.0.1", "127.0.0.1:8000"),
            ("127.0.0.1", "localhost"),
            ("127.0.0.1", "demo.localhost:8000"),
            ("127.0.0.1", "[::1]:8000"),
            ("127.0.0.1", "ok.example"),
            ("0.0.0.0", "anything.example"),
        ],
    )
    def test_these_hosts_are_accepted(self, bound: str, host: str) -> None:
        access.check_host(Settings(host=bound, allowed_origins="https://ok.example"), request("GET", Host=host))

    @pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "10.0.0.1:8000"])
    def test_these_hosts_are_rejected(self, host: str) -> None:
        with pytest.raises(Problem) as refused:
            access.check_host(Settings(), request("GET", Host=host))
        assert refused.value.status == 421
        assert host in refused.value.detail
        assert "ALLOWED_HOSTS" in refused.value.detail

    @pytest.mark.parametrize(
        ("host", "fits"),
        [("api:8000", True), ("127.0.0.1:8000", True), ("ok.example", True), ("evil.example:8000", False)],
    )
    def test_allowed_hosts_apply_on_any_address(self, host: str, fits: bool) -> None:
        settings = Settings(host="0.0.0.0", allowed_hosts="api", allowed_origins="https://ok.example")
        with nullcontext() if fits else pytest.raises(Problem):
            access.check_host(settings, request("GET", Host=host))


class TestParameters:
    @pytest.mark.parametrize(
        ("name", "id"),
        [
            ("P4 Göteborg", "p4-goteborg"),
            ("  BBC World Service! ", "bbc-world-service"),
            ("Åäö", "aao"),
            ("Café Großes Sjømat", "cafe-grosses-sjomat"),
            ("日本", ""),
            ("Радио 101", ""),
            ("!", ""),
        ],
    )
    def test_id_is_derived_from_the_name(self, name: str, id: str) -> None:
        assert slug(name) == id

    def test_numbered_id_respects_the_length_limit(self) -> None:
        assert (number_id("p4", 2), number_id("a" * 61 + "-bc", 12)) == ("p4-2", "a" * 61 + "-12")

    def test_id_from_a_url_contains_no_secrets(self) -> None:
        assert slug(url_identity("https://me:word@a.example:8000/live.mp3?key=1")) == "a-example-8000-live-mp3"

    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("http://me:word@a.example:8000/x?key=1", "http://me:***@a.example:8000/x?key=1"),
            ("http://me:w@rd@[::1]/", "http://me:***@[::1]/"),
            ("http://:@a/", "http://:***@a/"),
            ("http://me@a/?u=b:c@d", "http://me@a/?u=b:c@d"),
            ("", ""),
        ],
    )
    def test_a_password_is_masked(self, url: str, shown: str) -> None:
        assert mask_password(url) == shown

    @pytest.mark.parametrize(
        "url", ["http://a", "https://user@a.example:8000/x?y=1#z", "http://[::1]:8000/", "http://[fe80::1%25eth0]/"]
    )
    def test_http_urls_are_accepted(self, url: str) -> None:
        assert http_url(url) == url

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "a",
            "//a",
            "file:///etc/passwd",
            "http://",
            "http://a:0/",
            "http://a:x/",
            "http://a\n/",
            "gopher://a",
            "http://a%20b/",
        ],
    )
    def test_other_urls_are_rejected(self, url: str) -> None:
        with pytest.raises(BadRequest, match="http"):
            http_url(url)

    def test_languages(self) -> None:
        assert [language(text) for text in ("sv", " EN ", "", "auto", "yue")] == ["sv", "en", None, None, "yue"]
        assert [language(tag) for tag in ("sv-SE", "en-gb", "zh-Hant-HK", "nb-NO", "ga-IE")] == [
            "sv",
            "en",
            "zh",
            "no",
            "ga",
        ]
        for text in ("swedish", "sv-", "sv-se-", "s", "sv SE"):
            with pytest.raises(BadRequest, match="is not a language code"):
                language(text)

    def test_tasks(self) -> None:
        assert [task(text) for text in ("translate", " Transcribe ", "")] == ["translate", "transcribe", None]
        with pytest.raises(BadRequest, match="task"):
            task("sing")


class TestJobs:
    @pytest.mark.parametrize(
        ("state", "finished", "seen"),
        [
            (State.WAITING, False, State.WAITING),
            (State.RUNNING, False, State.RUNNING),
            (State.FINISHED, False, State.RUNNING),  # decoded, not captioned
            (State.RUNNING, True, State.FINISHED),
            (State.FAILED, True, State.FAILED),
            (State.CANCELLED, True, State.CANCELLED),
        ],
    )
    def test_states(self, state: State, finished: bool, seen: State) -> None:
        assert state_of(Job("j", 0.0, state=state), Progress(finished=finished)) is seen

    def test_progress_is_between_0_and_1(self) -> None:
        job = Job("j", 0.0, duration_s=10.0)
        found = [progress_of(job, Progress(until_s=until_s)) for until_s in (-1.0, 0.0, 2.5, 10.0, 11.0)]
        assert found == [0.0, 0.0, 0.25, 0.99, 0.99]
        assert progress_of(job, Progress(until_s=1.0, finished=True)) == 1.0
        assert progress_of(Job("j", 0.0), Progress(until_s=1.0)) == 0.0

    @pytest.mark.parametrize(
        ("progress", "seen"),
        [
            (Progress(), 0.0),
            (Progress(until_s=10.0, finished=True), 0.0),  # all of it became gaps
            (Progress(until_s=4.0, languages=("sv",)), 0.4),
            (Progress(until_s=10.0, finished=True, languages=("sv",)), 0.99),
        ],
    )
    def test_progress_of_a_failed_job_is_where_it_failed(self, progress: Progress, seen: float) -> None:
        assert progress_of(Job("j", 0.0, state=State.FAILED, duration_s=10.0), progress) == seen

    @pytest.mark.parametrize(
        ("name", "plain"),
        [("a.mp3", "a.mp3"), ("C:\\x\\b.wav", "b.wav"), ("../../etc/passwd", "passwd"), ("a\x00\nb", "ab"), ("", "")],
    )
    def test_file_names_are_displayed_without_folders(self, name: str, plain: str) -> None:
        assert display_name(name) == plain

    @pytest.mark.parametrize(
        ("name", "suffix"),
        [("a.MP3", ".mp3"), ("a.tar.gz", ".gz"), ("a", ""), ("a./../x", ""), ("a.😀", ""), ("a.toolongsuffix", "")],
    )
    def test_only_plain_extensions_are_kept(self, name: str, suffix: str) -> None:
        assert uploads.suffix_of(name) == suffix


def test_old_uploads_are_swept(tmp_path: Path) -> None:
    now = time.time()
    for name, age_s in {"old.mp3": 100, "new.mp3": 1, "slow.part": 100, "dead.part": 2 * uploads.STALE_S}.items():
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (now - age_s, now - age_s))
    assert uploads.sweep(tmp_path, older_than_s=50) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.mp3", "slow.part"]


@pytest.mark.parametrize("value", ["captions.example", "https://a.example/path", "ftp://a"])
def test_invalid_origin_is_a_settings_error(value: str) -> None:
    with pytest.raises(SettingsError, match="ALLOWED_ORIGINS"):
        load(Settings, {"ALLOWED_ORIGINS": value})


def test_warnings_cover_reasons_that_transcribers_use() -> None:
    assert set(INVENTED) < set(Reason)
