"""The table at the end of ``make up``."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from embedded.plugins import BUILT, STAND_IN, Plugin
from embedded.summary import image_lines, summary_table


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
    outputs: dict[str, object] = {
        "ingress_hosts": {"console": "a", "gateway": "b"},
        "hosts_file_line": line,
        "gateway_url": url,
    }
    assert curl in summary("local", outputs, [])


def test_each_image_is_listed_and_its_digest_decides_what_it_is() -> None:
    """A tag says nothing: real image and stand-in have the same one."""
    mysql, python = "docker.io/library/mysql:8.4.10", "docker.io/library/python:3.13"
    pods = [
        pod(python, "docker.io/library/python@sha256:a", "initContainer"),
        pod(mysql, "docker.io/library/mysql@sha256:b"),
        pod(mysql, "docker.io/library/mysql@sha256:b"),
        pod("docker.io/other:1", ""),
    ]
    lines = image_lines(pods, {"sha256:b"})
    assert lines == [f"STAND-IN  {mysql}", f"real      {python}"]
    shown = summary("local", {}, lines)
    assert f"STAND-IN  {mysql}" in shown
    assert "announce themselves in their logs" in shown
    assert "none: everything is the real thing" in summary("local", {}, lines[1:])


def test_the_plugins_are_listed_with_what_they_are_and_why() -> None:
    built = Plugin("kubernetes", "4.25.0", BUILT, "release 4.34.2 could not be downloaded (no such host)")
    text = io.StringIO()
    Console(file=text, width=160).print(summary_table("local", {}, [built, Plugin("random", "4.21.4", STAND_IN)], []))
    shown = text.getvalue()
    assert "kubernetes 4.25.0: built here from its Go module, since release 4.34.2 could not be downloaded" in shown
    assert "random 4.21.4: STAND-IN" in shown
    assert "plugin random" in shown
    assert "plugin kubernetes" not in shown


def pod(image: str, digest: str, kind: str = "container") -> dict[str, object]:
    status = {"name": "main", "image": "another name of the same digest", "imageID": digest}
    return {"spec": {f"{kind}s": [{"name": "main", "image": image}]}, "status": {f"{kind}Statuses": [status]}}


def summary(stack: str, outputs: dict[str, object], images: list[str]) -> str:
    text = io.StringIO()
    Console(file=text, width=160).print(summary_table(stack, outputs, [], images))
    return text.getvalue()
