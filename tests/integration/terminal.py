# SPDX-License-Identifier: Apache-2.0
"""A terminal for the tests: a tmux server of one test's own, its pane read and typed into."""

import os
import shutil
import subprocess
import unittest

from harness import wait_until

needs_tmux = unittest.skipUnless(shutil.which("tmux"), "tmux is not here")


class Terminal:
    """A shell in a pane of that size."""

    def __init__(self, box, columns=100, rows=24, environ=None):
        self.socket = os.path.join(box.path, "tmux")
        self.environ = dict(box.environ, LC_ALL="C.UTF-8", PS1="$ ", **(environ or {}))
        self.environ.pop("TMUX", None)
        self.tmux("-f", "/dev/null", "new-session", "-d", "-s", "test", "-x", str(columns), "-y", str(rows),
                  "/bin/sh")

    def tmux(self, *arguments):
        result = subprocess.run(["tmux", "-S", self.socket, *arguments], env=self.environ, check=False,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output = result.stdout.decode()
        if result.returncode != 0:
            raise AssertionError("tmux %r: %s" % (arguments, output))
        return output

    def type(self, text):
        self.tmux("send-keys", "-t", "test", "-l", text)

    def key(self, *names):
        self.tmux("send-keys", "-t", "test", *names)

    def run(self, command):
        self.type(command)
        self.key("Enter")

    def resize(self, columns, rows):
        self.tmux("resize-window", "-t", "test", "-x", str(columns), "-y", str(rows))

    def screen(self, *options):
        """The pane's lines, without the blanks at their ends."""
        return [line.rstrip() for line in self.tmux("capture-pane", "-p", "-t", "test", *options).split("\n")]

    def wait(self, text, *options):
        """Wait until the pane has @text somewhere; its lines then."""
        seen = []

        def there():
            seen[:] = self.screen(*options)
            return any(text in line for line in seen)

        try:
            wait_until(there, text, 20)
        except AssertionError as error:
            raise AssertionError("%s\n%s" % (error, "\n".join(seen))) from None
        return list(seen)

    def wait_gone(self, text):
        wait_until(lambda: not any(text in line for line in self.screen()), text + " to be gone", 20)

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], env=self.environ, check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
