"""The table at the end of ``make up``."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from embedded.summary import summary_table


@pytest.mark.parametrize(
    ("line", "url", "curl"),
    [
        ("127.0.0.1 a b", "https://b", "curl -k -i https://localhost/carbon -H 'Host: a'"),
        ("127.0.0.1 a b", "https://b:8443", "curl -k -i https://localhost:8443/carbon -H 'Host: a'"),
        ("10.0.0.7 a b\n10.0.0.8 a b", "https://b:30443", "curl -k -i https://10.0.0.7:30443/carbon -H 'Host: a'"),
        ("fd00::7 a b", "https://b", "curl -k -i https://[fd00::7]/carbon -H 'Host: a'"),
        ("# make a b DNS aliases (CNAME) of lb.example.com", "https://b", "https://lb.example.com/carbon -H 'Host: a'"),
    ],
)
def test_the_requests_to_try_go_where_the_controller_is(line: str, url: str, curl: str) -> None:
    outputs = {"ingress_hosts": {"console": "a", "gateway": "b"}, "hosts_file_line": line, "gateway_url": url}
    text = io.StringIO()
    Console(file=text, width=160).print(summary_table("local", outputs, []))
    assert curl in text.getvalue()
