"""What the ledger refuses of statements of others: each an answer, with a code of the language, as in `refusals.py`."""

from __future__ import annotations

from ledger.domain.refusals import Refusal


class UnknownStatement(Refusal):
    """No such statement came in."""

    code = "unknown-statement"


class StatementConflict(Refusal):
    """What is said of the statement does not agree with what is there of it."""

    code = "statement-conflict"


class StatementOpen(Refusal):
    """The statement has not ended yet."""

    code = "statement-open"


class NotFinal(Refusal):
    """The instant is one that something may still be recorded at."""

    code = "not-final"
