# SPDX-License-Identifier: Apache-2.0
"""Live upgrades: the supervisor becomes another program, again and again, under load, between
versions of the state, and stays what it is where that cannot be.

UPGRADES in the environment says how often in a row; 100 is the long form.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys

import harness
from harness import (BUILD, EXIT_ESCALATED, EXIT_OK, EXIT_OSERR, EXIT_UNAVAILABLE, EXIT_USAGE,
                     SANITIZED, TRADESUP, WORKER, Case, config_section, is_alive, misbehaving,
                     open_descriptors, rss_bytes, wait_until)
from trading import trading_section

UPGRADES = int(os.environ.get("TRADESUP_UPGRADES", "20"))
NO_LIMIT = {"intensity": "100000", "period": "1s"}
IDLE = {"command": ["sleep", "1000000"], "restart_delay": "0s", "restart_delay_max": "0s"}


def of_version(version):
    """A supervisor that speaks another version of the state."""
    return os.path.join(BUILD, "tests", "tradesup-state-%d" % version)


class UpgradeCase(Case):
    def setUp(self):
        super().setUp()
        self.box.environ.update(TRADESUP_WORKER_PROGRAM=WORKER, TRADESUP_PROBE_PROGRAM=os.path.join(BUILD, "tradesup-probe"))

    def start(self, workers, supervisor=None, **options):
        self.box.write_config(workers, supervisor)
        run = self.box.start(**options)
        run.wait_for("supervisor.ready")
        return run

    def upgrade(self, program=None):
        result = self.box.call("upgrade", *(["--", program] if program else []))
        self.assertEqual(result.returncode, EXIT_OK, result.stderr)
        self.assertRegex(result.stdout, r"^upgraded from \S+ to \S+ in \d+ ms\n$")

    def refused(self, program, why):
        """It must be refused for that reason, and everything goes on."""
        run = self.box.runs[0]
        since = run.position()
        before = self.pids()
        result = self.box.call("upgrade", "--", program)
        self.assertEqual(result.returncode, EXIT_OSERR, result.stdout)
        self.assertRegex(result.stderr, why)
        event = run.wait_for("supervisor.upgrade", since=since, outcome="refused")
        self.assertRegex(event["why"], why)
        self.assertEqual(event["program"], program)
        self.assertEqual(self.pids(), before)
        self.assertEqual(run.count("supervisor.failed"), 0)

    def workers(self):
        return {row["name"]: row for row in self.box.json("status")["workers"]}

    def pids(self):
        return {name: row.get("pid") for name, row in self.workers().items()}


class Load(UpgradeCase):
    def test_many_times_in_a_row(self):
        """50 workers that beat ten times as fast as they must, some that crash all the time, one
        that trades; none of the living notices, nothing is lost, and nothing grows."""
        workers = {"beats%d" % i: misbehaving("calm", heartbeat="2s", misses="2") for i in range(50)}
        workers["trades"] = {"trading": trading_section("", feed="synthetic", cycle="50ms", file={})}
        del workers["trades"]["trading"]["file"]
        for i in range(3):
            workers["crashes%d" % i] = misbehaving("one_good_cycle", restart_delay="20ms",
                                                   restart_delay_max="20ms")
        run = self.start(workers, NO_LIMIT)
        for name in workers:
            if not name.startswith("crashes"):
                run.wait_for("worker.ready", worker=name)
        before = self.pids()
        programs = [TRADESUP, of_version(1), of_version(3)]
        self.upgrade()
        descriptors, memory = [], []
        for i in range(UPGRADES):
            # 2, 1, 2, 3 and again: each step is one version, there or back.
            self.upgrade(programs[(0, 1, 0, 2)[i % 4]])
            if i % 4 == 0:
                descriptors.append(open_descriptors(run.pid))
                memory.append(rss_bytes(run.pid))
        self.assertEqual(run.count("supervisor.upgrade", outcome="success"), UPGRADES + 1)
        after = self.workers()
        for name, row in after.items():
            if name.startswith("crashes"):
                continue
            self.assertEqual(row.get("pid"), before[name], name + "\n" + run.tail())
            self.assertEqual((row["state"], row["restarts"]), ("up", 0), name)
            self.assertTrue(is_alive(row["pid"]), name)
        self.assertEqual(run.count("worker.hang"), 0, run.tail())
        self.assertEqual(run.count("worker.garbage"), 0)
        for i in range(3):
            name = "crashes%d" % i
            lives = [int(e["life"]) for e in run.find("worker.start", worker=name)]
            self.assertEqual(lives, list(range(1, len(lives) + 1)))
        # Cycles go on where they were.
        cycle = self.workers()["beats0"]["cycle"]
        wait_until(lambda: self.workers()["beats0"]["cycle"] > cycle, "the next cycle")
        # A crashing worker is up or not at the moment: its descriptors come and go.
        self.assertLessEqual(max(descriptors), min(descriptors) + 3 * 4, descriptors)
        if not SANITIZED:
            self.assertLess(max(memory[1:]), min(memory) + (4 << 20), memory)
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(self.box.leftovers(), [])


class Kept(UpgradeCase):
    def test_the_restart_limit_counts_over_upgrades(self):
        run = self.start({"one": IDLE}, {"intensity": 3, "period": "1h"})
        for restarts in range(1, 4):
            os.kill(run.worker_pid("one"), signal.SIGKILL)
            run.wait_for("worker.start", worker="one", count=restarts + 1)
            self.upgrade(of_version(1) if restarts % 2 else TRADESUP)
            status = self.box.json("status")["supervisor"]
            self.assertEqual(status["restarts"], restarts)
            self.assertEqual(status["in_period"], restarts)
            self.assertEqual(self.workers()["one"]["restarts"], restarts)
        os.kill(run.worker_pid("one"), signal.SIGKILL)
        self.assertEqual(run.wait(), EXIT_ESCALATED)
        self.assertEqual(run.count("group.escalate"), 1)
        self.assertEqual(len(self.box.json("crashes")["crashes"]), 4)

    def test_why_events_logs_and_status(self):
        run = self.start({"one": dict(IDLE, command=["sh", "-c", "printf 'first\\npar'; exec sleep 1000000"])},
                         {"intensity": "100", "period": "1h"})
        run.wait_for("worker.output", line="first")
        os.kill(run.worker_pid("one"), signal.SIGKILL)
        run.wait_for("worker.output", line="first", count=2)
        before = {verb: self.box.call(*verb).stdout for verb in (("why", "one"), ("logs", "one"))}
        events = self.box.call("events", "-n", "1000").stdout
        self.assertIn("killed by SIGKILL", before["why", "one"])
        self.upgrade()
        self.upgrade(of_version(1))
        for verb, text in before.items():
            self.assertEqual(self.box.call(*verb).stdout, text)
        self.assertEqual(self.box.call("events", "-n", "1000").stdout[:len(events)], events)
        os.kill(run.worker_pid("one"), signal.SIGKILL)
        # The half line was written before the upgrades.
        run.wait_for("worker.output", line="par", count=2)

    def test_a_worker_that_was_added(self):
        run = self.start({"one": IDLE})
        more = self.box.file("more.conf", config_section("worker more", IDLE) + "\n")
        self.assertEqual(self.box.call("add", more).returncode, EXIT_OK)
        os.unlink(more)
        before = self.pids()
        self.upgrade()
        self.assertEqual(self.pids(), before)
        os.kill(before["more"], signal.SIGKILL)
        run.wait_for("worker.start", worker="more", count=2)
        self.upgrade(of_version(1))
        self.assertEqual(self.box.call("stop", "more").returncode, EXIT_OK)
        self.assertEqual(self.box.call("remove", "more").returncode, EXIT_OK)
        self.upgrade()
        self.assertEqual(list(self.pids()), ["one"])

    def test_a_group_in_its_order_and_who_was_stopped_or_struck_off(self):
        settings = {"state_dir": self.box.state, "runtime_dir": os.path.join(self.box.path, "run")}
        temporary = dict(IDLE, restart="temporary")
        sections = [("supervisor", settings), ("worker first", IDLE), ("worker gone", temporary),
                    ("group inner", {"worker a": IDLE, "worker b": IDLE}), ("worker last", IDLE)]
        self.box.file("tradesup.conf", "".join(config_section(*section) + "\n" for section in sections))
        run = self.box.start()
        run.wait_for("supervisor.ready")
        for name in ("a", "gone"):
            self.assertEqual(self.box.call("stop", name).returncode, EXIT_OK)
        before = [(row["name"], row["group"], row["state"], row.get("pid"))
                  for row in self.box.json("status")["workers"]]
        self.upgrade()
        after = [(row["name"], row["group"], row["state"], row.get("pid"))
                 for row in self.box.json("status")["workers"]]
        self.assertEqual(after, before)
        self.assertEqual([row[0] for row in after], ["first", "a", "b", "last"])
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual([e["worker"] for e in run.find("worker.stop")][-3:], ["last", "b", "first"])

    def test_the_configuration_that_was_read(self):
        """The file is not read anew, not even where it is no good any more."""
        self.start({"one": IDLE})
        before = self.pids()
        self.box.file("tradesup.conf", "this is no configuration {")
        self.assertIn("ok", self.box.ask("upgrade")[-1])
        rows = [line for line in self.box.ask("status") if line.startswith("worker ")]
        self.assertIn("pid=%d" % before["one"], rows[0])

    def test_a_delay_before_a_restart(self):
        """It is neither forgotten nor begun anew."""
        run = self.start({"one": misbehaving("asks")}, NO_LIMIT)
        run.wait_for("worker.backoff", worker="one", delay_ms=lambda ms: int(ms) >= 1000)
        self.upgrade()
        self.assertEqual(run.count("worker.start", worker="one"), 1)
        run.wait_for("worker.start", worker="one", count=2)

    def test_a_probe_that_runs_and_one_who_is_waited_for(self):
        """What looks at a worker from outside belongs to the old program, and is begun anew."""
        there = os.path.join(self.box.path, "there")
        probe = self.box.file("probe", "#!/bin/sh\necho . >> %s/probes\nsleep 0.2\n" % self.box.path)
        os.chmod(probe, 0o755)
        run = self.start({"probed": dict(IDLE, probe={"exec": [probe], "interval": "10ms", "timeout": "30s",
                                                      "failures": "1"}),
                          "awaited": dict(IDLE, ready=["file", there], start_timeout="1h")})
        probes = os.path.join(self.box.path, "probes")

        def probed():
            return os.path.exists(probes) and os.path.getsize(probes)

        wait_until(probed, "the first probe")
        before = self.pids()
        for _ in range(3):
            self.upgrade()
            done = probed()
            wait_until(lambda: probed() > done, "the next probe")
        self.assertEqual(run.count("worker.ready", worker="awaited"), 0)
        self.box.file("there", "")
        run.wait_for("worker.ready", worker="awaited")
        self.assertEqual(run.count("worker.probe_failed"), 0, run.tail())
        self.assertEqual(self.pids(), before)
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(self.box.leftovers(), [])

    def test_a_worker_that_speaks_sd_notify(self):
        script = self.box.file("bot.py", """
import os, socket, time
link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
link.connect(os.environ["NOTIFY_SOCKET"])
link.send(b"READY=1")
n = 0
while True:
    n += 1
    link.send(b"WATCHDOG=1\\nSTATUS=%d" % n)
    time.sleep(0.05)
""")
        run = self.start({"bot": dict(IDLE, command=[sys.executable, "-S", script], notify="systemd",
                                      watchdog="5s")})
        run.wait_for("worker.ready", worker="bot")
        for program in (TRADESUP, of_version(1), TRADESUP):
            self.upgrade(program)
            said = wait_until(lambda: int(self.workers()["bot"].get("status", 0)), "a word")
            wait_until(lambda: int(self.workers()["bot"].get("status", 0)) > said, "its next word")
        self.assertEqual(run.count("worker.ready", worker="bot"), 1)
        self.assertEqual(run.count("worker.hang"), 0)

    def test_a_client_that_follows_goes_on(self):
        run = self.start({"one": IDLE}, NO_LIMIT)
        with socket.socket(socket.AF_UNIX) as follower:
            follower.settimeout(harness.TIMEOUT)
            follower.connect(os.path.join(self.box.path, "run", "control"))
            follower.sendall(b"events lines=1 follow=yes\n")
            with follower.makefile() as lines:
                lines.readline()
                since = run.position()
                os.kill(run.worker_pid("one"), signal.SIGKILL)
                run.wait_for("worker.start", since=since, worker="one")
                self.upgrade()
                os.kill(run.worker_pid("one"), signal.SIGKILL)
                seen = []
                while seen.count("worker.start") < 2:
                    seen.append(lines.readline().split()[0])
        self.assertEqual(seen.count("worker.exit"), 2)
        self.assertEqual(seen.count("supervisor.upgrade"), 1)


class AtTheVeryMoment(UpgradeCase):
    def test_a_worker_that_dies_while_the_programs_change(self):
        """The worker kills itself as soon as its supervisor is another program."""
        script = self.box.file("dies.sh", """
            before=$(tr '\\0' ' ' < /proc/$PPID/environ | grep -c TRADESUP_HANDOVER)
            echo up
            while [ "$(tr '\\0' ' ' < /proc/$PPID/environ | grep -c TRADESUP_HANDOVER)" = "$before" ]; do :; done
            kill -KILL $$
        """)
        run = self.start({"dies": dict(IDLE, command=["sh", script])}, NO_LIMIT)
        run.wait_for("worker.output", line="up")
        self.upgrade()
        run.wait_for("worker.exit", worker="dies", signal="KILL")
        run.wait_for("worker.start", worker="dies", count=2)
        self.assertEqual(run.stop(), EXIT_OK)

    def test_a_stop_while_the_programs_change(self):
        """SIGTERM is not lost, whenever it comes."""
        run = self.start({"one": IDLE})
        client = subprocess.Popen([TRADESUP, "upgrade", "-c", self.box.config], env=self.box.environ,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertEqual(run.stop(), EXIT_OK)
        client.wait()
        self.assertEqual(self.box.leftovers(), [])

    def test_a_worker_that_is_being_stopped_is_waited_for(self):
        script = "trap 'sleep 0.3; exit 0' TERM; echo up; while :; do sleep 0.05; done"
        run = self.start({"slow": dict(IDLE, command=["sh", "-c", script], shutdown="30s")})
        run.wait_for("worker.output", line="up")
        stop = subprocess.Popen([TRADESUP, "stop", "-c", self.box.config, "slow"], env=self.box.environ,
                                stdout=subprocess.PIPE, text=True)
        wait_until(lambda: self.workers()["slow"]["state"] == "stopping", "the stop")
        self.upgrade()
        with stop:
            self.assertEqual(stop.communicate()[0], "slow: stopped\n")
        self.assertEqual(self.workers()["slow"]["state"], "down")

    def test_a_worker_that_is_being_ended_for_its_own_sake(self):
        """It does not hold up the upgrade, and its deadline stays."""
        script = self.box.file("stubborn.py", """
import os, signal, sys
sys.path.insert(0, %r)
import misbehave
signal.signal(signal.SIGTERM, signal.SIG_IGN)
link = misbehave.Link()
link.begin()
misbehave.silent(link)
""" % os.path.join(harness.TREE, "tests", "integration"))
        run = self.start({"stubborn": misbehaving("silent", command=[sys.executable, "-S", script],
                                                  heartbeat="100ms", shutdown="2s")}, NO_LIMIT)
        run.wait_for("worker.hang", worker="stubborn")
        self.upgrade()
        self.assertEqual(run.count("worker.stop", worker="stubborn"), 0)
        stop = run.wait_for("worker.stop", worker="stubborn", killed="yes")
        self.assertIn("hang", stop["reason"])


class Refused(UpgradeCase):
    def test_what_cannot_take_over(self):
        self.start({"one": IDLE})
        text = self.box.file("text", "no program")
        hangs = self.box.file("hangs", "#!/bin/sh\nexec sleep 1000000\n")
        fails = self.box.file("fails", "#!/bin/sh\necho not today >&2\nexit 1\n")
        dies = self.box.file("dies", "#!/bin/sh\nkill -SEGV $$\n")
        lies = self.box.file("lies", "#!/bin/sh\nexit 0\n")
        for path in (hangs, fails, dies, lies):
            os.chmod(path, 0o755)
        for program, why in ((self.box.path + "/nothing", "No such file"), (text, "Permission denied"),
                             (self.box.path, "Permission denied"), (fails, "not today"), (dies, "SIGSEGV"),
                             (lies, "cannot take over"), ("/bin/true", "cannot take over"),
                             (of_version(4), "has version 1, this program reads 3 to 4"),
                             (hangs, "did not answer")):
            with self.subTest(program):
                self.refused(program, why)
        self.upgrade()

    def test_an_exec_that_fails(self):
        """The trial was good, and then the program is gone: what was opened for it is closed again."""
        run = self.start({"one": IDLE})
        copy = os.path.join(self.box.path, "tradesup-copy")
        shutil.copy(TRADESUP, copy)
        script = self.box.file("once", "#!/bin/sh\nrm -f $0\nexec %s \"$@\"\n" % copy)
        os.chmod(script, 0o755)
        before = open_descriptors(run.pid)
        self.refused(script, "No such file")
        wait_until(lambda: open_descriptors(run.pid) <= before, "no more descriptors")
        os.kill(run.worker_pid("one"), signal.SIGKILL)
        run.wait_for("worker.start", worker="one", count=2)
        # A program that is being loaded has its libraries open for a moment.
        wait_until(lambda: open_descriptors(run.worker_pid("one")) == 4, "no descriptor but its own")
        self.upgrade()

    def test_one_that_fails_when_it_is_too_late_to_refuse(self):
        """It said yes, was executed, and cannot: then it becomes the old one again."""
        run = self.start({"one": IDLE}, NO_LIMIT)
        script = self.box.file("turncoat", "#!/bin/sh\ncase $TRADESUP_HANDOVER in trial:*) exec %s \"$@\";; esac\n"
                               "exec %s \"$@\"\n" % (TRADESUP, of_version(4)))
        os.chmod(script, 0o755)
        before = self.pids()
        for _ in range(3):
            since = run.position()
            result = self.box.call("upgrade", "--", script)
            self.assertEqual(result.returncode, EXIT_OSERR, result.stdout)
            self.assertIn("tradesup-state-4: the state has version 2, this program reads 3 to 4", result.stderr)
            run.wait_for("supervisor.upgrade", since=since, outcome="refused")
        self.assertEqual(os.readlink("/proc/%d/exe" % run.pid), TRADESUP)
        self.assertEqual(self.pids(), before)
        descriptors = open_descriptors(run.pid)
        self.upgrade()
        # The one of the client that asked is closed a moment after it has got its answer.
        wait_until(lambda: open_descriptors(run.pid) <= descriptors, "no more descriptors")
        os.kill(before["one"], signal.SIGKILL)
        run.wait_for("worker.start", worker="one", count=2)
        self.assertEqual(run.stop(), EXIT_OK)

    def test_without_a_supervisor(self):
        self.box.write_config({"one": IDLE})
        self.assertEqual(self.box.call("upgrade").returncode, EXIT_UNAVAILABLE)

    def test_a_name_that_is_not_absolute(self):
        self.start({"one": IDLE})
        self.assertIn("code=%d" % EXIT_USAGE, self.box.ask("upgrade program=tradesup")[-1])

    def test_a_state_from_nowhere(self):
        """The variable alone makes nobody a supervisor."""
        self.box.write_config({"one": IDLE})
        for value in ("take:3", "trial:0", "take:", "nonsense", "trial:99999999999999"):
            with self.subTest(value):
                result = subprocess.run([TRADESUP, "run", "-c", self.box.config], check=False,
                                        env=dict(self.box.environ, TRADESUP_HANDOVER=value),
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=harness.TIMEOUT)
                self.assertEqual(result.returncode, EXIT_OSERR, result.stderr)


class AsAService(UpgradeCase):
    def test_who_started_us_is_told(self):
        """The socket that was taken out of the environment is still used, and the watchdog fed."""
        path = os.path.join(self.box.path, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as service:
            service.bind(path)
            service.settimeout(harness.TIMEOUT)
            run = self.start({"one": IDLE}, environ={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "400000"})
            self.upgrade()
            said = []
            while len(said) < 3 or "RELOADING=1" not in said or said[-1] != "WATCHDOG=1" or \
                    "READY=1" not in said[said.index("RELOADING=1"):]:
                said += service.recv(4096).decode().split("\n")
            self.assertNotIn("NOTIFY_SOCKET", harness.environ_of(run.worker_pid("one")))
            os.kill(run.worker_pid("one"), signal.SIGKILL)
            run.wait_for("worker.start", worker="one", count=2)
            environ = harness.environ_of(run.worker_pid("one"))
            self.assertNotIn("NOTIFY_SOCKET", environ)
            self.assertNotIn("TRADESUP_HANDOVER", environ)

    def test_a_kill_afterwards_leaves_nothing(self):
        """The guardian is that of the first program."""
        run = self.start({"one": IDLE})
        self.upgrade()
        self.upgrade()
        run.signal(signal.SIGKILL)
        run.wait()
        wait_until(lambda: not self.box.leftovers(), "the guardian's work")

    def test_a_command_without_a_file(self):
        directory = os.path.join(self.box.path, "run")
        environ = dict(self.box.environ, XDG_RUNTIME_DIR=self.box.path, RUNTIME_DIRECTORY=directory,
                       STATE_DIRECTORY=self.box.state)
        run = harness.Run(self.box, [TRADESUP, "run", "--log-format", "json", "--", "sleep", "1000000"], environ)
        self.box.runs.append(run)
        run.wait_for("supervisor.ready")
        pid = run.worker_pid("sleep")
        self.assertEqual(self.box.ask("upgrade")[-1], "ok")
        self.assertTrue(is_alive(pid))
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertFalse(is_alive(pid))


if __name__ == "__main__":
    harness.main()
