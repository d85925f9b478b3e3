# SPDX-License-Identifier: Apache-2.0
"""The page of tradesup-web in a real browser: it is live, it can be read and operated
everywhere, and nothing that a worker says does anything on it.

With TRADESUP_SCREENSHOTS=DIRECTORY in the environment it leaves pictures there.
"""

import os
import re
import signal
import socket
import subprocess
import threading
import unittest

import harness
from browser import CHROMIUM, DRIVER, Browser
from harness import BUILD, Case, TIMEOUT, misbehaving

WEB = os.path.join(BUILD, "tradesup-web")
TAB, ENTER = "\ue004", "\ue007"
HOSTILE = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>\"'&"


def quoted(text):
    return '"%s"' % text.replace("\\", "\\\\").replace('"', '\\"')


class HostileSupervisor:
    """A control socket whose every text is markup: names that no configuration allows, too."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        self.kept = []
        while True:
            try:
                connection = self.socket.accept()[0]
            except OSError:
                return
            request = connection.recv(4096)
            text = quoted(HOSTILE)
            if request.startswith(b"events"):
                lines = ["cycle.failed ts=2026-11-26T00:00:00.000Z worker=%s error=%s" % (text, text),
                         "order.refused ts=%s worker=a rule=%s" % (text, text)]
                self.kept.append(connection)  # a stream has no end
            else:
                lines = ["supervisor pid=1 up_ms=5 state=%s restarts=0 version=%s" % (text, text),
                         "latch worker=%s rule=%s reason=%s" % (text, text, text),
                         "worker name=%s group=%s state=%s phase=%s status=%s error=%s held=%s restart=%s"
                         % ((text,) * 8),
                         "worker name=__proto__ group=constructor state=up",
                         "heal worker=%s level=%s kind=%s tried=%s" % ((text,) * 4), "ok"]
            connection.sendall(("\n".join(lines) + "\n").encode())
            if lines[-1] == "ok":
                connection.close()

    def close(self):
        self.socket.close()
        for connection in self.kept:
            connection.close()


@unittest.skipUnless(DRIVER and CHROMIUM, "chromium and chromedriver are not installed")
class Page(Case):
    def setUp(self):
        super().setUp()
        self.browser = Browser()
        self.addCleanup(self.browser.close)

    def begin(self):
        self.box.write_config({
            "calm": misbehaving("calm"),
            "web": {"command": ["tradesup-web", "--listen", "127.0.0.1:0", "--interval", "100ms"]}})
        self.run_ = self.box.start()
        line = self.run_.wait_for("worker.output", worker="web", line=lambda text: "listens on" in text)["line"]
        self.browser.open(re.search(r"http://\S+", line).group(0))
        self.browser.wait("document.querySelectorAll('.worker.good').length === 2", "both workers on the page")

    def picture(self, name):
        directory = os.environ.get("TRADESUP_SCREENSHOTS")
        if directory:
            self.browser.screenshot(os.path.join(directory, name + ".png"))

    def test_a_restart_is_seen_live(self):
        self.begin()
        self.browser.run("window.sameDocument = true")
        before = self.run_.worker_pid("calm")
        os.kill(before, signal.SIGKILL)
        self.run_.wait_for("self_healing.verified", worker="calm")
        after = self.run_.worker_pid("calm")
        card = "[...document.querySelectorAll('.worker')].find(c => c.querySelector('.name').textContent === 'calm')"
        self.browser.wait("%s.textContent.includes('PID%d')" % (card, after), "the new process on the page")
        self.browser.wait("%s.textContent.includes('Restarts1')" % card, "the restart to be counted")
        self.browser.wait("document.querySelector('#events').textContent.includes("
                          "'self_healing.worker_thread_restart')", "the event")
        self.browser.wait("document.querySelectorAll('#chart rect.restart').length === 1", "the chart")
        self.browser.wait("document.querySelector('#heals tbody').textContent.startsWith('calm3crash1100')",
                          "the statistics")
        self.assertTrue(self.browser.run("return window.sameDocument"), "the page was loaded anew")
        self.picture("restart")
        self.assertEqual(self.browser.complaints(), [])

    def test_it_says_when_nobody_answers_and_comes_back(self):
        self.begin()
        port = int(re.search(r":(\d+)/", self.browser.run("return location.href")).group(1))
        self.assertEqual(self.box.call("stop", "web").returncode, 0)
        self.browser.wait("document.querySelector('#summary').className === 'lost'", "the loss to show")
        web = subprocess.Popen([WEB, "--listen", "127.0.0.1:%d" % port, "--interval", "100ms", "--control",
                                os.path.join(self.box.path, "run", "control")],
                               env=self.box.environ, stderr=subprocess.DEVNULL)
        self.addCleanup(web.wait, TIMEOUT)
        self.addCleanup(web.terminate)
        self.browser.wait("document.querySelector('#summary').className === ''", "it to come back")
        self.browser.wait("document.querySelectorAll('.worker.good').length === 1", "what it says now")

    def test_narrow_dark_and_by_keyboard(self):
        self.begin()
        background = "return getComputedStyle(document.body).backgroundColor"
        light = self.browser.run(background)
        self.browser.devtools("Emulation.setEmulatedMedia",
                              features=[{"name": "prefers-color-scheme", "value": "dark"}])
        self.assertNotEqual(self.browser.run(background), light)
        self.browser.devtools("Emulation.setDeviceMetricsOverride", width=320, height=1400, deviceScaleFactor=1,
                              mobile=False)
        self.assertLessEqual(self.browser.run("return document.documentElement.scrollWidth"), 320)
        self.picture("narrow")
        reached = []
        for _ in range(12):
            self.browser.press([TAB])
            reached.append(self.browser.run("return document.activeElement.id || document.activeElement.className"))
            if reached[-1] == "pause":
                break
        self.assertEqual([name for name in reached if name in ("skip", "filter", "pause")],
                         ["skip", "filter", "pause"])
        self.browser.press([ENTER])
        self.assertEqual(self.browser.run("return document.querySelector('#pause').getAttribute('aria-pressed')"),
                         "true")
        self.assertNotEqual(self.browser.run("return getComputedStyle(document.activeElement).outlineStyle"), "none")

    def test_nothing_that_is_told_does_anything(self):
        control = os.path.join(self.box.path, "control")
        hostile = HostileSupervisor(control)
        self.addCleanup(hostile.close)
        web = subprocess.Popen([WEB, "--listen", "127.0.0.1:0", "--control", control, "--interval", "100ms"],
                               env=self.box.environ, stderr=subprocess.PIPE, text=True)
        self.addCleanup(web.stderr.close)
        self.addCleanup(web.wait, TIMEOUT)
        self.addCleanup(web.terminate)
        self.browser.open(re.search(r"http://\S+", web.stderr.readline()).group(0))
        self.browser.wait("document.querySelectorAll('.worker').length === 2", "the workers")
        self.browser.wait("document.querySelectorAll('#events li').length >= 2", "the events")
        shown = self.browser.run("return document.body.textContent")
        # A name, its group, state, phase, latch, status and error; the summary, latches, events.
        self.assertGreaterEqual(shown.count(HOSTILE), 12)
        self.picture("hostile")
        self.assertLessEqual(self.browser.run("return document.documentElement.scrollWidth"),
                             self.browser.run("return innerWidth"))
        self.assertEqual(self.browser.run("return document.querySelectorAll('img, body script').length"), 0)
        self.assertIsNone(self.browser.run("return window.hacked"))
        self.assertEqual(self.browser.complaints(), [])


if __name__ == "__main__":
    harness.main()
