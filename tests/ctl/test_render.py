#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# What people see: every command's picture against golden/, width, hostile text, JSON.
# UPDATE_GOLDEN=1 writes the pictures anew.
import copy
import json
import os
import time

import replies
from fake_daemon import Close
from harness import HERE, CtlTest, main

GOLDEN = {
    "list-switches": ["list-switches"],
    "show": ["show"],
    "list-ports": ["list-ports"],
    "show-port-nic": ["show-port", "eth1"],
    "show-port-vhost": ["show-port", "vm1"],
    "show-port-tap": ["show-port", "web1"],
    "show-port-vmnic": ["show-port", "g1"],
    "list-guests": ["list-guests"],
    "diagnose-port": ["diagnose-port", "g2"],
    "list-nics": ["list-nics"],
    "show-fdb": ["show-fdb", "lan"],
    "show-stats": ["show-stats"],
    "show-stats-drops": ["show-stats", "--drops"],
    "show-workers": ["show-workers"],
    "monitor": ["monitor"],
    "version": ["version"],
    "export-config": ["export-config"],
    "add-switch": ["add-switch", "lan"],
    "add-switch-what-if": ["add-switch", "lan", "--what-if"],
    "set-switch-nothing": ["set-switch", "lan", "--ageing", "300"],
    "flush-fdb": ["flush-fdb", "lan"],
    "help": ["--help"],
    "help-add-port": ["add-port", "--help"],
    "help-apply-config": ["apply-config", "--help"],
    "help-monitor": ["monitor", "--help"],
}
EMPTY = {
    "list-switches": {"switches": []}, "show": {"switches": []}, "list-ports": {"ports": []},
    "list-guests": {"guests": []}, "diagnose-port": {"port": "x", "steps": []},
    "list-nics": {"nics": []}, "show-workers": {"workers": []}, "show-fdb": {"entries": []},
    "show-stats": {"ports": [], "sum": {}}, "show-port": {"port": {"name": "x"}},
}
TABLES = [["list-switches"], ["show"], ["list-ports"], ["show-port", "web1"], ["list-nics"],
          ["show-port", "g1"], ["list-guests"], ["diagnose-port", "g2"],
          ["show-fdb", "lan"], ["show-stats"], ["show-stats", "--drops"], ["show-workers"]]


def rename(value, change, key=None):
    """A deep copy with every name changed, as far as the daemon's rules let names be anything."""
    if isinstance(value, dict):
        return {k: rename(v, change, k) for k, v in value.items()}
    if isinstance(value, list):
        return [rename(v, change, key) for v in value]
    if isinstance(value, str) and key in ("name", "switch", "port", "uplink", "ifname", "netns",
                                          "reason", "driver", "actions", "message"):
        return change(value)
    return value


class Render(CtlTest):
    def picture(self, name, text):
        path = os.path.join(HERE, "golden", name + ".txt")
        if os.environ.get("UPDATE_GOLDEN"):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        with open(path, encoding="utf-8") as f:
            self.assertEqual(text, f.read(), f"golden/{name}.txt")

    def test_pictures(self):
        for name, args in GOLDEN.items():
            with self.subTest(name), self.daemon(events=[*replies.EVENTS, Close()]):
                done = self.expect(1 if name == "monitor" else 0, *args)
                self.picture(name, done.stdout)

    def test_tree_in_ascii(self):
        with self.daemon():
            done = self.expect(0, "show", locale="C")
            self.assertTrue(done.stdout.isascii())
            self.picture("show-ascii", done.stdout)

    def test_nothing_there_yet(self):
        for args in TABLES:
            with self.subTest(args), self.daemon(EMPTY):
                self.expect(0, *args)

    def test_every_command_without_a_word_understood(self):
        """A daemon of another version may leave everything out."""
        for args in TABLES:
            with self.subTest(args), self.daemon({args[0]: {}}):
                self.expect(0, *args)

    def test_80_columns_with_long_names(self):
        answers = {k: v if callable(v) else rename(v, lambda s: (s + "-x" * 40)[:63])
                   for k, v in replies.ANSWERS.items()}
        answers["show-port"] = {"port": rename(replies.show_port({"port": "eth1"})["port"],
                                               lambda s: (s + "-x" * 40)[:63])}
        stats = rename(replies.show_stats({"drops": True}), lambda s: (s + "-x" * 40)[:63])
        stats["ports"][0]["rx_packets"] = 2**63 - 1
        answers["show-stats"] = stats
        for args in TABLES:
            for locale in ("C", "C.UTF-8"):
                with self.subTest(args), self.daemon(answers):
                    done = self.expect(0, *args, locale=locale)
                    self.assert_narrow(done.stdout)
                    done = self.expect(0, *args, "--wide", locale=locale)
                    self.assertIn("-x-x-x-x-x-x-x-x-x-x-x-x-x-x-x-x-x", done.stdout)
                    code, text = self.on_terminal(*args, columns=60)
                    self.assertEqual(code, 0)
                    if args[0] not in ("list-nics", "show-stats", "list-switches", "show",
                                       "show-workers"):
                        self.assert_narrow(text, 60)

    def test_long_values_are_wrapped_whole(self):
        port = copy.deepcopy(replies.show_port({"port": "eth1"}))
        words = "as asked for, but " + "words and " * 30 + "the last one"
        port["port"]["driver"] = {"because": words}
        with self.daemon({"show-port": port}):
            done = self.expect(0, "show-port", "eth1")
            self.assert_narrow(done.stdout)
            self.assertIn(words, " ".join(done.stdout.split()))

    def test_hostile_text_never_reaches_the_terminal(self):
        evil = "\x1b]0;owned\x07\x1b[2J\r\n\x9b31m\x7f\u202egnp\u200b\u00e9"
        answers = {k: v if callable(v) else rename(v, lambda s: s + evil)
                   for k, v in replies.ANSWERS.items()}
        answers["show-port"] = {"port": rename(replies.show_port({"port": "eth1"})["port"],
                                               lambda s: s + evil)}
        answers["show-port"]["port"]["driver"] = {"key" + evil: "value" + evil, "n": [evil]}
        answers["show-stats"] = copy.deepcopy(replies.STATS)
        answers["show-stats"]["ports"][0]["drops"] = {"reason" + evil: 1}
        events = [rename(replies.EVENTS[3], lambda s: s + evil), Close()]
        commands = TABLES + [["monitor"], ["version"], ["add-switch", "x"], ["show-port", "x"],
                             ["apply-config", "-"], ["export-config"]]
        for args in commands:
            for extra in ([], ["--json"], ["--wide"]):
                for locale in ("C", "C.UTF-8"):
                    with self.subTest(args + extra), self.daemon(answers, events):
                        done = self.run_ctl(*args, *extra, locale=locale, stdin="{}")
                        for char in done.stdout + done.stderr:
                            self.assertFalse(
                                (ord(char) < 32 and char != "\n") or 0x7f <= ord(char) < 0xa0 or
                                char in "\u202e\u200b", repr(done.stdout))

    def test_json_is_the_exact_result(self):
        for method, args in (("list-ports", ["list-ports"]), ("show", ["show"]),
                             ("show-fdb", ["show-fdb", "lan"]), ("version", ["version"]),
                             ("apply-config", ["apply-config", "-"]),
                             ("export-config", ["export-config"]),
                             ("add-switch", ["add-switch", "lan"])):
            with self.subTest(method), self.daemon():
                done = self.expect(0, *args, "--json", stdin="{}")
                self.assertEqual(done.stdout.count("\n"), 1)
                self.assertEqual(json.loads(done.stdout), replies.ANSWERS[method])
                code, text = self.on_terminal("--json", *args[:1], "x" if len(args) > 1 else "--wide") \
                    if method != "apply-config" else (0, None)
                if text and code == 0:
                    self.assertGreater(text.count("\n"), 1)
                    self.assertEqual(json.loads(text), replies.ANSWERS[method])

    def test_monitor_json_is_a_line_an_event(self):
        with self.daemon(events=[*replies.EVENTS, Close()]) as daemon:
            done = self.expect(1, "monitor", "--json", "--events", "link-up,link-down")
            self.assertEqual([json.loads(line) for line in done.stdout.splitlines()],
                             replies.EVENTS)
            self.assertEqual(daemon.requests[0]["params"], {"events": ["link-up", "link-down"]})

    def test_4095_ports(self):
        ports = [replies.port(f"port-{n}", ips=[replies.ip("10.77.3.4")]) for n in range(4095)]
        tree = {"switches": [{**replies.LAN, "ports": ports}]}
        with self.daemon({"list-ports": {"ports": ports}, "show": tree}):
            began = time.monotonic()
            done = self.expect(0, "list-ports")
            self.assertEqual(done.stdout.count("\n"), 4096)
            self.assert_narrow(done.stdout)
            done = self.expect(0, "show")
            self.assertEqual(done.stdout.count("port-"), 4095)
            self.assertLess(time.monotonic() - began, 20)

    def test_done_is_told_as_done(self):
        actions = ["rename port 'a' to 'b'; move port 'b' from 'x' to 'y'; set port 'b' MTU 9000",
                   "bind NIC 'eth1' to 'lan' as port 'eth1' (uplink)", "created already", "odd"]
        with self.daemon(**{"set-port": {"changed": True, "actions": actions}}):
            self.assertEqual(self.expect(0, "set-port", "a").stdout.splitlines(), [
                "renamed port 'a' to 'b'; moved port 'b' from 'x' to 'y'; set port 'b' MTU 9000",
                "bound NIC 'eth1' to 'lan' as port 'eth1' (uplink)", "created already", "odd"])

    def test_quiet(self):
        with self.daemon():
            self.assertEqual(self.expect(0, "add-switch", "lan", "--quiet").stdout, "")
            self.assertNotEqual(self.expect(0, "add-switch", "lan", "--what-if").stdout, "")

    def test_watch_repeats_with_rates(self):
        count = []

        def answer(params):
            count.append(params)
            return replies.show_stats(params) if len(count) < 3 else Close()
        with self.daemon({"show-stats": answer}):
            done = self.expect(1, "show-stats", "--watch")
        self.assertEqual(done.stdout.count("PORT"), 2)
        self.assertIn("1.0 kpps", done.stdout)
        self.assertNotIn("watch", count[0])


main()
