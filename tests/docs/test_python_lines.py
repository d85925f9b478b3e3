# SPDX-License-Identifier: Apache-2.0
"""The lines that make a bot in Python a worker, as README.md and the manual print them: they are at
most ten, the same everywhere, and they work exactly as printed, beside the bot of etc/examples/python-bot/.
"""

import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))

import harness  # noqa: E402
from harness import EXIT_OK, TREE, Case  # noqa: E402

EXAMPLE = os.path.join(TREE, "etc", "examples", "python-bot")
CLIENT = os.path.join(TREE, "worker", "python")


def read(*parts):
    with open(os.path.join(TREE, *parts), encoding="utf-8") as file:
        return file.read()


def readme_lines():
    return re.search(r"^```python\n(.*?)^```", read("README.md"), re.MULTILINE | re.DOTALL).group(1)


def manual_blocks(page):
    text = read("man", page).replace("\\e", "\\")
    return re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed", text, re.MULTILINE | re.DOTALL)


def manual_lines():
    return [block for block in manual_blocks("tradesup.1") if block.startswith("import tradesup")][0]


def loop_lines():
    """Those for a bot that keeps its loop, in tradesup-python(3)."""
    return [block for block in manual_blocks("tradesup-python.3") if "worker.cycle(" in block][0]


class Lines(Case):
    def test_at_most_ten_and_the_same_everywhere(self):
        self.assertLessEqual(len(readme_lines().splitlines()), 10)
        self.assertEqual(readme_lines(), manual_lines())
        for line in manual_blocks("tradesup-python.3")[0].splitlines():
            self.assertIn(line, readme_lines().splitlines())

    def run_lines(self, text):
        """The lines as a program of their own, to a good cycle and a stop in order."""
        home = os.path.join(self.box.path, "bot")
        shutil.copytree(EXAMPLE, home, ignore=shutil.ignore_patterns("__pycache__"))
        self.box.file("bot/run_bot.py", text)
        state = os.path.join(self.box.path, "bot-state")
        self.box.environ.update(PYTHONPATH=CLIENT, BOT_STATE=state, PYTHONDONTWRITEBYTECODE="1")
        self.box.write_config({"bot": {"command": [sys.executable, "run_bot.py"], "chdir": home}})
        run = self.box.start()
        run.wait_for("worker.ready", worker="bot")
        harness.wait_until(lambda: self.box.json("status")["workers"][0].get("cycle", 0) >= 1,
                           "the first cycle")
        harness.wait_until(lambda: os.path.exists(os.path.join(state, "heartbeat.json")), "its trace")
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(run.find("worker.stop", worker="bot")[0].get("status"), 0, run.tail())
        self.assertEqual(run.count("cycle.failed"), 0)

    def test_lines_of_the_readme_work(self):
        self.run_lines(readme_lines())

    def test_lines_of_the_manual_work(self):
        self.run_lines(manual_lines())

    def test_lines_for_a_bot_with_a_loop_work(self):
        self.run_lines("import tradesup\nfrom bot import Bot\nbot = Bot()\n" +
                       loop_lines())


class Client(Case):
    def test_python_of_the_client_and_the_example_is_that_of_3_9(self):
        import ast
        for path in (os.path.join(CLIENT, "tradesup.py"), os.path.join(EXAMPLE, "bot.py"),
                     os.path.join(EXAMPLE, "config", "registry.py")):
            with open(path) as file:
                ast.parse(file.read(), path, feature_version=(3, 9))

    def test_nothing_but_the_standard_library_is_imported(self):
        code = "import sys; before = set(sys.modules); import tradesup; print(*sorted(" \
               "{name.partition('.')[0] for name in set(sys.modules) - before} - {'tradesup'}))"
        out = subprocess.run([sys.executable, "-S", "-c", code], env=dict(os.environ, PYTHONPATH=CLIENT),
                             stdout=subprocess.PIPE, text=True, check=True).stdout.split()
        if hasattr(sys, "stdlib_module_names"):
            self.assertEqual(set(out) - sys.stdlib_module_names, set())

    def test_each_public_name_is_in_the_manual(self):
        sys.path.insert(0, CLIENT)
        import tradesup
        page = read("man", "tradesup-python.3")
        for name in dir(tradesup.Worker):
            if not name.startswith("_") and name != "supervised":
                self.assertRegex(page, r"\.(Fn|Va|It Fn|It Va)\b.*\b%s\b" % name)


if __name__ == "__main__":
    harness.main()
