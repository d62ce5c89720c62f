"""The hosts-file line and the URLs."""

from __future__ import annotations

import pytest

from outputs import base_url, hosts_file_line


@pytest.mark.parametrize(
    ("addresses", "line"),
    [
        (["localhost"], "127.0.0.1 a b"),
        (["10.1.2.3"], "10.1.2.3 a b"),
        (["10.1.2.3", "10.1.2.4"], "10.1.2.3 a b\n10.1.2.4 a b"),
        (["fd00::1"], "fd00::1 a b"),
        (["lb.example.com"], "# make a b DNS aliases (CNAME) of lb.example.com"),
        ([], "# the controller has no address yet; a b will need one"),
    ],
)
def test_hosts_file_line_holds_what_a_hosts_file_can_hold(addresses: list[str], line: str) -> None:
    assert hosts_file_line(addresses, ["a", "b"]) == line


def test_urls_name_the_port_only_when_it_is_not_443() -> None:
    assert base_url("a", 443) == "https://a"
    assert base_url("a", 8443) == "https://a:8443"
