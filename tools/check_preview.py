"""``python -m tools.check_preview FILE``: check the objects of a preview.

FILE is the output of ``pulumi preview --json``. Each object is checked against Kubernetes' schemas of the oldest and
the newest supported version, against the project's policies, and by checkov; the report ends with what an update
still needs. Exit code 0 without findings, 1 with findings, 2 when a check could not run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from policies import rules
from policies.objects import Manifest, Violation, path_text, target, unknown_paths
from tools import schemas
from tools.kubernetes_versions import NEWEST, OLDEST
from tools.preview_file import PreviewFile, UnreadableError, read
from tools.scan import ScanError, scan, skips


@dataclass
class Report:
    """All findings, and the checks that ran."""

    findings: list[Violation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """A line for each check that ran, with what it could not judge."""
    broken: list[str] = field(default_factory=list)
    """Checks that could not run, with the reason."""
    needs: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """2 when a check could not run, 1 with findings, else 0."""
        return 2 if self.broken else 1 if self.findings else 0

    def text(self) -> str:
        """For people: notes, findings, what an update needs, and the result in one last line."""
        lines = [*self.notes]
        lines += ["", *map(_shown, self.findings)] if self.findings else []
        lines += ["", *(f"NOT CHECKED: {reason}" for reason in self.broken)] if self.broken else []
        lines += ["", *self.needs] if self.needs else []
        count = len(self.findings)
        result = "no findings" if not count else f"{count} finding{'s' if count > 1 else ''}"
        return "\n".join([*lines, "", f"result: {'NOT ALL CHECKS COULD RUN, ' if self.broken else ''}{result}"])


def _shown(found: Violation) -> str:
    return f"{found.target}\n    {found.rule}: {found.where + ': ' if found.path else ''}{found.message}"


def check(preview: PreviewFile) -> Report:
    """Run every check; checkov runs in parallel to the others."""
    report = Report(needs=preview.needs)
    changes = ", ".join(f"{count} {name}" for name, count in sorted(preview.changes.items()))
    report.notes.append(f"preview: {len(preview.objects)} Kubernetes objects; resources: {changes or 'none'}")
    report.findings += [Violation("pulumi preview", "the program", (), message) for message in preview.errors]
    if not preview.objects:
        report.broken.append("the preview shows no Kubernetes object")
        return report
    with ThreadPoolExecutor(max_workers=1) as executor:
        scanning = executor.submit(_scan, preview.objects)
        _schemas(preview.objects, report)
        _policies(preview.objects, report)
        findings, notes, broken = scanning.result()
    report.findings += findings
    report.notes += notes
    report.broken += broken
    unknown = [
        f"{target(item)}: {', '.join(path_text(path) for path in paths)}"
        for item in preview.objects
        if (paths := list(unknown_paths(item)))
    ]
    if unknown:
        report.notes.append("known only after an update, so not checked: " + "; ".join(unknown))
    return report


def _schemas(objects: Sequence[Manifest], report: Report) -> None:
    custom = set()
    for version in (OLDEST, NEWEST):
        for item in objects:
            try:
                for error in schemas.errors(item, version):
                    rule = f"schema of Kubernetes {version}"
                    report.findings.append(Violation(rule, target(item), error.path, error.message))
            except schemas.NoSchemaError:
                custom.add(target(item))
    report.notes.append(f"schemas: Kubernetes {OLDEST} and {NEWEST}, {len(objects) - len(custom)} objects")
    if custom:
        report.notes.append(f"schemas: none for custom resources: {', '.join(sorted(custom))}")


def _policies(objects: Sequence[Manifest], report: Report) -> None:
    broken = [violation for violation in rules.check(objects) if violation.judged]
    report.findings += [replace(violation, rule=f"policy {violation.rule}") for violation in broken]
    report.notes.append(f"policies: {len(rules.RULES) + len(rules.STACK_RULES)} rules")


def _scan(objects: Sequence[Manifest]) -> tuple[list[Violation], list[str], list[str]]:
    try:
        done = scan(objects, skips())
    except ScanError as error:
        return [], [], [f"scan: {error}"]
    findings = [Violation(f"checkov {each.check}", each.target, (), each.title) for each in done.failures]
    by_check = sorted({skip.check for _, skip in done.skipped})
    skipped = f"; expected, with reasons in tools/scan_skips.yaml: {', '.join(by_check)}" if by_check else ""
    return findings, [f"scan: checkov {done.version}, {done.passed} checks passed{skipped}"], []


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.check_preview", description=__doc__)
    parser.add_argument("file", type=Path, help="output of `pulumi preview --json`")
    options = parser.parse_args(arguments)
    try:
        preview = read(options.file)
    except UnreadableError as error:
        print(f"NOT CHECKED: {error}", file=sys.stderr)
        return 2
    report = check(preview)
    print(report.text())
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())
