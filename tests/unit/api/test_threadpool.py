"""Work beside the server's."""

from __future__ import annotations

import pytest

from api.threadpool import run_in_thread
from wire.errors import UnknownSource


def test_what_it_raises_is_its_callers_and_not_the_logs(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise UnknownSource("there is no caption 9")

    with pytest.raises(UnknownSource, match="no caption 9") as caught:
        run_in_thread(fail)
    assert caught.traceback[-1].name == "fail"
    assert run_in_thread(lambda: 7) == 7
    assert capfd.readouterr() == ("", "")
