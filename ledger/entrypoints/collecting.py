"""How seldom Python looks for cycles in a process of the ledger's: set here alone, and for all of it."""

from __future__ import annotations

import atexit
import gc
import sys

_OBJECTS_BETWEEN_COLLECTIONS = 500_000


def collect_rarely() -> None:
    """Has Python look for cycles once 500,000 objects more are alive, not 700, and not at its end.

    Nothing that the ledger makes is cyclic, so that it would find none, and it walks whatever is kept: modules while
    they are imported, subjects while they are decided on, all of it once more when the process ends.
    """
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    atexit.register(_leave_be)


def _leave_be() -> None:
    """Nothing that is alive is walked, but where DuckDB is: it would say that what is not collected has leaked."""
    if "duckdb" not in sys.modules:
        gc.freeze()
