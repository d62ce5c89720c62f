"""The stand-in for F5's NGINX Ingress Controller is as strict, and reloads as often, as the real one."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "embedded/images/nginx_ingress/controller"
MODULES = [path.stem for path in FOLDER.glob("*.py")]


@pytest.fixture
def controller(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The controller's modules by name; in its image they are top-level modules."""
    monkeypatch.syspath_prepend(str(FOLDER))
    kept = {name: sys.modules.pop(name) for name in MODULES if name in sys.modules}
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})
    for name in MODULES:
        sys.modules.pop(name, None)
    sys.modules.update(kept)


def test_one_change_is_one_reload_and_a_second_one_waits_for_its_own(controller: Any) -> None:
    """As two Services over the same pods are: the second EndpointSlice waits during the reload for the first."""
    tasks, task = controller.tasks.Tasks(), controller.tasks.Task
    tasks.add(task("endpointslices", "wso2/console"))
    assert tasks.take(0) == [task("endpointslices", "wso2/console")]
    tasks.add(task("endpointslices", "wso2/gateway"))
    tasks.add(task("endpointslices", "wso2/members"))
    tasks.add(task("endpointslices", "wso2/gateway"))
    assert tasks.take(0) == [task("endpointslices", "wso2/gateway")]
    assert tasks.take(0) == [task("endpointslices", "wso2/members")]
    assert tasks.take(0) == []


def test_more_than_two_waiting_changes_are_one_reload(controller: Any) -> None:
    tasks, task = controller.tasks.Tasks(), controller.tasks.Task
    for name in ("a", "b", "c"):
        tasks.add(task("endpointslices", f"wso2/{name}"))
    assert len(tasks.take(0)) == 3
    assert tasks.take(0) == []


def endpoint_slice(service: str) -> dict[str, Any]:
    return {"metadata": {"namespace": "wso2", "name": service, "labels": {"kubernetes.io/service-name": service}}}


@pytest.mark.parametrize(
    ("service", "exists", "reloads"),
    [("gateway", True, True), ("gateway", False, False), ("members", True, False)],
)
def test_each_update_of_endpoints_of_an_ingress_reloads_nginx(
    controller: Any, service: str, exists: bool, reloads: bool
) -> None:
    objects = {f"wso2/{service}": endpoint_slice(service)} if exists else {}
    stub = SimpleNamespace(slices=SimpleNamespace(objects=objects), backends={("wso2", "gateway")})
    task = controller.tasks.Task("endpointslices", f"wso2/{service}")
    assert controller.main.Controller._is_endpoints_of_an_ingress(stub, task) is reloads


def rendered(controller: Any, annotations: dict[str, str], config: dict[str, str], **options: int) -> str:
    settings = controller.annotations.read(annotations, {"gateway"})
    upstream = controller.model.Upstream("a", ("10.0.0.1:8243",), True, "")
    locations = (controller.model.Location("/", False, upstream),)
    server = controller.model.Server("h", None, locations, settings, "wso2/gateway")
    return str(controller.render.render([server], config, False, {"status": 8080}, **options))


def test_the_access_log_is_that_of_the_real_template(controller: Any) -> None:
    """v5.5.4, internal/configs/version1/nginx.tmpl: quoted lines without escaping, joined by spaces."""
    own = """log_format main '$remote_addr - $remote_user [$time_local] "$request"' ' $status $body_bytes_sent """
    assert f"""{own}"$http_referer" "$http_user_agent" "$http_x_forwarded_for"';""" in rendered(controller, {}, {})
    config = {"log-format": "$remote_addr\n$status", "log-format-escaping": " json "}
    assert "log_format main escape=json '$remote_addr' ' $status';" in rendered(controller, {}, config)
    assert "access_log off;" in rendered(controller, {}, {"access-log-off": "True"}).partition("upstream")[0]


def test_passive_checks_follow_the_annotations_and_are_otherwise_those_of_the_real_controller(controller: Any) -> None:
    assert "max_fails=1 fail_timeout=10s max_conns=0;" in rendered(controller, {}, {})
    annotations = {"nginx.org/max-fails": "10", "nginx.org/fail-timeout": "5s", "nginx.org/keepalive": "256"}
    text = rendered(controller, annotations, {})
    assert "max_fails=10 fail_timeout=5s max_conns=0;" in text
    assert "keepalive 256;" in text


def test_old_workers_finish_their_requests_unless_the_configmap_limits_them(controller: Any) -> None:
    assert "worker_shutdown_timeout" not in rendered(controller, {}, {})
    assert "worker_shutdown_timeout 60s;" in rendered(controller, {}, {"worker-shutdown-timeout": "60s"})


def test_nginx_listens_on_ipv6_unless_it_is_switched_off(controller: Any) -> None:
    assert "listen [::]:443" in rendered(controller, {}, {})
    assert "[::]" not in rendered(controller, {}, {}, ipv6=False)
    assert "listen 443 ssl" in rendered(controller, {}, {}, ipv6=False)


def test_an_ingress_with_a_secret_that_is_not_watched_gets_no_handshake(controller: Any) -> None:
    """The real one rejects handshakes then (internal/configs/ingress.go, addSSLConfig); without a name it serves the
    wildcard certificate."""
    tls: dict[str, Any] = {"hosts": ["h"], "secretName": "made"}
    ingress = {"metadata": {"namespace": "wso2"}, "spec": {"tls": [tls]}}
    assert controller.model._certificate(ingress, "h", {}, True, {}) == ""
    del tls["secretName"]
    assert controller.model._certificate(ingress, "h", {}, True, {}) == "wildcard"
    assert controller.model._certificate(ingress, "h", {}, False, {}) == ""


LIMIT = {"nginx.org/limit-req-rate": "10r/s", "nginx.org/limit-req-burst": "50", "nginx.org/limit-req-no-delay": "true"}


def test_a_rate_limit_is_counted_for_each_client_address_and_ingress(controller: Any) -> None:
    """As internal/configs/version1/nginx.ingress.tmpl writes it, with the defaults of config_params.go."""
    text = rendered(controller, LIMIT, {})
    assert "limit_req_zone ${binary_remote_addr} zone=wso2/gateway:10m rate=10r/s;" in text
    assert "limit_req zone=wso2/gateway burst=50 nodelay;" in text
    assert "limit_req_status 429;" in text
    assert "limit_req" not in rendered(controller, {}, {})


@pytest.mark.parametrize(
    ("rate", "replicas", "share"), [("10r/s", 3, "3r/s"), ("1r/s", 2, "30r/m"), ("10r/s", 0, "10r/s")]
)
def test_controllers_share_a_rate_where_the_ingress_wants_it(
    controller: Any, rate: str, replicas: int, share: str
) -> None:
    annotations = LIMIT | {"nginx.org/limit-req-rate": rate, "nginx.org/limit-req-scale": "true"}
    assert f"rate={share};" in rendered(controller, annotations, {}, replicas=replicas)
    assert f"rate={rate};" in rendered(controller, LIMIT | {"nginx.org/limit-req-rate": rate}, {}, replicas=replicas)


@pytest.mark.parametrize("rate", ["10", "0r/s", "10r/h", "10 r/s"])
def test_an_invalid_rate_leaves_the_host_without_a_limit_and_an_invalid_key_rejects_it(
    controller: Any, rate: str
) -> None:
    """internal/configs/annotations.go only logs the rate; internal/k8s/validation.go checks the key."""
    assert "limit_req" not in rendered(controller, LIMIT | {"nginx.org/limit-req-rate": rate}, {})
    with pytest.raises(controller.annotations.Rejected, match="limit-req-key"):
        rendered(controller, LIMIT | {"nginx.org/limit-req-key": "address"}, {})
