# SPDX-License-Identifier: Apache-2.0
"""The tree's scripts are executable and clean under shellcheck, and its Python compiles."""

import ast
import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))

import harness  # noqa: E402
from harness import TREE  # noqa: E402

SHELL_SCRIPTS = ["tests/run", "etc/quickstart", "etc/install-packages", ".ci/run"]


class Scripts(unittest.TestCase):
    def test_scripts_are_executable(self):
        for name in SHELL_SCRIPTS:
            self.assertTrue(os.access(os.path.join(TREE, name), os.X_OK), name)

    @unittest.skipUnless(shutil.which("shellcheck"), "shellcheck is not installed")
    def test_shellcheck(self):
        result = subprocess.run(["shellcheck", *SHELL_SCRIPTS], cwd=TREE, check=False,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(result.stdout, "")

    def test_python_is_that_of_3_9(self):
        for directory in ("integration", "docs", "bench"):
            path = os.path.join(TREE, "tests", directory)
            for name in sorted(os.listdir(path)) if os.path.isdir(path) else []:
                if name.endswith(".py"):
                    with open(os.path.join(path, name)) as file:
                        ast.parse(file.read(), name, feature_version=(3, 9))


if __name__ == "__main__":
    harness.main()
