"""How often chance is tried: `make test` looks a little at everything, `make soak` looks long."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import settings

TIMES = int(os.environ.get("PULSA_TEST_TIMES", "1"))
"""Everything that is left to chance is tried so many times as often."""


def often(examples: int, **others: Any) -> settings:
    """So many examples of a property, or a multiple of them."""
    return settings(max_examples=examples * TIMES, deadline=None, **others)
