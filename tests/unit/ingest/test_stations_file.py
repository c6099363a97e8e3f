"""stations.yml: its valid contents, and error messages that name each mistake and its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.stations.stations_file import read
from tests.places import ROOT
from wire.errors import SettingsError
from wire.messages import Station


def written(folder: Path, text: str) -> Path:
    path = folder / "stations.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_shipped_file_is_valid_and_begins_with_the_demo() -> None:
    stations = read(ROOT / "stations.yml", {})
    assert stations[0].id == "demo"
    assert stations[0].url == "http://127.0.0.1:8010/stream.mp3"
    ids = {station.id for station in stations}
    assert {"sr-p1", "sr-p2", "sr-p3", "sr-p4-stockholm", "bbc-world-service"} <= ids
    assert all(station.url.startswith("https://") for station in stations[1:])


def test_demo_url_follows_the_environment() -> None:
    environ = {"DEMO_URL": "http://demo:8010/stream.mp3", "DEMO_LISTEN_URL": "http://localhost:9000/stream.mp3"}
    demo = read(ROOT / "stations.yml", environ)[0]
    assert (demo.url, demo.listen_url) == tuple(environ.values())
    assert read(ROOT / "stations.yml", {"DEMO_URL": ""})[0].url == "http://127.0.0.1:8010/stream.mp3"


def test_all_fields(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "stations:\n- {id: p-1, name: Ett, url: 'https://a.se/1', language: sv-SE, listen_url: 'https://a.se/2'}\n"
        "- {id: two, url: 'http://b.se/x.pls', task: translate, hot_words: [Bodil Jönsson, ' Umeå ', Umeå]}\n",
    )
    two = Station(
        "two", "two", "http://b.se/x.pls", from_file=True, hot_words=("Bodil Jönsson", "Umeå"), task="translate"
    )
    assert read(path, {}) == [
        Station("p-1", "Ett", "https://a.se/1", "sv", "https://a.se/2", from_file=True),
        two,
    ]


@pytest.mark.parametrize("text", ["", "# nothing\n", "stations: []\n"])
def test_no_stations(text: str, tmp_path: Path) -> None:
    assert read(written(tmp_path, text), {}) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("stations: [", "is not YAML"),
        ("- id: x", "must contain a list named `stations:`"),
        ("stations:\n- x", "entry 1: it must have the fields"),
        (
            "stations:\n- {id: ok, url: 'http://a/'}\n- {id: Big, url: 'http://a/'}",
            r"entry 2 \(Big\): the id must consist of lower-case",
        ),
        ("stations:\n- {id: x}", "`url` is missing"),
        ("stations:\n- {url: 'http://a/'}", "`id` is missing"),
        ("stations:\n- {id: x, url: 'ftp://a/b'}", "must be an http or https address"),
        ("stations:\n- {id: x, url: 'file:///etc/passwd'}", "must be an http or https address"),
        ("stations:\n- {id: x, url: 'http://[::1/b'}", "must be an http or https address"),
        ("stations:\n- {id: x, url: 'http://a/', langauge: sv}", "unknown field 'langauge'; allowed are"),
        ("stations:\n- {id: x, url: 'http://a/', language: swedish}", "not a language code"),
        ("stations:\n- {id: x, url: 'http://a/', language: no}", "quote it"),
        (
            "stations:\n- {id: x, url: 'http://a/', task: sing}",
            "the task must be one of transcribe, translate, not 'sing'",
        ),
        ("stations:\n- {id: x, url: 'http://a/'}\n- {id: x, url: 'http://b/'}", "two stations have the id 'x'"),
        ("stations:\n- {id: x, url: 'http://a/', hot_words: Umeå}", "`hot_words` must be a list of strings"),
        ("stations:\n- {id: x, url: 'http://a/', hot_words: [no]}", "`hot_words` must be a list of strings"),
        ("stations:\n- {id: x, url: '${NOWHERE}'}", "needs the environment variable NOWHERE"),
    ],
)
def test_mistakes_are_named(text: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=complaint):
        read(written(tmp_path, text), {})
