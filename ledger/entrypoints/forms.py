"""From a JSON line, a CSV row or command-line options to a `Command`: the checks of form, driven by `schemas/commands`.

What is not well formed raises `Invalid`, with every fault: the path of the field, what is wrong with it, what is taken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any

import msgspec

from ledger.domain.commands import Command
from ledger.domain.customer.commands_of_persons import RegisterCustomer
from ledger.domain.customer.ids_of_customers import PREFIX, is_persons
from ledger.domain.free_text import tells_of_somebody
from ledger.domain.kinds import COMMANDS
from ledger.domain.refusals import Invalid
from ledger.entrypoints.command_fields import may_lack
from ledger.entrypoints.fields import FieldRead, is_card, reader
from ledger.store.schemas import Schema, load

_decode = msgspec.json.Decoder().decode
_NO_VAULT = "set PULSA_VAULT_KEY, or give 64 hexadecimal digits of HMAC-SHA256"
_SHOWN = 60
_ESCAPE = re.compile(r"\\u00[01][0-9a-f]")
"""How JSON writes a control character: its digits are not those behind it."""
_OF_PERSONS = "fields"
"""The field that names what is kept of a person: what is no name there may be a value, and is not said again."""
_MOST_UNKNOWN = 10
"""Fields that a command does not have, of which one is told."""

_ABOUT_PERSONS = {"SetLegalHold": "SetPersonHold", "LiftLegalHold": "LiftPersonHold"}
"""What holds a person's data is called otherwise than what holds an account's deposit (decision 78)."""


class Form:
    """The form of one command: how each field is read, which must be there, which may."""

    __slots__ = ("cards", "command", "optional", "required")

    def __init__(self, command: type[Command], fields: list[Schema], *, text: bool) -> None:
        self.command = command
        self.cards = [field["name"] for field in fields if field.get("form") == "card"]
        readers = [(field, (field["name"], reader(field, text=text))) for field in fields]
        self.required: list[tuple[str, FieldRead]] = [read for field, read in readers if not may_lack(field)]
        self.optional: list[tuple[str, FieldRead]] = [read for field, read in readers if may_lack(field)]

    def read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The fields as the command takes them; `given` still holds `command`. Raises Invalid, with every fault."""
        values: dict[str, Any] = {}
        try:
            for name, read in self.required:
                values[name] = read(given[name])
            for name, read in self.optional:
                if name in given:
                    values[name] = read(given[name])
        except (KeyError, ValueError, OverflowError):
            raise Invalid(*self._faults(given)) from None
        if len(values) + 1 != len(given):
            raise Invalid(*self._faults(given))
        return values

    @property
    def names(self) -> list[str]:
        """What its fields are called; those that must be there first."""
        return [name for name, _ in (*self.required, *self.optional)]

    def _faults(self, given: Mapping[str, Any]) -> Iterator[str]:
        for name, read in (*self.required, *self.optional):
            if name in given:
                try:
                    read(given[name])
                except (ValueError, OverflowError) as error:
                    given_so = "" if name == _OF_PERSONS else f"; given: {_shown(given[name])}"
                    yield f"{name}: {error}{given_so}"
            elif (name, read) in self.required:
                yield f"{name}: is missing"
        unknown = list(
            islice((name for name in given if name not in (*self.names, "command")), _MOST_UNKNOWN)
        )
        for name in unknown:
            persons = _ABOUT_PERSONS.get(self.command.__name__) if name == "customer" else None
            about = (
                f"the command is about an account, and {persons} about a person; it"
                if persons
                else ("the command has no such field; it")
            )
            yield f"{_clean(name)}: {about} has {', '.join(self.names)}"


def command_schemas() -> dict[str, Schema]:
    """The schema of each command that an entry point takes, by the command's name: `doc` and `fields`."""
    schemas = {}
    for name, command in COMMANDS.items():
        if not command.INTERNAL:
            schemas[name] = json.loads(load("commands")[f"ledger.command.{name}"].text)
    return schemas


@cache
def _forms(*, text: bool) -> dict[str, Form]:
    return {
        name: Form(COMMANDS[name], schema["fields"], text=text) for name, schema in command_schemas().items()
    }


def command_names() -> list[str]:
    """What the commands that files may hold are called."""
    return list(_forms(text=True))


def named_like(name: str) -> str:
    """What a command is called that a word spells otherwise, in words; else where all of them are listed."""
    spelt = {one.casefold(): one for one in command_names()}
    found = spelt.get(name[:_SHOWN].casefold().replace("_", "").replace("-", ""))
    return "; schemas/commands lists all" if found is None else f", but {found}"


def header_faults(command: str, columns: Sequence[str]) -> Iterator[str]:
    """What is wrong with the columns of a file that holds nothing but one command."""
    form = _forms(text=True)[command]
    for name, _ in form.required:
        if name not in columns:
            yield f"has no column `{name}`, without which there is no {command}"
    for name in islice((name for name in columns if name not in (*form.names, "command")), _MOST_UNKNOWN):
        yield f"has the column `{_clean(name)}`, and {command} has only {', '.join(form.names)}"


class CommandReader:
    """Reads commands for one log.

    `now` is the clock that dates commands: on a live log the entry point's own, and a stated `at` is refused; on a
    played log it stands in where none is stated (None: then one must be). A live log registers nobody under an id that
    says something. `cards` tells what an ICCID is called in the log (None: nobody knows the key, and only what cards
    are called is taken).
    """

    def __init__(
        self,
        *,
        played: bool,
        now: Callable[[], int] | None,
        cards: Callable[[str], str] | None = None,
    ) -> None:
        self._played = played
        self._cards = cards
        self._now = now
        self._json_forms = _forms(text=False)
        self._text_forms = _forms(text=True)

    def from_json(self, line: bytes, *, command: str | None = None) -> Command:
        """The command of a JSON object; `command` is what it is where it does not say. Raises Invalid."""
        return self.from_object(decode_object(line), command=command)

    def from_object(self, given: dict[str, Any], *, command: str | None = None) -> Command:
        """The command of an object that is read. Raises Invalid."""
        if command is not None:
            _must_be(command, given)
        form = self._json_forms.get(given["command"]) if type(given.get("command")) is str else None
        return self._command(form, given)

    def from_text(self, given: dict[str, str], *, command: str | None = None) -> Command:
        """The command of a CSV row or of command-line options; what is absent is not in it. Raises Invalid."""
        if command is not None:
            _must_be(command, given)
        return self._command(self._text_forms.get(given.get("command", "")), given)

    def _command(self, form: Form | None, given: Mapping[str, Any]) -> Command:
        if form is None:
            raise Invalid(_unknown_command(given))
        try:
            values = form.read(given)
        except Invalid as refusal:
            raise Invalid(*refusal.faults, *self._fault_of(given.get("at"))) from None
        at = values.get("at")
        for fault in self._fault_of(at):
            raise Invalid(fault)
        if at is None and self._now is not None:
            values["at"] = self._now()
        for name in form.cards:
            values[name] = self._card(name, values[name])
        command = form.command(**values)
        if not self._played:
            must_mean_nothing(command)
        return command

    def _card(self, name: str, given: str) -> str:
        """What a card is called in the log. Raises Invalid where an ICCID is given, and no vault has a key for it."""
        if is_card(given):
            return given
        if self._cards is None:
            raise Invalid(
                f"{name}: an ICCID is hashed under a key of the vault, and none is set: {_NO_VAULT}"
            )
        return self._cards(given)

    def _fault_of(self, at: object) -> Iterator[str]:
        """What keeps a time from being stated, or left out."""
        if at is None and self._now is None:
            yield "at: is missing, and this log is played: state it, or say what is now with --now or PULSA_NOW"
        elif at is not None and not self._played:
            yield "at: a live log takes its own clock's time, so none may be stated"


def must_mean_nothing(command: Command) -> None:
    """Raises Invalid where a person is to be registered under an id that may say who that is: on live logs none does.

    Played logs take any: their customers had others before.
    """
    if isinstance(command, RegisterCustomer) and not is_persons(command.customer):
        raise Invalid(f"customer: not {PREFIX}C and 20 capital letters and digits, which are made at random")


def _must_be(command: str, given: dict[str, Any]) -> None:
    """What does not say which command it is, is this one. Raises Invalid where it says another."""
    if given.setdefault("command", command) != command:
        raise Invalid(
            f"command: not {command}, as was said of all of them; given: {_shown(given['command'])}"
        )


def decode_object(line: bytes) -> dict[str, Any]:
    """The JSON object of a line, with no key given twice. Raises Invalid."""
    try:
        given = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(_not_json(line, error)) from None
    if type(given) is not dict:
        raise Invalid("not a JSON object")
    # Each key and each string takes two quotation marks; more of them, or an escaped one, asks for a closer look.
    strings = [*map(type, given.values())].count(str)
    if line.count(b'"') != 2 * (len(given) + strings) or b"\\" in line:
        _check_keys(line)
    return given


def _check_keys(line: bytes) -> None:
    """Raises Invalid where a key is given twice, at any depth."""
    try:
        json.loads(line, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise Invalid(_not_json(line, error)) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique: dict[str, Any] = {}
    for key, value in pairs:
        if key in unique:
            raise Invalid(f"{_clean(key)}: is given twice")
        unique[key] = value
    return unique


def _not_json(line: bytes, error: Exception) -> str:
    if b"\0" in line:
        return "not JSON: the line holds NUL bytes"
    try:
        line.decode()
    except UnicodeDecodeError as wrong:
        return f"not UTF-8 from byte {wrong.start} on"
    if isinstance(error, RecursionError):
        return "not a command: nested too deeply"
    return f"not JSON: {str(error).removeprefix('JSON is malformed: ')}"


def _unknown_command(given: Mapping[str, Any]) -> str:
    if "command" not in given:
        return "command: is missing"
    name = given["command"]
    return f"command: no command is named so{named_like(str(name))}; given: {_shown(name)}"


def _shown(value: Any) -> str:  # noqa: ANN401 - any JSON
    try:
        text = json.dumps(value)
        unescaped = _ESCAPE.sub(" ", json.dumps(value, ensure_ascii=False))
    except RecursionError:
        return "…"
    if tells_of_somebody(unescaped):
        return "what is not said again"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _clean(name: str) -> str:
    """A field's name as it can be printed."""
    odd = not name.isprintable() or len(name) > _SHOWN or tells_of_somebody(name)
    return _shown(name)[1:-1] if odd else name
