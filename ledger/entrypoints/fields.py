"""How one field of a command is read, by the `form` that its schema states: from JSON values, or from text.

Text is what CSV cells and command-line options hold. Every reader returns the value as the domain knows it (sen,
microseconds, day numbers) or raises ValueError with what is wrong, for a person to read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from ledger.domain.bounds import LONGEST_ID, LONGEST_TEXT
from ledger.domain.calendar import day_number, parse_day, parse_instant
from ledger.domain.customer.ids_of_customers import PREFIX, customer_named
from ledger.domain.free_text import IDENTITY_DIGITS, must_tell_of_nobody
from ledger.domain.ids import NUMBER, POLICY_IDS
from ledger.domain.money import parse_amount
from ledger.domain.subject import DUE
from ledger.entrypoints import statement_fields

FieldRead = Callable[[Any], Any]
"""A reader of one field."""

MOST_IDS = 20
"""Ids in a list of them."""
MOST_LINES = 100
"""Lines of a note."""
LARGEST_COUNT = 10**15
"""The largest count: of seconds, messages or bytes."""
OWN_IDS = (POLICY_IDS, DUE, "repartition/")
"""How ids begin that only the ledger itself gives."""
HOME_REGION = "ID"
"""The region (ISO 3166) whose numbers may be written without their country code."""

_NO_STRING = "not a string of printable characters that takes 1 to {} bytes of UTF-8"
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,6})?", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_COUNT = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)
_NO_SEPARATORS = str.maketrans("", "", " -")


def _string(value: Any) -> str:  # noqa: ANN401 - any JSON
    if type(value) is not str:
        raise ValueError("not a string")
    return value


def read_any_id(value: Any) -> str:  # noqa: ANN401 - any JSON
    """An id or code, whatever it tells: printable, 1 to 200 bytes of UTF-8."""
    if type(value) is str and value.isprintable() and 0 < _size(value) <= LONGEST_ID:
        return value
    raise ValueError(_NO_STRING.format(LONGEST_ID))


def is_card(text: str) -> bool:
    """Whether it is what a card is called in the log: a keyed hash of its ICCID, 64 hexadecimal digits."""
    return _DIGEST.fullmatch(text) is not None


def read_card(value: Any) -> str:  # noqa: ANN401 - any JSON
    """An ICCID, without what parts its digits, or the keyed hash of one."""
    text = read_id(value)
    return text if is_card(text) else text.translate(_NO_SEPARATORS)


def read_any_text(value: Any) -> str:  # noqa: ANN401 - any JSON
    """A text, whatever it tells: printable, 1 to 2,000 bytes of UTF-8."""
    if type(value) is str and value.isprintable() and 0 < _size(value) <= LONGEST_TEXT:
        return value
    raise ValueError(_NO_STRING.format(LONGEST_TEXT))


def read_id(value: Any) -> str:  # noqa: ANN401 - any JSON
    """An id or code that tells of nobody."""
    text = read_any_id(value)
    if "@" in text or len(text) >= IDENTITY_DIGITS or not text.isascii():
        must_tell_of_nobody(text)
    return text


def read_customer_id(value: Any) -> str:  # noqa: ANN401 - any JSON
    """The id of a customer by itself, as a number or a contract names its holder."""
    text = read_id(value)
    if customer_named(text) is None:
        own = text.removeprefix(PREFIX)
        meant = own if customer_named(own) else "the id alone"
        raise ValueError(f"a customer's id has no #, / or @ of its own: write {meant}, without {PREFIX}")
    return text


def read_customer(value: Any) -> str:  # noqa: ANN401 - any JSON
    """A customer as a subject: the prefix, and the id."""
    text = read_id(value)
    own = text.removeprefix(PREFIX)
    if own == text or customer_named(own) is None:
        meant = text if customer_named(text) else "…"
        raise ValueError(f"no customer: write {PREFIX}{meant}, and no #, / or @ behind that")
    return text


def read_text(value: Any) -> str:  # noqa: ANN401 - any JSON
    """A text that tells of nobody."""
    text = read_any_text(value)
    must_tell_of_nobody(text)
    return text


def _size(text: str) -> int:
    """Bytes of UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def read_named_command(value: Any) -> str:  # noqa: ANN401 - any JSON
    """The id of another command, as its sender has said it: it may well be a long number."""
    text = read_any_id(value)
    if "@" in text or not text.isascii():
        must_tell_of_nobody(text)
    return text


def read_command_id(value: Any) -> str:  # noqa: ANN401 - any JSON
    """A command's id, which must not be one of the ledger's own; it may well be a long number."""
    text = read_named_command(value)
    if text.startswith(OWN_IDS):
        raise ValueError(f"ids that begin with {', '.join(OWN_IDS)} are the ledger's own")
    return text


def read_msisdn(value: Any) -> str:  # noqa: ANN401 - any JSON
    """The digits of a number with its country code, or a token; `0881…`, `+62 881…` and hyphens are taken."""
    text = _string(value)
    if text.isascii() and NUMBER.fullmatch(text):
        return text
    digits = text.translate(_NO_SEPARATORS)
    if digits.startswith("+"):
        digits = digits[1:]
    elif digits.startswith("0") and not digits.startswith("00"):
        digits = _home_code() + digits[1:]
    if not NUMBER.fullmatch(digits):
        raise ValueError("not a number of 7 to 15 digits with country code, and no token")
    return digits


@cache
def _home_code() -> str:
    from phonenumbers import country_code_for_region  # slow to import, and rarely needed

    return str(country_code_for_region(HOME_REGION))


def read_signed_amount(value: Any) -> int:  # noqa: ANN401 - any JSON
    """Sen of an adjustment: anything but zero."""
    sen = _sen(value)
    if sen == 0:
        raise ValueError("zero changes nothing")
    return sen


def read_amount_or_zero(value: Any) -> int:  # noqa: ANN401 - any JSON
    """Sen, not negative."""
    sen = _sen(value)
    if value[0] == "-":
        raise ValueError("only an adjustment may be negative")
    return sen


def read_amount(value: Any) -> int:  # noqa: ANN401 - any JSON
    """Sen, more than zero."""
    sen = read_amount_or_zero(value)
    if sen == 0:
        raise ValueError("must be more than zero")
    return sen


def _sen(value: Any) -> int:  # noqa: ANN401 - any JSON
    if type(value) is not str:
        raise ValueError('money is written as a string such as "5000" or "5.05"')
    return parse_amount(value)


def read_instant(value: Any) -> int:  # noqa: ANN401 - any JSON
    """Microseconds of an RFC 3339 instant with an offset."""
    return parse_instant(_string(value))


def read_day(value: Any) -> int:  # noqa: ANN401 - any JSON
    """The number of a day such as `2023-07-03`, within the times that the ledger keeps."""
    day = parse_day(_string(value))
    parse_instant(f"{day.isoformat()}T00:00:00Z")
    return day_number(day)


def read_count_or_zero(value: Any) -> int:  # noqa: ANN401 - any JSON
    """A count, not negative."""
    if type(value) is not int or not 0 <= value <= LARGEST_COUNT:
        raise ValueError(f"not a whole number from 0 to {LARGEST_COUNT}")
    return value


def _read_count_or_zero_text(value: str) -> int:
    return read_count_or_zero(0 if value == "0" else int(value) if _COUNT.fullmatch(value) else None)


def read_decimal(value: Any) -> str:  # noqa: ANN401 - any JSON
    """A decimal number of six places at most, kept as it is written."""
    if type(value) is str and _DECIMAL.fullmatch(value):
        return value
    raise ValueError('not a decimal number such as "12.345678", in a string')


def read_digest(value: Any) -> str:  # noqa: ANN401 - any JSON
    """A digest of 32 bytes in small hexadecimal."""
    if type(value) is str and _DIGEST.fullmatch(value):
        return value
    raise ValueError("not a digest: 64 small hexadecimal digits")


def read_ids(value: Any) -> list[str]:  # noqa: ANN401 - any JSON
    """A list of ids, none twice."""
    if type(value) is not list or len(value) > MOST_IDS:
        raise ValueError(f"not a list of {MOST_IDS} ids at most")
    ids = [read_id(one) for one in value]
    if len(set(ids)) != len(ids):
        raise ValueError("an id stands twice")
    return ids


def _read_ids_text(value: str) -> list[str]:
    return read_ids([part for part in value.split(",") if part])


def read_lines(value: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any JSON
    """What a note is for: lines of kind, amount and text."""
    if type(value) is not list or not 0 < len(value) <= MOST_LINES:
        raise ValueError(f"not a list of 1 to {MOST_LINES} lines")
    return [_read_line(line) for line in value]


def _read_line(line: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    if type(line) is not dict or line.keys() != _LINE.keys():
        raise ValueError(f"a line has {', '.join(_LINE)}, and nothing else")
    return {name: read(line[name]) for name, read in _LINE.items()}


def _read_lines_text(value: str) -> list[dict[str, Any]]:
    """`usage:5000:a call; fees:100:paper`."""
    lines = [part.strip().split(":", 2) for part in value.split(";")]
    if any(len(line) != len(_LINE) for line in lines):
        raise ValueError("not kind:amount:text, and a semicolon between two lines")
    return read_lines([dict(zip(_LINE, line, strict=True)) for line in lines])


def _read_count(value: Any) -> int:  # noqa: ANN401 - any JSON
    if type(value) is not int or not 1 <= value <= LARGEST_COUNT:
        raise ValueError(f"not a whole number from 1 to {LARGEST_COUNT}")
    return value


def _read_count_text(value: str) -> int:
    return _read_count(int(value) if _COUNT.fullmatch(value) else None)


def _read_flag(value: Any) -> bool:  # noqa: ANN401 - any JSON
    if type(value) is not bool:
        raise ValueError("neither true nor false")
    return value


def _read_flag_text(value: str) -> bool:
    return _read_flag({"true": True, "false": False}.get(value))


def _read_fee(value: Any) -> int | None:  # noqa: ANN401 - any JSON
    if value is True:
        return None
    if type(value) is not str:
        raise ValueError('neither true (the fee of the terms was paid) nor an amount such as "25000"')
    return read_amount_or_zero(value)


def _read_fee_text(value: str) -> int | None:
    return _read_fee(True if value == "true" else value)


_LINE: dict[str, FieldRead] = {"kind": read_id, "amount": read_amount, "text": read_text}
_JSON: dict[str, FieldRead] = {
    "msisdn": read_msisdn,
    "id": read_id,
    "customer": read_customer,
    "customer-id": read_customer_id,
    "card": read_card,
    "text": read_text,
    "amount": read_amount,
    "amount-or-zero": read_amount_or_zero,
    "signed-amount": read_signed_amount,
    "instant": read_instant,
    "day": read_day,
    "count": _read_count,
    "flag": _read_flag,
    "fee": _read_fee,
    "count-or-zero": read_count_or_zero,
    "decimal": read_decimal,
    "digest": read_digest,
    "ids": read_ids,
    "lines": read_lines,
    "balance": statement_fields.read_balance,
    **{form: statement_fields.from_json(form) for form in statement_fields.LISTS},
}
_TEXT: dict[str, FieldRead] = _JSON | {
    "count": _read_count_text,
    "flag": _read_flag_text,
    "fee": _read_fee_text,
    "count-or-zero": _read_count_or_zero_text,
    "ids": _read_ids_text,
    "lines": _read_lines_text,
    **{form: statement_fields.from_text(form) for form in statement_fields.LISTS},
}


def _choice(choices: list[str]) -> FieldRead:
    known = {choice: choice for choice in choices}

    def read(value: Any) -> str:  # noqa: ANN401 - any JSON
        found = known.get(value) if type(value) is str else None
        if found is None:
            raise ValueError(f"not one of {', '.join(choices)}")
        return found

    return read


def _or_null(read: FieldRead) -> FieldRead:
    return lambda value: None if value is None else read(value)


IDS_OF_COMMANDS: dict[str, FieldRead] = {"command_id": read_command_id, "reverses": read_named_command}
"""The fields that hold a command's id, by name."""


def reader(field: dict[str, Any], *, text: bool) -> FieldRead:
    """The reader of a field of a command schema: for JSON values, or for text."""
    if field["name"] in IDS_OF_COMMANDS:
        return IDS_OF_COMMANDS[field["name"]]
    forms = _TEXT if text else _JSON
    read = _choice(field["choices"]) if field["form"] == "choice" else forms[field["form"]]
    takes_null = not text and isinstance(field["type"], list) and field["form"] != "fee"
    return _or_null(read) if takes_null else read
