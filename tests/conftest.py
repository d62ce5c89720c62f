"""What holds for all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Machines are noisy: how long an example takes says nothing about the code, so no test fails for it.
settings.register_profile("noisy-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("noisy-machine")
