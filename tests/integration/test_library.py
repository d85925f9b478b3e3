# SPDX-License-Identifier: Apache-2.0
"""libtradesup as it is installed: workers in C and C++ are compiled against a copy in a directory of
its own by what pkg-config says, and run under the supervisor.
"""

import os
import re
import shutil
import subprocess
import unittest

import harness
from harness import BUILD, EXIT_OK, TREE, Case

CXX_WORKER = """
#include <cerrno>
#include <csignal>
#include <tradesup/tradesup.h>

int main()
{
    tradesup *link = tradesup_open("cxx");
    tradesup_cycle_report report = {};
    tradesup_order order;

    if (!link || tradesup_heal(link, 1, "no such kind", "success", "") != -EINVAL)
        return 71;
    std::signal(SIGTERM, SIG_IGN);
    tradesup_ready(link);
    tradesup_heal(link, 2, "key", "success", "price: fetched again");
    while (tradesup_poll(link, 20, &order) == 0 && order.request != TRADESUP_STOP &&
           order.request != TRADESUP_GONE) {
        report.cycle++;
        report.clusters = 2;
        tradesup_cycle(link, &report);
    }
    tradesup_bye(link);
    tradesup_close(link);
    return 0;
}
"""

# Goes on talking to nobody; told by the exit status, since SIGPIPE would be another.
DEAF_WORKER = """
#include <errno.h>
#include <tradesup/tradesup.h>

int main(void)
{
    struct tradesup *link = tradesup_open("deaf");
    struct tradesup_order order;
    int r = 0;

    while (r == 0)
        r = tradesup_heartbeat(link, 1, "talk");
    if (r != -EPIPE || tradesup_poll(link, -1, &order) != 0 || order.request != TRADESUP_GONE)
        return 1;
    return 42;
}
"""


def setUpModule():
    """Install once, into a directory of its own."""
    Installed.box = harness.Box()
    unittest.addModuleCleanup(Installed.box.close)
    root = os.path.join(Installed.box.path, "root")
    if shutil.which("meson") and os.path.exists(os.path.join(BUILD, "worker", "libtradesup.so")):
        subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", root],
                       stdout=subprocess.DEVNULL, check=True)
    for directory, _, files in os.walk(root):
        if "libtradesup.pc" in files:
            Installed.pkgconfig = directory
    Installed.root = root


class Installed(Case):
    pkgconfig = None
    box = root = None

    def setUp(self):
        super().setUp()
        if not self.pkgconfig or not shutil.which("pkg-config"):
            self.skipTest("nothing is installed, or there is no pkg-config")
        if harness.SANITIZED:
            self.skipTest("the library needs the sanitizer's own there")

    def pkg_config(self, *arguments):
        with open(os.path.join(self.pkgconfig, "libtradesup.pc")) as file:
            prefix = re.search("^prefix=(.*)$", file.read(), re.MULTILINE).group(1)
        return subprocess.run(
            ["pkg-config", "--define-variable=prefix=" + self.root + prefix, *arguments, "libtradesup"],
            env=dict(os.environ, PKG_CONFIG_PATH=self.pkgconfig), stdout=subprocess.PIPE, text=True,
            check=True).stdout.split()

    def libdir(self):
        return self.pkg_config("--variable=libdir")[0]

    def compile(self, compiler, name, source, *options, libs=None):
        if not shutil.which(compiler[0]):
            self.skipTest(compiler[0] + " is not here")
        program = os.path.join(self.box.path, os.path.splitext(name)[0])
        libs = libs or self.pkg_config("--libs")
        subprocess.run([*compiler, "-Wall", "-Wextra", "-Werror", "-pedantic",
                        *self.pkg_config("--cflags"), "-o", program, self.box.file(name, source), *libs],
                       check=True)
        return program

    def run_worker(self, program):
        """Under the supervisor, to some good cycles and a stop in order; its events."""
        self.box.environ["LD_LIBRARY_PATH"] = self.libdir()
        self.box.write_config({"mine": {"command": [program]}})
        run = self.box.start()
        run.wait_for("worker.ready", worker="mine")
        harness.wait_until(lambda: self.box.json("status")["workers"][0].get("cycle", 0) >= 3, "three cycles")
        self.assertEqual(run.stop(), EXIT_OK)
        self.assertEqual(run.find("worker.stop", worker="mine")[0]["status"], 0)
        self.assertEqual(run.count("worker.garbage") + run.count("cycle.failed"), 0)
        return run


def examples(page):
    """The programs in the EXAMPLES of a page."""
    with open(os.path.join(TREE, "man", page)) as file:
        text = file.read().partition(".Sh EXAMPLES")[2]
    blocks = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", text, re.MULTILINE | re.DOTALL)
    return [block.replace("\\e", "\\") for block in blocks if "main(" in block]


class Workers(Installed):
    def test_c_programs_of_the_manual(self):
        programs = examples("libtradesup.3")
        self.assertEqual(len(programs), 2)
        for number, source in enumerate(programs):
            self.run_worker(self.compile(["cc", "-std=c11"], "manual%d.c" % number, source))

    def test_cxx(self):
        run = self.run_worker(self.compile(["c++", "-std=c++11"], "worker.cc", CXX_WORKER))
        self.assertEqual(run.count("self_healing.key_reload_success", worker="mine", name="price"), 1)

    def test_static_library(self):
        libs = self.pkg_config("--static", "--libs")
        libs[libs.index("-ltradesup")] = "-l:libtradesup.a"
        program = self.compile(["cc", "-std=c11"], "static.c", examples("libtradesup.3")[0], libs=libs)
        needed = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.assertNotIn("libtradesup", needed)
        self.run_worker(program)

    def test_nobody_listens(self):
        import fakesup
        program = self.compile(["cc", "-std=c11"], "deaf.c", DEAF_WORKER)
        worker = fakesup.Worker(self.box, command=[program],
                                environ={"LD_LIBRARY_PATH": self.libdir()})
        self.addCleanup(worker.kill)
        worker.wait_for("heartbeat")
        worker.link.close()
        self.assertEqual(worker.status(), 42)


class Abi(Installed):
    def symbols(self):
        path = os.path.join(self.libdir(), "libtradesup.so.0")
        out = subprocess.run(["nm", "-D", "--defined-only", path], stdout=subprocess.PIPE, text=True,
                             check=True).stdout
        return {line.split()[2] for line in out.splitlines() if line.split()[1] == "T"}

    def test_exactly_what_the_header_declares_is_exported(self):
        with open(os.path.join(TREE, "worker", "client", "tradesup.h")) as file:
            declared = set(re.findall(r"^[a-z][a-z0-9_ *]*\*? ?\*?(tradesup_[a-z_]+)\($",
                                      re.sub(r"\((?=.)", "(\n", file.read()), re.MULTILINE))
        self.assertGreater(len(declared), 10)
        self.assertEqual(self.symbols(), {name + "@@TRADESUP_0" for name in declared})

    def test_each_function_is_in_the_manual(self):
        with open(os.path.join(TREE, "man", "libtradesup.3")) as file:
            page = file.read()
        for symbol in self.symbols():
            self.assertIn(".It Fn " + symbol.partition("@")[0] + "\n", page)

    def test_name_and_needs_of_the_shared_object(self):
        out = subprocess.run(["readelf", "-d", os.path.join(self.libdir(), "libtradesup.so")],
                             stdout=subprocess.PIPE, text=True, check=True).stdout
        self.assertIn("[libtradesup.so.0]", out)
        needed = re.findall(r"NEEDED.*\[(.*?)\.so", out)
        self.assertLessEqual(set(needed), {"libc", "libmsgpackc", "libmsgpack-c"})

    def test_python_module_is_installed_where_modules_are(self):
        found = [directory for directory, _, files in os.walk(self.root) if "tradesup.py" in files]
        self.assertEqual(len(found), 1)
        self.assertRegex(found[0], "(site|dist)-packages$")


if __name__ == "__main__":
    harness.main()
