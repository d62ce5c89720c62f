"""PID 1 of a unit: one recorded process whose end takes every process, mount and interface of the unit with it.

Runs as ``python -I -S unit.py SPEC.json``, standard library only, as it must start on any Python and cost little.
A unit is a PID and a mount namespace, and for a node also a network and a host-name namespace. The launcher joins the
unit's cgroup, makes the namespaces, forks PID 1, writes ``record.json`` and goes; PID 1 mounts what the specification
lists, starts the components, restarts whatever ends, and collects orphans.

Signals to PID 1: HUP reads the specification again and restarts only components that changed; TERM ends the unit.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWPID, CLONE_NEWNET = 0x20000, 0x4000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE, MS_SHARED = 4096, 16384, 1 << 18, 1 << 20
LOG_LIMIT_BYTES = 32 * 1024**2
SLOWEST_RESTART_SECONDS = 8.0
STEADY_SECONDS = 30.0
INTERFACE_PATIENCE_SECONDS = 30.0

Spec = dict[str, Any]
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """Call mount(2)."""
    result = _libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode() or None)
    _check(result, f"mount {source} on {target}")


def boot_id() -> str:
    """Return an id that every start of the machine changes."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_time(pid: int) -> int:
    """Return when the process started, in clock ticks since boot: with the PID, its identity."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def write_json(path: str, value: object) -> None:
    """Write as a whole or not at all."""
    new = Path(f"{path}.new")
    new.write_text(json.dumps(value, indent=1))
    new.replace(path)


# --- the launcher -------------------------------------------------------------------------------------------------


def launch(spec_path: str) -> int:
    """Make the namespaces and PID 1, record it, and go. Returns the exit code for the caller."""
    spec: Spec = json.loads(Path(spec_path).read_text())
    for folder in spec["cgroups"]:
        Path(folder, "cgroup.procs").write_text("0")
    flags = CLONE_NEWNS | CLONE_NEWPID
    if spec["own_network"]:
        flags |= CLONE_NEWNET | CLONE_NEWUTS
    _check(_libc.unshare(flags), "unshare")
    waiting, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(go)
        # Without a record this process could not be found again, so it ends when the launcher was killed before.
        recorded = os.read(waiting, 1)
        os.close(waiting)
        if not recorded:
            os._exit(1)
        Unit(spec_path, spec).run()
        os._exit(0)
    os.close(waiting)
    write_json(spec["record"], {"pid": child, "start_time": start_time(child), "boot_id": boot_id()})
    os.write(go, b"!")
    return 0


# --- mounts -------------------------------------------------------------------------------------------------------


def make_mounts(spec: Spec) -> None:
    """Give the unit its own view of the machine's files.

    ``binds`` mounts folders of the unit over folders of the machine, ``keep`` are paths that must stay what they are
    even below a hidden folder, and ``read_only`` guards everything else on the root file system.
    """
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    kept = {path: os.open(path, os.O_PATH) for path in spec["keep"] if Path(path).exists()}
    hidden = [target for _, target in spec["binds"]] + spec["tmpfs"]
    for source, target in spec["binds"]:
        mount(source, target, "", MS_BIND)
    for target in spec["tmpfs"]:
        mount("wso2ei-unit", target, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    for path, handle in kept.items():
        if any(path == top or path.startswith(f"{top}/") for top in hidden):
            Path(path).mkdir(parents=True, exist_ok=True)
        mount(f"/proc/self/fd/{handle}", path, "", MS_BIND | MS_REC)
        os.close(handle)
    for path, text in spec["files"].items():
        _cover_file(path, text, spec["folder"])
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    if spec["read_only"]:
        mount("none", "/", "", MS_REMOUNT | MS_BIND | MS_RDONLY)
    # Kubernetes wants mounts made inside (volumes, sandboxes) to reach the pods; nothing reaches the machine.
    mount("none", "/", "", MS_REC | MS_SHARED)


def _cover_file(path: str, text: str, folder: str) -> None:
    """Show ``text`` at ``path``, whose link may lead into a folder that was just hidden (systemd's resolv.conf)."""
    source = Path(folder, Path(path).name)
    source.write_text(text)
    real = Path(path).resolve()
    if not real.exists():
        real.parent.mkdir(parents=True, exist_ok=True)
        real.touch()
    mount(str(source), str(real), "", MS_BIND)


# --- components ---------------------------------------------------------------------------------------------------


def ready(requirement: str) -> bool:
    """Return whether ``tcp:ADDRESS:PORT`` accepts a connection, or ``path:PATH`` exists."""
    kind, _, rest = requirement.partition(":")
    if kind == "path":
        return Path(rest).exists()
    address, _, port = rest.rpartition(":")
    try:
        with socket.create_connection((address, int(port)), timeout=0.3):
            return True
    except OSError:
        return False


@dataclass
class Component:
    """One program of the unit and what became of it."""

    name: str
    spec: Spec
    pid: int = 0
    identity: int = 0
    started: float = 0.0
    since: float = 0.0
    next_start: float = 0.0
    pause: float = 0.5
    last_exit: str = ""

    def start(self) -> None:
        log = self.spec["log"]
        write = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self.pid = os.posix_spawnp(
            self.spec["argv"][0],
            self.spec["argv"],
            {**os.environ, **self.spec["env"]},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, log, write, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=[signal.SIGPIPE, signal.SIGHUP, signal.SIGTERM],
        )
        self.started, self.since, self.identity = time.monotonic(), time.time(), start_time(self.pid)

    def ended(self, status: int) -> None:
        code = os.waitstatus_to_exitcode(status)
        self.last_exit = f"signal {-code}" if code < 0 else f"exit code {code}"
        if time.monotonic() - self.started > STEADY_SECONDS:
            self.pause = 0.5
        self.next_start = time.monotonic() + self.pause
        self.pause = min(self.pause * 2, SLOWEST_RESTART_SECONDS)
        self.pid = 0


class Unit:
    """The loop of PID 1."""

    def __init__(self, spec_path: str, spec: Spec) -> None:
        self.spec_path = spec_path
        self.spec = spec
        self.components: dict[str, Component] = {}
        self.leaving: dict[int, float] = {}
        self.shown: object = None

    def run(self) -> None:
        self._detach()
        try:
            make_mounts(self.spec)
            # Only now: a file that is open for writing would keep the root file system from becoming read-only. Until
            # here errors go to the caller of the launcher.
            self._open_log()
            if self.spec["own_network"]:
                socket.sethostname(self.spec["name"])
                self._wait_for_interface()
            self._set_up()
        except OSError as error:
            self._say(f"cannot set up: {error}")
            os._exit(2)
        self._take_spec(self.spec)
        watched = {signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGINT}
        while True:
            received = signal.sigtimedwait(watched, self._tick())
            if received is not None and received.si_signo in (signal.SIGTERM, signal.SIGINT):
                self._say("stop signal received")
                os._exit(0)
            if received is not None and received.si_signo == signal.SIGHUP:
                self._reload()
            self._reap()

    def _detach(self) -> None:
        os.setsid()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGINT})
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        os.umask(0o022)

    def _open_log(self) -> None:
        os.chdir(self.spec["folder"])
        null = os.open("/dev/null", os.O_RDWR)
        log = os.open(self.spec["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(null, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.closerange(3, 1024)

    def _wait_for_interface(self) -> None:
        end = time.monotonic() + INTERFACE_PATIENCE_SECONDS
        while "eth0" not in [name for _, name in socket.if_nameindex()]:
            if time.monotonic() > end:
                raise OSError(f"eth0 did not come within {INTERFACE_PATIENCE_SECONDS:.0f} s")
            time.sleep(0.02)

    def _set_up(self) -> None:
        """Run the set-up commands (addresses, routes); each may be run again."""
        for path, value in self.spec["sysctls"].items():
            if Path(path).exists():
                Path(path).write_text(value)
        for command in self.spec["setup"]:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                self._say(f"{' '.join(command)}: {done.stderr.strip()}")

    def _take_spec(self, spec: Spec) -> None:
        self.spec = spec
        for name in [name for name in self.components if name not in spec["components"]]:
            self._end(self.components.pop(name), "no longer wanted")
        for name, component in spec["components"].items():
            known = self.components.get(name)
            if known is None:
                self.components[name] = Component(name, component)
            elif known.spec != component:
                known.spec, known.pause = component, 0.5
                self._end(known, "has a new specification")

    def _end(self, component: Component, why: str) -> None:
        if component.pid:
            self._say(f"{component.name}: {why}")
            os.kill(component.pid, signal.SIGTERM)
            self.leaving[component.pid] = time.monotonic() + 10

    def _reload(self) -> None:
        try:
            spec = json.loads(Path(self.spec_path).read_text())
        except (OSError, ValueError) as error:
            self._say(f"specification not read: {error}")
            return
        self._take_spec(spec)
        self._set_up()

    def _tick(self) -> float:
        """Start what is due; returns how long to sleep."""
        now = time.monotonic()
        sleep = 5.0
        for pid, end in self.leaving.items():
            sleep = min(sleep, max(end - now, 0.1))
            if now > end:
                self._try(partial(os.kill, pid, signal.SIGKILL))
        for component in self.components.values():
            if component.pid:
                self._limit_log(component.spec["log"])
                continue
            if now < component.next_start:
                sleep = min(sleep, component.next_start - now)
            elif not all(ready(requirement) for requirement in component.spec["requires"]):
                sleep = min(sleep, 0.1)
            else:
                self._start(component)
        self._show()
        return sleep

    def _start(self, component: Component) -> None:
        try:
            component.start()
        except OSError as error:
            component.last_exit = f"cannot start: {error}"
            component.next_start = time.monotonic() + SLOWEST_RESTART_SECONDS
            self._say(f"{component.name}: {component.last_exit}")

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self.leaving.pop(pid, None)
            for component in self.components.values():
                if component.pid == pid:
                    component.ended(status)
                    self._say(f"{component.name}: {component.last_exit}, starts again")

    def _show(self) -> None:
        """Write ``state.json`` when something changed, for `status` and for messages about failures."""
        state = {
            component.name: {
                "running": bool(component.pid),
                "start_time": component.identity,
                "since": component.since,
                "last_exit": component.last_exit,
            }
            for component in self.components.values()
        }
        if state != self.shown:
            self.shown = state
            self._try(lambda: write_json(self.spec["state"], state))

    def _limit_log(self, path: str) -> None:
        """Cut a log at its limit and keep one copy; components append, so that this frees the space at once."""

        def cut() -> None:
            if Path(path).stat().st_size > LOG_LIMIT_BYTES:
                shutil.copyfile(path, f"{path}.1")
                os.truncate(path, 0)

        self._try(cut)

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except OSError as error:
            self._say(str(error))

    def _say(self, text: str) -> None:
        os.write(2, f"{time.strftime('%H:%M:%S')} {text}\n".encode())


if __name__ == "__main__":
    sys.exit(launch(sys.argv[1]))
