# SPDX-License-Identifier: BSD-3-Clause
# What a daemon with something of everything would answer.

REASONS = {
    "vlan_tagged": "rx: tagged frame on an untagged or access port",
    "tx_full": "tx: the port did not take it",
    "no_destination": "rx: nobody else in this VLAN",
    "oversize_rx": "rx: longer than the port's MTU allows",
    "source_multicast": "rx: the source address is a group address",
    "vlan_tx_not_allowed": "tx: the destination port is not in the VLAN",
    "offload_failed": "tx: could not be segmented or checksummed",
}


def rates(rx_pps=0, tx_pps=0, rx_bps=0, tx_bps=0):
    return {"rx_pps": rx_pps, "tx_pps": tx_pps, "rx_bps": rx_bps, "tx_bps": tx_bps}


def port(name, switch="lan", kind="tap", **more):
    result = {
        "name": name, "id": 1, "switch": switch, "type": kind, "mac": "02:00:00:00:00:01",
        "mtu": 1500,
        "link": {"up": True, "admin_up": True, "speed_mbps": 0, "reason": ""},
        "vlan": {"mode": "untagged"}, "queues": 1, "mac_limit": 0, "macs": 1, "ips": [],
        "rates": rates(), "workers": [0],
    }
    result.update(more)
    return result


def ip(address, vlan=0, age=12):
    return {"ip": address, "vlan": vlan, "age": age}


UPLINK = port(
    "eth1", kind="nic", mac="52:54:00:12:34:56", ifname="eth1",
    link={"up": True, "admin_up": True, "speed_mbps": 10000, "reason": ""},
    vlan={"mode": "trunk", "native": 0, "allowed": "1-4094"},
    nic={"name": "eth1", "pci": "0000:03:00.0", "mac": "52:54:00:12:34:56", "role": "uplink",
         "driver": "auto", "driver_in_use": "af-xdp"},
    rates=rates(12345678, 1000, 4100000000, 12000))
WEB1 = port(
    "web1", vlan={"mode": "access", "access": 10}, ifname="eth0", netns="web1",
    ips=[ip("10.77.0.5", 10), ip("fd77::5", 10, 200), ip("fe80::1234:56ff:fe78:9abc", 10, 9000)],
    rates=rates(3, 0, 1480, 0))
VM1 = port(
    "vm1", kind="vhost", ips=[ip("fd77:1111:2222:3333:4444:5555:6666:7777")], mac=None, mtu=9000, queues=2, workers=[0, 1], mac_limit=64,
    link={"up": False, "admin_up": True, "speed_mbps": 0,
          "reason": "no guest is connected to the socket"},
    vlan={"mode": "trunk", "native": 10, "allowed": "10,20,30-40"},
    vhost={"socket": "/run/vm1.sock", "mode": "server", "owner": "libvirt-qemu:kvm",
           "perm": "0660"})
OFF = port("off", "lab", ips=[ip("fe80::1")], link={"up": False, "admin_up": False, "speed_mbps": 0,
                               "reason": "set down by an administrator"})
MANY = port("many", "lab", ips=[ip(f"10.77.1.{n}") for n in range(1, 10)])


def switch(name, kind, **more):
    result = {"name": name, "type": kind, "ageing": 300, "mac_limit": 1048576, "uplink": None,
              "n_ports": 0, "macs": 0, "static_macs": 0, "loops": 0}
    result.update(more)
    return result


LAN = switch("lan", "external", uplink="eth1", n_ports=3, macs=12, static_macs=2)
LAB = switch("lab", "internal", n_ports=2, macs=1, ageing=0, loops=4)
EMPTY = switch("out", "external", mac_limit=100)


def counters(**more):
    result = {"rx_packets": 1234567, "rx_bytes": 987654321, "tx_packets": 7654321,
              "tx_bytes": 12345678901, "copies": 42, "segments": 7, "drops": {}}
    result.update(more)
    return result


def port_stats(name, where, **more):
    result = {"name": name, "switch": where, "lost": {"rx_missed": 0, "tx_lost": 0},
              "rates": rates(1000, 2000, 512000, 1024000)}
    result.update(counters(**more))
    return result


STATS = {
    "ports": [
        port_stats("eth1", "lan", drops={"no_destination": 17, "tx_full": 3},
                   lost={"rx_missed": 5, "tx_lost": 1}),
        port_stats("vm1", "lan"),
        port_stats("web1", "lan", drops={
            "vlan_tagged": 1234567890, "tx_full": 88, "oversize_rx": 1,
            "source_multicast": 2, "vlan_tx_not_allowed": 3, "offload_failed": 4}),
    ],
    "deleted": counters(drops={"tx_full": 1}),
    "sum": {"received": 1000, "copies": 20, "segments": 3, "delivered": 1001, "dropped": 22,
            "balanced": True},
}


def show_stats(params):
    result = dict(STATS)
    if "port" in params:
        result["ports"] = [p for p in STATS["ports"] if p["name"] == params["port"]]
    if params.get("drops"):
        result["reasons"] = REASONS
    return result


def nic(name, state, **more):
    result = {"name": name, "pci": "0000:03:00.0", "mac": "52:54:00:12:34:56",
              "kernel_driver": "e1000e", "link": True, "speed_mbps": 10000, "mtu": 1500,
              "state": state, "reason": "", "switch": None, "port": None, "role": None,
              "drivers": ["af-xdp", "af-packet"]}
    result.update(more)
    return result


NICS = [
    nic("eth0", "in-use", reason="it has the address 10.77.0.1/16 of the host; "
        "taking over addresses is not part of this version", link=True, speed_mbps=1000),
    nic("eth1", "bound", switch="lan", port="eth1", role="uplink"),
    nic("veth-long-name", "free", pci=None, kernel_driver="veth", speed_mbps=0),
    nic("", "unusable", pci="0000:00:04.0", mac="", kernel_driver="vfio-pci", link=False,
        reason="NIC 0000:00:04.0 has no kernel interface here (its driver is vfio-pci)"),
    nic("wlan0", "unusable", reason="wireless interfaces cannot carry other stations' frames",
        link=False, drivers=[]),
]

def guest(port, state, **more):
    result = {"partition": "vm-" + port, "nic": "nic0", "port": port, "switch": "lan",
              "mac": "02:00:00:00:00:77", "state": state, "stage": "running", "reason": "",
              "since": "2026-03-01T12:34:56Z", "uid": 107, "pid": 4711}
    result.update(more)
    return result


GUESTS = [
    guest("g1", "connected"),
    guest("g2", "connected", stage="rndis", reason="the guest's driver is not up"),
    guest("no-such-port-yet", "waiting", switch=None,
          reason="there is no vmnic port 'no-such-port-yet'"),
]


def guest_queue(n, **more):
    result = {"queue": n, "rx_packets": 1234567, "rx_bytes": 987654321, "tx_packets": 42,
              "tx_bytes": 4200, "rx_ring_used": 130048, "rx_ring_size": 520192,
              "tx_ring_used": 0, "tx_ring_size": 520192, "sections_lent": 17, "sections": 9709,
              "interrupts": 1000, "interrupts_spared": 99000, "no_section": 0, "ring_full": 0,
              "rsc_chains": 0}
    result.update(more)
    return result


G1 = port(
    "g1", kind="vmnic", mac="02:00:00:00:00:77", user="hv1",
    link={"up": True, "admin_up": True, "speed_mbps": 10000, "reason": ""},
    counters=counters(drops={}), lost={"rx_missed": 0, "tx_lost": 0},
    driver={"guest": "attached", "offloads": "checksum tso4 tso6"},
    guest=guest(
        "g1", "connected", software="hvhost 0.1.0", resumed=True, memory=2147483648,
        vmbus_version="5.3", nvsp_version="6.1", ndis_version="6.30", mtu=1500, link=True,
        filter=["directed", "multicast", "broadcast"], offloads=["checksum", "lso4", "lso6"],
        rss=True, max_queues=8, receive_buffer={"bytes": 16777216, "section": 1806},
        send_buffer={"bytes": 1048576, "section": 6144}, control_messages=40, bad_messages=0,
        bad_frames=3, filtered=0, queues=[guest_queue(0), guest_queue(1, rx_ring_used=520000)]))


def step(name, state, detail="", remedy=""):
    return {"name": name, "state": state, "detail": detail, "remedy": remedy}


DIAGNOSIS = {"port": "g2", "ok": False, "steps": [
    step("port", "ok", "on switch 'lan', untagged"),
    step("hypervisor", "ok", "hvhost 0.1.0, process 4711 of user 107, partition 'vm-g2'"),
    step("filter", "stopped", "the guest has come to: rndis",
         "set the interface up in the guest: ip link set DEVICE up"),
    step("first frame", "skipped"),
]}

FDB = {
    "entries": [
        {"mac": "02:00:00:00:00:01", "vlan": 0, "port": "web1", "static": False, "age": 3},
        {"mac": "02:00:00:00:00:02", "vlan": 10, "port": "vm1", "static": False, "age": 250},
        {"mac": "02:00:00:00:00:03", "vlan": 4094, "port": "eth1", "static": True, "age": 0},
    ],
    "stats": {"entries": 3, "static": 1, "slots": 1024, "limit": 1048576, "learned": 9,
              "moved": 1, "aged": 6, "refused": 0},
}

WORKERS = {"mbufs": 32768, "mbufs_in_use": 1234, "workers": [
    {"id": 0, "cpu": 1, "load": 0.934, "packets": 123456789012, "sleeps": 42,
     "busy_cycles": 10, "idle_cycles": 20, "ring_in": 1000, "ring_out": 999,
     "queues": [{"port": "eth1", "queue": 0}, {"port": "web1", "queue": 0},
                {"port": "vm1", "queue": 0}],
     "stages": {"rx": 6172839450600, "forward": 3703703670360, "tx": 0}},
    {"id": 1, "cpu": 2, "load": 0.001, "packets": 0, "sleeps": 123456, "busy_cycles": 0,
     "idle_cycles": 0, "ring_in": 999, "ring_out": 1000,
     "queues": [{"port": f"port-with-a-long-name-{n}", "queue": n} for n in range(40)],
     "stages": {"rx": 0}},
]}

CONFIG = {"config": {
    "version": 1,
    "switches": [{"name": "lan", "type": "external"}],
    "ports": [{"name": "web1", "switch": "lan", "type": "tap", "access_vlan": 10}],
    "fdb": [{"switch": "lan", "vlan": 0, "mac": "02:00:00:00:00:03", "port": "web1"}],
}}

VERSION = {"version": "0.1.0", "protocol": 1, "dpdk": "DPDK 22.11.11", "fdb_isa": "avx2", "workers": 1,
           "huge_pages": True, "poll": False, "pid": 4711, "uptime": 7500}


def event(name, seq=1, **more):
    return {"seq": seq, "time": "2026-03-01T12:34:56.789Z", "event": name, **more}


EVENTS = [
    event("switch-added", 1, switch="lan"),
    event("link-up", 2, switch="lan", port="eth1", speed_mbps=10000),
    event("loop-detected", 3, switch="lan", port="web1", mac="02:00:00:00:00:01", vlan=10),
    event("link-down", 4, switch="lan", port="vm1", reason="the guest went away"),
    event("overflow", 9, lost=4),
]


def show_port(params):
    details = {
        "vm1": {"counters": counters(), "lost": {"rx_missed": 0, "tx_lost": 0},
                "driver": {"features": "0x140000000", "connected": "no"}},
        "eth1": {"counters": counters(drops={"no_destination": 17, "tx_full": 3}),
                 "lost": {"rx_missed": 5, "tx_lost": 0}, "driver": {}},
    }
    base = {"vm1": VM1, "eth1": UPLINK, "web1": WEB1, "g1": G1}[params["port"]]
    if params["port"] == "g1":
        return {"port": G1}
    return {"port": {**base, **details.get(params["port"], {"counters": counters()})}}


ANSWERS = {
    "list-switches": {"switches": [LAB, LAN, EMPTY]},
    "show": {"switches": [{**LAB, "ports": [MANY, OFF]}, {**LAN, "ports": [UPLINK, VM1, WEB1]},
                          {**EMPTY, "ports": []}]},
    "list-ports": {"ports": [UPLINK, MANY, OFF, VM1, WEB1]},
    "show-port": show_port,
    "list-nics": {"nics": NICS},
    "list-guests": {"guests": GUESTS},
    "diagnose-port": DIAGNOSIS,
    "show-fdb": FDB,
    "show-stats": show_stats,
    "show-workers": WORKERS,
    "export-config": CONFIG,
    "apply-config": {"changed": True, "actions": ["create switch 'lan' (external)",
                                                  "create port 'web1' (tap) on 'lan'"]},
    "version": VERSION,
    "subscribe": {"subscribed": True, "seq": 0},
    "add-switch": {"changed": True, "actions": ["create switch 'lan' (internal)"]},
    "add-port": {"changed": True, "actions": ["create port 'web1' (tap) on 'lan'"]},
    "set-switch": {"changed": False, "actions": []},
    "flush-fdb": {"changed": True, "flushed": 3, "actions": ["forgot 3 learned MACs of 'lan'"]},
}
