# SPDX-License-Identifier: Apache-2.0
"""`tradesup run -- COMMAND` as the first process of a container: a pid namespace of its own."""

import os
import signal
import subprocess
import sys
import unittest

import harness
from harness import EXIT_ESCALATED, EXIT_OK, TRADESUP, Case, descendants, wait_until

UNSHARE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


def can_unshare():
    result = subprocess.run(UNSHARE + ["true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            check=False)
    return result.returncode == 0


def state_of(pid):
    with open("/proc/%d/stat" % pid) as file:
        return file.read().rpartition(")")[2].split()[0]


@unittest.skipUnless(can_unshare(), "no pid namespaces here")
class FirstProcess(Case):
    def run_command(self, *command):
        environ = dict(self.box.environ, XDG_RUNTIME_DIR=self.box.path, RUNTIME_DIRECTORY=self.box.path,
                       STATE_DIRECTORY=os.path.join(self.box.path, "state"))
        run = harness.Run(self.box, [*UNSHARE, TRADESUP, "run", "--log-format", "json", "--", *command],
                          environ)
        self.box.runs.append(run)
        return run

    def first(self, run):
        """Its pid out here: the only child of unshare."""
        return wait_until(lambda: [pid for pid, parent in harness.parents().items()
                                   if parent == run.pid], "the first process")[0]

    def test_stops_as_asked(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            run = self.run_command("sleep", "1000000")
            self.assertEqual(run.wait_for("supervisor.start")["pid"], 1)
            run.wait_for("supervisor.ready")
            os.kill(self.first(run), number)
            self.assertEqual(run.wait(), EXIT_OK, number)

    def test_gives_up_as_ever(self):
        run = self.run_command("false")
        self.assertEqual(run.wait(), EXIT_ESCALATED)
        self.assertEqual(run.count("worker.start"), 4)

    def test_passes_signals_on(self):
        """And lives itself, even while there is nobody to pass them to."""
        script = ("import signal\n"
                  "for number in (10, 12, 28): signal.signal(number, lambda n, _: print('got', n, flush=True))\n"
                  "print('set', flush=True)\n"
                  "while True: signal.pause()")
        run = self.run_command(sys.executable, "-S", "-c", script)
        run.wait_for("worker.output", line="set")
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH):
            os.kill(self.first(run), number)
            run.wait_for("worker.output", line="got %d" % number)
        os.kill(self.first(run), signal.SIGTERM)
        self.assertEqual(run.wait(), EXIT_OK)

    def test_reaps_and_spares_what_others_left(self):
        """An orphan without our marks is no worker's: it may live, and is reaped when it ends."""
        run = self.run_command("env", "-i", "sh", "-c", "(sleep 1000001 &) ; exec sleep 1000000")
        run.wait_for("supervisor.ready")
        first = self.first(run)

        def orphan():
            for pid in descendants(first):
                with open("/proc/%d/cmdline" % pid, "rb") as file:
                    if b"1000001" in file.read() and harness.parents().get(pid) == first:
                        return pid
            return None

        pid = wait_until(orphan, "the orphan")
        self.assertNotIn(state_of(pid), "ZX")
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not os.path.exists("/proc/%d" % pid), "its reaping")
        os.kill(first, signal.SIGTERM)
        self.assertEqual(run.wait(), EXIT_OK)


class Configured(Case):
    def test_a_stray_signal_does_nothing(self):
        self.box.write_config({"idle": {"command": ["sleep", "1000000"], "heartbeat": "0s"}})
        run = self.box.start()
        run.wait_for("supervisor.ready")
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH):
            run.signal(number)
        self.assertEqual(self.box.call("status").returncode, EXIT_OK)
        self.assertEqual(run.count("worker.exit"), 0)
        run.signal(signal.SIGQUIT)
        self.assertEqual(run.wait(), EXIT_OK)


if __name__ == "__main__":
    harness.main()
