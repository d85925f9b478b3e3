# SPDX-License-Identifier: Apache-2.0
"""`tradesup healing` on real programs: what it says about a day, a week and all time, over kills of
workers and of the supervisor, over an upgrade, and from a file of an older version.
"""

import os
import signal

import harness
from harness import EXIT_OK, Case, misbehaving, wait_until

# What one life of a worker that heals adds.
LIFE = {(0, "cycle"): (0, 0, 0), (1, "name"): (1, 0, 0), (2, "import"): (1, 1, 1)}


class HealingReport(Case):
    def start(self, **supervisor):
        self.box.write_config({"ill": misbehaving("heals")}, dict({"intensity": "100"}, **supervisor))
        run = self.box.start()
        run.wait_for("worker.ready", worker="ill")
        return run

    def report(self, *worker):
        return self.box.json("healing", *worker)["report"]

    def counts(self, window="day"):
        return {(row["level"], row["kind"]): tuple(row[window][key] for key in ("succeeded", "failed", "relapsed"))
                for row in self.report()["rows"]}

    def expected(self, lives, restarts):
        counts = {key: tuple(lives * n for n in value) for key, value in LIFE.items()}
        if restarts:
            counts[(3, "crash")] = (restarts, 0, 0)
        return counts

    def wait_for_counts(self, lives, restarts, window="day"):
        expected = self.expected(lives, restarts)
        wait_until(lambda: self.counts(window) == expected and not self.report()["open"], "the outcomes on the disk",
                   interval=0.05)

    def test_over_kills_and_an_upgrade(self):
        run = self.start()
        self.wait_for_counts(1, 0)
        since = run.position()
        os.kill(run.worker_pid("ill"), signal.SIGKILL)
        run.wait_for("self_healing.verified", since=since, worker="ill")
        self.wait_for_counts(2, 1)
        before = self.report()
        run.kill()
        self.assertEqual(dict(self.report(), at=None), dict(before, at=None))

        run = self.start()
        self.wait_for_counts(3, 1)
        result = self.box.call("upgrade")
        self.assertEqual(result.returncode, EXIT_OK, result.stderr)
        since = run.position()
        os.kill(run.worker_pid("ill"), signal.SIGKILL)
        run.wait_for("self_healing.verified", since=since, worker="ill")
        for window in ("day", "week", "all"):
            self.wait_for_counts(4, 2, window)
        self.check_the_rest()
        self.assertEqual(run.stop(), EXIT_OK)
        self.wait_for_counts(4, 2)

    def check_the_rest(self):
        report = self.report()
        rows = {(row["level"], row["kind"]): row["week"] for row in report["rows"]}
        self.assertEqual(rows[(1, "name")]["success_rate"], 1.0)
        self.assertEqual(rows[(2, "import")]["success_rate"], 0.333)
        # A cycle that failed for itself, three that ended early in each life; what a restart costs in
        # cycles is known where there have been some before.
        self.assertEqual(rows[(0, "cycle")]["cycles_not_traded"], 4)
        self.assertGreaterEqual(rows[(2, "import")]["cycles_not_traded"], 3 * 4)
        self.assertEqual(rows[(3, "crash")]["recovered"], 2)
        self.assertGreaterEqual(rows[(3, "crash")]["mean_recovery_ms"], 0)
        causes = {cause["cause"]: cause for cause in report["causes"]}
        self.assertEqual(sorted(causes), ["CacheFiles.X", "flow.so", "killed by SIGKILL"])
        self.assertEqual(report["causes"][0]["cause"], "flow.so")
        self.assertEqual(causes["flow.so"]["week"], 3 * 4)
        self.assertEqual(causes["CacheFiles.X"]["example"], "CacheFiles.X: made anew")
        self.assertRegex(causes["killed by SIGKILL"]["example"], r"^it was killed by SIGKILL after ")
        self.assertEqual(self.report("nobody")["rows"], [])
        text = self.box.call("healing").stdout
        self.assertRegex(text, r"(?m)^Healing of all workers, 20\d\d-")
        self.assertRegex(text, r"(?m)^The last 7 days: 18 steps of healing, 55\.5% of them held, 4 relapsed; \d+ cycles")
        self.assertRegex(text, r"(?m)^LEVEL +KIND +OK IN 24 H +OK IN 7 DAYS +OK OF ALL TIME +RELAPSED +TO RECOVER +NOT TRADED$")
        self.assertRegex(text, r"(?m)^2 handler +import +33\.3% of 12 +33\.3% of 12 +33\.3% of 12 +4 +\S+ +\d+$")
        self.assertRegex(text, r"(?m)^ +12 +12 +ill +2 +import +\S+Z +flow\.so$")
        self.assertRegex(text, r"(?m)^ +flow\.so: loaded the last good copy$")
        self.assertRegex(text, r"(?m)^ill +3 +crash +2 +2 ")

    def test_one_that_is_out(self):
        self.box.write_config({"ill": misbehaving("failing", failed_cycles="0")})
        run = self.box.start()
        run.wait_for("cycle.failed")
        opened, = wait_until(lambda: self.report()["open"], "an outage on the disk", interval=0.05)
        self.assertEqual((opened["worker"], opened["level"], opened["kind"]), ("ill", 0, "cycle"))
        self.assertRegex(self.box.call("healing", "ill").stdout,
                         r"(?m)^ill has had no good cycle since \S+Z \(level 0, cycle\)\.$")
        self.assertEqual(run.stop(), EXIT_OK)

    def test_nothing_yet(self):
        self.box.write_config({"well": misbehaving("good")})
        result = self.box.call("healing")
        self.assertEqual(result.returncode, EXIT_OK, result.stderr)
        self.assertIn("Nothing of any worker has needed healing yet.\n", result.stdout)
        self.assertEqual(self.report()["total"]["week"]["success_rate"], None)

    def test_a_file_of_an_older_version(self):
        """Its counts are those of all time; the days begin now."""
        self.box.file("state/healing", "heal worker=ill level=1 kind=name tried=3 succeeded=2 failed=0 relapsed=1 "
                      "pending=0 last=1795550626000000000\n")
        run = self.start()
        wait_until(lambda: self.counts().get((2, "import")) == (1, 1, 1), "the outcomes on the disk", interval=0.05)
        self.assertEqual(self.counts()[(1, "name")], (1, 0, 0))
        self.assertEqual(self.counts("all")[(1, "name")], (3, 0, 1))
        self.assertRegex(self.box.call("healing").stdout, r"(?m)^What was before \S+Z is in the counts of all time alone\.$")
        self.assertEqual(run.stop(), EXIT_OK)

    def test_a_corrupt_file(self):
        self.box.file("state/healing.history", "\x00nonsense")
        run = self.start()
        event = run.wait_for("healing.set_aside")
        self.assertTrue(event["path"].endswith("/healing.history"), event)
        self.wait_for_counts(1, 0)
        self.assertEqual(run.stop(), EXIT_OK)
        names = os.listdir(self.box.state)
        self.assertEqual(len([name for name in names if name.startswith("healing.history.corrupt-")]), 1)


if __name__ == "__main__":
    harness.main()
