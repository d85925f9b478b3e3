# SPDX-License-Identifier: Apache-2.0
"""`tradesup status --watch` in a terminal: it goes on, follows the window, and leaves no trace."""

import os
import signal

import harness
from harness import EXIT_OK, EXIT_USAGE, TRADESUP, Case, misbehaving, wait_until
from terminal import Terminal, needs_tmux


@needs_tmux
class Watch(Case):
    def setUp(self):
        super().setUp()
        self.box.write_config({"good": misbehaving("good"), "sad": misbehaving("good")}, {"intensity": "20"})
        self.run_ = self.box.start()
        for worker in "good", "sad":
            self.run_.wait_for("worker.ready", worker=worker)

    def open(self, columns=100, rows=24, **environ):
        terminal = Terminal(self.box, columns, rows, environ)
        self.addCleanup(terminal.close)
        terminal.run("echo be'fore'")
        terminal.wait("before")
        terminal.run("%s status --watch -c %s; echo en'ded' $?" % (TRADESUP, self.box.config))
        return terminal

    def test_goes_on_until_interrupted(self):
        terminal = self.open()
        lines = terminal.wait("good")
        self.assertTrue(lines[0].startswith("tradesup "), lines)
        self.assertFalse(any("before" in line for line in lines), lines)
        os.kill(self.run_.worker_pid("sad"), signal.SIGKILL)
        self.run_.wait_for("worker.ready", worker="sad", count=2)
        terminal.wait(" %d " % self.run_.worker_pid("sad"))
        terminal.key("C-c")
        # The shell's screen is as it was, and none of the pictures is in its scrollback.
        lines = terminal.wait("ended 0", "-S", "-")
        self.assertTrue(any(line.endswith("before") for line in lines), lines)
        self.assertFalse(any("RESTARTS" in line for line in lines), lines)
        self.assertEqual(self.run_.stop(), EXIT_OK)

    def test_small_and_smaller(self):
        terminal = self.open(40, 6)
        lines = terminal.wait("WORKER")
        self.assertTrue(all(len(line) <= 40 for line in lines), lines)
        terminal.resize(60, 4)
        terminal.wait("RESTARTS")
        wait_until(lambda: terminal.screen()[0].startswith("tradesup "), "the first line at the top")
        terminal.resize(100, 24)
        lines = terminal.wait("sad")
        self.assertEqual(len([line for line in lines if line]), 4, lines)
        self.assertEqual(self.run_.stop(), EXIT_OK)

    def test_the_supervisor_comes_back(self):
        terminal = self.open()
        terminal.wait("good")
        self.assertEqual(self.run_.stop(), EXIT_OK)
        terminal.wait("no supervisor answers")
        run = self.box.start()
        run.wait_for("worker.ready", worker="good")
        terminal.wait(" %d " % run.worker_pid("good"))
        self.assertEqual(run.stop(), EXIT_OK)

    def test_colours_are_a_choice(self):
        terminal = self.open(NO_COLOR="1")
        terminal.wait("good")
        self.assertNotIn("\x1b[32m", "\n".join(terminal.screen("-e")))
        terminal.key("C-c")
        terminal.wait("ended 0")
        terminal.run("unset NO_COLOR; %s status --watch -c %s" % (TRADESUP, self.box.config))
        terminal.wait("good")
        wait_until(lambda: "\x1b[32m" in "\n".join(terminal.screen("-e")), "colours")
        self.assertEqual(self.run_.stop(), EXIT_OK)


class Refused(Case):
    def test_not_on_a_pipe(self):
        self.box.write_config({"good": misbehaving("good")})
        result = self.box.call("status", "--watch")
        self.assertEqual(result.returncode, EXIT_USAGE)
        self.assertIn("--watch needs a terminal", result.stderr)
        self.assertEqual(self.box.call("status", "--watch", "--json").returncode, EXIT_USAGE)


if __name__ == "__main__":
    harness.main()
