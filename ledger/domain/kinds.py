"""The kinds of subject, and how subjects and their streams of events are named. No other module reads an id.

A *kind* of subject is a package beside this module: its commands, its events, its rules; `kind.py` there puts them
together, and `ledger/domain/__init__.py` names the packages. What is not of one kind asks here, and knows none of them.

A *subject* is what a command addresses. Its events lie in *streams*, each with versions of its own:

    6288112345678                    a number, its own events; in a log of tokens TAB3…, which stands in its place
    6288112345678#2                  the second account of that number
    log@3, terms/<id>@3, apart@3     of the third partition: itself, terms that it uses, what could not be carried out
    <prefix>/…                       of another kind, which says its prefix

`#`, `/` and `@` part the names that an id is made of; none of these holds one of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeVar

from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.refusals import Refusal
from ledger.domain.subject import Claimed, NoStreams, State, Streams, Subject, nothing_claimed
from ledger.domain.terms_book import TermsBook

NUMBER = re.compile(r"(?:[1-9][0-9]{6,14}|T[A-Z2-7]{20})", re.ASCII)
"""A number as an id: its digits with country code, or a token in its place."""
ACCOUNT = re.compile(rf"{NUMBER.pattern}#[1-9][0-9]{{0,8}}", re.ASCII)
"""A well-formed account."""
_PART = re.compile(rf"({ACCOUNT.pattern})/([a-z]+(?:-[a-z]+)*)", re.ASCII)
_EVENT = re.compile(rf"({ACCOUNT.pattern})/([1-9][0-9]{{0,17}})", re.ASCII)
_PARTITION = re.compile(r"(?:log|apart|terms/[^#/@]*)@(0|[1-9][0-9]{0,8})", re.ASCII)

SUBJECT_SQL = "substr(originator_id, 1, instr(originator_id || '#', '#') - 1)"
"""`subject_of` in SQLite, of the column `originator_id`."""
TERMS = ("terms/", "terms0")
"""The ids of all terms' streams lie from the first to before the second."""
NUMBERS = ("0", "U")
"""And those of numbers and their accounts."""
OF_ACCOUNTS = "#"
"""What the id of an account has, and that of no number."""


PartitionOf = Callable[[str], int]
"""Tells the partition that a subject lies in."""


def subject_of(stream: str) -> str:
    """What a stream is counted under, and what its events have as their key: an account's number, else itself."""
    return stream.partition("#")[0]


def streams_of(subject: str) -> tuple[str, str]:
    """The ids of a subject's further streams lie between these two."""
    return subject + "#", subject + "$"


def names_in(id_: str) -> list[str]:
    """The names that the id of an account, or of a ledger account, is made of: `6288…`, `1`, `credit`."""
    return id_.replace("#", "/").split("/")


def part_of(ledger_account: str) -> str:
    """Which part (`credit`) of an account a ledger account is; of the operator's, its name; or `suspense`."""
    return SUSPENSE if ledger_account.startswith(OF_SUSPENSE[0]) else ledger_account.rpartition("/")[2]


def is_operators(ledger_account: str) -> bool:
    """Whether a ledger account is the operator's, and no subject's."""
    return ledger_account.startswith("operator/")


def is_under(id_: str, stream: str) -> bool:
    """Whether an id was given by an account: a transfer's by its sender's."""
    return id_.startswith(f"{stream}/")


def is_plain(name: str) -> bool:
    """Whether a name may be part of an id."""
    return not ("#" in name or "/" in name or "@" in name)


def account_of(number: str, generation: int) -> str:
    """The id of a number's account; the first is of generation 1."""
    return f"{number}#{generation}"


def is_account(stream: str) -> bool:
    """Whether it is an account's stream, and not its number's own."""
    return "#" in stream


def is_of_line(stream: str) -> bool:
    """Whether it is a number, or an account of one."""
    return stream[:1].isdigit() or stream[:1] == "T"


def is_token(number: str) -> bool:
    """Whether what stands for a number is a token: a log has these in place of all its numbers, or none."""
    return number[:1] == "T"


def number_in(text: str) -> str | None:
    """The number of a well-formed number or account; None where the text is neither."""
    number = subject_of(text)
    whole = NUMBER if number == text else ACCOUNT
    return None if whole.fullmatch(text) is None else number


def event_of(account: str, version: int) -> str:
    """The id of an account's event: `6288112345678#1/12`."""
    return f"{account}/{version}"


def event_in(text: str) -> tuple[str, int] | None:
    """The account and version that an event's id names; None where it is none."""
    found = _EVENT.fullmatch(text)
    return None if found is None else (found[1], int(found[2]))


SUSPENSE = "suspense"
"""What holds money that no account took, for each number and reference: `suspense/6288112345678/<reference>`."""
OF_SUSPENSE = ("suspense/", "suspense0")
"""The names of those ledger accounts lie from the first to before the second."""

OF_OPERATOR = ("operator/", "operator0")
"""The names of the operator's ledger accounts lie from the first to before the second."""
OF_CUSTOMERS = ("0", "U")
"""And those of customers' accounts: `6288112345678#1/credit`."""


def suspense_of(msisdn: str, reference: str) -> str:
    """The ledger account of what lies in suspense on a number under a reference, which may hold anything."""
    return f"{SUSPENSE}/{msisdn}/{reference}"


def suspense_in(text: str) -> tuple[str, str] | None:
    """The number and the reference that such a ledger account names; None where it is none."""
    prefix, _, rest = text.partition("/")
    msisdn, _, reference = rest.partition("/")
    return (msisdn, reference) if prefix == SUSPENSE and NUMBER.fullmatch(msisdn) and reference else None


def part_in(text: str) -> tuple[str, str] | None:
    """The account and its part that a well-formed customer's ledger account names; None where it is none."""
    found = _PART.fullmatch(text)
    return None if found is None else (found[1], found[2])


# --- the partition's own --------------------------------------------------------------------------------------------


def log_of(partition: int) -> str:
    """The partition itself, as a subject: its beginning and its closings."""
    return f"log@{partition}"


def apart_of(partition: int) -> str:
    """What had to follow there and could not be carried out."""
    return f"apart@{partition}"


def terms_of(terms_id: str, partition: int) -> str:
    """Terms that the partition has published."""
    return f"terms/{terms_id}@{partition}"


def partition_named(stream: str) -> int | None:
    """The partition that an id of its own names; None for what lies where its key falls."""
    found = _PARTITION.fullmatch(stream)
    return None if found is None else int(found[1])


def is_partition(subject: str) -> bool:
    """Whether it is a partition itself, as what is closed."""
    return subject.startswith("log@") and partition_named(subject) is not None


def is_own(stream: str) -> bool:
    """Whether it is the partition's own: of no subject whose key decides where it lies."""
    return stream.startswith(("log@", "apart@", "terms/"))


def is_keyed(stream: str) -> bool:
    """Whether it is a subject's whose key decides where it lies: of any kind but the partition itself."""
    return is_of_line(stream) or (not is_own(stream) and kind_of(stream) is not None)


def is_apart(stream: str) -> bool:
    """Whether it holds what could not be carried out."""
    return stream.startswith("apart@")


T = TypeVar("T")


class PartitionHistory:
    """What a kind asks of a partition to find out what became of a command that is not journaled."""

    def __init__(
        self,
        is_here: Callable[[str], bool],
        streams: Callable[[str], Iterable[Event]],
        happened: Callable[[str], Iterable[Event]],
    ) -> None:
        self.is_here = is_here
        """Whether a subject lies in the partition."""
        self.streams = streams
        """The events of a stream that are recorded."""
        self.happened = happened
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
    """How its streams' ids begin; those of a line begin with a digit."""
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
    return next((kind for kind in KINDS.values() if stream.startswith(kind.prefixes)), None)


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
    if (
        id_[:1].isdigit() or id_[:1] == "T"
    ):  # as `is_of_line` and `is_plain`, in one breath: every command comes by here
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


POLICY = "policy"
"""The actor of what follows."""
POLICY_IDS = "policy/"
"""How the ids begin of what follows."""


def links_of(command_id: str) -> int:
    """How many commands of policies stand one behind the other, as far as the last one's id says so."""
    count = 0
    while command_id.startswith(POLICY_IDS):
        command_id, count = command_id.removeprefix(POLICY_IDS), count + 1
    return count
