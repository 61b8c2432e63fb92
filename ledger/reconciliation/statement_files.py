"""Which reader reads a file: the one that is named, or the one whose format its first bytes are of."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, cast

from ledger.errors import StatementUnreadable
from ledger.reconciliation.readers import bill_reader, camt_reader, csv_reader, swift_reader
from ledger.reconciliation.readers.stated_file import StatementRead
from ledger.reconciliation.unpacking import unpacked

AUTO = "auto"
_READERS: Mapping[str, Callable[[BinaryIO], list[StatementRead]]] = {
    bill_reader.FORMAT: bill_reader.bills,
    swift_reader.FORMAT: swift_reader.statements,
    camt_reader.FORMAT: camt_reader.statements,
}
FORMATS = (AUTO, *_READERS, csv_reader.FORMAT)
"""How formats are named."""
_BEGINS = 256


def read_statements(path: Path, format_: str = AUTO, mapping: bytes | None = None) -> list[StatementRead]:
    """The statements of a file. Raises StatementUnreadable, ArchiveRefused or XmlRefused."""
    with unpacked(path) as file:
        buffered = cast("io.BufferedReader", file)
        begins, source = buffered.peek(_BEGINS)[:_BEGINS], file
        if format_ == AUTO:
            format_ = csv_reader.FORMAT if mapping is not None else _format_of(begins)
        if format_ == csv_reader.FORMAT:
            if mapping is None:
                raise StatementUnreadable("CSV needs a mapping that says what its fields are: --mapping FILE")
            return [csv_reader.statement(source, csv_reader.mapping_of(mapping))]
        if format_ not in _READERS:
            raise StatementUnreadable(f"no format is called {format_!r}; there are {', '.join(FORMATS)}")
        if format_ != camt_reader.FORMAT:
            return _READERS[format_](source)
        camt_reader.must_be_without_entities(source)
    with unpacked(path) as again:
        return camt_reader.statements(again)


def _format_of(begins: bytes) -> str:
    """The format that a file is of, by how it begins. Raises StatementUnreadable."""
    text = begins.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith((b"{1:", b":20:", b"{2:", b"{4:")):
        return swift_reader.FORMAT
    if text.startswith(b"{"):
        return bill_reader.FORMAT
    if text.startswith(b"<") or begins.startswith((b"\xff\xfe", b"\xfe\xff")):
        return camt_reader.FORMAT
    raise StatementUnreadable(
        f"it begins like none of {', '.join(_READERS)}; CSV needs a mapping (--mapping FILE)"
    )
