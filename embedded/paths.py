"""Where the kit keeps things. Nothing is ever written into the checkout.

The cache survives ``make clean`` and is shared by every checkout; the state is one life (cluster,
Pulumi backend, plugins, passphrase) and goes away as a whole.
"""

from __future__ import annotations

import os
from pathlib import Path

NAME = "wso2ei-embedded"


def cache_dir() -> Path:
    """Return the folder of builds, keyed by their inputs. Default ``~/.cache/wso2ei-embedded`` (XDG)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / NAME


def state_dir() -> Path:
    """Return the folder of one embedded environment, which is removed with it.

    ``WSO2EI_EMBEDDED_STATE`` moves it (the end-to-end tests do); the default is
    ``~/.local/state/wso2ei-embedded`` (XDG).
    """
    explicit = os.environ.get("WSO2EI_EMBEDDED_STATE")
    if explicit:
        return Path(explicit)
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / NAME
