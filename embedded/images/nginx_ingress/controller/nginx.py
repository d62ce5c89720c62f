"""Run the NGINX process: first start, tested reloads, graceful end."""

from __future__ import annotations

import subprocess
from pathlib import Path

from kube import log

BINARY = "/usr/sbin/nginx"
CONF = Path("/etc/nginx/nginx.conf")
SECRETS = Path("/etc/nginx/secrets")


class Nginx:
    """Owns the process and its files."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._current = ""

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

    def apply(self, text: str, secrets_changed: bool) -> str:
        """Start or reload with this configuration. Returns the reason when NGINX rejects it; the old one then stays."""
        if text == self._current and not secrets_changed and self.process:
            return ""
        tried = CONF.with_suffix(".try")
        tried.write_text(text)
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
            log("I", "nginx reloaded")
        return ""

    def quit(self) -> int:
        """Complete the active requests, then end."""
        if self.process is None:
            return 0
        subprocess.run([BINARY, "-s", "quit"], check=False)
        return self.process.wait()
