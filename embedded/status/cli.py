"""``make status``: live in a terminal until all is well, once elsewhere."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from embedded.environment import CHECKOUT, existing
from embedded.errors import KitError
from embedded.machine import Plan, make_plan, stack_settings
from embedded.progress import Reporter
from embedded.pulumi_env import PulumiEnv
from embedded.status import objects, snapshot
from embedded.status.pulls import Account
from embedded.status.report import Report, report
from embedded.status.screen import screen

LOOK_EVERY_SECONDS = 2.0
_OUTPUTS_EVERY_LOOKS = 15
"""The outputs change only with an update, and reading them starts the Pulumi CLI."""
_WIDTH_WITHOUT_A_TERMINAL = 160


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Command-line arguments of ``status``."""
    parser.add_argument("--once", action="store_true", help="look once and end, in a terminal too")


class Looker:
    """Looks at one stack again and again."""

    def __init__(self, plan: Plan, pulumi: PulumiEnv, outputs: Mapping[str, Any] | None = None) -> None:
        """Prepare to look.

        :param outputs: the stack's, where they were read just now.
        """
        self._plan, self._pulumi = plan, pulumi
        self._settings = stack_settings(plan.stack_file)
        self._outputs: Mapping[str, Any] = outputs or {}
        self._looks = 0

    def look(self, note: str = "") -> tuple[Group, bool]:
        """Return the screen, and whether all is well. Raises ``KitError`` when the cluster does not answer."""
        title, found = self._take()
        return screen(title, found, note), found.good

    def report(self) -> Report:
        """Return what the screen shows. Raises ``KitError`` when the cluster does not answer."""
        return self._take()[1]

    def _take(self) -> tuple[str, Report]:
        if self._looks == _OUTPUTS_EVERY_LOOKS or not self._outputs:
            self._outputs, self._looks = self._pulumi.outputs(), 0
        self._looks += 1
        stack, context = self._plan.stack, self._plan.cluster
        named = (self._settings.get("namespace") or {}).get("name")
        namespace = str(self._outputs.get("namespace") or named or "wso2")
        cluster = snapshot.Cluster(context, namespace, self._pulumi.environment())
        ingress = self._settings.get("ingress") or {}
        given = objects.given_addresses(ingress)
        account = Account(stack, str(self._settings.get("registryUsername") or ""))
        seen = snapshot.take(cluster, self._outputs.get("ingress_hosts") or {}, self._outputs, given)
        found = report(seen, account, self._outputs, given, fixed=bool(ingress.get("address")))
        title = f"stack {stack}, namespace {namespace}, context {context}, {seen.now.astimezone():%H:%M:%S}"
        return title, found


def run(args: argparse.Namespace, reporter: Reporter) -> int:
    """Show the status; exit code 0 when all is well, else 1; 130 after Ctrl-C."""
    console = Console(highlight=False)
    looker = Looker(make_plan(CHECKOUT, args.stack), existing(args.stack, look_only=True))
    if args.once or not console.is_terminal:
        if not console.is_terminal:
            console.width = _WIDTH_WITHOUT_A_TERMINAL
        drawn, good = looker.look()
        console.print(drawn)
        return 0 if good else 1
    return live(console, looker.look)


def live(console: Console, look: Callable[[str], tuple[Group, bool]]) -> int:
    """Look again and again; the last screen stays in the terminal, however it ends."""
    note, good = "looks every 2 s until all is well; Ctrl-C ends it", False
    drawn = Group("looking ...")
    try:
        with Live(drawn, console=console, auto_refresh=False, transient=True) as shown:
            while not good:
                try:
                    drawn, good = look(note)
                except KitError as error:
                    # The API server may be away for a moment; only its error can be shown.
                    drawn = Group(Text(str(error)), Text(note))
                shown.update(drawn, refresh=True)
                if not good:
                    time.sleep(LOOK_EVERY_SECONDS)
    except KeyboardInterrupt:
        console.print(drawn)
        return 130
    console.print(look("")[0])
    return 0
