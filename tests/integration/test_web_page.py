# SPDX-License-Identifier: Apache-2.0
"""The page of tradesup-web in a real browser: it is live, it can be read and operated
everywhere, and nothing that a worker says does anything on it.

With TRADESUP_SCREENSHOTS=DIRECTORY in the environment it leaves pictures there.
"""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import unittest
import urllib.request

import harness
from browser import CHROMIUM, DRIVER, Browser
from harness import BUILD, Case, TIMEOUT, misbehaving, wait_until

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
                         "worker name=%s group=%s state=%s phase=%s status=%s error=%s held=%s restart=%s "
                         "equity=%s orders=%s refused=%s feed_age_ms=%s" % ((text,) * 12),
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

    def begin(self, mode="calm", looks=0):
        self.box.write_config({
            "calm": misbehaving(mode),
            "web": {"command": ["tradesup-web", "--listen", "127.0.0.1:0", "--interval", "100ms"]}})
        self.run_ = self.box.start()
        line = self.run_.wait_for("worker.output", worker="web", line=lambda text: "listens on" in text)["line"]
        self.url = re.search(r"http://\S+", line).group(0)
        wait_until(lambda: len(self.history().get("calm", {"looks": ""})["looks"]) >= looks, "the looks")
        self.browser.open(self.url)
        self.browser.wait("document.querySelectorAll('.worker.good').length === 2", "both workers on the page")

    def history(self):
        with urllib.request.urlopen(self.url + "history.json", timeout=TIMEOUT) as answer:
            return {worker["name"]: worker for worker in json.load(answer)["workers"]}

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
        self.browser.wait("document.querySelectorAll('#hours rect.success').length === 1", "the chart of the days")
        self.browser.wait("document.querySelector('#heals tbody').textContent.startsWith('calm3crash1100')",
                          "the statistics")
        self.assertTrue(self.browser.run("return window.sameDocument"), "the page was loaded anew")
        self.picture("restart")
        self.assertEqual(self.browser.complaints(), [])

    def test_it_begins_with_what_was_before(self):
        self.begin("figures", looks=40)
        card = "document.querySelector('.worker')"
        self.assertGreaterEqual(self.browser.run("return %s.querySelectorAll('.strip rect.good').length" % card), 39)
        self.assertRegex(self.browser.run("return %s.querySelector('.small span').textContent" % card), r"^1,250\.50")
        self.assertEqual([point[1:] for point in self.history()["calm"]["minutes"]], [["1250.50000000", 13, 2]] *
                         len(self.history()["calm"]["minutes"]))
        self.assertEqual(self.browser.run("return document.querySelectorAll('.worker')[1].querySelector("
                                          "'.charts').getClientRects().length"), 0)

    def test_equity_and_orders_are_drawn(self):
        self.begin("figures")
        # An hour, as the server would tell it.
        self.browser.run("""
            const minutes = Array.from({length: 60}, (_, i) => [
                thisMinute() - 60 + i, String(1200 + 50 * Math.sin(i / 6)), Math.max(0, Math.min(12, i - 20)), i < 30 ? 0 : i < 32 ? 1 : 2]);
            takeHistory({workers: [{name: "calm", looks: "g".repeat(30) + "b-wwg" + "g".repeat(20), minutes}]});""")
        self.browser.wait("document.querySelectorAll('.small rect.placed').length === 13", "the orders")
        self.assertEqual(self.browser.run("return document.querySelectorAll('.small rect.refused').length"), 2)
        self.assertEqual(self.browser.run("return document.querySelectorAll('.small figcaption')[1].textContent"),
                         "Orders 13 placed 2 refused")
        path = self.browser.run("return document.querySelector('.small path').getAttribute('d')")
        self.assertGreaterEqual(len(re.findall("[ML]", path)), 58)
        self.assertNotRegex(path, "NaN|undefined|-")
        for name, width, scheme in (("wide-light", 1200, "light"), ("wide-dark", 1200, "dark"),
                                    ("narrow-light", 320, "light"), ("narrow-dark", 320, "dark")):
            self.browser.devtools("Emulation.setEmulatedMedia",
                                  features=[{"name": "prefers-color-scheme", "value": scheme}])
            self.browser.devtools("Emulation.setDeviceMetricsOverride", width=width, height=1400, deviceScaleFactor=1,
                                  mobile=False)
            self.assertLessEqual(self.browser.run("return document.documentElement.scrollWidth"), width)
            self.picture("figures-" + name)
        self.assertEqual(self.browser.complaints(), [])

    def test_many_workers_in_nested_groups(self):
        sleeper = {"command": ["sleep", "600"]}
        inner = {"worker in%d" % i: sleeper for i in range(4)}
        outer = dict({"worker out%d" % i: sleeper for i in range(4)}, **{"group inner-" + "x" * 50: inner})
        outer["worker ends"] = {"command": ["sh", "-c", "exit 3"], "restart_delay": "1h", "restart_delay_max": "1h"}
        path = self.box.write_config({"web": {"command": ["tradesup-web", "--listen", "127.0.0.1:0", "--interval",
                                                          "100ms"]}})
        with open(path, "a") as file:
            file.write(harness.config_section("group outer", outer) + "\n")
        self.run_ = self.box.start()
        line = self.run_.wait_for("worker.output", worker="web", line=lambda text: "listens on" in text)["line"]
        self.browser.devtools("Emulation.setDeviceMetricsOverride", width=360, height=1400, deviceScaleFactor=1,
                              mobile=False)
        self.browser.open(re.search(r"http://\S+", line).group(0))
        self.browser.wait("document.querySelectorAll('.worker').length === 10", "the workers on the page")
        self.browser.wait("document.querySelector('#overview .good').textContent === '9 good'", "them to be well")
        self.assertEqual(self.browser.run("return [...document.querySelectorAll('.group')].map(g => g.textContent)"),
                         ["group root", "group outer", "group outer › inner-" + "x" * 50, "group outer"])
        # Where there are many, each is a few lines; who looks closer opens it, and it stays open.
        self.assertEqual(self.browser.run("return document.querySelectorAll('details[open]').length"), 0)
        self.assertEqual(self.browser.run("return document.querySelector('#overview .warn a').textContent"), "ends")
        self.assertEqual(self.browser.run("return document.title"), "(1) tradesup")
        self.browser.run("document.querySelector('#overview .warn a').click()")
        self.browser.wait("document.querySelector('.worker:target .name').textContent === 'ends'", "the way to it")
        self.browser.run("document.querySelector('.worker:target summary').click(); window.looks = 0;"
                         "new MutationObserver(() => window.looks++).observe(document.querySelector('#summary'),"
                         "{childList: true, characterData: true, subtree: true})")
        self.browser.wait("window.looks > 1", "more looks")
        self.assertEqual(self.browser.run("return document.querySelectorAll('.worker:target details[open]').length"), 1)
        self.assertLessEqual(self.browser.run("return document.documentElement.scrollWidth"), 360)
        self.picture("many")
        self.assertEqual(self.browser.complaints(), [])

    def test_it_says_when_nobody_answers_and_comes_back(self):
        self.begin()
        port = int(re.search(r":(\d+)/", self.browser.run("return location.href")).group(1))
        self.assertEqual(self.box.call("stop", "web").returncode, 0)
        self.browser.wait("document.querySelector('#summary').className === 'lost'", "the loss to show")
        self.assertEqual(self.browser.run("return [document.title, document.body.className]"), ["? tradesup", "stale"])
        self.picture("lost")
        web = subprocess.Popen([WEB, "--listen", "127.0.0.1:%d" % port, "--interval", "100ms", "--control",
                                os.path.join(self.box.path, "run", "control")],
                               env=self.box.environ, stderr=subprocess.DEVNULL)
        self.addCleanup(web.wait, TIMEOUT)
        self.addCleanup(web.terminate)
        self.browser.wait("document.querySelector('#summary').className === ''", "it to come back")
        self.browser.wait("document.querySelectorAll('.worker.good').length === 1", "what it says now")
        # The one that was stopped is down, and is to be.
        self.browser.wait("document.title === 'tradesup' && document.body.className === ''", "the title")

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
