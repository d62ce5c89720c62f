"""A stack's mistakes in words: key path, value, what is allowed, and the command that fixes it.

``check`` finds all of them at once: it makes on a copy of the config the changes that it tells the user to make, and
looks again, so that no mistake hides another one behind it.
"""

from __future__ import annotations

import copy
import difflib
import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pydantic import ValidationError

from settings.model import Settings
from settings.schema import Key, locate, path_of, place_of, walk
from settings.types import Conflict, ConflictsError

PROJECT = "wso2ei"
SECRET_KEYS = ("registryPassword", "adminPassword", "mysqlUserPassword", "mysqlRegistryPassword")
"""Top-level keys whose values must be stored encrypted."""
_ROUNDS = 5
"""Looks at a config before it is given up; a second one finds what the first could not see."""

Place = tuple[int | str, ...]


@dataclass(frozen=True)
class Change:
    """One change of a stack's config; a value of ``None`` removes the key."""

    place: Place
    value: Any


@dataclass(frozen=True)
class Mistake:
    """One wrong value and its remedy."""

    key: str
    value: str
    expected: str
    fix: str

    def __str__(self) -> str:
        shown = f" = {self.value}" if self.value else ""
        return f"{self.key}{shown}: {self.expected}\n      fix: {self.fix}"


class ConfigurationError(pulumi.RunError):
    """All mistakes of a stack's configuration; the CLI prints the text without a traceback."""

    def __init__(self, stack: str, mistakes: list[Mistake]) -> None:
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        lines = "\n".join(f"  - {mistake}" for mistake in mistakes)
        super().__init__(
            f"The configuration of stack '{stack}' has {count}; nothing was changed. Edit Pulumi.{stack}.yaml, or run\n"
            f"the commands, which act on the selected stack (pulumi stack select {stack}).\n{lines}"
        )


def full(path: str) -> str:
    """``ei.replicas`` as the stack file and the CLI write it."""
    return f"{PROJECT}:{path}" if path else PROJECT


def set_command(path: str, value: str | int | float | bool) -> str:
    """The command that sets ``path`` (``ei.replicas``) to ``value``; copied into a shell, it does just that."""
    text = value if isinstance(value, str) else json.dumps(value)
    words = [f"pulumi config set --path {_quoted(full(path))}"]
    # Below the top, the CLI makes numbers and booleans of words that look like them.
    if isinstance(value, str) and "." in path and re.fullmatch(r"[-+]?[0-9]+|true|false", value):
        words.append("--type string")
    # The CLI refuses to store as plain text what has such a name and looks random.
    if re.search(r"pass|pwd|secret|token", path, re.IGNORECASE):
        words.append("--plaintext")
    return " ".join([*words, *(["--"] if text.startswith("-") else []), shlex.quote(text)])


def _quoted(key: str) -> str:
    """In quotes even where the shell needs none: brackets are special to some, and one look is easier to read."""
    return shlex.quote(key) if "'" in key else f"'{key}'"


def commands(changes: Iterable[Change]) -> str:
    """One line that makes ``changes`` in order."""
    return " && ".join(command for change in changes for command in _commands(change))


def _commands(change: Change) -> list[str]:
    path, value = path_of(change.place), change.value
    remove = f"pulumi config rm --path {_quoted(full(path))}"
    if isinstance(value, dict | list):
        # Setting an item keeps the others, and fails where there is a value of another kind.
        items = value.items() if isinstance(value, dict) else enumerate(value)
        nested = [_commands(Change((*change.place, key), item)) for key, item in items]
        return [remove, *(command for found in nested for command in found)]
    return [remove if value is None else set_command(path, value)]


def apply(config: dict[str, Any], changes: Iterable[Change]) -> None:
    """Make ``changes`` in ``config``, as the CLI makes them in the stack file."""
    for change in changes:
        *parents, last = change.place
        target: Any = config
        for part, following in zip(parents, change.place[1:], strict=True):
            empty: Any = [] if isinstance(following, int) else {}
            if isinstance(target, list) and part == len(target):
                target.append(empty)
            elif isinstance(target, dict) and not isinstance(target.get(part), dict | list):
                target[part] = empty
            target = target[part]
        if change.value is not None and isinstance(target, list) and last == len(target):
            target.append(copy.deepcopy(change.value))
        elif change.value is not None:
            target[last] = copy.deepcopy(change.value)
        elif isinstance(target, dict):
            target.pop(last, None)
        else:
            del target[last]


def check(raw: Mapping[str, Any], concealed: frozenset[str] = frozenset()) -> tuple[Settings | None, list[Mistake]]:
    """The settings and every mistake in ``raw`` (top-level key to decoded value).

    With mistakes, the settings are those of the repaired copy, for checks of what else they hold; ``None`` where it
    could not be repaired. Values below the top-level keys ``concealed`` are stored encrypted and never shown.
    """
    config, wrong = copy.deepcopy(dict(raw)), set[str]()
    found: dict[str, Mistake] = {}
    for _ in range(_ROUNDS):
        try:
            return Settings.model_validate(config), list(found.values())
        except ValidationError as error:
            look = _Look(config, concealed, wrong)
            look.at(error)
        for mistake in look.mistakes:
            found.setdefault(mistake.key, mistake)
        if not look.changes:
            break
        apply(config, look.changes)
    return None, list(found.values())


class _Look:
    """What one validation found: the mistakes, and the changes that fix them."""

    def __init__(self, config: dict[str, Any], concealed: frozenset[str], wrong: set[str]) -> None:
        self.mistakes: list[Mistake] = []
        self.changes: list[Change] = []
        self._config = config
        self._concealed = concealed
        self._wrong = wrong
        """Paths of the settings that are wrong by themselves."""

    def at(self, error: ValidationError) -> None:
        """Take one validation's errors: misspelt keys first, since they explain missing ones."""
        details = sorted(error.errors(), key=lambda detail: detail["type"] != "extra_forbidden")
        for detail in details:
            cause = (detail.get("ctx") or {}).get("error")
            key, place = locate(detail["loc"])
            if isinstance(cause, ConflictsError):
                self._conflicts(cause)
            elif detail["type"] == "extra_forbidden":
                self._unknown(place)
            elif detail["type"] == "missing":
                self._missing(key, place)
            elif detail["loc"][-1:] == ("[key]",):
                self._add(key, f"the key must be {key.words()}", [Change(place, None)])
            elif detail["type"] in {"union_tag_invalid", "union_tag_not_found"}:
                self._kind(key, place, detail["input"])
            elif key.sections and isinstance(cause, ValueError):
                self.mistakes.append(Mistake(full(key.path), "", str(cause), "edit the stack file"))
            else:
                self._wrong_value(key, place, detail["input"])

    def _add(self, key: Key, expected: str, changes: list[Change], value: str = "") -> None:
        self._wrong.add(key.path)
        self.changes += changes
        self.mistakes.append(Mistake(full(key.path), value, expected, commands(changes)))

    def _hidden(self, place: Place) -> bool:
        return bool(place) and place[0] in self._concealed

    def _wrong_value(self, key: Key, place: Place, value: Any) -> None:
        hidden = self._hidden(place)
        if key.field and not key.required and (key.sections or value in (None, "")):
            # Nothing was meant to be set, or nothing can be made of it: the default holds.
            better = None
        else:
            better = None if hidden else _better(key, value)
            better = key.sample() if better is None else better
        # The CLI keeps the quotes of a text that is there, which would make text of a number.
        first = [Change(place, None)] if isinstance(value, str) and isinstance(better, int) else []
        shown = "[secret]" if hidden else _shown(value)
        self._add(key, f"must be {key.words()}", [*first, Change(place, better)], shown)

    def _missing(self, key: Key, place: Place) -> None:
        if any(change.place == place for change in self.changes):
            return
        self._add(key, f"is required; it must be {key.words()}", [Change(place, key.sample())])

    def _kind(self, key: Key, place: Place, value: dict[str, Any]) -> None:
        given = value.get(key.tag)
        kind = _close(given, key.options) or max(key.options, key=lambda option: _fit(key, option, value))
        changes = [Change((*place, key.tag), kind)]
        if given is None:
            changes += [
                Change((*place, child.name), child.sample())
                for child in key.children()
                if child.variant == kind and child.required and child.name not in {key.tag, *value}
            ]
        required = "" if key.tag in value else "is required; it "
        shown = "" if required else "[secret]" if self._hidden(place) else _shown(given)
        self._add(
            Key(path_of((*place, key.tag)), str), f"{required}must be one of {', '.join(key.options)}", changes, shown
        )

    def _conflicts(self, error: ConflictsError) -> None:
        for found in error.conflicts:
            paths = (found.key, *found.others)
            # A value that is wrong by itself was replaced, and conflicts with nothing.
            if not any(_one_in_the_other(path, wrong) for path in paths for wrong in self._wrong):
                self._conflict(found)

    def _conflict(self, found: Conflict) -> None:
        changes = [Change(place_of(path), value) for path, value in found.fix.items()]
        value: Any = self._config
        for part in place_of(found.key):
            inside = part in value if isinstance(value, dict) else isinstance(value, list) and len(value) > int(part)
            value = value[part] if inside else None
        hidden = found.key.split(".")[0] in self._concealed
        shown = "" if value is None else "[secret]" if hidden else _shown(value)
        self.changes += changes
        self.mistakes.append(Mistake(full(found.key), shown, found.expected, commands(changes)))

    def _unknown(self, place: Place) -> None:
        """A key that is no setting, with the one that was probably meant."""
        section, name = _value(self._config, place[:-1]), str(place[-1])
        parent = locate(place[:-1])[0]
        kind = section.get(parent.tag) if parent.tag else ""
        siblings = {child.name: child for child in parent.children() if child.variant == kind}
        remove = Change(place, None)
        of_another_kind = parent.child(name) is not None
        meant = None if of_another_kind else _close(name, [*siblings, *SECRET_KEYS])
        if meant in SECRET_KEYS:
            hint = f"did you mean '{meant}'? That is a top-level key, and must be stored encrypted"
            changes, fix = [remove], f"pulumi config set --secret {meant} && {commands([remove])}"
        # What the CLI fills in for a declared key is not what a user has set.
        elif meant and section.get(meant) not in (None, {}, siblings[meant].default):
            hint = f"did you mean '{meant}'? It is set already"
            changes, fix = [remove], commands([remove])
        elif meant:
            hint = f"did you mean '{meant}'?"
            changes = [Change((*place[:-1], meant), section[place[-1]]), remove]
            # A map is not copied into a command, nor is what is no valid value of the key that was meant.
            complete = not self._hidden(place) and siblings[meant].accepts(section[place[-1]])
            complete = complete and not isinstance(section[place[-1]], dict)
            rename = f"rename it to '{meant}' in the stack file, or {commands([remove])}"
            fix = commands(changes) if complete else rename
        else:
            hint = _where(name, parent, [*siblings, *(() if parent.path else SECRET_KEYS)])
            changes, fix = [remove], commands([remove])
        self._wrong.add(path_of(place))
        self.changes += changes
        self.mistakes.append(Mistake(full(path_of(place)), "", f"is not a setting; {hint}", fix))


def _one_in_the_other(path: str, other: str) -> bool:
    """Two paths are the same, or one leads through the other."""
    long, short = (path, other) if len(path) > len(other) else (other, path)
    return long == short or long.startswith((f"{short}.", f"{short}["))


def _better(key: Key, value: Any) -> Any:
    """What was probably meant by ``value``, if it is clear; else ``None``."""
    text = str(value).strip() if isinstance(value, str | int | float) else ""
    candidates: list[Any] = [_close(text, key.options), text, text.lower()]
    size = re.fullmatch(r"([0-9.]+) *([KMGT])i?B?", text, re.IGNORECASE)
    if size:
        candidates.append(f"{size[1]}{size[2].upper()}i")
    if key.base is bool:
        candidates.append({"true": True, "yes": True, "on": True, "1": True}.get(text.lower()))
        candidates.append({"false": False, "no": False, "off": False, "0": False}.get(text.lower()))
    elif key.base is int and not isinstance(value, bool) and re.fullmatch(r"-?[0-9]+", text):
        least, greatest = key.bounds()
        number = int(text) if least is None else max(int(text), least)
        candidates.append(number if greatest is None else min(number, greatest))
    elif key.base is not str:
        candidates.append([value])
    return next((found for found in candidates if found not in (None, "", value) and key.accepts(found)), None)


def _where(name: str, parent: Key, known: Sequence[str]) -> str:
    """Where a key that is like none of its siblings may belong."""
    kinds = [child.variant for child in parent.children() if child.name == name]
    if kinds:
        return f"it belongs to {parent.path}.{parent.tag} {' and '.join(kinds)}"
    elsewhere = dict.fromkeys(repr(other.path) for other in walk() if other.name == name)
    return f"did you mean {' or '.join(elsewhere)}?" if elsewhere else f"known keys: {', '.join(sorted(known))}"


def _close(word: Any, known: Iterable[str]) -> str | None:
    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(str(word).lower().replace("_", ""), by_lower, 1)
    return by_lower[close[0]] if close else None


def _fit(key: Key, kind: str, value: Mapping[str, Any]) -> float:
    """How well the keys that are set, misspelt ones too, fit this kind of section."""
    names = [child.name for child in key.children() if child.variant == kind]
    return sum(max(difflib.SequenceMatcher(a=given, b=name).ratio() for name in names) for given in value)


def _value(config: Any, place: Sequence[int | str]) -> Any:
    for part in place:
        config = config[part]
    return config


def _shown(value: Any) -> str:
    """As JSON, not too long; of a map only the keys, since anything may stand below them."""
    is_map = isinstance(value, dict)
    text = f"{{{', '.join(value)}}}" if is_map else json.dumps(value, default=str, ensure_ascii=False)
    text = text if len(text) <= 80 else f"{text[:77]}..."
    # Nothing that a terminal would act on.
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
