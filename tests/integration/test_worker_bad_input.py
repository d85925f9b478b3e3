# SPDX-License-Identifier: Apache-2.0
"""Command lines, configurations, journals and feeds as they should not be."""

import os

import harness
from fakesup import WorkerCase
from harness import EXIT_CONFIG, EXIT_OK, EXIT_OSERR, EXIT_USAGE


class CommandLine(WorkerCase):
    def test_help_and_version(self):
        self.assertIn("usage: tradesup-worker", self.call("--help").stdout)
        self.assertRegex(self.call("--version").stdout, r"^tradesup-worker \d")

    def test_usage_errors(self):
        for arguments, sentence in (
                (["--ledgr", "flow"], "did you mean '--ledger'"),
                (["--makesafe", "flow"], "did you mean '--make-safe'"),
                (["-x"], "unknown option '-x'"),
                (["-c"], "needs a FILE"),
                ([], "NAME is missing"),
                (["--ledger"], "NAME is missing"),
                (["flow", "more"], "'more' is one too many"),
                (["--check", "--ledger", "flow"], "cannot go with another"),
                (["--once=2", "flow"], "takes no value"),
                (["--once", "--check"], "--once is for running"),
                (["--json", "flow"], "--json goes with --ledger")):
            with self.subTest(arguments):
                result = self.call(*arguments)
                self.assertEqual(result.returncode, EXIT_USAGE)
                self.assertIn(sentence, result.stderr)
                self.assertEqual(result.stdout, "")

    def test_a_worker_that_is_not_there(self):
        self.box.write_config({"flow": {"trading": {}}, "legacy": {"command": ["true"]}})
        for name, sentence in (("flwo", "there is no worker 'flwo'"),
                               ("legacy", "has a command of its own")):
            result = self.call("-c", self.box.config, name)
            self.assertEqual(result.returncode, EXIT_CONFIG)
            self.assertIn(sentence, result.stderr)

    def test_a_stray_descriptor_is_no_supervisor(self):
        for text in ("0", "77", "x"):
            result = self.call("-c", self.box.config, "flow", environ={"TRADESUP_FD": text})
            self.assertEqual(result.returncode, EXIT_OSERR)
            self.assertIn("TRADESUP_FD", result.stderr)


class Check(WorkerCase):
    def check(self, *arguments):
        result = self.call("--check", "-c", self.box.config, *arguments)
        self.assertFalse(os.path.exists(self.box.state), "it made the state directory")
        return result

    def assert_sentence(self, *words):
        result = self.check()
        self.assertEqual(result.returncode, EXIT_CONFIG)
        lines = result.stderr.splitlines()
        self.assertEqual(len(lines), 1, lines)
        for word in words + ("tradesup.conf:", "worker flow: "):
            self.assertIn(word, lines[0])

    def test_a_good_one(self):
        result = self.check()
        self.assertEqual((result.returncode, result.stdout, result.stderr), (EXIT_OK, "", ""))

    def test_a_config_that_does_not_parse(self):
        self.box.file("tradesup.conf", "worker flow { trading { cycle = blue } }\n")
        result = self.check()
        self.assertEqual(result.returncode, EXIT_CONFIG)
        self.assertIn("tradesup.conf:1", result.stderr)
        self.assertIn("cycle", result.stderr)

    def test_a_feed_that_is_not_there(self):
        self.configure(feed="file", file={"path": "nowhere.csv"})
        self.assert_sentence("nowhere.csv")

    def test_a_feed_without_its_columns(self):
        self.box.file("trades.csv", "when,symbol,side,price,size,id\n")
        self.configure(feed="file", file={"path": "trades.csv"})
        self.assert_sentence("trades.csv", "time")

    def test_a_strategy_that_is_not_there(self):
        self.configure(strategy="no_such")
        self.assert_sentence("no_such")

    def test_a_registry_that_is_not_there(self):
        self.configure(registry="nowhere.conf")
        self.assert_sentence("nowhere.conf")

    def test_a_registry_that_lacks_an_entry(self):
        text = self.call("--registry").stdout.replace("bot_heartbeat", "bot_hartbeat")
        self.box.file("own.conf", text)
        self.configure(registry="own.conf")
        self.assert_sentence("own.conf", "StateFiles.BOT_HEARTBEAT is missing")

    def test_a_state_directory_that_cannot_be(self):
        self.box.file("file", "")
        self.box.state = os.path.join(self.box.path, "file", "state")
        self.configure()
        self.assert_sentence("cannot be made")

    def test_one_worker_or_all(self):
        bad = {"trading": {"strategy": "no_such"}}
        self.box.write_config({"one": bad, "two": bad, "three": {"command": ["true"]}})
        self.assertEqual(len(self.check().stderr.splitlines()), 2)
        self.assertEqual(len(self.check("two").stderr.splitlines()), 1)


class Journal(WorkerCase):
    def test_a_corrupt_journal_fails_every_cycle_and_is_left_alone(self):
        self.assertEqual(self.run_alone("--once").process.returncode, EXIT_OK)
        with open(self.path("journal.db"), "wb") as file:
            file.write(b"this is no journal" * 1000)
        worker = self.start()
        reports = [worker.wait_for("cycle", count=number) for number in (1, 2, 3)]
        for report in reports:
            self.assertIn("journal.db", report["error"])
            self.assertEqual((report["healed"], report["orders"]), (False, 0))
        self.assertEqual(len(worker.find("ready")), 1)
        worker.stop()
        with open(self.path("journal.db"), "rb") as file:
            self.assertEqual(file.read(18), b"this is no journal")

    def test_a_journal_that_is_a_directory(self):
        os.makedirs(self.path("journal.db"))
        worker = self.start()
        self.assertIn("journal.db", worker.wait_for("cycle")["error"])


class Feed(WorkerCase):
    def test_a_feed_that_is_not_there_fails_until_it_is(self):
        path = os.path.join(self.box.path, "trades.csv")
        self.configure(feed="file", file={"path": path})
        worker = self.start()
        self.assertIn("trades.csv", worker.wait_for("cycle", count=2)["error"])
        self.box.file("trades.csv", "time,symbol,side,price,size,id\n"
                      "2026-01-05T09:30:00Z,A,buy,1,1,1\nbroken\n")
        self.assertEqual(worker.end(), EXIT_OK)
        beat = self.json("heartbeat.json")["metrics"]
        self.assertEqual((beat["events"], beat["dropped"]), (1, 1))


if __name__ == "__main__":
    harness.main()
