"""Where images come from: registries on loopback, with TLS as real ones have it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from embedded import __main__ as kit
from embedded.errors import KitError
from embedded.images import registries, sources, store
from embedded.images.references import Reference, parse
from embedded.images.registries import UnreachedError, refusal, why_unreachable
from embedded.images.sources import Choice, choose
from embedded.images.spec import File, files_layer
from embedded.progress import Reporter
from embedded.status.pulls import Account
from tests.registries import PASSWORD, REPOSITORY, TAG, USER, Registry, token_registry

ME = Account("local", USER)
NOWHERE = "registry.example.invalid"


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (sources.VARIABLE, *(v for v in os.environ if v.lower().endswith("_proxy"))):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """By HTTPS, with a CA that this machine trusts."""
    with token_registry("hub", tls=tmp_path) as result:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        yield result


@contextmanager
def proxy(answer: str) -> Iterator[str]:
    """A proxy that gives every request the same answer."""

    def serve() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                client.recv(4096)
                client.sendall(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n".encode())

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("mysql:8.4", Reference("docker.io", "library/mysql", "8.4")),
        ("docker.io/wso2/wso2ei-integrator:6.5.0", Reference("docker.io", "wso2/wso2ei-integrator", "6.5.0")),
        ("localhost:5000/a/b", Reference("localhost:5000", "a/b", "latest")),
        ("r.example.com/a/b:1@sha256:0", Reference("r.example.com", "a/b", "sha256:0")),
    ],
)
def test_references_are_read_as_docker_reads_them(text: str, reference: Reference) -> None:
    assert parse(text) == reference


def test_a_registry_that_answers_is_reached_and_lets_the_user_pull(registry: Registry) -> None:
    assert why_unreachable(registry.host) == ""
    assert refusal(parse(registry.image), (USER, PASSWORD)) == ""
    assert registry.requests[-1] == ("HEAD", f"/v2/{REPOSITORY}/manifests/{TAG}", "Bearer")


def test_a_wrong_password_no_password_and_an_unknown_tag_are_answers(registry: Registry) -> None:
    assert refusal(parse(registry.image), (USER, "expired")).startswith("401")
    assert refusal(parse(registry.image), None).startswith("401")
    assert " from localhost" in refusal(parse(registry.image), None), "a gateway on the way may be what answers"
    assert refusal(parse(f"{registry.host}/{REPOSITORY}:9"), (USER, PASSWORD)).startswith("404")


def test_a_connection_that_broke_is_tried_once_more_and_then_not_reached(registry: Registry) -> None:
    registry.breaks = 1
    assert why_unreachable(registry.host) == ""
    registry.breaks = 1
    assert refusal(parse(registry.image), (USER, PASSWORD)) == ""
    registry.breaks = 2
    with pytest.raises(UnreachedError, match="peer closed connection"):
        refusal(parse(registry.image), (USER, PASSWORD))


def test_a_registry_that_cannot_be_found_or_is_switched_off_is_not_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert "refused" in why_unreachable(f"localhost:{port}")
    assert why_unreachable(NOWHERE)
    with pytest.raises(UnreachedError):
        refusal(Reference(f"localhost:{port}", "a", "1"), None)


def test_a_certificate_that_is_not_trusted_is_an_error_and_no_reason_for_a_stand_in(tmp_path: Path) -> None:
    with token_registry("hub", tls=tmp_path) as registry, pytest.raises(KitError, match="not trusted") as caught:
        why_unreachable(registry.host)
    assert "update-ca-certificates" in caught.value.way_out
    assert "WSO2EI_IMAGES=stand-in" in caught.value.way_out


def test_a_proxy_that_refuses_is_an_error_and_one_that_reaches_nothing_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with proxy("407 Proxy Authentication Required") as address:
        monkeypatch.setenv("HTTPS_PROXY", address)
        with pytest.raises(KitError, match="rejects the connection to docker\\.io: 407") as caught:
            why_unreachable("docker.io")
        assert "HTTPS_PROXY" in caught.value.way_out
    with proxy("502 Bad Gateway") as address:
        monkeypatch.setenv("HTTPS_PROXY", address)
        assert "502" in why_unreachable("docker.io")


def test_a_name_server_that_never_answers_costs_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    forever = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: forever.wait())
    monkeypatch.setattr(registries, "_SECONDS_IN_ALL", 0.1)
    assert "no answer within" in why_unreachable("docker.io")
    forever.set()


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Registries that answer; the rest are not reached."""
    result: set[str] = set()
    monkeypatch.setattr(sources, "why_unreachable", lambda name: "" if name in result else "no such host")
    return result


def test_every_registry_that_the_stack_names_is_decided_on(answering: set[str]) -> None:
    """A mix is fine."""
    answering |= {"docker.io", "mirror.example.com"}
    settings = {
        "ei": {"image": "registry.wso2.com/a/ei:6.6.0.1", "env": {"URL": "https://x.example.com/a"}},
        "images": {"mysql": "library/mysql:8.4", "mirror": "mirror.example.com/hub"},
    }
    result = choose(settings, {})
    assert result.sources == {"docker.io": "real", "registry.wso2.com": "stand-in"}
    assert result.others == ("mirror.example.com",)
    assert result.lines() == [
        "images of docker.io: real ones, the registry answers",
        "images of registry.wso2.com: STAND-INS, since it cannot be reached from this machine (no such host)",
    ]


def test_a_living_cluster_keeps_its_images_and_it_is_said_how_to_change_that(answering: set[str]) -> None:
    """MySQL's data must not meet another server."""
    assert choose({}, {"docker.io": "real"}).sources == {"docker.io": "real"}
    answering.add("docker.io")
    result = choose({}, {"docker.io": "stand-in"})
    assert result.sources == {"docker.io": "stand-in"}
    assert "`make clean` and `make up` bring the real ones" in result.lines()[0]


@pytest.mark.parametrize("wanted", ["real", "stand-in"])
def test_a_variable_forces_one_or_the_other_and_no_registry_is_queried(
    monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.setenv(sources.VARIABLE, wanted)
    monkeypatch.setattr(sources, "why_unreachable", lambda name: pytest.fail(f"queried {name}"))
    result = choose({}, {"docker.io": "real"})
    assert set(result.sources.values()) == {wanted}
    assert result.any_real is (wanted == "real")


def test_another_value_of_the_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(sources.VARIABLE, "fake")
    with pytest.raises(KitError, match="WSO2EI_IMAGES is 'fake'"):
        choose({}, {})


def test_images_are_those_of_all_containers_of_a_preview() -> None:
    pod = {"initContainers": [{"name": "copy-conf", "image": "a"}], "containers": [{"name": "ei", "image": "b"}]}
    steps = [
        {"newState": {"inputs": {"spec": {"template": {"spec": pod}}}}},
        {"newState": {"inputs": {"spec": {"jobTemplate": {"spec": {"template": {"spec": pod}}}}}}},
        {"op": "delete", "oldState": {"inputs": {"spec": {"containers": [{"name": "x", "image": "gone"}]}}}},
    ]
    assert sources.named_images({"steps": steps}) == {"a": "copy-conf", "b": "ei"}


def test_refused_and_unknown_images_are_reported_together_with_the_way_out(registry: Registry) -> None:
    choice = Choice({"docker.io": "stand-in"}, {"docker.io": "no such host"})
    unknown = f"{registry.host}/{REPOSITORY}:9"
    images = {registry.image: "ei", unknown: "mysql", "docker.io/library/mysql:8.4.10": "mysql"}
    with pytest.raises(KitError) as caught:
        sources.check(images, choice, ME, "expired")
    said = str(caught.value)
    assert f"{registry.image}: {registry.host} rejects {USER}: unauthorized" in said
    assert "make credentials STACK=local" in said
    assert f"{unknown}: {registry.host} rejects {USER}: unauthorized" in said
    assert "expired" not in said
    assert "library/mysql" not in said
    assert "WSO2EI_IMAGES=stand-in" in caught.value.way_out
    sources.check({registry.image: "ei"}, choice, ME, PASSWORD)
    with pytest.raises(KitError, match=f"{registry.host} has no {unknown}"):
        sources.check({unknown: "ei"}, choice, ME, PASSWORD)


def test_every_image_of_the_registry_of_ei_is_pulled_with_its_credentials_and_no_other_one(registry: Registry) -> None:
    """A mirror with a login: every pod of the stack names the pull Secret then."""
    ei, other = f"{registry.host}/{REPOSITORY}:6.6.0", registry.image
    with pytest.raises(KitError) as caught:
        sources.check({ei: "ei", other: "mysql"}, Choice({}), ME, PASSWORD)
    assert f"{registry.host} has no {ei}" in str(caught.value)
    assert other not in str(caught.value)
    with pytest.raises(KitError, match="rejects a pull without a user"):
        sources.check({f"{NOWHERE}/a:1": "ei", other: "mysql"}, Choice({NOWHERE: "stand-in"}), ME, PASSWORD)


def test_credentials_in_the_cluster_may_be_for_every_image(registry: Registry) -> None:
    sources.check({registry.image: "ei"}, Choice({}), Account("local"), "", in_cluster=True)
    sources.check({registry.image: "mysql"}, Choice({}), Account("local"), "", in_cluster=True)
    with pytest.raises(KitError, match="without a user"):
        sources.check({registry.image: "mysql"}, Choice({}), Account("local"), "")


def test_an_image_of_a_registry_that_nothing_imitates_must_be_reached() -> None:
    image = f"{NOWHERE}/a/b:1"
    with pytest.raises(KitError, match=f"{NOWHERE} cannot be reached from this machine"):
        sources.check({image: "mysql"}, Choice({}), ME, "")


def test_forced_real_images_must_be_reached_and_those_pulled_before_need_not() -> None:
    forced = Choice({NOWHERE: "real"}, forced=True)
    with pytest.raises(KitError, match="cannot be reached"):
        sources.check({f"{NOWHERE}/a:1": "mysql"}, forced, ME, "")
    sources.check({f"{NOWHERE}/a:1": "mysql"}, Choice({NOWHERE: "real"}, {NOWHERE: "no such host"}), ME, "")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system of 64 KiB")
def test_a_full_disk_is_one_sentence_and_the_next_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    layer = files_layer("large", lambda: [File("large", b"x" * 2**20)])
    cached = cache_of(tmp_path, "64k")
    monkeypatch.setattr(kit, "PARTS", {"fill": (__name__, "")})
    monkeypatch.setattr(sys.modules[__name__], "run", lambda *_: store._layer(layer, cached, Reporter()), raising=False)
    try:
        assert kit.main(["fill"]) == 1
        assert "No space left on device" in capsys.readouterr().err
        assert not list(cached.glob("*.tar"))
        subprocess.run(["mount", "-o", "remount,size=8m", cached], check=True)
        assert store._layer(layer, cached, Reporter()).stat().st_size > 2**20
    finally:
        subprocess.run(["umount", cached], check=True)


def cache_of(folder: Path, size: str) -> Path:
    """A file system of this size."""
    made = folder / "small"
    made.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", made], check=True)
    return made
