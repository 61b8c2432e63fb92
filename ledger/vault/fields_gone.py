"""Fields of a person that are kept no more, while others are: which values these are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_

from ledger.vault.tables import VALUES


class FieldsGone(NamedTuple):
    """Fields of a customer that are kept no more, as they were written for these commands, before a version of his."""

    customer: str
    fields: Sequence[str]
    commands: Sequence[str]
    version: int


def are_of(gone: FieldsGone) -> ColumnElement[bool]:
    """What the rows of these values have in common."""
    return and_(
        VALUES.c.customer == gone.customer,
        VALUES.c.field.in_(gone.fields),
        VALUES.c.command_id.in_(gone.commands),
    )
