# SPDX-License-Identifier: Apache-2.0
"""Restarts and their limit: three are allowed, the next failure escalates; who is restarted with
whom; what a failed exec says; the memory limit.
"""

import errno
import os
import shutil
import signal
import sys

import harness
from harness import EXIT_ESCALATED, EXIT_OK, EXIT_OSERR, Case, is_alive, wait_until

QUICK = {"restart_delay": "10ms", "restart_delay_max": "20ms"}
IDLE = dict(QUICK, command=["sleep", "1000000"], heartbeat="0s")


def shell(script, **settings):
    return dict(QUICK, command=["sh", "-c", script], heartbeat="0s", **settings)


class Limit(Case):
    def escalate(self, command="echo last words; exit 3", **settings):
        self.box.write_config({"idle": IDLE, "bad": shell(command, **settings)})
        run = self.box.start()
        self.assertEqual(run.wait(), EXIT_ESCALATED, run.tail())
        return run

    def test_three_restarts_and_the_next_failure_escalates(self):
        run = self.escalate()
        self.assertEqual(run.count("worker.start", worker="bad"), 4)
        self.assertEqual(run.count("worker.exit", worker="bad", status="3"), 4)
        self.assertEqual(run.count("self_healing.worker_thread_restart", worker="bad"), 3)
        self.assertEqual(run.count("self_healing.service_restart"), 1)
        self.assertEqual(run.count("worker.start", worker="idle"), 1)
        self.assertEqual(self.box.leftovers(), [])

    def test_escalation_comes_before_anything_is_stopped(self):
        run = self.escalate()
        names = [e["event"] for e in run.events]
        self.assertLess(names.index("group.escalate"), names.index("worker.stop"))

    def test_crash_reports_tell_the_end_and_the_last_words(self):
        self.escalate()
        reports = os.listdir(os.path.join(self.box.state, "crashes"))
        self.assertEqual(len(reports), 4)
        with open(os.path.join(self.box.state, "crashes", sorted(reports)[-1])) as file:
            report = file.read()
        self.assertIn("last words", report)
        self.assertIn("worker=bad", report)
        self.assertIn("status=3", report)
        listing = self.box.call("crashes")
        self.assertEqual(listing.returncode, EXIT_OK)
        rows = [line for line in listing.stdout.splitlines() if "bad" in line.split()]
        self.assertEqual(len(rows), 4, listing.stdout)

    def test_healing_counts_them(self):
        self.escalate()
        rows = {row["level"]: row for row in self.box.json("healing")["rows"] if row["worker"] == "bad"}
        self.assertEqual((rows[3]["tried"], rows[3]["failed"]), (3, 3))
        self.assertEqual(rows[4]["tried"], 1)

    def test_death_by_a_signal_is_named(self):
        run = self.escalate("kill -SEGV $$")
        self.assertTrue(run.find("worker.exit", signal=lambda name: "SEGV" in str(name)), run.tail())

    def test_limit_of_zero(self):
        self.box.write_config({"bad": shell("exit 1")}, {"intensity": "0"})
        run = self.box.start()
        self.assertEqual(run.wait(), EXIT_ESCALATED, run.tail())
        self.assertEqual(run.count("worker.start", worker="bad"), 1)


class Siblings(Case):
    """Whom the end of the one in the middle moves."""

    def restarted(self, strategy):
        workers = {"first": IDLE, "middle": IDLE, "last": IDLE}
        self.box.write_config(workers, {"strategy": strategy})
        run = self.box.start()
        for name in workers:
            run.wait_for("worker.start", worker=name)
        run.wait_for("supervisor.ready")
        os.kill(run.worker_pid("middle"), 9)
        run.wait_for("worker.start", worker="middle", count=2)
        if strategy != "one_for_one":
            run.wait_for("worker.start", worker="last", count=2)
        moved = [e["worker"] for e in run.find("worker.start")[3:]]
        stopped = [e["worker"] for e in run.find("worker.stop")]
        self.assertEqual(run.stop(), EXIT_OK)
        return moved, stopped

    def test_one_for_one(self):
        self.assertEqual(self.restarted("one_for_one"), (["middle"], []))

    def test_rest_for_one(self):
        self.assertEqual(self.restarted("rest_for_one"), (["middle", "last"], ["last"]))

    def test_one_for_all(self):
        self.assertEqual(self.restarted("one_for_all"),
                         (["first", "middle", "last"], ["last", "first"]))


class Kinds(Case):
    def ends(self, expected, supervisor=None, **settings):
        self.box.write_config({"short": shell("exit %d" % settings.pop("status", 0), **settings)},
                              supervisor)
        run = self.box.start()
        self.assertEqual(run.wait(), expected, run.tail())
        return run

    def test_permanent_is_restarted_after_a_good_end(self):
        run = self.ends(EXIT_ESCALATED)
        self.assertEqual(run.count("worker.start"), 4)

    def test_transient_and_significant_ends_the_tree_with_0(self):
        run = self.ends(EXIT_OK, {"auto_shutdown": "any_significant"}, restart="transient",
                        significant="yes")
        self.assertEqual(run.count("worker.start"), 1)
        self.assertEqual(run.count("group.shutdown"), 1)

    def test_transient_is_restarted_after_a_bad_end(self):
        run = self.ends(EXIT_ESCALATED, restart="transient", status=1)
        self.assertEqual(run.count("worker.start"), 4)

    def test_temporary_is_never_restarted(self):
        run = self.ends(EXIT_OK, {"auto_shutdown": "any_significant"}, restart="temporary",
                        significant="yes", status=1)
        self.assertEqual(run.count("worker.start"), 1)


class StartFailures(Case):
    def check_start(self, command, errno_name, errno_text):
        self.box.write_config({"idle": IDLE, "bad": dict(IDLE, command=command)})
        run = self.box.start()
        self.assertEqual(run.wait(), EXIT_OSERR, run.tail())
        failure = run.find("worker.start_failed", worker="bad")[0]
        said = " ".join(str(value) for value in failure.values())
        self.assertTrue(errno_name in said or errno_text in said, said)
        self.assertEqual(run.count("worker.exit", worker="bad"), 0)
        self.assertEqual(self.box.leftovers(), [])

    def test_no_such_program(self):
        self.check_start(["/no/such/program"], "ENOENT", "No such file")

    def test_no_permission(self):
        program = self.box.file("program", "#!/bin/sh\n")
        os.chmod(program, 0o644)
        self.check_start([program], "EACCES", "Permission denied")

    def test_no_format(self):
        program = self.box.file("program", b"\0\1\2\3")
        os.chmod(program, 0o755)
        self.check_start([program], "ENOEXEC", "Exec format error")

    def test_workers_before_it_are_running_when_it_is_tried(self):
        self.box.write_config({"idle": IDLE, "bad": dict(IDLE, command=["/no/such/program"])})
        run = self.box.start()
        self.assertEqual(run.wait(), EXIT_OSERR)
        names = [(e["event"], e.get("worker")) for e in run.events]
        self.assertLess(names.index(("worker.start", "idle")),
                        names.index(("worker.start_failed", "bad")))

    def test_many_at_once_whose_program_is_gone(self):
        """They are restarted ahead, before it is known whether there is anything to restart."""
        names = ["w%d" % i for i in range(10)]
        program = os.path.join(self.box.path, "program")
        os.symlink(shutil.which("sleep"), program)
        self.box.write_config(
            {name: dict(IDLE, command=[program, "1000000"], restart_delay="50ms",
                        restart_delay_max="50ms") for name in names},
            {"intensity": "10000", "period": "1s"})
        run = self.box.start()
        run.wait_for("supervisor.ready")
        os.unlink(program)
        for name in names:
            os.kill(run.worker_pid(name), signal.SIGKILL)
        for name in names:
            failure = run.wait_for("worker.start_failed", worker=name, count=2)
            self.assertEqual((failure["step"], failure["errno"]), ("exec", errno.ENOENT))
        os.symlink(shutil.which("sleep"), program)
        for name in names:
            again = run.wait_for("worker.start", worker=name, count=2)
            self.assertEqual(again["life"], 2, "a start that failed is no life")
        self.assertEqual(run.stop(), EXIT_OK)
        for name in names:
            self.assertEqual(run.count("worker.start", worker=name), 2)
            self.assertEqual(run.count("worker.exit", worker=name), 1)
        self.assertEqual(self.box.leftovers(), [])

    def test_stopped_with_its_group_while_it_fails(self):
        """The others stop in order although some starts fail at that very moment."""
        program = os.path.join(self.box.path, "program")
        os.symlink(shutil.which("sleep"), program)
        self.box.write_config(
            {"w%d" % i: dict(IDLE, command=[program, "1000000"], restart_delay="0s",
                             restart_delay_max="0s") for i in range(6)},
            {"intensity": "1000000", "period": "1s"})
        run = self.box.start()
        run.wait_for("supervisor.ready")
        os.unlink(program)
        for i in range(0, 6, 2):
            os.kill(run.worker_pid("w%d" % i), signal.SIGKILL)
        for i in range(0, 6, 2):
            run.wait_for("worker.start_failed", worker="w%d" % i)
        self.assertEqual(run.stop(), EXIT_OK)
        stops = [event["worker"] for event in run.find("worker.stop")]
        self.assertEqual(stops, ["w5", "w3", "w1"])
        self.assertEqual(self.box.leftovers(), [])


class Memory(Case):
    def test_worker_over_its_limit_is_restarted(self):
        eats = "x = bytearray(120 << 20); import signal; signal.pause()"
        self.box.write_config({"eater": dict(QUICK, command=[sys.executable, "-c", eats],
                                             heartbeat="0s", memory_max="64M")})
        run = self.box.start()
        first = int(run.wait_for("worker.start", worker="eater")["pid"])
        run.wait_for("worker.start", worker="eater", count=2)
        self.assertFalse(is_alive(first))
        self.assertEqual(run.wait(), EXIT_ESCALATED, run.tail())
        kinds = {row["kind"] for row in self.box.json("healing")["rows"] if row["level"] == 3}
        self.assertEqual(kinds, {"memory"})

    def test_worker_within_its_limit_is_left_alone(self):
        self.box.write_config({"idle": dict(IDLE, memory_max="64M"),
                               "counts": shell("exit 1", restart="temporary")})
        run = self.box.start()
        run.wait_for("worker.exit", worker="counts")
        self.assertEqual(run.count("worker.stop", worker="idle"), 0)
        self.assertEqual(run.stop(), EXIT_OK)


class Commands(Case):
    """The verbs that move one worker."""

    def test_stop_start_restart(self):
        self.box.write_config({"idle": IDLE, "other": IDLE})
        run = self.box.start()
        run.wait_for("supervisor.ready")
        first = run.worker_pid("idle")
        self.assertEqual(self.box.call("stop", "idle").returncode, EXIT_OK)
        self.assertFalse(is_alive(first))
        self.assertEqual(self.box.call("start", "idle").returncode, EXIT_OK)
        second = wait_until(lambda: run.count("worker.start", worker="idle") == 2
                            and run.worker_pid("idle"), "the second start")
        self.assertEqual(self.box.call("restart", "idle").returncode, EXIT_OK)
        self.assertFalse(is_alive(second))
        run.wait_for("worker.start", worker="idle", count=3)
        self.assertEqual(run.count("worker.start", worker="other"), 1)
        self.assertEqual(run.stop(), EXIT_OK)


if __name__ == "__main__":
    harness.main()
