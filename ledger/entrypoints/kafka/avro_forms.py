"""The form of commands that come in Avro: their types are right, their values need not be."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from ledger.domain.bounds import LONGEST_OWN_ID
from ledger.domain.calendar import DAY, format_instant, parse_instant
from ledger.domain.commands import Command
from ledger.domain.ids import NUMBER, is_partition
from ledger.domain.kinds import COMMANDS, forms_of, kind_for, misfits
from ledger.domain.line.commands import LineCommand
from ledger.domain.money import LARGEST_AMOUNT, LARGEST_BALANCE
from ledger.domain.partition.commands import AdvanceDue, CloseThrough
from ledger.domain.refusals import Invalid
from ledger.entrypoints import statement_fields
from ledger.entrypoints.fields import (
    IDS_OF_COMMANDS,
    LARGEST_COUNT,
    MOST_LINES,
    is_card,
    read_any_id,
    read_any_text,
    read_customer,
    read_customer_id,
    read_decimal,
    read_digest,
    read_id,
    read_ids,
    read_text,
)
from ledger.store.schemas import load

_Check = Callable[[Any], object]
"""Raises ValueError where a value is not well formed."""


def check(command: Command) -> None:
    """Raises Invalid with the path of the field that is not well formed."""
    for name, is_nullable, test in _checks(command.name):
        value = getattr(command, name)
        if value is None and is_nullable:
            continue
        try:
            test(value)
        except (ValueError, OverflowError) as error:
            raise Invalid(f"{name}: {error}") from None
    if command.INTERNAL:
        for name in misfits(command):
            raise Invalid(f"{name}: is not what follows from the rest of the command")


def check_subject(command: Command) -> None:
    """Raises Invalid where no command of this kind has such a subject."""
    if isinstance(command, CloseThrough | AdvanceDue):
        if not is_partition(command.msisdn):
            raise Invalid("msisdn: not a partition, such as log@0")
    elif isinstance(command, LineCommand):
        try:
            _msisdn(command.msisdn)
        except ValueError as error:
            raise Invalid(f"msisdn: {error}") from None
    elif kind_for(command).subjects.fullmatch(command.subject) is None:
        raise Invalid(f"{command.subject!r} is no {kind_for(command).name}")


@cache
def _checks(command: str) -> list[tuple[str, bool, _Check]]:
    checks: list[tuple[str, bool, _Check]] = []
    own = forms_of(command)
    for field in json.loads(load("commands")[f"ledger.command.{command}"].text)["fields"]:
        name = field["name"]
        form = field.get("form")
        if COMMANDS[command].INTERNAL:
            form = "own-id" if name == "command_id" else own.get(name, form)
            test = _OF_OWN.get(form or "") or _test(form, field)
        elif name in IDS_OF_COMMANDS:
            test = IDS_OF_COMMANDS[name]
        else:
            test = _test(form, field)
        if test is not None and name != "at":
            checks.append((name, isinstance(field["type"], list), test))
    return checks


def _test(form: str | None, field: dict[str, Any]) -> _Check | None:
    """What holds a field against its form; None where its type alone does. Raises KeyError: nobody knows the form."""
    if form is None or form in _TYPED:
        return None
    return _choice(field["choices"]) if form == "choice" else _FORMS[form]


def _choice(choices: list[str]) -> _Check:
    def test(value: Any) -> None:  # noqa: ANN401
        if value not in choices:
            raise ValueError(f"not one of {', '.join(choices)}")

    return test


def _msisdn(value: str) -> None:
    if not NUMBER.fullmatch(value):
        raise ValueError("not a number of 7 to 15 digits with country code, and no token")


def _between(low: int, high: int) -> _Check:
    def test(value: int) -> None:
        if not low <= value <= high:
            raise ValueError(f"not from {low} to {high}")

    return test


def _own_id(value: str) -> None:
    if not value or len(value.encode()) > LONGEST_OWN_ID or not value.isprintable():
        raise ValueError(f"not 1 to {LONGEST_OWN_ID} bytes of printable characters")


def _card(value: str) -> None:
    if not is_card(value):
        raise ValueError(
            "not 64 hexadecimal digits: a card is named by HMAC-SHA256 of its ICCID, under a key"
        )


def _signed(value: int) -> None:
    if value == 0:
        raise ValueError("zero changes nothing")
    _between(-LARGEST_AMOUNT, LARGEST_AMOUNT)(value)


def _lines(value: Any) -> None:  # noqa: ANN401
    if not 0 < len(value) <= MOST_LINES:
        raise ValueError(f"not 1 to {MOST_LINES} lines")
    for line in value:
        read_id(line["kind"])
        _between(1, LARGEST_AMOUNT)(line["amount"])
        read_text(line["text"])


_SURELY = parse_instant("2100-01-01T00:00:00Z")


def _instant(value: int) -> None:
    if not 0 <= value <= _SURELY:
        parse_instant(format_instant(value))


def check_instant(name: str, value: int) -> None:
    """Raises Invalid where an instant is beyond the times that the ledger keeps."""
    try:
        _instant(value)
    except (ValueError, OverflowError):
        raise Invalid(f"{name}: beyond the times that the ledger keeps") from None


_FORMS: dict[str, _Check] = {
    "msisdn": _msisdn,
    "id": read_id,
    "own-id": _own_id,
    "customer": read_customer,
    "customer-id": read_customer_id,
    "card": _card,
    "text": read_text,
    "amount": _between(1, LARGEST_AMOUNT),
    "amount-or-zero": _between(0, LARGEST_AMOUNT),
    "signed-amount": _signed,
    "instant": _instant,
    "day": lambda value: _instant(value * DAY),
    "count": _between(1, LARGEST_COUNT),
    "fee": _between(0, LARGEST_AMOUNT),
    "count-or-zero": _between(0, LARGEST_COUNT),
    "decimal": read_decimal,
    "digest": read_digest,
    "ids": read_ids,
    "lines": _lines,
    "balance": _between(-LARGEST_BALANCE, LARGEST_BALANCE),
    **{form: statement_fields.fits(form) for form in statement_fields.LISTS},
}
_TYPED = frozenset({"flag"})
"""Forms that a value of the field's type has."""
_OF_OWN: dict[str, _Check] = {"id": read_any_id, "text": read_any_text}
"""What the ledger itself tells of: what an event of before holds it says again, whatever that is."""
