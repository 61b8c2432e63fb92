"""What is told while a question waits for the projections to be kept up."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from ledger.errors import LedgerError
from ledger.progress import Progress


class Meanwhile(NamedTuple):
    """`made_anew` is told why the projections are thrown away and made anew; `counting` gives who is told progress."""

    made_anew: Callable[[LedgerError], None]
    counting: Callable[[], AbstractContextManager[Progress | None]]


SILENT = Meanwhile(lambda _: None, nullcontext)
