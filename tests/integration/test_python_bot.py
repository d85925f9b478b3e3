# SPDX-License-Identifier: Apache-2.0
"""The case that tradesup exists for, with the Python bot of etc/examples/python-bot/ under the real
supervisor: NameError: name 'StateFiles' is not defined, in run_once().
"""

import json
import os
import shutil
import sys

import harness
from harness import EXIT_ESCALATED, EXIT_OK, TREE, Case

CLIENT = os.path.join(TREE, "worker", "python")
EXAMPLE = os.path.join(TREE, "etc", "examples", "python-bot")
CYCLE_S = "0.02"

# What stands at the beginning of run_once() in a variant. A file is the fault's cue, and is taken away.
LOSES_A_NAME_INSIDE = """
        if os.path.exists("lose"):
            os.unlink("lose")
            del globals()["StateFiles"]
"""
# An import inside the function makes the name local to all of it, and the line before it fails: the
# handler itself is the fault, and it says each time that it has healed.
HANDLER_IS_THE_BUG = """
        try:
            print(StateFiles.BOT_HEARTBEAT)
        except NameError:
            from config.registry import StateFiles
            return {"clusters": 0, "orders": 0, "error": "import_reload", "healed": True}
"""
# The same bug without a handler around it: the exception leaves run_once().
LOCAL_BY_AN_IMPORT = """
        print(StateFiles.BOT_HEARTBEAT)
        from config.registry import StateFiles
"""


def changed_bot(home, text):
    """Put these lines at the beginning of the run_once() of the bot there."""
    path = os.path.join(home, "bot.py")
    with open(path) as file:
        source = file.read()
    beginning = "        self.count += 1\n"
    assert source.count(beginning) == 1
    with open(path, "w") as file:
        file.write(source.replace(beginning, text + beginning))


class BotCase(Case):
    def setUp(self):
        super().setUp()
        self.home = os.path.join(self.box.path, "bot")
        shutil.copytree(EXAMPLE, self.home, ignore=shutil.ignore_patterns("__pycache__"))
        self.state = os.path.join(self.box.path, "bot-state")
        self.box.environ.update(PYTHONPATH=CLIENT, BOT_STATE=self.state, PYTHONDONTWRITEBYTECODE="1",
                                TRADESUP_ALLOW_FAULTS="1")

    def change_bot(self, text):
        changed_bot(self.home, text)

    def start(self, wait=True, **supervisor):
        self.box.write_config({"bot": {"command": [sys.executable, "bot.py", CYCLE_S],
                                       "chdir": self.home, "heartbeat": "10s"}}, supervisor)
        run = self.box.start()
        if wait:
            run.wait_for("worker.ready", worker="bot")
            self.wait_for_good_cycles()
        return run

    def bot_count(self):
        try:
            with open(os.path.join(self.state, "heartbeat.json")) as file:
                return json.load(file)["iter_count"]
        except FileNotFoundError:
            return 0

    def wait_for_good_cycles(self, count=3):
        before = self.bot_count()
        harness.wait_until(lambda: self.bot_count() >= before + count, "good cycles")

    def lose(self):
        """Have the bot lose StateFiles in the middle of its next cycle."""
        self.box.file("bot/lose", "")

    def healing(self, level):
        rows = [row for row in self.box.json("healing")["rows"] if row["level"] == level]
        return tuple(sum(row[key] for row in rows)
                     for key in ("tried", "succeeded", "failed", "relapsed"))

    def break_file(self):
        """As an editor in the middle of a word."""
        self.box.file("bot/registry.new", "class StateFiles:\n    BOT_HEARTBEAT = os.path.join(")
        os.rename(os.path.join(self.home, "registry.new"),
                  os.path.join(self.home, "config", "registry.py"))

    def story(self, run):
        """What happened to the worker, without what the service did at its begin and end."""
        names = ("cycle.failed", "group.escalate", "worker.exit")
        return [e["event"] for e in run.events
                if e["event"] in names or e["event"].startswith("self_healing.")]


class NameIsLost(BotCase):
    def test_a_healed_in_the_pre_check_of_the_same_cycle(self):
        run = self.start()
        self.assertEqual(self.box.ask("fault worker=bot kind=name"), ["ok"])
        event = run.wait_for("self_healing.pre_check_heal_success", worker="bot", kind="name")
        self.assertEqual(event["level"], 1)
        self.wait_for_good_cycles()
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(self.story(run), ["self_healing.pre_check_heal_success"])
        self.assertEqual(self.healing(1), (1, 1, 0, 0))
        self.assertEqual(self.healing(2), (0, 0, 0, 0))

    def test_b_inside_the_cycle_ends_it_early_and_the_next_is_good(self):
        self.change_bot(LOSES_A_NAME_INSIDE)
        run = self.start()
        self.lose()
        event = run.wait_for("self_healing.name_reload_success", worker="bot", level="2")
        self.assertEqual(event["name"], "StateFiles")
        self.wait_for_good_cycles()
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertIn("NameError: name 'StateFiles' is not defined",
                      " ".join(str(e.get("line")) for e in run.events))
        self.assertEqual(self.story(run), ["self_healing.name_reload_success"])
        self.assertEqual(self.healing(2), (1, 1, 0, 0))

    def test_c_broken_file_three_failures_a_restart_and_escalation(self):
        run = self.start(intensity="2")
        self.break_file()
        self.assertEqual(self.box.ask("fault worker=bot kind=name"), ["ok"])
        self.assertEqual(run.wait(), EXIT_ESCALATED, run.tail())
        failed = ["self_healing.pre_check_heal_failed", "cycle.failed"] * 3
        crash = ["worker.exit"]
        restart = ["self_healing.worker_thread_restart"]
        self.assertEqual(self.story(run), failed + restart + crash + restart + crash +
                         ["group.escalate", "self_healing.service_restart"])
        self.assertEqual(self.healing(1), (3, 0, 3, 0))
        # The second restart was the first one's failure.
        self.assertEqual(self.healing(3)[:3], (2, 0, 2))
        self.assertEqual(self.healing(4)[0], 1)

    def test_c_mended_file_makes_the_restart_a_success(self):
        run = self.start()
        with open(os.path.join(self.home, "config", "registry.py")) as file:
            good = file.read()
        self.break_file()
        self.assertEqual(self.box.ask("fault worker=bot kind=name"), ["ok"])
        run.wait_for("self_healing.worker_thread_restart", worker="bot", kind="cycles")
        self.box.file("bot/config/registry.py", good)
        run.wait_for("self_healing.verified", worker="bot", level="3")
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(self.healing(3)[1], self.healing(3)[0] - self.healing(3)[2])

    def check_heals_for_ever(self, text, kind):
        """Each cycle says that it has healed, and none is good."""
        self.change_bot(text)
        run = self.start(wait=False, intensity="1")
        self.assertEqual(run.wait(), EXIT_ESCALATED, run.tail())
        life = ["self_healing.%s_reload_success" % kind]
        life += ["self_healing.relapsed", "cycle.failed"] * 3
        self.assertEqual(self.story(run), life + ["self_healing.worker_thread_restart"] + life +
                         ["group.escalate", "self_healing.service_restart"])
        # A relapse takes back the success that it belies.
        self.assertEqual(self.healing(2), (8, 0, 2, 6))

    def test_d_handler_is_the_bug_and_hides_it(self):
        self.check_heals_for_ever(HANDLER_IS_THE_BUG, "import")

    def test_d_import_makes_the_name_local(self):
        self.check_heals_for_ever(LOCAL_BY_AN_IMPORT, "name")


class Life(BotCase):
    def test_orders_are_made_safe_when_it_is_stopped(self):
        self.change_bot("        self.prices = [4.0, 3.0, 2.0, 1.0]\n        self.fetch = lambda: None\n")
        run = self.start()
        path = os.path.join(self.state, "open_orders.json")

        def open_orders():
            with open(path) as file:
                return json.load(file)

        harness.wait_until(open_orders, "an open order")
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(open_orders(), [])
        stop = run.find("worker.stop", worker="bot")[0]
        self.assertEqual(stop["status"], 0)

    def test_event_of_the_bot_is_in_the_log(self):
        self.change_bot("        if self.count == 2:\n            self.worker.event('order.placed', "
                        "symbol='B \"T\"\\nC', price=1.5, size=7)\n")
        path = os.path.join(self.home, "bot.py")
        with open(path) as file:
            source = file.read()
        with open(path, "w") as file:
            file.write(source.replace("    worker = tradesup.Worker()\n",
                                      "    worker = bot.worker = tradesup.Worker()\n"))
        run = self.start()
        event = run.wait_for("order.placed", worker="bot", price="1.5", size="7")
        self.assertEqual(event["symbol"], 'B "T"\nC')
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(run.count("worker.garbage"), 0)

    def test_runs_alone_as_it_is(self):
        import subprocess
        self.change_bot("        if self.count == 3: raise SystemExit(5)\n")
        result = subprocess.run([sys.executable, "bot.py", "0"], cwd=self.home, env=self.box.environ,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        self.assertEqual((result.returncode, result.stdout), (5, ""))

    def test_frozen_loop_looks_frozen(self):
        self.change_bot("        if os.path.exists('freeze'):\n            os.unlink('freeze'); time.sleep(600)\n")
        self.box.write_config({"bot": {"command": [sys.executable, "bot.py", CYCLE_S],
                                       "chdir": self.home, "heartbeat": "700ms", "shutdown": "8s"}})
        run = self.box.start()
        run.wait_for("worker.ready", worker="bot")
        self.wait_for_good_cycles()
        self.box.file("bot/freeze", "")
        run.wait_for("worker.hang", worker="bot", why="no heartbeat")
        run.wait_for("worker.ready", worker="bot", count=2)
        # The deadline came with the signal: it ended by itself, and made its orders safe.
        stop = run.find("worker.stop", worker="bot")[0]
        self.assertEqual((stop.get("status"), stop.get("killed")), (0, None))
        self.assertEqual(run.stop(), EXIT_OK)

    def test_shipped_configuration(self):
        with open(os.path.join(self.home, "tradesup.conf")) as file:
            text = file.read()
        self.box.config = self.box.file("bot/tradesup.conf", 'supervisor { state_dir = "%s"  runtime_dir = "%s" }\n'
                                        % (self.box.state, os.path.join(self.box.path, "run")) + text)
        self.assertEqual(self.box.call("check").returncode, EXIT_OK)


if __name__ == "__main__":
    harness.main()
