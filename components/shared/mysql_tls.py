"""TLS modes of a connection to MySQL."""

from __future__ import annotations

from typing import Literal

Tls = Literal["disabled", "preferred", "required", "verifyCa"]
"""How far a connection to MySQL is protected; ``preferred`` and ``required`` verify no certificate."""
