"""Finds every mistake of a stack's configuration in one pass: first names, then values, then conflicts.

Each step works on what the one before it left: a misspelt key is read as the one that was meant, an invalid value
counts as its default. So the mistakes in a misspelt section are reported too, and so are the conflicts between the
values that are valid by themselves. A conflict that only a fix would bring about is not looked for.
"""

from __future__ import annotations

import copy
import difflib
import functools
import operator
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_origin

from pydantic import ValidationError

from components.shared.plain_secrets import holds_secret, names_secret, path_names_secret
from settings.ei_customization import SecretKey
from settings.errors import SECRET_KEYS, Mistake, commands, full, remove_command, shown
from settings.model import Settings
from settings.schema import TOP, Key, locate, path_of, place_of, walk
from settings.types import Conflict, ConflictsError

Place = tuple[int | str, ...]
"""Where a value is in the config."""
_REFERENCES = frozenset({"secrets", "secret", "secretEnvironment", "setFromSecret"})
"""Settings with names and keys of Secrets, in themselves or below them."""


def check(raw: Mapping[str, Any], concealed: frozenset[str] = frozenset()) -> tuple[Settings | None, list[Mistake]]:
    """Return the settings and every mistake in ``raw`` (top-level key to decoded value).

    With mistakes, the settings are those that are left, for checks of what else they hold; ``None`` where too little
    is left. Values below the top-level keys ``concealed`` are stored encrypted and never shown.
    """
    search = _Search(copy.deepcopy(dict(raw)), concealed)
    search.names(TOP, ())
    settings: Settings | None = None
    # The second validation sees the conflicts, which need a complete model.
    for _ in ("values", "conflicts"):
        try:
            settings = Settings.model_validate(search.config)
            break
        except ValidationError as error:
            settings = search.values(error)
    # One line for each key: its first reason is the one that the others follow from.
    first: dict[str, Mistake] = {}
    for mistake in search.mistakes:
        first.setdefault(mistake.key, mistake)
    return settings, list(first.values())


class _Search:
    """One config, what is wrong with it, and what is left of it without that."""

    def __init__(self, config: dict[str, Any], concealed: frozenset[str]) -> None:
        self.config = config
        self.mistakes: list[Mistake] = []
        self._concealed = concealed
        self._wrong: list[Place] = []
        """Places of what is wrong by itself."""

    def names(self, key: Key, place: Place) -> None:
        """Look for kinds and keys that do not exist, and go on with those that were meant."""
        value = _value(self.config, place)
        if isinstance(value, dict) and key.sections:
            kind = self._kind(key, place, value) if key.tag else ""
            siblings = {child.name: child for child in key.children() if child.variant == kind}
            for name in [name for name in value if name not in siblings]:
                self._unknown(key, (*place, name), siblings)
            for name in value:
                self.names(siblings[name], (*place, name))
        elif isinstance(value, list) and get_origin(key.base) is list:
            for index in range(len(value)):
                self.names(key.item(index), (*place, index))
        elif isinstance(value, dict) and get_origin(key.base) is dict:
            for name in value:
                self.names(key.item(name), (*place, name))

    def values(self, error: ValidationError) -> Settings | None:
        """Report one validation's errors, and leave the invalid values out; return the settings that conflict."""
        left_out: dict[Place, Any] = {}
        for detail in error.errors():
            cause = (detail.get("ctx") or {}).get("error")
            key, place = locate(detail["loc"])
            if isinstance(cause, ConflictsError):
                for conflict in cause.conflicts:
                    self._conflict(conflict)
                settings: Settings = cause.settings
                return settings
            if detail["loc"][-1:] == ("[key]",):
                self._add(place, f"the key must be {key.words()}", commands({key.path: None}))
                left_out[place] = None
            elif key.sections and isinstance(cause, ValueError):
                self._add(place, str(cause), "edit the stack file")
            else:
                self._value(key, place, detail)
                # Without an item of a list the others would move.
                needed = key.required or isinstance(place[-1], int)
                left_out.setdefault(place, key.sample() if needed else None)
        for place, value in left_out.items():
            parent = _value(self.config, place[:-1])
            if value is not None:
                parent[place[-1]] = value
            elif isinstance(parent, dict):
                parent.pop(place[-1], None)
        return None

    def _add(self, place: Place, expected: str, fix: str, value: str = "") -> None:
        self._wrong.append(place)
        self.mistakes.append(Mistake(full(path_of(place)), value, expected, fix))

    def _hidden(self, place: Place) -> bool:
        """Whether the value at ``place`` is a secret: it is encrypted, or the rule of plain passwords matches it."""
        names = [part for part in place if isinstance(part, str)]
        # Names of settings such as tlsSecret are no names of secrets.
        named = any(names_secret(name) and name not in _settings_names() for name in names)
        around = [_value(self.config, place[:length]) for length in range(len(place))]
        patch = any(isinstance(value, dict) and _sets_secret(value) for value in around)
        return names[0] in self._concealed or named or patch or _holds_secret(_value(self.config, place))

    def _value(self, key: Key, place: Place, detail: Any) -> None:
        """A value that its type does not accept, or that is missing."""
        if detail["type"] == "missing":
            self._add(place, f"is required; it must be {key.words()}", commands({key.path: key.sample()}))
            return
        value = detail["input"]
        hidden = self._hidden(place) or _replaces_reference(key, place, value)
        if key.field and not key.required and (key.sections or key.allowed.removed or value in (None, "")):
            # Nothing was meant to be set, or nothing can be made of it: the default holds.
            better = None
        else:
            better = None if hidden else _better(key, value)
            better = key.sample() if better is None else better
        # The CLI keeps the quotes of a text that is there, which would make text of a number.
        first = [remove_command(key.path)] if isinstance(value, str) and isinstance(better, int) else []
        fix = " && ".join([*first, commands({key.path: better})])
        self._add(place, f"must be {key.words()}", fix, "[secret]" if hidden else shown(value))

    def _kind(self, key: Key, place: Place, section: dict[str, Any]) -> str:
        """Return the kind of a section that is one of several; the one that was probably meant where it has none."""
        given = section.get(key.tag)
        if given in key.options:
            return str(given)
        fitting = {kind: sum(child.name in section for child in key.children() if child.variant == kind)
                   for kind in key.options}  # fmt: skip
        kind = _close(given, key.options) or max(key.options, key=lambda option: fitting[option])
        missing = key.tag not in section
        fix: dict[str, Any] = {path_of((*place, key.tag)): kind}
        if given is None:
            fix |= {
                child.path: child.sample()
                for child in key.children()
                if child.variant == kind and child.required and child.name not in {key.tag, *section}
            }
        value = "" if missing else "[secret]" if self._hidden(place) else shown(given)
        required = "is required; it " if missing else ""
        self._add((*place, key.tag), f"{required}must be one of {', '.join(key.options)}", commands(fix), value)
        self._wrong += [place_of(path) for path in fix]
        section |= {str(place_of(path)[-1]): sample for path, sample in fix.items()}
        return kind

    def _unknown(self, parent: Key, place: Place, siblings: Mapping[str, Key]) -> None:
        """Report a key that is not a setting, with the one that was probably meant."""
        section, name = _value(self.config, place[:-1]), str(place[-1])
        value, path = section.pop(name), path_of(place)
        of_another_kind = parent.child(name) is not None
        meant = None if of_another_kind else _close(name, [*siblings, *SECRET_KEYS])
        fix = remove_command(path)
        if meant in SECRET_KEYS:
            hint = f"did you mean '{meant}'? That is a top-level key, and must be stored encrypted"
            fix = f"pulumi config set --secret {meant} && {fix}"
        # What the CLI fills in for a declared key is not what a user has set.
        elif meant and section.get(meant) not in (None, {}, siblings[meant].default):
            hint = f"did you mean '{meant}'? It is set already"
        elif meant:
            hint = f"did you mean '{meant}'?"
            section[meant] = value
            # Neither a map nor several lines are copied into a command, nor what is no valid value of the key that was
            # meant.
            complete = (
                not (self._hidden(place) or _holds_secret(value))
                and siblings[meant].accepts(value)
                and not isinstance(value, dict)
                and "\n" not in str(value)
            )
            rename = f"rename it to '{meant}' in the stack file, or {fix}"
            fix = commands({path_of((*place[:-1], meant)): value, path: None}) if complete else rename
        else:
            hint = _where(name, parent, [*siblings, *(() if parent.path else SECRET_KEYS)])
        self._add(place, f"is not a setting; {hint}", fix)

    def _conflict(self, conflict: Conflict) -> None:
        places = [place_of(path) for path in (conflict.key, *conflict.others)]
        # What is wrong by itself was left out, and conflicts with nothing.
        if any(all(map(operator.eq, place, wrong)) for place in places for wrong in self._wrong):
            return
        value = _value(self.config, places[0])
        text = "" if value is None else "[secret]" if self._hidden(places[0]) else shown(value)
        self.mistakes.append(Mistake(full(conflict.key), text, conflict.expected, commands(conflict.fix)))


def _better(key: Key, value: Any) -> Any:
    """Return what was probably meant by ``value``, if it is clear; else ``None``."""
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
    return next((item for item in candidates if item not in (None, "", value) and key.accepts(item)), None)


def _where(name: str, parent: Key, known: Sequence[str]) -> str:
    """Return where a key that is like none of its siblings may belong."""
    kinds = [child.variant for child in parent.children() if child.name == name]
    if kinds:
        return f"it belongs to {parent.path}.{parent.tag} {' and '.join(kinds)}"
    elsewhere = dict.fromkeys(repr(other.path) for other in walk() if other.name == name)
    return f"did you mean {' or '.join(elsewhere)}?" if elsewhere else f"known keys: {', '.join(sorted(known))}"


@functools.cache
def _settings_names() -> frozenset[str]:
    return frozenset(key.name for key in walk())


def _replaces_reference(key: Key, place: Place, value: Any) -> bool:
    """Whether an invalid ``value`` is where a Secret, or a key of one, is named: it may be the password itself."""
    if value is None or isinstance(value, dict):
        return False
    children = {child.name for child in key.children()}
    return SecretKey in key.sections or bool(_REFERENCES & {*place, *children})


def _sets_secret(patch: Mapping[str, Any]) -> bool:
    """Whether an item of ``ei.patches`` sets a password."""
    return path_names_secret(str(patch.get("path", ""))) or names_secret(str(patch.get("property", "")))


def _holds_secret(value: Any) -> bool:
    """Whether ``value`` contains a password anywhere."""
    if isinstance(value, dict):
        return _sets_secret(value) or any(
            names_secret(str(name)) or _holds_secret(item) for name, item in value.items()
        )
    if isinstance(value, list):
        return any(map(_holds_secret, value))
    return isinstance(value, str) and holds_secret(value)


def _close(word: Any, known: Iterable[str]) -> str | None:
    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(str(word).lower().replace("_", ""), by_lower, 1)
    return by_lower[close[0]] if close else None


def _value(config: Any, place: Sequence[int | str]) -> Any:
    """Return the value at ``place``; ``None`` where there is none."""
    for part in place:
        inside = part in config if isinstance(config, dict) else isinstance(config, list) and len(config) > int(part)
        if not inside:
            return None
        config = config[part]
    return config
