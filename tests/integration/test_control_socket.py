# SPDX-License-Identifier: Apache-2.0
"""Who may use the control socket, how many at a time, and what becomes of a client that does not
read.
"""

import grp
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import unittest

import harness
from harness import EXIT_CONFIG, EXIT_OK, Case, misbehaving, wait_until

NO_LIMIT = {"intensity": "100000", "period": "1s"}
NOBODY = 65534

# Becomes a member of a group, sends the lines of its arguments, each over a connection of its own,
# and prints the verdicts; "keep": keeps so many connections, and prints what the last one gets.
CLIENT = """
import os, socket, sys
def connect():
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(sys.argv[1])
    return peer
os.setgroups([int(sys.argv[2])])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
if sys.argv[3] == "keep":
    kept = [connect() for _ in range(int(sys.argv[4]))]
    print(kept[-1].recv(4096).decode(), end="", flush=True)
    sys.stdin.read()
    sys.exit()
for request in sys.argv[3:]:
    try:
        peer = connect()
    except PermissionError:
        print("refused")
        continue
    peer.sendall(request.encode() + b"\\n")
    answer = b""
    while True:
        got = peer.recv(65536)
        if not got:
            break
        answer += got
    print(answer.decode().splitlines()[-1])
"""


def some_groups():
    """Two groups of this machine that root is not in."""
    return [entry for entry in grp.getgrall() if entry.gr_gid not in [0, NOBODY, *os.getgroups()]][:2]


class ControlCase(Case):
    def start(self, worker=None, **supervisor):
        self.box.write_config({"good": worker or misbehaving("good")}, dict(NO_LIMIT, **supervisor))
        run = self.box.start()
        run.wait_for("worker.start" if worker else "worker.ready")
        run.wait_for("supervisor.ready")
        self.path = os.path.join(self.box.path, "run", "control")
        return run

    def connect(self):
        peer = socket.socket(socket.AF_UNIX)
        self.addCleanup(peer.close)
        peer.connect(self.path)
        peer.settimeout(harness.TIMEOUT)
        return peer


class Owner(ControlCase):
    def test_nobody_else_by_default(self):
        run = self.start()
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(self.path)).st_mode), 0o700)
        self.assertEqual(run.stop(), EXIT_OK)

    def test_one_too_many_is_told(self):
        run = self.start()
        kept = [self.connect() for _ in range(64)]
        self.assertEqual(self.connect().recv(4096), b'error code=69 message="too many clients"\n')
        result = self.box.call("status")
        self.assertEqual((result.returncode, result.stderr), (69, "tradesup: too many clients\n"))
        kept.pop().close()
        wait_until(lambda: self.box.call("status").returncode == EXIT_OK, "room for one more")
        self.assertEqual(run.stop(), EXIT_OK)

    def test_who_waits_at_the_end_gets_an_answer(self):
        run = self.start({"command": ["sh", "-c", "trap '' TERM; echo set; while :; do sleep 0.1; done"],
                          "heartbeat": "0", "shutdown": "3s"})
        run.wait_for("worker.output", line="set")
        answers = []
        asker = threading.Thread(target=lambda: answers.append(self.box.ask("stop worker=good")[-1]))
        follower = self.connect()
        follower.sendall(b"events follow=yes lines=0\n")
        asker.start()
        wait_until(lambda: " state=stopping " in self.box.ask("status")[1], "the worker's being stopped")
        self.assertEqual(run.stop(), EXIT_OK)
        asker.join(harness.TIMEOUT)
        self.assertRegex(answers[0], "^(ok|error .*)$")
        names = [line.split()[0] for line in follower.makefile("rb").read().decode().splitlines()]
        self.assertEqual(names, ["supervisor.stop", "worker.stop"])

    def test_a_group_that_is_not_there(self):
        self.box.write_config({"good": misbehaving("good")}, {"control_group": "no-such-group"})
        result = self.box.call("check")
        self.assertEqual(result.returncode, EXIT_CONFIG)
        self.assertIn('control_group: "no-such-group" is not known on this machine', result.stderr)


@unittest.skipUnless(os.getuid() == 0, "only root can be somebody else")
@unittest.skipUnless(len(some_groups()) == 2, "this machine has too few groups")
class Group(ControlCase):
    def start(self, worker=None, **supervisor):
        os.chmod(self.box.path, 0o711)
        self.group, self.other = some_groups()
        return super().start(worker, control_group=self.group.gr_name, **supervisor)

    def client(self, group, *arguments, **how):
        return subprocess.Popen([sys.executable, "-c", CLIENT, self.path, str(group.gr_gid), *arguments],
                                text=True, stdout=subprocess.PIPE, **how)

    def ask_as(self, group, *requests):
        with self.client(group, *requests) as process:
            return process.communicate(timeout=harness.TIMEOUT)[0].splitlines()

    def test_may_look_and_nothing_else(self):
        run = self.start()
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o660)
        self.assertEqual(os.stat(self.path).st_gid, self.group.gr_gid)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(self.path)).st_mode), 0o710)
        looks = ["status", "why worker=good", "events", "logs"]
        self.assertEqual(self.ask_as(self.group, *looks), ["ok"] * len(looks))
        changes = ["start worker=good", "stop worker=good", "restart worker=good", "add file=/x",
                   "remove worker=good", "hold", "resume reason=r", "signal worker=good signal=KILL",
                   "fault worker=good kind=name"]
        answers = self.ask_as(self.group, *changes)
        for request, answer in zip(changes, answers):
            self.assertEqual(answer, 'error code=71 message="%s: only the supervisor\'s owner and root may"'
                             % request.split()[0])
        self.assertEqual(len(answers), len(changes))
        self.assertEqual(self.box.json("status")["latches"], [])
        self.assertEqual((run.count("worker.start"), run.count("worker.signal")), (1, 0))
        self.assertEqual(run.stop(), EXIT_OK)

    def test_others_are_not_let_in(self):
        run = self.start()
        self.assertEqual(self.ask_as(self.other, "status"), ["refused"])
        # Not even where the modes would let them.
        os.chmod(os.path.dirname(self.path), 0o711)
        self.assertEqual(self.ask_as(self.other, "status"), ["refused"])
        self.assertEqual(run.stop(), EXIT_OK)

    def test_guests_leave_room_for_the_owner(self):
        run = self.start()
        guests = self.client(self.group, "keep", "33", stdin=subprocess.PIPE)
        with guests:
            self.assertEqual(guests.stdout.readline(), 'error code=69 message="too many clients"\n')
            self.assertEqual(self.box.ask("status")[-1], "ok")
            guests.stdin.close()
        self.assertEqual(run.stop(), EXIT_OK)


class DoesNotRead(ControlCase):
    def send(self, count=1):
        for _ in range(count):
            self.assertEqual(self.box.ask("signal worker=good signal=CONT")[-1], "ok")

    def fill(self, run):
        """Events, until somebody has missed some; how many."""
        sent = 0
        while not run.find("client.behind"):
            self.send()
            sent += 1
        self.send(10)
        return sent + 10

    def test_loses_whole_events_and_is_told_how_many(self):
        run = self.start()
        lazy, reader = self.connect(), self.connect()
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.sendall(b"events follow=yes lines=0 match=worker.signal\n")
        reader.sendall(b"events follow=yes lines=0 match=client.behind\n")
        sent = self.fill(run)
        told = run.find("client.behind")
        self.assertEqual([(event["pid"], event["uid"]) for event in told], [(os.getpid(), os.getuid())])
        self.assertGreater(told[0]["unread_bytes"], 1 << 20)
        self.assertIn(b"client.behind ", reader.makefile("rb").readline())
        # All lines until then, whole, and in the place of the others their number.
        lines, got = lazy.makefile("r"), 0
        for line in lines:
            if line.startswith("events.lost "):
                break
            got += 1
            self.assertRegex(line, r"^worker\.signal ts=\S+ worker=good pid=\d+ signal=CONT uid=\d+\n$")
        lost = re.fullmatch(r"events\.lost ts=\S+Z events=(\d+) since=\S+Z\n", line)
        self.assertTrue(lost, line)
        self.assertGreaterEqual(int(lost[1]), 10)
        self.assertEqual(got + int(lost[1]), sent)
        # And it goes on.
        self.send()
        self.assertRegex(lines.readline(), r"^worker\.signal ")
        self.assertEqual(run.count("client.dropped"), 0)
        self.assertEqual(run.stop(), EXIT_OK)

    def test_is_told_over_an_upgrade(self):
        run = self.start()
        lazy = self.connect()
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.sendall(b"events follow=yes lines=0 match=worker.signal\n")
        sent = self.fill(run)
        result = self.box.call("upgrade")
        self.assertEqual(result.returncode, EXIT_OK, result.stderr)
        self.send(5)
        lines = []
        for line in lazy.makefile("r"):
            lines.append(line.split()[0])
            if lines[-1] == "events.lost":
                break
        self.assertEqual(len(lines) - 1 + int(re.search(r" events=(\d+) ", line)[1]), sent + 5)
        self.assertEqual(run.stop(), EXIT_OK)

    def test_the_verb_says_so(self):
        run = self.start()
        stream = subprocess.Popen([harness.TRADESUP, "events", "-f", "-n", "1", "-c", self.box.config],
                                  env=self.box.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
        self.addCleanup(stream.stdout.close)
        self.addCleanup(stream.stderr.close)
        self.addCleanup(stream.kill)
        self.assertTrue(stream.stdout.readline())
        stream.send_signal(signal.SIGSTOP)
        self.fill(run)
        stream.send_signal(signal.SIGCONT)
        for line in stream.stdout:
            if " worker.signal " not in line and " client.behind " not in line:
                break
        self.assertRegex(line, r"^\S+Z events\.lost events=[1-9][0-9]* since=\S+Z\n$")
        self.send()
        self.assertIn(" worker.signal ", stream.stdout.readline())
        self.assertEqual(run.stop(), EXIT_OK)


if __name__ == "__main__":
    harness.main()
