"""Egress of the nodes, as text and as the kernel runs it in network namespaces of the test's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.cluster import egress, manifests
from embedded.cluster import names as n

NAMES = n.Names(Path("/state/of/a/test"))


@pytest.mark.parametrize(
    ("resolv_conf", "server"),
    [
        ("nameserver 10.0.0.1\nnameserver 10.0.0.2\n", "10.0.0.1"),
        ("# systemd-resolved\nnameserver 127.0.0.53\noptions edns0\n", "127.0.0.53"),
        ("nameserver fe80::1%eth0\nnameserver 10.0.0.2\n", "10.0.0.2"),
        ("search example.com\n", ""),
    ],
)
def test_the_first_ipv4_name_server_is_used(resolv_conf: str, server: str) -> None:
    assert egress.name_server(resolv_conf) == server


def test_names_outside_are_looked_up_where_the_machine_does_or_do_not_exist() -> None:
    assert f"forward . {n.HOST_ADDRESS}" in manifests.corefile(outside=True)
    assert "NXDOMAIN" not in manifests.corefile(outside=True)
    assert "forward" not in manifests.corefile(outside=False)


def test_a_node_s_runtime_goes_out_by_the_shell_s_proxies_and_reaches_its_own_addresses_directly() -> None:
    shell = {
        "HTTPS_PROXY": "http://user:secret@127.0.0.1:3128", "http_proxy": "http://proxy.example.com:8080",
        "no_proxy": "example.org", "SSL_CERT_FILE": "/etc/ca.pem", "HOME": "/root",
    }  # fmt: skip
    result = egress.variables(shell)
    assert result["HTTPS_PROXY"] == "http://user:secret@10.123.0.254:3128"
    assert result["HTTP_PROXY"] == "http://proxy.example.com:8080"
    assert result["SSL_CERT_FILE"] == "/etc/ca.pem"
    assert result["NO_PROXY"].split(",")[:3] == ["example.org", n.NODE_RANGE, n.POD_RANGE]
    assert result["no_proxy"] == result["NO_PROXY"]
    assert "HOME" not in result
    assert egress.loopback_ports(shell) == {3128}
    assert egress.variables({"NO_PROXY": "x"}) == {}


@pytest.mark.parametrize(
    ("proxy", "from_node", "port"),
    [
        ("localhost:3128", "http://10.123.0.254:3128", 3128),
        ("http://127.0.0.1", "http://10.123.0.254:80", 80),
        ("https://localhost/", "https://10.123.0.254:443/", 443),
        ("socks5://me:secret@localhost", "socks5://me:secret@10.123.0.254:1080", 1080),
    ],
)
def test_a_proxy_may_leave_out_its_scheme_and_its_port(proxy: str, from_node: str, port: int) -> None:
    assert egress.variables({"https_proxy": proxy})["HTTPS_PROXY"] == from_node
    assert egress.loopback_ports({"https_proxy": proxy}) == {port}


SERVER = """
import socket, sys, threading
def udp(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(address)
        while True:
            data, sender = server.recvfrom(100)
            server.sendto(f"{sender[0]} sent".encode(), sender)
def tcp(address):
    server = socket.create_server(address)
    while True:
        client, sender = server.accept()
        client.sendall(f"{sender[0]} came".encode())
        client.close()
for work, host, port in ((udp, "127.0.0.53", 53), (tcp, "127.0.0.1", 3128), (tcp, "192.0.2.9", 80)):
    if host.startswith(sys.argv[1]):
        threading.Thread(target=work, args=((host, port),)).start()
print("ready", flush=True)
"""
CLIENT = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
    client.settimeout(5)
    client.connect(("10.123.0.254", 53))
    client.send(b"?")
    print(client.recv(100).decode())
for host, port in (("10.123.0.254", 3128), ("192.0.2.9", 80), ("127.0.0.1", 3128)):
    try:
        with socket.create_connection((host, port), 5) as client:
            print(client.recv(100).decode())
    except OSError as error:
        print(type(error).__name__)
"""


def ip_netns(*command: str) -> str:
    done = subprocess.run(["ip", "netns", *command], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def three() -> Iterator[tuple[str, str, str]]:
    """A node, the machine and a host elsewhere, each a network namespace; the machine forwards nothing yet."""
    if os.geteuid() != 0 or not shutil.which("nft") or not shutil.which("ip"):
        pytest.skip("needs root, nftables and iproute2")
    every = node, machine, far = tuple(f"wso2ei-test-{part}-{os.getpid()}" for part in ("node", "machine", "far"))
    try:
        for space in every:
            ip_netns("add", space)
            ip_netns("exec", space, "ip", "link", "set", "lo", "up")
        for script in (
            f"link add {NAMES.bridge} type bridge", f"addr add {n.HOST_ADDRESS}/24 dev {NAMES.bridge}",
            f"link set {NAMES.bridge} up", f"link add cable type veth peer name eth0 netns {node}",
            f"link set cable master {NAMES.bridge} up", f"link add eth0 type veth peer name eth0 netns {far}",
            "addr add 192.0.2.2/24 dev eth0", "link set eth0 up",
        ):  # fmt: skip
            ip_netns("exec", machine, "ip", *script.split())
        for space, address in ((node, "10.123.0.1/24"), (far, "192.0.2.9/24")):
            ip_netns("exec", space, "ip", "addr", "add", address, "dev", "eth0")
            ip_netns("exec", space, "ip", "link", "set", "eth0", "up")
        ip_netns("exec", node, "ip", "route", "add", "default", "via", n.HOST_ADDRESS)
        yield node, machine, far
    finally:
        for space in every:
            subprocess.run(["ip", "netns", "delete", space], check=False, capture_output=True)


def test_a_node_reaches_name_server_and_proxy_on_loopback_and_hosts_elsewhere_and_nothing_else(
    three: tuple[str, str, str], tmp_path: Path
) -> None:
    """Local resolvers and proxies see a sender on loopback; hosts elsewhere see the machine."""
    node, machine, far = three
    table = egress.ruleset(NAMES, "127.0.0.53", {3128})
    (tmp_path / "table").write_text(table)
    flags = "".join(
        f"sysctl -qw net.ipv4.conf.{flag}=1\n"
        for flag in (f"{NAMES.bridge}.route_localnet", f"{NAMES.bridge}.forwarding", "eth0.forwarding")
    )
    ip_netns("exec", machine, "sh", "-ec", f"nft -f {tmp_path}/table; nft -f {tmp_path}/table; {flags}")
    (tmp_path / "server.py").write_text(SERVER)
    servers = []
    try:
        for space, start in ((machine, "127."), (far, "192.")):
            command = ["ip", "netns", "exec", space, "python3", str(tmp_path / "server.py"), start]
            servers.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert [server.stdout.readline() for server in servers if server.stdout] == ["ready\n", "ready\n"]
        said = ip_netns("exec", node, "python3", "-c", textwrap.dedent(CLIENT)).split("\n")
        assert said[:4] == ["127.0.0.1 sent", "127.0.0.1 came", "192.0.2.2 came", "ConnectionRefusedError"]
        # A connection from elsewhere stops at the machine.
        ip_netns("exec", far, "ip", "route", "add", n.NODE_RANGE, "via", "192.0.2.2")
        ping = ["ip", "netns", "exec", far, "ping", "-c1", "-W1", "10.123.0.1"]
        if shutil.which("ping"):
            assert subprocess.run(ping, check=False, capture_output=True).returncode != 0
    finally:
        for server in servers:
            server.kill()
            server.wait()
