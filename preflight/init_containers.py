"""Reports, while an update waits for pods, why their init containers fail.

Of a pod whose init container fails and restarts, the Kubernetes provider shows the container's name and no reason: it
reads ``containerStatuses`` alone (pulumi-kubernetes 4.25, ``provider/pkg/await``). So the program itself reads the pods
in the background, and each reason becomes one warning of the update. The account needs the right to list pods, as the
provider does; without it nothing is reported.
"""

from __future__ import annotations

import atexit
import contextvars
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pulumi

from preflight.context import TIMEOUT, connected

THREAD = "init containers"
"""Name of the thread that reports."""
INTERVAL_SECONDS = 5.0
_SELECTOR = "app.kubernetes.io/part-of=wso2ei"
_FINAL = (401, 403)
"""Statuses of the API server, for the first request of a connection, that another one would get too."""


def report(context: str, namespace: str) -> None:
    """Start to report; ends with the program.

    :param context: kubeconfig context of the cluster.
    :param namespace: the pods' namespace, which need not exist yet.
    """
    # The SDK keeps its connection to the engine in context variables, which a thread does not inherit.
    run = contextvars.copy_context().run
    end = threading.Event()
    thread = threading.Thread(target=run, args=(_report, context, namespace, end), name=THREAD, daemon=True)
    thread.start()
    atexit.register(_end, thread, end)


def _end(thread: threading.Thread, end: threading.Event) -> None:
    """Wait for the active request.

    Python ends a daemon thread wherever it is at the end of the interpreter, which inside of a library in C++ aborts
    the process (docs.python.org, C API, PyEval_RestoreThread): the engine then reported a failed program.
    """
    end.set()
    thread.join(sum(TIMEOUT))


def _report(context: str, namespace: str, end: threading.Event) -> None:
    reported = set[str]()
    # First: an update that changes nothing ends earlier, and is spared the import.
    while not end.wait(INTERVAL_SECONDS):
        answered = False
        try:
            # One connection as long as it works: each new one runs the kubeconfig's credential plugin.
            with connected(context) as api:
                while not end.is_set():
                    for reason in reasons(_pods(api, namespace)):
                        if reason not in reported:
                            reported.add(reason)
                            pulumi.log.warn(reason)
                    answered = True
                    end.wait(INTERVAL_SECONDS)
        except Exception as error:  # noqa: BLE001 - the client raises what kubeconfig plugins and sockets raise
            # Credentials that were accepted have expired; a new connection has new ones.
            if not answered and getattr(error, "status", None) in _FINAL:
                return


def _pods(api: Any, namespace: str) -> list[Any]:
    from kubernetes import client  # noqa: PLC0415 - see context.connected

    core: Any = client.CoreV1Api(api)
    return list(core.list_namespaced_pod(namespace, label_selector=_SELECTOR, _request_timeout=TIMEOUT).items)


def reasons(pods: Iterable[Any]) -> Iterator[str]:
    """Return why init containers failed that have not succeeded since. Pure.

    :param pods: ``V1Pod`` objects; those that are being deleted are left out.
    """
    for pod in pods:
        if pod.metadata.deletion_timestamp:
            continue
        for status in pod.status.init_container_statuses or []:
            states = [state.terminated for state in (status.state, status.last_state) if state and state.terminated]
            if states and states[0].exit_code != 0 and not status.ready:
                why = (states[0].message or states[0].reason or "no message").strip()
                where = f"pod {pod.metadata.name}: init container {status.name}"
                yield f"{where} ended with exit code {states[0].exit_code}: {why}"
