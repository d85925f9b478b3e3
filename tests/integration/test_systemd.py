# SPDX-License-Identifier: Apache-2.0
"""The service under a real systemd, in a throw-away box; the cases are in systemd_inside.py.

Skipped where there is no box, or where this machine cannot run one (exit status 77).
"""

import os
import subprocess
import sys

import harness
from harness import BUILD, SHARED

BOX = os.path.join(SHARED, "systemd-box", "systemd-box")
INSIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "systemd_inside.py")
CANNOT = 77


def skip(why):
    print("1..0 # SKIP " + why)
    sys.exit(0)


def main():
    if not os.access(harness.TRADESUP, os.X_OK):
        skip("tradesup is not built")
    if not os.access(BOX, os.X_OK):
        skip("no systemd-box here")
    probe = subprocess.run([BOX, "true"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                           text=True, check=False)
    if probe.returncode == CANNOT:
        skip(probe.stderr.strip())
    environ = dict(os.environ, TRADESUP_BUILD=BUILD)
    result = subprocess.run([BOX, sys.executable, INSIDE], env=environ, stdin=subprocess.DEVNULL,
                            check=False)
    sys.exit(result.returncode)


if __name__ == "__main__":
    main()
