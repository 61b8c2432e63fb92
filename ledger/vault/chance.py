"""Where random bytes come from: handed in, as time and ids are."""

from __future__ import annotations

from collections.abc import Callable

Chance = Callable[[int], bytes]
"""So many random bytes, fit for keys: `secrets.token_bytes`."""
