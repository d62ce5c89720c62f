"""The one rule of what is a secret in plain text, for settings, components and policies; standard library only.

A secret is recognized by the name that it is set under, or by its form. Values that only name the place of a secret
(a file, a variable, a placeholder) are none, and neither are the passwords that every download of WSO2 EI contains.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

PUBLISHED = frozenset({"wso2carbon", "changeit"})
"""Passwords of the stores in every download of WSO2 EI and of the JDK: printed in their manuals, hence no secret."""
_KEYS = "(?:api|private|access|secret|signing|encryption|shared|account)[-_.]?key"
# "pass" alone is a separate word (SMTP_PASS, bindPass), never the end of another one (bypass).
_PASS = "(?:(?:store|key|user|admin|db|smtp|bind)pass|(?<![a-z])pass|(?-i:(?<=[a-z])Pass))"  # noqa: S105
WORD = f"(?:passw(?:or)?d|passphrase|passcode|pwd|{_PASS}|secret|token|credentials?|{_KEYS})"
"""Regular expression, case ignored: the end of a name of a secret."""
_NAME = re.compile(rf"(?i){WORD}[-_.]?\d*$")
_VAULT = "vault.hashicorp.com/"
"""Annotations of Vault's Agent Injector, such as ``agent-inject-secret-db-password``: a path in Vault, or a switch."""
_ELSEWHERE = re.compile(
    r"^(?:$|[/~.]|file:|\$|%|<|\{|\[|\(|\*+$|x{3,}$|(?:true|false|null|none|yes|no|on|off|\d{1,3})$)", re.I
)
# Bounded: one long line with many dashes or dots, as of base64 for URLs, would otherwise take minutes.
_IN_LINE = re.compile(
    rf"""(?ix) (?: ^ | [\s"'<{{,;&?/.:_-] ) [\w.-]{{0,100}}? {WORD}\d* ["']?
        \s* [=:>] \s* ["']? (?P<value> [^\s"'<>,;&]+ )"""
)
_XML = re.compile(
    rf"""(?isx) (?: < [\w:.-]*? {WORD} (?: \s [^<>]* )? | = \s* (["']) [^"'<>]*? {WORD} \1 [^<>]* ) >
    \s* (?P<value> [^<>]*? ) \s* </"""
)
_ALIAS = re.compile(r"<[^<>]*secretAlias\s*=[^<>]*>[^<>]*")
"""An element whose value WSO2's secure vault supplies; its text is a placeholder."""
_FORMS = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a password within a URL": re.compile(
        r"://[^/\s:@]*:(?![$%{])[^/\s:@]+@|jdbc:oracle:\w+:[^/\s@:]+/(?![$%{])[^@\s]+@"
    ),
    "a JSON web token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\."),
    "a docker login": re.compile(r'"auths?"\s*:\s*[{"]'),
}


def names_secret(name: str) -> bool:
    """Whether ``name`` (of a variable, key, element, property or annotation) is that of a secret."""
    return bool(_NAME.search(name)) and not name.startswith(_VAULT)


def path_names_secret(path: str) -> bool:
    """Whether an element path ends at a secret: by its last step, or by the value of the step's predicate.

    ``a/Property[@name='ConnectionPassword']`` and ``a/parameter[@name='mail.smtp.password']`` do.
    """
    last = re.split(r"/(?![^\[]*\])", path)[-1]
    predicates = re.findall(r"=\s*(?:'([^']*)'|\"([^\"]*)\")", last)
    return names_secret(re.sub(r"\[.*", "", last)) or any(names_secret(one or two) for one, two in predicates)


def is_plain(value: str) -> bool:
    """Whether a value under the name of a secret is the secret itself, and not the name of its place."""
    return not _ELSEWHERE.match(value) and value not in PUBLISHED


def sets_secret(name: str, value: str) -> bool:
    """Whether ``value`` under ``name`` is a secret in plain text, or contains one."""
    return (names_secret(name) and is_plain(value)) or holds_secret(value)


def forms_in(text: str) -> Iterator[str]:
    """What ``text`` contains that is a secret by its form alone: ``a private key``, ``a password within a URL``."""
    for what, form in _FORMS.items():
        if form.search(text):
            yield what


def settings_in(text: str) -> Iterator[str]:
    """Places of ``text`` that set a secret in plain text: the name, and ``***`` for the value and all that follows.

    Reads lines of properties, YAML, shell and URLs, and XML elements and properties, also over several lines and in
    comments. Comment lines of the others are left out: they explain settings.
    """
    text = _ALIAS.sub("", text)
    for line in text.splitlines():
        for match in _IN_LINE.finditer("" if line.lstrip().startswith(("#", "--", "//")) else line):
            if is_plain(match["value"]):
                yield masked(line[match.start() : match.end("value")], match["value"])
                break
    for match in _XML.finditer(text):
        if match["value"] and is_plain(match["value"]):
            # Without the other attributes, which may be secrets too.
            tag = re.sub(r"\s[^<>]*>", ">", text[match.start() : match.end("value")], count=1)
            yield f"{masked(tag, match['value'])}</"


def holds_secret(text: str) -> bool:
    """Whether ``text`` contains a secret in plain text."""
    return any(forms_in(text)) or any(settings_in(text))


def masked(text: str, value: str) -> str:
    """``text``, which ends with ``value``, on one short line with ``***`` for it."""
    return " ".join(text.removesuffix(value).split())[:80] + "***"
