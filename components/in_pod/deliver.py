"""Puts jars and whole files where the server finds them; runs inside a pod, on the standard library alone.

    python deliver.py jars --manifest FILE --to DIR
    python deliver.py files --manifest FILE --home DIR --to DIR

The manifest is JSON. ``jars``: ``{"name", "into", "url", "sha256"}`` or ``{"name", "into", "source", "sha256"?}``; each
becomes ``DIR/<into>/<name>``. ``files``: ``{"path", "source"}``; below ``conf/`` each replaces its namesake in
``--home``, which is patched after that, else it becomes ``DIR/files/<path>``. No jar is half-written under its name.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import shutil
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, BinaryIO

_ATTEMPTS = 4
_TIMEOUT_SECONDS = 30
_MOST_BYTES = 512 * 1024**2
_TRANSIENT = (429, 500, 502, 503, 504)


class DeliveryError(Exception):
    """Something that cannot be delivered, with the way out."""


def fetch(url: str, to: Path, wait: float = 2.0) -> str:
    """Download and return the sha256; a server that is busy or away is tried again after ``wait`` seconds and more."""
    reason = ""
    for attempt in range(_ATTEMPTS):
        if attempt:
            print(f"deliver: {url}: {reason}; trying again", flush=True)
            time.sleep(wait * attempt)
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - http is allowed
                found, length = _copy(answer, to, url), answer.headers.get("Content-Length")
            # A connection that breaks off looks like the end of the answer.
            if length in (None, str(to.stat().st_size)):
                return found
            reason = f"{to.stat().st_size} bytes of {length} arrived"
        except urllib.error.HTTPError as error:
            reason = f"HTTP {error.code} {error.reason}"
            if error.code not in _TRANSIENT:
                break
        except (OSError, http.client.HTTPException) as error:
            reason = str(getattr(error, "reason", "") or error or type(error).__name__)
    raise DeliveryError(f"{url} cannot be downloaded: {reason}. Pods must be able to reach it, without credentials.")


def _copy(source: BinaryIO, to: Path, where: str) -> str:
    digest, size = hashlib.sha256(), 0
    with to.open("wb") as target:
        while block := source.read(1 << 16):
            size += len(block)
            if size > _MOST_BYTES:
                raise DeliveryError(f"{where} has more than {_MOST_BYTES} bytes, the limit; put it into the image")
            digest.update(block)
            target.write(block)
    return digest.hexdigest()


def check(file: Path, where: str, found: str, wanted: str) -> None:
    """Remove a ``file`` of another sha256 than the one meant. Raises ``DeliveryError``."""
    if found != wanted:
        file.unlink()
        raise DeliveryError(f"{where} has sha256 {found} and not {wanted}: it is not the intended file")


def place_jar(jar: dict[str, Any], to: Path) -> Path:
    """Fetch or copy one jar, check it, and give it its name."""
    target = to / str(jar["into"]) / str(jar["name"])
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.part")
    where = jar.get("url") or f"{jar['claim']}:{jar['path']}"
    try:
        if "url" in jar:
            found = fetch(jar["url"], partial)
        else:
            with Path(jar["source"]).open("rb") as source:
                found = _copy(source, partial, where)
    except OSError as error:
        raise DeliveryError(f"{where} cannot be read: {error.strerror}") from error
    if wanted := jar.get("sha256"):
        check(partial, where, found, wanted)
    partial.replace(target)
    print(f"deliver: {jar['into']}/{jar['name']} (sha256 {found})")
    return target


def place_file(file: dict[str, Any], home: Path, to: Path) -> Path:
    """Copy one file to its place."""
    path = str(file["path"])
    target = home / path if path.startswith("conf/") else to / "files" / path
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(file["source"], target)
    except OSError as error:
        raise DeliveryError(f"{path}: its source cannot be copied: {error.strerror}") from error
    print(f"deliver: {path}")
    return target


def main(arguments: list[str] | None = None) -> int:
    """Deliver; exit code 1 with the first thing that cannot be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=["jars", "files"])
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--to", type=Path, required=True)
    args = parser.parse_args(arguments)
    manifest = json.loads(args.manifest.read_text(encoding="utf-8"))
    try:
        for item in manifest[args.what]:
            if args.what == "jars":
                place_jar(item, args.to)
            else:
                place_file(item, args.home, args.to)
    except DeliveryError as error:
        print(f"deliver: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
