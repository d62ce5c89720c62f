"""What users add to an EI node: patches, whole files, environment, JVM options and jars. Checks, pure.

Whatever the deployment itself depends on is *managed*: an addition that would undo it is rejected, and so is one
that would never work. Secret values come from existing Secrets, by name and key; none is ever part of an argument.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from components.in_pod.patch_config import resolved
from components.in_pod.xml_patch import PatchError, Step, escape, fragment, parse_path
from components.shared.plain_secrets import holds_secret, is_plain, names_secret, path_names_secret
from components.shared.problems import Problem
from components.wso2ei.args import (
    FileArgs,
    JarArgs,
    KeystoresArgs,
    NodeVolumeArgs,
    PatchArgs,
    SecretKeyArgs,
    TrustedCertificatesArgs,
)
from components.wso2ei.files import Patch
from components.wso2ei.keystores import store_alias

# Names in the environment that something else decides, with what does.
_MANAGED_ENVIRONMENT = {
    "JVM_MEM_OPTS": "is made from heap",
    "JAVA_OPTS": "is made from java_options",
    "WSO2_SERVER_HOME": "is the image's own",
    "WORKING_DIRECTORY": "is the image's own",
    "CARBON_HOME": "is the image's own",
    # The membership scheme looks here before it looks into axis2.xml (kubernetes-common v1.0.7).
    "USE_DNS": "is part of the membership",
    "DNS_LOOKUP_TIMEOUT": "is part of the membership",
    "BEARER_TOKEN_FILE_LOCATION": "is part of the membership",
}
_MANAGED_OPTIONS = {
    "-Xmx": "is made from heap",
    "-Xms": "is made from heap",
    "-XX:MaxHeapSize": "is made from heap",
    "-XX:InitialHeapSize": "is made from heap",
    **dict.fromkeys(("-version", "--version", "-help", "--help"), "ends the JVM before the server starts"),
    **dict.fromkeys(("-jar", "-cp", "-classpath", "--class-path"), "is set by the start script"),
    "-Djavax.net.ssl.trustStore": "is overwritten from carbon.xml by the server",
    "-Dcarbon.home": "is set by the start script",
    "-DportOffset": "would move the ports that Services and probes name",
    "-DhttpPort": "would move the ports that Services and probes name",
    "-DhttpsPort": "would move the ports that Services and probes name",
}
_BY_KEY = "take it from a Secret: {} with its name and key, or the whole file by files with secret"
_WHOLE_FILE = "take the whole file from a Secret: files with secret"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_OF_THE_IMAGE = re.compile(
    r"/(bin|boot|dev|etc|in_pod|lib(32|64|x32)?|proc|root|run|sbin|sys|usr|opt/java|var/run)(/.*)?"
    r"|/(home|opt|tmp|var)"
    r"|/home/wso2carbon(/(wso2ei-[^/]*|keystores|expected-cars|java|\..*)(/.*)?)?"
)
"""Folders of the operating system, the JDK (wso2/docker-ei: ``~/java``, later ``/opt/java``), the server, and what the
deployment mounts into its container."""
_MOST_TEXT = 900_000
"""Bytes of all inline files; a ConfigMap holds 1 MiB."""


def as_patch(patch: PatchArgs) -> Patch:
    """As ``in_pod/patch_config.py`` reads it."""
    found: Patch = {"file": patch["file"]}
    for name in ("path", "property", "set", "xml", "attributes"):
        value = patch.get(name)
        if value is not None and value != {}:
            found[name] = dict(value) if name == "attributes" else value  # type: ignore[call-overload]
    secret = patch.get("set_from_secret")
    if secret:
        found["set"] = {"from": f"{secret['name']}/{secret['key']}"}
    if patch.get("remove"):
        found["remove"] = True
    return found


def jar_name(jar: JarArgs) -> str:
    """File name of a jar."""
    return jar.get("name") or PurePosixPath(urlsplit(jar.get("url") or jar.get("path") or "").path).name


def patch_problems(patches: Sequence[PatchArgs], managed: Sequence[Patch]) -> Iterator[Problem]:
    """Patches of no known form, of another folder, with a plain password, or against a managed one; one a patch."""
    for index, patch in enumerate(patches):
        problem = _of_patch(patch, managed)
        if problem:
            yield problem.within("patches", index)


def _of_patch(patch: PatchArgs, managed: Sequence[Patch]) -> Problem | None:
    place = _inside_home(patch["file"])
    if place or not patch["file"].startswith("conf/"):
        return Problem(("file",), place or "must be below conf/, the only folder that is patched")
    secret = patch.get("set_from_secret")
    if secret and (patch.get("set") is not None or _bad_reference(secret)):
        return Problem(("set_from_secret",), _bad_reference(secret) or "must not be set together with set")
    full = as_patch(patch)
    try:
        plain = full | {"set": ""} if secret else full
        resolved(plain, None)
        for value in (plain.get("set", ""), *plain.get("attributes", {}).values()):
            escape(value)
        steps = parse_path(full.get("path", "x"))
        if "xml" in full:
            fragment(full["xml"], steps[-1])
    except PatchError as error:
        return Problem((), f"is rejected by the patcher: {error}")
    return (
        _plain_secret(full)
        or _client_certificates(full)
        or next(
            (
                Problem((), f"must leave {item['file']} {item.get('path') or item['property']} alone, which is managed")
                for item in managed
                if item["file"] == full["file"] and _undoes(full, item)
            ),
            None,
        )
    )


def _plain_secret(patch: Patch) -> Problem | None:
    """A password as text, by the name of what it sets or by its own form (a URL with a password)."""
    value, xml = patch.get("set"), patch.get("xml", "")
    if isinstance(value, str):
        path, key = patch.get("path", ""), patch.get("property", "")
        named = names_secret(key) if key else path_names_secret(path)
        if (named and is_plain(value)) or holds_secret(value):
            return Problem((), f"sets {key or path} in plain text; {_BY_KEY.format('set_from_secret')}")
    for name, text in patch.get("attributes", {}).items():
        if (names_secret(name) and is_plain(text)) or holds_secret(text):
            return Problem((), f"sets {name} in plain text; {_WHOLE_FILE}")
    if holds_secret(xml):
        return Problem((), "contains a password in its xml; leave it out there, and set it by another patch with "
                       "set_from_secret (name and key of a Secret)")  # fmt: skip
    return None


def _client_certificates(patch: Patch) -> Problem | None:
    """Reject mandatory client certificates of EI's listeners: NGINX connects to them for every client, without one."""
    value, attributes = patch.get("set"), patch.get("attributes", {})
    required = (
        (isinstance(value, str) and value.strip().lower() == "require" and "SSLVerifyClient" in patch.get("path", ""))
        or re.search(r"SSLVerifyClient[\"']\s*>\s*require", patch.get("xml", ""), re.IGNORECASE)
        or attributes.get("clientAuth", "").lower() == "true"
    )
    words = "NGINX, which connects to EI for every client, has none, and every request would end in 502"
    return Problem((), f"must not require client certificates: {words}; use optional (want)") if required else None


def _undoes(patch: Patch, managed: Patch) -> bool:
    """The user's patch changes what the managed one sets, or removes or replaces a parent of it."""
    if "property" in patch or "property" in managed:
        return patch.get("property") == managed.get("property")
    given, reserved = parse_path(patch["path"]), parse_path(managed["path"])
    if len(given) > len(reserved) or not all(map(_may_be_one, given, reserved)):
        return False
    if "remove" in patch or "xml" in patch:
        return True
    if len(given) < len(reserved):
        return False
    whole = "xml" in managed or "remove" in managed
    attributes = patch.get("attributes", {}).keys()
    named = {test.name for test in reserved[-1].tests if test.attribute}
    return bool(
        ("set" in patch and ("set" in managed or whole))
        or attributes & (managed.get("attributes", {}).keys() | named)
        or (attributes and whole)
    )


def _may_be_one(one: Step, other: Step) -> bool:
    """Both steps may find the same element: the names agree, and no predicate of one conflicts with the other's."""
    wanted = {(test.attribute, test.name): test.value for test in one.tests}
    return one.name == other.name and all(
        wanted.get((test.attribute, test.name), test.value) == test.value for test in other.tests
    )


def file_problems(files: Sequence[FileArgs]) -> Iterator[Problem]:
    """Files outside the home, of no or several sources, twice, or in a place that something else fills; one a file."""
    seen: set[str] = set()
    for index, file in enumerate(files):
        problem = _of_file(file, seen)
        seen.add(file["path"])
        if problem:
            yield problem.within("files", index)
    if sum(len((file.get("content") or "").encode()) for file in files) > _MOST_TEXT:
        yield Problem(("files",), f"hold more than {_MOST_TEXT} bytes of text; put large ones into an image or a jar")


def _of_file(file: FileArgs, seen: set[str]) -> Problem | None:
    path = file["path"]
    place = _inside_home(path)
    if place is None and path in seen:
        place = f"must be given once, and {path} is given twice"
    elif place is None and re.match(r"repository/deployment/server/carbonapps(/|$)", path):
        place = "must not be an integration artifact: those are in the carbonapps volume"
    elif place is None and re.fullmatch(r"(lib|dropins)/[^/]*\.jar", path):
        place = "must not be a jar: those are given as jars"
    elif place is None and path in {"bin/integrator.sh", "wso2carbon.pid"}:
        place = "must not be what starts and stops the server"
    if place:
        return Problem(("path",), place)
    if holds_secret(file.get("content") or ""):
        words = f"contains a password in plain text; {_WHOLE_FILE}, or set the password by a patch with set_from_secret"
        return Problem(("content",), words)
    return _of_sources(file, "content", "secret", "config_map")


def _of_sources(item: FileArgs | TrustedCertificatesArgs, *names: str) -> Problem | None:
    """Not exactly one of the sources ``names``, or an invalid reference."""
    sources = [name for name in names if item.get(name) is not None]
    if len(sources) != 1:
        allowed = f"{', '.join(names[:-1])} and {names[-1]}"
        return Problem((), f"needs one of {allowed}, and has {' and '.join(sources) or 'none'}")
    reference: SecretKeyArgs | str = item[sources[0]]  # type: ignore[literal-required]
    wrong = None if isinstance(reference, str) else _bad_reference(reference)
    return Problem((sources[0],), wrong) if wrong else None


def certificate_problems(certificates: Sequence[TrustedCertificatesArgs]) -> Iterator[Problem]:
    """Report certificates of no or several sources, or with an invalid reference; one an item."""
    for index, item in enumerate(certificates):
        problem = _of_sources(item, "secret", "config_map")
        if problem:
            yield problem.within("trusted_certificates", index)


def environment_problems(plain: Mapping[str, str], secret: Mapping[str, SecretKeyArgs]) -> Iterator[Problem]:
    """Report names that are invalid, managed or given twice, and passwords in plain text."""
    for field, names in (("environment", plain), ("secret_environment", secret)):
        for name in names:
            where = (field, name)
            reference = secret[name] if field == "secret_environment" else None
            if name in _MANAGED_ENVIRONMENT or name.startswith("KUBERNETES_"):
                yield Problem(
                    where, f"must not be set: it {_MANAGED_ENVIRONMENT.get(name, 'is part of the membership')}"
                )
            elif reference is None and ((names_secret(name) and is_plain(plain[name])) or holds_secret(plain[name])):
                yield Problem(where, "holds a password in plain text; take it from a Secret: secret_environment")
            elif reference is not None and name in plain:
                yield Problem(where, "must not be given in environment too")
            elif reference is not None and _bad_reference(reference):
                yield Problem(where, str(_bad_reference(reference)))


def option_problems(options: Sequence[str]) -> Iterator[Problem]:
    """Report JVM options that are invalid, managed, or split by the start script."""
    for index, option in enumerate(options):
        where = ("java_options", index)
        managed = next((reason for name, reason in _MANAGED_OPTIONS.items() if option.startswith(name)), None)
        if not option.startswith("-") or len(option) < 2:
            yield Problem(where, "must begin with '-'")
        # Unquoted in the start script, so a pattern of file names would count; no file is called like an option.
        elif re.search(r"\s|\$\(", option):
            yield Problem(where, "must not contain white space or '$(': the start script splits it there")
        elif managed:
            yield Problem(where, f"must not be given: it {managed}")
        elif (names_secret(option.partition("=")[0]) and is_plain(option.partition("=")[2])) or holds_secret(option):
            yield Problem(
                where, "holds a password in plain text, which every process list shows; patch it from a Secret"
            )


def keystore_problems(stores: KeystoresArgs | None) -> Iterator[Problem]:
    """Report invalid names of the Secret and of its keys."""
    if not stores:
        return
    if not _NAME.fullmatch(stores["secret"]):
        yield Problem(("keystores", "secret"), "must be the name of a Secret")
    for field in ("keystore", "truststore"):
        key = stores.get(field)
        if key is not None and not _KEY.fullmatch(str(key)):
            yield Problem(("keystores", field), "must be a key of the Secret")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", store_alias(stores)):
        yield Problem(("keystores", "alias"), "must be letters, digits, '.', '_' and '-'")


def jar_problems(jars: Sequence[JarArgs]) -> Iterator[Problem]:
    """Report jars without exactly one source or a checksum, given twice or with an invalid name; one problem a jar."""
    seen: set[str] = set()
    for index, jar in enumerate(jars):
        problem = next(_of_jar(jar, seen), None)
        seen.add(jar_name(jar))
        if problem:
            yield problem.within("jars", index)


def _of_jar(jar: JarArgs, seen: set[str]) -> Iterator[Problem]:
    url, claim, path, name = jar.get("url"), jar.get("claim"), jar.get("path"), jar_name(jar)
    if bool(url) == bool(claim):
        yield Problem((), "needs either url and sha256, or claim and path")
    if url:
        yield from url_problems(url, jar.get("sha256"), "the jar the same one at every start")
        if path:
            yield Problem(("path",), "belongs to claim, not to url")
    elif claim and not _NAME.fullmatch(claim):
        yield Problem(("claim",), "must be the name of a PersistentVolumeClaim")
    elif _inside_home(path or ""):
        yield Problem(("path",), "must be the path of a jar in the claim, relative and without '..'")
    yield from checksum_problems(jar.get("sha256"))
    yield from name_problems(name, r"[A-Za-z0-9][A-Za-z0-9._-]*\.jar", seen, ".jar", "jars")


def volume_problems(mounts: Sequence[NodeVolumeArgs]) -> Iterator[Problem]:
    """Report claims with an invalid name, and paths that hide other folders or are given twice; one a volume."""
    seen: set[str] = set()
    for index, item in enumerate(mounts):
        path = item["path"]
        if not _NAME.fullmatch(item["claim"]):
            yield Problem(("volumes", index, "claim"), "must be the name of a PersistentVolumeClaim")
        elif not re.fullmatch(r"(/[^/:\s]+)+", path) or {".", ".."} & set(path.split("/")):
            yield Problem(("volumes", index, "path"), "must be an absolute path below /, without '..', ':' and spaces")
        elif _OF_THE_IMAGE.fullmatch(path):
            yield Problem(
                ("volumes", index, "path"), f"must not hide a folder of the image or the server, and {path} does"
            )
        elif path in seen:
            yield Problem(("volumes", index, "path"), f"must be given once, and {path} is given twice")
        seen.add(path)


def url_problems(url: str, sha256: str | None, made: str) -> Iterator[Problem]:
    """A URL that pods cannot fetch, or that comes without a checksum, which makes ``made``."""
    parts = urlsplit(url)
    credentials = parts.username or parts.password or holds_secret(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or credentials:
        yield Problem(("url",), "must be http:// or https://, with a host and without credentials")
    if not sha256:
        yield Problem(("sha256",), f"is required with url: it makes {made}")


def checksum_problems(sha256: str | None) -> Iterator[Problem]:
    """Report an invalid checksum."""
    if not re.fullmatch(r"[0-9a-f]{64}", sha256 or "0" * 64):
        yield Problem(("sha256",), "must be 64 lower-case hex digits, as sha256sum prints them")


def name_problems(name: str, pattern: str, seen: set[str], end: str, others: str) -> Iterator[Problem]:
    """The name of a file that does not fit ``pattern``, or that another of the ``others`` has."""
    if not re.fullmatch(pattern, name):
        yield Problem(
            ("name",), f"must be given, as letters, digits, '.', '_' and '-' with {end} at the end, not {name!r}"
        )
    if name in seen:
        yield Problem(("name",), f"must differ from the other {others}', and {name} is given twice")


def _inside_home(path: str) -> str | None:
    """What is wrong with a path below the server's home, or ``None``."""
    parts = path.split("/")
    if not path or path.startswith("/") or {"", ".", ".."} & set(parts) or re.search(r"[\x00-\x1f\\:,]", path):
        return "must be a path below the server's home, without '..', and not begin or end with '/'"
    return None


def _bad_reference(reference: SecretKeyArgs) -> str | None:
    if not _NAME.fullmatch(reference["name"]) or not _KEY.fullmatch(reference["key"]):
        return "must name an object of the namespace and a key in it"
    return None
