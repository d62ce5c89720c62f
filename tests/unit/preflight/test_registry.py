"""What a registry is asked before anything is made, and what its answers mean."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from components.shared.image_reference import parse_image
from preflight.registry import Answer, CheckMode, RegistryRejectedError, Verdict, explain, query, require_pull
from tests.registries import PASSWORD, REPOSITORY, TAG, USER, Registry, password_registry, token_registry


@pytest.fixture(scope="module", params=["docker-registry", "harbor", "hub"])
def registry(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Basic authentication of the real docker-registry, and the token flows of Harbor and Docker Hub."""
    if request.param != "docker-registry":
        with token_registry(request.param) as found:
            yield found
        return
    if shutil.which("docker-registry") is None:
        pytest.skip("needs the program docker-registry (Debian: apt-get install docker-registry)")
    with password_registry(tmp_path_factory.mktemp("registry")) as found:
        yield found


def refusal(image: str, username: str, password: str, wanted: CheckMode = "whenReachable") -> str:
    with pytest.raises(RegistryRejectedError) as caught:
        require_pull(image, username, password, stack="prod", mode=wanted, warn=pytest.fail)
    return str(caught.value)


def test_the_right_user_is_let_through_without_a_word(registry: Registry) -> None:
    require_pull(registry.image, USER, PASSWORD, stack="prod", mode="required", warn=pytest.fail)


def test_an_image_by_digest_is_found(tmp_path: Path) -> None:
    if shutil.which("docker-registry") is None:
        pytest.skip("needs the program docker-registry (Debian: apt-get install docker-registry)")
    with password_registry(tmp_path) as found:
        assert query(f"{found.host}/{REPOSITORY}@{found.digest}", USER, PASSWORD).verdict == "accepted"
        absent = f"{found.host}/{REPOSITORY}@sha256:{'0' * 64}"
        assert query(absent, USER, PASSWORD).verdict == "no image"


@pytest.mark.parametrize(("username", "password"), [(USER, "wrong-token"), ("robot", PASSWORD), (USER, "")])
def test_a_wrong_user_or_password_is_told_as_such(registry: Registry, username: str, password: str) -> None:
    text = refusal(registry.image, username, password)
    assert "rejects the user or the password" in text
    assert f"registry {registry.host}, user '{username}', image {registry.image}" in text
    assert "401 to the login" in text
    assert "make credentials STACK=prod" in text
    assert "'robot$NAME'" in text
    assert "Nothing was changed." in text
    assert not password or password not in text


def test_a_project_of_somebody_else_is_not_taken_for_a_wrong_password() -> None:
    for style in ("harbor", "hub"):
        with token_registry(style) as found:
            text = refusal(f"{found.host}/other/ei:6.6.0.10", USER, PASSWORD)
            assert "the user may not pull other/ei" in text
            assert "401 to the request for the image (UNAUTHORIZED: unauthorized to access repository: other/ei" in text
            assert "access to the project other" in text


def test_a_tag_that_does_not_exist_is_told_as_such(registry: Registry) -> None:
    text = refusal(f"{registry.host}/{REPOSITORY}:6.6.0.99", USER, PASSWORD)
    assert f"has no {REPOSITORY} 6.6.0.99" in text
    assert "404 to the request for the image (" in text
    assert "four parts" in text


def test_the_password_goes_to_the_token_service_alone_and_the_pull_is_not_counted() -> None:
    with token_registry("hub") as found:
        query(found.image, USER, PASSWORD)
        assert [(method, path.split("?")[0], scheme) for method, path, scheme in found.requests] == [
            ("GET", "/v2/", ""),
            ("GET", "/service/token", "Basic"),
            ("GET", "/service/token", "Basic"),
            ("HEAD", f"/v2/{REPOSITORY}/manifests/{TAG}", "Bearer"),
        ]
        assert not any(PASSWORD in path for _, path, _ in found.requests)


@pytest.mark.parametrize("realm", ["http://registry.example.com/token", "ftp://127.0.0.1/token"])
def test_a_registry_cannot_have_the_password_sent_in_plain_text(realm: str) -> None:
    with token_registry("harbor", realm=realm) as found:
        answer = query(found.image, USER, PASSWORD)
        assert answer.verdict == "no answer"
        assert "not HTTPS" in answer.detail
        assert all(scheme == "" for _, _, scheme in found.requests)


def nobody() -> str:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}/{REPOSITORY}:{TAG}"


def test_a_connection_that_broke_is_tried_once_more() -> None:
    with token_registry("hub") as found:
        found.breaks = 1
        require_pull(found.image, USER, PASSWORD, stack="prod", mode="required", warn=pytest.fail)
        found.breaks = 2
        assert "peer closed connection" in refusal(found.image, USER, PASSWORD, "required")


def test_no_answer_is_a_warning_unless_one_is_required() -> None:
    warnings: list[str] = []
    require_pull(nobody(), USER, PASSWORD, stack="prod", mode="whenReachable", warn=warnings.append)
    assert len(warnings) == 1
    assert "gave no answer" in warnings[0]
    assert "registryCheck never" in warnings[0]
    assert PASSWORD not in warnings[0]
    assert "gave no answer" in refusal(nobody(), USER, PASSWORD, "required")


def test_a_stack_may_say_that_nobody_is_to_be_asked() -> None:
    with token_registry("harbor") as found:
        require_pull(found.image, USER, "wrong", stack="prod", mode="never", warn=pytest.fail)
        assert found.requests == []


def test_a_registry_that_never_answers_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("preflight.registry._SECONDS_IN_ALL", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        answer = query(f"127.0.0.1:{silent.getsockname()[1]}/{REPOSITORY}:{TAG}", USER, PASSWORD)
    assert answer == Answer("no answer", "no answer came within 0 s")


def test_users_of_wso2_s_old_registry_hear_where_it_went() -> None:
    answer = Answer("no answer", "ConnectError: no such host")
    text = explain("docker.wso2.com/wso2ei-integrator:6.6.0.3", USER, answer, "prod")
    assert "replaced by registry.wso2.com" in text
    assert "--path ei.image registry.wso2.com/PROJECT/IMAGE:TAG" in text


def test_every_verdict_has_its_words() -> None:
    for verdict in get_args(Verdict):
        assert explain("r.example.com/a/b:1", "u", Answer(verdict, "x"), "prod")


@pytest.mark.parametrize(
    ("text", "registry", "host", "repository", "version"),
    [
        ("registry.wso2.com/p/ei:6.6.0.1", "registry.wso2.com", "registry.wso2.com", "p/ei", "6.6.0.1"),
        ("docker.io/wso2/ei:6.5.0", "docker.io", "registry-1.docker.io", "wso2/ei", "6.5.0"),
        ("wso2/ei:6.5.0", "docker.io", "registry-1.docker.io", "wso2/ei", "6.5.0"),
        ("mysql:8.4", "docker.io", "registry-1.docker.io", "library/mysql", "8.4"),
        ("localhost/ei", "localhost", "localhost", "ei", "latest"),
        ("127.0.0.1:5000/a/b/ei@sha256:ab", "127.0.0.1:5000", "127.0.0.1:5000", "a/b/ei", "sha256:ab"),
        ("r.example.com/ei:1@sha256:ab", "r.example.com", "r.example.com", "ei", "sha256:ab"),
    ],
)
def test_image_references(text: str, registry: str, host: str, repository: str, version: str) -> None:
    found = parse_image(text)
    assert (found.registry, found.api_host, found.repository, found.version) == (registry, host, repository, version)
