"""What a question about numbers may name: a number, or one of its accounts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from projections.engine.unanswered import UnknownThen

if TYPE_CHECKING:
    from projections.engine.snapshot import Snapshot  # slow to import

_SUBJECT = re.compile(r"([0-9]{7,15})(?:#([1-9][0-9]{0,8}))?", re.ASCII)


class AskedNumber(NamedTuple):
    """A number, and the account of it that is named, if one is."""

    msisdn: str
    account: str | None

    @property
    def named(self) -> str:
        """As it was named."""
        return self.account or self.msisdn


def names_number(text: str) -> bool:
    """Whether it names a number, or an account."""
    return _SUBJECT.fullmatch(text) is not None


def asked_number(text: str) -> AskedNumber:
    """What a text names. Raises UnknownThen."""
    found = _SUBJECT.fullmatch(text)
    if found is None:
        raise UnknownThen(f"{text}: neither a number nor an account")
    return AskedNumber(found[1], None if found[2] is None else text)


def accounts(then: Snapshot, asked: AskedNumber) -> list[str]:
    """The number's accounts that were known, or the one that is named. Raises UnknownThen where there is none."""
    found = [one for one in then.accounts_of(asked.msisdn) if asked.account in (None, one)]
    if not found:
        raise then.unknown(asked.named)
    return found
