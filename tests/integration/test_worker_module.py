# SPDX-License-Identifier: Apache-2.0
"""Faults of the strategy module: import and attribute, healed inside the cycle or before it."""

import os
import shutil

import harness
from fakesup import WorkerCase
from harness import BUILD, EXIT_CONFIG, EXIT_OK

ALLOW = {"TRADESUP_ALLOW_FAULTS": "1"}
MODULE = os.path.join(BUILD, "flow_cluster.so")


class Module(WorkerCase):
    def setUp(self):
        super().setUp()
        if not os.path.exists(MODULE):
            self.skipTest("flow_cluster.so is not built")
        self.module = os.path.join(self.box.path, "mine.so")
        shutil.copy(MODULE, self.module)

    def begin(self, **trading):
        self.configure(**dict({"strategy": self.module}, **trading))
        worker = self.start(environ=ALLOW)
        worker.wait_for("cycle", count=2, error=None)
        return worker

    def replace_module(self, content):
        with open(self.module + ".new", "wb") as file:
            file.write(content)
        os.rename(self.module + ".new", self.module)

    def test_a_lost_module_is_loaded_again(self):
        worker = self.begin()
        for number, kind in enumerate(("import", "attribute"), 1):
            worker.send("fault", kind)
            heal = worker.wait_for("heal", count=number)
            self.assertEqual((heal["level"], heal["kind"], heal["outcome"]), (2, kind, "success"))
            self.assertIn("module loaded again", heal["detail"])
            report = worker.cycle_of(heal)
            self.assertEqual((report["clusters"], report["orders"], report["error"],
                              report["healed"]), (0, 0, kind + "_reload", True))
            worker.wait_for("cycle", worker.position(), count=2, error=None)

    def test_lost_in_every_cycle_it_has_relapsed(self):
        worker = self.begin(cycle="300ms")
        outcomes = []
        for number in range(1, 5):
            worker.send("fault", "import")
            heal = worker.wait_for("heal", count=number)
            report = worker.cycle_of(heal)
            outcomes.append((heal["outcome"], report["healed"], report["error"].split(":")[0]))
        self.assertEqual(outcomes, [("success", True, "import_reload")]
                         + [("relapsed", False, "import_relapsed")] * 3)

    def test_a_file_that_goes_bad_is_found_before_it_is_needed(self):
        for content, kind in ((b"no object", "import"), (None, "import")):
            with self.subTest(kind):
                shutil.copy(MODULE, self.module)
                worker = self.begin()
                os.unlink(self.module) if content is None else self.replace_module(content)
                heal = worker.wait_for("heal")
                self.assertEqual((heal["level"], heal["kind"], heal["outcome"]),
                                 (1, kind, "success"))
                self.assertIn("last module that loaded", heal["detail"])
                self.assertIsNone(worker.cycle_of(heal)["error"])
                worker.wait_for("cycle", worker.position(), count=10, error=None)
                self.assertEqual(len(worker.find("heal")), 1)
                self.assertEqual(worker.stop(), EXIT_OK)

    def test_lost_with_a_bad_file_the_last_one_that_loaded_goes_on(self):
        worker = self.begin()
        self.replace_module(b"no object")
        worker.wait_for("heal")
        worker.send("fault", "import")
        heal = worker.wait_for("heal", count=2)
        self.assertEqual((heal["level"], heal["outcome"]), (2, "success"))
        self.assertIn("last module that loaded", heal["detail"])
        worker.wait_for("cycle", worker.position(), count=3, error=None)

    def test_with_a_real_broker_it_may_open_nothing(self):
        """The old code goes on until a person has looked, and does not open positions."""
        keys = dict(ALLOW, APCA_API_KEY_ID="k", APCA_API_SECRET_KEY="s")
        self.configure(strategy=self.module, broker="alpaca", alpaca={"base_url": "http://127.0.0.1:1"})
        worker = self.start(environ=keys)
        worker.wait_for("cycle", count=2, error=None)
        self.replace_module(b"no object")
        heal = worker.wait_for("heal")
        self.assertIn("last module that loaded", heal["detail"])
        latch = os.path.join(self.box.state, "latches", "flow@module_fallback")
        with open(latch) as file:
            self.assertIn("rule=module_fallback", file.read())
        self.assertEqual(worker.stop(), EXIT_OK)

    def test_a_module_that_is_not_there_fails_the_cycles_until_it_is(self):
        os.unlink(self.module)
        self.configure(strategy=self.module)
        worker = self.start()
        report = worker.wait_for("cycle", count=2)
        self.assertTrue(report["error"].startswith("import: "), report["error"])
        self.assertIn(self.module, report["error"])
        self.assertEqual(worker.find("heal")[0]["outcome"], "failed")
        shutil.copy(MODULE, self.module)
        worker.wait_for("cycle", worker.position(), error=None)

    def test_the_outcome_is_the_same_as_without_faults(self):
        ended = {"cycle": "0s", "batch": "50", "synthetic": {"seed": "5", "events": "20000"}}
        self.configure(strategy=self.module, **ended)
        self.assertEqual(self.run_alone().process.returncode, EXIT_OK)
        ledger = self.call("-c", self.box.config, "--ledger", "--json", "flow").stdout
        shutil.rmtree(self.box.state)
        worker = self.start(environ=ALLOW)
        for number in range(1, 9):
            worker.wait_for("cycle", count=number * 10)
            worker.send("fault", "import")
        self.assertEqual(worker.end(), EXIT_OK)
        self.assertGreater(len(worker.find("heal")), 0)
        self.assertEqual(self.call("-c", self.box.config, "--ledger", "--json", "flow").stdout,
                         ledger)

    def test_check_says_what_is_wrong_with_it(self):
        self.replace_module(b"no object")
        self.configure(strategy=self.module)
        result = self.call("--check", "-c", self.box.config)
        self.assertEqual(result.returncode, EXIT_CONFIG)
        self.assertIn("mine.so", result.stderr)


if __name__ == "__main__":
    harness.main()
