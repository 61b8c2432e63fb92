"""The lines in memory: loaded from the log when they are asked for, and forgotten when others were used since."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, TypeVar, cast

from eventsourcing.application import AggregateNotFoundError, Repository

from ledger.application.journal import LedgerRecorder, Snapshot
from ledger.domain.calendar import NEVER
from ledger.domain.kinds import account_of, is_account, is_of_line
from ledger.domain.line.account import Account
from ledger.domain.line.line import Claimed, Line
from ledger.domain.line.number import Number
from ledger.domain.line.product import product_of, rules_of
from ledger.domain.terms_book import TermsBook
from ledger.errors import LogDamaged

CACHED_LINES = 100_000
"""Lines kept in memory."""

_State = TypeVar("_State", Account, Number)


class Held:
    """A line in memory, with the last digest of its journal."""

    __slots__ = ("chain", "line")

    def __init__(self, line: Line, chain: bytes) -> None:
        self.line = line
        self.chain = chain


class Lines:
    """The lines of one log, by number."""

    def __init__(
        self, repository: Repository[str], recorder: LedgerRecorder, book: TermsBook, claimed: Claimed
    ) -> None:
        self._repository = repository
        self._recorder = recorder
        self._book = book
        self._claimed = claimed
        self._held: OrderedDict[str, Held] = OrderedDict()

    def get(self, msisdn: str) -> Held:
        """The line of a number, which need not have been seen before."""
        held = self._held.get(msisdn)
        if held is None:
            held = self._held[msisdn] = self._load(msisdn)
        else:
            self._held.move_to_end(msisdn)
        return held

    def drop(self, msisdn: str) -> None:
        """Drops one line: what was applied to it was not recorded."""
        self._held.pop(msisdn, None)

    def fresh(self, msisdn: str) -> Line:
        """The line of a number as the log has it."""
        return self._load(msisdn).line

    def forget(self) -> None:
        """Drops everything: what was applied was not recorded."""
        self._held.clear()

    def trim(self) -> None:
        """Drops the lines not used for longest, beyond `CACHED_LINES`."""
        while len(self._held) > CACHED_LINES:
            self._held.popitem(last=False)

    def former(self, line: Line, account_id: str) -> None:
        """Loads an earlier account of a line's number, so that an event of it can be recorded."""
        account = self._state(Account, account_id)
        if account is not None:
            line.former[account_id] = account

    def _load(self, msisdn: str) -> Held:
        if not is_of_line(msisdn):  # the partition has events without end, and a journal, but no state
            return Held(Line(msisdn, self._book), self._recorder.head_of(msisdn).chain)
        number = self._state(Number, msisdn)
        generation = number.generation if number is not None else 0
        account = self._state(Account, account_of(msisdn, generation + 1))
        if account is None and generation:
            account = self._state(Account, account_of(msisdn, generation))
        line = Line(msisdn, self._book, number=number, account=account, claimed=self._claimed)
        for former in range(1, generation + 1):  # money may have come back to one since
            line.recorded_at = max(line.recorded_at, self._recorded_at(account_of(msisdn, former)))
        head = self._recorder.head_of(msisdn)
        if head.due_at != (None if line.due_at == NEVER else line.due_at):
            raise LogDamaged(f"{msisdn}: what falls due next is another instant than its events lead to")
        return Held(line, head.chain)

    def _recorded_at(self, account_id: str) -> int:
        """When something was recorded last for an account."""
        events: Iterable[Any] = self._repository.event_store.get(account_id, desc=True, limit=1)
        return max((event.recorded_at for event in events), default=-NEVER)

    def _first(self, id_: str, event: Any) -> Account | Number:  # noqa: ANN401 - an event
        """The state before the first event."""
        return product_of(self._book[event.terms]).account(id_) if is_account(id_) else Number(id_)

    def _state(self, _: type[_State], id_: str) -> _State | None:
        """The state from its latest snapshot and the events since; None where there are none."""

        def project(_: Any, events: Iterable[Any]) -> _State | None:  # noqa: ANN401
            state: Any = None
            for event in events:
                if isinstance(event, Snapshot):
                    state = event.state
                    continue
                if state is None:
                    state = self._first(id_, event)
                if isinstance(state, Account):
                    state.apply(event, rules_of(state, event.terms or state.terms, self._book))
                else:
                    state.apply(event)
            return cast("_State | None", state)

        try:
            found: Any = self._repository.get(id_, projector_func=project)
        except AggregateNotFoundError:
            return None
        return cast("_State", found)
