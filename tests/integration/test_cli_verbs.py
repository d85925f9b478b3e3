# SPDX-License-Identifier: Apache-2.0
"""The client verbs against a supervisor that is a script: what they ask, what they make of
the answer, and what of a bad one. And those that need no supervisor, on files made here.
"""

import json
import os
import pty
import socket
import subprocess
import threading
import unittest

import harness
from harness import (EXIT_CONFIG, EXIT_OK, EXIT_OSERR, EXIT_UNAVAILABLE, EXIT_USAGE, TRADESUP, Box)

STATUS = """\
supervisor pid=4711 up_ms=11520000 state=running restarts=4 in_period=1 intensity=3 period_ms=60000 \
version=0.1.0 config=/etc/tradesup/tradesup.conf state_dir=/var/lib/tradesup
worker name=flow group=root state=up pid=4712 up_ms=185000 restarts=2 cycle=36 cycle_age_ms=400 \
phase=idle heals=3 memory_bytes=8388608 status="3 open orders"
worker name=fast group=feeds state=up pid=4713 up_ms=9900 restarts=0 cycle=1 cycle_age_ms=12000 \
heals=0 memory_bytes=1048576 error="data: no price"
worker name=slow group=feeds state=waiting restarts=1 heals=0 next_ms=2500
ok
"""

TABLE = """\
tradesup 0.1.0  running  pid 4711  up 3h12m  restarts 4 (1 of 3 in 1m)  /etc/tradesup/tradesup.conf

WORKER  STATE     PID     UP  RESTARTS     LAST CYCLE  HEALS  MEMORY  STATUS
flow    up       4712  3m05s         2  36 (0.4s ago)      3    8.0M  3 open orders
feeds:
  fast  up       4713   9.9s         0    1 (12s ago)      0    1.0M  data: no price
  slow  waiting     -      -         1              -      0       -  starts in 2.5s
"""


class Supervisor(threading.Thread):
    """Answers one request after the other with what it has been given, then closes."""

    def __init__(self, path, answers):
        super().__init__(daemon=True)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self.answers = [answer if isinstance(answer, list) else [answer] for answer in answers]
        self.requests = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(8)
        self.start()

    def run(self):
        for answer in self.answers:
            client, _ = self.listener.accept()
            with client, client.makefile("rb") as stream:
                self.requests.append(stream.readline().decode().rstrip("\n"))
                try:
                    for piece in answer:
                        client.sendall(piece if isinstance(piece, bytes) else piece.encode())
                except BrokenPipeError:
                    pass
        self.listener.close()


@unittest.skipUnless(os.access(TRADESUP, os.X_OK), "tradesup is not built")
class Verbs(unittest.TestCase):
    def setUp(self):
        self.box = Box()
        self.addCleanup(self.box.close)
        self.box.write_config({"flow": {"command": ["true"]}})
        self.socket = os.path.join(self.box.path, "run", "control")

    def answer(self, *answers):
        return Supervisor(self.socket, answers)

    def assert_call(self, arguments, status, output=None, error=None):
        result = self.box.call(*arguments)
        self.assertEqual(result.returncode, status, result.stderr)
        if output is not None:
            self.assertEqual(result.stdout, output)
        if error is not None:
            self.assertIn(error, result.stderr)
        return result

    # status

    def test_status(self):
        supervisor = self.answer(STATUS)
        self.assert_call(["status"], EXIT_OK, TABLE)
        self.assertEqual(supervisor.requests, ["status"])

    def test_status_of_one(self):
        supervisor = self.answer(STATUS)
        self.assert_call(["status", "fast"], EXIT_OK)
        self.assertEqual(supervisor.requests, ["status worker=fast"])

    def test_status_json(self):
        self.answer(STATUS)
        status = json.loads(self.assert_call(["status", "--json"], EXIT_OK).stdout)
        self.assertEqual(status["supervisor"], {
            "pid": 4711, "up_ms": 11520000, "state": "running", "restarts": 4, "in_period": 1,
            "intensity": 3, "period_ms": 60000, "version": "0.1.0",
            "config": "/etc/tradesup/tradesup.conf", "state_dir": "/var/lib/tradesup"})
        self.assertEqual([worker["name"] for worker in status["workers"]], ["flow", "fast", "slow"])
        self.assertEqual(status["workers"][0]["status"], "3 open orders")
        self.assertEqual(status["workers"][0]["memory_bytes"], 8388608)
        self.assertEqual(status["workers"][2], {"name": "slow", "group": "feeds", "state": "waiting",
                                                "restarts": 1, "heals": 0, "next_ms": 2500})

    def test_status_held(self):
        rows = STATUS.replace(" state_dir=/var/lib/tradesup", ' state_dir=/x held="all workers: hold: a\\nb"\n'
                              'latch rule=hold reason="a\\nb" uid=1000\nlatch worker=flow rule=panic')
        rows = rows.replace('status="3 open orders"', 'status="3 open orders" held=hold')
        self.answer(rows)
        lines = self.assert_call(["status"], EXIT_OK).stdout.splitlines()
        self.assertTrue(lines[0].startswith("tradesup 0.1.0  running  HELD (all workers: hold: a"), lines[0])
        self.assertTrue(lines[3].endswith("  held: hold; 3 open orders"), lines[3])
        os.unlink(self.socket)
        self.answer(rows)
        status = json.loads(self.assert_call(["status", "--json"], EXIT_OK).stdout)
        self.assertEqual(status["latches"], [{"rule": "hold", "reason": "a\nb", "uid": 1000},
                                             {"worker": "flow", "rule": "panic"}])
        self.assertEqual([worker.get("held") for worker in status["workers"]], ["hold", None, None])

    def test_a_workers_words_stay_words(self):
        """What looks like a number in a text of a worker does not change the JSON's types."""
        self.answer('worker name=7 group=root state=up status="42" error="1"\nok\n')
        worker = json.loads(self.assert_call(["status", "--json"], EXIT_OK).stdout)["workers"][0]
        self.assertEqual(worker, {"name": "7", "group": "root", "state": "up", "status": "42",
                                  "error": "1"})

    def test_status_without_workers(self):
        self.answer("supervisor pid=1 up_ms=1\nok\n")
        self.assertEqual(json.loads(self.assert_call(["status", "--json"], EXIT_OK).stdout),
                         {"supervisor": {"pid": 1, "up_ms": 1}, "latches": [], "workers": []})

    def test_a_worker_cannot_paint(self):
        self.answer('worker name=w group=root state=up status="\\x1b[2J\\n\\xc2\\x9b31m\\xe2\\x80\\xae" error="a\\tb"\nok\n')
        result = self.assert_call(["status"], EXIT_OK)
        self.assertEqual(len(result.stdout.splitlines()), 2)
        self.assertTrue(all(c == "\n" or c.isprintable() for c in result.stdout), repr(result.stdout))

    def test_colours_on_a_terminal_alone(self):
        def on_terminal(**environ):
            ours, theirs = pty.openpty()
            self.answer(STATUS)
            with open(ours, "rb", buffering=0) as terminal:
                subprocess.run([TRADESUP, "status", "-c", self.box.config], stdin=subprocess.DEVNULL,
                               stdout=theirs, env=dict(self.box.environ, **environ), check=True)
                os.close(theirs)
                text = b""
                while True:
                    try:
                        text += terminal.read(65536)
                    except OSError:  # EIO: the other end is closed
                        break
            os.unlink(self.socket)
            return text

        self.box.environ.pop("NO_COLOR", None)
        self.assertIn(b"\x1b[32mup\x1b[0m", on_terminal())
        self.assertNotIn(b"\x1b", on_terminal(NO_COLOR="1"))
        self.assertIn(b"\x1b", on_terminal(NO_COLOR=""))

    # Finding the supervisor

    def test_found_without_a_configuration(self):
        environ = dict(self.box.environ, XDG_RUNTIME_DIR=self.box.path)
        supervisor = Supervisor(os.path.join(self.box.path, "tradesup", "control"), [STATUS])
        result = subprocess.run([TRADESUP, "status"], env=environ, stdout=subprocess.PIPE, check=False)
        self.assertEqual(result.returncode, EXIT_OK)
        self.assertEqual(supervisor.requests, ["status"])

    def test_found_past_a_directory_of_another(self):
        """$RUNTIME_DIRECTORY is tried first, but it may be another service's."""
        environ = dict(self.box.environ, XDG_RUNTIME_DIR=self.box.path, RUNTIME_DIRECTORY="/run/other")
        supervisor = Supervisor(os.path.join(self.box.path, "tradesup", "control"), [STATUS])
        result = subprocess.run([TRADESUP, "status"], env=environ, stdout=subprocess.PIPE, check=False)
        self.assertEqual(result.returncode, EXIT_OK)
        self.assertEqual(supervisor.requests, ["status"])

    def test_not_looked_for_elsewhere_when_configured(self):
        self.box.environ["XDG_RUNTIME_DIR"] = self.box.path
        Supervisor(os.path.join(self.box.path, "tradesup", "control"), [STATUS])
        self.assert_call(["status"], EXIT_UNAVAILABLE, "", "no supervisor answers at " + self.socket)

    # Answers that are none

    def test_error_of_the_supervisor(self):
        self.answer('error code=64 message="nosuch: no such worker or group"\n')
        self.assert_call(["status", "nosuch"], EXIT_USAGE, "", "tradesup: nosuch: no such worker")

    def test_error_without_a_code(self):
        for answer in ("error\n", "error code=0\n", "error code=256\n", "error code=x message=y\n"):
            with self.subTest(answer):
                self.answer(answer)
                self.assert_call(["status"], EXIT_OSERR, "")
                os.unlink(self.socket)

    def test_supervisor_goes_away(self):
        for answer in ("", "worker na", STATUS[:-len("ok\n")]):
            with self.subTest(answer):
                self.answer(answer)
                self.assert_call(["status", "--json"], EXIT_UNAVAILABLE, "", "gone away")
                os.unlink(self.socket)

    def test_broken_rows(self):
        for answer in (b'worker name="x\n', b"worker name=x\0 state=up\nok\n", b"x" * 70000 + b"\n",
                       b"w " + b" ".join(b"k%d=v" % i for i in range(100)) + b"\nok\n"):
            with self.subTest(answer[:20]):
                self.answer(answer)
                self.assert_call(["status", "--json"], EXIT_OSERR, "", "the supervisor's answer")
                os.unlink(self.socket)

    def test_rows_in_pieces(self):
        self.answer([piece.encode() for piece in STATUS])
        self.assert_call(["status"], EXIT_OK, TABLE)

    def test_unknown_rows_are_ignored(self):
        self.answer(STATUS.replace("ok\n", "weather temperature=5\nok\n"))
        self.assert_call(["status"], EXIT_OK, TABLE)

    # start, stop, restart

    def test_workers(self):
        for verb, done in (("start", "started"), ("stop", "stopped"), ("restart", "restarted")):
            with self.subTest(verb):
                supervisor = self.answer("ok\n", "ok\n")
                self.assert_call([verb, "a", "b"], EXIT_OK, "a: %s\nb: %s\n" % (done, done))
                self.assertEqual(supervisor.requests, [verb + " worker=a", verb + " worker=b"])
                os.unlink(self.socket)

    def test_one_of_them_fails(self):
        self.answer("ok\n", 'error code=64 message="b: no such worker or group"\n', "ok\n")
        self.assert_call(["stop", "a", "b", "c"], EXIT_USAGE, "a: stopped\nc: stopped\n", "tradesup: b: no")
        os.unlink(self.socket)
        self.answer("ok\n", 'error code=71 message="b: no"\n')
        result = self.assert_call(["stop", "a", "b", "--json"], EXIT_OSERR)
        self.assertEqual([json.loads(line) for line in result.stdout.splitlines()],
                         [{"worker": "a", "verb": "stop", "ok": True},
                          {"worker": "b", "verb": "stop", "ok": False}])

    def test_a_name_cannot_become_a_request(self):
        supervisor = self.answer("ok\n")
        self.assert_call(["stop", "a\nstop worker=b"], EXIT_OK)
        self.assertEqual(supervisor.requests, ['stop worker="a\\nstop worker=b"'])

    # events, logs

    EVENTS = ('worker.exit ts=2026-11-24T20:03:46.123Z worker=flow pid=7 status=1 up_ms=5 why="a b"\n'
              "worker.stop ts=2026-11-24T20:03:47.000Z worker=flow pid=8 signal=KILL killed=yes\n")

    def test_events(self):
        supervisor = self.answer(self.EVENTS + "ok\n")
        self.assert_call(["events", "-n", "7", "--worker", "flow"], EXIT_OK,
                         '2026-11-24T20:03:46.123Z worker.exit worker=flow pid=7 status=1 up_ms=5 why="a b"\n'
                         "2026-11-24T20:03:47.000Z worker.stop worker=flow pid=8 signal=KILL killed=yes\n")
        self.assertEqual(supervisor.requests, ["events lines=7 follow=no worker=flow"])

    def test_events_json(self):
        self.answer(self.EVENTS + "ok\n")
        lines = self.assert_call(["events", "--json"], EXIT_OK).stdout.splitlines()
        self.assertEqual([json.loads(line) for line in lines], [
            {"event": "worker.exit", "ts": "2026-11-24T20:03:46.123Z", "worker": "flow", "pid": 7,
             "status": 1, "up_ms": 5, "why": "a b"},
            {"event": "worker.stop", "ts": "2026-11-24T20:03:47.000Z", "worker": "flow", "pid": 8,
             "signal": "KILL", "killed": True}])

    def test_follow_ends_with_the_supervisor(self):
        supervisor = self.answer(self.EVENTS)
        result = self.assert_call(["events", "-f", "--json"], EXIT_OK)
        self.assertEqual(len(result.stdout.splitlines()), 2)
        self.assertEqual(supervisor.requests, ["events lines=50 follow=yes"])

    def test_follow_prints_at_once(self):
        """A line is there while the stream goes on, also into a pipe."""
        gate = threading.Event()

        class Gate:
            def encode(self):
                gate.wait(harness.TIMEOUT)
                return b""

        self.answer([self.EVENTS, Gate()])
        with subprocess.Popen([TRADESUP, "events", "-f", "-c", self.box.config], env=self.box.environ,
                              stdout=subprocess.PIPE) as process:
            self.assertIn(b"worker.exit", process.stdout.readline())
            self.assertIsNone(process.poll())
            gate.set()
            self.assertIn(b"worker.stop", process.stdout.readline())
            self.assertEqual(process.wait(harness.TIMEOUT), EXIT_OK)

    def test_logs(self):
        rows = ('line worker=flow text="a\\x1b[31mb"\nline worker=flow text=""\n'
                'worker.output ts=2026-11-24T20:03:46.123Z worker=flow line="c d"\n')
        supervisor = self.answer(rows + "ok\n", rows + "ok\n")
        self.assert_call(["logs", "flow", "-n2"], EXIT_OK,
                         "flow: a?[31mb\nflow: \n2026-11-24T20:03:46.123Z flow: c d\n")
        result = self.assert_call(["logs", "--json"], EXIT_OK)
        self.assertEqual([json.loads(line) for line in result.stdout.splitlines()], [
            {"ts": None, "worker": "flow", "text": "a\x1b[31mb"},
            {"ts": None, "worker": "flow", "text": ""},
            {"ts": "2026-11-24T20:03:46.123Z", "worker": "flow", "text": "c d"}])
        self.assertEqual(supervisor.requests, ["logs lines=2 follow=no worker=flow",
                                               "logs lines=50 follow=no"])

    # Without a supervisor: healing, crashes, check, ledger

    HEALING = ("heal worker=flow level=1 kind=name tried=3 succeeded=2 failed=0 relapsed=1 pending=0 "
               "last=1795550626000000000\n"
               "heal worker=flow level=4 kind=limit tried=1 succeeded=0 failed=0 relapsed=0 pending=1 "
               "last=1795550627500000000\n"
               "heal worker=slow level=1 kind=name tried=1 succeeded=1 failed=0 relapsed=0 pending=0 "
               "last=1795550628000000000\n")

    def test_healing(self):
        self.box.file("state/healing", self.HEALING)
        result = self.assert_call(["healing"], EXIT_OK)
        self.assertIn("\nThe last 7 days: no step of healing; 0 cycles not traded.\n", result.stdout)
        self.assertRegex(result.stdout, r"(?m)^1 pre-check +name +- +- +75\.0% of 4 +0 +- +0$")
        self.assertTrue(result.stdout.endswith("""
Of all time, by worker
WORKER  LEVEL  KIND       TRIED  OK  FAILED  RELAPSED  PENDING    RATE  LAST
flow        1  name           3   2       0         1        0   66.6%  2026-11-24T20:03:46.000Z
flow        4  limit          1   0       0         0        1       -  2026-11-24T20:03:47.500Z
slow        1  name           1   1       0         0        0  100.0%  2026-11-24T20:03:48.000Z
all         1  pre-check      4   3       0         1        0   75.0%  2026-11-24T20:03:48.000Z
all         2  handler        0   0       0         0        0       -  -
all         3  restart        0   0       0         0        0       -  -
all         4  escalate       1   0       0         0        1       -  2026-11-24T20:03:47.500Z
"""), result.stdout)

    def test_healing_json(self):
        self.box.file("state/healing", self.HEALING)
        healing = self.box.json("healing", "flow")
        self.assertEqual([level["level"] for level in healing["levels"]], [1, 2, 3, 4])
        self.assertEqual(healing["levels"][0], {
            "level": 1, "tried": 3, "succeeded": 2, "failed": 0, "relapsed": 1, "pending": 0,
            "success_rate": 0.666, "last": "2026-11-24T20:03:46.000Z"})
        self.assertEqual(healing["levels"][1]["success_rate"], None)
        self.assertEqual(healing["levels"][1]["last"], None)
        self.assertEqual([(row["worker"], row["level"], row["kind"]) for row in healing["rows"]],
                         [("flow", 1, "name"), ("flow", 4, "limit")])

    def test_corrupt_healing(self):
        self.box.file("state/healing", "\x00nonsense")
        result = self.assert_call(["healing", "--json"], EXIT_OK, error="moved aside")
        self.assertEqual(json.loads(result.stdout)["rows"], [])
        names = os.listdir(self.box.state)
        self.assertEqual(len([name for name in names if name.startswith("healing.corrupt-")]), 1)

    def test_crashes(self):
        older, newer = "20261124T200346.000Z-flow-7.txt", "20261124T200347.000Z-slow-8.txt"
        text = ("crash worker=flow pid=7 time=2026-11-24T20:03:46.000Z up_ms=5 signal=SEGV why=crash "
                "action=restart\nrestarts:\noutput:\n  line=x\n")
        self.box.file("state/crashes/" + older, text)
        self.box.file("state/crashes/" + newer, 'crash worker=slow pid=8 time=2026-11-24T20:03:47.000Z '
                      'status=1 why="hang: no packet" action=escalate\n')
        self.box.file("state/crashes/stranger", "crash\n")
        self.assert_call(["crashes"], EXIT_OK, """\
TIME                      WORKER  HOW                        ACTION    REPORT
2026-11-24T20:03:46.000Z  flow    signal SEGV                restart   %s
2026-11-24T20:03:47.000Z  slow    status 1, hang: no packet  escalate  %s
""" % (older, newer))
        for name in (older, older[:-len(".txt")]):
            self.assert_call(["crashes", name], EXIT_OK, text)
        self.assertEqual(self.box.json("crashes", older)["text"], text)
        self.assertEqual(self.box.json("crashes", "--last")["worker"], "slow")
        crashes = self.box.json("crashes")["crashes"]
        self.assertEqual([(crash["name"], crash.get("pid")) for crash in crashes], [(older, 7), (newer, 8)])
        self.assert_call(["crashes", "stranger"], EXIT_USAGE, "", "no report 'stranger'")

    def test_no_crashes(self):
        self.assertEqual(self.box.json("crashes"), {"crashes": []})
        self.assert_call(["crashes", "--last"], EXIT_OK, "", "there is no crash report")

    def worker_program(self, body):
        path = self.box.file("worker.sh", "#!/bin/sh\n" + body)
        os.chmod(path, 0o755)
        self.box.environ["TRADESUP_WORKER_PROGRAM"] = path

    def trading_config(self):
        self.box.write_config({"flow": {"trading": {}}, "other": {"command": ["true"]}})

    def test_check(self):
        self.trading_config()
        self.worker_program('echo "$@"; echo detail >&2\n')
        result = self.assert_call(["check"], EXIT_OK, "%s: ok, 2 workers\n" % self.box.config)
        self.assertEqual(result.stderr, "--check -c %s\ndetail\n" % self.box.config)
        self.assertEqual(self.box.json("check"), {
            "file": self.box.config, "ok": True, "workers": 2,
            "messages": ["--check -c " + self.box.config, "detail"]})

    def test_check_needs_no_worker_program_without_trading(self):
        self.worker_program("exit 1\n")
        self.assert_call(["check"], EXIT_OK, "%s: ok, 1 worker\n" % self.box.config)

    def test_check_of_bad_trading(self):
        self.trading_config()
        self.worker_program("echo 'x.conf:1: registry: what' >&2; exit 78\n")
        self.assert_call(["check"], EXIT_CONFIG, "", "x.conf:1: registry: what")
        result = self.assert_call(["check", "--json"], EXIT_CONFIG)
        self.assertEqual(json.loads(result.stdout)["messages"], ["x.conf:1: registry: what"])

    def test_check_that_cannot_be_done(self):
        self.trading_config()
        self.worker_program("kill -SEGV $$\n")
        self.assert_call(["check"], EXIT_OSERR, "", "--check ended with 139")
        self.box.environ["TRADESUP_WORKER_PROGRAM"] = "/nonexistent/worker"
        self.assert_call(["check"], EXIT_OSERR, "", "/nonexistent/worker")

    def test_check_of_a_bad_file(self):
        self.box.file("tradesup.conf", "worker a {\n nonsense = 1\n}\nworker b {\n also = 2\n}\n")
        result = self.assert_call(["check"], EXIT_CONFIG, "", "tradesup.conf:2:")
        self.assertIn("tradesup.conf:5:", result.stderr)
        result = self.assert_call(["check", "--json"], EXIT_CONFIG)
        said = json.loads(result.stdout)
        self.assertFalse(said["ok"])
        self.assertTrue(any("nonsense" in message for message in said["messages"]))

    def test_called_by_a_worker(self):
        """What a worker starts has the worker's name in its environment; that is no program."""
        self.box.environ["TRADESUP_WORKER"] = "flow"
        self.assert_call(["ledger", "nosuch"], EXIT_CONFIG, "", "no worker 'nosuch'")

    def test_ledger_becomes_the_worker_program(self):
        self.worker_program('echo "$@"; exit 7\n')
        self.assert_call(["ledger", "flow"], 7, "--ledger -c %s -- flow\n" % self.box.config)
        self.assert_call(["ledger", "flow", "--json"], 7, "--ledger -c %s --json -- flow\n" % self.box.config)
        self.box.environ["TRADESUP_WORKER_PROGRAM"] = "/nonexistent/worker"
        self.assert_call(["ledger", "flow"], EXIT_OSERR, "", "/nonexistent/worker: No such file")


if __name__ == "__main__":
    harness.main()
