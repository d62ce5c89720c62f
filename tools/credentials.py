"""``python -m tools.credentials --stack NAME``: store the registry's user and token in a stack's config, encrypted.

Prompts for both, for the token without showing it, or reads them from ``WSO2_REGISTRY_USERNAME`` and
``WSO2_REGISTRY_PASSWORD``; checks with the registry of ``ei.image`` that they can pull the image; stores them with the
``pulumi`` on PATH in the stack file that this uses. The same again with a new token, then ``pulumi up``, is the whole
rotation: it changes the pull secret and restarts no pod. Owns nothing else of the stack file.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pulumi
import yaml

from preflight import registry
from settings import loading
from settings.model import Settings

ROOT = Path(__file__).resolve().parents[1]
USERNAME, PASSWORD = "WSO2_REGISTRY_USERNAME", "WSO2_REGISTRY_PASSWORD"


class CredentialsError(Exception):
    """Nothing was stored; the text has the reason and the fix."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Prompt, check, store. Exit code 1, and nothing stored, unless the registry accepts or cannot be reached."""
    parser = argparse.ArgumentParser(description="store the registry's user and token in a stack's config, encrypted")
    parser.add_argument("-s", "--stack", required=True)
    stack = parser.parse_args(arguments).stack
    try:
        config = _config(stack)
        settings = _settings(stack, config)
        username, password = choose(os.environ, settings.registry_username, _terminal())
        accepted = _checked(settings, username, password, stack)
        _set(stack, ["registryUsername", "--plaintext"], username)
        _set(stack, ["registryPassword", "--secret"], password)
    # The exception has the whole text of a mistake in the configuration, as the Pulumi CLI prints it.
    except (CredentialsError, pulumi.RunError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{accepted}; stored in the config of stack {stack}, the password encrypted.")
    print("The next update makes or changes the pull secret; no pod is restarted for it.")
    return 0


Ask = Callable[[str], str]


def choose(environment: Mapping[str, str], current: str | None, terminal: tuple[Ask, Ask] | None) -> tuple[str, str]:
    """User and token: from the environment, else from a prompt.

    :param current: the user that an empty answer keeps.
    :param terminal: prompts for a text, and for one that is not shown; ``None`` without a terminal.
    """
    username, password = environment.get(USERNAME, ""), environment.get(PASSWORD, "")
    if not (username and password) and terminal is None:
        missing = " and ".join(name for name in (USERNAME, PASSWORD) if not environment.get(name))
        raise CredentialsError(f"There is no terminal for a prompt: set {missing}, or run this in a terminal.")
    if terminal:
        ask, ask_hidden = terminal
        username = username or ask(f"registry user{f' [{current}]' if current else ''}: ").strip() or (current or "")
        password = password or ask_hidden("password or token (not shown): ").strip()
    if not username or not password:
        raise CredentialsError("Both a user and a token are needed; nothing was stored.")
    return username, password


def _terminal() -> tuple[Ask, Ask] | None:
    return (input, getpass.getpass) if sys.stdin.isatty() else None


def _settings(stack: str, config: dict[str, str]) -> Settings:
    """The stack's settings as they will be: with a user and a token, so that neither counts as missing."""
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["name"]
    user, secret = f"{project}:registryUsername", f"{project}:registryPassword"
    given = config.get(user)
    values = config | {user: given or "from-the-prompt", secret: "from-the-prompt"}
    settings = loading.load(project, stack, values, frozenset({secret, f"{project}:adminPassword"}))
    return settings if given else settings.model_copy(update={"registry_username": None})


def _checked(settings: Settings, username: str, password: str, stack: str) -> str:
    """The result of the registry check as text; raises when the registry rejects the credentials."""
    answer = registry.query(settings.ei_image, username, password)
    if answer.verdict == "accepted":
        return f"The registry allows {username} to pull {settings.ei_image}"
    text = registry.explain(settings.ei_image, username, answer, stack)
    if answer.verdict != "no answer":
        raise CredentialsError(f"{text}\nNothing was stored.")
    print(text, file=sys.stderr)
    return f"Not checked: user {username} and the token"


def _config(stack: str) -> dict[str, str]:
    """The stack's config without its secrets, as Pulumi would hand it to the program."""
    answer = _pulumi(["config", "--json", "--stack", stack])
    if answer.returncode != 0:
        raise CredentialsError(
            f"pulumi config: {answer.stderr.strip()}\nIf the stack does not exist, create it: pulumi stack init {stack}"
        )
    return {key: entry["value"] for key, entry in json.loads(answer.stdout).items() if "value" in entry}


def _set(stack: str, words: list[str], value: str) -> None:
    """Store one value through a pipe, since every user of the machine can read arguments."""
    answer = _pulumi(["config", "set", "--stack", stack, *words], value)
    if answer.returncode != 0:
        raise CredentialsError(f"pulumi config set {words[0]}: {answer.stderr.strip()}")


def _pulumi(words: list[str], typed: str = "") -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["pulumi", "--non-interactive", "-C", str(ROOT), *words],
            input=typed, check=False, capture_output=True, text=True,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise CredentialsError("There is no pulumi on PATH; `make credentials` uses or installs one.") from error


if __name__ == "__main__":
    sys.exit(main())
