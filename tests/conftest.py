"""What holds for all tests."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

# Machines are noisy: how long an example takes says nothing about the code, so no test fails for it.
settings.register_profile("noisy-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("noisy-machine")

# As `embedded.__main__`: in the background each command of Pulumi would take 5 seconds more.
signal.signal(signal.SIGINT, signal.default_int_handler)
