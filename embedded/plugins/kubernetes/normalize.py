"""Equal meanings made equal texts, so that a diff shows only what would change on the cluster.

The real plugin sends objects through the typed Go structs and back; what matters of that for the kinds here:
quantities get their canonical text, ``stringData`` becomes ``data``, read-only metadata and nulls go.
"""

from __future__ import annotations

import base64
import binascii
import copy
import re
from decimal import ROUND_CEILING, Decimal
from typing import Any

from embedded.plugins.kubernetes.values import has_unknown

Obj = dict[str, Any]

_READ_ONLY = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "uid",
)
_QUANTITY = re.compile(r"^([+-]?[0-9.]+)([eE][+-]?[0-9]+|[numkMGTPE]|[KMGTPE]i)?$")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_QUANTITY_MAPS = {"limits", "requests", "capacity", "hard", "allocatable", "overhead"}
_QUANTITY_FIELDS = {"sizeLimit", "divisor"}


def normalize(obj: Obj) -> Obj:
    """A normalized copy. An object with unknown parts only loses its read-only metadata, as in the real plugin."""
    result: Obj = copy.deepcopy(obj)
    if not has_unknown(result):
        if result.get("kind") == "Secret" and result.get("apiVersion") == "v1":
            _secret(result)
        result = _walk(result)
    meta = result.get("metadata")
    if isinstance(meta, dict):
        for key in _READ_ONLY:
            meta.pop(key, None)
    return result


def _walk(value: Any, key: str = "", parent: str = "") -> Any:
    if isinstance(value, dict):
        # Maps of quantities, but not where any key may stand, such as a ConfigMap's data.
        if parent not in ("data", "stringData", "labels", "annotations", "matchLabels") and key in _QUANTITY_MAPS:
            return {name: quantity(item) for name, item in value.items()}
        if key in ("data", "stringData", "binaryData", "labels", "annotations"):
            return {name: item for name, item in value.items() if item is not None}
        return {name: _walk(item, name, key) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_walk(item, "", key) for item in value]
    return quantity(value) if key in _QUANTITY_FIELDS else value


def quantity(value: Any) -> Any:
    """The canonical text of a Kubernetes quantity (``0.5`` is ``500m``, ``1024Mi`` is ``1Gi``); others unchanged.

    Source: k8s.io/apimachinery pkg/api/resource/quantity.go, CanonicalizeBytes.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    match = _QUANTITY.match(str(value))
    if not match:
        return value
    number, suffix = Decimal(match.group(1)), match.group(2) or ""
    if suffix in _BINARY:
        return _binary(number, _BINARY[suffix])
    if suffix[:1] in ("e", "E") and len(suffix) > 1:
        return value  # exponents keep their own form, and nobody writes them
    exact = number.scaleb(_DECIMAL[suffix]).quantize(Decimal("1e-9"), rounding=ROUND_CEILING)
    return _decimal(exact)


def _binary(number: Decimal, power: int) -> str:
    exact = number * Decimal(1024) ** power
    if exact != exact.to_integral_value():
        return _decimal(exact.quantize(Decimal("1e-3"), rounding=ROUND_CEILING))
    if abs(exact) < 1024:
        return _decimal(exact)
    whole, found = int(exact), 0
    while whole and whole % 1024 == 0 and found < len(_BINARY):
        whole, found = whole // 1024, found + 1
    return f"{whole}{(['', *_BINARY])[found]}"


def _decimal(exact: Decimal) -> str:
    if exact == 0:
        return "0"
    power = -9
    whole = int(exact.scaleb(9))
    while whole % 1000 == 0 and power < 18:
        whole, power = whole // 1000, power + 3
    suffix = {v: k for k, v in _DECIMAL.items()}[power]
    return f"{whole}{suffix}"


def _secret(obj: Obj) -> None:
    data = obj.get("data")
    data = dict(data) if isinstance(data, dict) else {}
    clear = obj.get("stringData")
    if isinstance(clear, dict) and clear:
        data.update({key: base64.b64encode(str(value).encode()).decode() for key, value in clear.items()})
        obj.pop("stringData")
    for key, value in data.items():
        try:  # the server stores the canonical encoding, without line ends
            clean = value.translate({10: None, 13: None})
            data[key] = base64.b64encode(base64.b64decode(clean, validate=True)).decode()
        except (binascii.Error, ValueError, AttributeError):
            continue
    if data:
        obj["data"] = data


def prune(live: Any, shape: Any) -> Any:
    """What of ``live`` has a counterpart in ``shape``: lists by position, values of different types as they are."""
    if isinstance(live, dict) and isinstance(shape, dict):
        return {key: prune(value, shape[key]) for key, value in live.items() if key in shape}
    if isinstance(live, list) and isinstance(shape, list):
        if live and shape and type(live[0]) is not type(shape[0]):
            return copy.deepcopy(live)
        return [prune(one, other) for one, other in zip(live, shape, strict=False)]
    return copy.deepcopy(live)


def still_given(live: Any, given: Any) -> Any:
    """`prune`, but with the empty values that were given and that the server never keeps: they did not drift."""
    if isinstance(live, dict) and isinstance(given, dict):
        kept = {key: still_given(value, given[key]) for key, value in live.items() if key in given}
        return kept | {key: copy.deepcopy(value) for key, value in given.items() if key not in live and _empty(value)}
    if isinstance(live, list) and isinstance(given, list) and live and given and type(live[0]) is type(given[0]):
        return [still_given(one, other) for one, other in zip(live, given, strict=False)]
    return prune(live, given)


def _empty(value: Any) -> bool:
    return value in ({}, [], "", 0, False)


def settle(new: Any, old: Any, live: Any) -> Any:
    """``new`` without the empty values that were there before and that the server did not keep.

    The server drops an empty map, list, string, ``0`` or ``false`` from fields where they mean "not set". Which fields
    those are only its types know; what it did with the same value last time tells as well.
    """
    if not (isinstance(new, dict) and isinstance(old, dict) and isinstance(live, dict)):
        if isinstance(new, list) and isinstance(old, list) and isinstance(live, list):
            padded_old, padded_live = old + [None] * len(new), live + [None] * len(new)
            return [settle(*three) for three in zip(new, padded_old, padded_live, strict=False)]
        return new
    kept = {}
    for key, value in new.items():
        dropped = key not in live and _empty(value) and key in old and old[key] == value
        if not dropped:
            kept[key] = settle(value, old.get(key), live.get(key))
    return kept
