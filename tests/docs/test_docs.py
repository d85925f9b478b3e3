# SPDX-License-Identifier: Apache-2.0
"""The manual pages are clean, and nothing of the code is missing from them: each verb, each
key of the configuration, each event; and what the README tells to run is there.
"""

import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))

import harness  # noqa: E402
from harness import TRADESUP, TREE  # noqa: E402

PAGES = ["tradesup.1", "tradesup.conf.5", "tradesup-worker.1", "tradesup-web.1", "tradesup-notify.1", "tradesup-protocol.7",
         "tradesup-events.7", "tradesup-strategy.3", "tradesup-python.3", "libtradesup.3"]

# Literals with a dot in them that are files (and attributes of them), not events.
FILE_PREFIXES = ("cgroup.", "cpu.", "memory.")
FILE_SUFFIXES = ("conf", "db", "delegate", "gz", "json", "lock", "log", "new", "py", "so", "sock", "tmp",
                 "txt")

HEALING_EVENTS = ["pre_check_heal_success", "pre_check_heal_failed", "worker_thread_restart",
                  "service_restart"]
HEALING_EVENTS += ["%s_reload_%s" % (kind, outcome) for kind in ("import", "name", "attribute", "key")
                   for outcome in ("success", "failed")]


def read(*parts):
    with open(os.path.join(TREE, *parts), encoding="utf-8") as file:
        return file.read()


def sources(*directories):
    for directory in directories:
        yield from sorted(glob.glob(os.path.join(TREE, directory, "**", "*.c"), recursive=True))


def page_words(page):
    """What stands in a page's macro lines (marked up, so that it can be found), as words."""
    words = set()
    for line in read("man", page).splitlines():
        if line.startswith("."):
            words.update(word.strip(",;:()\"") for word in line.replace("\\&", "").split())
    return words


def verbs():
    overview = subprocess.run([TRADESUP, "--help"], stdout=subprocess.PIPE, text=True, check=True)
    return re.findall(r"^  ([a-z]+) ", overview.stdout, re.MULTILINE)


def config_keys():
    """Names in the tables of the configuration: { "name", KEY_TYPE, … }."""
    keys = set()
    for path in glob.glob(os.path.join(TREE, "common", "config*.c")):
        text = read(path)
        keys.update(re.findall(r"\{\s*\"([a-z_]+)\",\s*KEY_[A-Z]+", text))
    return keys


def event_names():
    """Literals `subject.what_happened` of the code, without files and kill points."""
    names = set("self_healing." + name for name in HEALING_EVENTS)
    for path in sources("common", "supervisor", "worker"):
        text = re.sub(r"kill_point\(\"[^\"]*\"\)", "", read(path))
        text = re.sub(r"^\s*#\s*include.*$", "", text, flags=re.MULTILINE)
        for name in re.findall(r"\"([a-z_]+\.[a-z_]+)\"", text):
            # A step of a start, named after a key.
            if name.startswith("sandbox."):
                continue
            if not (name.startswith(FILE_PREFIXES) or
                    name.endswith(tuple("." + suffix for suffix in FILE_SUFFIXES))):
                names.add(name)
    return names


class Pages(unittest.TestCase):
    def test_all_are_there(self):
        for page in PAGES:
            self.assertTrue(os.path.exists(os.path.join(TREE, "man", page)), page)

    @unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
    def test_mandoc_lint(self):
        for path in sorted(glob.glob(os.path.join(TREE, "man", "*.[1-9]"))):
            with self.subTest(os.path.basename(path)):
                lint = subprocess.run(["mandoc", "-Tlint", "-Wwarning", path], check=False,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                self.assertEqual(lint.stdout, "")

    def assert_in_page(self, names, page, what):
        self.assertTrue(names, "found no %s in the code: the test is blind" % what)
        missing = sorted(set(names) - page_words(page))
        self.assertEqual(missing, [], "%s not in %s" % (what, page))

    @unittest.skipUnless(os.path.exists(TRADESUP), "tradesup is not built")
    def test_every_verb(self):
        self.assert_in_page(verbs(), "tradesup.1", "verbs")

    def test_every_config_key(self):
        self.assert_in_page(config_keys(), "tradesup.conf.5", "keys")

    def test_every_event(self):
        self.assert_in_page(event_names(), "tradesup.1", "events")


def fnv1a(value, text):
    for byte in text.encode():
        value = (value ^ byte) * 1099511628211 % 2 ** 64
    return value


def message_id(event):
    """As supervisor/message_id.h has it."""
    offset = 14695981039346656037
    high, low = fnv1a(offset, event), fnv1a(fnv1a(offset, "tradesup"), event)
    return "%016x%016x" % (high & ~0xf000 | 0x8000, low >> 2 | 1 << 63)


class Catalog(unittest.TestCase):
    def events(self):
        """The items of the section EVENTS."""
        section = read("man", "tradesup.1").split(".Sh EVENTS")[1].split("\n.Sh ")[0]
        items = re.findall(r"^\.It Sy (.*)$", section, re.MULTILINE)
        return set(re.findall(r"[a-z_]+\.[a-z_]+", " ".join(items)))

    def test_every_event_is_explained(self):
        catalog = read("etc", "journal", "tradesup.catalog")
        page = read("man", "tradesup-events.7")
        ids = dict(re.findall(r"^# (\S+)\n-- ([0-9a-f]{32})$", catalog, re.MULTILINE))
        self.assertEqual(catalog.count("\n-- "), len(ids))
        for event in sorted(self.events()):
            self.assertEqual(ids.get(event), message_id(event), event + " in the catalog")
            self.assertIn(".It Sy %s Ta Li %s\n" % (event, message_id(event)), page)
        self.assertEqual(sorted(set(ids) - self.events()), [], "explained, and not there")

    def test_the_catalog_can_be_read(self):
        if not shutil.which("journalctl"):
            self.skipTest("no journalctl here")
        with tempfile.TemporaryDirectory() as root:
            for directory in ("usr/lib/systemd/catalog", "var/lib/systemd/catalog"):
                os.makedirs(os.path.join(root, directory))
            shutil.copy(os.path.join(TREE, "etc", "journal", "tradesup.catalog"),
                        os.path.join(root, "usr/lib/systemd/catalog"))
            result = subprocess.run(["journalctl", "--root=" + root, "--update-catalog"],
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            self.assertEqual((result.returncode, result.stdout), (0, ""))


class Readme(unittest.TestCase):
    """Commands are the fenced lines that begin with a path or with `tradesup`."""

    def commands(self):
        """The lines of fenced blocks; of a block that names a language, none."""
        lines, fence = [], None
        for line in read("README.md").splitlines():
            if line.startswith("```"):
                fence = line if fence is None else None
            elif fence == "```":
                lines.append(line)
        return lines

    def test_commands_exist(self):
        paths = [line.split()[0] for line in self.commands() if re.match(r"(etc|tests)/", line)]
        self.assertIn("etc/quickstart", paths)
        self.assertIn("tests/run", paths)
        for path in paths:
            self.assertTrue(os.access(os.path.join(TREE, path), os.X_OK), path)

    @unittest.skipUnless(os.path.exists(TRADESUP), "tradesup is not built")
    def test_verbs_exist(self):
        named = re.findall(r"^tradesup ([a-z]+)", "\n".join(self.commands()), re.MULTILINE)
        self.assertTrue(named)
        self.assertEqual(sorted(set(named) - set(verbs())), [])

    def test_files_exist(self):
        """Links, and files named in backquotes."""
        text = read("README.md") + read("CONTRIBUTING.md")
        names = re.findall(r"\]\(([^)#:]+)\)", text)
        names += re.findall(r"`((?:common|supervisor|worker|etc|tests|man)/[A-Za-z0-9_./-]*)`", text)
        for name in names:
            self.assertTrue(os.path.exists(os.path.join(TREE, name)), name)


if __name__ == "__main__":
    harness.main()
