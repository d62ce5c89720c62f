"""TLS modes of a connection to MySQL."""

from __future__ import annotations

from typing import Literal

Tls = Literal["disabled", "preferred", "required", "verifyCa"]
"""TLS mode of a connection to MySQL; ``preferred`` and ``required`` do not verify the certificate."""
