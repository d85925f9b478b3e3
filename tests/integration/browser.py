# SPDX-License-Identifier: Apache-2.0
"""A real Chromium without a window, through chromedriver (w3.org/TR/webdriver), with the
standard library alone.
"""

import base64
import json
import shutil
import subprocess
import tempfile
import urllib.request

from harness import TIMEOUT, wait_until

DRIVER = shutil.which("chromedriver")
CHROMIUM = shutil.which("chromium")


class Browser:
    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="tradesup-test-browser-")
        for _ in range(3):  # the port that it chose may be taken before it listens
            self.process = subprocess.Popen([DRIVER, "--port=0"], stdout=subprocess.PIPE, text=True,
                                            stderr=subprocess.DEVNULL)
            self.port = self.read_port()
            if self.port:
                break
            self.process.wait()
        else:
            raise AssertionError("chromedriver does not start")
        self.session = ""
        options = {"binary": CHROMIUM, "args": [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
            "--window-size=1200,1400", "--user-data-dir=" + self.profile]}
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.session = "/session/" + answer["sessionId"]

    def read_port(self):
        for line in self.process.stdout:
            if "started successfully on port" in line:
                return int(line.split("port")[1].strip(" .\n"))
        return 0

    def call(self, method, path, body=None):
        request = urllib.request.Request(
            "http://127.0.0.1:%d%s%s" % (self.port, self.session, path), method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return json.load(answer)["value"]

    def open(self, url):
        self.call("POST", "/url", {"url": url})

    def run(self, script):
        """Run JavaScript on the page; what it returns."""
        return self.call("POST", "/execute/sync", {"script": script, "args": []})

    def wait(self, expression, what):
        """Wait until an expression is true on the page, and return its value."""
        return wait_until(lambda: self.run("return " + expression), what)

    def press(self, keys):
        """Press keys, one after the other, wherever the focus is."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def devtools(self, command, **parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def screenshot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("GET", "/screenshot")))

    def complaints(self):
        """What the console has, such as a violation of the page's policy."""
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"})]

    def close(self):
        try:
            if self.session:
                self.call("DELETE", "")
        finally:
            self.process.terminate()
            self.process.wait()
            self.process.stdout.close()
            shutil.rmtree(self.profile, ignore_errors=True)
