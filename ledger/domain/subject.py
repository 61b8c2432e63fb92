"""A subject: what a command addresses, and what is consistent in itself. Its events are its whole state.

It takes events, brings itself to an instant, emits what a command asks for, and is told apart from others by its id
(`kinds.py`). It does no input and no output: what it needs of the log is handed to it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from ledger.domain.calendar import NEVER, format_instant
from ledger.domain.commands import Command
from ledger.domain.events import Event, make
from ledger.domain.money import Posting


class Cause(NamedTuple):
    """What events are recorded for: the instant, and the command with its digest and actor."""

    at: int
    command_id: str
    command_digest: bytes | None
    actor: str


Claimed = Callable[[str, str, str], bool]
"""Whether (account, kind, id) was used before; of an event's type, whether a command of that id brought one about."""


def nothing_claimed(_account: str, _kind: str, _id: str) -> bool:
    """For a fold in memory, which never asks."""
    return False


class State(Protocol):
    """What the events of one stream add up to: a `msgspec.Struct`, which snapshots hold as MessagePack."""

    id: str
    """The stream."""
    version: int
    recorded_at: int


S = TypeVar("S", bound=State)


class Records(Protocol):
    """What the streams of a log hold by now, what the batch under way has brought about included."""

    def span(self, stream: str, first: int, last: int) -> Sequence[Event]:
        """The events of a stream by version, both ends included."""

    def of_command(self, stream: str, command_id: str) -> Sequence[Event]:
        """Those that a command of that id has brought about there; none where none has."""

    def digest(self, stream: str, version: int, fresh: Sequence[Event]) -> bytes:
        """The digest that chains an event to all before it; `fresh` come after what is in the batch by now."""


class NoRecords:
    """For a fold in memory, which never asks."""

    def span(self, _stream: str, _first: int, _last: int) -> Sequence[Event]:
        """Nothing."""
        return ()

    def of_command(self, _stream: str, _command_id: str) -> Sequence[Event]:
        """Nothing."""
        return ()

    def digest(self, _stream: str, _version: int, _fresh: Sequence[Event]) -> bytes:
        """Nothing."""
        return b""


NO_RECORDS = NoRecords()


class Streams(Protocol):
    """What a log knows of streams."""

    records: Records

    def state(self, stream: str, begin: Callable[[Event], S], apply: Callable[[S, Event], None]) -> S | None:
        """What the events of a stream add up to, from its last snapshot on; None where it has none.

        `begin` makes the state that its first event, and all others, are applied to.
        """

    def last(self, stream: str) -> Event | None:
        """The last event of a stream; None where it has none."""


class NoStreams:
    """A log that has recorded nothing yet."""

    records: Records = NO_RECORDS

    def state(self, stream: str, begin: Callable[[Event], S], apply: Callable[[S, Event], None]) -> S | None:
        """None."""

    def last(self, stream: str) -> Event | None:
        """None."""


class Subject(ABC):
    """What a command addresses."""

    __slots__ = ("cause", "recorded_at")

    cause: Cause
    """What is recorded now is recorded for."""
    recorded_at: int
    """The latest instant at which something was recorded for it; -NEVER: nothing was."""

    @property
    @abstractmethod
    def id(self) -> str:
        """What commands address it by."""

    @property
    @abstractmethod
    def due_at(self) -> int:
        """The next instant at which time alone changes something; NEVER where nothing will."""

    @abstractmethod
    def advance(self, until: int) -> None:
        """Emits everything that falls due at or before an instant, each effective at its own."""

    @abstractmethod
    def take(self, event: Event) -> None:
        """Applies an event that the log holds. Never fails for one that was emitted here."""

    @abstractmethod
    def collect(self) -> list[Event]:
        """What was emitted since last asked, in order; each is applied already."""

    @abstractmethod
    def copy(self) -> Subject:
        """The subject as it stands; what was emitted is not part of it."""

    def lacks(self, stream: str) -> bool:
        """Whether a stream of its own is not at hand: not all of them are needed for every command."""
        return False

    def hold(self, streams: Streams, stream: str) -> None:
        """Loads such a stream."""
        raise LookupError(stream)

    def states(self) -> Iterable[State]:
        """What snapshots are kept of."""
        return ()

    def state_of(self, stream: str) -> State | None:
        """What a stream of its own adds up to, as far as it is at hand."""
        return None

    def amiss(self, command: Command) -> Iterator[tuple[str, str]]:
        """What is wrong with which account where a policy's command came to nothing here: an audit asks."""
        yield from ()

    def faults(self, event: Event) -> Iterator[str]:
        """What may not be, now that an event of the log was taken: an audit asks."""
        yield from ()


def make_event(  # noqa: PLR0913 - the header of an event
    event_type: type[Event],
    stream: str,
    version: int,
    cause: Cause,
    own: dict[str, Any],
    *,
    effective_at: int | None = None,
    terms: str | None = None,
    clause: str | None = None,
    postings: Sequence[Posting] = (),
) -> Event:
    """An event of a stream with all its parts; `own` are its type's own fields, which its schema checks.

    It is effective when it is recorded, unless said otherwise.
    """
    at, command_id, command_digest, actor = cause
    record = {
        "account": stream,
        "version": version,
        "effective_at": at if effective_at is None else effective_at,
        "recorded_at": at,
        "terms": terms,
        "clause": clause,
        "command_id": command_id,
        "command_digest": command_digest,
        "actor": actor,
        "postings": list(postings),
        **own,
    }
    return make(event_type, record)


NOTHING = Cause(-NEVER, "", None, "")
"""The cause of a subject that no command has addressed yet."""


def fell_due(
    stream: str, event_type: type[Event], at: int, recorded_at: int, about: str | None = None
) -> Cause:
    """The cause of what fell due at an instant, whoever noticed it."""
    return Cause(recorded_at, due_id(stream, event_type.__name__, at, about), None, CLOCK)


def due_id(stream: str, name: str, at: int, about: str | None = None) -> str:
    """The command_id of what fell due: of which stream, which type of event, its instant, and what it is about."""
    id_ = f"{DUE}{stream}/{name}/{format_instant(at)}"
    return id_ if about is None else f"{id_}/{about}"


CLOCK = "clock"
"""The actor of what fell due."""
DUE = "due/"
"""How the command_ids of what fell due begin."""
