"""A real Chromium, told what to do through a pipe; nothing but the standard library.

Chromium speaks the DevTools protocol over two inherited files: it reads commands from the
descriptor 3 and writes answers and events to 4, as JSON texts that end in a zero byte.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path


def missing():
    """Why there is no browser to test in; empty when there is one."""
    return "" if shutil.which("chromium") else "chromium is not installed"


FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--no-first-run",
    "--remote-debugging-pipe",
)
LAUNCH = """
import os, sys
os.dup2(int(sys.argv[1]), 3), os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
SECONDS = 30


class Chromium:
    """One page in a browser of its own, and all events it sent."""

    def __init__(self, profile: Path):
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        self._rest, self._count, self._session, self.events = b"", 0, {}, []
        command = [shutil.which("chromium"), *FLAGS, f"--user-data-dir={profile}"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, str(theirs_in), str(theirs_out), *command],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in), os.close(theirs_out)
        try:
            self._attach()
        except BaseException:
            self._stop()
            raise

    def _attach(self):
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": session["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def close(self):
        self._session = {}
        try:
            self.send("Browser.close")
            self._process.wait(SECONDS)
        finally:
            self._stop()

    def _stop(self):
        self._process.kill()
        self._process.wait(SECONDS)
        os.close(self._in), os.close(self._out)

    def send(self, method, **params):
        """Send a command and wait for its answer; events on the way are kept."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": params, **self._session}
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def open(self, page: Path):
        self.events.clear()
        self.send("Page.navigate", url=page.as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._receive())

    def run(self, expression):
        """Evaluate JavaScript; what it returns, or promises, comes back."""
        answer = self.send(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def prefer(self, scheme, motion="reduce"):
        wanted = {"prefers-color-scheme": scheme, "prefers-reduced-motion": motion}
        features = [{"name": name, "value": value} for name, value in wanted.items()]
        self.send("Emulation.setEmulatedMedia", features=features)

    def resize(self, width, height):
        size = {"width": width, "height": height, "deviceScaleFactor": 1}
        self.send("Emulation.setDeviceMetricsOverride", mobile=width < 600, **size)

    def middle(self, selector):
        """Scroll an element into view and tell where its middle is."""
        return self.run(
            f"""(() => {{
              const one = document.querySelector({json.dumps(selector)});
              one.scrollIntoView({{ block: "center", behavior: "instant" }});
              const at = one.getBoundingClientRect();
              return [at.x + at.width / 2, at.y + at.height / 2];
            }})()"""
        )

    def click(self, selector):
        self.drag(selector, 0, 0)

    def drag(self, selector, dx, dy):
        """Press the mouse in the middle of an element, and let go elsewhere."""
        x, y = self.middle(selector)
        self._mouse("mousePressed", x, y)
        if dx or dy:
            self._mouse("mouseMoved", x + dx, y + dy)
        self._mouse("mouseReleased", x + dx, y + dy)

    def pinch(self, selector, factor):
        """Put two fingers on an element and spread them."""
        x, y = self.middle(selector)
        for kind, reach in (("touchStart", 40), ("touchMove", 40 * factor)):
            points = [{"x": x + side * reach, "y": y, "id": side + 1} for side in (-1, 1)]
            self.send("Input.dispatchTouchEvent", type=kind, touchPoints=points)
        self.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def wheel(self, selector, dy):
        x, y = self.middle(selector)
        turn = {"type": "mouseWheel", "x": x, "y": y, "deltaX": 0, "deltaY": dy}
        self.send("Input.dispatchMouseEvent", **turn)

    def press(self, key, **more):
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, **more)

    def complaints(self):
        """What was logged or thrown since the page was opened."""
        kinds = {"Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"}
        return [event for event in self.events if event["method"] in kinds]

    def requests(self):
        """Addresses asked for since the page was opened, but for data inside it."""
        sent = [e for e in self.events if e["method"] == "Network.requestWillBeSent"]
        urls = [event["params"]["request"]["url"] for event in sent]
        return [url for url in urls if not url.startswith("data:")]

    def screenshot(self, path: Path, *, whole=False):
        self._save(path, self.send("Page.captureScreenshot", captureBeyondViewport=whole))

    def print(self, path: Path):
        self._save(path, self.send("Page.printToPDF", printBackground=True))

    @staticmethod
    def _save(path, answer):
        path.write_bytes(base64.b64decode(answer["data"]))

    def _mouse(self, kind, x, y):
        button = {"button": "left", "buttons": 1, "clickCount": 1}
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button)

    def _receive(self):
        """Wait for the next message of the browser."""
        end = time.monotonic() + SECONDS
        while b"\0" not in self._rest:
            if not select.select([self._in], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError("Chromium does not answer")
            piece = os.read(self._in, 1 << 20)
            if not piece:
                raise RuntimeError("Chromium has ended")
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)
