"""Random values by the rules of the Terraform provider that pulumi-random wraps."""

from __future__ import annotations

import base64
import secrets
from typing import Any

LOWER, UPPER, NUMBERS = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
_CLASSES = (("lower", LOWER), ("upper", UPPER), ("numeric", NUMBERS), ("special", SPECIAL))

PASSWORD = "random:index/randomPassword:RandomPassword"  # noqa: S105 - a type token
BYTES = "random:index/randomBytes:RandomBytes"
_INPUTS = {
    PASSWORD: {
        "length", "keepers", "lower", "upper", "number", "numeric", "special", "minLower", "minUpper", "minNumeric",
        "minSpecial", "overrideSpecial",
    },
    BYTES: {"length", "keepers"},
}  # fmt: skip
COMPUTED = {PASSWORD: ("result", "bcryptHash"), BYTES: ("base64", "hex")}
"""Outputs that only a creation knows; all of them are secret but those of RandomBytes, as in the real schema."""


def check(token: str, inputs: dict[str, Any]) -> list[tuple[str, str]]:
    """(property, reason) of everything wrong; inputs are plain values."""
    failures = [
        (name, f"unexpected property: {name}") for name in inputs if name not in _INPUTS[token] | {"__defaults"}
    ]
    length = inputs.get("length")
    if length is None:
        return [*failures, ("length", "Missing required argument: the argument 'length' is required")]
    if not isinstance(length, int) or isinstance(length, bool) or length < 1:
        return [*failures, ("length", f"expected length to be an integer of at least 1, got {length!r}")]
    if token == PASSWORD:
        least = sum(int(inputs.get(f"min{name.capitalize()}", 0)) for name, _ in _CLASSES)
        if length < least:
            failures.append(("length", f"Attribute length value must be at least sum of min_*, got: {length}"))
        if not any(enabled(inputs, name) for name, _ in _CLASSES):
            failures.append(("special", "at least one of lower, upper, numeric and special must be true"))
    return failures


def enabled(inputs: dict[str, Any], name: str) -> bool:
    """Whether a class of characters may be used; all are by default."""
    if name == "numeric":
        return bool(inputs.get("numeric", inputs.get("number", True)))
    return bool(inputs.get(name, True))


def password(inputs: dict[str, Any]) -> str:
    """A password that holds the least number of each class, in random order."""
    alphabets = {name: inputs.get("overrideSpecial") or text if name == "special" else text for name, text in _CLASSES}
    chosen: list[str] = []
    for name, alphabet in alphabets.items():
        chosen += [secrets.choice(alphabet) for _ in range(int(inputs.get(f"min{name.capitalize()}", 0)))]
    everything = "".join(alphabet for name, alphabet in alphabets.items() if enabled(inputs, name))
    chosen += [secrets.choice(everything) for _ in range(int(inputs["length"]) - len(chosen))]
    secrets.SystemRandom().shuffle(chosen)
    return "".join(chosen)


def create(token: str, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """(id, computed outputs)."""
    if token == PASSWORD:
        # The id is never secret, so the real provider keeps it empty of meaning. The hash is not imitated: nobody
        # can tell a wrong hash from a right one before it is used, so it is left out instead.
        return "none", {"result": password(inputs)}
    data = secrets.token_bytes(int(inputs["length"]))
    text = base64.b64encode(data).decode()
    return text, {"base64": text, "hex": data.hex()}
