"""A setting reaches its component under the name that it has in the stack file's model."""

from __future__ import annotations

from typing import Any

import pytest

from components.ei.args import (
    ClientArgs,
    HostAliasArgs,
    MetricsAgentArgs,
    MetricsArgs,
    NodeArgs,
    OperationsArgs,
    PortArgs,
    PrometheusArgs,
    ServiceMonitorArgs,
)
from components.mysql.backup import BackupArgs
from components.mysql.bucket import BucketArgs
from components.shared.certificates import TlsIssuerArgs
from components.shared.scheduling import SchedulingArgs, TolerationArgs
from components.wso2ei.args import (
    AdditionsArgs,
    CarbonAppArgs,
    FileArgs,
    JarArgs,
    KeystoresArgs,
    NodeVolumeArgs,
    PatchArgs,
    ProxyArgs,
    SecretKeyArgs,
    SecureVaultArgs,
    TrustedCertificatesArgs,
)
from settings import ei_customization
from settings.backup import MysqlBackup, S3Bucket
from settings.ei import EiSettings
from settings.ei_customization import (
    EiCarbonApp,
    EiFile,
    EiJar,
    EiKeystores,
    EiPatch,
    EiProxy,
    EiSecureVault,
    EiTrustedCertificates,
    EiVolume,
    SecretKey,
)
from settings.ei_operations import EiClient, EiPort, HostAlias, Metrics, MetricsAgent, Prometheus, ServiceMonitor
from settings.scheduling import SchedulingSettings, Toleration
from settings.tls import TlsIssuerSettings
from settings.types import Section

WHOLE: list[tuple[type[Section], Any]] = [
    (SecretKey, SecretKeyArgs),
    (EiPatch, PatchArgs),
    (EiFile, FileArgs),
    (EiJar, JarArgs),
    (EiKeystores, KeystoresArgs),
    (EiSecureVault, SecureVaultArgs),
    (EiTrustedCertificates, TrustedCertificatesArgs),
    (EiVolume, NodeVolumeArgs),
    (EiProxy, ProxyArgs),
    (EiClient, ClientArgs),
    (EiPort, PortArgs),
    (HostAlias, HostAliasArgs),
    (Metrics, MetricsArgs),
    (MetricsAgent, MetricsAgentArgs),
    (Prometheus, PrometheusArgs),
    (ServiceMonitor, ServiceMonitorArgs),
    (TlsIssuerSettings, TlsIssuerArgs),
    (MysqlBackup, BackupArgs),
    (S3Bucket, BucketArgs),
    (Toleration, TolerationArgs),
    (SchedulingSettings, SchedulingArgs),
]


@pytest.mark.parametrize(("section", "args"), WHOLE, ids=lambda kind: kind.__name__)
def test_a_section_and_its_arguments_have_the_same_fields(section: type[Section], args: Any) -> None:
    assert set(section.model_fields) == set(args.__annotations__)


def test_what_is_not_a_setting_of_the_nodes_is_known() -> None:
    """A field that is added to the arguments alone would be left out without an error."""
    args = {name for kind in (NodeArgs, AdditionsArgs, OperationsArgs) for name in kind.__annotations__}
    assert args - set(EiSettings.model_fields) == {"autoscaled", "pods", "scheduling"}


def test_nested_sections_go_along_whole() -> None:
    patch = {"file": "conf/a.xml", "path": "a/b", "setFromSecret": {"name": "secret", "key": "password"}}
    args = EiSettings.model_validate({"patches": [patch]}).as_args(AdditionsArgs)
    assert args["patches"][0]["set_from_secret"] == {"name": "secret", "key": "password"}
    assert "heap" not in args


def test_a_car_of_a_file_travels_as_its_content(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ei_customization, "PROJECT_FOLDER", tmp_path)
    (tmp_path / "Orders.car").write_bytes(b"car")
    args = EiCarbonApp(file="Orders.car").as_args(CarbonAppArgs)
    assert args == {"url": None, "sha256": None, "content": "Y2Fy", "name": "Orders.car"}
