# SPDX-License-Identifier: Apache-2.0
"""Groups on real processes: the verbs about a whole group, what may be added to one, the progress
limit through groups, and starts that fail again and again.
"""

import os
import signal
import sys

import harness
from harness import (EXIT_CONFIG, EXIT_ESCALATED, EXIT_OK, EXIT_OSERR, EXIT_USAGE, Case,
                     config_section, is_alive, misbehaving, wait_until)

QUICK = {"heartbeat": "0s", "restart_delay": "0s", "restart_delay_max": "0s"}
IDLE = dict(QUICK, command=["sleep", "1000000"])


class GroupCase(Case):
    def start(self, sections, supervisor=None):
        """Start a supervisor with @sections, [(title, values)], in that order."""
        settings = {"state_dir": self.box.state, "runtime_dir": os.path.join(self.box.path, "run")}
        settings.update(supervisor or {})
        everything = [("supervisor", settings)] + sections
        self.box.file("tradesup.conf", "".join(config_section(title, values) + "\n"
                                               for title, values in everything))
        return self.box.start()

    def call(self, verb, *arguments, expected=EXIT_OK):
        result = self.box.call(verb, *arguments)
        self.assertEqual(result.returncode, expected, result.stderr)
        return result

    def states(self):
        return {row["name"]: row["state"] for row in self.box.json("status")["workers"]}

    def fragment(self, title, **settings):
        return self.box.file("more.conf", config_section(title, dict(IDLE, **settings)) + "\n")


class Verbs(GroupCase):
    def start_feeds(self, **settings):
        run = self.start([("worker alone", IDLE),
                          ("group feeds", dict({"worker one": IDLE, "worker two": IDLE}, **settings))])
        run.wait_for("supervisor.ready")
        return run

    def names(self, run, event, since):
        return [e["worker"] for e in run.find(event, since=since)]

    def test_stop_start_restart_of_a_group(self):
        run = self.start_feeds()
        for how in (["--group", "feeds"], ["-gfeeds"], ["feeds"]):
            with self.subTest(how):
                since = run.position()
                self.assertEqual(self.call("stop", *how).stdout, "feeds: stopped\n")
                self.assertEqual(self.states(), {"alone": "up", "one": "down", "two": "down"})
                self.assertEqual(self.call("start", *how).stdout, "feeds: started\n")
                self.call("restart", *how)
                run.wait_for("worker.start", since=since, worker="two", count=2)
                self.assertEqual(self.names(run, "worker.stop", since), ["two", "one"] * 2)
                self.assertEqual(self.names(run, "worker.start", since), ["one", "two"] * 2)
        self.assertEqual(run.count("worker.start", worker="alone"), 1)
        self.assertEqual(run.count("self_healing.worker_thread_restart"), 0)
        self.assertEqual(run.stop(), EXIT_OK)

    def test_restart_of_a_group_forgets_its_count(self):
        run = self.start_feeds(intensity="1", period="1h")
        for life in (2, 4):
            os.kill(run.worker_pid("one"), signal.SIGKILL)
            run.wait_for("worker.start", worker="one", count=life)
            self.call("restart", "--group", "feeds")
            run.wait_for("worker.start", worker="one", count=life + 1)
        self.assertEqual(run.count("group.escalate"), 0)
        self.assertEqual(run.stop(), EXIT_OK)

    def test_group_that_is_down_is_removed_with_all_in_it(self):
        run = self.start_feeds()
        self.assertIn("running", self.call("remove", "-g", "feeds", expected=EXIT_OSERR).stderr)
        self.call("stop", "-g", "feeds")
        self.call("remove", "-g", "feeds")
        self.assertEqual(self.states(), {"alone": "up"})
        self.assertEqual(run.stop(), EXIT_OK)

    def test_group_must_be_one(self):
        run = self.start_feeds()
        for verb in ("start", "stop", "restart", "remove"):
            for name in ("alone", "nobody"):
                result = self.call(verb, "--group", name, expected=EXIT_USAGE)
                self.assertIn(name + ": no such group", result.stderr)
        self.call("stop", expected=EXIT_USAGE)
        self.assertEqual(self.states(), {"alone": "up", "one": "up", "two": "up"})
        self.assertEqual(run.stop(), EXIT_OK)


class Significant(GroupCase):
    """OTP's start_child: a significant child is for a supervisor that may end with it."""

    SECTIONS = [("worker alone", IDLE),
                ("group ends", {"auto_shutdown": "any_significant", "restart": "transient",
                                "worker one": IDLE})]

    def test_added_where_auto_shutdown_is_set(self):
        run = self.start(self.SECTIONS)
        run.wait_for("supervisor.ready")
        self.call("add", "--group", "ends", self.fragment("worker more", restart="transient",
                                                          significant="yes"))
        self.call("stop", "more")  # by an operator: not the end of its work
        self.call("start", "more")
        run.wait_for("worker.start", worker="more", count=2)
        os.kill(run.worker_pid("more"), signal.SIGKILL)
        run.wait_for("worker.start", worker="more", count=3)
        self.assertEqual(run.count("group.shutdown"), 0)
        self.assertEqual(run.stop(), EXIT_OK)

    def test_its_end_ends_the_group(self):
        run = self.start(self.SECTIONS)
        run.wait_for("supervisor.ready")
        self.call("add", "-g", "ends", self.fragment("worker more", command=["true"],
                                                     restart="temporary", significant="yes"))
        run.wait_for("group.shutdown", group="ends", worker="more")
        run.wait_for("worker.stop", worker="one")
        self.assertEqual(self.states()["alone"], "up")
        self.assertEqual(run.stop(), EXIT_OK)

    def test_refused_where_it_is_never(self):
        run = self.start(self.SECTIONS)
        run.wait_for("supervisor.ready")
        file = self.fragment("worker more", restart="transient", significant="yes")
        self.assertIn("auto_shutdown", self.call("add", file, expected=EXIT_CONFIG).stderr)
        text = "supervisor { auto_shutdown = any_significant }\n"
        with open(file) as old:
            file = self.box.file("more.conf", text + old.read())
        self.assertIn("auto_shutdown", self.call("add", file, expected=EXIT_CONFIG).stderr)
        file = self.fragment("worker more", significant="yes")
        self.assertIn("permanent", self.call("add", "-g", "ends", file, expected=EXIT_CONFIG).stderr)
        self.assertEqual(self.states(), {"alone": "up", "one": "up"})
        self.assertEqual(run.stop(), EXIT_OK)


class Progress(GroupCase):
    """Windows so short that they never trip: only the lack of a good cycle does."""

    SHORT = {"intensity": "2", "period": "1ms"}

    def start_nested(self, mode, group=None, supervisor=None):
        inner = dict(self.SHORT, **(group or {}))
        inner["worker bot"] = misbehaving(mode)
        return self.start([("group bots", inner), ("worker alone", IDLE)],
                          dict(self.SHORT, **(supervisor or {})))

    def test_group_that_gives_up_is_one_failure_of_its_parent(self):
        """The parent counts it in its window, and the group starts with a count of 0."""
        run = self.start_nested("one_failed_cycle", supervisor={"intensity": "1", "period": "1h"})
        self.assertEqual(run.wait(), EXIT_ESCALATED, run.tail())
        self.assertEqual([e["group"] for e in run.find("group.escalate")],
                         ["bots", "bots", "root"])
        for event in run.find("group.escalate", group="bots"):
            self.assertIn("progress", event["why"])
        self.assertEqual(run.count("worker.start", worker="bot"), 6)

    def test_groups_that_give_up_in_a_row_are_no_progress_either(self):
        run = self.start_nested("one_failed_cycle")
        self.assertEqual(run.wait(), EXIT_ESCALATED, run.tail())
        self.assertIn("progress", run.find("group.escalate", group="root")[0]["why"])
        self.assertEqual(run.count("group.escalate", group="bots"), 3)
        self.assertEqual(run.count("worker.start", worker="bot"), 9)

    def test_good_cycle_is_progress_of_the_group(self):
        """It gives up again and again for its window; its parent sees the good cycles."""
        run = self.start_nested("one_good_cycle", group={"intensity": "0", "period": "1h"})
        run.wait_for("group.escalate", group="bots", count=10)
        self.assertEqual(run.count("group.escalate", group="root"), 0)
        self.assertEqual(run.stop(), EXIT_OK)

    def test_group_without_cycles_has_its_window_alone(self):
        crash = dict(QUICK, command=[sys.executable, "-S", "-c", "raise SystemExit(1)"])
        run = self.start([("group bots", dict(self.SHORT, intensity="0", **{"worker bot": crash}))],
                         self.SHORT)
        run.wait_for("group.escalate", group="bots", count=10)
        self.assertEqual(run.count("group.escalate", group="root"), 0)
        self.assertEqual(run.stop(), EXIT_OK)


class StartsThatFail(GroupCase):
    """With no delay between the tries: bounded by the limit, and never in anybody's way."""

    def program(self):
        path = self.box.file("program", "#!/bin/sh\nexec sleep 1000000\n")
        os.chmod(path, 0o755)
        return path

    def start_and_break(self, supervisor, sections=None):
        program = self.program()
        worker = dict(QUICK, command=[program])
        run = self.start(sections(worker) if sections else [("worker w", worker)], supervisor)
        run.wait_for("supervisor.ready")
        os.unlink(program)
        os.kill(run.worker_pid("w"), signal.SIGKILL)
        return run

    def test_limit_bounds_the_tries(self):
        run = self.start_and_break({"intensity": "7", "period": "1h"})
        self.assertEqual(run.wait(), EXIT_ESCALATED, run.tail())
        self.assertEqual(run.count("worker.start_failed", worker="w"), 7)

    def test_limit_of_each_group_bounds_the_tries(self):
        """A failed start of the group itself is one failure of its parent, not of its own."""
        run = self.start_and_break(
            {"intensity": "3", "period": "1h"},
            lambda worker: [("group g", {"intensity": "2", "period": "1h", "worker w": worker})])
        self.assertEqual(run.wait(), EXIT_ESCALATED, run.tail())
        self.assertEqual(run.count("worker.start_failed", worker="w"), 2 + 3)

    def test_without_a_limit_others_are_served(self):
        """Each try is a turn of the loop: verbs, ends of others and signals have theirs."""
        run = self.start_and_break(
            {"intensity": "1000000", "period": "1ms"},
            lambda worker: [("worker other", IDLE), ("worker w", worker)])
        run.wait_for("worker.start_failed", worker="w", count=100)
        other = run.worker_pid("other")
        os.kill(other, signal.SIGKILL)
        run.wait_for("worker.start", worker="other", count=2)
        self.assertFalse(is_alive(other))
        self.assertEqual(self.states()["other"], "up")
        self.call("stop", "w")
        since = run.count("worker.start_failed")
        self.assertEqual(self.states()["w"], "down")
        self.assertEqual(run.count("worker.start_failed"), since)
        self.program()
        self.call("start", "w")
        wait_until(lambda: self.states()["w"] == "up", "the worker that can be started again")
        self.assertEqual(run.stop(), EXIT_OK)


if __name__ == "__main__":
    harness.main()
