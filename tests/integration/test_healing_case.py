# SPDX-License-Identifier: Apache-2.0
"""The case that tradesup exists for: the registry entry StateFiles.BOT_HEARTBEAT disappears while
the worker runs.

With a good file on disk it is healed in that very cycle; with a bad one the last good copy
serves; with none the cycles fail, level 3 comes after exactly 3, level 4 after the limit.
"""

import glob
import json
import os
import signal

import harness
from harness import EXIT_ESCALATED, EXIT_OK, Case

ENTRY = "StateFiles.BOT_HEARTBEAT"
ENDLESS = {"cycle": "20ms", "batch": "10", "feed": "synthetic", "synthetic": {"seed": "1"},
           "broker": "paper"}


class HealingCase(Case):
    def setUp(self):
        super().setUp()
        self.box.environ["TRADESUP_ALLOW_FAULTS"] = "1"
        self.registry = os.path.join(self.box.path, "registry.conf")

    def registry_text(self, with_heartbeat=True):
        """What a registry needs, with or without the entry that disappears."""
        state = os.path.join(self.box.state, "flow")
        entries = {
            "directories": {"state": state, "cache": os.path.join(state, "cache")},
            "state_files": {
                "bot_heartbeat": os.path.join(state, "heartbeat.json"),
                "fail_counter": os.path.join(state, "fail_counter"),
                "pre_market_freeze": os.path.join(state, "freeze"),
                "journal": os.path.join(state, "journal.db"),
            },
            "cache_files": {"feed_cursor": os.path.join(state, "feed_cursor.json")},
        }
        if not with_heartbeat:
            del entries["state_files"]["bot_heartbeat"]
        return "\n".join(harness.config_section(*item) for item in entries.items()) + "\n"

    def replace_registry(self, text):
        """As an editor does it: at no moment is there half a file."""
        os.rename(self.box.file("registry.new", text), self.registry)

    def start(self, **supervisor):
        os.makedirs(os.path.join(self.box.state, "flow", "cache"))
        self.replace_registry(self.registry_text())
        trading = dict(ENDLESS, registry=self.registry)
        self.box.write_config({"flow": {"trading": trading, "heartbeat": "500ms"}}, supervisor)
        run = self.box.start()
        run.wait_for("worker.ready", worker="flow")
        self.wait_for_good_cycles()
        return run

    def heartbeat(self):
        path = os.path.join(self.box.state, "flow", "heartbeat.json")
        try:
            with open(path) as file:
                return json.load(file)
        except FileNotFoundError:
            return {}

    def wait_for_good_cycles(self, count=3):
        """The loop's own count goes on: it trades."""
        before = self.heartbeat().get("iter_count", 0)
        harness.wait_until(lambda: self.heartbeat().get("iter_count", 0) >= before + count,
                           "%d good cycles" % count)

    def send_fault(self, kind="name"):
        """What `tradesup drill` does: in the next cycle the entry is gone from memory."""
        self.assertEqual(self.box.ask("fault worker=flow kind=" + kind), ["ok"])

    def remove_last_good_copy(self):
        copies = glob.glob(os.path.join(self.box.state, "flow", "registry*"))
        self.assertTrue(copies, "there is no last good copy to remove")
        for copy in copies:
            os.unlink(copy)

    def healing(self, level):
        """The rows of `tradesup healing --json` of one level, summed up."""
        rows = [row for row in self.box.json("healing")["rows"] if row["level"] == level]
        return {key: sum(row[key] for row in rows)
                for key in ("tried", "succeeded", "failed", "relapsed")}


class EntryDisappears(HealingCase):
    def check_healed(self, run):
        event = run.wait_for("self_healing.pre_check_heal_success", worker="flow", kind="name")
        self.assertIn(ENTRY, " ".join(str(value) for value in event.values()))
        self.wait_for_good_cycles()
        self.assertEqual(run.count("cycle.failed"), 0)
        self.assertEqual(run.count("self_healing.relapsed"), 0)
        self.assertEqual(run.count("worker.start", worker="flow"), 1)

    def test_good_file_heals_in_that_very_cycle(self):
        run = self.start()
        self.send_fault()
        self.check_healed(run)
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(self.healing(1), {"tried": 1, "succeeded": 1, "failed": 0, "relapsed": 0})

    def test_file_without_the_entry_the_last_good_copy_serves(self):
        run = self.start()
        self.replace_registry(self.registry_text(with_heartbeat=False))
        self.check_healed(run)
        self.assertEqual(run.stop(), EXIT_OK)

    def test_broken_file_the_last_good_copy_serves(self):
        run = self.start()
        self.replace_registry("state_files {\n  bot_heartbeat = ")
        run.wait_for("self_healing.pre_check_heal_success", worker="flow", kind="name")
        self.wait_for_good_cycles()
        self.assertEqual(run.count("cycle.failed"), 0)
        self.assertEqual(run.stop(), EXIT_OK)

    def test_last_good_copy_serves_over_a_restart(self):
        run = self.start()
        self.replace_registry(self.registry_text(with_heartbeat=False))
        self.check_healed(run)
        os.kill(run.worker_pid("flow"), signal.SIGKILL)
        run.wait_for("worker.ready", worker="flow", count=2)
        self.wait_for_good_cycles()
        self.assertEqual(run.count("cycle.failed"), 0)
        self.assertEqual(run.stop(), EXIT_OK)

    def test_mended_file_is_used_again(self):
        run = self.start()
        self.replace_registry(self.registry_text(with_heartbeat=False))
        self.check_healed(run)
        moved = os.path.join(self.box.state, "flow", "elsewhere.json")
        text = self.registry_text().replace("heartbeat.json", "elsewhere.json")
        self.replace_registry(text)
        harness.wait_until(lambda: os.path.exists(moved), "the heartbeat in its new place")
        self.assertEqual(run.stop(), EXIT_OK)


class NothingServes(HealingCase):
    """No good file and no copy: the cycles fail."""

    def test_level_3_after_exactly_3_and_level_4_after_the_limit(self):
        run = self.start()
        self.remove_last_good_copy()
        self.replace_registry(self.registry_text(with_heartbeat=False))
        run.wait_for("self_healing.worker_thread_restart", worker="flow")
        self.assertEqual(self.story(run), ["cycle.failed"] * 3 + ["self_healing.worker_thread_restart"])
        self.assertEqual(run.wait(), EXIT_ESCALATED, run.tail())
        life = ["cycle.failed"] * 3
        restart = ["self_healing.worker_thread_restart"]
        escalation = ["group.escalate", "self_healing.service_restart"]
        self.assertEqual(self.story(run), (life + restart) * 3 + life + escalation)
        self.assertEqual(self.healing(3), {"tried": 3, "succeeded": 0, "failed": 3, "relapsed": 0})
        self.assertEqual(self.healing(4)["tried"], 1)

    def story(self, run):
        names = ("cycle.failed", "self_healing.worker_thread_restart", "group.escalate",
                 "self_healing.service_restart")
        return [e["event"] for e in run.events if e["event"] in names]

    def test_success_of_levels_3_and_4_is_told_after_the_next_start(self):
        run = self.start()
        self.remove_last_good_copy()
        self.replace_registry(self.registry_text(with_heartbeat=False))
        self.assertEqual(run.wait(), EXIT_ESCALATED, run.tail())
        self.assertEqual(self.healing(4), {"tried": 1, "succeeded": 0, "failed": 0, "relapsed": 0})
        self.replace_registry(self.registry_text())
        again = self.box.start()
        self.wait_for_good_cycles()
        self.assertEqual(again.stop(), EXIT_OK)
        self.assertEqual(self.healing(4), {"tried": 1, "succeeded": 1, "failed": 0, "relapsed": 0})

    def test_good_cycle_makes_level_3_a_success(self):
        run = self.start()
        self.remove_last_good_copy()
        self.replace_registry(self.registry_text(with_heartbeat=False))
        run.wait_for("self_healing.worker_thread_restart", worker="flow")
        self.replace_registry(self.registry_text())
        run.wait_for("worker.ready", worker="flow", count=2)
        self.wait_for_good_cycles()
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(self.healing(3), {"tried": 1, "succeeded": 1, "failed": 0, "relapsed": 0})


class Relapse(HealingCase):
    """A fault that is back in every cycle is no health, however often it is healed."""

    def check(self, kind, level):
        run = self.start()

        def again():
            """One more fault; one that comes while the worker is restarted is refused."""
            self.box.ask("fault worker=flow kind=" + kind)
            return run.count("self_healing.worker_thread_restart", worker="flow")

        harness.wait_until(again, "level 3")
        self.assertGreaterEqual(run.count("self_healing.relapsed", worker="flow"), 1)
        # More than 3 where a cycle came between two faults, and was good.
        self.assertGreaterEqual(run.count("cycle.failed", worker="flow"), 3)
        self.assertEqual(run.stop(), EXIT_OK)
        counts = self.healing(level)
        self.assertGreaterEqual(counts["relapsed"], 1)
        self.assertEqual(counts["tried"],
                         counts["succeeded"] + counts["failed"] + counts["relapsed"])

    def test_name(self):
        self.check("name", 1)

    def test_import(self):
        self.check("import", 2)


class Statistics(HealingCase):
    """`tradesup healing` says what the events said, over all lives."""

    def test_counts_over_restarts(self):
        told = 0
        for life in range(3):
            run = self.start() if life == 0 else self.box.start()
            run.wait_for("worker.ready", worker="flow")
            for kind in ("name", "import", "attribute", "key"):
                since = run.position()
                self.wait_for_good_cycles()
                self.send_fault(kind)
                run.wait_for("self_healing.%s" % ("pre_check_heal_success" if kind == "name"
                                                  else kind + "_reload_success"), since)
                self.wait_for_good_cycles()
            told += len([e for e in run.events if e["event"].endswith("_success")])
            self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(told, 12)
        counts = [self.healing(1), self.healing(2)]
        self.assertEqual(sum(c["tried"] for c in counts), told)
        self.assertEqual(sum(c["succeeded"] for c in counts), told)

    def test_table_for_people(self):
        run = self.start()
        self.send_fault()
        run.wait_for("self_healing.pre_check_heal_success")
        self.assertEqual(run.stop(), EXIT_OK)
        table = self.box.call("healing").stdout
        self.assertIn("flow", table)
        self.assertIn("name", table)
        self.assertIn("100", table)


if __name__ == "__main__":
    harness.main()
