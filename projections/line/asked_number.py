"""What a question about numbers may name: a number, or one of its accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ledger.domain.ids import number_in
from projections.engine.unanswered import UnknownThen

if TYPE_CHECKING:
    from projections.engine.snapshot import Snapshot  # slow to import


class AskedNumber(NamedTuple):
    """A number, and the account of it that is named, if one is."""

    msisdn: str
    account: str | None

    @property
    def named(self) -> str:
        """As it was named."""
        return self.account or self.msisdn


def asked_number(text: str) -> AskedNumber:
    """What a text names. Raises UnknownThen."""
    number = number_in(text)
    if number is None:
        raise UnknownThen(f"{text}: neither a number nor an account")
    return AskedNumber(number, None if text == number else text)


def accounts(then: Snapshot, asked: AskedNumber) -> list[str]:
    """The number's accounts that were known, or the one that is named. Raises UnknownThen where there is none."""
    found = [one for one in then.accounts_of(asked.msisdn) if asked.account in (None, one)]
    if not found:
        raise then.unknown(asked.named)
    return found
