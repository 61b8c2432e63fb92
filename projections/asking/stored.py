"""The questions, answered from the projections in a database.

What the log alone holds (its events one by one, the journal) is asked of the log.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager

from ledger.domain import money
from ledger.domain.calendar import format_instant
from ledger.domain.kinds import subject_of
from ledger.domain.prepaid.account import PrepaidAccount, prepaid
from ledger.errors import QueryRefused
from projections.asking import desk
from projections.asking.answers import (
    Balance,
    BlockAnswer,
    Enquiry,
    Head,
    HistoryLine,
    InTransit,
    Listed,
    LogLine,
    OutcomeAnswer,
    States,
    TrialBalance,
    UsageAnswer,
)
from projections.asking.as_of import Folded, Moment, Tables, View, postings_of
from projections.asking.queries import (
    CUSTOMER_ACCOUNT,
    OPERATOR_UNITS,
    SUBJECT,
    BeforeTheLog,
    KnownBeyondNow,
    ProjectionBehind,
    Queries,
    UnknownThen,
)
from projections.engine.database import Database
from projections.money.balances import class_of
from projections.money.trial_balance import Day, by_day
from projections.prepaid.blocks import BlockOnGround
from projections.prepaid.timeline import Span, timeline
from projections.prepaid.usage import DayOfUse


class StoredQueries:
    """The questions of `projections.asking.queries.Queries`; `now` tells the present instant.

    `at_least` names positions (ordinals by partition) that the projections must have reached: so one reads one's own
    writes. `log` answers for single events and outcomes.
    """

    def __init__(
        self,
        database: Database,
        now: Callable[[], int],
        *,
        log: Callable[[], Queries] | None = None,
        at_least: Mapping[int, int] | None = None,
    ) -> None:
        self._database = database
        self._now = now
        self._open_log = log
        self._log: Queries | None = None
        self._at_least = dict(at_least or {})
        self._tables = Tables()
        self._prepared = False

    @contextmanager
    def view(self) -> Iterator[View]:
        """The projections as they stand now. Raises ProjectionBehind, DatabaseUnreachable."""
        if not self._prepared:
            self._prepared = self._database.is_prepared()
            if not self._prepared:
                raise ProjectionBehind(
                    f"nothing has been projected into {self._database.name} yet; `pulsa project` does"
                )
        with self._database.reading() as connection:
            self._database.hold(connection)
            yield View(connection, self._tables, self._at_least)

    # --- one number ---------------------------------------------------------------------------------------------------

    def enquiry(self, subject: str, *, as_of: int | None = None, known_at: int | None = None) -> Enquiry:
        """A number's current account then, or the account named."""
        named = SUBJECT.fullmatch(subject)
        if named is None:
            raise UnknownThen(f"{subject}: neither a number nor an account")
        with self.view() as view:
            moment = self.moment(view, as_of, known_at)
            for folded in view.fold([named[1]], moment):
                account = folded.line.account if named[2] is None else folded.accounts.get(subject)
                if account is not None:
                    return _enquiry(view, folded, prepaid(account), moment)
            raise _unknown(subject, moment)

    def enquiries(self, *, as_of: int | None = None, known_at: int | None = None) -> Iterator[Enquiry]:
        """The current account of every number that had one then."""
        with self._whole(as_of, known_at) as (view, moment, _):
            for folded in view.every(moment):
                if folded.line.account is not None:
                    yield _enquiry(view, folded, prepaid(folded.line.account), moment)

    def history(
        self, subject: str, *, refused: bool = False, as_of: int | None = None, known_at: int | None = None
    ) -> Iterator[HistoryLine]:
        """The events of a number, as the log has them."""
        return self._asked_of_log.history(subject, refused=refused, as_of=as_of, known_at=known_at)

    def log(
        self, start: int = 1, *, subject: str | None = None, types: Collection[str] | None = None
    ) -> Iterator[LogLine]:
        """The events from an ordinal on, as the log has them."""
        return self._asked_of_log.log(start, subject=subject, types=types)

    def outcome(self, msisdn: str, command_id: str) -> OutcomeAnswer:
        """What became of a command, as the journal has it."""
        return self._asked_of_log.outcome(msisdn, command_id)

    @property
    def _asked_of_log(self) -> Queries:
        if self._log is None:
            if self._open_log is None:
                raise QueryRefused("the projections do not hold single events; ask where the log is at hand")
            self._log = self._open_log()
        return self._log

    def usage(
        self, subject: str, *, as_of: int | None = None, known_at: int | None = None
    ) -> Listed[DayOfUse]:
        """The use of a number's accounts, or of the account named, by local day and service."""
        with self._of_number(subject, as_of, known_at) as (view, moment, accounts, place):
            rows = desk.uses(view, accounts, moment)
            return Listed(DayOfUse, rows, *moment, place)

    def timeline(
        self, subject: str, *, as_of: int | None = None, known_at: int | None = None
    ) -> Listed[Span]:
        """The states of a number's accounts over time, or of the account named."""
        with self._of_number(subject, as_of, known_at) as (view, moment, _, place):
            return Listed(Span, timeline(view, subject, moment), *moment, place)

    def number(
        self, msisdn: str, *, as_of: int | None = None, known_at: int | None = None
    ) -> Listed[desk.Holding]:
        """The states and generations of a number over time."""
        with self._of_number(msisdn, as_of, known_at) as (view, moment, _, place):
            return Listed(desk.Holding, desk.holdings(view, subject_of(msisdn), moment), *moment, place)

    # --- ledger accounts ----------------------------------------------------------------------------------------------

    def balance(
        self, ledger_account: str, *, as_of: int | None = None, known_at: int | None = None
    ) -> list[Balance]:
        """The balance of a ledger account, one for each unit that it holds."""
        customer = CUSTOMER_ACCOUNT.fullmatch(ledger_account)
        if customer is None and ledger_account not in OPERATOR_UNITS:
            raise UnknownThen(f"{ledger_account}: no such ledger account")
        with self.view() as view:
            moment = self.moment(view, as_of, known_at)
            if customer is None:
                found = view.balances.of(view.connection, ledger_account, moment.as_of, moment.known_at)
                amounts = {unit: amount for unit, (amount, _) in found.items()}
                position = self._rests_on(view, moment)
                due = postings_of(view.due(moment))
            else:
                account, msisdn, _ = customer.groups()
                accounts = view.lifecycles.accounts_of(view.connection, msisdn, moment.as_of, moment.known_at)
                if account not in accounts:
                    raise _unknown(account, moment)
                amounts, (partition, last) = view.balance_of(msisdn, accounts, ledger_account, moment)
                position = f"{partition}:{last}"
                due = {}
                if view.lifecycles.is_due(view.connection, msisdn, moment.as_of, moment.known_at):
                    due = postings_of(view.fold([msisdn], moment))
                moment = moment._replace(final=view.is_final(moment.known_at, partition))
            for (name, unit), amount in due.items():
                if name == ledger_account:
                    amounts[unit] = amounts.get(unit, 0) + amount
            if not amounts:
                amounts[money.PULSA if customer else OPERATOR_UNITS[ledger_account]] = 0
            return [
                Balance(ledger_account, unit, amounts[unit], *moment, position) for unit in sorted(amounts)
            ]

    def movements(
        self, ledger_account: str, *, as_of: int | None = None, known_at: int | None = None
    ) -> Listed[desk.Moved]:
        """The movements behind the balance of a ledger account."""
        customer = CUSTOMER_ACCOUNT.fullmatch(ledger_account)
        if customer is not None:
            with self._of_number(customer[1], as_of, known_at) as (view, moment, _, place):
                rows = desk.movements(view, ledger_account, view.fold([customer[2]], moment), moment)
                return Listed(desk.Moved, rows, *moment, place)
        if ledger_account not in OPERATOR_UNITS:
            raise UnknownThen(f"{ledger_account}: no such ledger account")
        with self._whole(as_of, known_at) as (view, moment, position):
            rows = desk.movements(view, ledger_account, view.due(moment), moment)
            return Listed(desk.Moved, rows, *moment, position)

    def trial_balance(
        self, *, each: bool = False, as_of: int | None = None, known_at: int | None = None
    ) -> TrialBalance:
        """Every ledger account's balance; each customer's, or all of them summed."""
        with self._whole(as_of, known_at) as (view, moment, position):
            ask = view.balances.everything if each else view.balances.summed
            total = dict.fromkeys(OPERATOR_UNITS.items(), 0)
            total.update(ask(view.connection, moment.as_of, moment.known_at))
            for (name, unit), amount in postings_of(view.due(moment)).items():
                key = (name if each or name.startswith("operator/") else class_of(name), unit)
                total[key] = total.get(key, 0) + amount
            rows = tuple((name, unit, total[name, unit]) for name, unit in sorted(total))
            return TrialBalance(rows, *moment, position=position)

    # --- all of them --------------------------------------------------------------------------------------------------

    def states(self, *, as_of: int | None = None, known_at: int | None = None) -> States:
        """How many accounts and numbers are in each state."""
        with self._whole(as_of, known_at) as (view, moment, position):
            counts = view.lifecycles.counted(view.connection, moment.as_of, moment.known_at)

            def add(kind: str, state: str, count: int) -> None:
                counts[kind, state] = counts.get((kind, state), 0) + count

            for folded in view.due(moment):
                for state in folded.before[0]:
                    add("accounts", state, -1)
                for account in folded.accounts.values():
                    add("accounts", account.state, 1)
                add("numbers", folded.before[1], -1)
                add("numbers", folded.line.number_state, 1)
            kinds: dict[str, dict[str, int]] = {"accounts": {}, "numbers": {}}
            for (kind, state), count in counts.items():
                if count:
                    kinds[kind][state] = count
            return States(kinds["accounts"], kinds["numbers"], *moment, position=position)

    def transit(self, *, as_of: int | None = None, known_at: int | None = None) -> list[InTransit]:
        """Credit on its way, longest first."""
        with self._whole(as_of, known_at) as (view, moment, position):
            return [
                InTransit(
                    sent.transfer,
                    sent.account,
                    sent.to_msisdn,
                    sent.amount,
                    sent.fee,
                    sent.effective_at,
                    *moment,
                    position=position,
                )
                for sent in view.transfers.under_way(view.connection, moment.as_of, moment.known_at)
            ]

    def days(self, *, as_of: int | None = None, known_at: int | None = None) -> Listed[Day]:
        """The trial balance day by day."""
        with self._whole(as_of, known_at) as (view, moment, position):
            return Listed(Day, by_day(view, moment), *moment, position)

    def blocks(
        self, ground: str | None = None, *, as_of: int | None = None, known_at: int | None = None
    ) -> Listed[BlockOnGround]:
        """The blocks that stand, by ground and account; where it is named, only those on one ground."""
        with self._whole(as_of, known_at) as (view, moment, position):
            rows = view.blocks.standing(view.connection, moment.as_of, moment.known_at, ground=ground)
            return Listed(BlockOnGround, rows, *moment, position)

    def due(
        self, until: int, *, as_of: int | None = None, known_at: int | None = None
    ) -> Listed[desk.Change]:
        """What time alone will change next, number by number, soonest first; only what is due by `until`."""
        with self._whole(as_of, known_at) as (view, moment, position):
            return Listed(desk.Change, desk.changes(view, moment, until), *moment, position)

    def head(self) -> Head:
        """How far the projections go, which may be less than the log."""
        with self.view() as view:
            if not view.partitions:
                raise BeforeTheLog("nothing has been recorded yet")
            facts = list(view.partitions.values())
            ordinals = [view.positions[fact.partition] for fact in facts]
            closed = [fact.closed_through for fact in facts]
            return Head(
                position=_position(dict(sorted(view.positions.items()))),
                ordinal=sum(ordinals),
                clock=facts[0].clock,
                created_at=min(fact.created_at for fact in facts),
                closed_through=None
                if None in closed
                else min(through for through in closed if through is not None),
            )

    # --- moments ------------------------------------------------------------------------------------------------------

    def moment(self, view: View, as_of: int | None, known_at: int | None) -> Moment:
        """The instants asked about. Raises KnownBeyondNow."""
        now = self._now()
        known_at = now if known_at is None else known_at
        if known_at > now:
            raise KnownBeyondNow(f"it is {format_instant(now)}")
        return Moment(now if as_of is None else as_of, known_at, view.is_final(known_at))

    @contextmanager
    def _whole(self, as_of: int | None, known_at: int | None) -> Iterator[tuple[View, Moment, str]]:
        """The moment that a question is about, and the position that an answer about everything rests on."""
        with self.view() as view:
            moment = self.moment(view, as_of, known_at)
            yield view, moment, self._rests_on(view, moment)

    @contextmanager
    def _of_number(
        self, subject: str, as_of: int | None, known_at: int | None
    ) -> Iterator[tuple[View, Moment, list[str], str]]:
        """The moment, the number's accounts that were known (or the one named), and the last event known of it."""
        named = SUBJECT.fullmatch(subject)
        if named is None:
            raise UnknownThen(f"{subject}: neither a number nor an account")
        with self.view() as view:
            moment = self.moment(view, as_of, known_at)
            then = (moment.as_of, moment.known_at)
            found = view.lifecycles.accounts_of(view.connection, named[1], *then)
            accounts = [one for one in found if named[2] is None or one == subject]
            if not accounts:
                raise _unknown(subject, moment)
            _, (partition, last) = view.balance_of(named[1], found, f"{subject}/credit", moment)
            final = view.is_final(moment.known_at, partition)
            yield view, moment._replace(final=final), accounts, f"{partition}:{last}"

    def _rests_on(self, view: View, moment: Moment) -> str:
        found = view.facts.recorded_by(view.connection, moment.known_at)
        if not found:
            raise BeforeTheLog(f"nothing was recorded by {format_instant(moment.known_at)}")
        begin = min(fact.created_at for fact in view.partitions.values())
        if moment.as_of < begin:
            raise BeforeTheLog(f"the log begins at {format_instant(begin)}")
        return _position({**dict.fromkeys(view.positions, 0), **found})


def _enquiry(view: View, folded: Folded, account: PrepaidAccount, moment: Moment) -> Enquiry:
    usage = account.usage
    partition, ordinal = folded.position
    return Enquiry(
        msisdn=folded.line.msisdn,
        account=account.id,
        terms=account.terms,
        terms_digest=folded.line.book.digest(account.terms),
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
        final=view.is_final(moment.known_at, partition),
        position=f"{partition}:{ordinal}",
    )


def _position(ordinals: Mapping[int, int]) -> str:
    return ",".join(f"{partition}:{ordinal}" for partition, ordinal in sorted(ordinals.items()))


def _unknown(subject: str, moment: Moment) -> UnknownThen:
    then = f"as of {format_instant(moment.as_of)}, known at {format_instant(moment.known_at)}"
    return UnknownThen(f"{subject} is not known {then}")
