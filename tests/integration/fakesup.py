# SPDX-License-Identifier: Apache-2.0
"""A worker under test with a supervisor made of Python: every message it sends is kept, every
request can be sent to it, and nothing else happens.
"""

import json
import os
import select
import socket
import subprocess
import time
import unittest

import harness
import miniwire
from harness import TIMEOUT, WORKER

FIELDS = {
    "hello": ("version", "name", "pid"),
    "ready": (),
    "heartbeat": ("cycle", "phase"),
    "cycle": ("cycle", "clusters", "orders", "error", "healed", "duration_ns"),
    "heal": ("level", "kind", "outcome", "detail"),
    "status": ("text",),
    "restart": ("reason",),
    "event": ("level", "name", "fields"), "figures": ("fields",), "bye": (),
}


class Worker:
    """One life of a worker, supervised or alone; of another program's with @command."""

    def __init__(self, box, name="flow", supervised=True, arguments=(), environ=None,
                 command=None):
        self.messages = []
        self.ended = False
        environ = dict(box.environ, **(environ or {}))
        self.link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if supervised:
            environ["TRADESUP_FD"] = str(theirs.fileno())
        self.process = subprocess.Popen(
            command or [WORKER, "-c", box.config, *arguments, name], env=environ, cwd=box.path,
            pass_fds=(theirs.fileno(),) if supervised else (), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        theirs.close()

    def receive(self, timeout):
        """Take one packet, or the end of the link. Whether there was something."""
        if self.ended or not select.select([self.link], [], [], timeout)[0]:
            return False
        try:
            packet = self.link.recv(65536)
        except ConnectionResetError:
            packet = b""
        if not packet:
            self.ended = True
            return True
        word, *values = miniwire.unpack(packet)
        names = FIELDS[word]
        if len(names) != len(values):
            raise AssertionError("%s has %d fields" % (word, len(values)))
        self.messages.append(dict(zip(names, values), type=word, number=len(self.messages)))
        return True

    def send(self, *message):
        self.link.send(miniwire.pack(message))

    def find(self, kind, since=0, **fields):
        return [m for m in self.messages[since:] if m["type"] == kind
                and all(m[key] == value for key, value in fields.items())]

    def wait_for(self, kind, since=0, count=1, **fields):
        """Read until @count such messages have come; the last of them."""
        deadline = time.monotonic() + TIMEOUT
        while True:
            found = self.find(kind, since, **fields)
            if len(found) >= count:
                return found[count - 1]
            left = deadline - time.monotonic()
            if left <= 0 or not self.receive(left):
                raise AssertionError("no %s %r in %r" % (kind, fields, self.messages[-20:]))

    def position(self):
        """For @since, after everything that has come so far is read."""
        while self.receive(0):
            pass
        return len(self.messages)

    def cycle_of(self, message):
        """The report of the cycle in which @message was sent."""
        return self.wait_for("cycle", message["number"])

    def end(self):
        """Read to the end of the link; the exit status."""
        deadline = time.monotonic() + TIMEOUT
        while not self.ended and self.receive(max(0, deadline - time.monotonic())):
            pass
        return self.status()

    def status(self):
        self.out, self.err = (text.decode() for text in self.process.communicate(timeout=TIMEOUT))
        return self.process.returncode

    def stop(self):
        self.send("stop", 5000)
        return self.end()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        self.link.close()


class WorkerCase(unittest.TestCase):
    """A test with a box and workers in it; no supervisor of ours is needed."""

    TRADING = {"cycle": "5ms", "batch": "10", "feed": "synthetic",
               "synthetic": {"seed": "1", "events": "0"}}

    def setUp(self):
        if not os.access(WORKER, os.X_OK):
            self.skipTest("tradesup-worker is not built")
        self.box = harness.Box()
        self.addCleanup(self.box.close)
        self.configure()

    def configure(self, name="flow", worker=None, **trading):
        settings = {"heartbeat": "1s"}
        settings.update(worker or {}, trading=dict(self.TRADING, **trading))
        self.box.write_config({name: settings})

    def start(self, **settings):
        worker = Worker(self.box, **settings)
        self.addCleanup(worker.kill)
        return worker

    def run_alone(self, *arguments, name="flow", environ=None):
        """Run the worker by itself, to its end."""
        worker = self.start(name=name, supervised=False, arguments=arguments, environ=environ)
        worker.status()
        return worker

    def call(self, *arguments, environ=None):
        """Run the program with any arguments."""
        return subprocess.run([WORKER, *arguments], env=dict(self.box.environ, **(environ or {})),
                              cwd=self.box.path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=TIMEOUT, check=False)

    # What lies in the worker's state directory

    def path(self, *parts, name="flow"):
        return os.path.join(self.box.state, name, *parts)

    def json(self, *parts):
        with open(self.path(*parts)) as file:
            return json.load(file)

    def read(self, *parts):
        with open(self.path(*parts)) as file:
            return file.read()

    def replace(self, text, *parts):
        """A new file in the place of the old one, as an editor does it."""
        path = self.path(*parts)
        with open(path + ".new", "w") as file:
            file.write(text)
        os.rename(path + ".new", path)

    def corrupted(self, *parts):
        """Files that were moved aside from there."""
        directory, name = os.path.split(self.path(*parts))
        return [entry for entry in os.listdir(directory) if entry.startswith(name + ".corrupt-")]
