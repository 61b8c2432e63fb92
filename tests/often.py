"""What is left to chance: from which seed, and how often.

`make test` looks a little at everything, `make soak` looks long. A run draws its seed and prints it;
`PULSA_TEST_SEED` states it, and the same tests then try the same again.
"""

from __future__ import annotations

import os
import secrets
from typing import Any

from hypothesis import HealthCheck, settings

SEED = int(os.environ.setdefault("PULSA_TEST_SEED", str(secrets.randbelow(10**9))))
"""What all chance of a run is taken from, in every process of it."""
TIMES = int(os.environ.get("PULSA_TEST_TIMES", "1"))
"""Everything that is left to chance is tried so many times as often."""
KILLS = 8 * TIMES
"""How often a test kills what it looks at, at moments that it takes from chance."""

# Nothing may depend on how busy the machine is; and the seed is the run's own, on a server for tests too.
settings.register_profile(
    "run",
    max_examples=100 * TIMES,
    deadline=None,
    derandomize=False,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("run")


def often(examples: int, *, soaked: int = 0, **others: Any) -> settings:
    """So many examples of a property, or a multiple of them: at least `soaked`, where it is tried for long."""
    return settings(max_examples=max(examples * TIMES, soaked if TIMES > 1 else 0), **others)


def repeated_by() -> str:
    """What has to be set so that a run takes the same from chance."""
    return f"PULSA_TEST_SEED={SEED} PULSA_TEST_TIMES={TIMES}"
