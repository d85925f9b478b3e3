# SPDX-License-Identifier: Apache-2.0
"""Reload: the file is read again, and only what has changed in it is restarted, added or removed;
a file that is no good changes nothing and says why.
"""

import datetime
import json
import os
import pty
import signal
import subprocess
import time

import harness
from harness import (EXIT_CONFIG, EXIT_OK, EXIT_OSERR, SANITIZED, TRADESUP, Case, environ_of, is_alive,
                     misbehaving, open_descriptors, rss_bytes, wait_until)
from test_sd_notify import Manager

QUICK = {"restart_delay": "1ms", "restart_delay_max": "1ms"}
IDLE = dict(QUICK, command=["sleep", "1000000"], heartbeat="0s")
OTHER = dict(IDLE, command=["sleep", "1000001"])
NO_LIMIT = {"intensity": "1000000", "period": "1s"}


def read_text(path):
    with open(path) as file:
        return file.read()


def shell(script, **settings):
    return dict(QUICK, command=["sh", "-c", script], heartbeat="0s", **settings)


# Says when it is ready to ignore SIGTERM for a while.
SLOW = shell("trap 'while [ ! -e go ]; do sleep 0.01; done; exit 0' TERM; echo armed;"
             " while :; do sleep 0.01; done", shutdown="60s")


class Reload(Case):
    def start(self, workers, supervisor=None):
        self.box.write_config(workers, supervisor)
        run = self.box.start()
        run.wait_for("supervisor.ready")
        return run

    def reload(self, status=EXIT_OK):
        """Return its lines of output, and of errors."""
        run = self.box.runs[-1]
        before = run.count("supervisor.reload")
        result = self.box.call("reload")
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        if status == EXIT_OK:
            run.wait_for("supervisor.reload", count=before + 1)
        return result.stdout.splitlines(), result.stderr.splitlines()

    def pids(self, run, *names):
        return {name: run.worker_pid(name) for name in names}

    def row(self, name):
        return next(row for row in self.box.json("status")["workers"] if row["name"] == name)

    def end(self, run):
        self.assertEqual(run.stop(), EXIT_OK, run.tail())
        self.assertEqual(self.box.leftovers(), [])


class Changes(Reload):
    def check(self, before, after, lines, touched=(), supervisor=(None, None)):
        """@lines: what check --diff and reload say; @touched: workers that are started by it."""
        run = self.start(before, supervisor[0])
        pids = self.pids(run, *before)
        self.box.write_config(after, supervisor[1])
        shown = self.box.call("check", "--diff")
        self.assertEqual((shown.returncode, shown.stdout.splitlines()[1:]),
                         (EXIT_OK, lines or ["a reload would change nothing"]), shown.stderr)
        self.assertEqual(run.count("supervisor.reload"), 0)
        before_it = run.position()
        told, _ = self.reload()
        self.assertEqual(told[:-1], lines)
        run.wait_for("supervisor.reload")
        self.assertEqual([e["worker"] for e in run.find("worker.start", since=before_it)],
                         list(touched))
        for name in after:
            self.assertTrue(is_alive(run.worker_pid(name)), name)
            if name not in touched:
                self.assertEqual(run.worker_pid(name), pids[name], name)
        for name in before:
            if name not in after or name in touched:
                self.assertFalse(is_alive(pids[name]), name)
        self.assertEqual([row["name"] for row in self.box.json("status")["workers"]], list(after))
        self.end(run)

    def test_nothing(self):
        self.check({"a": IDLE, "b": IDLE}, {"a": IDLE, "b": IDLE}, [])

    def test_one_more(self):
        self.check({"a": IDLE, "c": IDLE}, {"a": IDLE, "b": IDLE, "c": IDLE}, ["start    b"], ["b"])

    def test_one_less(self):
        self.check({"a": IDLE, "b": IDLE}, {"b": IDLE}, ["stop     a"])

    def test_another_command(self):
        self.check({"a": IDLE, "b": IDLE}, {"a": IDLE, "b": OTHER}, ["restart  b: command"], ["b"])

    def test_another_order(self):
        self.check({"a": IDLE, "b": IDLE}, {"b": IDLE, "a": IDLE}, ["reorder  supervisor"])

    def test_a_value_that_needs_no_restart(self):
        self.check({"a": IDLE}, {"a": dict(IDLE, misses="7")}, ["change   a: misses"])

    def test_values_of_the_supervisor(self):
        self.check({"a": IDLE}, {"a": IDLE}, ["change   supervisor: strategy, intensity"],
                   supervisor=(None, {"strategy": "rest_for_one", "intensity": "9"}))

    def test_a_limit(self):
        self.check({"a": IDLE, "b": IDLE}, {"a": dict(IDLE, nofile="64"), "b": IDLE},
                   ["restart  a: nofile"], ["a"])

    def test_a_value_of_the_trading_section(self):
        self.check({"flow": {}, "b": IDLE}, {"flow": {"trading": {"cycle": "1s"}}, "b": IDLE},
                   ["restart  flow: trading.cycle"], ["flow"])

    def test_all_at_once_in_order(self):
        self.check({"a": IDLE, "b": IDLE, "c": IDLE, "d": IDLE},
                   {"a": IDLE, "b": OTHER, "e": IDLE, "d": OTHER},
                   ["restart  b: command", "stop     c", "restart  d: command", "start    e"],
                   ["b", "e", "d"])


class Groups(Reload):
    GROUP = "worker a { %(idle)s }\ngroup g {\n  worker b { %(idle)s }\n  worker c { %(idle)s }\n}\n"
    IDLE = {"idle": 'command = { "sleep", "1000000" }  heartbeat = 0s'}

    def write(self, text):
        self.box.file("tradesup.conf",
                      "supervisor { state_dir = state  runtime_dir = run }\n" + text % self.IDLE)

    def test_within_a_group_and_out_of_it(self):
        self.write(self.GROUP)
        run = self.box.start()
        run.wait_for("supervisor.ready")
        pids = self.pids(run, "a", "b", "c")
        self.write(self.GROUP.replace("worker c { ", "worker c { nice = 1  "))
        self.assertEqual(self.reload()[0][0], "restart  c: nice")
        self.assertEqual(self.pids(run, "a", "b"), {"a": pids["a"], "b": pids["b"]})
        self.assertFalse(is_alive(pids["c"]))
        self.write("worker a { %(idle)s }\nworker b { %(idle)s }\n")
        self.assertEqual(self.reload()[0][:2], ["stop     group g", "start    b"])
        self.assertEqual(run.worker_pid("a"), pids["a"])
        self.assertFalse(is_alive(pids["b"]))
        self.assertTrue(is_alive(run.worker_pid("b")))
        self.end(run)

    def test_what_was_added_is_adopted(self):
        self.write("worker a { %(idle)s }\n")
        run = self.box.start()
        run.wait_for("supervisor.ready")
        more = self.box.file("more.conf", "worker b { %(idle)s }\n" % self.IDLE)
        self.assertEqual(self.box.call("add", more).returncode, EXIT_OK)
        pid = int(run.wait_for("worker.start", worker="b")["pid"])
        self.write("worker a { %(idle)s }\nworker b { %(idle)s }\n")
        self.assertEqual(self.reload()[0][0], "adopt    b")
        self.assertTrue(is_alive(pid))
        self.assertEqual(run.worker_pid("b"), pid)
        self.end(run)


class Refused(Reload):
    def test_bad_file_changes_nothing(self):
        run = self.start({"a": IDLE, "b": IDLE})
        pids = self.pids(run, "a", "b")
        self.box.write_config({"a": dict(OTHER, hartbeat="1s"), "c": dict(IDLE, misses="0")})
        answer = self.box.ask("reload")
        self.assertIn("problem text=", answer[1])
        self.assertIn("tradesup.conf:10: worker a: hartbeat: unknown key", answer[1])
        self.assertIn("misses", answer[2])
        self.assertIn("code=%d" % EXIT_CONFIG, answer[-1])
        event = run.wait_for("supervisor.reload", refused="yes")
        self.assertIn("tradesup.conf:10: worker a: hartbeat", event["why"])
        self.assertEqual(event["errors"], 2)
        self.assertEqual(self.pids(run, "a", "b"), pids)
        self.assertTrue(all(is_alive(pid) for pid in pids.values()))
        self.assertEqual(self.reload(EXIT_CONFIG)[0], [])
        self.end(run)

    def test_directories_cannot_be_changed(self):
        run = self.start({"a": IDLE})
        self.box.write_config({"a": OTHER}, {"state_dir": os.path.join(self.box.path, "elsewhere")})
        _, errors = self.reload(EXIT_CONFIG)
        self.assertIn("state_dir: cannot be changed by a reload", errors[0])
        self.assertEqual(run.count("worker.start"), 1)
        self.end(run)

    def test_no_file_and_no_regular_one(self):
        run = self.start({"a": IDLE})
        os.unlink(self.box.config)
        self.assertIn("cannot be read", self.box.ask("reload")[1])
        os.mkfifo(self.box.config)
        self.assertIn("no regular file", self.box.ask("reload")[1])
        self.end(run)

    def test_one_at_a_time(self):
        run = self.start({"slow": SLOW})
        run.wait_for("worker.output", line="armed")
        self.box.write_config({"slow": IDLE})
        run.signal(signal.SIGHUP)
        wait_until(lambda: self.row("slow")["state"] == "stopping", "the reload")
        self.assertIn("going on", self.reload(EXIT_OSERR)[1][0])
        # One that comes by signal waits, and sees the newest file.
        self.box.write_config({"slow": IDLE, "late": IDLE})
        run.signal(signal.SIGHUP)
        self.box.file("go", "")
        run.wait_for("supervisor.reload", restarted="slow")
        run.wait_for("supervisor.reload", started="late")
        self.end(run)

    def test_a_command_has_no_file(self):
        environ = dict(self.box.environ, XDG_RUNTIME_DIR=self.box.path)
        run = harness.Run(
            self.box, [TRADESUP, "run", "--log-format", "json", "--", "sleep", "1000000"], environ)
        self.box.runs.append(run)
        run.wait_for("supervisor.ready")
        result = subprocess.run([TRADESUP, "reload"], env=environ, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertEqual(result.returncode, EXIT_OSERR)
        self.assertIn("no configuration file", result.stderr)
        run.signal(signal.SIGHUP)
        self.assertEqual(run.wait(), EXIT_OK)


class Living(Reload):
    def test_the_file_means_nothing_before_it_is_reloaded(self):
        run = self.start({"flow": dict(QUICK)})
        run.wait_for("worker.ready", worker="flow")
        self.box.file("tradesup.conf", "worker flow { this is broken\n")
        os.kill(run.worker_pid("flow"), signal.SIGKILL)
        run.wait_for("worker.ready", worker="flow", count=2)
        self.assertEqual(run.count("worker.exit", worker="flow"), 1)
        self.end(run)

    def test_built_in_worker_that_was_added_finds_its_section(self):
        run = self.start({"a": IDLE})
        more = self.box.file("more.conf", "worker more { }\n")
        self.assertEqual(self.box.call("add", more).returncode, EXIT_OK)
        run.wait_for("worker.ready", worker="more")
        self.end(run)

    def test_new_deadline_is_kept_by_who_beats(self):
        run = self.start({"w": misbehaving("good", heartbeat="60s")})
        run.wait_for("worker.ready", worker="w")
        pid = run.worker_pid("w")
        self.box.write_config({"w": misbehaving("good", heartbeat="400ms", misses="5")})
        self.reload()
        cycle = wait_until(lambda: self.row("w").get("cycle"), "a cycle")
        wait_until(lambda: self.row("w")["cycle"] > cycle + 100, "100 cycles")
        self.assertEqual((run.worker_pid("w"), run.count("worker.hang")), (pid, 0))
        self.end(run)

    def test_new_deadline_is_held_against_who_does_not(self):
        """But not for the time before."""
        run = self.start({"w": misbehaving("silent", heartbeat="600s", cycle_timeout="0s")})
        wait_until(lambda: self.row("w").get("cycle_age_ms", 0) > 400, "silence")
        self.box.write_config({"w": misbehaving("silent", heartbeat="100ms", cycle_timeout="0s")})
        self.assertEqual(self.reload()[0][0], "change   w: heartbeat")
        hang = run.wait_for("worker.hang", worker="w")
        reload = run.wait_for("supervisor.reload")
        since, until = (datetime.datetime.fromisoformat(e["ts"].replace("Z", "+00:00"))
                        for e in (reload, hang))
        self.assertGreaterEqual((until - since).total_seconds(), 0.25)
        self.end(run)

    def test_who_cannot_be_started_stays_down(self):
        run = self.start({"a": IDLE, "b": IDLE}, {"intensity": "0"})
        self.box.write_config({"a": IDLE, "b": dict(IDLE, command=["/nonesuch"])}, {"intensity": "0"})
        _, errors = self.reload(EXIT_OSERR)
        self.assertIn("b: could not be started", errors[0])
        run.wait_for("supervisor.reload", restarted="b", failed="b")
        self.assertEqual(self.row("b")["state"], "down")
        self.assertIn("No such file", self.row("b")["error"])
        self.assertEqual(self.row("a")["state"], "up")
        self.assertEqual(self.box.json("status")["supervisor"]["restarts"], 0)
        # A better file starts it.
        self.box.write_config({"a": IDLE, "b": IDLE}, {"intensity": "0"})
        self.reload()
        self.assertEqual(self.row("b")["state"], "up")
        self.end(run)

    def test_who_was_stopped_stays_stopped(self):
        run = self.start({"a": IDLE})
        self.assertEqual(self.box.call("stop", "a").returncode, EXIT_OK)
        self.box.write_config({"a": OTHER})
        self.reload()
        self.assertEqual((self.row("a")["state"], run.count("worker.start")), ("down", 1))
        self.assertEqual(self.box.call("start", "a").returncode, EXIT_OK)
        path = "/proc/%d/cmdline" % run.wait_for("worker.start", count=2)["pid"]
        wait_until(lambda: "1000001" in read_text(path), "the other command")
        self.end(run)

    def test_history_goes_on(self):
        run = self.start({"a": shell("echo the first $TRADESUP_LIFE; exec sleep 1000000")})
        run.wait_for("worker.output", line="the first 1")
        os.kill(run.worker_pid("a"), signal.SIGKILL)
        run.wait_for("worker.output", line="the first 2")
        self.box.write_config({"a": shell("echo the other $TRADESUP_LIFE; exec sleep 1000000")})
        self.reload()
        run.wait_for("worker.output", line="the other 3")
        logs = self.box.call("logs", "a").stdout
        self.assertIn("the first 2", logs)
        self.assertIn("the other 3", logs)
        self.assertEqual(self.row("a")["restarts"], 1)
        self.assertIn("SIGKILL", self.box.call("why", "a").stdout)
        self.end(run)

    def test_new_environment_and_notify_socket(self):
        run = self.start({"a": dict(IDLE, environment=["A=1"])})
        self.box.write_config({"a": dict(IDLE, environment=["A=2"], notify="systemd")})
        self.assertEqual(self.reload()[0][0], "restart  a: notify, environment")
        environ = environ_of(run.worker_pid("a"))
        self.assertEqual(environ["A"], "2")
        self.assertTrue(os.path.exists(environ["NOTIFY_SOCKET"]))
        self.end(run)

    def test_a_new_limit_of_restarts(self):
        run = self.start({"a": IDLE}, NO_LIMIT)
        self.box.write_config({"a": IDLE}, {"intensity": "0"})
        self.reload()
        os.kill(run.worker_pid("a"), signal.SIGKILL)
        self.assertEqual(run.wait(), harness.EXIT_ESCALATED, run.tail())

    def test_format_of_the_log(self):
        """That of the command line is no difference, and stays."""
        run = self.start({"a": IDLE}, {"log_format": "logfmt"})
        self.box.write_config({"a": IDLE}, {"log_format": "json"})
        self.assertEqual(len(self.reload()[0]), 1)
        self.box.write_config({"a": OTHER}, {"log_format": "logfmt"})
        self.reload()
        run.wait_for("supervisor.reload", restarted="a")
        self.end(run)

    def test_json(self):
        run = self.start({"a": IDLE})
        self.box.write_config({"a": OTHER})
        for arguments in (["check", "--diff"], ["reload"]):
            result = self.box.call(*arguments, "--json")
            rows = [json.loads(line) for line in result.stdout.splitlines()]
            self.assertIn({"row": "change", "kind": "restart", "worker": "a", "in": "root",
                           "keys": "command"}, rows)
        self.assertEqual(rows[-1], {"row": "end", "ok": True})
        self.end(run)


class Signals(Reload):
    def test_hup_reloads(self):
        run = self.start({"a": IDLE, "b": IDLE})
        pids = self.pids(run, "a", "b")
        self.box.write_config({"a": IDLE, "b": OTHER})
        run.signal(signal.SIGHUP)
        run.wait_for("supervisor.reload", by="SIGHUP", restarted="b")
        self.assertEqual(run.worker_pid("a"), pids["a"])
        self.assertNotEqual(run.worker_pid("b"), pids["b"])
        self.end(run)

    def test_a_stop_ends_it(self):
        run = self.start({"a": IDLE, "slow": SLOW})
        run.wait_for("worker.output", line="armed")
        self.box.write_config({"a": OTHER, "slow": IDLE, "new": IDLE})
        run.signal(signal.SIGHUP)
        wait_until(lambda: self.row("slow")["state"] == "stopping", "the reload")
        run.signal(signal.SIGTERM)
        run.wait_for("supervisor.reload", left_off="the supervisor is being stopped")
        self.box.file("go", "")
        self.assertEqual(run.wait(), EXIT_OK, run.tail())
        self.assertEqual(run.count("worker.start", worker="new"), 0)

    def test_service_manager_is_told(self):
        manager = Manager(os.path.join(self.box.path, "manager"))
        self.addCleanup(manager.socket.close)
        self.box.write_config({"a": IDLE})
        run = self.box.start(environ={"NOTIFY_SOCKET": manager.path})
        manager.wait_for("READY=1")
        for count, workers in enumerate(({"a": OTHER}, {"a": dict(IDLE, hartbeat="1")}), 1):
            self.box.write_config(workers)
            before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            run.signal(signal.SIGHUP)
            manager.wait_for("READY=1", count + 1)
            said = [line for line in manager.said
                    if line.startswith(("RELOADING", "MONOTONIC", "READY"))][2 * count + count - 2:]
            self.assertEqual((said[0], said[2]), ("RELOADING=1", "READY=1"), manager.said)
            after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            self.assertTrue(before <= int(said[1].partition("=")[2]) <= after, manager.said)
        self.end(run)

    def test_end_of_the_terminal_is_no_reload(self):
        self.box.write_config({"a": IDLE})
        log = self.box.file("log", "")
        pid, terminal = pty.fork()
        if pid == 0:
            os.dup2(os.open(log, os.O_WRONLY), 2)
            os.execve(TRADESUP, [TRADESUP, "run", "-c", self.box.config], self.box.environ)

        def says(text):
            with open(log) as file:
                return text in file.read()

        wait_until(lambda: says("supervisor.ready"), "the start")
        os.close(terminal)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        self.assertTrue(says("supervisor.stop signal=HUP"))


class Storm(Reload):
    def test_while_others_crash(self):
        """Nobody is lost, whatever the others do meanwhile."""
        crash = shell("exit 1")
        workers = {"a": IDLE, "bad1": crash, "b": IDLE, "bad2": crash, "c": IDLE}
        run = self.start(workers, NO_LIMIT)
        first = run.worker_pid("a")
        for i in range(20):
            workers["b"] = dict(IDLE, command=["sleep", str(2000000 + i)])
            workers["c"] = dict(IDLE, misses=str(10 + i))
            workers.pop("new", None)
            if i % 2:
                workers["new"] = IDLE
            self.box.write_config(workers, NO_LIMIT)
            crashes = run.count("worker.exit", worker="bad1")
            self.reload()
            run.wait_for("worker.exit", worker="bad1", count=crashes + 3)
        self.assertEqual(run.worker_pid("a"), first)
        self.assertEqual(run.count("worker.start", worker="b"), 21)
        self.assertEqual(run.count("worker.start", worker="c"), 1)
        for name in ("a", "b", "c", "new"):
            self.assertEqual(self.row(name)["state"], "up", name)
        self.end(run)

    def test_two_hundred_leave_nothing(self):
        reloads = 200
        workers = {"w%d" % i: IDLE for i in range(20)}
        run = self.start(workers)

        def reload(i):
            workers["w3"] = dict(IDLE, command=["sleep", str(2000000 + i)])
            workers["w4"] = dict(IDLE, misses=str(10 + i % 10))
            workers.pop("new", None)
            if i % 2:
                workers["new"] = dict(IDLE, notify="systemd", nofile="64")
            self.box.write_config(workers)
            self.assertEqual(self.box.ask("reload")[-1], "ok")

        for i in range(20):
            reload(i)
        descriptors, memory = open_descriptors(run.pid), rss_bytes(run.pid)
        for i in range(reloads):
            reload(i)
        wait_until(lambda: open_descriptors(run.pid) <= descriptors + 3, "the descriptors of before")
        if not SANITIZED:
            self.assertLess(rss_bytes(run.pid) - memory, 1 << 20)
        self.end(run)

    @harness.unittest.skipIf(SANITIZED, "too slow with a sanitizer")
    def test_one_of_a_thousand(self):
        workers = {"w%d" % i: IDLE for i in range(1000)}
        run = self.start(workers)
        pids = self.pids(run, *workers)
        workers["w500"] = OTHER
        self.box.write_config(workers)
        position = run.position()
        began = time.monotonic()
        self.reload()
        took = time.monotonic() - began
        event = run.wait_for("supervisor.reload", restarted="w500")
        print("# one of a thousand: %.0f ms, of which the supervisor %s ms"
              % (took * 1000, event["duration_ms"]), flush=True)
        self.assertEqual([e["worker"] for e in run.find("worker.start", since=position)], ["w500"])
        self.assertEqual([n for n in workers if not is_alive(pids[n])], ["w500"])
        self.assertEqual(run.stop(timeout=10 * harness.TIMEOUT), EXIT_OK)


if __name__ == "__main__":
    harness.main()
