"""demo.programs: where no wheels have redis-server and ffmpeg, they are required before anything is downloaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo import environment, install, programs
from demo.environment import InstallError


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of programs of an ARM machine without apt-get; empty."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setattr(programs.platform, "machine", lambda: "aarch64")
    return tmp_path


def add(folder: Path, *names: str, redis: str = "7.0.15") -> None:
    for name in names:
        (folder / name).write_text(f"#!/bin/sh\necho Redis server v={redis} sha=00000000:0 bits=64\n")
        (folder / name).chmod(0o755)


def test_all_that_is_missing_is_reported_in_one_message(system: Path) -> None:
    with pytest.raises(InstallError) as error:
        programs.require_programs()
    assert str(error.value) == (
        "Undertext needs redis-server 6.2 or newer and ffmpeg, and there are no wheels of them for aarch64: install "
        "them (on Debian and Ubuntu: apt-get install redis-server ffmpeg) and try again."
    )


def test_only_what_is_missing_is_reported(system: Path) -> None:
    add(system, "redis-server", "ffmpeg")
    with pytest.raises(InstallError, match=r"needs ffmpeg, .* apt-get install ffmpeg\)"):
        programs.require_programs()
    add(system, "ffprobe")
    programs.require_programs()


@pytest.mark.parametrize(("version", "recent"), [("6.0.16", False), ("6.2.0", True), ("8.0.2", True)])
def test_an_old_redis_server_is_missing(system: Path, version: str, recent: bool) -> None:
    add(system, "redis-server", "ffmpeg", "ffprobe", redis=version)
    assert programs.missing_packages() == ([] if recent else ["redis-server"])


def test_a_redis_elsewhere_needs_no_redis_server(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://redis.example:6379/0")
    assert programs.missing_packages() == ["ffmpeg"]


def test_root_installs_what_is_missing_with_apt_get(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[str, ...]] = []

    def apt_get_install(*packages: str) -> None:
        done.append(packages)
        add(system, "redis-server", "ffmpeg", "ffprobe")

    monkeypatch.setattr(programs, "apt_get_install", apt_get_install)
    programs.require_programs()
    programs.require_programs()
    assert done == [("redis-server", "ffmpeg", "ca-certificates")]


@pytest.mark.parametrize(("user", "runs"), [(0, True), (1000, False)])
def test_apt_get_runs_only_as_root(system: Path, monkeypatch: pytest.MonkeyPatch, user: int, runs: bool) -> None:
    (system / "apt-get").write_text(f'#!/bin/sh\necho "$@" >> {system}/done\n')
    (system / "apt-get").chmod(0o755)
    monkeypatch.setattr(environment.os, "geteuid", lambda: user)
    environment.apt_get_install("redis-server", "ffmpeg")
    lines = ["-qq update", "-qq install -y --no-install-recommends redis-server ffmpeg"]
    assert (system / "done").exists() == runs
    assert not runs or (system / "done").read_text().splitlines() == lines


def test_nothing_is_required_on_x86_64(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs.platform, "machine", lambda: "x86_64")
    programs.require_programs()


def test_installation_checks_the_programs_before_it_creates_anything(
    system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "STAMP", system / "stamp.json")
    monkeypatch.setattr(install, "make_environment", lambda: pytest.fail("this takes minutes"))
    with pytest.raises(InstallError, match=r"redis-server 6\.2 or newer and ffmpeg"):
        install.install({"api", "demo", "ingest"})


def test_transcribers_alone_need_no_programs(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def install_environment() -> None:
        raise InstallError("this comes next")

    monkeypatch.setattr(install, "STAMP", system / "stamp.json")
    monkeypatch.setattr(install, "make_environment", install_environment)
    with pytest.raises(InstallError, match="this comes next"):
        install.install({"demo", "transcriber"})
