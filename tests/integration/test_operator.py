# SPDX-License-Identifier: Apache-2.0
"""What an operator asks of a running supervisor: signals to workers, events with filters and a
cursor, streams that end as expected.
"""

import json
import os
import signal
import subprocess

import harness
from harness import (EXIT_OK, EXIT_UNAVAILABLE, EXIT_USAGE, TRADESUP, Case, misbehaving, wait_until)

NO_LIMIT = {"intensity": "100000", "period": "1s"}


class OperatorCase(Case):
    def start(self, **workers):
        self.box.write_config(workers or {"good": misbehaving("good")}, NO_LIMIT)
        run = self.box.start()
        run.wait_for("supervisor.ready")
        return run

    def events(self, *arguments):
        """The names of the events that `tradesup events` prints."""
        result = self.box.call("events", "--json", *arguments)
        self.assertEqual(result.returncode, EXIT_OK, result.stderr)
        return [json.loads(line) for line in result.stdout.splitlines()]

    def hold(self, reason):
        self.assertEqual(self.box.call("hold", "--reason", reason).returncode, EXIT_OK)


class Signals(OperatorCase):
    def test_a_deadly_one_is_the_workers_own_end(self):
        run = self.start()
        pid = run.worker_pid("good")
        result = self.box.call("signal", "sigsegv", "good")
        self.assertEqual((result.returncode, result.stdout), (EXIT_OK, "good: SIGSEGV sent\n"))
        told = run.wait_for("worker.signal", worker="good", pid=pid, signal="SEGV", uid=os.getuid())
        ended = run.wait_for("worker.exit", worker="good", pid=pid, signal="SEGV", action="restart")
        self.assertLess(run.events.index(told), run.events.index(ended))
        run.wait_for("self_healing.worker_thread_restart", worker="good", kind="crash")
        run.wait_for("worker.start", worker="good", count=2)
        self.assertEqual(run.stop(), EXIT_OK)

    def test_one_that_is_handled(self):
        script = "trap 'echo got it' USR1; while :; do sleep 0.05; done"
        run = self.start(shell={"command": ["sh", "-c", script], "heartbeat": "0"})
        # The trap may not be set yet, and then the signal ends it: it is told what came of it.
        for _ in range(5):
            position = run.position()
            answer = self.box.json("signal", "USR1", "shell")
            self.assertEqual(answer, {"worker": "shell", "verb": "signal", "signal": "USR1", "ok": True})
            wait_until(lambda: run.find("worker.output", position, line="got it")
                       or run.find("worker.start", position), "the signal's effect")
            if run.find("worker.output", position, line="got it"):
                break
        self.assertTrue(run.find("worker.output", line="got it"))
        self.assertEqual(run.stop(), EXIT_OK)

    def test_several_workers(self):
        run = self.start(a=misbehaving("good"), b=misbehaving("good"))
        result = self.box.call("signal", str(int(signal.SIGKILL)), "a", "nobody", "b")
        self.assertEqual((result.returncode, result.stdout), (EXIT_USAGE, "a: SIGKILL sent\nb: SIGKILL sent\n"))
        self.assertIn("nobody: no such worker", result.stderr)
        for worker in "ab":
            run.wait_for("worker.start", worker=worker, count=2)
        self.assertEqual(run.stop(), EXIT_OK)

    def test_what_cannot_be(self):
        run = self.start()
        for arguments in (("signal", "0", "good"), ("signal", "NOSUCH", "good"), ("signal", "TERM"),
                          ("signal", "TERM", "root")):
            self.assertEqual(self.box.call(*arguments).returncode, EXIT_USAGE, arguments)
        for request in ("signal worker=good", "signal worker=good signal=0", "signal signal=TERM"):
            self.assertEqual(self.box.ask(request)[-1].split()[:2], ["error", "code=64"], request)
        self.assertEqual(self.box.call("stop", "good").returncode, EXIT_OK)
        result = self.box.call("signal", "TERM", "good")
        self.assertEqual(result.returncode, EXIT_UNAVAILABLE)
        self.assertIn("good is not running", result.stderr)
        self.assertEqual(run.count("worker.signal"), 0)
        self.assertEqual(run.stop(), EXIT_OK)


class Events(OperatorCase):
    def test_filters(self):
        run = self.start(a=misbehaving("good"), b=misbehaving("good"))
        for worker in "ab":
            self.box.call("signal", "KILL", worker)
            run.wait_for("worker.start", worker=worker, count=2)
        self.assertEqual({event["event"] for event in self.events("--match", "self_healing.*")}
                         - {"self_healing.verified"}, {"self_healing.worker_thread_restart"})
        found = self.events("--match", "worker.s*t", "-w", "b")
        self.assertEqual([(event["event"], event["worker"]) for event in found], [("worker.start", "b")] * 2)
        found = self.events("--match", "worker.start", "-n", "3")
        self.assertEqual([event["worker"] for event in found], ["b", "a", "b"])
        self.assertEqual(self.events("--match", "nothing.*"), [])
        self.assertEqual(run.stop(), EXIT_OK)

    def test_since_is_inclusive(self):
        run = self.start()
        for reason in ("one", "two", "three"):
            self.hold(reason)
            self.box.call("resume", "--reason", "r")
        held = self.events("--match", "supervisor.hold")
        self.assertEqual([event["reason"] for event in held], ["one", "two", "three"])
        since = self.events("--since", held[1]["ts"], "--match", "supervisor.hold")
        self.assertEqual(since, held[1:])
        self.assertEqual(self.events("--since", held[1]["ts"], "-n", "1", "--match", "supervisor.hold"), held[2:])
        self.assertEqual(self.events("--since", "2100-01-01T00:00:00Z"), [])
        known = self.events("-n", "1000")  # others may come meanwhile
        for since in ("2001-01-01 00:00:00+02:00", "1d"):
            self.assertEqual(self.events("--since", since)[:len(known)], known)
        self.assertEqual(run.stop(), EXIT_OK)

    def test_what_is_forgotten_is_told(self):
        run = self.start()
        run.wait_for("worker.ready", worker="good")
        first = self.events("-n", "1000")[0]
        for _ in range(260):
            self.box.ask("signal worker=good signal=CONT")
        result = self.box.call("events", "--since", first["ts"])
        self.assertIn("has forgotten what was before", result.stderr)
        lines = result.stdout.splitlines()
        self.assertEqual(len(lines), 256)
        self.assertTrue(all(" worker.signal " in line for line in lines))
        self.assertEqual(self.box.call("events").stderr, "")
        result = self.box.call("events", "--since", lines[-1].split()[0])
        self.assertEqual((result.stderr, result.stdout.splitlines()[-1]), ("", lines[-1]))
        self.assertEqual(run.stop(), EXIT_OK)

    def test_bad_filters(self):
        run = self.start()
        for arguments in (("--since", "yesterday"), ("--since", "10"), ("--since", ""), ("--match", "*" * 257)):
            self.assertEqual(self.box.call("events", *arguments).returncode, EXIT_USAGE, arguments)
        for request in ("events since=10m", "events match=" + "a" * 257):
            self.assertEqual(self.box.ask(request)[-1].split()[:2], ["error", "code=64"], request)
        self.assertEqual(run.stop(), EXIT_OK)


class Following(OperatorCase):
    def follow(self, *arguments):
        process = subprocess.Popen([TRADESUP, *arguments, "-c", self.box.config], env=self.box.environ,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        return process

    def test_past_and_future_together(self):
        run = self.start()
        self.hold("one")
        stream = self.follow("events", "-f", "-n", "1", "--match", "supervisor.h*")
        self.assertIn("reason=one", stream.stdout.readline())
        self.box.call("resume", "--reason", "r")
        self.hold("two")
        self.assertIn("supervisor.hold rule=hold reason=two", stream.stdout.readline())
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual((stream.stdout.read(), stream.wait(harness.TIMEOUT)), ("", EXIT_OK))

    def test_a_cursor_goes_on_where_it_was(self):
        run = self.start()
        self.hold("one")
        cursor = self.events("--match", "supervisor.hold")[0]["ts"]
        self.box.call("resume", "--reason", "r")
        stream = self.follow("events", "-f", "--since", cursor, "--match", "supervisor.*")
        self.assertIn("reason=one", stream.stdout.readline())
        self.assertIn("supervisor.resume", stream.stdout.readline())
        self.hold("two")
        self.assertIn("reason=two", stream.stdout.readline())
        self.assertEqual(run.stop(), EXIT_OK)

    def test_interrupted(self):
        """Ctrl-C ends a stream as it ends any program: the shell sees 130."""
        run = self.start(shell={"command": ["sh", "-c", "echo hello; exec sleep 1000"], "heartbeat": "0"})
        run.wait_for("worker.output", line="hello")
        for verb in ("events", "logs"):
            stream = self.follow(verb, "-f")
            self.assertTrue(stream.stdout.readline())
            stream.send_signal(signal.SIGINT)
            self.assertEqual(stream.wait(harness.TIMEOUT), -signal.SIGINT)
        self.assertEqual(run.stop(), EXIT_OK)

    def test_logs_end_with_the_supervisor(self):
        run = self.start(shell={"command": ["sh", "-c", "echo hello; exec sleep 1000"], "heartbeat": "0"})
        run.wait_for("worker.output", line="hello")
        stream = self.follow("logs", "-f", "shell")
        self.assertEqual(stream.stdout.readline(), "shell: hello\n")
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual((stream.stdout.read(), stream.wait(harness.TIMEOUT)), ("", EXIT_OK))


if __name__ == "__main__":
    harness.main()
