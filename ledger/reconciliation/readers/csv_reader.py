"""CSV, as a mapping says what its fields are: a TOML file, in the words of hledger's rules.

    kind = "channel"              # bank, channel, partner, account or bill
    skip = 1                      # lines before the first record
    separator = ","
    fields = ["date", "reference", "account", "amount", "balance"]
    date-format = "%Y-%m-%d"
    decimal-mark = "."
    currency = "IDR"
    newest-first = false

Fields are `date`, `time` (an instant, RFC 3339), `reference`, `account`, `kind`, `amount`, `amount-in`, `amount-out`,
`balance`, `currency`, `group`, `quantity`; any other name is skipped. An `[[if]]` has a `field`, a `pattern` that is
found in it, and what then holds: `skip = true`, `sign = "-"`, `kind`, `account`, `reference`.
`account-prefix` and `account-digits` make numbers of what a file calls accounts, `reference-prefix` our own references.
A roaming partner's statement says whose it is (`partner`): a record is his, and counts by that.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, BinaryIO, Literal

from ledger.domain.calendar import day_number, parse_instant
from ledger.domain.free_text import tells_of_somebody
from ledger.domain.reading_sections import Faulty, read
from ledger.domain.rules import text_of
from ledger.domain.sections import Bounds, Named, Section
from ledger.errors import StatementUnreadable
from ledger.reconciliation.readers.stated_file import (
    LONGEST_LINE,
    MOST_FIELDS,
    AmountWrong,
    LineRead,
    StatementRead,
    amount_of,
    currency,
    identifier,
    numbered_lines,
    of_partner,
)

FORMAT = "csv"
_LONGEST_MAPPING = 1 << 16
_LONGEST_PATTERN = 200


_MOST_CONDITIONS = 100


class Condition(Section):
    """What holds of records in one field of which a pattern is found."""

    field: str
    pattern: Annotated[str, text_of(0, _LONGEST_PATTERN)]
    skip: bool = False
    sign: Literal["+", "-"] = "+"
    kind: str | None = None
    account: str | None = None
    reference: str | None = None


class CsvMapping(Section):
    """What the fields of a CSV file are."""

    kind: Literal["bill", "bank", "channel", "partner", "account"]
    fields_: Annotated[tuple[str, ...], Named("fields")]
    skip: Annotated[int, Bounds(0, 1_000)] = 0
    separator: Annotated[str, text_of(1, 1)] = ","
    date_format: Annotated[str, Named("date-format")] = "%Y-%m-%d"
    decimal_mark: Annotated[Literal[".", ","], Named("decimal-mark")] = "."
    currency: Annotated[str, text_of(3, 5)] = "IDR"
    newest_first: Annotated[bool, Named("newest-first")] = False
    encoding: Literal["utf-8", "latin-1"] = "utf-8"
    account: str | None = None
    account_prefix: Annotated[str, Named("account-prefix"), text_of(0, 15)] = ""
    account_digits: Annotated[int, Named("account-digits"), Bounds(0, 15)] = 0
    reference_prefix: Annotated[str, Named("reference-prefix"), text_of(0, 40)] = ""
    partner: Annotated[str, text_of(0, 40)] = ""
    number: str | None = None
    if_: Annotated[tuple[Condition, ...], Named("if")] = ()

    def must_hold(self) -> None:
        """Raises ValueError where it names too many fields, or has too many conditions."""
        if len(self.fields_) > MOST_FIELDS or len(self.if_) > _MOST_CONDITIONS:
            msg = f"fields, if: {MOST_FIELDS} fields and {_MOST_CONDITIONS} conditions at most"
            raise ValueError(msg)
        if (self.kind == "partner") != bool(self.partner):
            msg = "partner: a partner's statement names him, and no other statement does"
            raise ValueError(msg)


def mapping_of(content: bytes) -> CsvMapping:
    """The mapping of a TOML file. Raises StatementUnreadable where it is none."""
    if len(content) > _LONGEST_MAPPING:
        raise StatementUnreadable(f"the mapping is longer than {_LONGEST_MAPPING} bytes")
    try:
        made = read(CsvMapping, tomllib.loads(content.decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StatementUnreadable(f"the mapping is no TOML: {error}") from error
    except Faulty as error:
        raise StatementUnreadable(f"the mapping: {error.faults[0]}") from error
    for one in made.if_:
        try:
            re.compile(one.pattern)
        except re.error as error:
            raise StatementUnreadable(f"the mapping: {one.pattern!r} is no pattern: {error}") from error
    if tells_of_somebody(f"{made.account} {made.number}"):
        raise StatementUnreadable("the mapping: account or number tells who a person is")
    if not {"date", "time"} & set(made.fields_):
        raise StatementUnreadable("the mapping names no field `date` or `time`")
    if not {"amount", "amount-in", "amount-out"} & set(made.fields_):
        raise StatementUnreadable("the mapping names no field `amount`, `amount-in` or `amount-out`")
    return made


def statement(file: BinaryIO, mapping: CsvMapping) -> StatementRead:
    """The statement of a file. Raises StatementUnreadable where not one line of it is a record."""
    made = StatementRead(mapping.kind, FORMAT, mapping.currency, mapping.account, mapping.number)
    reading = _Records(made, mapping)
    for number, line in numbered_lines(file):
        if number > mapping.skip:
            reading.take(number, line)
    if not made.lines:
        first = made.findings[0] if made.findings else None
        why = "there is none" if first is None else f"line {first.line} is not for: {first.code}"
        raise StatementUnreadable(f"not one line is a record; {why}")
    if mapping.newest_first:
        last = max((line.line for line in made.lines), default=0) + 1
        # Numbers ascend in the order of time; the file's own is what they add up to `last` with.
        made.lines = [line._replace(line=last - line.line) for line in reversed(made.lines)]
    days = [line.on for line in made.lines if line.on is not None]
    made.since_on, made.until_on = min(days, default=None), max(days, default=None)
    if mapping.kind != "account":
        made.check_chain()
    return made


class _Records:
    def __init__(self, made: StatementRead, mapping: CsvMapping) -> None:
        self._made = made
        self._mapping = mapping
        self._conditions = [(one, re.compile(one.pattern)) for one in mapping.if_]

    def take(self, number: int, line: bytes | None) -> None:
        """Takes in a line: as a record, or as a finding."""
        if line is None or len(line) > LONGEST_LINE:
            self._made.find(number, "too-long")
            return
        if not line.strip():
            return
        separator = self._mapping.separator
        if line.count(separator.encode()) >= MOST_FIELDS:
            self._made.find(number, "too-many-fields")
            return
        try:
            text = line.decode(self._mapping.encoding)
            (cells,) = csv.reader([text], delimiter=separator, strict=True)
        except (UnicodeDecodeError, csv.Error, ValueError):
            self._made.find(number, "unreadable")
            return
        if len(cells) != len(self._mapping.fields_):
            self._made.find(number, "fields")
            return
        record = dict(zip(self._mapping.fields_, (cell.strip() for cell in cells), strict=True))
        try:
            for read in self._line(number, record, line):
                self._made.add(read)
        except AmountWrong as wrong:
            self._made.find(number, str(wrong))
        except ValueError:
            self._made.find(number, "day")

    def _line(self, number: int, record: Mapping[str, str], raw: bytes) -> Iterator[LineRead]:
        sign, named = 1, dict(record)
        for one, pattern in self._conditions:
            if pattern.search(record.get(one.field, "")) is None:
                continue
            if one.skip:
                return
            sign = -1 if one.sign == "-" else sign
            stated = {"kind": one.kind, "account": one.account, "reference": one.reference}
            named |= {name: word for name, word in stated.items() if word is not None}
        on, at = self._when(record)
        mark = self._mapping.decimal_mark
        balance = record.get("balance", "")
        account, reference = named.get("account"), named.get("reference")
        if account:
            account = self._mapping.account_prefix + account.zfill(self._mapping.account_digits)
        if reference:
            reference = self._mapping.reference_prefix + reference
        if reference and self._mapping.partner:
            reference = of_partner(self._mapping.partner, reference)
        quantity = record.get("quantity", "")
        yield LineRead(
            number,
            sign * self._amount(record),
            currency(record.get("currency") or self._mapping.currency),
            raw,
            account=identifier(account or self._mapping.account),
            reference=identifier(reference),
            kind=_kind(named.get("kind")),
            group=identifier(named.get("group")),
            on=on,
            at=at,
            balance=amount_of(balance, mark) if balance else None,
            quantity=_quantity(quantity) if quantity else None,
        )

    def _amount(self, record: Mapping[str, str]) -> int:
        mark = self._mapping.decimal_mark
        if "amount" in record:
            return amount_of(record["amount"], mark)
        in_, out = record.get("amount-in", ""), record.get("amount-out", "")
        if bool(in_) == bool(out):
            raise AmountWrong("amount")
        return amount_of(in_, mark) if in_ else -amount_of(out, mark)

    def _when(self, record: Mapping[str, str]) -> tuple[int | None, int | None]:
        if "time" in record:
            return None, parse_instant(record["time"])
        stated = datetime.strptime(record["date"], self._mapping.date_format)  # noqa: DTZ007 - a day
        return day_number(stated.date()), None


def _quantity(text: str) -> int:
    """How much was used. Raises AmountWrong."""
    if re.fullmatch(r"[0-9]{1,15}", text, re.ASCII) is None:
        raise AmountWrong("quantity")
    return int(text)


def _kind(text: str | None) -> str | None:
    """What kind of movement it is: a short word, which can be no name of a person that a bank writes out."""
    if text is None or not re.fullmatch(r"[a-z0-9/-]{1,40}", text, re.ASCII):
        return None
    return None if tells_of_somebody(text) else text
