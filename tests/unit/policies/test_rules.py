"""Each rule holds on both stacks, and fails on an object that breaks it: a rule that cannot fail protects nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.objects import UNKNOWN, texts
from policies.rules import RULES, STACK_RULES, check, check_object, check_stack
from policies.stack import selects
from tests.unit.support import samples
from tests.unit.support.builder_rules import BUILDER_RULES
from tests.unit.support.samples import Object, broken, field_paths
from tests.unit.support.stacks import ADMIN, PASSWORD, STACKS, manifests

POD = "spec/template/spec"
MAIN = f"{POD}/containers/0"
FIRST = f"{POD}/initContainers/0"
LEVEL = "pod-security.kubernetes.io/enforce"
UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


@pytest.mark.parametrize("stack", STACKS)
def test_both_stacks_keep_every_promise(stack: str) -> None:
    passwords = [ADMIN, PASSWORD, *(f"pw-of-wso2ei-mysql-{key}-password" for key in ("root", "user", "registry"))]
    assert [str(violation) for violation in check(manifests(stack), passwords)] == []


def test_the_samples_keep_every_promise() -> None:
    assert [str(violation) for violation in check([make() for make in samples.ALL])] == []
    assert check([samples.own_folder(), samples.volume(), samples.network_policy()]) == []
    assert check([samples.load_balancer(), samples.ingress_class()]) == []
    assert check(samples.constraint()) == []


def test_an_option_that_switches_something_on_is_no_secret() -> None:
    """MySQL 8.4 disables an old authentication by default; its option is named like a password."""
    switched = broken(samples.deployment, f"{MAIN}/args", ["--mysql-native-password=ON"])
    assert [str(found) for rule in RULES for found in check_object(rule, switched)] == []


def test_a_volume_without_a_class_is_one_of_no_class() -> None:
    """Pulumi's provider drops the empty text of a volume, as the API server does; a claim keeps it."""
    assert check([broken(samples.volume, "spec/storageClassName", ...)]) == []


def test_pods_need_no_pull_secret_for_another_registry_than_its_own() -> None:
    two = pulling("r.example.com/a:1.2.3", "pull")
    assert check([samples.pull_secret("r.example.com"), two, samples.pod(), samples.network_policy()]) == []
    assert check([two, samples.pod(), samples.network_policy()]) == [], "the Secret may be for either registry"


BROKEN: list[tuple[str, Callable[[], Object], str, Any, str]] = [
    # rule, sample, path of the field, its bad value (... removes it), where the finding must point
    ("no-plain-secrets", samples.deployment, f"{MAIN}/env/0", {"name": "DB_PASSWORD", "value": "hunter2"}, "env[0]"),
    ("no-plain-secrets", samples.deployment, f"{MAIN}/env/0", {"name": "apiKey", "value": "0a1b2c3d"}, "env[0]"),
    ("no-plain-secrets", samples.deployment, f"{MAIN}/env/0", {"name": "SMTP_PASS", "value": "hunter2"}, "env[0]"),
    (
        "no-plain-secrets", samples.deployment, f"{MAIN}/env/0",
        {"name": "AWS_SECRET_ACCESS_KEY", "value": "hunter2"}, "env[0]",
    ),
    (
        "no-plain-secrets", samples.config_map, "data/patches.json",
        '{"patches": [{"path": "a/parameter[@name=\'mail.smtp.password\']", "set": "hunter2"}]}', "patches",
    ),
    (
        "no-plain-secrets", samples.config_map, "data/x.xml",
        '<parameter name="password" locked="false">hunter2</parameter>', "data.x.xml",
    ),
    ("no-plain-secrets", samples.deployment, f"{MAIN}/env/0", {"name": "OPTS", "value": "-Dp.password=hunter2"}, "env"),
    ("no-plain-secrets", samples.deployment, f"{MAIN}/args", ["--password=hunter2"], "args[0]"),
    ("no-plain-secrets", samples.deployment, f"{MAIN}/args", ["--token", "hunter2"], "args[0]"),
    ("no-plain-secrets", samples.deployment, f"{MAIN}/command", ["sh", "-c", "x -storepass hunter2 y"], "command[2]"),
    (
        "no-plain-secrets", samples.deployment, f"{MAIN}/command",
        ["sh", "-c", "x -storepass:file /a/b -keypass hunter2"], "command[2]",
    ),
    ("no-plain-secrets", samples.deployment, f"{MAIN}/command", ["sh", "-c", "PASSWORD='hunter2' x"], "command[2]"),
    ("no-plain-secrets", samples.deployment, f"{MAIN}/args", ["https://me:hunter2@example.com/"], "args[0]"),
    ("no-plain-secrets", samples.deployment, f"{MAIN}/readinessProbe/exec/command", ["ping", "--password=hu2"], "exec"),
    (
        "no-plain-secrets", samples.deployment, f"{MAIN}/lifecycle/preStop/exec/command",
        ["sh", "-c", "curl -u me --password hunter2 x"], "preStop",
    ),
    ("no-plain-secrets", samples.deployment, "metadata/annotations/token", "hunter2", "annotations.token"),
    ("no-plain-secrets", samples.deployment, "spec/template/metadata/annotations/password", "hunter2", "annotations"),
    ("no-plain-secrets", samples.secret, "metadata/annotations/last", '{"stringData": {"password": "hu2"}}', "last"),
    ("no-plain-secrets", samples.config_map, "data/admin-password", "hunter2", "data.admin-password"),
    ("no-plain-secrets", samples.config_map, "data/x.properties", "a=b\ndb.password = hunter2", "data.x.properties"),
    ("no-plain-secrets", samples.config_map, "data/x.xml", "<Password>hunter2</Password>", "data.x.xml"),
    ("no-plain-secrets", samples.config_map, "data/x.yaml", 'password: "hunter2"', "data.x.yaml"),
    ("no-plain-secrets", samples.config_map, "data/x.json", '{"a": [{"dbPassword": "hunter2"}]}', "data.x.json"),
    ("no-plain-secrets", samples.config_map, "data/x.url", "jdbc:mysql://h/d?user=u&password=hunter2", "data.x.url"),
    ("no-plain-secrets", samples.config_map, "data/x.key", "-----BEGIN RSA PRIVATE KEY-----\nMII", "data.x.key"),
    ("no-plain-secrets", samples.config_map, "data/login", '{"auths": {"r": {"auth": "bWU6aHU="}}}', "data.login"),
    ("no-plain-secrets", samples.config_map, "data/jwt", "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.abc", "data.jwt"),
    (
        "no-plain-secrets", samples.config_map, "data/patches.json",
        '{"patches": [{"file": "conf/x.xml", "path": "Server/KeyStore/Password", "set": "hunter2"}]}', "patches",
    ),
    (
        "no-plain-secrets", samples.config_map, "data/patches.json",
        '{"patches": [{"file": "conf/x.xml", "path": "a/Property[@name=\'password\']", "set": "hunter2"}]}', "patches",
    ),
    (
        "no-plain-secrets", samples.config_map, "data/patches.json",
        '{"patches": [{"file": "conf/x.xml", "path": "a", "xml": "<a><password>hunter2</password></a>"}]}', "patches",
    ),
    ("pinned-images", samples.deployment, f"{MAIN}/image", "docker.io/library/sample", "image"),
    ("pinned-images", samples.deployment, f"{MAIN}/image", "docker.io/library/sample:latest", "image"),
    ("pinned-images", samples.deployment, f"{MAIN}/image", "docker.io/library/sample:3.13-slim", "image"),
    ("pinned-images", samples.deployment, f"{MAIN}/image", "localhost:5000/sample", "image"),
    ("pinned-images", samples.deployment, f"{MAIN}/image", "sample:1.2.3@sha256:0a1b", "image"),
    ("pinned-images", samples.deployment, f"{FIRST}/image", ..., "image"),
    ("kept-data", samples.volume, "spec/persistentVolumeReclaimPolicy", "Delete", "ReclaimPolicy"),
    ("kept-data", samples.volume, "spec/hostPath/path", "/etc", "hostPath.path"),
    ("kept-data", samples.claim, "spec/storageClassName", ..., "storageClassName"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "make", "path", "value", "where"), BROKEN)
def test_a_broken_object_is_found(rule: str, make: Callable[[], Object], path: str, value: Any, where: str) -> None:
    item = broken(make, path, value)
    found = {each.name: check_object(each, item) for each in RULES}
    assert any(where in violation.where for violation in found[rule]), found
    assert all(violation.judged for violation in found[rule])
    assert "hunter2" not in "".join(map(str, found[rule])), "a finding must not repeat the secret"


def pulling(image: str, *secrets: str) -> Object:
    """The sample with another image for its main container, and pull secrets."""
    item = broken(samples.deployment, f"{MAIN}/image", image)
    item["spec"]["template"]["spec"]["imagePullSecrets"] = [{"name": name} for name in secrets]
    return item


ALONE = [samples.deployment(), samples.network_policy()]
BROKEN_STACKS: list[tuple[str, list[Object], str]] = [
    ("pull-secrets", [samples.pull_secret("r.example.com"), pulling("r.example.com/a:1.2.3")], "Deployment sample"),
    ("pull-secrets", [samples.pull_secret("docker.io"), samples.cron_job()], "CronJob sample"),
    ("pull-secrets", [samples.pull_secret("https://index.docker.io/v1/"), samples.pod()], "Pod sample"),
    ("pull-secrets", [samples.pull_secret("r.example.com:5000"), pulling("r.example.com:5000/a:1.2.3", "x")], "Dep"),
    # The Secret exists already or its data is hidden: its registry is that of the pods that name it.
    ("pull-secrets", [pulling("sample:1.2.3", "pull"), samples.pod()], "Pod sample"),
    ("network-policies", [samples.deployment()], "Deployment sample"),
    ("network-policies", [samples.cron_job()], "CronJob sample"),
    ("network-policies", [samples.deployment(), broken(samples.network_policy, "metadata/namespace", "b")], "Depl"),
    ("network-policies", [ALONE[0], broken(samples.network_policy, "spec/policyTypes", ["Egress"])], "Deployment"),
    ("network-policies", [ALONE[0], broken(samples.network_policy, "spec/podSelector/matchLabels/a", "b")], "Depl"),
    ("network-policies", [ALONE[0], broken(samples.network_policy, "spec/ingress", [{}])], "NetworkPolicy sample"),
    ("justified-root", [samples.own_folder(), samples.network_policy()], "Deployment sample"),
    ("justified-level", [samples.own_folder(), samples.namespace()], "Namespace space"),
    ("justified-level", [*ALONE, broken(samples.namespace, "metadata/labels", {LEVEL: "privileged"})], "Namespace"),
    ("justified-level", [*ALONE, broken(samples.namespace, "metadata/labels", {LEVEL: "baseline"})], "Namespace"),
    ("justified-level", [*ALONE, broken(samples.namespace, "metadata/labels", {})], "Namespace"),
    ("justified-group", [samples.role(), samples.constraint()[1]], "RoleBinding sample"),
    ("justified-group", [samples.constraint()[1]], "RoleBinding sample"),
    ("justified-group", [broken(lambda: samples.constraint()[0], "rules/0/verbs", ["use", "get"]),
     samples.constraint()[1]], "RoleBinding sample"),
    ("justified-group", [broken(lambda: samples.constraint()[0], "rules/0/resourceNames", ...),
     samples.constraint()[1]], "RoleBinding sample"),
    ("justified-exposure", [samples.load_balancer()], "Service sample"),
    ("justified-exposure", [broken(samples.load_balancer, "spec/type", "NodePort")], "Service sample"),
    ("justified-exposure", [broken(samples.deployment, f"{MAIN}/ports/0/hostPort", 80)], "Deployment sample"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "items", "target"), BROKEN_STACKS)
def test_a_broken_stack_is_found(rule: str, items: list[Object], target: str) -> None:
    found = next(check_stack(each, items) for each in STACK_RULES if each.name == rule)
    assert [violation for violation in found if violation.target.startswith(target)], found


def test_every_rule_is_broken_by_a_test() -> None:
    assert {rule.name for rule in RULES} == {case[0] for case in BROKEN}
    assert {rule.name for rule in STACK_RULES} == {case[0] for case in BROKEN_STACKS}


def test_the_value_of_a_secret_is_found_wherever_it_stands_but_in_a_secret() -> None:
    value = "nothing that looks like one"
    for make in samples.ALL:
        for path, _ in texts(make()):
            item = broken(make, path, f"x {value} y")
            found = [v for v in check([item], [value]) if "value of a secret" in v.message]
            in_secret = item["kind"] == "Secret" and path[0] == "stringData"
            assert bool(found) != in_secret, (item["kind"], path)
    encoded = broken(samples.config_map, "data/level", "bm90aGluZyB0aGF0IGxvb2tzIGxpa2Ugb25l")
    assert [v for v in check([encoded], [value]) if "value of a secret" in v.message]


HARMLESS = [
    {"name": "DB_PASSWORD_FILE", "value": "/run/secrets/password"},
    {"name": "DB_PASSWORD", "value": "$(FROM_SECRET)"},
    {"name": "DB_PASSWORD", "value": "/run/secrets/password"},
    {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}},
    {"name": "OPTS", "value": "-Dkeystore.password=${PASSWORD}"},
    {"name": "PASSWORD_ENCRYPTION", "value": "sha256"},
    {"name": "SECRET", "value": UNKNOWN_TEXT},
]


@pytest.mark.parametrize("variable", HARMLESS)
def test_the_name_or_the_place_of_a_secret_is_no_secret(variable: Object) -> None:
    item = broken(samples.deployment, f"{MAIN}/env/0", variable)
    assert check_object(RULES[0], item) == []


@given(st.data())
def test_a_value_that_is_unknown_is_neither_a_finding_nor_a_crash(data: st.DataObject) -> None:
    make = data.draw(st.sampled_from([*samples.ALL, samples.own_folder, samples.load_balancer, samples.volume]))
    places = [path for path in field_paths(make()) if path[0] not in {"kind", "apiVersion"}]
    path = data.draw(st.sampled_from(places))
    placeholder = data.draw(st.sampled_from(sorted(UNKNOWN)))
    item = broken(make, path, placeholder)
    for rule in (*RULES, *BUILDER_RULES):
        assert [violation for violation in check_object(rule, item) if violation.judged] == [], path
    check([item])


def test_selectors_answer_as_in_kubernetes() -> None:
    labels = {"a": "1", "b": "2"}
    assert selects({}, labels)
    assert selects({"matchLabels": {"a": "1"}, "matchExpressions": [{"key": "b", "operator": "Exists"}]}, labels)
    assert not selects({"matchLabels": {"a": "2"}}, labels)
    assert selects({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "3"]}]}, labels)
    assert not selects({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, labels)
    assert selects({"matchExpressions": [{"key": "c", "operator": "DoesNotExist"}]}, labels)
    assert not selects({"matchExpressions": [{"key": "c", "operator": "Exists"}]}, labels)
