"""Answers by folding the log itself, with the domain's own rules: nothing stored, nothing to keep up to date.

A question about one number reads that number's events only, one at a time. A question about all of them goes through
the numbers one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from heapq import merge
from itertools import chain
from typing import NamedTuple

from ledger.domain import money
from ledger.domain.calendar import format_instant
from ledger.domain.events import Event
from ledger.domain.kinds import EVENT_TYPES, subject_of
from ledger.domain.line.account import Account
from ledger.domain.line.line import Line
from ledger.domain.prepaid.account import PrepaidAccount, prepaid
from ledger.domain.prepaid.events import CreditTransferReceived, CreditTransferReturned, CreditTransferSent
from ledger.domain.subject import Cause
from ledger.errors import QueryRefused
from projections.asking.answers import (
    Balance,
    BlockAnswer,
    Enquiry,
    Head,
    HistoryEvent,
    HistoryLine,
    HistoryRefusal,
    InTransit,
    LogLine,
    OutcomeAnswer,
    States,
    TrialBalance,
    UsageAnswer,
)
from projections.asking.queries import (
    CUSTOMER_ACCOUNT,
    OPERATOR_UNITS,
    SUBJECT,
    BeforeTheLog,
    KnownBeyondNow,
    UnknownCommand,
    UnknownThen,
)
from projections.engine.reader import Decided, LogReader, LogSnapshot

_TRANSIT = tuple(kind.TOPIC for kind in (CreditTransferSent, CreditTransferReceived, CreditTransferReturned))
_TYPE_NAMES = {kind.__name__: topic for topic, kind in EVENT_TYPES.items()}

Sums = Counter[tuple[str, str]]
"""Sen by (ledger account, unit)."""


class _Moment(NamedTuple):
    """The two instants of a question, and whether nothing can change its answer any more."""

    as_of: int
    known_at: int
    final: bool

    def sees(self, event: Event) -> bool:
        return event.effective_at <= self.as_of and event.recorded_at <= self.known_at


class _Folded(NamedTuple):
    """A line as of a moment: what fell due unrecorded is folded in, and stands in `due`."""

    line: Line
    due: list[Event]
    ordinal: int


class DirectQueries:
    """The questions of `projections.asking.queries.Queries`, answered from a log; `now` tells the present instant."""

    def __init__(self, reader: LogReader, now: Callable[[], int]) -> None:
        self._reader = reader
        self._now = now

    # --- one number ---------------------------------------------------------------------------------------------------

    def enquiry(self, subject: str, *, as_of: int | None = None, known_at: int | None = None) -> Enquiry:
        """A number's current account then, or the account named."""
        named = SUBJECT.fullmatch(subject)
        if named is None:
            raise UnknownThen(f"{subject}: neither a number nor an account")
        with self._reader.snapshot() as log:
            moment = self._moment(log, as_of, known_at)
            folded = self._fold(log, named[1], moment)
            line = folded.line
            account = line.account if named[2] is None else _accounts(line).get(subject)
            if account is None:
                raise _unknown(subject, moment)
            return self._enquiry(log, folded, prepaid(account), moment)

    def enquiries(self, *, as_of: int | None = None, known_at: int | None = None) -> Iterator[Enquiry]:
        """The current account of every number that had one then."""
        with self._reader.snapshot() as log:
            moment = self._moment(log, as_of, known_at)
            self._rests_on(log, moment)
            for folded in self._folds(log, moment):
                if folded.line.account is not None:
                    yield self._enquiry(log, folded, prepaid(folded.line.account), moment)

    def _enquiry(
        self, log: LogSnapshot, folded: _Folded, account: PrepaidAccount, moment: _Moment
    ) -> Enquiry:
        usage = account.usage
        return Enquiry(
            msisdn=folded.line.msisdn,
            account=account.id,
            terms=account.terms,
            terms_digest=log.book.digest(account.terms),
            state=account.state,
            credit=account.credit,
            reserved=account.reserved,
            available=account.available,
            active_until=account.active_until,
            grace_until=account.grace_until,
            waiting_until=account.waiting_until,
            blocks=tuple(BlockAnswer(b.block, b.scope, b.ground, b.since) for b in account.blocks.values()),
            usage=UsageAnswer(usage.voice, usage.sms, usage.data, usage.charged),
            as_of=moment.as_of,
            known_at=moment.known_at,
            final=moment.final,
            position=_position(log, folded.ordinal),
        )

    def history(
        self,
        subject: str,
        *,
        refused: bool = False,
        as_of: int | None = None,
        known_at: int | None = None,
    ) -> Iterator[HistoryLine]:
        """The events of a number, or of one account, in the order of recording, each with the balance after it."""
        named = SUBJECT.fullmatch(subject)
        if named is None:
            raise UnknownThen(f"{subject}: neither a number nor an account")
        with self._reader.snapshot() as log:
            moment = self._moment(log, as_of, known_at)
            events = self._history(log, named[1], named[2] and subject, moment)
            first = next(events, None)
            if first is None:
                raise _unknown(subject, moment)
            refusals = self._refusals(log, named[1], moment) if refused else iter(())
            rest = merge(chain([first], events), refusals, key=lambda line: line[0])
            for _, line in rest:
                yield line

    def _history(
        self, log: LogSnapshot, msisdn: str, account: str | None, moment: _Moment
    ) -> Iterator[tuple[tuple[float, int], HistoryLine]]:
        line = Line(msisdn, log.book)
        for found in log.events_of(msisdn):
            if not moment.sees(found.event):
                continue
            line.take(found.event)
            if account is None or found.event.account == account:
                written = LogLine(_position(log, found.ordinal), found.digest, found.event)
                yield (found.ordinal, 0), _with_balance(line, written, moment)
        if line.account is None or (account is not None and account != line.account.id):
            return
        shadow = _Shadow(line)
        for event in _advanced(line, moment):
            shadow.take(event)
            if account is not None and event.account != account:
                continue
            written = LogLine(None, None, event)
            yield (float("inf"), 0), HistoryEvent(written, shadow.credit, shadow.reserved, moment.final)

    def _refusals(
        self, log: LogSnapshot, msisdn: str, moment: _Moment
    ) -> Iterator[tuple[tuple[float, int], HistoryLine]]:
        for decided in log.decided(msisdn):
            seen = decided.at <= moment.as_of and decided.at <= moment.known_at
            if seen and decided.code is not None and not decided.events:
                outcome = _outcome(log, msisdn, decided)
                yield (decided.ordinal, 1), HistoryRefusal(outcome, moment.final)

    def outcome(self, msisdn: str, command_id: str) -> OutcomeAnswer:
        """What became of a command."""
        with self._reader.snapshot() as log:
            decided = log.decision(msisdn, command_id)
            if decided is None:
                raise UnknownCommand(f"{msisdn} has no decided command {command_id}")
            return _outcome(log, msisdn, decided)

    # --- ledger accounts ----------------------------------------------------------------------------------------------

    def balance(
        self, ledger_account: str, *, as_of: int | None = None, known_at: int | None = None
    ) -> list[Balance]:
        """The balance of a ledger account, one for each unit that it holds."""
        customer = CUSTOMER_ACCOUNT.fullmatch(ledger_account)
        if customer is None and ledger_account not in OPERATOR_UNITS:
            raise UnknownThen(f"{ledger_account}: no such ledger account")
        with self._reader.snapshot() as log:
            moment = self._moment(log, as_of, known_at)
            if customer is None:
                sums, ordinal = self._of_operator(log, ledger_account, moment)
            else:
                account, msisdn, part = customer.groups()
                sums, ordinal = self._of_customer(log, account, msisdn, moment)
                if part == "in-transit":
                    ordinal = max(ordinal, self._arrived(log, account, msisdn, moment, sums))
            units = sorted({unit for name, unit in sums if name == ledger_account})
            if not units:
                units = [money.PULSA if customer else OPERATOR_UNITS[ledger_account]]
            return [
                Balance(
                    account=ledger_account,
                    unit=unit,
                    amount=sums[ledger_account, unit],
                    as_of=moment.as_of,
                    known_at=moment.known_at,
                    final=moment.final,
                    position=_position(log, ordinal),
                )
                for unit in units
            ]

    def _of_customer(self, log: LogSnapshot, account: str, msisdn: str, moment: _Moment) -> tuple[Sums, int]:
        sums: Sums = Counter()
        folded = self._fold(log, msisdn, moment, sums)
        if account not in _accounts(folded.line):
            raise _unknown(account, moment)
        return sums, folded.ordinal

    def _arrived(self, log: LogSnapshot, account: str, msisdn: str, moment: _Moment, sums: Sums) -> int:
        """Adds what other numbers have received of what an account sent; returns the last ordinal of it."""
        sent = {
            found.event.to_msisdn
            for found in log.events_of(msisdn)
            if isinstance(found.event, CreditTransferSent) and found.event.account == account
        }
        last = 0
        for other in sent:
            for found in log.events_of(other):
                event = found.event
                if not isinstance(event, CreditTransferReceived) or event.from_account != account:
                    continue
                if moment.sees(event):
                    _add(sums, event)
                    last = max(last, found.ordinal)
        return last

    def _of_operator(self, log: LogSnapshot, ledger_account: str, moment: _Moment) -> tuple[Sums, int]:
        sums: Sums = Counter()
        for _ in self._folds(log, moment, sums):
            pass
        return sums, self._rests_on(log, moment)

    def trial_balance(
        self, *, each: bool = False, as_of: int | None = None, known_at: int | None = None
    ) -> TrialBalance:
        """Every ledger account's balance; each customer's, or all of them summed."""
        with self._reader.snapshot() as log:
            moment = self._moment(log, as_of, known_at)
            ordinal = self._rests_on(log, moment)
            total: Sums = Counter(dict.fromkeys(OPERATOR_UNITS.items(), 0))
            of_one: Sums = total if each else Counter()
            for _ in self._folds(log, moment, of_one):
                if not each:
                    for (name, unit), amount in of_one.items():
                        total[_summed(name), unit] += amount
                    of_one.clear()
            rows = tuple((name, unit, total[name, unit]) for name, unit in sorted(total))
            return TrialBalance(rows, *moment, position=_position(log, ordinal))

    # --- all of them --------------------------------------------------------------------------------------------------

    def states(self, *, as_of: int | None = None, known_at: int | None = None) -> States:
        """How many accounts and numbers are in each state."""
        with self._reader.snapshot() as log:
            moment = self._moment(log, as_of, known_at)
            ordinal = self._rests_on(log, moment)
            accounts: Counter[str] = Counter()
            numbers: Counter[str] = Counter()
            for folded in self._folds(log, moment):
                states = [account.state for account in _accounts(folded.line).values()]
                accounts.update(states)
                if states:
                    numbers[folded.line.number_state] += 1
            position = _position(log, ordinal)
            return States(dict(accounts), dict(numbers), *moment, position=position)

    def transit(self, *, as_of: int | None = None, known_at: int | None = None) -> list[InTransit]:
        """Credit on its way, longest first."""
        with self._reader.snapshot() as log:
            moment = self._moment(log, as_of, known_at)
            position = _position(log, self._rests_on(log, moment))
            under_way: dict[str, CreditTransferSent] = {}
            ended: set[str] = set()
            for found in log.events(types=_TRANSIT):
                event = found.event
                if not moment.sees(event):
                    continue
                if isinstance(event, CreditTransferSent):
                    # Of equal instants in two partitions the end may come first.
                    if event.transfer in ended:
                        ended.discard(event.transfer)
                    else:
                        under_way[event.transfer] = event
                elif (
                    isinstance(event, CreditTransferReceived | CreditTransferReturned)
                    and under_way.pop(event.transfer, None) is None
                ):
                    ended.add(event.transfer)
            return [
                InTransit(
                    transfer=sent.transfer,
                    from_account=sent.account,
                    to_msisdn=sent.to_msisdn,
                    amount=sent.amount,
                    fee=sent.fee,
                    sent_at=sent.effective_at,
                    as_of=moment.as_of,
                    known_at=moment.known_at,
                    final=moment.final,
                    position=position,
                )
                for sent in sorted(under_way.values(), key=lambda sent: sent.effective_at)
            ]

    def log(
        self, start: int = 1, *, subject: str | None = None, types: Collection[str] | None = None
    ) -> Iterator[LogLine]:
        """The events from an ordinal on, in order; of one subject, or of some types only."""
        topics = None if types is None else {_topic(name) for name in types}
        with self._reader.snapshot() as log:
            if subject is not None and SUBJECT.fullmatch(subject):
                events = log.events_of(subject_of(subject))
            else:
                events = log.events(start, types=topics)
            for ordinal, digest, event in ((r.ordinal, r.digest, r.event) for r in events):
                if ordinal < start or (topics is not None and event.TOPIC not in topics):
                    continue
                if subject is None or subject in (event.account, subject_of(event.account)):
                    yield LogLine(_position(log, ordinal), digest, event)

    def head(self) -> Head:
        """How far the log goes."""
        with self._reader.snapshot() as log:
            created = log.created
            if created is None:
                raise BeforeTheLog("nothing has been recorded yet")
            position = _position(log, log.head)
            return Head(position, log.head, created.clock, created.recorded_at, log.closed_through)

    # --- folding ------------------------------------------------------------------------------------------------------

    def _moment(self, log: LogSnapshot, as_of: int | None, known_at: int | None) -> _Moment:
        now = self._now()
        known_at = now if known_at is None else known_at
        if known_at > now:
            raise KnownBeyondNow(f"it is {format_instant(now)}")
        closed = log.closed_through
        return _Moment(now if as_of is None else as_of, known_at, closed is not None and known_at <= closed)

    def _folds(self, log: LogSnapshot, moment: _Moment, sums: Sums | None = None) -> Iterator[_Folded]:
        for msisdn in log.numbers():
            folded = self._fold(log, msisdn, moment, sums)
            if folded.ordinal:
                yield folded

    def _fold(self, log: LogSnapshot, msisdn: str, moment: _Moment, sums: Sums | None = None) -> _Folded:
        """A number as of a moment, and where it is asked for, what all its postings sum to."""
        line = Line(msisdn, log.book)
        ordinal = 0
        for found in log.events_of(msisdn):
            event = found.event
            if moment.sees(event):
                line.take(event)
                ordinal = found.ordinal
                if sums is not None:
                    _add(sums, event)
        due = _advanced(line, moment)
        if sums is not None:
            for event in due:
                _add(sums, event)
        return _Folded(line, due, ordinal)

    def _rests_on(self, log: LogSnapshot, moment: _Moment) -> int:
        """The ordinal that an answer about the whole log rests on."""
        ordinal, created = log.recorded_by(moment.known_at), log.created
        if ordinal == 0:
            raise BeforeTheLog(f"nothing was recorded by {format_instant(moment.known_at)}")
        if created is not None and moment.as_of < created.recorded_at:
            raise BeforeTheLog(f"the log begins at {format_instant(created.recorded_at)}")
        return ordinal


class _Shadow:
    """What an account holds while events that it has taken already are gone through again."""

    def __init__(self, line: Line) -> None:
        account = None if line.account is None else prepaid(line.account)
        self.names = ("", "") if account is None else (f"{account.id}/credit", f"{account.id}/reserved")
        self.available = 0 if account is None else account.available
        self.reserved = 0 if account is None else account.reserved

    @property
    def credit(self) -> int:
        return self.available + self.reserved

    def take(self, event: Event) -> None:
        for posting in event.postings:
            if posting["account"] == self.names[0]:
                self.available += posting["amount"]
            elif posting["account"] == self.names[1]:
                self.reserved += posting["amount"]


def _advanced(line: Line, moment: _Moment) -> list[Event]:
    """Folds in what falls due by then, and returns it."""
    line.cause = Cause(moment.as_of, "", None, "clock")
    line.advance(moment.as_of)
    return line.collect()


def _with_balance(line: Line, written: LogLine, moment: _Moment) -> HistoryEvent:
    account = None if line.account is None else prepaid(line.account)
    credit, reserved = (0, 0) if account is None else (account.credit, account.reserved)
    return HistoryEvent(written, credit, reserved, moment.final)


def _accounts(line: Line) -> dict[str, Account]:
    """Every account that the number has had."""
    current = {} if line.account is None else {line.account.id: line.account}
    return {**line.former, **current}


def _add(sums: Sums, event: Event) -> None:
    for posting in event.postings:
        sums[posting["account"], posting["unit"]] += posting["amount"]


def _summed(ledger_account: str) -> str:
    if ledger_account in OPERATOR_UNITS or ledger_account.startswith("operator/"):
        return ledger_account
    return "accounts/" + ledger_account.rpartition("/")[2]


def _topic(name: str) -> str:
    topic = _TYPE_NAMES.get(name, name)
    if topic not in EVENT_TYPES:
        raise QueryRefused(f"no events are of the type {name}")
    return topic


def _position(log: LogSnapshot, ordinal: int) -> str:
    return f"{log.partition}:{ordinal}"


def _unknown(subject: str, moment: _Moment) -> UnknownThen:
    then = f"as of {format_instant(moment.as_of)}, known at {format_instant(moment.known_at)}"
    return UnknownThen(f"{subject} is not known {then}")


def _outcome(log: LogSnapshot, msisdn: str, decided: Decided) -> OutcomeAnswer:
    return OutcomeAnswer(
        msisdn=msisdn,
        command_id=decided.command_id,
        command=decided.name,
        at=decided.at,
        code=decided.code,
        message=decided.message,
        events=decided.events,
        position=_position(log, decided.ordinal),
        principal=decided.principal,
    )
