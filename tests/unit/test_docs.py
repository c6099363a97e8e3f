"""What README.md and docs/ say is checked against the house."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType

from tests.places import ROOT


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_settings", ROOT / "docs" / "make_settings.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_of_settings_is_up_to_date() -> None:
    written = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert written == generator().document(), "run `make docs`"


def test_every_setting_is_explained() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*) \|$", generator().document(), re.MULTILINE)
    assert rows
    assert not [
        variable for variable, _, meaning in rows if not meaning and variable not in {"HOST", "PORT", "LOG_LEVEL"}
    ]


def test_files_and_commands_that_the_readme_names_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= targets
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in target:
            assert (ROOT / target).exists(), f"README.md links to {target}"
    for module in re.findall(r"python -m ((?:benchmarks|demo|trainer|ingest|transcriber|api)[\w.]*)", text):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), f"README.md runs {module}"
