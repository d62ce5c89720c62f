"""A small model of ``pulumi config set|rm --path``, so that printed commands can be tried by the hundred.

The engine tests try it against the CLI.
"""

from __future__ import annotations

import copy
import json
import re
import shlex
from typing import Any


def value_at(config: Any, place: list[Any]) -> Any:
    """What stands in ``config`` at a place."""
    for part in place:
        config = config[part]
    return config


def run_commands(config: dict[str, Any], line: str) -> dict[str, Any]:
    """``config`` after a printed line of commands, as the CLI would leave it."""
    config = copy.deepcopy(config)
    renamed = re.match(r"rename it to '(\w+)' in the stack file, or pulumi config rm --path '(.*)'", line)
    if renamed:
        place = place_of(renamed[2])
        parent = value_at(config, place[:-1])
        parent[renamed[1]] = parent.pop(place[-1])
        return config
    for command in line.split(" && "):
        words = shlex.split(command)
        assert words[:2] == ["pulumi", "config"], line
        positional: list[str] = []
        types = ""
        arguments = iter(words[3:])
        for word in arguments:
            if word == "--":
                positional += arguments
            elif word == "--type":
                types = next(arguments)
            elif not word.startswith("-"):
                positional.append(word)
        place = place_of(positional[0])
        if words[2] == "rm":
            _remove(config, place)
        elif "--secret" not in words:
            _set(config, place, _typed(positional[1], types, top=len(place) == 1))
    return config


def _typed(text: str, kind: str, *, top: bool) -> Any:
    if not top and kind != "string" and re.fullmatch(r"-?(0|[1-9][0-9]*)|true|false", text):
        return json.loads(text)
    return text


def place_of(key: str) -> list[Any]:
    """The parts of a path such as ``ei.patches[0].file``: names, and indices of lists."""
    path = key.removeprefix("wso2ei:")
    parts = re.findall(r"""\["([^"]*)"\]|\[([0-9]+)\]|([^.\[\]]+)""", path)
    return [int(index) if index else quoted or plain for quoted, index, plain in parts]


def _remove(config: Any, place: list[Any]) -> None:
    for part in place[:-1]:
        if not isinstance(config, dict | list) or (isinstance(config, dict) and part not in config):
            return
        config = config[part]
    if isinstance(config, list):
        del config[place[-1]]
    else:
        config.pop(place[-1], None)


def _set(config: Any, place: list[Any], value: Any) -> None:
    for part, following in zip(place, [*place[1:], None], strict=True):
        empty: Any = [] if isinstance(following, int) else {}
        new = value if following is None else empty
        if isinstance(config, list):
            assert isinstance(part, int), "the CLI: key for an array must be an int"
            assert part <= len(config), "the CLI: array index out of range"
            if part == len(config):
                config.append(new)
            elif following is None:
                config[part] = new
        elif following is None:
            # The CLI keeps the quotes of a text that is there (seen in v3.259.0).
            config[part] = str(new).lower() if isinstance(config.get(part), str) and isinstance(new, int) else new
        elif part not in config:
            config[part] = new
        config = config[part]
