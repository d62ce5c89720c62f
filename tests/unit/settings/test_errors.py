"""Every mistake in every setting: told by its key, its value, what is allowed and a command that fixes it."""

from __future__ import annotations

import ast
import functools
import inspect
import json
import re
import shlex
import sys
from pathlib import Path
from types import FrameType
from typing import Any, get_origin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from settings import (
    cross_checks,
    diagnostics,
    ei,
    ei_customization,
    ei_operations,
    errors,
    ingress,
    loading,
    model,
    mysql,
    pods,
    scheduling,
    secrets,
    storage,
)
from settings.ei_customization import SecretKey
from settings.model import Settings
from settings.schema import TOP, Key, place_of, walk
from settings.types import Section
from tests.unit.support.config_commands import run_commands
from tests.unit.support.conflict_pairs import CARBON, CONFLICTS
from tests.unit.support.mistake_pairs import MISSING, MISSPELT, Pair, at, base, pairs, without_a_pair

MODEL_FILES = Path(__file__).parents[3] / "settings"
CLI_FILLS = dict.fromkeys(errors.SECRET_KEYS, "")


MODELS = {
    name: value
    for module in (
        model,
        mysql,
        secrets,
        ei,
        ei_customization,
        ei_operations,
        diagnostics,
        ingress,
        pods,
        scheduling,
        storage,
    )
    for name, value in vars(module).items()
}
"""Everything that the modules with the models define."""


def told(config: dict[str, Any], secret_keys: frozenset[str] = frozenset()) -> str:
    """What ``load`` says of ``config``; empty when it is accepted. Values as Pulumi hands them over."""
    values = {
        f"wso2ei:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in (CLI_FILLS | config).items()
    }
    try:
        loading.load("wso2ei", "test", values, secret_keys)
    except errors.ConfigurationError as error:
        return str(error)
    return ""


def lines_of(text: str) -> list[tuple[str, str]]:
    """(mistake, fixing command) of each mistake."""
    lines = text.splitlines()
    return [
        (line.removeprefix("  - "), lines[number + 1].partition("fix: ")[2])
        for number, line in enumerate(lines)
        if line.startswith("  - ")
    ]


def says_what_is_allowed(line: str, key: Key) -> bool:
    """Judged by the type, not by the words that the program makes of it."""
    if key.sections:
        return all(child.name in line for child in key.children())
    if key.options:
        return all(option in line for option in key.options)
    if key.base is bool:
        return "true or false" in line
    if key.base is int:
        return "integer" in line and all(str(bound) in line for bound in key.bounds()) and key.allowed.unit in line
    if key.base is str:
        return bool(key.allowed.words) and key.allowed.words in line
    return says_what_is_allowed(line, key.item(0) if key.base is not dict and "list" in line else key.item("a"))


REFERENCES = {"secrets", "secret", "secretEnvironment", "setFromSecret"}


@pytest.mark.parametrize("pair", list(pairs()), ids=str)
def test_a_mistake_is_told_with_key_value_allowed_and_a_command_that_fixes_it(pair: Pair) -> None:
    text = told(pair.config)
    assert "has 1 mistake;" in text, text
    ((line, fix),) = lines_of(text)
    key, _, rest = line.partition(": ")
    name, _, _ = key.partition(" = ")
    assert name == f"wso2ei:{pair.path}"
    if pair.kind == MISSPELT:
        assert f"did you mean '{pair.key.name}'?" in rest
    elif pair.kind == MISSING:
        assert "is required" in rest
        assert says_what_is_allowed(rest, pair.key)
    else:
        # Of a map only the keys are shown, and a wrong key of a map has no wrong value.
        if not isinstance(pair.value, dict) and "not a key" not in pair.path:
            # A text where a Secret, or a key of one, is named may be the password.
            around = {*place_of(pair.path), *(child.name for child in pair.key.children())}
            hidden = SecretKey in pair.key.sections or (REFERENCES & around and pair.value is not None)
            assert ("[secret]" if hidden else json.dumps(pair.value)[:70]) in line
        assert says_what_is_allowed(rest, pair.key)
    fixed = run_commands(pair.config, fix)
    # What was wrong may have hidden what it now conflicts with; that is told then, with its own command.
    for _ in range(3):
        text = told(fixed)
        assert line not in text
        for _, following in lines_of(text):
            fixed = run_commands(fixed, following)
    assert text == ""


def test_every_setting_has_every_kind_of_mistake_that_fits_it() -> None:
    assert without_a_pair() == []


def test_the_walk_finds_every_field_of_every_model() -> None:
    defined = [value for value in MODELS.values() if inspect.isclass(value) and issubclass(value, Section)]
    expected = {(model, item.alias) for model in defined for item in model.model_fields.values() if model in used()}
    found = {
        (section, child.name)
        for key in [TOP, *walk()]
        for section in key.sections
        for child in key.children()
        if child.field in section.model_fields.values()
    }
    items = [key.item(0) for key in walk() if get_origin(key.base) is list]
    found |= {(section, child.name) for item in items for section in item.sections for child in item.children()}
    assert found == expected


@functools.cache
def used() -> set[type[Section]]:
    """The sections that a stack's config can hold, by pydantic's own account."""
    names = {*Settings.model_json_schema()["$defs"], "Settings"}
    return {model for name, model in MODELS.items() if name in names}


@pytest.mark.parametrize(("change", "key", "others"), CONFLICTS, ids=lambda value: str(value)[:40])
def test_a_conflict_is_told_with_all_its_keys_and_fixed_by_its_command(
    change: dict[str, Any], key: str, others: list[str]
) -> None:
    config = base() | change
    text = told(config)
    ((line, fix),) = lines_of(text)
    assert line.startswith((f"wso2ei:{key}:", f"wso2ei:{key} = "))
    for other in others:
        assert other in line.partition(": ")[2]
    assert told(run_commands(config, fix)) == ""


def refusals(source: Path) -> list[tuple[str, int, int]]:
    """Where a file refuses values that do not go together."""
    return [
        (str(source), node.lineno, node.end_lineno or node.lineno)
        for node in ast.walk(ast.parse(source.read_text()))
        if (isinstance(node, ast.Raise) and source.name == "model.py")
        or (isinstance(node, ast.Yield) and "Conflict(" in ast.unparse(node))
    ]


def test_every_refusal_of_the_models_is_in_the_table_of_conflicts() -> None:
    expected = [place for source in MODEL_FILES.glob("*.py") for place in refusals(source)]
    assert {Path(file).name for file, _, _ in expected} >= {"model.py", "cross_checks.py"}
    reached: set[tuple[str, int]] = set()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if Path(frame.f_code.co_filename).parent != MODEL_FILES:
            return None
        if event == "line":
            reached.add((frame.f_code.co_filename, frame.f_lineno))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for change, _, _ in CONFLICTS:
            told(base() | change)
    finally:
        sys.settrace(before)
    missed = [
        f"{Path(file).name}:{first}"
        for file, first, last in expected
        if not any((file, line) in reached for line in range(first, last + 1))
    ]
    assert missed == [], "no entry of CONFLICTS reaches it"


def test_conflicts_are_told_beside_other_mistakes_and_only_where_both_keys_are_right() -> None:
    config = base() | {"hosts": {"console": "same", "gateway": "same"}, "ei": {"replicas": "five", "heap": "2Gi"}}
    names = {line.split(":")[1].split(" ")[0] for line, _ in lines_of(told(config | {"mysql": {"cpu": "lots"}}))}
    assert names == {"ei.replicas", "mysql.cpu", "hosts.gateway", "ei.heap"}


def test_several_wrong_items_of_a_list_are_all_told_and_fixed_by_their_commands() -> None:
    wrong = [{"file": CARBON, "path": f"Server/{name}", "set": "x"} for name in ("HostName", "Fine", "MgtHostName")]
    config = base() | {"ei": {"patches": wrong, "javaOptions": ["x", "-Dfine=1", "y"]}}
    found = lines_of(told(config))
    assert [line.partition(":")[2].partition(" ")[0].rstrip(":") for line, _ in found] == [
        "ei.patches[2]", "ei.patches[0]", "ei.javaOptions[2]", "ei.javaOptions[0]",
    ]  # fmt: skip
    for _, fix in found:
        config = run_commands(config, fix)
    assert told(config) == ""
    assert config["ei"] == {"patches": [wrong[1]], "javaOptions": ["-Dfine=1"]}


def test_mistakes_inside_a_misspelt_section_are_told_too() -> None:
    config = base() | {"ingres": {"dialect": "F5"}, "storage": {"kind": "HostPath", "paht": "relative"}}
    names = [line.split(":")[1].split(" ")[0] for line, _ in lines_of(told(config))]
    assert sorted(names) == ["ingres", "ingress.dialect", "storage.kind", "storage.paht", "storage.path"]


def test_a_key_in_the_wrong_section_is_shown_its_place() -> None:
    assert "did you mean 'mysql.maxConnections'?" in told(base() | {"ei": {"maxConnections": 500}})
    assert "did you mean 'ingress.replicas' or 'ei.replicas'?" in told(base() | {"replicas": 3})


def test_a_key_of_a_project_that_is_nearly_ours_is_not_passed_over() -> None:
    values = {f"wso2ei:{key}": json.dumps(value) for key, value in base().items()}
    with pytest.raises(errors.ConfigurationError, match="did you mean 'wso2ei:ei'"):
        loading.load("wso2ei", "test", values | {"wso2-ei:ei": "{}"}, frozenset())
    loading.load("wso2ei", "test", values | {"aws:region": "eu-central-1", "pulumi:tags": "{}"}, frozenset())


@pytest.mark.parametrize("key", errors.SECRET_KEYS)
@pytest.mark.parametrize("where", ["", "ei.", "ingress."])
def test_a_password_in_plain_text_is_refused_wherever_it_stands_and_never_shown(key: str, where: str) -> None:
    config = at(base(), f"{where}{key}", "hunter2")
    text = told(config)
    assert f"wso2ei:{where}{key}" in text
    assert "encrypted" in text
    assert f"pulumi config set --secret {key}" in text
    assert "hunter2" not in text
    misspelt = told(at(base(), f"{where}{key[:-1]}t", "hunter2"))
    assert f"did you mean '{key}'" in misspelt
    assert "hunter2" not in misspelt


def test_what_is_stored_encrypted_is_never_shown() -> None:
    config = base() | {"ei": {"heap": "hunter2", "iamge": "hunter2", "cpu": ["hunter2"]}}
    text = told(config, frozenset({"wso2ei:ei"}))
    assert "wso2ei:ei.heap = [secret]" in text
    assert "hunter2" not in text


REJECTED_LATER: list[tuple[str, Any]] = [
    ("hosts.console", "10.0.0.1"),
    ("hosts.gateway", "010.0.0.1"),
    ("hosts.gateway", "ei.example.42"),
    ("mysql.external", {"host": "10.0.0.256"}),
    ("ingress.address", "10.0.0.256"),
    ("ingress.controllerAddress", "nginx:99999"),
    ("ingress.controllerAddress", "10.0.0.256:443"),
    ("ingress.service", {"loadBalancerSourceRanges": ["10.0.0.0/255.0.0.0"]}),
    ("images.mirror", "harbor.example.com:99999"),
    ("images.mirror", "harbor.example.com:99999/proxy"),
    ("images.mysql", "harbor.example.com:99999/mysql:8.4"),
    ("images.mysql", "harbor.example.com//mysql:8.4"),
    ("images.mysql", "a:b:c:1"),
    ("images.mysql", "mysql-:8.4"),
    ("ei.secretEnvironment", {"A": {"name": "a", "key": "a:b"}}),
    ("ei.secretEnvironment", {"A": {"name": "a", "key": "..x"}}),
    ("ei.keystores", {"secret": "stores", "keystore": "a:b"}),
]
"""Values that the API server, the kubelet or a client would reject after the first objects were created."""


@pytest.mark.parametrize(("path", "value"), REJECTED_LATER, ids=str)
def test_what_the_api_server_would_reject_is_rejected_before(path: str, value: Any) -> None:
    text = told(at(base("nfs"), path, value))
    assert f"wso2ei:{path}" in text
    assert "must be" in text


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("hosts.console", "10.example.com"), ("hosts.gateway", "1-2"), ("ingress.address", "10.0.0.1"),
        ("ingress.controllerAddress", "10.0.0.1:65535"), ("images.mirror", "127.0.0.1:5000/proxy/a"),
        ("images.mysql", "localhost:5000/a/b__c.d-e:8.4"), ("images.mysql", f"mysql@sha256:{'0' * 64}"),
        ("images.mysql", f"r.example.com/mysql:8.4.10-debian_1@sha256:{'0' * 64}"),
        ("ei.secretEnvironment", {"A": {"name": "a", "key": ".dockerconfigjson"}}),
    ],
)  # fmt: skip
def test_what_the_api_server_accepts_is_accepted(path: str, value: Any) -> None:
    assert told(at(base("nfs"), path, value)) == ""


PLAIN: list[dict[str, Any]] = [
    {"environment": {"DB_PASSWORD": "hunter2"}},
    {"environment": {"SMTP_PASS": "hunter2"}},
    {"environment": {"AWS_SECRET_ACCESS_KEY": "hunter2"}},
    {"environment": {"JNDI_URL": "amqp://admin:hunter2@broker/carbon"}},
    {"environment": {"DB_PASSWORD": ["hunter2"]}},
    {"environmnt": {"DB_PASSWORD": "hunter2"}},
    {"secretEnvironment": {"DB_PASSWORD": "hunter2"}},
    {"secretEnvironment": {"BACKEND": "hunter2"}},
    {"javaOptions": ["-Ddb.password=hunter2"]},
    {"javaOptions": "-Ddb.password=hunter2"},
    {"javaOption": ["-Ddb.password=hunter2"]},
    {"patches": [{"file": CARBON, "path": "a/Password", "set": "hunter2"}]},
    {"patches": [{"file": CARBON, "path": "a/Password", "set": ["hunter2"]}]},
    {"patches": [{"file": CARBON, "path": "a/Password", "sett": "hunter2"}]},
    {"patches": [{"file": CARBON, "path": "a/Password", "setFromSecret": "hunter2"}]},
    {"patches": [{"file": CARBON, "path": "a/parameter[@name='mail.smtp.password']", "set": "hunter2"}]},
    {"patches": [{"file": CARBON, "path": "a/Property[@name='ConnectionPassword']", "set": "hunter2"}]},
    {"patches": [{"file": CARBON, "path": "a/b", "attributes": {"keystorePass": "hunter2"}}]},
    {"patches": [{"file": CARBON, "path": "a/b", "xml": "<b><password>hunter2</password></b>"}]},
    {"patches": [{"file": CARBON, "path": "a/b", "xml": '<b><P name="ConnectionPassword">hunter2</P></b>'}]},
    {"patches": [{"file": "conf/jndi.properties", "property": "connectionfactory.a", "set": "amqp://u:hunter2@c/d"}]},
    {"patches": [{"file": CARBON, "path": "a/url", "set": "jdbc:mysql://db/x?user=a&password=hunter2"}]},
    {"files": [{"path": "conf/jndi.properties", "content": "connectionfactory.a = amqp://u:hunter2@c/d"}]},
    {"files": [{"path": "conf/a.xml", "content": "<a>\n<password>hunter2</password>\n</a>"}]},
    {"secretEnvironment": [{"name": "BACKEND", "value": "hunter2"}]},
    {"secretEnvironment": {"BACKEND": {"name": "Hunter2!", "key": "hunter2!"}}},
    {"patchs": [{"file": CARBON, "path": "a/Password", "set": "hunter2"}]},
    {"patches": {"file": CARBON, "path": "a/Password", "set": "hunter2"}},
    {"patches": {"file": "conf/jndi.properties", "property": "db.password", "set": "hunter2"}},
    {"files": [{"path": "conf/a", "secret": {"name": "hunter2!", "key": "a"}}]},
    {"keystores": "hunter2"},
    {"secureVault": {"secret": "hunter2!"}},
]


@pytest.mark.parametrize("change", PLAIN, ids=lambda value: json.dumps(value)[:70])
def test_a_plain_text_password_is_rejected_with_the_way_to_give_it_and_never_shown(change: dict[str, Any]) -> None:
    text = told(base() | {"ei": change})
    assert text != ""
    assert "hunter2" not in text.lower()
    assert re.search("secret", text, re.IGNORECASE) or "did you mean 'set'?" in text, "no way to give it as a Secret"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("secrets", {"mysql": "Hunter2!"}),
        ("secrets", {"rotation": {"admin": "hunter2!"}}),
        ("secrets", {"rotation": "hunter2"}),
        # As in a pod's specification.
        ("ei.environment", [{"name": "DB_PASSWORD", "value": "hunter2"}]),
    ],
    ids=str,
)
def test_a_password_in_place_of_something_else_is_never_shown(path: str, value: Any) -> None:
    text = told(at(base(), path, value))
    assert f"wso2ei:{path}" in text
    assert "hunter2" not in text.lower()


def test_text_that_the_cli_hands_over_for_top_level_keys_works() -> None:
    assert told(base() | {"protect": "true", "registryUsername": "5", "ei": {"image": "r.example.com/ei:1"}}) == ""


def test_numbers_that_yaml_makes_of_cpus_work() -> None:
    assert told(base() | {"ei": {"cpu": 1, "cpuLimit": 1.5}}) == ""


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from([key.name for key in walk()]) | st.text(min_size=1, max_size=8)


@given(config=st.dictionaries(names, anything | st.dictionaries(names, anything, max_size=4), max_size=5))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_stands_in_a_stack_file_is_told_in_words_and_its_commands_can_be_read_by_a_shell(
    config: dict[str, Any],
) -> None:
    for _, fix in lines_of(told(base() | config)):
        assert shlex.split(fix)


def test_a_refusal_that_a_model_raises_by_itself_is_told_with_its_section(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Settings) -> None:
        raise ValueError("the moon is full")

    monkeypatch.setattr(cross_checks, "across_sections", refuse)
    assert "wso2ei: the moon is full" in told(base())
