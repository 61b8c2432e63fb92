"""The kinds of subject, and what is of them: commands, events, states, and what follows from what.

A *kind* of subject is a package beside this module: its commands, its events, its rules; `kind.py` there puts them
together, and `ledger/domain/__init__.py` names the packages. What is not of one kind asks here, and knows none of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.ids import is_of_line, is_own
from ledger.domain.refusals import Refusal
from ledger.domain.subject import Claimed, NoStreams, State, Streams, Subject, nothing_claimed
from ledger.domain.terms_book import TermsBook

T = TypeVar("T")


class PartitionHistory(NamedTuple):
    """What a kind asks of a partition to find out what became of a command that is not journaled."""

    is_here: Callable[[str], bool]
    """Whether a subject lies in the partition."""
    streams: Callable[[str], Iterable[Event]]
    """The events of a stream that are recorded."""
    happened: Callable[[str], Iterable[Event]]
    """The events of a subject in the batch under way."""


Follows = Mapping[type[Event], Callable[[Any], list[Command]]]
"""What has to happen on other subjects because of an event, whoever noticed it.

A command's id is `policy/` and then what names its cause: a chain that goes on that way has an end.
"""
Returns = Mapping[type[Command], Callable[[Any, Refusal], list[Command]]]
"""What has to happen because a policy's command was refused; nothing: then it is set apart."""
Ended = Mapping[type[Command], Callable[[Any, bytes, PartitionHistory], tuple[Event, Refusal | None] | None]]
"""What a policy's command (of that digest) is answered that was carried out at once after its cause.

The event that it brought about or was refused for, and its refusal; None: it was not. Raises IdempotencyConflict.
"""


Relations = Mapping[type[Command], Callable[[Any], Iterable[tuple[str, bool]]]]
"""What has to hold between the fields of a command that only the ledger says: each field, and whether it fits."""
Forms = Mapping[type[Command], Mapping[str, str | None]]
"""The forms of fields of the ledger's own commands that their schema says too narrowly: `own-id`, an id that the ledger
has made; None: the relations say all."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of subject: all that is not of one kind knows of it."""

    name: str
    prefixes: tuple[str, ...]
    """How its streams' ids begin, each through its first `/` or `@`; those of a line begin with a digit."""
    subjects: re.Pattern[str]
    """The ids that commands address. Names in them are plain."""
    commands: tuple[type[Command], ...]
    events: tuple[type[Event], ...]
    states: tuple[type[State], ...] = ()
    """What snapshots hold, each by the name of its class."""
    load: Callable[[str, Streams, TermsBook, Claimed], Subject]
    """The subject of an id, as the log has it: also one that has no events yet."""
    admit: Callable[[Any, Any], None] = lambda _, __: None
    """Asked before the clock, whatever the state: whether there is what a command addresses. Raises a Refusal."""
    decide: Callable[[Any, Any], None]
    """Does what a command asks of a subject, which is advanced to its cause's instant.

    Raises a Refusal. All guards come before the first event.
    """
    advancing: Callable[[str, int, str], Command] | None = None
    """The clock's command that brings a subject to an instant, by its subject, instant and id; None: nothing falls due.
    """
    follows: Follows = field(default_factory=dict)
    returns: Returns = field(default_factory=dict)
    ended: Ended = field(default_factory=dict)
    relations: Relations = field(default_factory=dict)
    forms: Forms = field(default_factory=dict)


KINDS: dict[str, Kind] = {}
"""Every kind by its name."""
COMMANDS: dict[str, type[Command]] = {}
"""Every command by its name."""
EVENT_TYPES: dict[str, type[Event]] = {}
"""Every event class by its stable type name."""
STATES: dict[str, type[State]] = {}
"""Every state that snapshots hold, by the name of its class."""
_BY_PREFIX: dict[str, Kind] = {}
_OF_COMMANDS: dict[type[Command], Kind] = {}
_FOLLOWS: dict[type[Event], Callable[[Any], list[Command]]] = {}
_RETURNS: dict[type[Command], Callable[[Any, Refusal], list[Command]]] = {}


def register(kind: Kind) -> None:
    """Makes a kind known, and its commands, events and states by their names. Raises ValueError where one is taken."""
    for known, more in _names(kind):
        if taken := known.keys() & more.keys():
            raise ValueError(f"{kind.name}: there are two of {sorted(map(str, taken))}")
    for known, more in _names(kind):
        known.update(more)


def forget(kind: Kind) -> None:
    """The reverse: a kind that only a test knows."""
    for known, more in _names(kind):
        for name in more:
            del known[name]


def _names(kind: Kind) -> Iterator[tuple[dict[Any, Any], Mapping[Any, Any]]]:
    yield KINDS, {kind.name: kind}
    yield _BY_PREFIX, dict.fromkeys(kind.prefixes, kind)
    yield COMMANDS, {command.__name__: command for command in kind.commands}
    yield EVENT_TYPES, {event.TOPIC: event for event in kind.events}
    yield STATES, {state.__name__: state for state in kind.states}
    yield _OF_COMMANDS, dict.fromkeys(kind.commands, kind)
    yield _FOLLOWS, kind.follows
    yield _RETURNS, kind.returns


def those_of(base: type[T], *modules: ModuleType) -> tuple[type[T], ...]:
    """The classes that modules define and that are of a base."""
    return tuple(
        found
        for module in modules
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, base) and found.__module__ == module.__name__
    )


def kind_of(stream: str) -> Kind | None:
    """The kind that a subject or stream is of; None where no id is like that."""
    if is_of_line(stream):
        return KINDS["line"]
    return _BY_PREFIX.get(stream[: stream.find("/") + 1]) or _BY_PREFIX.get(stream[: stream.find("@") + 1])


def is_keyed(stream: str) -> bool:
    """Whether it is a subject's whose key decides where it lies: of any kind but the partition itself."""
    return is_of_line(stream) or (not is_own(stream) and kind_of(stream) is not None)


def new_subject(id_: str, book: TermsBook) -> Subject:
    """A subject that nothing has happened to. Raises LookupError where no subject has an id like that."""
    kind = kind_of(id_)
    if kind is None:
        raise LookupError(f"no subject has an id like {id_!r}")
    return kind.load(id_, NoStreams(), book, nothing_claimed)


def kind_for(command: Command) -> Kind:
    """The kind of subject that a command addresses."""
    return _OF_COMMANDS[type(command)]


def is_subject(id_: str) -> bool:
    """Whether a command may address it."""
    if id_[:1].isdigit() or id_[:1] == "T":  # as `is_of_line` and `is_plain` say: every command comes by here
        return not ("#" in id_ or "/" in id_ or "@" in id_)
    kind = kind_of(id_)
    return kind is not None and kind.subjects.fullmatch(id_) is not None


def advancing(id_: str, at: int, command_id: str) -> Command:
    """The clock's command that brings a subject to an instant. Raises LookupError where nothing falls due for it."""
    kind = kind_of(id_)
    if kind is None or kind.advancing is None:
        raise LookupError(f"nothing falls due for {id_!r}")
    return kind.advancing(id_, at, command_id)


def after_event(event: Event) -> list[Command]:
    """The commands that follow from an event."""
    follows = _FOLLOWS.get(type(event))
    return [] if follows is None else follows(event)


def after_refusal(command: Command, refusal: Refusal) -> list[Command]:
    """The commands that follow from the refusal of a policy's command."""
    returns = _RETURNS.get(type(command))
    return [] if returns is None else returns(command, refusal)


def ended(command: Command, digest: bytes, recorded: PartitionHistory) -> tuple[Event, Refusal | None] | None:
    """What a policy's command is answered that was carried out at once after its cause, and so is not journaled."""
    kind = _OF_COMMANDS[type(command)]
    asked = kind.ended.get(type(command))
    return None if asked is None else asked(command, digest, recorded)


def misfits(command: Command) -> list[str]:
    """The fields of a command of the ledger's own that do not follow from the rest of it."""
    relations = kind_for(command).relations.get(type(command))
    return [] if relations is None else [name for name, holds in relations(command) if not holds]


def forms_of(command: str) -> Mapping[str, str | None]:
    """The forms of a command's fields, by its name, that are other than its schema says."""
    asked = COMMANDS[command]
    return _OF_COMMANDS[asked].forms.get(asked, {})
