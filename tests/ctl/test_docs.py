#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# The manual pages and bash's completion: whole, sound, and about the program as it is.
import os
import re
import shutil
import subprocess

import replies
from harness import CtlTest, PROGRAM, main

BUILD = os.path.dirname(PROGRAM)
MAN1 = os.path.join(BUILD, "vswitchctl.1")
MAN8 = os.environ["VSWITCHD_8"]
HVSOFT = os.environ["HVSOFT_1"]
COMPLETION = os.path.join(BUILD, "vswitchctl.bash")

COMPLETE = r"""
source "$1"
COMP_LINE=$2 COMP_POINT=${#2}
read -ra COMP_WORDS <<< "$2"
COMP_WORDS[0]=$3
_vswitchctl
printf '%s\n' "${COMPREPLY[@]}"
"""


class Manual(CtlTest):
    def lines_of(self, page):
        done = subprocess.run(["man", "-l", page], capture_output=True, text=True, check=True,
                              env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"})
        return re.sub(".\b", "", done.stdout).splitlines()

    def test_sound(self):
        if not shutil.which("groff"):
            self.skipTest("groff is not installed")
        for page in (MAN1, MAN8, HVSOFT):
            with self.subTest(page):
                done = subprocess.run(["groff", "-mandoc", "-Tutf8", "-wall", page],
                                      capture_output=True, text=True, check=True)
                self.assertEqual(done.stderr, "")
                if shutil.which("mandoc"):
                    done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", page],
                                          capture_output=True, text=True, check=False)
                    self.assertEqual(done.stdout, "")

    def test_reads_well(self):
        if not shutil.which("man"):
            self.skipTest("man is not installed")
        for page in (MAN1, MAN8, HVSOFT):
            lines = self.lines_of(page)
            self.assertGreater(len(lines), 60)
            for line in lines:
                self.assertLessEqual(len(line), 80, line)

    def test_names_every_command_and_option(self):
        with open(MAN1, encoding="utf-8") as f:
            page = f.read()
        overview = self.expect(0, "--help").stdout
        commands = re.findall(r"^  ([a-z]+(?:-[a-z]+)*) ", overview, re.M)
        self.assertGreater(len(commands), 20)
        for command in commands:
            section = page.split(f".Ss {command}\n", 1)
            self.assertEqual(len(section), 2, command)
            section = re.split(r"^\.S[sh] ", section[1], maxsplit=1, flags=re.M)[0]
            for flag in re.findall(r"^  --([a-z-]+)", self.expect(0, command, "--help").stdout,
                                   re.M):
                self.assertIn(f".It Fl -{flag}", section, command)

    def test_programs_manuals_know_their_options(self):
        for page, options in ((MAN8, "VSWITCHD_OPTIONS"), (HVSOFT, "HVSOFT_OPTIONS")):
            with open(page, encoding="utf-8") as f:
                told = set(re.findall(r"^\.It Fl -([a-z-]+)", f.read(), re.M))
            with open(os.environ[options], encoding="utf-8") as f:
                real = set(re.findall(r'^\t\{"([a-z-]+)", (?:no|required)_argument', f.read(),
                                      re.M))
            self.assertEqual(told, real)


class Completion(CtlTest):
    def complete(self, line):
        done = subprocess.run(["bash", "-c", COMPLETE, "bash", COMPLETION, line, PROGRAM],
                              capture_output=True, text=True, check=False,
                              env=self.environment(), cwd=self.folder.name)
        self.assertEqual(done.stderr, "", line)
        return done.stdout.split()

    def test_words_of_the_table(self):
        for line, want in (
                ("vswitchctl add-", ["add-switch", "add-port", "add-fdb"]),
                ("vswitchctl --json mon", ["monitor"]),
                ("vswitchctl --timeout 5 mon", ["monitor"]),
                ("vswitchctl --timeout=5 mon", ["monitor"]),
                ("vswitchctl help add-p", ["add-port"]),
                ("vswitchctl --so", ["--socket"]),
                ("vswitchctl add-port lan p --ty", ["--type"]),
                ("vswitchctl add-port lan p --type ", ["host", "tap", "vhost", "dpdk", "vmnic"]),
                ("vswitchctl add-port lan p --type v", ["vhost", "vmnic"]),
                ("vswitchctl add-port lan p --type=v", ["vhost", "vmnic"]),
                ("vswitchctl set-port p --link ", ["up", "down"]),
                ("vswitchctl monitor --events link", ["link-up", "link-down"]),
                ("vswitchctl monitor --events link-up,nic",
                 ["link-up,nic-added", "link-up,nic-removed"]),
                ("vswitchctl add-switch ", []),
                ("vswitchctl nonsense ", [])):
            with self.subTest(line):
                self.assertEqual(self.complete(line), want)

    def test_names_from_the_daemon(self):
        ports = ["eth1", "many", "off", "vm1", "web1"]
        with self.daemon():
            for line, want in (
                    ("vswitchctl show ", ["lab", "lan", "out"]),
                    ("vswitchctl show la", ["lab", "lan"]),
                    ("vswitchctl del-switch o", ["out"]),
                    ("vswitchctl del-port ", ports),
                    ("vswitchctl rename-port w", ["web1"]),
                    ("vswitchctl move-port web1 l", ["lab", "lan"]),
                    ("vswitchctl add-port ", ["lab", "lan", "out"]),
                    ("vswitchctl add-port lan ", []),
                    ("vswitchctl add-fdb lan 02:00:00:00:00:01 ", ports),
                    ("vswitchctl show-fdb lan --port v", ["vm1"]),
                    ("vswitchctl bind-nic lan v", ["veth-long-name"]),
                    ("vswitchctl unbind-nic eth1", ["eth1", "eth1"]),
                    ("vswitchctl add-switch x --nic=w", ["wlan0"])):
                with self.subTest(line):
                    self.assertEqual(self.complete(line), want)

    def test_socket_on_the_line(self):
        with self.daemon():
            line = f"vswitchctl --socket {self.socket} show la"
            self.assertEqual(self.complete(line), ["lab", "lan"])

    def test_names_with_colons(self):
        ports = {"list-ports": {"ports": [replies.port("a:b"), replies.port("a:c")]}}
        with self.daemon(ports):
            # bash has replaced "a:" already and wants what follows.
            self.assertEqual(self.complete("vswitchctl del-port a:"), ["b", "c"])

    def test_files(self):
        with open(os.path.join(self.folder.name, "site.json"), "w", encoding="utf-8"):
            pass
        self.assertEqual(self.complete("vswitchctl apply-config si"), ["site.json"])
        self.assertEqual(self.complete("vswitchctl --socket si"), ["site.json"])

    def test_silent_without_a_daemon(self):
        self.assertEqual(self.complete("vswitchctl show "), [])

    def test_names_are_never_expanded(self):
        trap = os.path.join(self.folder.name, "trap")
        evil = [f"$(touch${{IFS}}{trap})", f"`touch {trap}`", "*", "$HOME"]
        with self.daemon({"list-ports": {"ports": [replies.port(name) for name in evil]}}):
            names = self.complete("vswitchctl del-port ")
        self.assertFalse(os.path.exists(trap))
        self.assertIn("$HOME", names)
        self.assertIn("*", names)

    def test_shellcheck(self):
        if not shutil.which("shellcheck"):
            self.skipTest("shellcheck is not installed")
        done = subprocess.run(["shellcheck", "-s", "bash", "-S", "warning", COMPLETION],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.stdout, "")


main()
