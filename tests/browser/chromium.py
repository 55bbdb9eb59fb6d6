"""A headless Chromium driven over its DevTools protocol: open, click, look, and hear what went wrong.

Scope: what the browser tests need. Uses `websocket-client`, which JupyterLab brings along; no driver program
and no further package. `Browser.find` says where Chromium is; CR_CHROMIUM names another one.
"""

import base64
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import websocket

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
           "--disable-background-networking", "--disable-component-update", "--disable-sync",
           "--no-proxy-server",
           "--remote-debugging-port=0", "--remote-allow-origins=*", "--hide-scrollbars",
           "--force-color-profile=srgb")


class Browser:
    """One browser with one page. `errors`: console errors and exceptions; `requests`: addresses asked for."""

    def __init__(self, folder: Path):
        self.profile = Path(folder) / "chromium"
        self.process = subprocess.Popen([self.find(), *OPTIONS, f"--user-data-dir={self.profile}",
                                         "about:blank"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.errors, self.requests, self._number = [], [], 0
        self.socket = websocket.create_connection(self._page(), timeout=60)
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    @staticmethod
    def find() -> str | None:
        """The path of Chromium, None where there is none."""
        return os.environ.get("CR_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)

    def _page(self) -> str:
        """The socket of the first page; waits for the browser to start."""
        from urllib.request import ProxyHandler, build_opener
        port, end = self.profile / "DevToolsActivePort", time.monotonic() + 60
        while time.monotonic() < end:
            if port.is_file() and len(port.read_text().split()) == 2:
                url = f"http://127.0.0.1:{port.read_text().split()[0]}/json"
                with build_opener(ProxyHandler({})).open(url, timeout=30) as answer:
                    pages = [one for one in json.load(answer) if one["type"] == "page"]
                if pages:
                    return pages[0]["webSocketDebuggerUrl"]
            time.sleep(0.1)
        raise TimeoutError("Chromium did not start within a minute")

    def call(self, method: str, **params) -> dict:
        """One command of the protocol and its result; events that come in between are noted."""
        self._number += 1
        self.socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            told = json.loads(self.socket.recv())
            if told.get("id") == self._number:
                if "error" in told:
                    raise RuntimeError(f"{method}: {told['error']}")
                return told["result"]
            self._note(told.get("method"), told.get("params", {}))

    def _note(self, method: str, params: dict) -> None:
        if method == "Runtime.exceptionThrown":
            found = params["exceptionDetails"]
            self.errors.append(found.get("exception", {}).get("description") or found["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] == "error":
            self.errors.append(" ".join(str(one.get("value", one.get("description")))
                                        for one in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    def size(self, width: int, height: int = 900, dark: bool = False, media: str = "") -> None:
        """The window's size, the reader's preferred scheme, the medium ("print", or "" for the screen)."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", media=media, features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def open(self, url: str) -> None:
        """Go to an address and wait until it is loaded."""
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, script: str):
        """The value of a JavaScript expression (a promise is awaited).

        Raises RuntimeError where it throws.
        """
        told = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in told:
            found = told["exceptionDetails"]
            raise RuntimeError(f"{script}: {found.get('exception', {}).get('description') or found['text']}")
        return told["result"].get("value")

    def wait(self, script: str, seconds: float = 60) -> None:
        """Wait until an expression holds. Raises TimeoutError."""
        end = time.monotonic() + seconds
        while not self.run(script):
            if time.monotonic() > end:
                raise TimeoutError(f"not within {seconds} s: {script}")
            time.sleep(0.2)

    def click(self, selector: str) -> None:
        """A real click of the mouse in the middle of the first element that a CSS selector finds."""
        place = self.run(f"""(() => {{ const e = document.querySelector({json.dumps(selector)});
            e.scrollIntoView({{block: "center", inline: "center", behavior: "instant"}});
            const r = e.getBoundingClientRect();
            return [r.x + r.width / 2, r.y + r.height / 2]; }})()""")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left",
                      clickCount=1)

    def picture(self, path: Path, selector: str = "", whole: bool = False) -> Path:
        """A PNG of the window, of the whole page, or of the first element that a selector finds."""
        options = {"format": "png", "captureBeyondViewport": bool(selector or whole)}
        if selector or whole:
            found = f"document.querySelector({json.dumps(selector or 'html')})"
            options["clip"] = self.run(f"""(() => {{ const r = {found}.getBoundingClientRect();
                return {{x: r.x + scrollX, y: r.y + scrollY, width: r.width,
                height: Math.min(r.height, 12000), scale: 1}}; }})()""")
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", **options)["data"]))
        return path

    def pdf(self, path: Path) -> Path:
        """The page as it prints on A4."""
        told = self.call("Page.printToPDF", printBackground=False, paperWidth=8.27, paperHeight=11.69)
        path.write_bytes(base64.b64decode(told["data"]))
        return path

    def close(self) -> None:
        """End the browser."""
        self.socket.close()
        self.process.terminate()
        self.process.wait(20)
