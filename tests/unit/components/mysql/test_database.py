"""The server of a stack: how a broken pod is replaced, and what is validated before a running one stops."""

from __future__ import annotations

from typing import Any

import pytest

from components.mysql.database import MysqlDatabase
from tests.unit.support.recording import Recorder, Registered, record, unwrap


def database(**args: Any) -> Recorder:
    def program() -> None:
        plain: Any = {
            "namespace": "team",
            "image": "docker.io/library/mysql:8.4.10",
            "storage": {"kind": "claim", "namespace": "team", "claim_name": "db"},
            "cpu": "150m",
            "memory": "1Gi",
            "max_connections": 530,
        }
        MysqlDatabase("db", plain | args)

    return record(program)


def made(recorder: Recorder, name: str) -> Registered | None:
    return next((item for item in recorder.registered if item.name == name), None)


def server(recorder: Recorder) -> Registered:
    found = made(recorder, "db-server")
    assert found
    return found


def command(recorder: Recorder) -> list[str]:
    words: list[str] = server(recorder).body()["spec"]["template"]["spec"]["containers"][0]["command"]
    return words


def test_a_pod_that_never_becomes_ready_is_replaced_when_its_template_is_corrected() -> None:
    """With OrderedReady the StatefulSet controller waits for the broken pod (kubernetes/kubernetes#67250)."""
    assert server(database()).body()["spec"]["podManagementPolicy"] == "Parallel"


def test_a_replaced_server_is_gone_before_the_next_one_starts() -> None:
    assert server(database()).request.deleteBeforeReplace


def test_options_are_validated_before_the_server_changes() -> None:
    done = database(options=["--max-allowed-packet=64M", "--lower-case-table-names=1"])
    job = made(done, "db-options")
    assert job
    assert any(urn.endswith("::db-options") for urn in server(done).request.dependencies)
    (container,) = job.body()["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "docker.io/library/mysql:8.4.10"
    assert container["command"][1:] == [
        "/in_pod/mysql_options.sh",
        "--lower-case-table-names=1",
        "--",
        "--innodb-buffer-pool-size=384M",
        "--max-allowed-packet=64M",
    ]
    keys = {item["key"] for volume in job.body()["spec"]["template"]["spec"]["volumes"]
            for item in volume.get("secret", {}).get("items", [])}  # fmt: skip
    assert keys == {"user-password", "registry-password"}, "the Job does not need root's password"


def test_without_options_nothing_waits_for_a_job() -> None:
    assert made(database(), "db-options") is None


def test_options_of_the_initialisation_stand_before_the_others() -> None:
    words = command(database(options=["--max-allowed-packet=64M", "--lower-case-table-names=1"]))
    assert words[1:4] == ["/in_pod/mysql_server.sh", "--lower-case-table-names=1", "--"]
    assert words.count("--lower-case-table-names=1") == 1
    assert words.index("--max-allowed-packet=64M") > words.index("--")


def test_the_memory_of_the_server_reaches_innodb() -> None:
    assert "--innodb-buffer-pool-size=384M" in command(database())
    assert "--innodb-buffer-pool-size=1920M" in command(database(memory="4Gi"))
    own = command(database(options=["--innodb-buffer-pool-size=2G"]))
    assert [word for word in own if "buffer-pool" in word] == ["--innodb-buffer-pool-size=2G"]


ISSUER = {"kind": "Issuer", "name": "databases", "group": "cert-manager.io"}


def volumes_of(item: Registered) -> dict[str, Any]:
    template = item.body().get("jobTemplate", item.body())["spec"]["template"]
    return {volume["name"]: volume for volume in template["spec"]["volumes"]}


@pytest.mark.parametrize(
    ("args", "secret"),
    [({"tls_secret": "team-tls"}, "team-tls"), ({"tls_issuer": ISSUER}, "db-issued")],
)
def test_the_server_has_the_certificate_of_a_secret_and_its_clients_get_the_authority_alone(
    args: dict[str, Any], secret: str
) -> None:
    done = database(**args)
    volume = volumes_of(server(done))["tls"]["secret"]
    assert volume["secretName"] == secret
    assert [item["key"] for item in volume["items"]] == ["tls.crt", "tls.key", "ca.crt"]
    assert {"--ssl-cert=/run/secrets/tls/tls.crt", "--ssl-key=/run/secrets/tls/tls.key"} < set(command(done))
    assert "--ssl-ca=/run/secrets/tls/ca.crt" in command(done)
    certificate = made(done, "db-certificate")
    assert (certificate is None) == ("tls_issuer" not in args)
    if certificate:
        assert certificate.body()["spec"]["dnsNames"] == ["db", "db.team.svc"]
        assert certificate.body()["spec"]["secretName"] == secret


def test_a_given_certificate_is_in_a_secret_with_those_that_verify_it() -> None:
    begin = "-----BEGIN CERTIFICATE-----\n"
    done = database(tls_certificate=f"# server\n{begin}a\n{begin}b\n{begin}c\n", tls_key="the-key")
    secret = made(done, "db-tls")
    assert secret
    assert secret.body()["stringData"]["ca.crt"] == f"{begin}b\n{begin}c\n"
    assert [item.name for item in done.registered if "the-key" in str(unwrap(item.inputs))] == ["db-tls"]
    alone = made(database(tls_certificate=f"{begin}a\n", tls_key="k"), "db-tls")
    assert alone
    assert alone.body()["stringData"]["ca.crt"] == f"{begin}a\n"


def test_without_a_certificate_of_its_own_the_server_makes_one() -> None:
    done = database()
    assert not [word for word in command(done) if word.startswith("--ssl")]
    assert "tls" not in volumes_of(server(done))
    assert made(done, "db-tls") is None


def test_pods_without_the_authority_do_not_verify() -> None:
    """The Job that validates options reaches the server that runs, whose certificate is another one yet."""
    job = made(database(options=["--lower-case-table-names=1"], tls_secret="team-tls"), "db-options")
    assert job
    (container,) = job.body()["spec"]["template"]["spec"]["containers"]
    variables = {item["name"]: item["value"] for item in container["env"]}
    assert variables["DATABASE_SSL_MODE"] == "PREFERRED"
    assert "DATABASE_CA" not in variables


def test_more_than_one_certificate_is_rejected() -> None:
    with pytest.raises(ValueError, match="MysqlDatabase db: only one of tls_secret, tls_issuer and tls_certificate"):
        database(tls_secret="a", tls_issuer=ISSUER)


def test_a_managed_option_is_rejected_before_anything_is_made() -> None:
    with pytest.raises(ValueError, match=r"MysqlDatabase db: options\[0\] must not set datadir"):
        database(options=["--datadir=/tmp"])
