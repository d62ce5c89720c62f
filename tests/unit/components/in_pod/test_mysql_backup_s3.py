"""Copies of backups to a bucket and from it: rclone is a fake on a folder, the tools of the shell are real.

The fake's exit codes are rclone's ("List of exit codes"): 3 for a folder that does not exist, 1 for what the server
rejects and for an object that ``--immutable`` protects. tests/e2e/test_backup.py has the real rclone and a server.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from components.shared import volumes

FAKE = """
import fnmatch, json, pathlib, shutil, sys
top = pathlib.Path(__file__).parent
words, options = [], {}
arguments = sys.argv[1:]
while arguments:
    word = arguments.pop(0)
    if word in ("--recursive", "--files-only", "--immutable"):
        options[word] = True
    elif word.startswith("--"):
        options[word] = arguments.pop(0)
    else:
        words.append(word)
with (top / "calls").open("a") as log:
    log.write(json.dumps([words, options]) + "\\n")
(top / "config").write_text(pathlib.Path(options["--config"]).read_text())
rejects, reason = json.loads((top / "rejects").read_text())

def end(code, text):
    print(f"2026/01/01 02:30:00 NOTICE: {text}", file=sys.stderr)
    sys.exit(code)

def place(text):
    return top / "bucket" / text.removeprefix("bucket:") if text.startswith("bucket:") else pathlib.Path(text)

if rejects and rejects in " ".join(words):
    end(1, reason)
verb, *places = words
first = place(places[0])
if verb == "lsf":
    if not first.exists():
        end(3, "directory not found")
    print("\\n".join(str(path.relative_to(first)) for path in first.rglob("*") if path.is_file()))
elif verb == "copyto":
    second = place(places[1])
    if "--immutable" in options and second.exists():
        end(1, "immutable file modified")
    second.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(first, second)
elif verb == "delete":
    for path in [*first.iterdir()]:
        if fnmatch.fnmatch(path.name, options.get("--include", "*")):
            path.unlink()
    if not [*first.iterdir()]:
        first.rmdir()
else:
    end(1, f"unknown command {verb}")
"""
NAMES = ("20200101T000000Z", "20200102T000000Z")
DUMP, SUM = "wso2ei.sql.gz", "wso2ei.sql.gz.sha256"


class Bucket:
    """A pod with a volume and a bucket."""

    def __init__(self, top: Path) -> None:
        self.top, self.folder = top, top / "bucket/dumps/prod"
        for folder in ("bin", "backups", "rendered", "secrets/bucket"):
            (top / folder).mkdir(parents=True)
        (top / "fake.py").write_text(FAKE)
        (top / "bin/rclone").write_text(f'#!/bin/sh\nexec {sys.executable} -S -E {top}/fake.py "$@"\n')
        (top / "bin/rclone").chmod(0o755)
        self.key("access-key-id", "AKIA")
        self.key("secret-access-key", "pw/9+=\n")
        self.rejects("", "")

    def key(self, name: str, value: str) -> None:
        (self.top / "secrets/bucket" / name).write_text(value)

    def rejects(self, words: str, reason: str) -> None:
        """Let the server reject each call with ``words``."""
        (self.top / "rejects").write_text(json.dumps([words, reason]))

    def run(self, verb: str, **variables: str) -> tuple[int, str]:
        (self.top / "calls").write_text("")
        values = {
            "BACKUPS": str(self.top / "backups"), "RENDERED": str(self.top / "rendered"),
            "SECRETS": str(self.top / "secrets"), "S3_FOLDER": "dumps/prod", "S3_ENDPOINT": "https://s3", "KEEP": "7",
            "S3_REGION": "us-east-1", "PATH": f"{self.top}/bin:/usr/bin:/bin",
        }  # fmt: skip
        done = subprocess.run(
            ["sh", str(volumes.IN_POD / "mysql_backup_s3.sh"), verb], env=values | variables, text=True, check=False,
            timeout=60, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert "pw/9" not in done.stdout
        assert "pw/9" not in (self.top / "calls").read_text()
        return done.returncode, done.stdout

    def made(self, name: str, where: str = "bucket/dumps/prod", *, parts: tuple[str, ...] = (DUMP, SUM)) -> str:
        """A backup, or a part of one."""
        folder = self.top / where / name
        folder.mkdir(parents=True)
        contents = {DUMP: name, SUM: f"{hashlib.sha256(name.encode()).hexdigest()}  {DUMP}\n"}
        for part in parts:
            (folder / part).write_text(contents[part])
        return name

    @property
    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())

    def calls(self, verb: str) -> list[str]:
        calls = [json.loads(line) for line in (self.top / "calls").read_text().splitlines()]
        return [words[-1].rpartition("/")[2] for (first, *words), _ in calls if first == verb]


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    return Bucket(tmp_path)


def days_ago(days: float) -> str:
    return f"{datetime.now(UTC) - timedelta(days=days):%Y%m%dT%H%M%SZ}"


def test_the_dump_is_copied_before_its_checksum_and_the_key_is_in_a_file_alone(bucket: Bucket) -> None:
    name = bucket.made(days_ago(0), "backups")
    code, said = bucket.run("upload")
    assert (code, said) == (0, f"mysql_backup_s3: {name} is in the bucket\n")
    assert bucket.calls("copyto") == [DUMP, SUM]
    assert (bucket.folder / name / DUMP).read_text() == name
    config = (bucket.top / "config").read_text().splitlines()
    assert {"secret_access_key = pw/9+=", "access_key_id = AKIA", "no_check_bucket = true"} <= set(config)
    assert (bucket.top / "rendered/rclone.conf").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("part", [DUMP, SUM])
def test_an_upload_that_fails_leaves_earlier_backups_and_nothing_that_counts(bucket: Bucket, part: str) -> None:
    older = bucket.made(NAMES[0])
    name = bucket.made(days_ago(0), "backups")
    bucket.rejects(f"prod/{name}/{part}", "Failed to copyto: InvalidAccessKeyId: status code: 403")
    code, said = bucket.run("upload", KEEP="1")
    assert code == 1
    reason = f"mysql_backup_s3: the upload of {name} failed, earlier backups are unchanged: "
    assert said.splitlines()[-1] == f"{reason}Failed to copyto: InvalidAccessKeyId: status code: 403"
    bucket.rejects("", "")
    shutil.rmtree(bucket.top / "backups" / name)
    assert bucket.run("fetch")[0] == 0
    assert (bucket.top / "backups" / older / DUMP).read_text() == older


def test_a_backup_of_the_same_second_is_not_overwritten(bucket: Bucket) -> None:
    name = bucket.made(bucket.made(days_ago(0), "backups"))
    (bucket.folder / name / DUMP).write_text("of another Job")
    assert bucket.run("upload")[0] == 1
    assert (bucket.folder / name / DUMP).read_text() == "of another Job"


def test_the_oldest_beyond_the_number_are_removed_the_checksum_first(bucket: Bucket) -> None:
    old = [bucket.made(f"2020010{day}T000000Z") for day in range(1, 6)]
    # Objects that are no backups of this stack are not touched.
    (bucket.folder / "other").mkdir()
    (bucket.folder / "other" / DUMP).write_text("x")
    name = bucket.made(days_ago(0), "backups")
    code, said = bucket.run("upload", KEEP="3")
    assert code == 0
    assert bucket.names == [*old[-2:], name, "other"]
    assert f"mysql_backup_s3: removed {old[0]}" in said
    calls = [json.loads(line) for line in (bucket.top / "calls").read_text().splitlines()]
    removals = [options.get("--include") for words, options in calls if words[0] == "delete"]
    assert removals == [SUM, None] * 3


def test_backups_above_the_age_are_removed_except_the_newest(bucket: Bucket) -> None:
    bucket.made(days_ago(11))
    young, name = bucket.made(days_ago(9)), bucket.made(days_ago(0.1), "backups")
    assert bucket.run("upload", KEEP_DAYS="10")[0] == 0
    assert bucket.names == [young, name]
    shutil.rmtree(bucket.folder)
    assert bucket.run("upload", KEEP_DAYS="0")[0] == 0
    assert bucket.names == [name]


@pytest.mark.parametrize("parts", [(DUMP,), (SUM,)])
def test_a_part_of_a_backup_does_not_count_and_is_removed_after_a_day(bucket: Bucket, parts: tuple[str, ...]) -> None:
    older = bucket.made(NAMES[0])
    bucket.made(days_ago(2), parts=parts)
    written = bucket.made(days_ago(0.5), parts=parts)
    assert bucket.run("fetch")[0] == 0
    assert [path.name for path in (bucket.top / "backups").iterdir()] == [older]
    shutil.rmtree(bucket.top / "backups" / older)
    name = bucket.made(days_ago(0), "backups")
    assert bucket.run("upload", KEEP="2")[0] == 0
    assert bucket.names == [older, written, name]


def test_without_the_right_to_delete_a_backup_is_made_and_the_log_has_the_reason(bucket: Bucket) -> None:
    older, name = bucket.made(NAMES[0]), bucket.made(days_ago(0), "backups")
    bucket.rejects("delete", "AccessDenied")
    code, said = bucket.run("upload", KEEP="1")
    assert code == 0
    assert said.splitlines()[-1] == f"mysql_backup_s3: {older} is not removed: AccessDenied"
    assert bucket.names == [older, name]


def test_what_is_fetched_is_the_backup_that_is_named_or_the_latest(bucket: Bucket) -> None:
    for name in NAMES:
        bucket.made(name)
    assert bucket.run("fetch", FROM=NAMES[0])[0] == 0
    assert bucket.run("fetch")[0] == 0
    assert sorted(path.name for path in (bucket.top / "backups").iterdir()) == [*NAMES]


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"FROM": "2020"}, f"the bucket has no backup 2020; FROM is latest or one of: {' '.join(NAMES)}"),
        ({"FROM": "20200101T000000."}, "the bucket has no backup 20200101T000000.; FROM is latest or one of: "),
        ({}, f"{NAMES[1]} is damaged, nothing was changed. Fix: set FROM to another one of: {' '.join(NAMES)}"),
        ({"S3_FOLDER": "dumps/other"}, "the bucket has no backup below dumps/other"),
    ],
)
def test_what_cannot_be_fetched_has_its_reason(bucket: Bucket, variables: dict[str, str], reason: str) -> None:
    bucket.made(NAMES[0])
    bucket.made(NAMES[1])
    (bucket.folder / NAMES[1] / DUMP).write_text("damaged")
    code, said = bucket.run("fetch", **variables)
    assert code == 1
    assert said.splitlines()[-1].startswith(f"mysql_backup_s3: {reason}"), said


def test_a_server_that_rejects_the_key_is_not_an_empty_bucket(bucket: Bucket) -> None:
    bucket.rejects("lsf", "Failed to lsf: SignatureDoesNotMatch")
    code, said = bucket.run("fetch")
    assert code == 1
    assert "the objects of dumps/prod cannot be listed: Failed to lsf: SignatureDoesNotMatch" in said


@pytest.mark.parametrize("value", ["", "two\nlines", "%(other)s", '"quoted"'])
def test_a_key_that_the_config_file_cannot_hold_is_rejected_and_not_shown(bucket: Bucket, value: str) -> None:
    bucket.key("secret-access-key", value)
    code, said = bucket.run("fetch")
    assert code == 1
    assert "the key secret-access-key of the bucket's Secret is empty, or has other characters" in said
    assert not value or value not in said
    assert not (bucket.top / "rendered/rclone.conf").exists()
