"""Integration artifacts on a running stack: every source reaches both nodes, a broken one is named and harms nobody."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator

import pytest

from tests.cars import car
from tests.e2e.machine import GATEWAY, Machine, eventually
from tests.e2e.repository import repository

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400), pytest.mark.usefixtures("first_up")]
BACKEND = '<send><endpoint><address uri="$SYSTEM:BACKEND_URL"/></endpoint></send>'


def inline(machine: Machine, data: bytes) -> None:
    machine.configure("set", "wso2ei:ei.carbonApps[1].content", base64.b64encode(data).decode())
    machine.configure("set", "wso2ei:ei.carbonApps[1].name", "orders.car")


@pytest.fixture(scope="module", autouse=True)
def folder_at_start(machine: Machine, first_up: str) -> Iterator[None]:
    """A CAR in the folder while EI looks into it; then nodes take it at their start, beside one by URL and one of the
    stack file.
    """
    assert first_up
    machine.bring_up()
    machine.drop_car("stock.car", car("Stock", "StockService"))
    eventually("both nodes serve what was dropped", lambda: machine.on_both("StockService", '"node"'))
    returns = car("Returns", "ReturnService")
    with repository(machine, {"returns-1.0.0.car": returns}) as url:
        machine.configure("set", "wso2ei:ei.carbonApps[0].url", f"{url}/returns-1.0.0.car")
        machine.configure("set", "wso2ei:ei.carbonApps[0].sha256", hashlib.sha256(returns).hexdigest())
        yield
    # With the next update EI looks into the folder itself again; what was dropped there stays.
    for key in ("ei.carbonApps", "ei.carbonAppsFolder", "ei.environment", "ei.pullMinutes"):
        machine.configure("rm", f"wso2ei:{key}")


def test_cars_of_the_folder_a_url_and_the_stack_file_reach_both_nodes_and_a_changed_one_too(machine: Machine) -> None:
    machine.configure("set", "wso2ei:ei.carbonAppsFolder", "atStart")
    machine.configure("set", "wso2ei:ei.environment.BACKEND_URL", "https://orders.staging.example.com")
    inline(machine, car(body=BACKEND))
    machine.update().ok()
    assert machine.on_both("StockService", '"node"')
    assert machine.on_both("ReturnService", '"node"')
    # One CAR, and the endpoint of this environment.
    assert machine.on_both("OrderService", "https://orders.staging.example.com")
    answer = machine.curl("/services/OrderService", GATEWAY).text
    assert answer.startswith("HTTP/2 200")
    inline(machine, car("Orders", "OrdersOfTwo", version="2.0.0", body=BACKEND))
    machine.update().ok()
    assert machine.on_both("OrdersOfTwo", '"node"')
    assert not any(machine.served("OrderService").values())


def test_a_broken_car_is_named_by_the_update_and_the_old_nodes_keep_serving(machine: Machine) -> None:
    before = {pod["metadata"]["name"] for pod in machine.nodes()}
    # Only EI can tell: it knows no such mediator.
    inline(machine, car("Orders", "OrdersOfTwo", version="3.0.0", body="<nosuchmediator/>"))
    machine.configure("set", "wso2ei:ei.pullMinutes", "1")
    said = machine.update()
    assert said.code != 0
    reason = "EI did not deploy orders.car: Error occurred while deploying Carbon Application"
    assert reason in said.text
    assert "Unknown mediator referenced by configuration element" in said.text
    nodes = machine.nodes()
    assert before <= {pod["metadata"]["name"] for pod in nodes}
    assert machine.curl("/services/OrdersOfTwo", GATEWAY).text.startswith("HTTP/2 200")
    assert "EI did not deploy orders.car" in machine.make("status", "ONCE=1").text

    # One that nobody needs EI for is refused before anything is made.
    inline(machine, b"404 page not found")
    said = machine.update()
    assert said.code != 0
    assert "wso2ei:ei.carbonApps[1].content" in said.text
    assert "is not a zip file" in said.text

    machine.configure("rm", "wso2ei:ei.pullMinutes")
    inline(machine, car("Orders", "OrdersOfFour", version="4.0.0", body=BACKEND))
    machine.update().ok()
    assert machine.on_both("OrdersOfFour", '"node"')
    assert json.loads(machine.kubectl("get", "deployment", "wso2ei", "-o", "json").ok())["status"]["readyReplicas"] == 2
