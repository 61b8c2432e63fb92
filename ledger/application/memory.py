"""The subjects in memory: loaded from the log when they are asked for, and forgotten when others were used since."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from eventsourcing.application import AggregateNotFoundError, Repository

from ledger.application.journal import NO_CHAIN, History, LedgerRecorder, StateSnapshot
from ledger.domain.calendar import NEVER
from ledger.domain.events import Event
from ledger.domain.kinds import Kind, kind_of
from ledger.domain.subject import Claimed, NoStreams, Records, S, Streams, Subject
from ledger.domain.terms_book import TermsBook
from ledger.errors import LogDamaged

if TYPE_CHECKING:
    from eventsourcing.persistence import StoredEvent  # slow to import

CACHED_SUBJECTS = 100_000
"""Subjects kept in memory."""


class Held:
    """A subject in memory, its kind, and the last digest of its journal."""

    __slots__ = ("chain", "kind", "subject")

    def __init__(self, kind: Kind, subject: Subject, chain: bytes) -> None:
        self.kind = kind
        self.subject = subject
        self.chain = chain


class Subjects:
    """The subjects of one log, by their ids; `own` is the partition itself, which is never forgotten by itself."""

    def __init__(  # noqa: PLR0913 - what subjects are loaded from
        self,
        repository: Repository[str],
        recorder: LedgerRecorder,
        book: TermsBook,
        claimed: Claimed,
        own: str,
        records: Records,
    ) -> None:
        self.streams = RecordedStreams(repository, records)
        self._nothing = NothingRecorded(records)
        self._recorder = recorder
        self._book = book
        self._claimed = claimed
        self._own = own
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._gathered: dict[str, History] = {}

    def gather(self, ids: Sequence[str]) -> None:
        """Reads at once what of these subjects is not in memory, for they are about to be asked for.

        That nothing of one is recorded is read so, too. One that it cannot read so is read when it is asked for. What
        others record makes none of it old: nobody does.
        """
        missing = [id_ for id_ in dict.fromkeys(ids) if id_ not in self._held]
        self._gathered = {one.subject: one for one in self._recorder.histories(missing)} if missing else {}

    def __contains__(self, id_: str) -> bool:
        return id_ in self._held

    def get(self, id_: str) -> Held:
        """A subject, which need not have been seen before. Raises LogDamaged."""
        held = self._held.get(id_)
        if held is None:
            held = self._held[id_] = self._load(id_)
        else:
            self._held.move_to_end(id_)
        return held

    def drop(self, id_: str) -> None:
        """Drops one: what was applied to it was not recorded."""
        self._held.pop(id_, None)

    def fresh(self, id_: str) -> Subject:
        """A subject as the log has it."""
        return self._load(id_).subject

    def forget(self) -> None:
        """Drops everything: what was applied was not recorded."""
        self._held.clear()
        self._gathered = {}

    def trim(self) -> None:
        """Drops the subjects not used for longest, beyond `CACHED_SUBJECTS`; the partition stays."""
        while len(self._held) > max(CACHED_SUBJECTS, 1):
            id_, held = self._held.popitem(last=False)
            if id_ == self._own:
                self._held[id_] = held

    def _load(self, id_: str) -> Held:
        kind = kind_of(id_)
        if kind is None:
            raise LookupError(f"no subject has an id like {id_!r}")
        gathered = self._gathered.pop(id_, None)
        head = self._recorder.head_of(id_) if gathered is None else gathered.head
        if head is None:
            return Held(kind, kind.load(id_, self._nothing, self._book, self._claimed), NO_CHAIN)
        streams: Streams = self.streams if gathered is None else GatheredStreams(self.streams, gathered)
        subject = kind.load(id_, streams, self._book, self._claimed)
        if head.due_at != (None if subject.due_at == NEVER else subject.due_at):
            raise LogDamaged(f"{id_}: what falls due next is another instant than its events lead to")
        return Held(kind, subject, head.chain)


class NothingRecorded(NoStreams):
    """The streams of a subject that the log has nothing of: its head has said so, and they need not be looked for."""

    def __init__(self, records: Records) -> None:
        self.records = records


class RecordedStreams:
    """The streams of a log, as far as they are recorded."""

    def __init__(self, repository: Repository[str], records: Records) -> None:
        self._repository = repository
        self.records = records

    def state(self, stream: str, begin: Callable[[Event], S], apply: Callable[[S, Event], None]) -> S | None:
        """The state from its latest snapshot and the events since; None where there are none."""

        def project(_: Any, events: Iterable[Any]) -> S | None:  # noqa: ANN401
            return _folded(events, begin, apply)

        try:
            found: Any = self._repository.get(stream, projector_func=project)
        except AggregateNotFoundError:
            return None
        return cast("S", found)

    def of(self, stored: Iterable[StoredEvent]) -> Iterator[Event]:
        """The events in those rows."""
        decoded: Any = self._repository.event_store.mapper.to_domain_event
        return map(decoded, stored)

    def last(self, stream: str) -> Event | None:
        """The last event; None where there is none."""
        events: Iterable[Any] = self._repository.event_store.get(stream, desc=True, limit=1)
        return next(iter(events), None)

    def events(self, stream: str, first: int = 1, last: int | None = None) -> Iterable[Event]:
        """All events, in order, or those from a version to another, both included."""
        return cast("Iterable[Event]", self._repository.event_store.get(stream, gt=first - 1, lte=last))


class GatheredStreams:
    """The streams of one subject that were read with those of others; what was not is asked for."""

    def __init__(self, recorded: RecordedStreams, gathered: History) -> None:
        self.records = recorded.records
        self._recorded = recorded
        self._gathered = gathered.streams

    def state(self, stream: str, begin: Callable[[Event], S], apply: Callable[[S, Event], None]) -> S | None:
        """The state from all of its events; None where there are none."""
        found = self._gathered.get(stream)
        if found is None:
            return self._recorded.state(stream, begin, apply)
        return _folded(self._recorded.of(found), begin, apply)

    def last(self, stream: str) -> Event | None:
        """The last event; None where there is none."""
        found = self._gathered.get(stream)
        return self._recorded.last(stream) if found is None else next(self._recorded.of(found[-1:]), None)


def _folded(
    events: Iterable[Any], begin: Callable[[Event], S], apply: Callable[[S, Event], None]
) -> S | None:
    """What events add up to, from the last snapshot among them on."""
    state: Any = None
    for event in events:
        if isinstance(event, StateSnapshot):
            state = event.state
            continue
        if state is None:
            state = begin(event)
        apply(state, event)
    return cast("S | None", state)
