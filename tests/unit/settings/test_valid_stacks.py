"""Stack files of every shape are accepted; tests/unit/test_shapes.py makes a whole stack of each."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from settings import errors, loading
from settings.schema import TOP, Key
from tests.e2e.test_prod import trial_stack
from tests.unit.settings.test_errors import lines_of, told
from tests.unit.support.config_commands import run_commands
from tests.unit.support.mistake_pairs import VALUES, at, base, single_values
from tests.unit.support.valid_stacks import STACKS

STORAGE = TOP.child("storage")


@pytest.mark.parametrize("shape", STACKS)
def test_a_valid_stack_file_is_accepted(shape: str) -> None:
    assert told(STACKS[shape]) == ""


def test_the_shapes_differ() -> None:
    assert len(STACKS) >= 30
    assert len({repr(config) for config in STACKS.values()}) == len(STACKS)


def valid_values(key: Key) -> list[Any]:
    """Values that a setting accepts, its bounds and options among them."""
    candidates: list[Any] = [VALUES.get(key.path, key.example()), key.default, *key.options, True, False]
    candidates += key.bounds() if key.base is int else []
    return [value for value in candidates if value is not None and key.accepts(value)]


def siblings(config: dict[str, Any], key: Key) -> dict[str, Any]:
    """``config`` with what a section of one kind needs beside ``key``: storage has it already, diagnostics may not."""
    if not key.path.startswith("ei.diagnostics."):
        return config
    for other in single_values():
        if other.path.startswith("ei.diagnostics.") and other.variant == key.variant and other.required:
            config = at(config, other.path, other.sample())
    return config


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    """Any settings, each with a value that it accepts by itself."""
    assert STORAGE is not None
    kind, logs = draw(st.sampled_from(STORAGE.options)), draw(st.sampled_from(STORAGE.options))
    config = base(kind)
    for key in single_values():
        fits = key.variant in {"", logs if key.path.startswith("ei.diagnostics.") else kind}
        if fits and "Username" not in key.path and draw(st.booleans()):
            config = at(siblings(config, key), key.path, copy.deepcopy(draw(st.sampled_from(valid_values(key)))))
    return config


def settled(config: dict[str, Any]) -> str:
    """What is still said of ``config`` when every printed command has been run, three times over."""
    text = told(config)
    for _ in range(3):
        for line, fix in lines_of(text):
            assert "is not a setting" not in line
            assert "must be one of" not in line
            config = run_commands(config, fix)
        text = told(config)
    return text


def name_of(key: Key) -> str:
    return key.path + (f"({key.variant})" if key.variant else "")


def test_the_stack_file_of_the_trial_of_prod_is_accepted() -> None:
    """A rule that rejects it would otherwise be seen on a cluster alone."""
    config = trial_stack("robot", f"registry.wso2.com/team/orders@sha256:{'0' * 64}")["config"]
    assert told({key.removeprefix("wso2ei:"): value for key, value in config.items()}) == ""


@pytest.mark.parametrize("key", single_values(), ids=name_of)
def test_every_setting_takes_each_of_its_values(key: Key) -> None:
    for value in valid_values(key):
        assert settled(at(siblings(base(key.variant), key), key.path, copy.deepcopy(value))) == "", value


@given(config=configs())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_values_that_are_right_by_themselves_can_only_conflict_each_other(config: dict[str, Any]) -> None:
    assert settled(config) == ""


def test_a_name_that_ends_in_a_line_break_is_no_name() -> None:
    with pytest.raises(errors.ConfigurationError):
        loading.load("wso2ei", "test", {"wso2ei:kubernetes": '{"contexts": ["a\\n"]}'}, frozenset())
