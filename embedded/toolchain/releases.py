"""Official releases, where their servers can be reached: seconds instead of minutes of compiling.

A file is used only when its SHA-256 is the one that the project publishes next to it. That finds a broken or a half
download; it is no signature, so without trust in the server build from Go modules, which ``go.sum`` pins.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import re
import ssl
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import certifi
import httpx

from embedded.progress import Step

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 30.0
_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "arm64": "arm64", "aarch64": "arm64"}


class UnavailableError(Exception):
    """A release cannot be used here; the text is the reason, with the fix if there is one."""


@dataclass(frozen=True)
class Release:
    """Where a project publishes its binaries.

    Placeholders: ``{version}`` without ``v``, ``{system}`` (linux, darwin), ``{machine}`` (amd64, arm64), ``{binary}``,
    and in ``sums`` also ``{url}``.
    """

    urls: tuple[str, ...]
    """With ``{binary}`` in it, one file for each binary of the group."""
    sums: str
    """A file of SHA-256 sums: a line ``SUM  NAME`` for each file, or one sum alone."""
    archive: bool = True
    """Whether a file is a tar archive that holds the binaries, rather than a binary."""
    version: Callable[[], str] | None = None
    """The version to download where it is not the one that ``go.mod`` states."""
    amd64: str = "amd64"
    """What the project calls that machine."""

    def files(self, version: str, binaries: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        """Return the URL of each file, and of its sums."""
        machine = _MACHINES.get(platform.machine().lower())
        if machine is None or sys.platform not in {"linux", "darwin"}:
            raise UnavailableError(f"there is none for {sys.platform} on {platform.machine()}")
        words = {"version": version, "system": sys.platform, "machine": self.amd64 if machine == "amd64" else machine}
        for url in self.urls:
            for binary in binaries if "{binary}" in url else ("",):
                address = url.format(binary=binary, **words)
                yield address, self.sums.format(url=address, **words)


PULUMI_RELEASES = Release(
    ("https://get.pulumi.com/releases/sdk/pulumi-v{version}-{system}-{machine}.tar.gz",),
    "https://get.pulumi.com/releases/sdk/pulumi-{version}-checksums.txt",
    # An engine that is as new as the SDK brings the language host that fits it.
    version=lambda: importlib.metadata.version("pulumi"),
    amd64="x64",
)


def download(release: Release, version: str, binaries: tuple[str, ...], folder: Path, step: Step) -> None:
    """Put the release's programs into ``folder``. What is there and whole already is not downloaded again.

    :raises UnavailableError: when the release cannot be had; whole files stay in ``folder`` for the next try.
    :raises OSError: when the disk does not take it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with httpx.Client(
        verify=_authorities(),
        timeout=httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS),
        follow_redirects=True,
    ) as client:
        for url, sums in release.files(version, binaries):
            name = url.rpartition("/")[2]
            file = (folder.parent if release.archive else folder) / name
            expected = _expected_sum(client, sums, name)
            if not (file.is_file() and _sha256(file) == expected):
                _fetch(client, url, file, expected, step)
            if release.archive:
                _unpack(file, folder)
            else:
                file.chmod(0o755)
    missing = [binary for binary in binaries if not (folder / binary).is_file()]
    if missing:
        raise UnavailableError(f"the release lacks {', '.join(missing)}")


def _authorities() -> ssl.SSLContext:
    """Return the CAs of the machine, of ``SSL_CERT_FILE``, and for a machine without any those of certifi."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _expected_sum(client: httpx.Client, url: str, name: str) -> str:
    try:
        answer = client.get(url)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise UnavailableError(_reason(error, url)) from error
    for line in answer.text.splitlines():
        match = re.fullmatch(r"([0-9a-fA-F]{64})(?:\s+\*?(\S+))?", line.strip())
        if match and (match[2] is None or match[2].rpartition("/")[2] == name):
            return match[1].lower()
    raise UnavailableError(f"{url} holds no checksum of {name}")


def _fetch(client: httpx.Client, url: str, file: Path, expected: str, step: Step) -> None:
    part = file.with_name(f"{file.name}.part")
    try:
        try:
            digest = _stream(client, url, part, step)
        except (httpx.ReadError, httpx.RemoteProtocolError):
            # Once more: a build from source takes minutes.
            digest = _stream(client, url, part, step)
        if digest != expected:
            raise UnavailableError(f"the checksum of {file.name} is not the published one, so it was deleted")
        part.rename(file)
    except httpx.HTTPError as error:
        raise UnavailableError(_reason(error, url)) from error
    finally:
        part.unlink(missing_ok=True)


def _stream(client: httpx.Client, url: str, part: Path, step: Step) -> str:
    """Download into the file, and return its SHA-256 sum."""
    digest = hashlib.sha256()
    with client.stream("GET", url) as answer, part.open("wb") as opened:
        answer.raise_for_status()
        size = int(answer.headers.get("content-length", 0)) / 2**20
        done = 0
        for chunk in answer.iter_bytes():
            opened.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            step.detail(f"{part.stem}, {done / 2**20:.0f} of {size:.0f} MiB")
    return digest.hexdigest()


def _reason(error: httpx.HTTPError, url: str) -> str:
    """Return one sentence, with the fix where there is one."""
    host = urlsplit(url).hostname
    status = error.response.status_code if isinstance(error, httpx.HTTPStatusError) else None
    if isinstance(error, httpx.ProxyError) or status == httpx.codes.PROXY_AUTHENTICATION_REQUIRED:
        return f"the proxy rejects {host} ({_first_line(error)}): check HTTPS_PROXY, or name the host in NO_PROXY"
    if status is not None:
        return f"{url} answers {status}"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return f"the certificate of {host} is not trusted: set SSL_CERT_FILE to the file of the authority"
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return f"{host} cannot be reached: {_first_line(error)}"
    return f"the download of {url.rpartition('/')[2]} broke off: {_first_line(error)}"


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0]


def _unpack(archive: Path, folder: Path) -> None:
    """Extract the programs alone, without an archive's folders."""
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and member.mode & 0o100:
                member.name = Path(member.name).name
                tar.extract(member, folder, filter="data")
    archive.unlink()


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
