# SPDX-License-Identifier: Apache-2.0
"""Levels 1 and 2 in the worker alone: what it heals, how it says so, and when a cycle has failed."""

import os
import shutil

import harness
from fakesup import WorkerCase
from harness import EXIT_OK

ALLOW = {"TRADESUP_ALLOW_FAULTS": "1"}
HEARTBEAT = "StateFiles.BOT_HEARTBEAT"


class HealCase(WorkerCase):
    def setUp(self):
        super().setUp()
        self.worker = None

    def begin(self):
        """A worker that has had good cycles, and whose registry has settled."""
        self.worker = self.start(environ=ALLOW)
        self.worker.wait_for("cycle", count=2, error=None)

    def without_heartbeat(self):
        lines = self.read("registry.conf").splitlines(True)
        return "".join(line for line in lines if "bot_heartbeat" not in line)

    def heals_are(self, *wanted):
        """The (outcome, detail's beginning) of all heal messages so far."""
        self.worker.position()
        got = [(m["outcome"], m["detail"]) for m in self.worker.find("heal")]
        self.assertEqual(len(got), len(wanted), got)
        for (outcome, detail), (wanted_outcome, beginning) in zip(got, wanted):
            self.assertEqual(outcome, wanted_outcome, detail)
            self.assertTrue(detail.startswith(beginning), detail)


class TheCase(HealCase):
    """StateFiles.BOT_HEARTBEAT disappears while the worker runs."""

    def test_lost_in_memory_with_a_good_file(self):
        self.begin()
        self.worker.send("fault", "name")
        heal = self.worker.wait_for("heal")
        self.assertEqual((heal["level"], heal["kind"]), (1, "name"))
        self.assertIsNone(self.worker.cycle_of(heal)["error"])
        self.worker.wait_for("cycle", self.worker.position(), count=3, error=None)
        self.heals_are(("success", HEARTBEAT + ": registry read again"))

    def test_lost_in_the_file_the_last_good_copy_serves(self):
        self.begin()
        self.replace(self.without_heartbeat(), "registry.conf")
        heal = self.worker.wait_for("heal")
        self.assertIsNone(self.worker.cycle_of(heal)["error"])
        self.worker.wait_for("cycle", self.worker.position(), count=20, error=None)
        self.heals_are(("success", HEARTBEAT + ": last good copy"))
        self.assertIn("bot_heartbeat", self.read("registry.last-good"))

    def test_a_file_that_is_none_the_last_good_copy_serves(self):
        for text in ("state_files {", "\x00\x01\x02", ""):
            with self.subTest(text):
                self.begin()
                self.replace(text, "registry.conf")
                heal = self.worker.wait_for("heal")
                self.assertIn("last good copy", heal["detail"])
                self.assertIsNone(self.worker.cycle_of(heal)["error"])
                self.assertEqual(self.worker.stop(), EXIT_OK)
                shutil.rmtree(self.box.state)

    def test_a_file_that_is_gone_the_last_good_copy_serves(self):
        self.begin()
        os.unlink(self.path("registry.conf"))
        heal = self.worker.wait_for("heal")
        self.assertIsNone(self.worker.cycle_of(heal)["error"])
        self.worker.wait_for("cycle", self.worker.position(), count=10, error=None)
        self.heals_are(("success", "Registry: last good copy"))

    def test_lost_in_memory_while_the_file_is_bad(self):
        self.begin()
        self.replace(self.without_heartbeat(), "registry.conf")
        self.worker.wait_for("heal")
        self.worker.wait_for("cycle", self.worker.position(), count=3, error=None)
        self.worker.send("fault", "name")
        heal = self.worker.wait_for("heal", count=2)
        self.assertEqual(heal["outcome"], "success")
        self.assertIn("last good copy", heal["detail"])
        self.assertIsNone(self.worker.cycle_of(heal)["error"])

    def test_with_no_good_copy_the_cycles_fail_until_there_is_one(self):
        self.begin()
        good = self.read("registry.conf")
        os.unlink(self.path("registry.last-good"))
        self.replace(self.without_heartbeat(), "registry.conf")
        for number in range(1, 4):
            heal = self.worker.wait_for("heal", count=number)
            self.assertEqual(heal["outcome"], "failed")
            report = self.worker.cycle_of(heal)
            self.assertIn("name: " + HEARTBEAT, report["error"])
            self.assertIs(report["healed"], False)
        counter = self.json("fail_counter.json")
        self.assertGreaterEqual(counter["consecutive"], 3)
        self.assertIn(HEARTBEAT, counter["last_error"])
        self.replace(good, "registry.conf")
        self.worker.wait_for("cycle", self.worker.position(), error=None)
        self.worker.stop()
        self.assertEqual(self.json("fail_counter.json")["consecutive"], 0)
        self.assertEqual(self.read("registry.last-good"), good)

    def test_a_new_life_does_not_paper_over_what_was_lost(self):
        self.begin()
        self.assertEqual(self.worker.stop(), EXIT_OK)
        os.unlink(self.path("registry.conf"))
        os.unlink(self.path("registry.last-good"))
        self.worker = self.start()
        self.assertIn("registry.conf", self.worker.wait_for("cycle")["error"])
        self.assertFalse(os.path.exists(self.path("registry.conf")))

    def test_a_good_change_is_taken_over_without_a_word(self):
        self.begin()
        text = self.read("registry.conf").replace("heartbeat.json", "beat.json")
        self.replace(text, "registry.conf")
        harness.wait_until(lambda: os.path.exists(self.path("beat.json")), "the new heartbeat")
        self.heals_are()
        harness.wait_until(lambda: self.read("registry.last-good") == text, "the copy")

    def test_a_journal_that_moves_is_opened_there(self):
        self.begin()
        self.replace(self.read("registry.conf").replace("journal.db", "other.db"), "registry.conf")
        harness.wait_until(lambda: os.path.exists(self.path("other.db")), "the new journal")
        self.worker.wait_for("cycle", self.worker.position(), error=None)


class Relapse(HealCase):
    def test_a_fault_that_is_back_in_the_next_cycle_has_relapsed(self):
        self.configure(cycle="300ms")
        self.begin()
        for number in range(1, 4):
            self.worker.send("fault", "name")
            heal = self.worker.wait_for("heal", count=number)
            report = self.worker.cycle_of(heal)
            self.assertEqual(heal["outcome"], "success" if number == 1 else "relapsed")
            if number > 1:
                self.assertTrue(report["error"].startswith("name_relapsed: " + HEARTBEAT))
                self.assertIs(report["healed"], False)
        self.worker.wait_for("cycle", self.worker.position(), count=2, error=None)
        self.worker.send("fault", "name")
        self.assertEqual(self.worker.wait_for("heal", count=4)["outcome"], "success")

    def test_a_relapse_counts_as_a_failed_cycle(self):
        self.configure(cycle="300ms")
        self.begin()
        for number in (1, 2):
            self.worker.send("fault", "name")
            self.worker.cycle_of(self.worker.wait_for("heal", count=number))
        self.assertEqual(self.json("fail_counter.json")["consecutive"], 1)


class Targets(HealCase):
    def test_a_lost_directory_is_made_again(self):
        self.begin()
        shutil.rmtree(self.path("cache"))
        heal = self.worker.wait_for("heal")
        self.assertEqual(heal["outcome"], "success")
        self.assertEqual(heal["detail"], "Directories.CACHE: directory made")
        self.assertIsNone(self.worker.cycle_of(heal)["error"])

    def corrupt_before_a_start(self, *parts):
        self.begin()
        self.assertEqual(self.worker.stop(), EXIT_OK)
        before = self.read(*parts)
        self.replace("\x00{ half", *parts)
        self.begin()
        heal = self.worker.wait_for("heal")
        self.assertEqual(heal["outcome"], "success", heal)
        self.assertIsNone(self.worker.cycle_of(heal)["error"])
        aside = self.corrupted(*parts)
        self.assertEqual(len(aside), 1)
        self.worker.wait_for("cycle", self.worker.position(), count=3, error=None)
        self.assertEqual(len(self.worker.find("heal")), 1)
        return before, heal["detail"]

    def test_a_corrupt_heartbeat_is_moved_aside(self):
        detail = self.corrupt_before_a_start("heartbeat.json")[1]
        self.assertIn("StateFiles.BOT_HEARTBEAT: moved aside: ", detail)
        self.assertGreater(self.json("heartbeat.json")["iter_count"], 0)

    def test_a_corrupt_fail_counter_is_moved_aside(self):
        self.corrupt_before_a_start("fail_counter.json")
        self.assertEqual(self.json("fail_counter.json")["consecutive"], 0)

    def test_a_corrupt_cursor_is_written_again_from_the_journal(self):
        self.corrupt_before_a_start("cache", "feed_cursor.json")
        self.assertGreater(self.json("cache", "feed_cursor.json")["events"], 0)

    def test_a_cursor_that_goes_bad_while_it_waits(self):
        self.configure(synthetic={"seed": "1", "events": "0"}, cycle="100ms")
        self.begin()
        self.replace("junk", "cache", "feed_cursor.json")
        heal = self.worker.wait_for("heal")
        self.assertEqual(heal["outcome"], "success")
        self.assertTrue(heal["detail"].startswith(
            "CacheFiles.FEED_CURSOR: written again from the journal"), heal["detail"])

    def own_registry(self, entry):
        text = self.call("--registry").stdout
        path = self.box.file("own.conf", text.replace("state_files {", "state_files {\n" + entry))
        self.configure(registry=path)

    def test_a_file_of_the_users_own_that_must_be_there(self):
        self.own_registry("entry rules { path = rules.json  required = yes  check = json }")
        self.worker = self.start()
        report = self.worker.wait_for("cycle")
        self.assertIn("name: StateFiles.RULES: ", report["error"])
        self.assertIn("not there", report["error"])
        self.replace("{}", "rules.json")
        self.worker.wait_for("cycle", self.worker.position(), error=None)

    def test_a_file_of_the_users_own_that_is_too_old(self):
        self.own_registry("entry rules { path = rules  required = yes  max_age = 1h }")
        os.makedirs(self.path())
        self.replace("x", "rules")
        os.utime(self.path("rules"), (0, 0))
        self.worker = self.start()
        self.assertIn("older than 1h", self.worker.wait_for("cycle")["error"])
        os.utime(self.path("rules"))
        self.worker.wait_for("cycle", self.worker.position(), error=None)

    def test_a_configured_registry_that_is_not_there(self):
        self.configure(registry=os.path.join(self.box.path, "nowhere.conf"))
        self.worker = self.start()
        self.assertIn("nowhere.conf", self.worker.wait_for("cycle")["error"])

    def test_a_state_directory_that_vanishes(self):
        self.begin()
        shutil.move(self.path("cache"), self.path("cache2"))
        with open(self.path("cache"), "w"):
            pass
        report = self.worker.cycle_of(self.worker.wait_for("heal", outcome="failed"))
        self.assertIn("not a directory", report["error"])
        os.unlink(self.path("cache"))
        self.worker.wait_for("cycle", self.worker.position(), error=None)


class Handler(HealCase):
    """Level 2: the cycle ends early, healed, and the next one goes on."""

    def test_a_lost_field_of_a_state_file(self):
        self.begin()
        self.worker.send("fault", "key")
        heal = self.worker.wait_for("heal")
        self.assertEqual((heal["level"], heal["kind"], heal["outcome"]), (2, "key", "success"))
        report = self.worker.cycle_of(heal)
        self.assertEqual((report["clusters"], report["orders"], report["error"], report["healed"]),
                         (0, 0, "key_reload", True))
        self.worker.wait_for("cycle", self.worker.position(), count=2, error=None)

    def test_kinds_that_nothing_heals_fail_the_cycle(self):
        self.begin()
        for kind in ("io", "net", "data", "internal"):
            since = self.worker.position()
            self.worker.send("fault", kind)
            report = self.worker.wait_for("cycle", since, healed=False,
                                          error=kind + ": a drill's fault")
            self.worker.wait_for("cycle", report["number"], error=None)
        self.assertEqual(self.worker.find("heal"), [])

    def test_a_healed_cycle_does_not_reset_the_count(self):
        self.configure(cycle="300ms")
        self.begin()
        self.worker.send("fault", "io")
        self.worker.wait_for("cycle", self.worker.position(), error="io: a drill's fault")
        self.worker.send("fault", "key")
        self.worker.wait_for("cycle", error="key_reload")
        self.assertEqual(self.json("fail_counter.json")["consecutive"], 1)


if __name__ == "__main__":
    harness.main()
