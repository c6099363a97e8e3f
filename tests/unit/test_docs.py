"""README.md and docs/ are consistent with the repository."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType

import pytest

from tests.places import ROOT

DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")),
]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_settings", ROOT / "docs" / "make_settings.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_settings_table_is_up_to_date() -> None:
    written = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert written == generator().document(), "run `make docs`"


def test_every_setting_has_a_description() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*) \|$", generator().document(), re.MULTILINE)
    assert rows
    assert not [
        variable for variable, _, meaning in rows if not meaning and variable not in {"HOST", "PORT", "LOG_LEVEL"}
    ]


def test_readme_links_to_every_document() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert not [name for name in DOCUMENTS if name != "README.md" and f"({name})" not in text]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_and_commands_named_in_a_document_exist(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= targets
    for module in re.findall(r"python -m ((?:benchmarks|demo|trainer|ingest|transcriber|api)[\w.]*)", text):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), f"{name} runs {module}"
    for file in re.findall(
        r"`((?:api|demo|docs|frontend|ingest|ops|trainer|transcriber|wire)/[\w/-]*\.(?:py|js|yml|md))`", text
    ):
        assert (ROOT / file).exists(), f"{name} names {file}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_in_a_document_resolve(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = (ROOT / name).parent / file if file else ROOT / name
        assert target.exists(), f"{name} links to {link}"
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{name} links to {link}"


def anchors(text: str) -> set[str]:
    """The anchors that GitHub generates for the headings of a document."""
    without_code = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", without_code, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
