"""A folder is replaced as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.atomic import replaced_folder


def test_an_interrupted_replacement_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old").touch()
    with pytest.raises(FileNotFoundError), replaced_folder(tmp_path / "model") as folder:
        (folder / "no" / "such").touch()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["model", "old"]
    with replaced_folder(tmp_path / "model") as folder:
        (folder / "new").touch()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["model", "new"]
