# SPDX-License-Identifier: Apache-2.0
"""A service's life under a real systemd; test_systemd.py runs this as root in a box.

Installs the build and the unit, and tells by TAP what systemd made of them.
"""

import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import harness  # noqa: E402
from harness import BUILD, wait_until  # noqa: E402
from test_python_bot import HANDLER_IS_THE_BUG, LOSES_A_NAME_INSIDE, changed_bot  # noqa: E402

UNIT = os.path.join(harness.TREE, "etc", "systemd", "tradesup.service")
CATALOG = os.path.join(harness.TREE, "etc", "journal", "tradesup.catalog")
UNITS = "/etc/systemd/system"
SERVICE = "trading-bot.service"
CONFIG = "/etc/tradesup/tradesup.conf"
BOT = "/usr/local/bin/bot"
PYTHON_BOT = "/opt/python-bot"
REGISTRY = PYTHON_BOT + "/config/registry.py"

GOOD_CONFIG = """
worker flow {
  trading { cycle = 200ms  batch = 10  feed = synthetic }
}
worker bot {
  command = { "%s" }
  heartbeat = 0s
}
""" % BOT

PYTHON_CONFIG = """
worker bot {
  command = { "/usr/bin/python3", "bot.py", "0.1" }
  chdir = "%s"
  environment = { "BOT_STATE=/var/lib/tradesup/bot", "TRADESUP_ALLOW_FAULTS=1" }
}
""" % PYTHON_BOT


def run(*command, check=True):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            stdin=subprocess.DEVNULL, check=False)
    if check and result.returncode != 0:
        raise AssertionError("%s: %d\n%s" % (" ".join(command), result.returncode, result.stdout))
    return result.stdout


def prop(name):
    return run("systemctl", "show", "--value", "-p", name, SERVICE).strip()


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


def journal():
    return run("journalctl", "--no-pager", "-u", SERVICE)


class Service(unittest.TestCase):
    """Each test leaves the service stopped."""

    @classmethod
    def setUpClass(cls):
        # What the machine has there lies under an overlay, across which systemd cannot move it.
        shutil.rmtree("/var/lib/tradesup", ignore_errors=True)
        run("meson", "install", "-C", BUILD, "--no-rebuild")
        with open(UNIT) as file:
            write(os.path.join(UNITS, SERVICE), file.read())

    def setUp(self):
        write(CONFIG, GOOD_CONFIG)
        self.set_bot("exec sleep 1000000")

    def tearDown(self):
        run("systemctl", "stop", SERVICE, check=False)
        run("systemctl", "reset-failed", SERVICE, check=False)

    def set_bot(self, what):
        write(BOT, "#!/bin/sh\n%s\n" % what, 0o755)

    def drop_in(self, text):
        write(os.path.join(UNITS, SERVICE + ".d", "test.conf"), text)
        run("systemctl", "daemon-reload")

    def test_1_becomes_active_under_both_names(self):
        run("systemctl", "enable", "--now", SERVICE)
        self.assertEqual(prop("ActiveState"), "active")
        self.assertEqual(run("systemctl", "is-active", "tradesup.service").strip(), "active")
        wait_until(lambda: prop("StatusText"), "the line that says how it is")
        wait_until(lambda: os.path.isdir("/var/lib/tradesup/flow"), "the worker's state")
        status = run("tradesup", "status", "-c", CONFIG, "--json", check=False)
        self.assertIn("flow", status)
        run("systemctl", "stop", SERVICE)
        self.assertEqual(prop("Result"), "success")
        self.assertEqual(prop("ExecMainStatus"), "0")

    def test_2_escalates_and_is_restarted(self):
        self.set_bot("exit 1")
        run("systemctl", "start", SERVICE)
        wait_until(lambda: int(prop("NRestarts")) >= 1, "a restart by systemd")
        self.set_bot("exec sleep 1000000")
        restarts = int(prop("NRestarts"))
        wait_until(lambda: prop("ActiveState") == "active", "the service to be active again")
        self.assertLessEqual(restarts, 2)
        story = [line for line in journal().splitlines() if "self_healing" in line]
        self.assertTrue([line for line in story if "self_healing.service_restart" in line], story)
        self.assertIn("status=70", journal())

    def test_3_frozen_supervisor_is_killed_by_the_watchdog(self):
        self.drop_in("[Service]\nWatchdogSec=2s\nRestartSec=100ms\n")
        run("systemctl", "start", SERVICE)
        frozen = int(prop("MainPID"))
        os.kill(frozen, signal.SIGSTOP)
        wait_until(lambda: int(prop("NRestarts")) >= 1, "the watchdog")
        wait_until(lambda: prop("ActiveState") == "active" and int(prop("MainPID")) != frozen,
                   "the service to come back")
        self.assertIn("Failed with result 'watchdog'", journal())

    def test_4_bad_config_is_not_retried(self):
        write(CONFIG, "worker flow { no_such_key = 1 }\n")
        run("systemctl", "start", SERVICE, check=False)
        wait_until(lambda: prop("ActiveState") == "failed", "the failed state")
        self.assertEqual(prop("ExecMainStatus"), "78")
        self.assertEqual(prop("NRestarts"), "0")
        self.assertIn("no_such_key", journal())

    def test_5_events_are_fields_of_the_journal(self):
        run("systemctl", "start", SERVICE)
        run("systemctl", "stop", SERVICE)
        fields = run("journalctl", "--no-pager", "-u", SERVICE, "-o", "cat",
                     "--output-fields=TRADESUP_WORKER", "TRADESUP_EVENT=worker.start")
        self.assertIn("flow", fields)

    def test_5_events_are_explained(self):
        shutil.copy(CATALOG, "/usr/lib/systemd/catalog/tradesup.catalog")
        run("journalctl", "--update-catalog")
        self.set_bot("exit 1")
        run("systemctl", "start", SERVICE)
        wait_until(lambda: "self_healing.worker_thread_restart" in journal(), "a restart")
        told = run("journalctl", "--no-pager", "-x", "-u", SERVICE,
                   "TRADESUP_EVENT=self_healing.worker_thread_restart")
        self.assertIn("Subject: bot is started afresh", told)
        self.assertIn("tradesup why bot", told)

    def test_6_hardening_holds(self):
        exposure = run("systemd-analyze", "security", "--no-pager", SERVICE, check=False)
        level = float(re.search(r"level for \S+: ([0-9.]+)", exposure).group(1))
        self.assertLessEqual(level, 2.0)

    def test_6_several_trees(self):
        """The template: two trees, each with its user, state and sockets."""
        unit = run("sh", os.path.join(harness.TREE, "etc", "systemd", "make-template"), UNIT)
        write(os.path.join(UNITS, "tradesup@.service"), unit)
        run("systemctl", "daemon-reload")
        for name in ("one", "two"):
            config = "/etc/tradesup/%s.conf" % name
            write(config, 'supervisor { state_dir = "/var/lib/tradesup-%s" runtime_dir = "/run/tradesup-%s" }\n'
                  % (name, name) + GOOD_CONFIG)
            self.addCleanup(run, "systemctl", "stop", "tradesup@" + name, check=False)
            run("systemctl", "start", "tradesup@" + name)
        for name in ("one", "two"):
            status = json.loads(run("tradesup", "status", "-c", "/etc/tradesup/%s.conf" % name, "--json"))
            self.assertEqual(status["supervisor"]["state_dir"], "/var/lib/tradesup-" + name)
            wait_until(lambda: os.path.isdir("/var/lib/tradesup-%s/flow" % name), "the worker's state")

    def test_6_a_user_of_its_own(self):
        """With sysusers.d the unit takes the user that is there."""
        run("systemd-sysusers", os.path.join(harness.TREE, "etc", "sysusers.d", "tradesup.conf"))
        run("systemd-tmpfiles", "--create", os.path.join(harness.TREE, "etc", "tmpfiles.d", "tradesup.conf"))
        self.assertEqual(os.stat("/etc/tradesup/credentials").st_mode & 0o777, 0o700)
        run("systemctl", "start", SERVICE)
        self.assertEqual(os.stat("/proc/" + prop("MainPID")).st_uid, pwd.getpwnam("tradesup").pw_uid)

    def test_6_service_of_a_user(self):
        shutil.copy(os.path.join(harness.TREE, "etc", "systemd", "user", "tradesup.service"),
                    "/etc/systemd/user/tradesup.service")
        run("useradd", "--create-home", "trader")
        trader = pwd.getpwnam("trader")
        config = trader.pw_dir + "/.config/tradesup/tradesup.conf"
        write(config, GOOD_CONFIG)
        run("chown", "-R", "trader:", trader.pw_dir + "/.config")
        run("systemctl", "start", "user@%d.service" % trader.pw_uid)
        environ = {"XDG_RUNTIME_DIR": "/run/user/%d" % trader.pw_uid, "HOME": trader.pw_dir,
                   "PATH": os.environ["PATH"]}

        def user(*command):
            return subprocess.run(["runuser", "-u", "trader", "--", *command], env=environ, text=True,
                                  cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)

        self.assertEqual(user("systemctl", "--user", "start", "tradesup").stdout, "")
        self.addCleanup(user, "systemctl", "--user", "stop", "tradesup")
        status = json.loads(user("tradesup", "status", "--json").stdout)
        self.assertEqual(status["supervisor"]["config"], config)
        wait_until(lambda: os.path.isdir(trader.pw_dir + "/.local/state/tradesup/flow"), "the worker's state")
        self.assertEqual(user("systemctl", "--user", "stop", "tradesup").returncode, 0)

    def test_7_limited_worker_has_a_cgroup_in_the_service(self):
        write(CONFIG, GOOD_CONFIG.replace("heartbeat = 0s", "heartbeat = 0s  memory_max = 1G"))
        run("systemctl", "start", SERVICE)
        directory = "/sys/fs/cgroup" + prop("ControlGroup")
        with open(directory + "/worker-bot/cgroup.procs") as file:
            self.assertEqual(len(file.read().split()), 1)
        with open(directory + "/supervisor/cgroup.procs") as file:
            self.assertIn(prop("MainPID"), file.read().split())
        run("systemctl", "restart", SERVICE)
        self.assertEqual(prop("ActiveState"), "active")
        run("systemctl", "stop", SERVICE)
        self.assertEqual(prop("Result"), "success")
        self.assertFalse(os.path.exists(directory))

    def start_python_bot(self, text=""):
        """The example, with @text at the beginning of its cycle."""
        if not os.path.exists("/usr/bin/python3"):
            self.skipTest("there is no /usr/bin/python3")
        shutil.copytree(os.path.join(harness.TREE, "etc", "examples", "python-bot"), PYTHON_BOT, dirs_exist_ok=True)
        changed_bot(PYTHON_BOT, text)
        write(CONFIG, PYTHON_CONFIG)
        run("systemctl", "start", SERVICE)

    def test_8_python_bot_that_loses_a_name_inside_a_cycle_goes_on(self):
        cue = "/var/lib/tradesup/lose"  # where the service may take it away
        self.start_python_bot(LOSES_A_NAME_INSIDE.replace('"lose"', '"%s"' % cue))
        wait_until(lambda: self.bot_count() >= 3, "good cycles")
        write(cue, "")
        wait_until(lambda: "self_healing.name_reload_success" in journal(), "its healing")
        count = self.bot_count()
        wait_until(lambda: self.bot_count() >= count + 3, "good cycles")
        self.assertEqual((prop("ActiveState"), prop("NRestarts")), ("active", "0"))

    def test_8_python_bot_whose_handler_is_the_bug_escalates_to_systemd(self):
        self.start_python_bot(HANDLER_IS_THE_BUG)
        wait_until(lambda: int(prop("NRestarts")) >= 1, "a restart by systemd")
        told = journal()
        for event in ("import_reload_success", "relapsed", "worker_thread_restart", "service_restart"):
            self.assertIn("self_healing." + event, told)
        self.assertIn("status=70", told)

    def test_8_python_bot_with_a_broken_registry_escalates_to_systemd(self):
        self.start_python_bot()
        with open(REGISTRY) as file:
            good = file.read()
        wait_until(lambda: "worker.ready" in journal() and self.fault("name"), "a bot to break")
        wait_until(lambda: "self_healing.pre_check_heal_success" in journal(), "its healing")
        # A fault in the cycle after a heal would be a relapse, which is another story.
        count = self.bot_count()
        wait_until(lambda: self.bot_count() >= count + 3, "good cycles")
        write(REGISTRY, "class StateFiles:\n    BOT_HEARTBEAT = (")
        self.fault("name")
        wait_until(lambda: int(prop("NRestarts")) >= 1, "a restart by systemd")
        write(REGISTRY, good)
        wait_until(lambda: "self_healing.verified" in journal(), "a good cycle")
        told = journal()
        self.assertIn("status=70", told)
        for event in ("pre_check_heal_failed", "worker_thread_restart", "service_restart"):
            self.assertIn("self_healing." + event, told)
        wait_until(lambda: prop("ActiveState") == "active", "the service to be active again")

    @staticmethod
    def bot_count():
        try:
            with open("/var/lib/tradesup/bot/heartbeat.json") as file:
                return json.load(file)["iter_count"]
        except FileNotFoundError:
            return 0

    def fault(self, kind):
        """A drill's fault for the bot. Whether it was taken."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(harness.TIMEOUT)
            connection.connect("/run/tradesup/control")
            connection.sendall(b"fault worker=bot kind=%s\n" % kind.encode())
            return connection.recv(100).startswith(b"ok")

    def test_9_reload(self):
        run("systemctl", "start", SERVICE)
        main = prop("MainPID")
        write(CONFIG, GOOD_CONFIG.replace("heartbeat = 0s", "heartbeat = 0s  nofile = 64"))
        run("systemctl", "reload", SERVICE)
        self.assertEqual((prop("ActiveState"), prop("MainPID")), ("active", main))
        wait_until(lambda: "restarted=bot" in journal(), "the event")
        write(CONFIG, GOOD_CONFIG.replace("heartbeat = 0s", "hartbeat = 0s"))
        result = subprocess.run(["systemctl", "reload", SERVICE], check=False)
        self.assertNotEqual(result.returncode, 0)
        wait_until(lambda: "hartbeat: unknown key" in journal(), "the reason")
        self.assertEqual((prop("ActiveState"), prop("MainPID")), ("active", main))

    def test_9_upgrade(self):
        """In the same process, with workers in cgroups of the service, and the watchdog goes on."""
        self.drop_in("[Service]\nWatchdogSec=2s\n")
        write(CONFIG, GOOD_CONFIG.replace("heartbeat = 0s", "heartbeat = 0s  memory_max = 1G"))
        run("systemctl", "start", SERVICE)
        wait_until(lambda: self.rows()["flow"].get("cycle", 0) > 0, "a cycle")
        main, before = prop("MainPID"), self.rows()
        run("tradesup", "upgrade", "-c", CONFIG)
        wait_until(lambda: "supervisor.upgrade" in journal(), "the event")
        fed = int(prop("WatchdogTimestampMonotonic"))
        wait_until(lambda: int(prop("WatchdogTimestampMonotonic")) > fed + 2000000, "the watchdog's next signs of life")
        self.assertEqual((prop("ActiveState"), prop("MainPID"), prop("NRestarts")), ("active", main, "0"))
        after = self.rows()
        self.assertEqual([after[name]["pid"] for name in after], [before[name]["pid"] for name in after])
        self.assertGreater(after["flow"]["cycle"], before["flow"]["cycle"])
        directory = "/sys/fs/cgroup" + prop("ControlGroup")
        os.kill(after["bot"]["pid"], signal.SIGKILL)
        wait_until(lambda: self.rows()["bot"]["pid"] not in (0, after["bot"]["pid"]), "its next life")
        with open(directory + "/worker-bot/cgroup.procs") as file:
            self.assertEqual(file.read().split(), [str(self.rows()["bot"]["pid"])])
        run("systemctl", "stop", SERVICE)
        self.assertEqual(prop("Result"), "success")
        self.assertFalse(os.path.exists(directory))

    @staticmethod
    def rows():
        workers = json.loads(run("tradesup", "status", "-c", CONFIG, "--json", check=False))["workers"]
        return {row["name"]: row for row in workers}


def in_a_box():
    """Whether this is a box, whose files are nobody else's."""
    try:
        with open("/proc/1/environ", "rb") as file:
            return b"container=systemd-box" in file.read().split(b"\0")
    except PermissionError:
        return False


if __name__ == "__main__":
    if not in_a_box():
        sys.exit("systemd_inside.py changes /etc and /var: it runs in a systemd-box alone")
    harness.main()
