"""How the fields of commands about statements are read that are lists: lines, findings, and sums by outcome.

From JSON, or from text that holds it; and how what came in Avro is held against the same bounds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ledger.domain.bounds import LONGEST_ID
from ledger.domain.calendar import DAY, day_number, format_instant, parse_day, parse_instant
from ledger.domain.free_text import must_tell_of_nobody, tells_of_somebody
from ledger.domain.money import LARGEST_AMOUNT, LARGEST_BALANCE, parse_amount
from ledger.domain.statement.stated import MOST_LINES_AT_ONCE, MOST_OUTCOMES

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LARGEST_NUMBER = 10**10
_LARGEST_QUANTITY = 10**15


class _Part(NamedTuple):
    """A field of an element: from JSON, and whether a value is within bounds; `optional`: it may be null."""

    read: Callable[[Any], Any]
    fits: Callable[[Any], bool]
    optional: bool = False


def _id(value: Any) -> str:  # noqa: ANN401 - any JSON
    if not _is_word(value):
        raise ValueError(f"not a string of printable characters that takes 1 to {LONGEST_ID} bytes of UTF-8")
    must_tell_of_nobody(value)
    return str(value)


def _is_id(value: Any) -> bool:  # noqa: ANN401 - any JSON
    return _is_word(value) and not tells_of_somebody(value)


def _is_word(value: Any) -> bool:  # noqa: ANN401 - any JSON
    return type(value) is str and value.isprintable() and 0 < len(value.encode()) <= LONGEST_ID


def _number(value: Any) -> int:  # noqa: ANN401 - any JSON
    if type(value) is not int or not _is_number(value):
        raise ValueError(f"not a whole number from 0 to {_LARGEST_NUMBER}")
    return value


def _is_number(value: int) -> bool:
    return 0 <= value <= _LARGEST_NUMBER


def _quantity(value: Any) -> int:  # noqa: ANN401 - any JSON
    if type(value) is not int or not _is_quantity(value):
        raise ValueError(f"not a whole number from 0 to {_LARGEST_QUANTITY}")
    return value


def _is_quantity(value: int) -> bool:
    return 0 <= value <= _LARGEST_QUANTITY


def read_balance(value: Any) -> int:  # noqa: ANN401 - any JSON
    """Sen with a sign, also none."""
    if type(value) is not str:
        raise ValueError('money is written as a string such as "5000" or "-5.05"')
    return parse_amount(value)


def is_balance(value: int) -> bool:
    """Whether it is within what a balance may be."""
    return -LARGEST_BALANCE <= value <= LARGEST_BALANCE


def _is_amount(value: int) -> bool:
    return -LARGEST_AMOUNT <= value <= LARGEST_AMOUNT


def _day(value: Any) -> int:  # noqa: ANN401 - any JSON
    if type(value) is not str:
        raise ValueError("not a day such as 2023-07-03")
    return day_number(parse_day(value))


def _instant(value: Any) -> int:  # noqa: ANN401 - any JSON
    if type(value) is not str:
        raise ValueError("not an instant")
    return parse_instant(value)


def _is_instant(value: int) -> bool:
    try:
        parse_instant(format_instant(value))
    except (ValueError, OverflowError):
        return False
    return True


def _digest(value: Any) -> str:  # noqa: ANN401 - any JSON
    if not _is_digest(value):
        raise ValueError("not 64 hexadecimal digits")
    return str(value)


def _is_digest(value: Any) -> bool:  # noqa: ANN401 - any JSON
    return type(value) is str and _DIGEST.fullmatch(value) is not None


_LINE: Mapping[str, _Part] = {
    "line": _Part(_number, _is_number),
    "account": _Part(_id, _is_id, optional=True),
    "reference": _Part(_id, _is_id, optional=True),
    "kind": _Part(_id, _is_id, optional=True),
    "group": _Part(_id, _is_id, optional=True),
    "amount": _Part(read_balance, _is_amount),
    "unit": _Part(_id, _is_id),
    "on": _Part(_day, lambda day: _is_instant(day * DAY), optional=True),
    "at": _Part(_instant, _is_instant, optional=True),
    "balance": _Part(read_balance, is_balance, optional=True),
    "quantity": _Part(_quantity, _is_quantity, optional=True),
    "raw": _Part(_digest, _is_digest),
}
_FINDING: Mapping[str, _Part] = {
    "line": _Part(_number, _is_number),
    "code": _Part(_id, _is_id),
    "expected": _Part(read_balance, is_balance, optional=True),
    "found": _Part(read_balance, is_balance, optional=True),
}
_SUM: Mapping[str, _Part] = {
    "outcome": _Part(_id, _is_id),
    "items": _Part(_number, _is_number),
    "amount": _Part(read_balance, is_balance),
}
_LISTS = {
    "statement-lines": (_LINE, MOST_LINES_AT_ONCE),
    "statement-findings": (_FINDING, MOST_LINES_AT_ONCE),
    "outcome-sums": (_SUM, MOST_OUTCOMES),
}
LISTS = tuple(_LISTS)
"""The forms of such fields."""


def from_json(form: str) -> Callable[[Any], list[dict[str, Any]]]:
    """The reader of a form, from JSON."""
    parts, most = _LISTS[form]

    def read(value: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any JSON
        if type(value) is not list or len(value) > most:
            raise ValueError(f"not a list of {most} at most")
        return [_element(parts, one) for one in value]

    return read


def from_text(form: str) -> Callable[[str], list[dict[str, Any]]]:
    """The reader of a form, from text that holds its JSON."""
    read = from_json(form)

    def read_text(value: str) -> list[dict[str, Any]]:
        try:
            given = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError("not JSON") from error
        return read(given)

    return read_text


def fits(form: str) -> Callable[[Any], None]:
    """What holds a value of a form, as Avro has it, against its bounds. It raises ValueError."""
    parts, most = _LISTS[form]

    def test(value: Any) -> None:  # noqa: ANN401 - as Avro has it
        if len(value) > most:
            raise ValueError(f"not a list of {most} at most")
        for element in value:
            for name, part in parts.items():
                if not (element[name] is None and part.optional) and not part.fits(element[name]):
                    raise ValueError(f"{name} is not what it may be")

    return test


def _element(parts: Mapping[str, _Part], given: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    if type(given) is not dict or not given.keys() <= parts.keys():
        raise ValueError(f"one of them has {', '.join(parts)}, and nothing else")
    read: dict[str, Any] = {}
    for name, part in parts.items():
        value = given.get(name)
        if value is None and not part.optional:
            raise ValueError(f"{name} is missing in one of them")
        read[name] = None if value is None else part.read(value)
    return read
