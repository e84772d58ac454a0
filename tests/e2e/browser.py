"""Chromium without a window, spoken to over two pipes (its --remote-debugging-pipe): no port, no
driver to install. Used by test_html.py."""
import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

from harness import Skip

FLAGS = ["--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--no-first-run",
         "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-default-apps", "--mute-audio", "--hide-scrollbars",
         "--force-device-scale-factor=1"]
PATIENCE = 120  # seconds; for what hangs


def find_chromium():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path and not os.path.realpath(path).endswith("/snap"):
            return path
    raise Skip("there is no chromium (apt-get install chromium)")


def high_pipe():
    """With descriptors that are none of those that they are to become."""
    low = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in low]
    for end in low:
        os.close(end)
    return high


class Page:
    """A page that was opened: what it logs and asks for is kept."""

    def __init__(self, browser, session):
        self.browser = browser
        self.session = session
        self.messages = []
        self.requests = []

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def run(self, expression):
        """The value of a JavaScript expression."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                           awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def wait_for(self, expression):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            value = self.run(expression)
            if value:
                return value
            time.sleep(0.05)
        raise AssertionError("it does not come true: %s" % expression)

    def resize(self, width, height, scheme="light"):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": scheme}])

    def click(self, x, y):
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left",
                      clickCount=1)

    def key(self, key):
        for kind in ("keyDown", "keyUp"):
            parameters = {"type": kind, "key": key}
            if kind == "keyDown" and len(key) == 1:
                parameters["text"] = key
            self.call("Input.dispatchKeyEvent", **parameters)

    def screenshot(self, path, whole=False):
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        with open(path, "wb") as file:
            file.write(base64.b64decode(answer["data"]))

    def take(self, event):
        parameters = event.get("params", {})
        if event["method"] == "Runtime.exceptionThrown":
            self.messages.append(json.dumps(parameters)[:500])
        elif event["method"] in ("Runtime.consoleAPICalled", "Log.entryAdded"):
            self.messages.append(json.dumps(parameters)[:500])
        elif event["method"] == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"][:200])


class Browser:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="memprobe-chromium-")
        self.pages = {}
        self.number = 0
        self.rest = b""
        self.start(find_chromium())

    def start(self, path):
        """It reads descriptor 3 and writes descriptor 4."""
        theirs_in, self.out = high_pipe()
        self.into, theirs_out = high_pipe()
        command = ["/bin/bash", "-c", 'exec "$@" 3<&%d 4>&%d' % (theirs_in, theirs_out), "bash",
                   path]
        command += FLAGS + ["--user-data-dir=" + self.folder, "about:blank"]
        self.process = subprocess.Popen(
            command, pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": self.folder})
        os.close(theirs_in)
        os.close(theirs_out)

    def read(self, end):
        while b"\0" not in self.rest:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.into], [], [], left)[0]:
                raise AssertionError("chromium does not answer")
            piece = os.read(self.into, 1 << 20)
            if not piece:
                raise AssertionError("chromium has ended")
            self.rest += piece
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + PATIENCE
        while True:
            answer = self.read(end)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise AssertionError("%s: %s" % (method, answer["error"]))
                return answer["result"]
            if answer.get("sessionId") in self.pages:
                self.pages[answer["sessionId"]].take(answer)

    def open(self, path, width=1280, height=900, scheme="light"):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self.pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(domain + ".enable")
        page.resize(width, height, scheme)
        page.call("Page.navigate", url="file://" + os.path.abspath(path))
        page.wait_for("document.documentElement?.dataset.ready")
        return page

    def close(self):
        try:
            self.call("Browser.close")
        except AssertionError:
            self.process.kill()
        self.process.wait()
        os.close(self.out)
        os.close(self.into)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()
