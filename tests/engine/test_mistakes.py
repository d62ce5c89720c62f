"""Mistakes in a stack file, through the real CLI: each has its own line, nothing is made, no traceback is shown."""

from __future__ import annotations

import copy
import functools
import re
from pathlib import Path
from typing import Any

import pytest

from settings.schema import TOP, place_of, walk
from tests.engine.conftest import Preview
from tests.engine.one_stack import OneStack, steps
from tests.unit.settings.test_errors import lines_of
from tests.unit.settings.test_errors import told as in_process
from tests.unit.support.config_commands import run_commands
from tests.unit.support.conflict_pairs import CONFLICTS
from tests.unit.support.mistake_pairs import (
    COMPANIONS,
    MISSING,
    MISSPELT,
    WRONG_TYPE,
    Pair,
    base,
    companions,
    pairs,
    put,
    without,
)

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]
STORAGE = TOP.child("storage")
assert STORAGE is not None
KINDS = STORAGE.options
TAG = f"{STORAGE.path}.{STORAGE.tag}"
SETTINGS = {key.path for key in walk()}


@pytest.fixture(scope="module")
def stack(pulumi_home: Path, tmp_path_factory: pytest.TempPathFactory) -> OneStack:
    return OneStack(pulumi_home, tmp_path_factory.mktemp("one-stack"))


def of_the_cli(pair: Pair) -> bool:
    """The CLI itself looks at the type of a top-level key, and says so before the program runs."""
    return "." not in pair.key.path and pair.kind == WRONG_TYPE


def of_kind(kind: str) -> list[Pair]:
    """The pairs to try with one kind of storage, one of each setting and mistake.

    A section at the top that is misspelt or missing leaves no room for mistakes in it. What several kinds of storage
    have in common is tried with the first of them, as is everything else; the unit tests try every pair alone.
    """
    first: dict[tuple[str, ...], Pair] = {}
    for pair in sorted(pairs(), key=lambda pair: KINDS.index(pair.key.variant or KINDS[0])):
        if not of_the_cli(pair) and not (pair.key.sections and "." not in pair.key.path):
            what = "the kind" if pair.key.path == TAG else repr(pair.key.annotation)
            first.setdefault((pair.path, pair.kind, what), pair)
    return [pair for pair in first.values() if (pair.key.variant or KINDS[0]) == kind]


@functools.cache
def setting_of(path: str) -> str:
    """The setting whose item is at ``path``; most often itself."""
    return max((name for name in SETTINGS if path == name or path.startswith((f"{name}.", f"{name}["))), key=len)


def apart(one: Pair, other: Pair) -> bool:
    """They cannot stand in one file: they are in one another, or leave a section without kind unknown."""
    short, long = sorted((setting_of(one.key.path), setting_of(other.key.path)), key=len)
    known_by_others = TAG in (short, long) and short.startswith("storage.") and long.startswith("storage.")
    gone = {MISSING, MISSPELT}
    return (
        long == short
        or long.startswith((f"{short}.", f"{short}["))
        or (known_by_others and bool({one.kind, other.kind} & gone))
        # Without its kind nothing is known of this section.
        or (short == "ei.diagnostics.kind" and long.startswith("ei.diagnostics."))
        or (long == "ei.diagnostics.kind" and short.startswith("ei.diagnostics."))
    )


def files(kind: str) -> list[list[Pair]]:
    """For one kind of storage: lists of mistakes that can stand in one stack file."""
    found: list[list[Pair]] = []
    # What needs companions comes last, since a companion may be what another pair has wrong.
    for pair in sorted(of_kind(kind), key=lambda pair: pair.key.path in COMPANIONS):
        for file in found:
            fits = not any(apart(pair, other) for other in file)
            if fits and (pair.key.path not in COMPANIONS or companions_stand(kind, [*file, pair])):
                file.append(pair)
                break
        else:
            found.append([pair])
    return found


def companions_stand(kind: str, mistakes: list[Pair]) -> bool:
    """Nothing else is wrong with ``mistakes`` together."""
    return len(lines_of(in_process(merged(kind, mistakes)))) == len(mistakes)


def filled(config: Any, more: Any) -> Any:
    """``config`` with what only ``more`` has."""
    if isinstance(config, dict) and isinstance(more, dict):
        return {key: filled(config[key], more[key]) if key in more else config[key] for key in config} | {
            key: copy.deepcopy(more[key]) for key in more if key not in config
        }
    if isinstance(config, list) and isinstance(more, list):
        return [filled(*both) for both in zip(config, more, strict=False)] + more[len(config) :]
    return config


def merged(kind: str, mistakes: list[Pair]) -> dict[str, Any]:
    """One config with all of ``mistakes``."""
    config = copy.deepcopy(base(kind))
    for pair in mistakes:
        config = filled(config, companions(pair.key.path, pair.key.variant))
    for pair in mistakes:
        path, setting = pair.key.path, setting_of(pair.key.path)
        if pair.kind == MISSING and path == setting:
            config = without(config, path)
        elif pair.kind == MISSPELT and path == setting:
            put(config, path, copy.deepcopy(pair.value), name=pair.path.rpartition(".")[2])
        else:
            found: Any = pair.config
            for part in place_of(setting):
                found = found[part]
            put(config, setting, copy.deepcopy(found))
    return config


def told(answer: Preview) -> dict[str, str]:
    """The fixing command of each key that a preview complains of."""
    found = lines_of(re.sub(r"(?m)^ {4}(?= {2})", "", answer.text))
    return {name_of(line): fix for line, fix in found}


def name_of(line: str) -> str:
    """The key of a told mistake."""
    return re.match(r"[\w:.-]+((\[[^\]]*\])[\w.-]*)*", line)[0].rstrip(":")  # type: ignore[index]


def assert_nothing_is_made(answer: Preview) -> None:
    assert answer.code != 0, answer.text
    assert "Traceback" not in answer.text
    assert "nothing was changed" in answer.text
    assert not re.search(r"\+ +(kubernetes|random|wso2ei):", answer.text), answer.text


@pytest.mark.parametrize("kind", KINDS)
def test_all_mistakes_of_a_stack_file_are_told_at_once(stack: OneStack, kind: str) -> None:
    mistakes = files(kind)
    assert len(mistakes) >= 4
    answers = stack.previews([merged(kind, file) for file in mistakes])
    for file, answer in zip(mistakes, answers, strict=True):
        assert_nothing_is_made(answer)
        found = told(answer)
        for pair in file:
            assert f"wso2ei:{pair.path}" in found, f"{pair} is not told:\n{answer.text}"
            assert "pulumi config " in found[f"wso2ei:{pair.path}"]
        assert len(found) == len(file), answer.text


def together(config: dict[str, Any], change: dict[str, Any]) -> dict[str, Any] | None:
    """Both in one config; ``None`` where they set the same."""
    both = dict(config)
    for section, value in change.items():
        if section in both and not isinstance(value, dict):
            return None
        if isinstance(value, dict) and set(both.get(section, {})) & set(value):
            return None
        both[section] = both.get(section, {}) | value if isinstance(value, dict) else value
    return both


def test_all_conflicts_are_told_at_once(stack: OneStack) -> None:
    files: list[tuple[dict[str, Any], set[str]]] = []
    for change, key, _ in CONFLICTS:
        for place, (config, keys) in enumerate(files):
            both, expected = together(config, change), keys | {f"wso2ei:{key}"}
            # Some change what others conflict: those stand in files of their own.
            if both and expected <= {name_of(line) for line, _ in lines_of(in_process(base() | both))}:
                files[place] = both, expected
                break
        else:
            files.append((change, {f"wso2ei:{key}"}))
    assert sum(len(keys) for _, keys in files) > len(files)
    for (_, keys), answer in zip(files, stack.previews([base() | config for config, _ in files]), strict=True):
        assert_nothing_is_made(answer)
        assert keys <= set(told(answer)), answer.text


def test_passwords_in_plain_text_are_refused_and_not_shown(stack: OneStack) -> None:
    config = base() | {"registryPassword": "hunter2", "ei": {"adminPassword": "hunter2"}, "adminPasword": "hunter2"}
    answer = stack.preview(config)
    assert_nothing_is_made(answer)
    assert {"wso2ei:registryPassword", "wso2ei:ei.adminPassword", "wso2ei:adminPasword"} <= set(told(answer))
    assert "hunter2" not in answer.text


def test_the_cli_itself_refuses_a_wrong_type_at_the_top(stack: OneStack) -> None:
    wrong: dict[str, dict[str, Any]] = {}
    for key in TOP.children():
        is_text = not key.sections and (key.base is str or bool(key.options))
        for value in [["item"], {"a": "b"}] if is_text else ["text"]:
            wrong[f"{key.path} {value}"] = {key.path: value}
    for name, answer in zip(wrong, stack.previews([base() | config for config in wrong.values()]), strict=True):
        assert answer.code != 0
        assert f"configuration key 'wso2ei:{name.split()[0]}' must be of type" in answer.text
        assert "Traceback" not in answer.text


def test_an_empty_stack_file_is_led_to_a_working_one_by_the_printed_commands(stack: OneStack) -> None:
    answer = stack.preview({})
    assert_nothing_is_made(answer)
    found = told(answer)
    assert set(found) == {"wso2ei:kubernetes.contexts", "wso2ei:storage.kind"}
    stack.write({})
    done = stack.shell("\n".join(found.values()))
    assert done.returncode == 0, done.stderr
    steps(stack.preview(stack.config(), as_json=True))


OF_EVERY_SHAPE: dict[str, Any] = {
    "kubernetes": {"contexts": "docker-desktop", "clusterScoped": "true"},
    "storage": {"kind": "NFS", "server": "nfs.example.com", "path": "relative", "version": 4, "mountOptions": [5]},
    "namespace": {"name": None, "creat": False},
    "mysql": {"options": "--skip-external-locking", "memory": 1.5, "cpu": ""},
    "ingress": {"controllerLabels": {"app.kubernetes.io/name": 5}, "tlsSecret": "Not Valid!", "httpsPort": 0},
    "ei": {"replicas": "3", "heap": "512MB", "image": {"a": "b"}, "pullMinutes": [30]},
    "hosts": {"console": "same", "gateway": "same"},
}


def test_the_printed_commands_do_in_the_cli_what_they_say(stack: OneStack) -> None:
    """Every shape of command: numbers over quoted text, text like numbers, lists, maps, options, removals."""
    answer = stack.preview(OF_EVERY_SHAPE)
    assert_nothing_is_made(answer)
    commands = list(told(answer).values())
    assert len(commands) == 19
    expected = OF_EVERY_SHAPE
    for line in commands:
        expected = run_commands(expected, line)
    stack.write(OF_EVERY_SHAPE)
    done = stack.shell("\n".join(commands))
    assert done.returncode == 0, done.stderr
    assert stack.config() == expected
    nodes = [
        step for step in steps(stack.preview(stack.config(), as_json=True)) if "Deployment::wso2ei-nodes" in step["urn"]
    ]
    assert nodes[0]["newState"]["inputs"]["spec"]["replicas"] == 3
