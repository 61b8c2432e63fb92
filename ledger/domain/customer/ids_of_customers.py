"""The ids that customers are given who are registered as persons: they mean nothing, and are made at random."""

from __future__ import annotations

import re

from ledger.domain.ids import is_plain

PREFIX = "customer/"
"""How the ids of customers as subjects begin."""
_OF_PERSONS = re.compile(r"C[A-Z0-9]{20}", re.ASCII)


def customer_named(customer: str) -> str | None:
    """The subject of a customer's id; None where it cannot be one."""
    return f"{PREFIX}{customer}" if customer and is_plain(customer) else None


def told_of(customer: object) -> tuple[str, ...]:
    """The subject of a customer's id in a command that is not known to be sound; nothing where that is no such id."""
    named = customer_named(customer) if isinstance(customer, str) and customer.isascii() else None
    return () if named is None else (named,)


def own_id(subject: str) -> str:
    """A customer's id by itself: as accounts name their holder, and the vault names a person."""
    return subject.removeprefix(PREFIX)


def is_persons(subject: str) -> bool:
    """Whether a customer's id is one that persons are given: such a customer is told of everything from the first on.

    Logs had other ids before, whose customers began with a contract.
    """
    return _OF_PERSONS.fullmatch(own_id(subject)) is not None
