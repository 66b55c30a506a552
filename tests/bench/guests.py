# SPDX-License-Identifier: BSD-3-Clause
# Guests on VMBus, played by hvsoft: frames against vhost-user, TCP between two of them, and
# flows spread over queues.
import contextlib
import json
import os
import signal
import statistics
import subprocess
import time

import pcap_files
import programs
import scenarios
from programs import Failed, Program
from scenarios import Bare, Guest, Spaces, VhostTestpmd, guest_rate, print_table, started

OTHER_MAC, GUEST_MAC = (":".join(f"{b:02x}" for b in pcap_files.mac(side, 0))
                        for side in (0xa, 0xb))  # FILE_a goes from the one to the other


class Soft(Program):
    """A guest without a virtual machine."""

    def __init__(self, folder, name, socket, *options):
        self.name = name
        super().__init__(folder, "", [])
        self.argv = [programs.Vswitch.build + "/hypervisor/soft/hvsoft", "--port", name,
                     "--vsp-socket", socket, *options]

    def start(self):
        self.out = open(os.path.join(self.folder, "out"), "wb+")
        self.process = self.spawn(self.argv, stdout=self.out)

    def end(self):
        """Stops it; its statistics."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.out.seek(0)
        text = self.out.read().decode(errors="replace")
        if code:
            raise Failed(f"hvsoft ended with {code}: {self.log_tail()}{text[-300:]}")
        return json.loads(text)


class VmnicOurs(Bare):
    """A port for a guest and a device at the other end."""
    name = "vswitch vmnic"
    options = ["--poll"]

    def __init__(self, folder, cpus, frames):
        super().__init__(folder, cpus, frames)
        self.vsp_socket = self.folder + "/vsp.sock"
        self.options = [*self.options, "--vsp-socket", self.vsp_socket]

    def start(self):
        super().start()
        self.call("add-port", switch="bench", port="guest", type="vmnic", mac=GUEST_MAC)
        device = f"net_pcap_a,rx_pcap={self.frames[0]},infinite_rx=1" if self.frames else \
            "net_null_a,no-rx=1"
        self.call("add-port", switch="bench", port="a", type="dpdk", devargs=device)
        # Nobody answers here, so nothing would be learnt, and all be flooded.
        self.call("add-fdb", switch="bench", mac=GUEST_MAC, port="guest")
        self.call("add-fdb", switch="bench", mac=OTHER_MAC, port="a")


class VmnicProfile(VmnicOurs):
    name = "vswitch vmnic --profile"
    options = ["--poll", "--profile"]


def pair_of(args, folder, cls, direction, size):
    """(switch, guest) of one measurement, not started."""
    frames = pcap_files.make(os.path.join(folder, "pcap"), 1, size) if direction == "to" else []
    switch = cls(folder, args.cpu, frames)
    if cls is VhostTestpmd:
        mode = "rxonly" if direction == "to" else "txonly"
        return switch, Guest(folder, args.cpu, mode, size, switch.folder + "/vhost.sock")
    options = ["--pktgen", "rx"] if direction == "to" else \
        ["--pktgen", "tx", "--size", str(size - 4), "--dst", OTHER_MAC]
    other = "0" if args.cpu.split(",")[-1] != "0" else "1"
    return switch, Soft(folder, "guest", switch.vsp_socket, *options, "--mac", GUEST_MAC,
                        "--poll", "--cpus", other, "--json")


def stages_of(args, folder, direction, size):
    switch, guest = pair_of(args, folder, VmnicProfile, direction, size)
    try:
        switch.start()
        guest.start()
        time.sleep(1)
        return scenarios.cycles_by_stage(switch, args.seconds)
    finally:
        guest.stop()
        switch.stop()


def vmnic(args, folder):
    """Frames to and from a guest: the switch on one core, the guest on the other."""
    rows = [["one queue, Mpps (Gbit/s)", "vswitch and hvsoft", "testpmd and virtio-user", "ratio",
             "lowest", "highest"]]
    stages = []
    found = {}
    for size in (64, 1518):
        for direction, text in (("to", f"{size} B to the guest"),
                                ("from", f"{size} B from the guest")):
            rates = {"vswitch": [], "testpmd": []}
            for _ in range(args.turns):
                for cls, name in ((VmnicOurs, "vswitch"), (VhostTestpmd, "testpmd")):
                    rates[name].append(guest_rate(args, *pair_of(args, folder, cls, direction,
                                                                 size)))
            median = {n: statistics.median(r) for n, r in rates.items()}
            pairs = [a / b for a, b in zip(rates["vswitch"], rates["testpmd"])]
            rows.append([text] + [f"{m:.1f} ({m * size * 8 / 1000:.1f})" for m in median.values()]
                        + [f"{median['vswitch'] / median['testpmd']:.2f}", f"{min(pairs):.2f}",
                           f"{max(pairs):.2f}"])
            cycles = stages_of(args, folder, direction, size)
            if not stages:
                stages.append(["cycles a packet"] + list(cycles))
            stages.append([text] + [f"{c:.1f}" for c in cycles.values()])
            found[text] = {**rates, "cycles": cycles}
    print()
    print_table(rows)
    print("\nThe switch's core with --profile: TSC cycles a packet in each stage; rx and tx hold "
          "what is done in the guest's rings and memory\n")
    print_table(stages)
    return found


class Guests(Bare):
    """Ports for guests only."""
    name = "vswitch guests"

    def __init__(self, folder, cpus, frames):
        super().__init__(folder, cpus, frames)
        self.vsp_socket = self.folder + "/vsp.sock"
        self.options = [*self.options, "--vsp-socket", self.vsp_socket]


def has_interface(namespace, ifname):
    return subprocess.run(["ip", "-n", namespace, "link", "show", ifname], check=False,
                          capture_output=True).returncode == 0


@contextlib.contextmanager
def tcp_guests(args, folder):
    with contextlib.ExitStack() as stack:
        spaces = stack.enter_context(Spaces("g"))
        switch = stack.enter_context(started(Guests, folder, args.cpu, []))
        for i, name in enumerate(spaces.names):
            switch.call("add-port", switch="bench", port=f"g{i}", type="vmnic")
            # All that moves frames is on one core, as it is in the programs compared with.
            guest = Soft(folder, f"g{i}", switch.vsp_socket, "--tap", "eth", "--netns", name,
                         "--cpus", args.cpu.split(",")[-1])
            stack.callback(guest.stop)
            guest.start()
            programs.wait_for("the guest's interface", lambda n=name: has_interface(n, "eth"))
            spaces.address(i, "eth")
        time.sleep(2)
        yield spaces


def guests_tcp(args, folder):
    return scenarios.compare_tcp(args, folder, {
        "vswitch, two guests on VMBus": tcp_guests,
        scenarios.OVS_DEFAULTS: scenarios.tcp_ovs_defaults,
        scenarios.OVS_TSO: scenarios.tcp_ovs,
        scenarios.BRIDGE: scenarios.tcp_bridge,
        "vswitch, two taps": scenarios.tcp_ours,
    })


QUEUES = 4
FLOWS = 1000


def rss(args, folder):
    """Frames of many flows from one guest to another with several queues."""
    with contextlib.ExitStack() as stack:
        switch = stack.enter_context(started(Guests, folder, args.cpu, []))
        for name in "ab":
            switch.call("add-port", switch="bench", port=name, type="vmnic", queues=QUEUES)
        sink = Soft(folder, "b", switch.vsp_socket, "--pktgen", "rx", "--queues", str(QUEUES),
                    "--mac", GUEST_MAC, "--json")
        stack.callback(sink.stop)
        sink.start()
        time.sleep(2)
        source = Soft(folder, "a", switch.vsp_socket, "--pktgen", "tx", "--flows", str(FLOWS),
                      "--rate", "200000", "--dst", GUEST_MAC, "--seconds", str(args.seconds + 2),
                      "--json")
        stack.callback(source.stop)
        source.start()
        source.process.wait(args.seconds + 30)
        time.sleep(0.5)
        stats = sink.end()
    queues = [q["rx_frames"] for q in stats["queues"]]
    mean = sum(queues) / QUEUES
    if not mean:
        raise Failed("no frames came")
    print(f"\nRSS, {FLOWS} flows, {QUEUES} queues: " +
          ", ".join(f"{100 * q / sum(queues):.1f} %" for q in queues) +
          f" of {sum(queues)} frames; furthest from even "
          f"{100 * max(abs(q - mean) for q in queues) / mean:.1f} %; out of order "
          f"{stats['out_of_order']} of {stats['numbered']} that are numbered")
    return stats


SECTIONS = {"vmnic": vmnic, "guests-tcp": guests_tcp, "rss": rss}
