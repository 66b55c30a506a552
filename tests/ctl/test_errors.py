#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Whatever goes wrong is told as thing, reason and remedy, with the right exit code.
import json
import os
import signal
import socket
import stat
import subprocess
import threading
import time
import unittest

import replies
from fake_daemon import Close, Error
from harness import CtlTest, PROGRAM, main


class CommandLine(CtlTest):
    def test_wrong_usage(self):
        for args, reason, remedy in (
                ([], "a command is missing", "vswitchctl --help"),
                (["ad-port"], "did you mean 'add-port'?", "vswitchctl --help"),
                (["port-add"], "did you mean 'add-port'?", "vswitchctl --help"),
                (["stats"], "did you mean 'show-stats'?", "vswitchctl --help"),
                (["\x1b[2J"], "there is no command '\\x1b[2J'", "vswitchctl --help"),
                (["xyzzy"], "there is no command 'xyzzy'", "vswitchctl --help"),
                (["--sokcet", "x", "show"], "did you mean '--socket'?", "vswitchctl --help"),
                (["show", "-x"], "there is no option '-x'", "show --help"),
                (["add-switch"], "add-switch needs NAME", "add-switch --help"),
                (["add-switch", "a", "b"], "'b' is one argument too many", "add-switch --help"),
                (["add-port", "lan", "p"], "needs --type TYPE", "add-port --help"),
                (["add-port", "lan", "p", "--type"], "--type wants a value", "add-port --help"),
                (["add-port", "lan", "p", "--type=tab"], "did you mean 'tap'?", ""),
                (["add-port", "l", "p", "--type", "tap", "--access-vlan", "4095"],
                 "a number from 1 to 4094, not '4095'", ""),
                (["add-port", "l", "p", "--type", "tap", "--access-vlan", "0"], "not '0'", ""),
                (["add-port", "l", "p", "--type", "tap", "--mtu", "12x"], "not '12x'", ""),
                (["add-port", "l", "p", "--type", "tap", "--mtu", "-1"], "not '-1'", ""),
                (["add-port", "l", "p", "--type", "tap", "--mtu", "99999999999999999999"], "", ""),
                (["add-port", "l", "p", "--type", "tap", "--mtu="], "not ''", ""),
                (["add-port", "l", "p", "--type", "tap", "--untagged", "--access-vlan", "1"],
                 "--untagged and --access-vlan exclude each other", ""),
                (["add-port", "l", "p", "--type", "tap", "--type", "tap"], "given twice", ""),
                (["add-port", "l", "p", "--type", "tap", "--untagged=perhaps"],
                 "true or false", ""),
                (["add-switch", ""], "NAME is empty", ""),
                (["monitor", "--events", "link-up,link-dwn"], "did you mean 'link-down'?", ""),
                (["monitor", "--events", ","], "a list of words", ""),
                (["--timeout", "soon", "show"], "--timeout takes a number", ""),
        ):
            with self.subTest(args):
                done = self.refused(2, reason, remedy, *args)
                self.assertEqual(done.stdout, "")

    def test_bytes_that_are_no_text(self):
        done = subprocess.run([PROGRAM, b"add-switch", b"a\xff"], capture_output=True,
                              env=self.environment(), check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"not valid UTF-8", done.stderr)

    def test_what_is_sent(self):
        sent = (
            (["add-port", "lan", "web1", "--type", "tap", "--access-vlan", "10"],
             {"switch": "lan", "port": "web1", "type": "tap", "access_vlan": 10}),
            (["add-port", "--type=tap", "lan", "--mtu=9000", "web1", "--what-if", "--untagged"],
             {"switch": "lan", "port": "web1", "type": "tap", "mtu": 9000, "what_if": True,
              "untagged": True}),
            (["--json", "add-port", "lan", "--type", "vhost", "--", "-odd"],
             {"switch": "lan", "port": "-odd", "type": "vhost"}),
            (["add-port", "lan", "p", "--type=dpdk", "--devargs=net_null0,size=64"],
             {"switch": "lan", "port": "p", "type": "dpdk", "devargs": "net_null0,size=64"}),
            (["add-port", "lan", "p", "--type=tap", "--trunk-vlans", "all", "--may-exist=false"],
             {"switch": "lan", "port": "p", "type": "tap", "trunk_vlans": "all",
              "may_exist": False}),
        )
        for args, params in sent:
            with self.subTest(args), self.daemon() as daemon:
                self.expect(0, *args)
                request = daemon.requests[0]
                self.assertEqual((request["jsonrpc"], request["method"]), ("2.0", "add-port"))
                self.assertEqual(request["params"], params)

    def test_help_and_version_need_no_daemon(self):
        self.assertIn("Usage: vswitchctl [OPTIONS] COMMAND", self.expect(0, "--help").stdout)
        self.assertIn("Usage: vswitchctl [OPTIONS] COMMAND", self.expect(0, "help").stdout)
        for args in (["add-port", "--help"], ["help", "add-port"], ["--help", "add-port"],
                     ["add-port", "-h"], ["add-port", "lan", "--help"]):
            self.assertIn("Usage: vswitchctl add-port SWITCH PORT", self.expect(0, *args).stdout)
        self.assertRegex(self.expect(0, "--version").stdout, r"^vswitchctl \d+\.\d+\.\d+\n$")

    def test_help_of_all_commands_fits(self):
        text = self.expect(0, "--help").stdout
        self.assert_narrow(text)
        commands = [line.split()[0] for line in text.splitlines()
                    if line.startswith("  ") and line[2] not in " -"]
        self.assertGreater(len(commands), 20)
        for command in commands:
            with self.subTest(command):
                self.assert_narrow(self.expect(0, command, "--help").stdout)

    def test_output_that_cannot_be_written(self):
        with self.daemon(), open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([PROGRAM, "show"], stdout=full, stderr=subprocess.PIPE,
                                  env=self.environment(), check=False, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write the output: No space left", done.stderr)


class Connection(CtlTest):
    def test_no_daemon(self):
        self.refused(1, "vswitchd is not running: there is no", f"vswitchd --socket {self.socket}",
                     "show")

    def test_default_socket(self):
        if os.path.exists("/run/vswitch/control.sock"):
            self.skipTest("a daemon runs here")
        done = self.run_ctl("show", VSWITCH_SOCKET="")
        self.assertEqual(done.returncode, 1)
        self.assertIn("/run/vswitch/control.sock", done.stderr)
        self.assertRegex(done.stderr, r"try: (sudo )?(systemctl start )?vswitchd\n")

    def test_no_such_folder(self):
        self.refused(1, "the folder does not exist", "--socket PATH", "show", "--socket",
                     self.folder.name + "/none/s")

    def test_socket_of_a_dead_daemon(self):
        with self.daemon() as daemon:
            daemon.stop()
            self.refused(1, "left over from one that died", "vswitchd --socket", "show")

    def test_not_a_socket(self):
        with open(self.socket, "w", encoding="utf-8"):
            pass
        self.refused(1, "is not a socket", "--socket PATH", "show")
        self.refused(1, "is not a socket", "--socket PATH", "show", "--socket", self.folder.name)

    def test_path_too_long(self):
        self.refused(1, "longer than the 107 bytes", "shorter", "show", "--socket=/" + "x" * 120)

    @unittest.skipIf(os.geteuid() != 0, "only root can become somebody else")
    def test_no_permission(self):
        os.chmod(self.folder.name, 0o755)
        with self.daemon():
            os.chmod(self.socket, 0o600)
            done = subprocess.run(
                [PROGRAM, "show"], capture_output=True, text=True, env=self.environment(),
                user=65534, group=65534, extra_groups=[], check=False)
        if "Permission denied" in done.stderr and "vswitchctl:" not in done.stderr:
            self.skipTest("others may not run the program")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no permission to use", done.stderr)
        self.assertIn("root or the group vswitch, looking the group vswitch-ro", done.stderr)
        self.assertIn("try: sudo usermod -aG vswitch", done.stderr)

    def test_daemon_that_takes_no_connections(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(self.socket)
            listener.listen(0)
            waiting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            waiting.connect(self.socket)
            self.refused(1, "does not take connections", "journalctl", "show", "--timeout", "1")
            waiting.close()


class Replies(CtlTest):
    def test_refusal(self):
        error = Error(1002, "port 'web1' does not exist", "not-found",
                      "see: vswitchctl list-ports")
        with self.daemon(**{"del-port": error}):
            done = self.refused(1, "port 'web1' does not exist", "vswitchctl list-ports",
                                "del-port", "web1")
            self.assertEqual(done.stderr, "vswitchctl: port 'web1' does not exist\n"
                             "  try: vswitchctl list-ports\n")

    def test_remedies_of_every_kind(self):
        for remedy, told in (("one of: a, b", "  one of: a, b"),
                             ("1 to 63 letters", "  1 to 63 letters"),
                             ("there are: eth0", "  there are: eth0"),
                             ("use: vswitchctl del-port", "  try: vswitchctl del-port"),
                             ("choose another name", "  try: choose another name")):
            with self.subTest(remedy), \
                    self.daemon(**{"del-port": Error(1005, "it cannot be 'x'", "", remedy)}):
                done = self.expect(1, "del-port", "web1")
                self.assertEqual(done.stderr, f"vswitchctl: it cannot be 'x'\n{told}\n")

    def test_folder_is_no_configuration(self):
        self.refused(1, "cannot read /: Is a directory", None, "apply-config", "/")

    def test_parameters_are_called_as_they_are_typed(self):
        for message, remedy, told in (
                ("parameter 'trunk_vlans' is malformed", "", "--trunk-vlans is malformed"),
                ("parameter 'port' is empty", "", "PORT is empty"),
                ("netns: ports of type host have no such setting", "",
                 "--netns: ports of type host have no such setting"),
                ("native_vlan is for trunks only", "add trunk_vlans",
                 "--native-vlan is for trunks only\n  try: add --trunk-vlans"),
                ("port 'native_vlan' does not exist", "", "port 'native_vlan' does not exist")):
            with self.subTest(message), \
                    self.daemon(**{"add-port": Error(1005, message, "", remedy)}):
                done = self.expect(1, "add-port", "lan", "web1", "--type", "tap")
                self.assertEqual(done.stderr, f"vswitchctl: {told}\n")

    def test_refusal_without_remedy(self):
        with self.daemon(**{"del-port": Error(1011, "out of memory")}):
            self.refused(1, "out of memory", None, "del-port", "web1")

    def test_invalid_params_is_wrong_usage(self):
        with self.daemon(**{"add-switch": Error(-32602, "'name' is too long")}):
            self.refused(2, "'name' is too long", None, "add-switch", "x" * 64)

    def test_older_daemon(self):
        with self.daemon({"version": replies.VERSION}):
            done = self.run_ctl("show")
            self.assertEqual(done.returncode, 1)
            self.assertIn("there is no method 'show'", done.stderr)

    def test_broken_replies(self):
        half = json.dumps({"jsonrpc": "2.0", "id": 1, "result": replies.VERSION}).encode()
        for answer, reason in (
                (Close(), "went away without a reply"),
                (Close(half[:20]), "went away in the middle of its reply"),
                (Close(half), "went away in the middle of its reply"),
                (Close(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "does not speak vswitchd's protocol"),
                (Close(b"\n"), "does not speak vswitchd's protocol"),
                (Close(b"[1,2]\n"), "does not speak vswitchd's protocol"),
                (Close(b"\xff\xfe\x00\n"), "does not speak vswitchd's protocol"),
                (Close(b'{"jsonrpc":"2.0","id":1}\n'), "neither a result nor an error"),
                (Close(b'{"id":1,"result":7}\n'), "neither a result nor an error"),
                (Close(b'{"id":1,"error":{}}\n'), "refused, without a reason"),
                (Close(b'{"id":1,"error":{"message":7,"data":[]}}\n'), "without a reason"),
                (Close(b"[" * 100000 + b"\n"), "does not speak vswitchd's protocol")):
            for args in (["version"], ["version", "--json"]):
                with self.subTest(answer.data[:40]), self.daemon({"version": answer}):
                    done = self.expect(1, *args)
                    self.assertIn(reason, done.stderr)

    def test_reply_in_pieces_after_an_event(self):
        text = json.dumps({"jsonrpc": "2.0", "id": 1, "result": replies.VERSION}).encode() + b"\n"
        pieces = [b'{"jsonrpc":"2.0","method":"event","params":{}}\n' + text[:7], text[7:50],
                  text[50:]]
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(self.socket)
            listener.listen()

            def serve():
                connection, _ = listener.accept()
                connection.recv(4096)
                for piece in pieces:
                    connection.sendall(piece)
                    time.sleep(0.1)
                connection.close()
            threading.Thread(target=serve, daemon=True).start()
            done = self.expect(0, "version", "--json")
        self.assertEqual(json.loads(done.stdout), replies.VERSION)

    def test_timeout(self):
        with self.daemon({"show": b""}):
            began = time.monotonic()
            self.refused(1, "did not answer within 1 s", "vswitchctl --timeout", "--timeout", "1",
                         "show")
            self.assertLess(time.monotonic() - began, 5)

    def test_waiting_is_told_on_a_terminal_only(self):
        with self.daemon({"show": b""}):
            code, text = self.on_terminal("show", "--timeout", "3", stderr=True)
            self.assertEqual(code, 1)
            self.assertIn("waiting for the daemon\u2026 (1 s)", text)
            self.assertIn("waiting for the daemon\u2026 (2 s)", text)
            done = self.run_ctl("show", "--timeout", "2")
            self.assertNotIn("waiting", done.stderr)

    def test_daemon_dies_under_a_monitor(self):
        with self.daemon(events=[replies.EVENTS[0]]) as daemon:
            threading.Timer(0.5, daemon.stop).start()
            done = self.refused(1, "the daemon went away", "vswitchctl monitor --reconnect",
                                "monitor")
            self.assertIn("switch-added", done.stdout)

    def test_monitor_reconnects(self):
        child = subprocess.Popen([PROGRAM, "monitor", "--reconnect"], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, env=self.environment(), text=True)
        try:
            for event in replies.EVENTS[:2]:
                with self.daemon(events=[event]):
                    line = child.stdout.readline()
                    self.assertIn(event["event"], line)
        finally:
            child.send_signal(signal.SIGINT)
            _, err = child.communicate(timeout=10)
        self.assertIn("trying again until it is there", err)
        self.assertIn("the daemon is back", err)
        self.assertEqual(child.returncode, -signal.SIGINT)

    def test_monitor_does_not_reconnect_when_refused(self):
        with self.daemon({"subscribe": Error(1006, "you may not look", "permission", "x")}):
            self.refused(1, "you may not look", "x", "monitor", "--reconnect")


class Config(CtlTest):
    def setUp(self):
        super().setUp()
        self.file = os.path.join(self.folder.name, "site.json")

    def read(self):
        with open(self.file, encoding="utf-8") as f:
            return json.load(f)

    def write(self, text):
        with open(self.file, "w", encoding="utf-8") as f:
            f.write(text)

    def test_round_trip(self):
        config = replies.CONFIG["config"]
        with self.daemon() as daemon:
            self.assertEqual(self.expect(0, "export-config", self.file).stdout,
                             f"wrote {self.file}\n")
            self.assertEqual(self.read(), config)
            done = self.expect(0, "apply-config", self.file, "--what-if", "--prune")
            self.assertEqual(done.stdout, "would create switch 'lan' (external)\n"
                             "would create port 'web1' (tap) on 'lan'\n")
            self.assertEqual(daemon.requests[-1]["params"],
                             {"config": config, "what_if": True, "prune": True})
            piped = self.expect(0, "export-config").stdout
            self.expect(0, "apply-config", "-", stdin=piped)
            self.assertEqual(daemon.requests[-1]["params"], {"config": config})
            whole = self.expect(0, "export-config", "--json").stdout
            self.expect(0, "apply-config", "-", stdin=whole)
            self.assertEqual(daemon.requests[-1]["params"], {"config": config})

    def test_export_replaces_whole_and_keeps_the_mode(self):
        self.write("old")
        os.chmod(self.file, 0o640)
        with self.daemon():
            self.expect(0, "export-config", self.file)
        self.assertEqual(self.read(), replies.CONFIG["config"])
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o640)
        self.assertEqual(os.listdir(self.folder.name), ["site.json"])

    def test_failed_export_leaves_the_old_file(self):
        self.write("old")
        with self.daemon({"export-config": Error(1006, "no")}):
            self.expect(1, "export-config", self.file)
        with open(self.file, encoding="utf-8") as f:
            self.assertEqual(f.read(), "old")
        with self.daemon():
            self.refused(1, "cannot write", None, "export-config", self.folder.name + "/no/x")
            self.refused(1, "cannot write /dev/full", None, "export-config", "/dev/full")

    def test_bad_files(self):
        with self.daemon() as daemon:
            self.refused(1, "cannot read", None, "apply-config", self.file)
            for text in ("", "{", "[]", '{"a":1,"a":2}', "\x00", "7"):
                self.write(text)
                self.refused(1, "is not a configuration: line 1", "export-config",
                             "apply-config", self.file)
            self.assertEqual(daemon.requests, [])

    def test_large_file(self):
        ports = [replies.port(f"p{n}") for n in range(4095)]
        self.write(json.dumps({"version": 1, "ports": ports}))
        with self.daemon() as daemon:
            self.expect(0, "apply-config", self.file)
            self.assertEqual(len(daemon.requests[0]["params"]["config"]["ports"]), 4095)


main()
