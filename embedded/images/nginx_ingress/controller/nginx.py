"""Run the NGINX process: first start, tested reloads, graceful end."""

from __future__ import annotations

import subprocess
import time
import urllib.request
from pathlib import Path

from kube import log
from render import VERSION

BINARY = "/usr/sbin/nginx"
CONF = Path("/etc/nginx/nginx.conf")
SECRETS = Path("/etc/nginx/secrets")


class Nginx:
    """Owns the process and its files."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._current = ""
        self._version = 0

    def version(self) -> str:
        """Return the output of ``nginx -v``; the controller exits when the binary cannot be run."""
        try:
            answer = subprocess.run([BINARY, "-v"], check=True, capture_output=True, text=True)
        except PermissionError as error:
            # The binary carries a file capability that is missing from the container's bounding set.
            raise SystemExit(f"failed to get nginx version: fork/exec {BINARY}: operation not permitted") from error
        return answer.stderr.strip()

    def write_secret(self, name: str, pem: bytes) -> bool:
        """Write a certificate and key; true when the file changed."""
        file = SECRETS / name
        SECRETS.mkdir(exist_ok=True)
        if file.exists() and file.read_bytes() == pem:
            return False
        file.touch(mode=0o600)
        file.write_bytes(pem)
        return True

    def apply(self, text: str, forced: bool, status_port: int) -> str:
        """Start or reload with this configuration. Returns the reason when NGINX rejects it; the old one then stays.

        :param forced: reload without a change, too.
        """
        if text == self._current and not forced and self.process:
            return ""
        self._version += 1
        tried = CONF.with_suffix(".try")
        tried.write_text(text.replace(VERSION, str(self._version)))
        test = subprocess.run([BINARY, "-t", "-q", "-c", str(tried)], check=False, capture_output=True, text=True)
        if test.returncode != 0:
            log("E", f"nginx rejects the configuration: {test.stderr.strip()}")
            return test.stderr.strip()[-300:]
        tried.replace(CONF)
        self._current = text
        if self.process is None:
            # A container that is started again finds the sockets of its killed predecessor; the real controller
            # removes them too (cmd/nginx-ingress, cleanupSocketFiles).
            for stale in Path("/var/lib/nginx").glob("*.sock"):
                stale.unlink()
            self.process = subprocess.Popen([BINARY, "-c", str(CONF)])
            log("I", f"nginx started with pid {self.process.pid}")
        else:
            subprocess.run([BINARY, "-s", "reload"], check=False)
            self._wait(status_port)
            log("I", f"nginx reloaded, configuration {self._version}")
        return ""

    def _wait(self, status_port: int) -> None:
        """Wait until workers answer with the new configuration, as the real one does (nginx/verify.go)."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{status_port}/configVersion", timeout=1) as answer:
                    if answer.read().decode() == str(self._version):
                        return
            except OSError:
                pass
            time.sleep(0.025)
        log("E", f"configuration {self._version} is not loaded after 60 s")

    def quit(self) -> int:
        """Complete the active requests, then end."""
        if self.process is None:
            return 0
        subprocess.run([BINARY, "-s", "quit"], check=False)
        return self.process.wait()
