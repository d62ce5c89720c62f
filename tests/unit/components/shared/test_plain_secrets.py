"""What counts as a secret in plain text, and what does not."""

from __future__ import annotations

import subprocess
import sys

import pytest

from components.shared.plain_secrets import forms_in, is_plain, names_secret, path_names_secret, settings_in


@pytest.mark.parametrize(
    "name",
    ["DB_PASSWORD", "password2", "mail.smtp.password", "ConnectionPassword", "SMTP_PASS", "bindPass", "keystorePass",
     "AWS_SECRET_ACCESS_KEY", "apiKey", "PRIVATE-KEY", "AccountKey", "OAUTH_TOKEN", "java.naming.security.credentials",
     "db_pwd", "client.secret", "passphrase"],
)  # fmt: skip
def test_names_of_secrets(name: str) -> None:
    assert names_secret(name)


@pytest.mark.parametrize(
    "name",
    ["PASSWORD_ENCRYPTION", "DB_PASSWORD_FILE", "bypass", "COMPASS", "AWS_ACCESS_KEY_ID", "publicKey", "tokenizer",
     "vault.hashicorp.com/agent-inject-secret-db-password", "vault.hashicorp.com/agent-inject-token"],
)  # fmt: skip
def test_names_of_other_things(name: str) -> None:
    assert not names_secret(name)


@pytest.mark.parametrize(
    "path",
    ["a/Password", "a/parameter[@name='mail.smtp.password']", 'a/Property[@name="ConnectionPassword"]',
     "a/Property[@name='x/y.password']", "a/password[@encrypted='true']", "a/Property[@name='p'][@key='db.password']"],
)  # fmt: skip
def test_paths_that_end_at_a_secret(path: str) -> None:
    assert path_names_secret(path)


@pytest.mark.parametrize("path", ["Passwords/Password/file", "a[@name='password']/b", "a/Property[@name='Url']"])
def test_paths_that_end_elsewhere(path: str) -> None:
    assert not path_names_secret(path)


@pytest.mark.parametrize(
    "text",
    ["db.password = hunter2", "<!-- <Password>hunter2</Password> -->", "<Password>hunter2</Password>",
     "jdbc:mysql://h/d?user=u&password=hunter2",
     '<Password encrypted="false">hunter2</Password>', '<parameter name="mail.smtp.password">hunter2</parameter>',
     '<parameter name="password" locked="false">hunter2</parameter>', "<Password>\n  hunter2\n</Password>",
     '<Property key="x" name="ConnectionPassword">hunter2</Property>', '<user password="hunter2"/>',
     "x=1\npassword: 'hunter2'\n", "connection.jms.pass=hunter2", "AWS_SECRET_ACCESS_KEY=hunter2",
     "java.naming.security.credentials=hunter2"],
)  # fmt: skip
def test_texts_that_set_a_secret_are_shown_without_it(text: str) -> None:
    found = list(settings_in(text))
    assert found
    assert "***" in found[0]
    assert "hunter2" not in "".join(found)


@pytest.mark.parametrize(
    "text",
    ["# password = hunter2", "<Password>${db.password}</Password>",
     "<Password></Password>", "password.file=/run/secrets/x", "password=wso2carbon", "compass=north",
     '<Property name="Url">jdbc:mysql://db</Property>', "secretAlias=Orders.Password",
     '<password svns:secretAlias="Orders.Password">alias</password>',
     '<parameter name="transport.jms.Password" locked="false" svns:secretAlias="B.Password">alias</parameter>'],
)  # fmt: skip
def test_texts_without_a_secret(text: str) -> None:
    assert list(settings_in(text)) == []


@pytest.mark.parametrize(
    ("text", "what"),
    [("amqp://admin:hunter2@broker/carbon", "a password within a URL"),
     ("redis://:hunter2@cache", "a password within a URL"),
     ("jdbc:oracle:thin:scott/hunter2@//db:1521/x", "a password within a URL"),
     ("-----BEGIN EC PRIVATE KEY-----", "a private key")],
)  # fmt: skip
def test_secrets_by_their_form(text: str, what: str) -> None:
    assert list(forms_in(text)) == [what]


def test_the_place_of_a_secret_is_no_secret() -> None:
    assert list(forms_in("amqp://admin:${password}@broker https://h:443/@x")) == []
    assert not any(map(is_plain, ("", "${x}", "/run/secrets/x", "file:/x", "$(X)", "wso2carbon", "true", "***")))
    assert is_plain("hunter2")


def test_an_element_with_an_alias_of_the_secure_vault_contains_no_secret() -> None:
    alias = '<parameter name="a.Password" svns:secretAlias="Broker.Password">alias</parameter>'
    assert list(settings_in(alias)) == []
    assert "<password>***</" in list(settings_in(f"{alias}<password>hunter2</password>"))


def test_a_long_line_is_read_to_its_end() -> None:
    """In a process that can be stopped: without a bound on names, the expression takes minutes."""
    text = "'-a' * 30000 + ' db.password=hunter2'"
    program = f"from components.shared.plain_secrets import settings_in; print(*settings_in({text}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout
    assert "hunter2" not in done.stdout


@pytest.mark.parametrize(
    "text",
    [
        "user.password=hunter2 admin.password=hunter3",
        "password=abc,hunter2&hunter3",
        "password='my long hunter2'",
        '{"url": "jdbc:mysql://root:hunter3@db/x", "password": "hunter2"}',
        '<password key="hunter3">hunter2</password>',
        '<a password="hunter2"><password>hunter3</password></a>',
        "<password>a hunter2 b</password>",
    ],
)
def test_a_place_shows_no_part_of_the_secret_and_no_other_one(text: str) -> None:
    places = list(settings_in(text))
    assert places
    for place in places:
        assert "password" in place
        assert "***" in place
        assert "hunter" not in place


def test_a_value_that_is_part_of_the_name_leaves_the_name_readable() -> None:
    assert "<password>***</" in list(settings_in("<password>a</password>"))
