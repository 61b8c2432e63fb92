"""camt.053 (ISO 20022), any version: statements of accounts in XML, entry by entry.

A document type and entities are refused before anything of it is read. What is pending is no movement yet. An entry of
several details is as many lines, of one group, whose sum has to be the entry's amount. Names, addresses and free text
stay in the file. It is read piece by piece: one entry at a time is in memory as a tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from ledger.domain.calendar import day_number, parse_day
from ledger.errors import StatementUnreadable, XmlRefused
from ledger.reconciliation.readers.stated_file import (
    MOST_STATEMENTS,
    AmountWrong,
    LineRead,
    StatementRead,
    amount_of,
    check_openings,
    currency,
    identifier,
    reference_of,
)

FORMAT = "camt.053"
_MOST_HELD = 200_000
"""Elements that are in memory at once."""
_LONGEST_TAG = 1 << 14
"""Bytes of a tag: what its attributes cost grows by the square of their number."""
_TOO_LONG = re.compile(rb"<[^<>]{%d}" % _LONGEST_TAG)
_OPENINGS, _CLOSINGS = ("OPBD", "PRCD"), ("CLBD",)


def statements(file: BinaryIO) -> list[StatementRead]:
    """The statements of a file without entities, in order.

    Raises XmlRefused, or StatementUnreadable where there is none.
    """
    from lxml import etree

    found: list[StatementRead] = []
    current: _Camt | None = None
    seen = False
    held = 0
    parsed = etree.iterparse(
        _ShortTags(file),
        events=("start", "end"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        for event, element in parsed:
            name = etree.QName(element).localname
            if event == "start":
                held += 1
                if held > _MOST_HELD:
                    raise XmlRefused(
                        f"line {element.sourceline}: an entry of more than {_MOST_HELD} elements"
                    )
                if not seen and "camt.053" not in (etree.QName(element).namespace or ""):
                    raise StatementUnreadable("its XML is no camt.053, by its namespace")
                seen = True
                if name == "Stmt":
                    if len(found) >= MOST_STATEMENTS:
                        raise StatementUnreadable(f"more than {MOST_STATEMENTS} statements")
                    current = _Camt()
                continue
            if current is None:
                continue
            above = element.getparent()
            in_statement = above is not None and etree.QName(above).localname == "Stmt"
            if name == "Stmt":
                found.append(current.ended())
                current = None
                _let_go(element)
            elif in_statement:
                current.take(name, element)
                _let_go(element)
                held = 0
    except etree.XMLSyntaxError as error:
        raise XmlRefused(f"line {error.lineno}: {error.msg}") from error
    except (etree.C14NError, ValueError) as error:  # names that lxml reads, and cannot tell or write
        raise XmlRefused(f"it is not well formed: {error}") from error
    if not found:
        raise StatementUnreadable("there is no statement in it")
    check_openings(found)
    return found


def must_be_without_entities(file: BinaryIO) -> None:
    """Reads as far as the first element. Raises XmlRefused for a document type, which declares entities."""
    from xml.etree.ElementTree import ParseError

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import iterparse

    try:
        next(iter(iterparse(file, events=("start",), forbid_dtd=True, forbid_entities=True)), None)
    except DefusedXmlException as error:
        raise XmlRefused("it declares a document type or entities") from error
    except (ParseError, LookupError, ValueError) as error:
        raise XmlRefused(f"it is not well formed: {error}") from error


def _let_go(element: Any) -> None:  # noqa: ANN401 - lxml's
    """Frees an element that was taken in, and those before it."""
    element.clear(keep_tail=False)
    while (before := element.getprevious()) is not None:
        before.getparent().remove(before)


def _found(element: Any, *path: str) -> Any:  # noqa: ANN401 - lxml's
    """The first element along a path of local names; None where there is none."""
    for name in path:
        element = next((one for one in element if _local(one) == name), None)
        if element is None:
            return None
    return element


def _all(element: Any, name: str) -> Iterator[Any]:  # noqa: ANN401 - lxml's
    return (one for one in element if _local(one) == name)


def _local(element: Any) -> str:  # noqa: ANN401 - lxml's
    return str(element.tag).rpartition("}")[2]


def _text(element: Any, *path: str) -> str | None:  # noqa: ANN401 - lxml's
    found = _found(element, *path)
    return None if found is None or found.text is None else str(found.text).strip()


class _ShortTags:
    """Reads a file. Raises XmlRefused where a tag of it is too long."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._before = b""

    def read(self, size: int) -> bytes:
        """The next bytes."""
        piece = self._file.read(size)
        held = self._before + piece
        if _TOO_LONG.search(held) is not None:
            raise XmlRefused(f"a tag of more than {_LONGEST_TAG} bytes")
        self._before = held[-_LONGEST_TAG:]
        return piece


class _Camt:
    """One statement, as its parts come."""

    def __init__(self) -> None:
        self.made = StatementRead("bank", FORMAT, "")
        self.number: str | None = None
        self.entries = 0
        self.line = 0
        self.balances: dict[str, tuple[int, int | None]] = {}

    def take(self, name: str, element: Any) -> None:  # noqa: ANN401 - lxml's
        """Takes in a part of the statement."""
        if name == "Id":
            self.number = identifier(element.text)
        elif name == "ElctrncSeqNb":
            self.made.sequence = identifier(element.text)
        elif name == "Acct":
            iban = _text(element, "Id", "IBAN") or _text(element, "Id", "Othr", "Id")
            self.made.account = identifier(iban)
        elif name == "FrToDt":
            self.made.since_on = _day(_text(element, "FrDtTm") or _text(element, "FrDt"))
            self.made.until_on = _day(_text(element, "ToDtTm") or _text(element, "ToDt"))
        elif name == "Bal":
            self._balance(element)
        elif name == "Ntry":
            self.entries += 1
            self._entry(element)

    def _balance(self, element: Any) -> None:  # noqa: ANN401 - lxml's
        code = _text(element, "Tp", "CdOrPrtry", "Cd")
        if code not in (*_OPENINGS, *_CLOSINGS):
            return
        try:
            amount, unit = _amount(element)
        except AmountWrong as wrong:
            self.made.find(0, f"balance-{wrong}")
            return
        self.made.unit = self.made.unit or unit
        self.balances[code] = (amount, _day(_text(element, "Dt", "Dt") or _text(element, "Dt", "DtTm")))

    def _entry(self, element: Any) -> None:  # noqa: ANN401 - lxml's
        status = _text(element, "Sts", "Cd") or _text(element, "Sts")
        number = self.line + 1
        if status != "BOOK":
            return
        booked = _text(element, "BookgDt", "Dt") or _text(element, "BookgDt", "DtTm")
        on = _day(booked)
        try:
            amount, unit = _amount(element)
        except AmountWrong as wrong:
            self.line = number
            self.made.find(number, str(wrong))
            return
        self.made.unit = self.made.unit or unit
        if on is None:
            self.line = number
            self.made.find(number, "day")
            return
        kind = "reversal" if _text(element, "RvslInd") in ("true", "1") else None
        details = [one for dtls in _all(element, "NtryDtls") for one in _all(dtls, "TxDtls")]
        if len(details) > 1:
            self._details(element, details, (amount, unit, on, kind))
            return
        self.line = number
        own = next(iter(details), element)
        reference = _reference(own) or _reference(element)
        raw = _canonical(element)
        self.made.add(LineRead(number, amount, unit, raw, reference=reference, kind=kind, on=on))

    def _details(self, entry: Any, details: list[Any], own: tuple[int, str, int, str | None]) -> None:  # noqa: ANN401
        """The details of an entry as lines of a group; where their sum is another, the entry is one line."""
        amount, unit, on, kind = own
        lines: list[LineRead] = []
        group = f"entry-{self.entries}"
        for place, one in enumerate(details, self.line + 1):
            try:
                part, of = _amount(one, amount)
            except AmountWrong:
                part, of = 0, ""
            lines.append(
                LineRead(
                    place, part, of, _canonical(one), reference=_reference(one), kind=kind, group=group, on=on
                )
            )
        stated = sum(line.amount for line in lines)
        if stated == amount and all(line.unit == unit for line in lines):
            self.line += len(lines)
            for line in lines:
                self.made.add(line)
            return
        self.line += 1
        self.made.find(self.line, "chain-details", amount, stated)
        raw = _canonical(entry)
        self.made.add(LineRead(self.line, amount, unit, raw, reference=_reference(entry), kind=kind, on=on))

    def ended(self) -> StatementRead:
        """The statement as it was read."""
        made = self.made
        for code in _CLOSINGS:
            made.closing, on = self.balances.get(code, (None, None))
            made.until_on = made.until_on if made.until_on is not None else on
        for code in _OPENINGS:
            if made.opening is None and code in self.balances:
                made.opening, on = self.balances[code]
                made.since_on = made.since_on if made.since_on is not None else on
        if not made.unit:
            made.find(0, "no-balance")
            made.unit = "XXX"
        made.number = self.number
        made.check_chain()
        return made


def _amount(element: Any, signed: int | None = None) -> tuple[int, str]:  # noqa: ANN401 - lxml's
    """The amount of an entry, balance or detail, signed as its mark says (a detail: else as its entry), and its unit.

    Raises AmountWrong.
    """
    found = _found(element, "Amt")
    if found is None:
        found = _found(element, "AmtDtls", "TxAmt", "Amt")
    if found is None or found.text is None:
        raise AmountWrong("amount")
    mark = _text(element, "CdtDbtInd")
    if mark is None and signed is not None:
        mark = "DBIT" if signed < 0 else "CRDT"
    if mark not in ("CRDT", "DBIT"):
        raise AmountWrong("mark")
    sen = amount_of(found.text, ".")
    return (-sen if mark == "DBIT" else sen), currency(found.get("Ccy") or "")


def _reference(element: Any) -> str | None:  # noqa: ANN401 - lxml's
    named = ("EndToEndId", "AcctSvcrRef", "TxId", "InstrId")
    texts = [_text(element, "Refs", name) for name in named]
    texts += [_text(element, "NtryRef"), _text(element, "AcctSvcrRef")]
    return reference_of(texts)


def _day(text: str | None) -> int | None:
    """The day that stands there, also before a time; None where none does."""
    if text is None:
        return None
    try:
        return day_number(parse_day(text[:10]))
    except ValueError:
        return None


def _canonical(element: Any) -> bytes:  # noqa: ANN401 - lxml's
    """The element as it stands, in canonical XML."""
    from lxml import etree

    return bytes(etree.tostring(element, method="c14n", exclusive=True))
