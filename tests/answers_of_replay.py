"""What `pulsa log replay --json` prints."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from ledger.domain.calendar import Instant
from ledger.domain.money import Sen


class PlaceOfEvent(TypedDict):
    """An event that differs, or stands in one of two logs only."""

    position: str
    account: str
    version: int


class EntryTold(TypedDict):
    """A command by its journal entry."""

    entry: str
    subject: str
    command_id: str


class AnsweredOtherwise(TypedDict):
    """Commands that were answered one way and would be another, by `accepted` or the refusal's code."""

    was: str
    would_be: str
    commands: int
    first: EntryTold


class CountsTold(TypedDict):
    """How many there were, and would be."""

    was: int
    would_be: int


class EndTold(TypedDict):
    """An account at the end."""

    credit: Sen
    state: str
    active_until: Instant | None


class AccountDiffers(TypedDict):
    """An account that would end otherwise; null on the side where it is not."""

    account: str
    customer: str | None
    was: EndTold | None
    would_be: EndTold | None
    credit_difference: Sen


class TotalDiffers(TypedDict):
    """The sum of a ledger account."""

    account: str
    unit: str
    was: Sen
    would_be: Sen
    difference: Sen


class EffectTold(TypedDict):
    """A customer's credit over all accounts that would end otherwise."""

    customer: str
    accounts: list[str]
    was: Sen
    would_be: Sen
    difference: Sen


class SideTold(TypedDict):
    """Everybody who would gain, or lose, and those for whom it is most."""

    customers: int
    was: Sen
    would_be: Sen
    difference: Sen
    most: list[EffectTold]


class EffectsTold(TypedDict):
    """Who would have more, and who less."""

    gain: SideTold
    lose: SideTold


class Replayed(TypedDict):
    """What deciding the journaled commands again would change; `effect`: under other terms."""

    commands: int
    until: Instant
    numbers: int
    numbers_with_other_events: list[str]
    empty: bool
    first_events: list[PlaceOfEvent]
    answered: list[AnsweredOtherwise]
    refused: dict[str, CountsTold]
    accounts: list[AccountDiffers]
    totals: list[TotalDiffers]
    effect: NotRequired[EffectsTold]
