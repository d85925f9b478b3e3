# SPDX-License-Identifier: Apache-2.0
"""`tradesup top` in a terminal: what it shows, its keys, small windows, a supervisor that comes back."""

import os
import signal
import unittest

import harness
from harness import BUILD, EXIT_OK, EXIT_USAGE, TRADESUP, Case, misbehaving, wait_until
from terminal import Terminal, needs_tmux

needs_top = unittest.skipUnless(os.path.exists(os.path.join(BUILD, "tradesup-top")), "built without ncurses")


@needs_top
@needs_tmux
class Top(Case):
    def start(self, **more):
        workers = dict({"good": misbehaving("good"), "other": misbehaving("good")}, **more)
        self.box.write_config(workers, {"intensity": "20"})
        self.workers = workers
        return self.start_again()

    def start_again(self):
        run = self.box.start()
        for worker in "good", "other":
            run.wait_for("worker.ready", worker=worker)
        return run

    def open(self, columns=110, rows=24, **environ):
        terminal = Terminal(self.box, columns, rows, environ)
        self.addCleanup(terminal.close)
        terminal.run("%s top -c %s; echo en'ded' $?" % (TRADESUP, self.box.config))
        terminal.wait("other")
        return terminal

    def test_shows_a_kill_and_the_restart(self):
        run = self.start()
        terminal = self.open()
        lines = terminal.wait("worker.ready")
        self.assertTrue(lines[0].startswith("tradesup ") and " running " in lines[0], lines)
        self.assertTrue(lines[1].startswith("WORKER ") and "CPU" in lines[1], lines)
        self.assertTrue(lines[2].startswith("good ") and lines[3].startswith("other "), lines)
        self.assertIn("q quit", lines[23])
        os.kill(run.worker_pid("good"), signal.SIGKILL)
        run.wait_for("worker.ready", worker="good", count=2)
        terminal.wait("signal=KILL")
        lines = terminal.wait(" %d " % run.worker_pid("good"))
        self.assertEqual(lines[2].split()[4], "1", lines[2])
        terminal.key("q")
        lines = terminal.wait("ended 0")
        self.assertFalse(any("WORKER" in line for line in lines), lines)
        self.assertEqual(run.stop(), EXIT_OK)

    def test_keys(self):
        run = self.start()
        terminal = self.open()
        terminal.key("j", "r")
        run.wait_for("worker.start", worker="other", count=2)
        terminal.wait("restart other: done")
        terminal.key("Up", "s")
        run.wait_for("worker.stop", worker="good")
        terminal.wait("good   down ")
        terminal.key("s")
        run.wait_for("worker.start", worker="good", count=2)
        terminal.wait("good   up ")
        terminal.key("w")
        terminal.wait("why good")
        terminal.key("q", "?")
        terminal.wait("choose a worker")
        terminal.key("Escape")
        terminal.wait("WORKER")
        terminal.key("/")
        terminal.type("oth")
        terminal.wait("filter: oth_")
        terminal.key("Enter")
        terminal.wait_gone("good   up ")
        terminal.key("C-c")
        terminal.wait("ended 0")
        self.assertEqual(run.stop(), EXIT_OK)

    def test_hold_and_resume(self):
        run = self.start()
        terminal = self.open()
        terminal.key("h")
        terminal.type("caf\u00e9 clos\u00e9e")
        terminal.key("BSpace", "Enter")
        event = run.wait_for("supervisor.hold", worker="good")
        self.assertEqual(event["reason"], "caf\u00e9 clos\u00e9")
        lines = terminal.wait("HELD (good: hold: caf\u00e9 clos\u00e9)")
        self.assertTrue(lines[0].startswith("HELD "), lines)
        wait_until(lambda: "\x1b[31m" in terminal.screen("-e")[0], "the held line in red")
        terminal.key("h", "Enter")
        terminal.wait("a reason is needed")
        terminal.key("h")
        terminal.type("open again")
        terminal.key("Enter")
        run.wait_for("supervisor.resume", worker="good", reason="open again")
        terminal.wait_gone("HELD")
        terminal.key("H")
        terminal.wait("all: hold, because:")
        terminal.key("Escape")
        terminal.wait_gone("because")
        self.assertEqual(run.count("supervisor.hold"), 1)
        self.assertEqual(run.stop(), EXIT_OK)

    def test_narrow_tiny_and_wide(self):
        run = self.start()
        terminal = self.open(40, 12)
        lines = terminal.wait("STATUS")
        self.assertTrue(all(len(line) <= 40 for line in lines), lines)
        self.assertNotIn("PID", lines[1])
        terminal.resize(40, 5)
        wait_until(lambda: terminal.screen()[3].startswith("other"), "five lines")
        terminal.resize(20, 2)
        wait_until(lambda: terminal.screen()[1].startswith("j/k"), "two lines")
        terminal.resize(1, 1)
        terminal.resize(120, 30)
        lines = terminal.wait("HEALS")
        wait_until(lambda: "q quit" in terminal.screen()[29], "the last line")
        self.assertEqual(run.stop(), EXIT_OK)

    def test_the_supervisor_comes_back(self):
        run = self.start()
        terminal = self.open()
        self.assertEqual(run.stop(), EXIT_OK)
        terminal.wait("no supervisor answers")
        run = self.start_again()
        terminal.wait(" %d " % run.worker_pid("good"))
        self.box.call("signal", "KILL", "other")
        terminal.wait("worker.signal worker=other")
        terminal.key("q")
        terminal.wait("ended 0")
        self.assertEqual(run.stop(), EXIT_OK)

    def test_a_worker_cannot_paint(self):
        script = r"printf 'x\033[2J\033]0;owned\007\302\233y\n'; exec sleep 1000"
        run = self.start(painter={"command": ["sh", "-c", script], "heartbeat": "0"})
        run.wait_for("worker.output", worker="painter")
        terminal = self.open(NO_COLOR="1")
        terminal.key("j", "j", "l")
        terminal.wait("x?[2J?]0;owned?")
        self.assertNotIn("owned", terminal.tmux("display-message", "-p", "#{pane_title}"))
        self.assertNotRegex("\n".join(terminal.screen("-e")), "\x1b\\[3[0-7]m")
        terminal.key("q", "q")
        terminal.wait("ended 0")
        self.assertEqual(run.stop(), EXIT_OK)


class Refused(Case):
    def test_not_without_a_terminal(self):
        self.box.write_config({"good": misbehaving("good")})
        result = self.box.call("top")
        self.assertEqual(result.returncode, EXIT_USAGE)
        self.assertIn("it needs a terminal", result.stderr)


if __name__ == "__main__":
    harness.main()
