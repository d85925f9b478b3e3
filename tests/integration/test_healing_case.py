# SPDX-License-Identifier: Apache-2.0
"""The case that tradesup exists for: the registry entry StateFiles.BOT_HEARTBEAT disappears while
the worker runs.

With a good file on disk it is healed in that very cycle; with a bad one the last good copy
serves; with none the cycles fail, level 3 comes after exactly 3, level 4 after the limit.
"""

import json
import os

import harness
from harness import EXIT_ESCALATED, EXIT_OK, Case

ENTRY = "StateFiles.BOT_HEARTBEAT"
ENDLESS = {"cycle": "20ms", "batch": "10", "feed": "synthetic", "synthetic": {"seed": "1"},
           "broker": "paper"}


class HealingCase(Case):
    def setUp(self):
        super().setUp()
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
        """What `tradesup drill` does: the worker behaves as if the entry had vanished."""
        result = self.box.call("fault", "flow", kind)
        self.assertEqual(result.returncode, EXIT_OK, result.stderr)

    def healing(self, level):
        """The rows of `tradesup healing --json` of one level, summed up."""
        rows = [row for row in self.box.json("healing") if row["level"] == level]
        return {key: sum(row[key] for row in rows)
                for key in ("tried", "succeeded", "failed", "relapsed")}
