"""Firefox, driven with WebDriver BiDi (https://w3c.github.io/webdriver-bidi/).

Playwright's own Firefox comes from no package index, and the one of a Debian is too old for it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

#: A microphone that hums without asking, and sound that nobody has clicked for.
PREFERENCES = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "remote.active-protocols": 1,
}

PATIENCE_S = 30.0


class Firefox:
    """One page. Its console errors are in `complaints`."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self.complaints: list[str] = []
        self._send("session.new", capabilities={"alwaysMatch": {"unhandledPromptBehavior": {"default": "accept"}}})
        self._send("session.subscribe", events=["log.entryAdded"])
        self._page: str = self._send("browsingContext.getTree")["contexts"][0]["context"]

    def open(self, url: str) -> None:
        """Load a page."""
        self._send("browsingContext.navigate", context=self._page, url=url, wait="complete")

    def reload(self) -> None:
        """Reload the page."""
        self._send("browsingContext.reload", context=self._page, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression: a string, number, boolean or null."""
        answer = self._evaluate(expression)
        return answer.get("value")

    def wait(self, expression: str) -> None:
        """Wait until an expression is true."""
        until = time.monotonic() + PATIENCE_S
        while not self.evaluate(f"Boolean({expression})"):
            assert time.monotonic() < until, f"not true: {expression}\n{self.evaluate('document.body.innerText')}"
            time.sleep(0.05)

    def text(self, selector: str) -> str:
        """The text of the first element that matches a selector."""
        return str(self.evaluate(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def press(self, role: str, name: str) -> None:
        """Wait for the element with a role and a name, and click its centre."""
        until = time.monotonic() + PATIENCE_S
        while not (nodes := self._named(role, name)):
            assert time.monotonic() < until, f"no {role} {name}\n{self.evaluate('document.body.innerText')}"
            time.sleep(0.05)
        self.click(nodes[0])

    def click(self, node: dict[str, Any] | str) -> None:
        """Click the centre of a node, or of the node that an expression returns."""
        node = self._evaluate(node) if isinstance(node, str) else node
        shown = "(element) => element.scrollIntoView({ block: 'nearest' })"
        self._send(
            "script.callFunction",
            functionDeclaration=shown,
            arguments=[{"sharedId": node["sharedId"]}],
            target={"context": self._page},
            awaitPromise=False,
        )
        middle = {"type": "element", "element": {"sharedId": node["sharedId"]}}
        steps = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": middle},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self._act({"type": "pointer", "id": "mouse", "actions": steps})

    def keys(self, text: str) -> None:
        """Press keys one after another."""
        steps = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        self._act({"type": "key", "id": "keyboard", "actions": steps})

    def choose(self, selector: str, path: Path) -> None:
        """Choose a file."""
        node = self._evaluate(f"document.querySelector({json.dumps(selector)})")
        element = {"sharedId": node["sharedId"]}
        self._send("input.setFiles", context=self._page, element=element, files=[str(path)])

    def close(self) -> None:
        """Close the browser."""
        self._send("browser.close")

    def _named(self, role: str, name: str) -> list[dict[str, Any]]:
        locator = {"type": "accessibility", "value": {"role": role, "name": name}}
        nodes: list[dict[str, Any]] = self._send("browsingContext.locateNodes", context=self._page, locator=locator)[
            "nodes"
        ]
        return nodes

    def _evaluate(self, expression: str) -> dict[str, Any]:
        answer = self._send("script.evaluate", expression=expression, target={"context": self._page}, awaitPromise=True)
        assert answer["type"] == "success", answer["exceptionDetails"]["text"]
        value: dict[str, Any] = answer["result"]
        return value

    def _act(self, device: dict[str, Any]) -> None:
        self._send("input.performActions", context=self._page, actions=[device])

    def _send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result; events received meanwhile are kept."""
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        until = time.monotonic() + PATIENCE_S
        while (left := until - time.monotonic()) > 0:
            message = json.loads(self._socket.recv(timeout=left))
            if message.get("method") == "log.entryAdded":
                self._hear(message["params"])
            if message.get("id") == number:
                assert message["type"] == "success", f"{method}: {message['message']}"
                result: dict[str, Any] = message["result"]
                return result
        raise AssertionError(f"no answer to {method} within {PATIENCE_S:g} s")

    def _hear(self, entry: dict[str, Any]) -> None:
        """Exceptions and warnings of the page, except those about sockets closed by a reload."""
        worst = entry["level"] == "error" or (entry["type"] == "console" and entry["level"] == "warn")
        if worst and "was interrupted while the page was loading" not in entry["text"]:
            self.complaints.append(entry["text"])


@contextlib.contextmanager
def firefox(program: str, folder: Path, **environ: str) -> Iterator[Firefox]:
    """A Firefox that writes its profile and all other files to `folder`."""
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
    (folder / "user.js").write_text("\n".join(lines))
    command = [program, "--headless", "--no-remote", "--profile", str(folder), "--remote-debugging-port", "0"]
    with (folder / "firefox.log").open("wb") as log:
        environment = {**os.environ, "HOME": str(folder), **environ}
        process = subprocess.Popen([*command, "about:blank"], env=environment, stdout=log, stderr=log)
    try:
        with connect(f"ws://127.0.0.1:{_port(folder, process)}/session", max_size=None, proxy=None) as socket:
            browser = Firefox(socket)
            yield browser
            browser.close()
            process.wait(timeout=20)
    finally:
        process.kill()
        process.wait()


def _port(folder: Path, process: subprocess.Popen[bytes]) -> int:
    """The address it listens on, which it writes to a file."""
    told, until = folder / "WebDriverBiDiServer.json", time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            return int(json.loads(told.read_text())["ws_port"])
        time.sleep(0.05)
    raise AssertionError((folder / "firefox.log").read_text())
