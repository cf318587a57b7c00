"""A headless Chromium to drive a page with: its debugging protocol over two pipes, in the standard library."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
TIMEOUT_S = 30.0


def find_browser() -> str | None:
    return next((path for path in map(shutil.which, PROGRAMS) if path), None)


class Browser:
    """One page of a browser with a profile of its own; files that it downloads land in ``downloads``."""

    def __init__(self, program: str, folder: Path) -> None:
        self.downloads = folder / "downloads"
        self.downloads.mkdir(parents=True)
        commands, self.to_browser = os.pipe()
        self.from_browser, replies = os.pipe()
        options = ["--headless", "--no-sandbox", "--mute-audio", "--disable-gpu", "--remote-debugging-pipe"]
        options += ["--autoplay-policy=no-user-gesture-required", f"--user-data-dir={folder / 'profile'}"]
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (commands, replies)]

        def connect() -> None:
            for number, end in enumerate(ends, 3):  # the protocol is spoken on descriptors 3 and 4
                os.dup2(end, number)

        self.process = subprocess.Popen(
            [program, *options, "about:blank"],
            preexec_fn=connect,
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in (commands, replies, *ends):
            os.close(end)
        self.number, self.unread, self.session, self.events = 0, b"", None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self.downloads))

    def call(self, method: str, **params: object) -> dict:
        """Send a command and wait for its answer; what happens meanwhile goes to ``events``."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session and not method.startswith("Browser."):
            message["sessionId"] = self.session
        os.write(self.to_browser, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self.number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def _next(self) -> dict:
        end = time.monotonic() + TIMEOUT_S
        while b"\0" not in self.unread:
            ready, _, _ = select.select([self.from_browser], [], [], max(0, end - time.monotonic()))
            assert ready, f"no answer of the browser within {TIMEOUT_S:g} s"
            read = os.read(self.from_browser, 1 << 16)
            assert read, "the browser ended"
            self.unread += read
        message, _, self.unread = self.unread.partition(b"\0")
        return json.loads(message)

    def open(self, address: str) -> None:
        self._load("Page.navigate", url="about:blank")  # the same address again would only move within the page
        self._load("Page.navigate", url=address)

    def reload(self) -> None:
        self._load("Page.reload")

    def _load(self, method: str, **params: object) -> None:
        seen = len(self.events)
        self.call(method, **params)
        while all(event.get("method") != "Page.loadEventFired" for event in self.events[seen:]):
            self.events.append(self._next())

    def run(self, script: str) -> object:
        """The value of an expression, awaited where it is a promise."""
        found = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, condition: str, *, timeout_s: float = TIMEOUT_S) -> None:
        end = time.monotonic() + timeout_s
        while not self.run(condition):
            assert time.monotonic() < end, f"still not: {condition}"
            time.sleep(0.01)

    def press(self, key: str) -> None:
        """A key: one character, or a name such as Enter or ArrowLeft."""
        codes = {"Enter": 13, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Tab": 9, " ": 32}
        shared = {"key": key, "windowsVirtualKeyCode": codes.get(key, ord(key[0].upper()))}
        text = {"text": "\r" if key == "Enter" else key} if len(key) == 1 or key == "Enter" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **shared, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **shared)

    def choose_file(self, selector: str, path: Path) -> None:
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def type(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def downloaded(self, name: str) -> Path:
        end = time.monotonic() + TIMEOUT_S
        while not (self.downloads / name).is_file():
            assert time.monotonic() < end, f"no {name}; there are {[path.name for path in self.downloads.iterdir()]}"
            time.sleep(0.01)
        return self.downloads / name

    def screenshot(self, path: Path, *, width: int = 1280, height: int = 900) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        time.sleep(0.3)
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def requests(self) -> list[str]:
        """Addresses that were asked for, of the whole time."""
        return [
            event["params"]["request"]["url"]
            for event in self.events
            if event.get("method") == "Network.requestWillBeSent"
        ]

    def complaints(self) -> list[str]:
        """Errors of scripts and whatever the browser wrote in its log, such as a broken rule of content security."""
        return [
            json.dumps(event["params"])
            for event in self.events
            if event.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded")
        ]

    def close(self) -> None:
        self.session = None
        self.call("Browser.close")
        self.process.wait(TIMEOUT_S)
        os.close(self.to_browser)
        os.close(self.from_browser)
