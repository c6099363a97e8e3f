"""Running work on native threads."""

from __future__ import annotations

import pytest

from api.threadpool import run_in_thread
from wire.errors import UnknownSource


def test_exception_reaches_the_caller_and_not_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise UnknownSource("there is no caption 9")

    with pytest.raises(UnknownSource, match="no caption 9") as caught:
        run_in_thread(fail)
    assert caught.traceback[-1].name == "fail"
    assert run_in_thread(lambda: 7) == 7
    assert capfd.readouterr() == ("", "")
