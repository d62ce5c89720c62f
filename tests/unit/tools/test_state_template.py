"""A stack's state without its secrets (tools/state_template.py)."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tools.state_template import filled, placeholders, template_of, written

PASSWORD, KEY = "Kq3xV9mT2pLw8ZrB", "-----BEGIN KEY-----\nMHcCAQEEIBv\n-----END KEY-----\n"


def secret(value: Any) -> dict[str, str]:
    wrapped = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
    return wrapped | {"plaintext": json.dumps(value)}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def export(**more: Any) -> dict[str, Any]:
    sql = f"ALTER USER 'root' IDENTIFIED BY '{PASSWORD}';"
    resources = [
        {
            "urn": "urn:pulumi:local::wso2ei::random:index/randomPassword:RandomPassword::root-password",
            "type": "random:index/randomPassword:RandomPassword",
            "inputs": {"length": 16},
            "outputs": {"length": 16, "result": secret(PASSWORD), "bcryptHash": secret("$2a$10$abc")},
            "sourcePosition": "project:///../../home/me/x.py#1",
            "created": "2026-11-25T10:46:36Z",
        },
        {
            "urn": "urn:pulumi:local::wso2ei::kubernetes:core/v1:Secret::init",
            "type": "kubernetes:core/v1:Secret",
            "inputs": {"data": secret({"init.sql": encoded(sql), "tls.key": encoded(KEY)}), "kind": "Secret"},
            "outputs": {
                "stringData": {"init.sql": secret(sql), "tls.key": secret(KEY)},
                "metadata": {"name": "init-1", "managedFields": [{"manager": "x"}]},
            },
        },
    ]
    deployment = {"manifest": {"version": "v3.259.0", "time": "t", "magic": "m"}, "resources": resources}
    return {"version": 3, "deployment": deployment | {"secrets_providers": {"type": "passphrase"}} | more}


def test_no_secret_is_left_in_plain_in_base64_or_inside_another_text() -> None:
    text = written(template_of(export()))
    for value in (PASSWORD, KEY, "$2a$10$abc", encoded(PASSWORD)[:12], encoded(KEY)[:24], "MHcCAQEEIBv", "passphrase"):
        assert value not in text
    assert "/home/me" not in text
    assert "managedFields" not in text
    names = placeholders(template_of(export()))
    assert names == {"root-password", "root-password:bcryptHash", "init:tls.key"}


def test_a_filled_template_is_consistent_and_reads_back() -> None:
    values = {"root-password": "new", "root-password:bcryptHash": "hash", "init:tls.key": "key"}
    state = filled(json.loads(written(template_of(export()))), values.__getitem__)
    password, made = state["deployment"]["resources"]
    assert json.loads(password["outputs"]["result"]["plaintext"]) == "new"
    data = json.loads(made["inputs"]["data"]["plaintext"])
    assert data == {"init.sql": encoded("ALTER USER 'root' IDENTIFIED BY 'new';"), "tls.key": encoded("key")}
    assert json.loads(made["outputs"]["stringData"]["tls.key"]["plaintext"]) == "key"


def test_a_secret_that_stands_where_none_should_is_not_recorded() -> None:
    leaking = export()
    leaking["deployment"]["resources"][1]["id"] = PASSWORD
    with pytest.raises(ValueError, match="still in the state"):
        template_of(leaking)


def test_an_encrypted_or_unfinished_state_is_refused() -> None:
    locked = export()
    locked["deployment"]["resources"][0]["outputs"]["result"] = secret("") | {"ciphertext": "v1:x"}
    del locked["deployment"]["resources"][0]["outputs"]["result"]["plaintext"]
    with pytest.raises(ValueError, match="--show-secrets"):
        template_of(locked)
    with pytest.raises(ValueError, match="pending operations"):
        template_of(export(pending_operations=[{"type": "creating"}]))
