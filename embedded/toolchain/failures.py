"""Explains a failed ``go build`` from its output."""

from __future__ import annotations

import re
from dataclasses import dataclass

from embedded.errors import KitError


@dataclass(frozen=True)
class _Cause:
    pattern: str
    meaning: str
    way_out: str


# The first that fits is taken: a full disk also breaks downloads, a rejection also names the proxy.
_CAUSES = (
    _Cause(
        r"(?i)no space left on device|disk quota exceeded",
        "the disk is full",
        "free some space, or set XDG_CACHE_HOME to a folder on a larger disk",
    ),
    _Cause(
        r"signal: killed|cannot allocate memory|out of memory",
        "there was too little memory",
        "stop other programs (4 GiB should be free), or set GOMAXPROCS=1",
    ),
    _Cause(
        r"checksum mismatch|missing go\.sum entry|updates to go\.mod needed|updates to go\.sum needed",
        "the downloaded modules do not match go.sum",
        "restore go.mod and go.sum from version control; if they are as committed, do not trust the module proxy",
    ),
    _Cause(
        r"GOPROXY=off",
        "GOPROXY is off and a module is not there yet",
        "unset GOPROXY",
    ),
    _Cause(
        r"\b40[1347] [A-Z]|410 Gone|unknown revision",
        "the module proxy does not serve a module",
        "set GOPROXY to a proxy that serves it (`go env GOPROXY` prints the present one)",
    ),
    _Cause(
        r"dial tcp|no such host|connection re|i/o timeout|TLS|x509|proxyconnect|deadline|unexpected EOF"
        r"|\b50[0234] [A-Z]",
        "the module proxy cannot be reached",
        "check the network, HTTPS_PROXY and GOPROXY",
    ),
    _Cause(
        r"permission denied|read-only file system",
        "a folder cannot be written",
        "check who owns it, or set XDG_CACHE_HOME to a folder that you own",
    ),
)


def explain(what: str, output: list[str], instead: str) -> KitError:
    """Return the error for a failed build of ``what``: the cause if it is a known one, Go's last lines, the fix."""
    text = "\n".join(output)
    # Go repeats one reason for each import that it breaks.
    first = {re.sub(r"^\S+\.go:\d+:\d+: ", "", line): line[:300] for line in reversed(output)}
    quoted = "\n    ".join(list(reversed(first.values()))[-6:]) or "(it printed nothing)"
    for cause in _CAUSES:
        if re.search(cause.pattern, text):
            way_out = f"{cause.way_out}, and run the same command again; or {instead}"
            return KitError(f"{what} could not be built, since {cause.meaning}:\n    {quoted}", way_out)
    return KitError(f"{what} could not be built:\n    {quoted}", f"fix the error that Go reports; or {instead}")
