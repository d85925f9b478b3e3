# SPDX-License-Identifier: Apache-2.0
"""A worker that sends garbage, floods, closes its link or forges events: counted, bounded, escaped,
restarted; the supervisor's memory stays as it was.
"""

import json
import os
import re
import socket
import time

import harness
from harness import EXIT_OK, SANITIZED, Case, misbehaving, rss_bytes, wait_until

MEMORY_BOUND = 8 << 20
NO_LIMIT = {"intensity": "10000", "period": "1s"}


class PeerCase(Case):
    def start(self, mode, **settings):
        self.box.write_config({"bad": misbehaving(mode, **settings), "good": misbehaving("good")},
                              NO_LIMIT)
        run = self.box.start()
        run.wait_for("worker.ready", worker="good")
        return run

    def good_cycle(self):
        """The other worker's cycle number, as the supervisor knows it: 0 before the first."""
        answer = " ".join(self.box.ask("status worker=good"))
        found = re.findall(r"\bcycle=(\d+)", answer)
        return int(found[-1]) if found else 0

    def check_bounded(self, run, seconds=2.0):
        """While the bad one does its worst, the supervisor answers, hears the other one, and does not grow."""
        run.wait_for("worker.start", worker="bad")
        wait_until(lambda: self.good_cycle() > 5, "the good worker's cycles")
        memory, begin, cycles = rss_bytes(run.pid), time.monotonic(), self.good_cycle()
        wait_until(lambda: time.monotonic() - begin > seconds and self.good_cycle() > cycles + 20,
                   "the good worker to go on")
        if not SANITIZED:
            self.assertLess(rss_bytes(run.pid) - memory, MEMORY_BOUND)
        self.assertEqual(run.count("worker.start", worker="good"), 1)
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(self.box.leftovers(), [])


class BadPeer(PeerCase):
    def check_restarted(self, mode):
        run = self.start(mode)
        run.wait_for("worker.start", worker="bad", count=2)
        self.check_bounded(run)

    def test_garbage(self):
        self.check_restarted("garbage")

    def test_packets_that_are_too_large(self):
        self.check_restarted("too_large")

    def test_closed_link(self):
        self.check_restarted("closes_link")

    def test_flood_of_good_messages(self):
        self.check_bounded(self.start("flood"))

    def test_flood_of_heal_reports(self):
        self.check_bounded(self.start("heal_flood"))

    def test_flood_of_output(self):
        self.check_bounded(self.start("output_flood"))

    def test_a_little_garbage_is_forgiven(self):
        run = self.start("some_garbage")
        run.wait_for("worker.ready", worker="bad")
        wait_until(lambda: self.good_cycle() > 30, "time for a restart")
        self.assertEqual(run.count("worker.start", worker="bad"), 1)
        self.assertEqual(run.stop(), EXIT_OK)

    def test_messages_of_a_later_version_are_ignored(self):
        run = self.start("future")
        wait_until(lambda: re.search(r"\bcycle=[3-9]\d", " ".join(self.box.ask("status worker=bad"))),
                   "its cycles to count")
        self.assertEqual(run.count("worker.garbage"), 0)
        self.assertEqual(run.count("worker.start", worker="bad"), 1)
        self.assertEqual(run.stop(), EXIT_OK)


def pss_bytes(pid):
    with open("/proc/%d/smaps_rollup" % pid) as file:
        return int(re.search(r"^Pss:\s+(\d+) kB$", file.read(), re.MULTILINE)[1]) << 10


class Overload(PeerCase):
    ENOUGH = 10000  # events that were left out

    def test_everything_at_once(self):
        """A worker that floods the supervisor in every way, beside a follower that does not read."""
        self.box.write_config({"good": misbehaving("good")}, NO_LIMIT)
        run = self.box.start()
        run.wait_for("worker.ready", worker="good")
        wait_until(lambda: self.good_cycle() > 5, "the good worker's cycles")
        follower = socket.socket(socket.AF_UNIX)
        self.addCleanup(follower.close)
        follower.settimeout(harness.TIMEOUT)
        follower.connect(os.path.join(self.box.path, "run", "control"))
        follower.sendall(b"events follow=yes lines=0\n")
        memory = pss_bytes(run.pid)
        path = self.box.file("bad.conf", harness.config_section("worker bad", misbehaving("floods_all")) + "\n")
        self.assertEqual(self.box.ask("add file=" + path)[-1], "ok")

        def left_out():
            return sum(event["events"] for event in run.find("worker.events_dropped", worker="bad"))

        seen = set()  # what the supervisor answered during the flood

        def is_enough():
            seen.add(self.good_cycle())
            return left_out() >= self.ENOUGH and run.find("client.behind") and len(seen) > 10

        wait_until(is_enough, "a flood, answers, and the good worker to go on in it")
        self.assertGreater(sum(event["lines"] for event in run.find("worker.output_dropped", worker="bad")), 0)
        if not SANITIZED:
            self.assertLess(pss_bytes(run.pid) - memory, MEMORY_BOUND)
        self.assertEqual(run.count("worker.start"), 2, "somebody was restarted")
        self.assertEqual(run.count("worker.hang"), 0)
        # The statistics are no event, and lose nothing: more than could be logged.
        self.assertGreater(self.box.json("healing", "bad")["rows"][0]["tried"], 0)
        # Whole lines until the one that says how many are missing.
        for line in follower.makefile("rb"):
            self.assertRegex(line, rb"^[a-z_.]+ ts=\S+Z .*\n$")
            if line.startswith(b"events.lost "):
                break
        self.assertRegex(line, rb"^events\.lost ts=\S+ events=[1-9][0-9]* since=\S+\n$")
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(self.box.leftovers(), [])


class Forgery(Case):
    """Nothing that comes from a worker can end a line or be taken for an event."""

    EVENTS = ("worker.exit", "order.filled", "self_healing.service_restart", "worker.stop",
              "supervisor.stop")

    def test_json_log(self):
        self.box.write_config({"bad": misbehaving("forges")})
        run = self.box.start()
        run.wait_for("self_healing.pre_check_heal_success", worker="bad")
        run.wait_for("worker.output", worker="bad", count=3)
        for event in self.EVENTS:
            self.assertEqual(run.count(event), 0, event)
        told = run.find("order.told")
        self.assertEqual([event["worker"] for event in told], ["bad"])
        self.assertEqual(told[0]["text"], "a\nworker.exit worker=other")
        self.assertEqual(run.noise, [])
        self.assertEqual(run.stop(), EXIT_OK)

    def test_logfmt_log_and_verbs(self):
        self.box.write_config({"bad": misbehaving("forges")})
        run = self.box.start("--log-format", "logfmt")
        wait_until(lambda: sum("worker.output" in line for line in run.noise) >= 3
                   and any("heal_success" in line for line in run.noise), "its output")
        for verb in (["status"], ["status", "--json"], ["events"], ["logs", "bad"]):
            result = self.box.call(*verb)
            self.assertEqual(result.returncode, EXIT_OK, result.stderr)
            self.assert_clean(result.stdout)
        json.loads(self.box.call("status", "--json").stdout)
        self.assertEqual(run.stop(), EXIT_OK)
        self.assert_clean("\n".join(run.noise))
        for line in run.noise:
            if line.startswith("order.told worker=bad text="):
                continue
            self.assertFalse(line.startswith(("order.", "self_healing.service_restart")), line)
            self.assertNotIn("\nworker.exit worker=other", line)

    def assert_clean(self, text):
        self.assertNotRegex(text, r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


if __name__ == "__main__":
    harness.main()
