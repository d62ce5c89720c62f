"""The checks of a preview find what is wrong, say where and why, and do not judge what nobody knows yet."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from policies.objects import SECRET
from tests.unit.support import samples
from tests.unit.support.samples import Object, broken
from tests.unit.support.stacks import manifests
from tools import check_preview, kubernetes_versions, scan, schemas
from tools.preview_file import UnreadableError, read

UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
MAIN = "spec/template/spec/containers/0"
FITTING = scan.ScanResult("0", 10, (), ())


def preview(objects: list[Object], **more: Any) -> dict[str, Any]:
    steps = [
        {"op": "create", "urn": f"urn:{number}", "newState": {"type": "kubernetes:x:Y", "inputs": item}}
        for number, item in enumerate(objects)
    ]
    return {"steps": steps, "diagnostics": [], "changeSummary": {"create": len(objects)}, **more}


def written(folder: Path, content: Any) -> Path:
    file = folder / "preview.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


@pytest.fixture
def no_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_preview, "scan", lambda objects, known: FITTING)


@pytest.mark.parametrize("version", [kubernetes_versions.OLDEST, kubernetes_versions.NEWEST])
@pytest.mark.parametrize("stack", ["local", "prod"])
def test_every_object_of_both_stacks_fits_kubernetes(stack: str, version: str) -> None:
    for item in manifests(stack):
        assert list(schemas.errors(item, version)) == [], item["metadata"]["name"]


WRONG = [
    (f"{MAIN}/ports/0/containerPort", "eighty", "must be of type"),
    (f"{MAIN}/readOnly", True, "unknown field: 'readOnly'"),
    (f"{MAIN}/name", ..., "'name' is a required property"),
    ("spec/selector", ..., "'selector' is a required property"),
    ("spec/template/spec/containers", "none", "must be of type"),
    ("apiVersion", "apps/v1beta1", "has no Deployment in apps/v1beta1"),
    ("apiVersion", "extensions/v1beta1", "has no Deployment"),
]


@pytest.mark.parametrize(("path", "value", "words"), WRONG)
def test_an_object_that_does_not_fit_is_found(path: str, value: Any, words: str) -> None:
    for version in (kubernetes_versions.OLDEST, kubernetes_versions.NEWEST):
        found = list(schemas.errors(broken(samples.deployment, path, value), version))
        assert any(words in error.message for error in found), found


def test_a_field_that_came_later_is_refused_by_the_older_version_only() -> None:
    item = broken(samples.pod, "spec/hostnameOverride", "name")
    assert list(schemas.errors(item, "1.29")) != []
    assert list(schemas.errors(item, "1.36")) == []


@pytest.mark.parametrize("value", [UNKNOWN_TEXT, SECRET])
def test_a_placeholder_fits_any_type_and_hides_nothing_beside_it(value: str) -> None:
    for path in ("spec/replicas", f"{MAIN}/ports", f"{MAIN}/ports/0/containerPort", "spec/template", "metadata/labels"):
        assert list(schemas.errors(broken(samples.deployment, path, value), "1.36")) == [], path
    item = broken(samples.deployment, "spec/replicas", value)
    item["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"] = "eighty"
    assert [error.path[-1] for error in schemas.errors(item, "1.36")] == ["containerPort"]
    assert list(schemas.errors(broken(samples.secret, "stringData", value), "1.36")) == []


def test_a_custom_resource_is_named_and_not_judged(no_scan: None, tmp_path: Path) -> None:
    monitor = {"apiVersion": "monitoring.example.com/v1", "kind": "ServiceMonitor", "metadata": {"name": "m"}}
    report = check_preview.check(read(written(tmp_path, preview([monitor]))))
    assert report.exit_code == 0
    assert "none for custom resources: ServiceMonitor m" in report.text()


def test_findings_name_object_rule_and_reason_and_fail(no_scan: None, tmp_path: Path) -> None:
    item = broken(samples.deployment, f"{MAIN}/image", "sample:latest")
    item["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"] = "eighty"
    file = written(tmp_path, preview([item, samples.network_policy()]))
    report = check_preview.check(read(file))
    assert report.exit_code == 1
    text = report.text()
    assert "Deployment sample\n    schema of Kubernetes 1." in text
    assert "policy pinned-images: spec.template.spec.containers[0].image: tag 'latest' moves" in text
    assert check_preview.main([str(file)]) == 1


def test_what_an_update_still_needs_is_said_and_does_not_fail(no_scan: None, tmp_path: Path) -> None:
    need = "warning: an update will need one more value: x: is needed\n      fix: pulumi config set --secret x\n"
    said = [{"severity": "warning", "message": need}, {"severity": "warning", "message": "something else"}]
    report = check_preview.check(read(written(tmp_path, preview([samples.secret()], diagnostics=said))))
    assert report.exit_code == 0
    assert "an update will need one more value: x" in report.text()
    assert "something else" not in report.text()


def test_a_failed_preview_is_a_finding_and_an_empty_one_is_not_checked(no_scan: None, tmp_path: Path) -> None:
    said = [{"severity": "error", "message": "error: The configuration has 1 mistake"}]
    report = check_preview.check(read(written(tmp_path, preview([], diagnostics=said))))
    assert report.exit_code == 2
    assert "The configuration has 1 mistake" in report.text()
    assert "NOT ALL CHECKS COULD RUN" in report.text()


def test_unknown_values_are_listed_as_not_judged(no_scan: None, tmp_path: Path) -> None:
    item = broken(samples.deployment, f"{MAIN}/image", UNKNOWN_TEXT)
    report = check_preview.check(read(written(tmp_path, preview([item, samples.network_policy()]))))
    assert report.exit_code == 0
    assert "not checked: Deployment sample: spec.template.spec.containers[0].image" in report.text()


@pytest.mark.parametrize("content", ["", "no JSON", "[]", '{"version": 3}', "{"])
def test_a_file_that_holds_no_preview_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(UnreadableError):
        read(written(tmp_path, content))
    assert check_preview.main([str(tmp_path / "preview.json")]) == 2


def test_a_replaced_object_counts_once_with_its_new_state(tmp_path: Path) -> None:
    content = preview([samples.config_map(), samples.config_map({"level": "debug"})])
    for step in content["steps"]:
        step["urn"] = "urn:same"
    content["steps"].append({"op": "delete", "urn": "urn:same", "oldState": {}})
    assert [item["data"] for item in read(written(tmp_path, content)).objects] == [{"level": "debug"}]


def fake_checkov(folder: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> Path:
    """A program that answers as checkov does, and writes down how it was called."""
    program = folder / "checkov"
    log = folder / "called.json"
    program.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        f"json.dump({{'words': sys.argv[1:], 'env': dict(os.environ)}}, open({str(log)!r}, 'w'))\nprint({said!r})\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    return log


def answer(checks: list[tuple[str, str]], count: int = 1) -> str:
    failed = [{"check_id": check, "check_name": f"name of {check}", "resource": resource} for check, resource in checks]
    summary = {"passed": 7, "failed": len(failed), "parsing_errors": 0, "resource_count": count, "checkov_version": "3"}
    return json.dumps({"results": {"failed_checks": failed}, "summary": summary})


def test_checkov_s_failures_are_those_of_our_objects_less_the_explained_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = "Deployment.space.sample"
    said = answer([("A", resource), ("B", resource), ("A", "Pod.space.sample.app-x"), ("C", "Role.space.other")])
    log = fake_checkov(tmp_path, monkeypatch, said)
    monkeypatch.setenv("BC_API_KEY", "a key of the platform")
    skip = scan.Skip("B", ("Deployment/sam*",), "because")
    done = scan.scan([samples.deployment()], [skip])
    assert [(failure.check, failure.target) for failure in done.failures] == [
        ("A", "Deployment sample"),
        ("C", "Role.space.other"),
    ]
    assert [(failure.check, why.reason) for failure, why in done.skipped] == [("B", "because")]
    called = json.loads(log.read_text())
    assert "--skip-download" in called["words"]
    assert not any("API_KEY" in key for key in called["env"])


@pytest.mark.parametrize("said", ["", "Traceback", answer([], count=0)])
def test_a_scan_that_saw_nothing_is_no_clean_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    fake_checkov(tmp_path, monkeypatch, said)
    with pytest.raises(scan.ScanError):
        scan.scan([samples.deployment()], [])


def test_without_checkov_the_check_says_so_and_does_not_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert check_preview.main([str(written(tmp_path, preview([samples.secret()])))]) == 2
    assert "NOT CHECKED: scan: there is no checkov" in capsys.readouterr().out


def test_there_are_at_most_five_skips_each_with_a_reason(tmp_path: Path) -> None:
    found = scan.skips()
    assert len(found) <= 5
    assert len({skip.check for skip in found}) == len(found)
    assert all(len(skip.reason.split()) >= 12 for skip in found)
    file = tmp_path / "skips.yaml"
    file.write_text("- check: A\n  objects: ['*']\n")
    with pytest.raises(scan.ScanError):
        scan.skips(file)
