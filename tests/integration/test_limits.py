# SPDX-License-Identifier: Apache-2.0
"""Limits of a worker, as the worker itself sees them, and what is said about those that
cannot be had.
"""

import grp
import os
import pwd
import signal
import tempfile
import unittest

import harness
from harness import EXIT_OK, Case, is_alive, processes_with, wait_until

IS_ROOT = os.geteuid() == 0
NOBODY = "nobody"


def cgroup2_mount():
    """Where a cgroup v2 hierarchy is mounted; None if it is nowhere."""
    with open("/proc/self/mountinfo") as file:
        for line in file:
            if " - cgroup2 " in line:
                return line.split()[4]
    return None


def make_cgroup():
    """A new directory in the hierarchy, or why there is none."""
    mount = cgroup2_mount()
    if not mount:
        return None, "no cgroup2 hierarchy is mounted"
    try:
        return tempfile.mkdtemp(prefix="tradesup-test-", dir=mount), None
    except OSError as error:
        return None, "no cgroup can be made: %s" % error


def shell(script, **settings):
    section = {"command": ["sh", "-c", script], "heartbeat": "0s", "restart": "temporary"}
    return dict(section, **settings)


class Limits(Case):
    def output(self, script, **settings):
        """What a worker with these settings prints, a list of lines."""
        self.box.write_config({"w": shell(script + "; echo end; exec sleep 1000000", **settings)})
        run = self.box.start()
        run.wait_for("worker.output", line="end")
        self.assertEqual(run.find("worker.limit_unavailable"), [])
        self.assertEqual(run.stop(), EXIT_OK)
        return [event["line"] for event in run.find("worker.output")][:-1]

    def test_process(self):
        lines = self.output("ulimit -n; nice; umask; pwd -P; grep NoNewPrivs /proc/self/status",
                            nofile="77", nice="3", umask="0137", chdir="/proc",
                            no_new_privs="yes")
        self.assertEqual(lines, ["77", "3", "0137", "/proc", "NoNewPrivs:\t1"])

    def test_relative_directory_is_beside_the_file(self):
        os.mkdir(os.path.join(self.box.path, "here"))
        lines = self.output("pwd -P", chdir="here")
        self.assertEqual(lines, [os.path.realpath(os.path.join(self.box.path, "here"))])

    def test_environment(self):
        lines = self.output("echo \"$ONE|$TWO|$TRADESUP_WORKER|$HOME|$THREE\"",
                            environment=["ONE=1", "TWO=a b=c", "HOME=", "ONE=last"])
        self.assertEqual(lines, ["last|a b=c|w||"])

    def test_path_of_the_environment_finds_the_program(self):
        self.box.file("bin/only-here", "#!/bin/sh\necho found\nexec sleep 1000000\n")
        os.chmod(os.path.join(self.box.path, "bin", "only-here"), 0o755)
        self.box.write_config({"w": {
            "command": ["only-here"], "heartbeat": "0s",
            "environment": ["PATH=%s/bin:/usr/bin:/bin" % self.box.path]}})
        run = self.box.start()
        run.wait_for("worker.output", line="found")
        self.assertEqual(run.stop(), EXIT_OK)

    @unittest.skipUnless(IS_ROOT, "changing the user needs root")
    def test_user(self):
        user = pwd.getpwnam(NOBODY)
        lines = self.output("id -un; id -g; id -G", user=NOBODY, nice="-1")
        groups = {str(gid) for gid in os.getgrouplist(NOBODY, user.pw_gid)}
        self.assertEqual(lines[:2], [NOBODY, str(user.pw_gid)])
        self.assertEqual(set(lines[2].split()), groups)

    @unittest.skipUnless(IS_ROOT, "changing the group needs root")
    def test_group_alone(self):
        gid = pwd.getpwnam(NOBODY).pw_gid
        lines = self.output("id -u; id -G", group=grp.getgrgid(gid).gr_name)
        self.assertEqual(lines, ["0", str(gid)])

    @unittest.skipUnless(IS_ROOT, "changing the user needs root")
    def test_other_users_worker_is_ended_with_a_killed_supervisor(self):
        self.box.write_config({"w": shell("echo up; exec sleep 1000000", user=NOBODY)})
        run = self.box.start()
        run.wait_for("worker.output", line="up")
        pid = run.worker_pid("w")
        run.signal(signal.SIGKILL)
        run.wait()
        wait_until(lambda: not is_alive(pid), "the worker's end")

    @unittest.skipIf(IS_ROOT, "root may become anybody")
    def test_user_that_we_are_is_no_change(self):
        name = pwd.getpwuid(os.geteuid()).pw_name
        self.assertEqual(self.output("id -un", user=name), [name])

    @unittest.skipIf(IS_ROOT, "root may become anybody")
    def test_user_that_we_cannot_become(self):
        self.check_start_failure("user", user="root")

    def check_start_failure(self, step, **settings):
        self.box.write_config({"w": shell("exec sleep 1000000", **settings)}, {"intensity": "0"})
        run = self.box.start()
        run.wait_for("worker.start_failed", worker="w", step=step)
        self.assertNotEqual(run.wait(), EXIT_OK)
        self.assertEqual(run.count("worker.start"), 0)
        self.assertEqual(self.box.leftovers(), [])

    def test_no_such_directory(self):
        self.check_start_failure("chdir", chdir="none")

    def test_too_many_descriptors(self):
        self.check_start_failure("nofile", nofile=str(1 << 30))

    def test_no_such_user_is_a_wrong_configuration(self):
        self.box.write_config({"w": shell("exit 0", user="no-such-user")})
        checked = self.box.call("check")
        self.assertEqual(checked.returncode, harness.EXIT_CONFIG)
        self.assertIn("user: \"no-such-user\" is not known", checked.stderr)

    def test_quota_without_a_cgroup_is_told_once(self):
        self.box.write_config({"w": dict(shell("exit 1", cpu_quota="50%"), restart="permanent",
                                         restart_delay="1ms", restart_delay_max="1ms")},
                              {"intensity": "1000"})
        run = self.box.start()
        run.wait_for("worker.exit", worker="w", count=5)
        self.assertEqual(run.count("worker.limit_unavailable", worker="w", limit="cpu_quota"), 1)
        self.assertEqual(run.stop(), EXIT_OK)


class Cgroups(Case):
    """In a directory that $TRADESUP_CGROUP names; it may have no controllers."""

    def setUp(self):
        super().setUp()
        self.cgroup, why = make_cgroup()
        if why:
            self.skipTest(why)
        self.addCleanup(os.rmdir, self.cgroup)
        self.environ = {"TRADESUP_CGROUP": self.cgroup}

    def has(self, controller):
        with open(os.path.join(self.cgroup, "cgroup.controllers")) as file:
            return controller in file.read().split()

    def workers(self):
        return sorted(name for name in os.listdir(self.cgroup)
                      if os.path.isdir(os.path.join(self.cgroup, name)))

    def members(self, worker):
        with open(os.path.join(self.cgroup, "worker-" + worker, "cgroup.procs")) as file:
            return [int(pid) for pid in file.read().split()]

    def test_worker_lives_in_its_own(self):
        self.box.write_config({
            "w": shell("echo up; exec sleep 1000000", memory_max="1G"),
            "plain": shell("exec sleep 1000000")})
        run = self.box.start(environ=self.environ)
        run.wait_for("worker.output", line="up")
        self.assertEqual(self.members("w"), [run.worker_pid("w")])
        self.assertEqual(self.workers(), ["worker-w"])
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(self.workers(), [])

    def test_quota(self):
        self.box.write_config({"w": shell("echo up; exec sleep 1000000", cpu_quota="50%")})
        run = self.box.start(environ=self.environ)
        run.wait_for("worker.output", line="up")
        told = run.count("worker.limit_unavailable", worker="w", limit="cpu_quota")
        if self.has("cpu"):
            with open(os.path.join(self.cgroup, "worker-w", "cpu.max")) as file:
                self.assertEqual(file.read().split(), ["50000", "100000"])
        self.assertEqual(told, 0 if self.has("cpu") else 1)
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(self.workers(), [])

    def test_memory(self):
        if not self.has("memory"):
            self.skipTest("the cgroup2 hierarchy has no memory controller here")
        self.box.write_config({"w": shell("x=a; while :; do x=$x$x; done", memory_max="16M")})
        run = self.box.start(environ=self.environ)
        end = run.wait_for("worker.exit", worker="w", signal="KILL")
        self.assertEqual(end["reason"], "memory limit")
        self.assertEqual(run.stop(), EXIT_OK)

    def test_what_it_leaves_is_killed(self):
        """Of another session, and without the environment by which it could be found."""
        self.box.write_config({"w": shell(
            "env -i setsid sh -c 'while :; do sleep 1000; done' %s-left & echo up; read x <&3" %
            self.box.path, memory_max="1G", restart="permanent")})
        run = self.box.start(environ=self.environ)
        run.wait_for("worker.output", line="up")
        left = wait_until(lambda: processes_with(self.box.path + "-left"), "the process to leave")
        os.kill(run.worker_pid("w"), signal.SIGKILL)
        run.wait_for("worker.exit", worker="w")
        wait_until(lambda: not any(map(is_alive, left)), "the end of what it left")
        run.wait_for("worker.output", line="up", count=2)
        self.assertIn(run.worker_pid("w"), self.members("w"))
        self.assertEqual(run.count("worker.exit"), 1)
        self.stop_one(run)
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(self.workers(), [])

    def stop_one(self, run):
        """A stop of the worker alone ends what it left, too, hidden or not."""
        left = wait_until(lambda: processes_with(self.box.path + "-left"), "the process to leave")
        self.assertEqual(self.box.call("stop", "w").returncode, EXIT_OK)
        wait_until(lambda: not any(map(is_alive, left)), "the end of what it left")
        self.assertEqual(self.members("w"), [])

    def test_restarts_use_the_same(self):
        self.box.write_config({"w": dict(shell("exit 1", memory_max="1G"), restart="permanent",
                                         restart_delay="1ms", restart_delay_max="1ms")},
                              {"intensity": "1000"})
        run = self.box.start(environ=self.environ)
        run.wait_for("worker.exit", worker="w", count=20)
        self.assertEqual(run.count("worker.exit", worker="w", status="1"), run.count("worker.exit"))
        self.assertEqual(self.workers(), ["worker-w"])
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(self.workers(), [])

    def test_killed_supervisor_leaves_none(self):
        self.box.write_config({"w": shell(
            "trap '' TERM; (trap '' TERM; while :; do sleep 1000; done) & "
            "echo up; while :; do sleep 1000; done", memory_max="1G")})
        run = self.box.start(environ=self.environ)
        run.wait_for("worker.output", line="up")
        run.signal(signal.SIGKILL)
        run.wait()
        wait_until(lambda: self.workers() == [], "the guardian to clear up")

    def test_supervisor_in_the_directory_moves_and_comes_back(self):
        self.box.write_config({"w": shell("echo up; exec sleep 1000000", memory_max="1G")})
        launcher = ["sh", "-c", "echo $$ >\"$TRADESUP_CGROUP/cgroup.procs\" && exec \"$@\"", "sh"]
        run = self.box.start(environ=self.environ, launcher=launcher)
        run.wait_for("worker.output", line="up")
        self.assertEqual(self.workers(), ["supervisor", "worker-w"])
        self.assertEqual(self.members("w"), [run.worker_pid("w")])
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(self.workers(), [])


if __name__ == "__main__":
    harness.main()
