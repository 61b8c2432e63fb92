"""Lines of files that bring values of persons: the values are taken out of them before they become commands.

A line of JSON has them as an object under `values`, a row of CSV in columns that begin with `value.`: such as
`value.name`. What is left is the command, which names the fields, and is told the digest of the values once the vault
keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ledger.domain.commands import Command
from ledger.domain.refusals import Invalid
from ledger.entrypoints.fields import MOST_IDS, read_id
from ledger.entrypoints.forms import CommandReader, decode_object

OF_VALUES = ("RegisterCustomer", "RectifyCustomer")
"""The commands that values may come with."""
VALUES, COLUMN = "values", "value."
IN_PLACE = ("fields", "digest")
"""What the command has in place of the values."""
LONGEST_VALUE = 2_000
"""Characters of a value."""
NO_FIELD = "no policy names a field so: small letters, digits and hyphens, 60 at most"
_FIELD = re.compile(r"[a-z0-9][a-z0-9-]{0,59}", re.ASCII)
_NO_DIGEST = "0" * 64
_MARK = b'"values"'

Values = Mapping[str, str]


def from_json(reader: CommandReader, line: bytes, command: str | None) -> tuple[Command, Values | None]:
    """The command of a line of JSON, and the values that it brings. Raises Invalid, which repeats none of them."""
    if _MARK not in line:
        return reader.from_json(line, command=command), None
    given = decode_object(line)
    if VALUES not in given or given.get("command", command) not in OF_VALUES:
        return reader.from_json(line, command=command), None
    found = given.pop(VALUES)
    values = _checked(found if isinstance(found, dict) else {}, given)
    told = given | {"fields": list(values), "digest": _NO_DIGEST}
    return reader.from_object(told, command=command), values


def from_text(
    reader: CommandReader, given: dict[str, str], command: str | None
) -> tuple[Command, Values | None]:
    """The command of a row of CSV, and the values that it brings. Raises Invalid, which repeats none of them."""
    if given.get("command", command) not in OF_VALUES:
        return reader.from_text(given, command=command), None
    found = {name.removeprefix(COLUMN): text for name, text in given.items() if name.startswith(COLUMN)}
    if not found:
        return reader.from_text(given, command=command), None
    left = {name: text for name, text in given.items() if not name.startswith(COLUMN)}
    values = _checked(found, left)
    return reader.from_text(
        left | {"fields": ",".join(values), "digest": _NO_DIGEST}, command=command
    ), values


def columns_without_values(command: str | None, columns: Sequence[str]) -> list[str]:
    """The columns of a file as its commands have them: for those that bring values stand their names and a digest."""
    brings = [name for name in columns if name.startswith(COLUMN)]
    if not brings or command not in (*OF_VALUES, None):
        return list(columns)
    left = [name for name in columns if name not in brings]
    return [*left, *(name for name in IN_PLACE if name not in left)]


def is_field_name(name: str) -> bool:
    """Whether a policy may name a field so. What else stands there may be a value, and is not to reach the log."""
    return _FIELD.fullmatch(name) is not None


def _checked(found: Mapping[str, Any], left: Mapping[str, Any]) -> dict[str, str]:
    if faults := list(_faults(found, left)):
        raise Invalid(*faults)
    return dict(found)


def _faults(found: Mapping[str, Any], left: Mapping[str, Any]) -> Iterator[str]:
    if not 0 < len(found) <= MOST_IDS:
        yield f"{VALUES}: not an object of 1 to {MOST_IDS} fields and their texts"
        return
    for n, (field, value) in enumerate(found.items(), 1):
        try:
            read_id(field)
        except ValueError as error:
            yield f"{VALUES}: field {n}: {error}"
            continue
        if not is_field_name(field):
            yield f"{VALUES}: field {n}: {NO_FIELD}"
        elif not isinstance(value, str) or not 0 < len(value) <= LONGEST_VALUE:
            yield f"{VALUES}.{field}: not a text of 1 to {LONGEST_VALUE} characters"
    for name in IN_PLACE:
        if name in left:
            yield f"{name}: is made of the values, and not given beside them"
