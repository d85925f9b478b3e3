# SPDX-License-Identifier: Apache-2.0
"""A thousand workers: started in one go, 200 killed at one moment, looked at, stopped.

Times are compared with a bare loop over the same programs in the same run, never with the clock
on the wall: the machine may be slow.
"""

import os
import signal
import subprocess
import time

import harness
from harness import EXIT_OK, Case, open_descriptors, wait_until

WORKERS = 1000
KILLED = 200
NO_LIMIT = {"intensity": "10000", "period": "1s"}
SLEEPER = ["sleep", "1000000"]
PATIENCE = 10 * harness.TIMEOUT


def state_of(pid):
    """The letter of a process's state, and its parent."""
    with open("/proc/%d/stat" % pid) as file:
        words = file.read().rpartition(")")[2].split()
    return words[0], int(words[1])


def zombies_of(parent):
    found = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                found += state_of(int(name)) == ("Z", parent)
            except (FileNotFoundError, ProcessLookupError):
                pass
    return found


def timed(call):
    begin = time.monotonic()
    result = call()
    return time.monotonic() - begin, result


def start_bare():
    return [subprocess.Popen(SLEEPER, stdin=subprocess.DEVNULL) for _ in range(WORKERS)]


def stop_bare(processes):
    """One after the other and in reverse, as a supervisor must."""
    for process in reversed(processes):
        process.terminate()
        process.wait()


def floor():
    """Seconds that a bare loop takes to start and to stop as many."""
    start_s, processes = timed(start_bare)
    return start_s, timed(lambda: stop_bare(processes))[0]


class Thousand(Case):
    def start_all(self):
        worker = {"command": SLEEPER, "heartbeat": "0s", "restart_delay": "0s",
                  "restart_delay_max": "0s"}
        self.box.write_config({"w%d" % i: worker for i in range(WORKERS)}, NO_LIMIT)
        run = self.box.start()
        run.wait_for("supervisor.ready", timeout=PATIENCE)
        self.assertEqual(run.count("worker.start"), WORKERS)
        return run

    def kill_some(self, run):
        """Return the names and pids of the killed, by a step that hits all parts of the list."""
        victims = {event["worker"]: int(event["pid"])
                   for event in run.find("worker.start")[::WORKERS // KILLED]}
        for pid in victims.values():
            os.kill(pid, signal.SIGKILL)
        return victims

    def test_storm(self):
        start_floor, stop_floor = floor()
        run = self.start_all()
        descriptors = open_descriptors(run.pid)
        since = run.position()

        victims = self.kill_some(run)
        run.wait_for("worker.start", since=since, count=KILLED, timeout=PATIENCE)
        for event in ("worker.exit", "self_healing.worker_thread_restart", "worker.start"):
            self.assertEqual(sorted(e["worker"] for e in run.find(event, since=since)),
                             sorted(victims), event)
        wait_until(lambda: zombies_of(run.pid) == 0, "no zombie")
        wait_until(lambda: open_descriptors(run.pid) <= descriptors, "the descriptors of before")

        status_s, status = timed(lambda: self.box.json("status"))
        self.assertEqual(len(status["workers"]), WORKERS)
        self.assertEqual(sum(w["restarts"] for w in status["workers"]), KILLED)
        self.assertLess(status_s, start_floor)

        stop_s, code = timed(lambda: run.stop(timeout=PATIENCE))
        self.assertEqual(code, EXIT_OK)
        self.assertLess(stop_s, 10 * stop_floor)
        self.assertEqual(self.box.leftovers(), [])

    def test_stopped_order(self):
        run = self.start_all()
        self.assertEqual(run.stop(timeout=PATIENCE), EXIT_OK)
        self.assertEqual([event["worker"] for event in run.find("worker.stop")],
                         ["w%d" % i for i in reversed(range(WORKERS))])


if __name__ == "__main__":
    harness.main()
