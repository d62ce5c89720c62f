"""Fixtures of the tests that run the real CLI against a cluster."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded import plugins, toolchain
from embedded.progress import Reporter
from tests.kit.plugins.pulumi_program import Program


@pytest.fixture(scope="session")
def pulumi_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Pulumi home with both plugins; ``PLUGIN_TESTS_HOME`` names one that is to be tested as it is."""
    if not shutil.which("pulumi"):
        folder = toolchain.built("pulumi")
        if folder is None:
            pytest.skip("no pulumi command, neither on PATH nor built")
        os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
    given = os.environ.get("PLUGIN_TESTS_HOME")
    if given:
        return Path(given)
    home = tmp_path_factory.mktemp("pulumi-home")
    plugins.install(home, dict(os.environ), Reporter())
    return home


@pytest.fixture(scope="session")
def cluster() -> Any:
    """A ``CoreV1Api`` of the cluster in ``$KUBECONFIG``."""
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("KUBECONFIG names no cluster")
    from kubernetes import client
    from kubernetes.config import kube_config

    load: Any = kube_config.load_kube_config
    load()
    return client


@pytest.fixture
def program(tmp_path: Path, pulumi_home: Path, cluster: Any) -> Iterator[Program]:
    """A program with a fresh stack and namespace; afterwards both are gone, whatever the test did."""
    made = Program(tmp_path, pulumi_home)
    made.write("")
    made.run("stack", "init", "test").ok()
    cluster.CoreV1Api().create_namespace({"metadata": {"name": made.namespace}})
    yield made
    cluster.CoreV1Api().delete_namespace(made.namespace, propagation_policy="Background")
