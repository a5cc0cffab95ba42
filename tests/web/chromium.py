"""A real browser for tests: Debian's Chromium through chromedriver, spoken to by the W3C WebDriver protocol alone.

No Python driver is needed for that: a session is a handful of JSON requests on loopback.
"""

import base64
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


def missing() -> str:
    """What a browser test lacks here, or "" when it can run."""
    absent = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"not installed: {', '.join(absent)} (Debian: apt-get install chromium chromium-driver)" if absent else ""


@contextmanager
def open_browser(profile: Path) -> Iterator["Browser"]:
    """A browser for tests; without one they are skipped, or fail where servers are required."""
    lacking = missing()
    if lacking and os.environ.get("WINDDOWN_REQUIRE_SERVERS") == "1":
        pytest.fail(lacking)
    if lacking:
        pytest.skip(lacking)
    with Browser(profile) as found:
        yield found


class Browser:
    """One window with a profile of its own."""

    def __init__(self, profile: Path, *, width: int = 1280, height: int = 900) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._url = f"http://127.0.0.1:{port}"
        self._process = subprocess.Popen(
            ["chromedriver", f"--port={port}", "--silent"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            self._wait()
            arguments = [*FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"]
            wanted = {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}}
            session = self._call("POST", "/session", {"capabilities": wanted})["sessionId"]
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        self._session = f"/session/{session}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call("DELETE", self._session)
        self._process.terminate()
        self._process.wait(timeout=20)

    def open(self, url: str) -> None:
        """Go to a page and wait until it is there, its style too: on a busy machine the driver returns before."""
        self._call("POST", f"{self._session}/url", {"url": url})
        deadline = time.monotonic() + 20
        asked = {"expression": "[location.href, document.readyState].join(' ')", "returnByValue": True}
        while self.devtools("Runtime.evaluate", asked)["result"]["value"] != f"{url} complete":
            assert time.monotonic() < deadline, url
            time.sleep(0.02)

    @property
    def url(self) -> str:
        return str(self._call("GET", f"{self._session}/url"))

    def click(self, css: str) -> None:
        self._call("POST", f"{self._session}/element/{self._find(css)}/click", {})

    def enter(self, css: str) -> None:
        """Go on inside a frame; opening a page leaves it."""
        self._call("POST", f"{self._session}/frame", {"id": {_ELEMENT: self._find(css)}})

    def text(self, css: str) -> str:
        return str(self._call("GET", f"{self._session}/element/{self._find(css)}/text"))

    def choose(self, css: str, *paths: Path) -> None:
        """Choose files, as a person does in the dialog."""
        text = "\n".join(map(str, paths))
        self._call("POST", f"{self._session}/element/{self._find(css)}/value", {"text": text})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script as the driver does, outside of the page's own policy, and return what it returns."""
        return self._call("POST", f"{self._session}/execute/sync", {"script": script, "args": arguments})

    def resize(self, width: int, height: int = 900) -> None:
        """Make the page this wide; a headless window has a least width of its own, so the viewport is emulated."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )

    def darken(self) -> None:
        self.devtools("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})

    def screenshot(self, path: Path) -> None:
        """The whole page, however long. On a busy machine a window is asked before it has its size."""
        deadline = time.monotonic() + 20
        while True:
            try:
                taken = self.devtools("Page.captureScreenshot", {"captureBeyondViewport": True})
                break
            except AssertionError as problem:
                if "with 0 width" not in str(problem) or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        path.write_bytes(base64.b64decode(taken["data"]))

    def devtools(self, command: str, parameters: dict[str, Any]) -> Any:
        return self._call("POST", f"{self._session}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def _find(self, css: str) -> str:
        found = self._call("POST", f"{self._session}/element", {"using": "css selector", "value": css})
        return str(found[_ELEMENT])

    def _wait(self) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                if self._call("GET", "/status")["ready"]:
                    return
            except OSError:
                time.sleep(0.05)
        raise TimeoutError("chromedriver does not answer")

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data=data, method=method)  # noqa: S310 - on loopback
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return json.loads(answer.read())["value"]
        except urllib.error.HTTPError as error:
            problem = json.loads(error.read())["value"]
            error.close()
            raise AssertionError(f"{path.rpartition('/')[2]}: {problem['message'].splitlines()[0]}") from None
