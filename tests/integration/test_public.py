"""Under a public name: real proxies with the configuration that we ship, with TLS, before a real API."""

from __future__ import annotations

import re
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.integration.api_server import Api, Speaker, running
from tests.integration.event_source import opened
from tests.places import ROOT
from wire.bus import connect
from wire.messages import Station
from wire.sources import Stations

TOKEN = "a-long-secret"


@contextmanager
def caddy(program: str, folder: Path, domain: str, ports: list[int], api: Api) -> Iterator[Path]:
    """Caddy with our configuration, but for its ports; the certificate of its authority."""
    ours, options = (ROOT / "ops/Caddyfile").read_text(), "\n{\n"
    assert ours.count(options) == 1
    here = f"http_port {ports[0]}\nhttps_port {ports[1]}\nadmin off\nskip_install_trust\nstorage file_system {folder}\n"
    (folder / "Caddyfile").write_text(ours.replace(options, options + here))
    environ = {"DOMAIN": domain, "API_ADDRESS": api.url.removeprefix("http://"), "HOME": str(folder)}
    with _process([program, "run", "--config", "Caddyfile", "--adapter", "caddyfile"], folder, environ):
        yield folder / "pki/authorities/local/root.crt"


@contextmanager
def nginx(program: str, folder: Path, domain: str, ports: list[int], api: Api) -> Iterator[Path]:
    """nginx with our file within a server, but for the API's address; its certificate."""
    name = f"-subj /CN={domain} -addext subjectAltName=DNS:{domain}"
    make = f"openssl req -x509 -newkey rsa:2048 -nodes {name} -keyout key.pem -out root.crt"
    subprocess.run(make.split(), cwd=folder, check=True, capture_output=True)
    ours = (ROOT / "ops/nginx.conf").read_text()
    assert "http://127.0.0.1:8000" in ours
    (folder / "undertext.conf").write_text(ours.replace("http://127.0.0.1:8000", api.url))
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi"))
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log {folder}/log; {temporary} scgi_temp_path {folder}/scgi;"
        f"server {{ listen 127.0.0.1:{ports[1]} ssl; server_name {domain};"
        f"ssl_certificate {folder}/root.crt; ssl_certificate_key {folder}/key.pem;"
        f"include {folder}/undertext.conf; }} }}\n"
    )
    with _process([program, "-p", str(folder), "-c", "nginx.conf"], folder, {}):
        yield folder / "root.crt"


@contextmanager
def _process(command: list[str], folder: Path, environ: dict[str, str]) -> Iterator[None]:
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


@pytest.fixture(scope="module", params=[caddy, nginx], ids=["caddy", "nginx"])
def public(
    request: pytest.FixtureRequest,
    redis_server: str,
    free_port: Callable[[], int],
    need_program: Callable[..., str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Public]:
    """The API as the world sees it."""
    proxy = request.param
    program = need_program(proxy.__name__, f"/usr/sbin/{proxy.__name__}")
    ports = [free_port(), free_port()]
    name = f"localhost:{ports[1]}"
    settings = {"ALLOWED_ORIGINS": f"https://{name}", "API_TOKEN": TOKEN, "PING_INTERVAL_S": 1}
    folder = tmp_path_factory.mktemp(proxy.__name__)
    with (
        running(redis_server, free_port(), tmp_path_factory.mktemp("api"), **settings) as api,
        proxy(program, folder, "localhost", ports, api) as authority,
    ):
        context = _trusting(authority, f"https://{name}", folder / "log")
        with httpx.Client(base_url=f"https://{name}", timeout=20, verify=context) as http:
            yield Public(api, http, context, folder / "log")


class Public(Api):
    """An API behind a proxy."""

    def __init__(self, api: Api, http: httpx.Client, context: ssl.SSLContext, proxy_log: Path) -> None:
        self.process, self.folder = api.process, api.folder
        self.url = str(http.base_url).rstrip("/")
        self.ws = self.url.replace("https", "wss")
        self.http = http
        self.context = context
        self.proxy_log = proxy_log


def _trusting(authority: Path, url: str, log: Path) -> ssl.SSLContext:
    """Wait until the proxy answers under its certificate."""
    until = time.monotonic() + 30
    while True:
        try:
            context = ssl.create_default_context(cafile=authority)
            httpx.get(f"{url}/healthz", verify=context).raise_for_status()
            return context
        except (OSError, httpx.TransportError):  # no certificate yet; no port yet
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)


@pytest.fixture
def speaker(redis_url: str) -> Speaker:
    """Captions of a station."""
    Stations(connect(redis_url)).add(Station("p1", "P1", "http://127.0.0.1/p1", "sv"))
    return Speaker(connect(redis_url), "stations/p1")


def test_the_page_and_its_parts_come(public: Public) -> None:
    page = public.http.get("/")
    assert page.status_code == 200
    for address in re.findall(r'(?:src|href)="([^"#:]+)"', page.text):
        assert public.http.get(address).status_code == 200, address


def test_a_large_recording_is_handed_in_by_a_page_of_that_name(public: Public, redis_url: str) -> None:
    def hand_in(origin: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {TOKEN}", "Origin": origin}
        return public.http.post("/jobs", files={"file": ("talk.wav", bytes(3_000_000))}, headers=headers)

    taken = hand_in(public.url)
    assert taken.status_code == 202, taken.text
    assert public.http.get(taken.headers["Location"]).json()["id"] == taken.json()["id"]
    assert hand_in("https://elsewhere.example").status_code == 403


def test_captions_come_as_they_are_said(public: Public, speaker: Speaker) -> None:
    with (
        public.socket("/stations/p1/live", ssl_context=public.context, headers={"Origin": public.url}) as socket,
        opened(public, "/stations/p1/events") as events,
    ):
        for number in range(3):  # each is seen before the next is said
            speaker.say(f"words {number}")
            assert socket.next("caption")["text"] == f"words {number}"
            assert events.next("caption").data["text"] == f"words {number}"
        events.comment()  # and so are pings, which keep both open


def test_a_page_of_another_name_opens_no_socket(public: Public, speaker: Speaker) -> None:
    assert public.refusal("/stations/p1/live", Origin="https://elsewhere.example").status_code == 403


def test_the_token_is_not_logged(public: Public) -> None:
    assert public.refusal(f"/microphone?token={TOKEN}", Origin="https://elsewhere.example").status_code == 403
    assert public.http.get("/about").status_code == 200  # what came before is written by now
    assert TOKEN not in public.proxy_log.read_text()


def test_metrics_stay_inside(public: Public) -> None:
    assert public.http.get("/metrics").status_code == 403
    assert public.http.get("/x/metrics", headers={"SCRIPT_NAME": "/x"}).status_code == 404, "CGI's name for /x"


def test_the_token_is_not_logged_while_the_api_is_away(public: Public) -> None:
    """The last test: pages with a microphone reconnect until the API is back, and the proxy logs that it is not."""
    public.process.terminate()
    public.process.wait(20)
    for path in ("/microphone", "/v1/realtime"):
        assert public.refusal(f"{path}?token={TOKEN}").status_code == 502
        offered = {"Sec-WebSocket-Protocol": f"realtime, openai-insecure-api-key.{TOKEN}"}
        assert public.refusal(path, **offered).status_code == 502
    assert public.http.get("/about").status_code == 502
    log = public.proxy_log.read_text()
    assert "/about" in log, "other errors are logged"
    assert TOKEN not in log
