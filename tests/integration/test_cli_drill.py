# SPDX-License-Identifier: Apache-2.0
"""`tradesup drill`: all four levels on real processes, nothing real touched, nothing left."""

import json
import os
import re
import signal
import subprocess

import harness
from harness import EXIT_CONFIG, EXIT_OK, SAMPLE, TRADESUP

EXIT_LEVEL_FAILED = 1
LEVELS = [0, 0, 1, 2, 3, 3, 4, 0]


class Drill(harness.Case):
    def setUp(self):
        super().setUp()
        self.scratch = os.path.join(self.box.path, "tmp")
        os.mkdir(self.scratch)
        self.box.environ["TMPDIR"] = self.scratch

    def drill(self, *arguments):
        return subprocess.run([TRADESUP, "drill", *arguments], env=self.box.environ, cwd=self.box.path,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=300, check=False)

    def assert_nothing_left(self):
        self.assertEqual(self.box.leftovers(), [])
        self.assertEqual(os.listdir(self.scratch), [])

    def test_with_nothing(self):
        result = self.drill("--json")
        self.assertEqual(result.returncode, EXIT_OK, result.stdout + result.stderr)
        drill = json.loads(result.stdout)
        self.assertTrue(drill["ok"])
        self.assertEqual([step["level"] for step in drill["steps"]], LEVELS)
        saw = [step["saw"] for step in drill["steps"]]
        self.assertRegex(saw[2], r"pre_check_heal_success \(StateFiles.BOT_HEARTBEAT.*, cycle \d+ good$")
        self.assertRegex(saw[3], r"import_reload_success.*, cycle \d+ good$")
        self.assertIn("cycle.failed 3 times, self_healing.worker_thread_restart, worker.start", saw[4])
        self.assertIn("worker.exit, self_healing.worker_thread_restart, worker.start", saw[5])
        self.assertIn("group.escalate, self_healing.service_restart, exit status 70, no process left", saw[6])
        for level in drill["healing"]["levels"]:
            self.assertGreaterEqual(level["succeeded"], 1, level)
            self.assertEqual(level["pending"], 0, level)
        self.assert_nothing_left()

    def test_report_for_people(self):
        result = self.drill()
        self.assertEqual(result.returncode, EXIT_OK, result.stdout + result.stderr)
        for level, name in ((1, "pre-check"), (2, "handler"), (3, "restart"), (4, "escalate")):
            self.assertRegex(result.stdout, r"(?m)^level %d  %s +ok +\d+\.\d\d s  flow: .*→ " % (level, name))
        self.assertIn("every level worked", result.stdout)
        self.assertRegex(result.stdout, r"(?m)^WORKER +LEVEL +KIND")

    def test_copy_of_a_configuration(self):
        """Two workers, a path with everything in it that could be taken for syntax, a real registry."""
        feed = "it's a \\ \"feed\" ${HOME} #.csv.gz"
        os.symlink(SAMPLE, os.path.join(self.box.path, feed))
        heartbeat = self.box.file("real/heartbeat.json", '{"last_heartbeat_ts": 1}')
        self.box.file("registry.conf", 'state_files { bot_heartbeat = "%s" }\n' % heartbeat)
        self.box.file("tradesup.conf", """\
supervisor { state_dir = "%s/state"  runtime_dir = "%s/run" }
worker second { restart = transient  trading {
  cycle = 1h  feed = file  file { path = '%s'  time_unit = s }  registry = "registry.conf"
  flow_cluster { min_notional = 500.5 }  orders { order_notional = 1000.25  long_only = no } } }
worker own { command = { "sh", "-c", "touch touched; sleep 60" } }
worker first { trading { cycle = 0s } }
""" % (self.box.path, self.box.path, feed.replace("\\", "\\\\").replace("'", "\\'")))
        result = self.drill("-c", "tradesup.conf", "--json", "--keep")
        self.assertEqual(result.returncode, EXIT_OK, result.stdout + result.stderr)
        drill = json.loads(result.stdout)
        self.assertEqual((drill["config"], drill["left_out"]), ("tradesup.conf", ["own"]))
        steps = drill["steps"]
        self.assertEqual([(step["level"], step["worker"]) for step in steps], [
            (0, None), (0, "second"), (0, "first"), (1, "second"), (2, "second"), (1, "first"),
            (2, "first"), (3, "second"), (3, "second"), (4, "second"), (0, None)])
        self.assertEqual(sorted(os.listdir(self.box.path)), sorted(
            [feed, "real", "registry.conf", "tmp", "tradesup.conf"]))
        self.assertEqual(os.listdir(os.path.dirname(heartbeat)), ["heartbeat.json"])
        with open(heartbeat, encoding="ascii") as file:
            self.assertEqual(file.read(), '{"last_heartbeat_ts": 1}')
        kept = re.search(r"kept: (\S+)", result.stderr).group(1)
        with open(os.path.join(kept, "log"), encoding="utf-8") as file:
            self.assertIn("self_healing.service_restart", file.read())
        with open(os.path.join(kept, "tradesup.conf"), encoding="utf-8") as file:
            copy = file.read()
        for word in ("'500.5", "1000.25", "long_only = 'no'", "follow = yes", "broker = paper"):
            self.assertIn(word, copy)
        self.assertNotIn("registry", copy)
        self.assertEqual(self.box.leftovers(), [])

    def test_nothing_to_drill(self):
        self.box.write_config({"own": {"command": ["sleep", "60"]}})
        result = self.drill("-c", self.box.config)
        self.assertEqual(result.returncode, EXIT_CONFIG)
        self.assertIn("no trading worker", result.stderr)
        self.assert_nothing_left()

    def test_a_level_that_does_not_work(self):
        """A worker that never gets as far as a cycle."""
        self.box.environ["TRADESUP_WORKER_PROGRAM"] = "/bin/false"
        result = self.drill()
        self.assertEqual(result.returncode, EXIT_LEVEL_FAILED)
        self.assertRegex(result.stdout, r"first cycle +FAILED .*the supervisor ended with 70")
        self.assertIn("worker.exit worker=flow", result.stdout)
        self.assertIn("NOT every level worked", result.stdout)
        self.assert_nothing_left()

    def test_interrupted(self):
        with subprocess.Popen([TRADESUP, "drill"], env=self.box.environ, cwd=self.box.path,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                if "first cycle" in line:
                    break
            process.send_signal(signal.SIGINT)
            rest = process.stdout.read()
            self.assertEqual(process.wait(harness.TIMEOUT), EXIT_LEVEL_FAILED)
        self.assertIn("interrupted", rest)
        self.assert_nothing_left()

    def test_killed(self):
        """The supervisor does not outlive its drill."""
        with subprocess.Popen([TRADESUP, "drill"], env=self.box.environ, cwd=self.box.path,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                if "first cycle" in line:
                    break
            process.kill()
        harness.wait_until(lambda: not self.box.leftovers(), "the end of all processes")


if __name__ == "__main__":
    harness.main()
