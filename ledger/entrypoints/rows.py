"""The commands of a file, one for each line: JSON Lines, or CSV with a header of the same names.

A line that is not well formed comes out as a `BadLine` in its place, and the rest goes on.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from ledger.domain.commands import Command
from ledger.domain.free_text import tells_of_somebody
from ledger.domain.refusals import Invalid
from ledger.entrypoints import registrations
from ledger.entrypoints.file_lines import Broken, InputFile
from ledger.entrypoints.forms import CommandReader, decode_object, header_faults

InputFormat = Literal["auto", "json", "csv"]

_OF_BREACH, _COUNTED = "RecordBreach", "persons"
_MARK = b'"RecordBreach"'
_ENDINGS: dict[str, InputFormat] = {".csv": "csv", ".jsonl": "json", ".ndjson": "json", ".json": "json"}


class BadLine(NamedTuple):
    """A line that is no command: its number, the id it names if one can be read, and what is wrong."""

    line: int
    command_id: str | None
    refusal: Invalid


class GoodLine(NamedTuple):
    """A command and the line that it stands in, and the values that it brings."""

    line: int
    command: Command
    values: Mapping[str, str] | None = None
    """Of a person, which go into the vault."""
    uncounted: bool = False
    """It records a breach, and leaves it to whoever takes it in to count the persons."""


def rows(
    source: InputFile, reader: CommandReader, format_: InputFormat = "auto", command: str | None = None
) -> Iterator[GoodLine | BadLine]:
    """Every line of the file: a command, or what is wrong with it. Blank lines are passed over.

    `command` is what all of them are, where they do not say it.
    """
    if format_ == "auto":
        format_ = _by_name(source.name)
    number = 0
    empty = True
    header: list[str] | None = None
    while True:
        number += 1
        try:
            line = source.next()
        except Broken as broken:
            yield BadLine(number, None, Invalid(str(broken)))
            if broken.ends:
                return
            empty = False
            continue
        if line is None:
            break
        if not line.strip():
            continue
        empty = False
        if format_ == "auto":
            format_ = _by_content(line, command)
        if format_ == "json":
            try:
                yield _json_line(number, line, reader, command)
            except Invalid as refusal:
                yield BadLine(number, _id_in(line), refusal)
        elif header is None:
            try:
                header = _header(line, command)
            except Invalid as refusal:
                yield BadLine(number, None, refusal)
                return
        else:
            yield _csv_row(number, line, header, reader, command)
    if empty:
        yield BadLine(1, None, Invalid("the file is empty"))


def _json_line(number: int, line: bytes, reader: CommandReader, command: str | None) -> GoodLine:
    if command == _OF_BREACH or _MARK in line:
        given = decode_object(line)
        if _leaves_the_count(given, command):
            return GoodLine(
                number, reader.from_object({_COUNTED: 0} | given, command=command), uncounted=True
            )
    return GoodLine(number, *registrations.from_json(reader, line, command))


def _leaves_the_count(given: Mapping[str, object], command: str | None) -> bool:
    return given.get("command", command) == _OF_BREACH and _COUNTED not in given


def _csv_row(
    number: int, line: bytes, header: list[str], reader: CommandReader, command: str | None
) -> GoodLine | BadLine:
    given: dict[str, str] = {}
    try:
        cells = _cells(line)
        _must_match(cells, header)
        given = {name: cell for name, cell in zip(header, cells, strict=True) if cell}
        if _leaves_the_count(given, command):
            return GoodLine(
                number, reader.from_text({_COUNTED: "0"} | given, command=command), uncounted=True
            )
        return GoodLine(number, *registrations.from_text(reader, given, command))
    except Invalid as refusal:
        return BadLine(number, _told(given.get("command_id")), refusal)


_OTHER_MARKS = {";": "semicolons", "\t": "tabs"}
"""What programs part cells by where a comma stands in numbers."""


def _header(line: bytes, command: str | None) -> list[str]:
    names = _cells(line)
    parted = next((name for mark, name in _OTHER_MARKS.items() if len(names) == 1 and mark in names[0]), None)
    if parted is not None:
        raise Invalid(
            f"the header's columns are parted by {parted}, not by commas; nothing of the file was read"
        )
    faults = [f"has the column `{name}` twice" for name, count in Counter(names).items() if count > 1]
    if command is None and "command" not in names:
        faults.append("has no column `command`, and --command names none")
    if command is not None:
        counted = [_COUNTED] if command == _OF_BREACH else []
        faults += header_faults(command, registrations.columns_without_values(command, names) + counted)
    if faults:
        raise Invalid(*(f"the header {fault}; nothing of the file was read" for fault in faults))
    return names


def _must_match(cells: list[str], header: list[str]) -> None:
    if len(cells) != len(header):
        raise Invalid(f"the row has {len(cells)} cells, and the header {len(header)}")


def _cells(line: bytes) -> list[str]:
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise Invalid(f"not UTF-8 from byte {error.start} on") from None
    if "\0" in text:
        raise Invalid("not CSV: the line holds NUL bytes")
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error as error:
        raise Invalid(f"not CSV: {error}") from None


def _by_name(name: str) -> InputFormat:
    plain = name.lower().removesuffix(".gz")
    return next((format_ for ending, format_ in _ENDINGS.items() if plain.endswith(ending)), "auto")


def _by_content(line: bytes, command: str | None) -> InputFormat:
    if command is not None:
        return "json" if line.lstrip().startswith(b"{") else "csv"
    return "csv" if b"command" in line.strip().split(b",") else "json"


def _id_in(line: bytes) -> str | None:
    """The command id of a line that is no command, where it can be read."""
    try:
        found = decode_object(line).get("command_id")
    except Invalid:
        return None
    return _told(found) if isinstance(found, str) and found.isprintable() else None


def _told(command_id: str | None) -> str | None:
    """An id that can be said again."""
    return None if command_id is None or tells_of_somebody(command_id) else command_id
