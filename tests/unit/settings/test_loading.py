"""Settings: what is accepted, what is refused, and that every mistake is told at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.shared.quantities import quantity
from preflight import context
from settings import errors, loading
from settings.model import Settings
from settings.schema import TOP

ROOT = Path(__file__).parents[3]
LOCAL: dict[str, Any] = {
    "kubernetes": {"contexts": ["docker-desktop"]},
    "storage": {"kind": "hostPath", "path": "/var/lib/wso2ei/local"},
}


def values(config: dict[str, Any]) -> dict[str, str]:
    """As Pulumi hands config to a program: objects as JSON text, strings as they are."""
    return {f"wso2ei:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}


def load(config: dict[str, Any], secret_keys: tuple[str, ...] = ()) -> Settings:
    return loading.load("wso2ei", "test", values(config), frozenset(f"wso2ei:{key}" for key in secret_keys))


def mistakes(config: dict[str, Any]) -> str:
    with pytest.raises(errors.ConfigurationError) as caught:
        load(config)
    return str(caught.value)


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_committed_stack_files_are_accepted(stack: str) -> None:
    content = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    settings = load({key.removeprefix("wso2ei:"): value for key, value in content.items()})
    assert settings.storage.kind == {"local": "hostPath", "prod": "nfs"}[stack]


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_committed_stack_files_hold_no_secret_and_no_salt(stack: str) -> None:
    text = (ROOT / f"Pulumi.{stack}.yaml").read_text()
    assert "secure:" not in text
    assert "encryptionsalt" not in text


def test_every_declared_key_exists_and_every_setting_is_declared() -> None:
    declared = {key.split(":")[1] for key in yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]}
    from pydantic.alias_generators import to_camel

    assert declared == {to_camel(name) for name in Settings.model_fields} | set(errors.SECRET_KEYS)


def test_every_key_is_declared_with_its_type_and_a_description() -> None:
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    for key in TOP.children():
        entry = declared[f"wso2ei:{key.path}"]
        text = key.base is str or key.options
        assert entry["type"] == (
            "object" if key.sections else "boolean" if key.base is bool else "string" if text else ""
        )
        assert len(entry["description"]) > 20, key.path
    for name in errors.SECRET_KEYS:
        assert declared[f"wso2ei:{name}"]["type"] == "string"
        assert len(declared[f"wso2ei:{name}"]["description"]) > 20, name


def test_all_mistakes_are_told_at_once_each_with_its_remedy() -> None:
    text = mistakes(LOCAL | {"ei": {"replicas": 0, "heap": "lots"}, "ingres": {}, "hosts": {"console": "Not A Host"}})
    assert "4 mistakes" in text
    for key in ("wso2ei:ei.replicas = 0", 'wso2ei:ei.heap = "lots"', "wso2ei:ingres", "wso2ei:hosts.console"):
        assert key in text
    assert text.count("fix:") == 4
    assert "did you mean 'ingress'?" in text


def test_zero_and_false_are_values_not_absence() -> None:
    assert load(LOCAL | {"protect": False, "namespace": {"create": True}}).protect is False
    assert "wso2ei:ei.replicas = 0" in mistakes(LOCAL | {"ei": {"replicas": 0}})


def test_a_misspelt_nested_key_gets_a_suggestion() -> None:
    assert "did you mean 'replicas'?" in mistakes(LOCAL | {"ei": {"replica": 3}})
    assert "did you mean 'path'?" in mistakes(LOCAL | {"storage": {"kind": "hostPath", "paht": "/x", "path": "/x"}})


def test_plain_text_credentials_are_refused() -> None:
    text = mistakes(
        LOCAL | {"registryUsername": "me", "registryPassword": "hunter2", "ei": {"image": "r.example.com/ei:1"}}
    )
    assert "must be stored encrypted" in text
    assert "hunter2" not in text


def test_credentials_need_a_named_subscription_image() -> None:
    assert "wso2ei:ei.image" in mistakes(LOCAL | {"registryUsername": "me"})


def test_a_subscription_image_needs_credentials_or_the_word_that_nobody_is_to_be_asked() -> None:
    image = {"ei": {"image": "registry.wso2.com/p/ei:6.6.0.1"}}
    text = mistakes(LOCAL | image)
    assert "wso2ei:registryUsername" in text
    assert "registryCheck" in text
    assert load(LOCAL | image | {"registryCheck": "never"}).registry_username is None
    assert load(LOCAL | image | {"registryUsername": "me"}).registry_username == "me"


def test_an_unknown_ei_version_lists_the_known_ones() -> None:
    text = mistakes(LOCAL | {"ei": {"version": "7.0.0"}})
    assert "6.5.0" in text
    assert "6.6.0" in text


def test_a_stack_without_cluster_rights_refuses_what_needs_them_and_names_the_way_out() -> None:
    text = mistakes(LOCAL | {"kubernetes": {"contexts": ["team"], "clusterScoped": False}})
    assert text.count("needs cluster rights") == 3
    for key in ("namespace.create", "storage.kind", "ingress.controller"):
        assert f"wso2ei:{key}" in text
    given = {"namespace": {"name": "team", "create": False}}
    assert load(LOCAL | given).storage.kind == "hostPath", "a given namespace alone says nothing about cluster rights"
    claims = {"kind": "claim", "mysqlClaim": "mysql", "carbonappsClaim": "artifacts"}
    team = {"kubernetes": {"contexts": ["team"], "clusterScoped": False}, "ingress": {"controller": "existing"}}
    assert load(given | team | {"storage": claims}).kubernetes.cluster_scoped is False


@pytest.mark.parametrize(("text", "number"), [("1Gi", 1024**3), ("512Mi", 512 * 1024**2), ("200m", 0.2), ("1", 1.0)])
def test_quantities(text: str, number: float) -> None:
    assert quantity(text) == pytest.approx(number)


def test_heap_must_leave_room_in_memory() -> None:
    assert "at most 70 %" in mistakes(LOCAL | {"ei": {"heap": "900Mi", "memory": "1Gi"}})


def test_requests_of_the_local_stack_fit_the_seed_machine() -> None:
    """2 CPUs and 6 GB less Docker Desktop's own part: 1.0 CPU and 4 GiB, with one surging node and a Job."""
    content = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())["config"]
    settings = load({key.removeprefix("wso2ei:"): value for key, value in content.items()})
    nodes = settings.ei.replicas + 1
    cpu = nodes * quantity(settings.ei.cpu) + quantity(settings.mysql.cpu) + 0.1 + 0.05
    memory = nodes * quantity(settings.ei.memory) + quantity(settings.mysql.memory) + (128 + 64) * 1024**2
    assert cpu <= 1.0
    assert memory <= 4 * 1024**3


@pytest.mark.parametrize(
    ("mirror", "reference", "expected"),
    [
        (None, "docker.io/library/mysql:8.4", "docker.io/library/mysql:8.4"),
        ("m.example.com", "docker.io/library/mysql:8.4", "m.example.com/library/mysql:8.4"),
        ("m.example.com", "wso2/ei:1.0", "m.example.com/wso2/ei:1.0"),
        ("m.example.com", "mysql:8.4", "m.example.com/library/mysql:8.4"),
        ("m.example.com", "docker.io/mysql:8.4", "m.example.com/library/mysql:8.4"),
        ("m.example.com", "r.example.com:5000/mysql:8.4", "m.example.com/mysql:8.4"),
        ("m.example.com:5000/hub", "localhost/a/ei@sha256:ab", "m.example.com:5000/hub/a/ei@sha256:ab"),
        ("m.example.com/hub", "m.example.com/hub/library/mysql:8.4", "m.example.com/hub/library/mysql:8.4"),
        ("m.example.com/hub", "m.example.com/hub2/mysql:8.4", "m.example.com/hub/hub2/mysql:8.4"),
    ],
)
def test_one_setting_redirects_every_image(mirror: str | None, reference: str, expected: str) -> None:
    assert load(LOCAL | {"images": {"mirror": mirror}}).image(reference) == expected


def test_an_ambient_context_is_never_trusted(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text("current-context: production\n")
    settings = load(LOCAL | {"kubernetes": {"contexts": ["docker-desktop", "kind-*"]}})
    with pytest.raises(errors.ConfigurationError, match="may not touch"):
        context.choose_context(settings, [kubeconfig], dry_run=False)
    assert context.choose_context(settings, [kubeconfig], dry_run=True) == "docker-desktop"
    kubeconfig.write_text("current-context: kind-dev\n")
    assert context.choose_context(settings, [kubeconfig], dry_run=False) == "kind-dev"


def test_the_first_kubeconfig_that_names_a_context_counts_as_in_kubectl(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {"a": "kind: Config\n", "b": "current-context: kind-dev\n", "c": "current-context: x\n"}.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("KUBECONFIG", ":".join(str(tmp_path / name) for name in ("missing", "a", "b", "c")))
    files = context.kubeconfig_files()
    assert [file.name for file in files] == ["a", "b", "c"]
    settings = load(LOCAL | {"kubernetes": {"contexts": ["kind-*"]}})
    assert context.choose_context(settings, files, dry_run=False) == "kind-dev"


@pytest.mark.parametrize("contexts", [["production"], ["kind-*", "production"]])
def test_an_update_without_a_kubeconfig_says_how_to_make_one_in_a_pod(contexts: list[str]) -> None:
    settings = load(LOCAL | {"kubernetes": {"contexts": contexts}})
    with pytest.raises(errors.ConfigurationError, match="needs a kubeconfig, and there is none") as caught:
        context.require_kubeconfig(settings, [])
    assert "kubectl config set users.pod.tokenFile /var/run/secrets/kubernetes.io/serviceaccount/token" in str(
        caught.value
    )
    assert context.choose_context(settings, [], dry_run=True) == "production"
