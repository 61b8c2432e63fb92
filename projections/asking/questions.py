"""Every question that the ledger answers, and where its answer is made.

Each takes `as_of` (valid time) and `known_at` (transaction time), which both default to now: instants, or local days,
which mean their ends. What falls due by `as_of` and is not recorded yet is folded in by the rules, so that no answer
depends on who looked when. What cannot be answered raises QueryRefused; iterators do so when their first item is asked
for.

Most are asked of the projections, and made in the module of one; single events and commands are asked of the log. What
only projections need is slow to import, and imported where it is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from ledger.domain.calendar import Zone
from ledger.domain.customer.person import Person
from ledger.domain.ids import number_in, subject_of
from ledger.errors import LedgerError, QueryRefused
from projections.asking import enquiring
from projections.asking.bill_items import BillItem
from projections.asking.enquiring import AnyEnquiry
from projections.asking.log_answers import Head, HistoryLine, JournalLine, LogLine, OutcomeAnswer
from projections.asking.log_itself import LogItself, head_of
from projections.asking.questions_of_contracts import QuestionsOfContracts
from projections.asking.questions_of_disputes import QuestionsOfDisputes
from projections.asking.questions_of_persons import QuestionsOfPersons
from projections.asking.wanted_decisions import EVERY_DECISION, WantedDecisions
from projections.asking.why import NEWEST, WantedChanges, Why
from projections.engine.answers import Listed, Moment
from projections.engine.instants import Asked, When
from projections.engine.local_days import UTC, zone_of
from projections.engine.unanswered import SeveralZones, UnknownThen
from projections.line.asked_number import asked_number
from projections.money.ledger_accounts import AT_HAND, Balance, ledger_account
from projections.prepaid.enquiry import balance_of

if TYPE_CHECKING:
    from projections.engine.database import Database
    from projections.engine.kept_up import KeptUp
    from projections.engine.snapshot import Snapshot, Tables
    from projections.line.blocks import BlockOnGround
    from projections.line.numbers import Holding
    from projections.line.states import Change, StateCounts
    from projections.line.timeline import Span
    from projections.line.usage import DayOfUse
    from projections.money.balances import Moved
    from projections.money.statements_told import StatementSummary
    from projections.money.transfers import InTransit
    from projections.money.trial_balance import DayOfTrial, TrialBalance

_T = TypeVar("_T")


class Questions(QuestionsOfContracts, QuestionsOfDisputes, QuestionsOfPersons):
    """The questions to a log and its projections; `now` tells the present instant.

    Where the log is `at_hand`, a single number is folded straight from it: so it is answered at once, however much
    there is to be taken in. `at_least` names positions (ordinals by partition) to have been reached: so one reads
    one's own writes. Days are those of the `zone`, where one is named, and else those of the terms. `words` tells what
    a clause says, where that is known.
    """

    def __init__(  # noqa: PLR0913 - the log, its projections, and how they are asked
        self,
        kept_up: Callable[[], KeptUp],
        now: Callable[[], int],
        *,
        log: Callable[[], LogItself] | None = None,
        at_hand: bool = False,
        at_least: Mapping[int, int] | None = None,
        zone: Zone | None = None,
        words: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self._open_kept = kept_up
        self._kept_up: KeptUp | None = None
        self._projected: tuple[Database, Tables] | None = None
        self._now = now
        self._open_log = log
        self._log: LogItself | None = None
        self._at_hand = at_hand
        self._at_least = dict(at_least or {})
        self._words = words
        self.zone = zone
        """The zone whose days are asked for; None: those of the terms."""

    # --- one number ---------------------------------------------------------------------------------------------------

    def enquiry(self, about: str, *, as_of: When = None, known_at: When = None) -> AnyEnquiry:
        """A number's current account then, or the account named (`<msisdn>#<generation>`)."""
        asked = asked_number(about)
        if self._at_hand:
            return enquiring.enquiry_of(self._of_log.line(asked.msisdn, self._asked(as_of, known_at)), asked)
        return self._answer(lambda then: enquiring.enquiry(then, asked), as_of, known_at, asked.msisdn)

    def enquiries(self, *, as_of: When = None, known_at: When = None) -> Iterator[AnyEnquiry]:
        """The current account of every number that had one then, in the numbers' order."""
        begun = False
        try:
            with self._snapshot(as_of, known_at) as then:
                for found in enquiring.enquiries(then):
                    begun = True
                    yield found
                return
        except LedgerError as error:
            if not self._kept.threw_away(error) or begun:
                raise
        with self._snapshot(as_of, known_at) as then:
            yield from enquiring.enquiries(then)

    def history(
        self,
        about: str,
        *,
        refused: bool = False,
        as_of: When = None,
        known_at: When = None,
    ) -> Iterator[HistoryLine]:
        """The events of a number and its accounts, or of the account named, as recorded, with the balance after each.

        What has fallen due and is not recorded yet stands at the end. With `refused`, refused commands stand in
        between (but uses: those have events of their own).
        """
        return self._of_log.history(asked_number(about), self._asked(as_of, known_at), refused=refused)

    def why(
        self, about: str, wanted: WantedChanges = NEWEST, *, as_of: When = None, known_at: When = None
    ) -> Why:
        """Why a ledger account of a number holds what it holds: its changes, each with its cause and clause.

        A number, or an account of one, means what people mean by it: the credit of a prepaid one.
        """
        return self._of_log.why(about, self._asked(as_of, known_at), wanted, self._words)

    def bill_items(self, number: str, *, as_of: When = None, known_at: When = None) -> Listed[BillItem]:
        """The use that a bill carries: by service, destination and zone; abroad, record by record."""
        return self._of_log.bill_items(number, self._asked(as_of, known_at))

    def person(self, customer: str) -> Person | None:
        """What is known of a customer as a person, which is not who it is; None where nobody is registered."""
        return self._of_log.person(customer)

    def outcome(self, msisdn: str, command_id: str) -> OutcomeAnswer:
        """What became of a command."""
        return self._of_log.outcome(msisdn, command_id)

    def usage(self, about: str, *, as_of: When = None, known_at: When = None) -> Listed[DayOfUse]:
        """The use of a number's accounts, or of the account named, by local day and service."""
        asked = asked_number(about)
        from projections.line import usage

        return self._answer(lambda then: usage.uses(then, asked), as_of, known_at, asked.msisdn)

    def timeline(self, about: str, *, as_of: When = None, known_at: When = None) -> Listed[Span]:
        """The states of a number's accounts over time, or of the account named."""
        asked = asked_number(about)
        from projections.line import timeline

        return self._answer(lambda then: timeline.timeline(then, asked), as_of, known_at, asked.msisdn)

    def number(self, about: str, *, as_of: When = None, known_at: When = None) -> Listed[Holding]:
        """The states and generations of a number over time."""
        asked = asked_number(about)
        from projections.line import numbers

        return self._answer(lambda then: numbers.holdings(then, asked), as_of, known_at, asked.msisdn)

    # --- ledger accounts ----------------------------------------------------------------------------------------------

    def balance(self, name: str, *, as_of: When = None, known_at: When = None) -> list[Balance]:
        """The balance of a ledger account, one for each unit that it holds."""
        asked = ledger_account(name)
        customer = asked.customer
        if self._at_hand and customer is not None and customer.part in AT_HAND:
            line = self._of_log.line(customer.msisdn, self._asked(as_of, known_at))
            return [balance_of(line, asked, customer)]
        from projections.money import balances

        return self._answer(lambda then: balances.balance(then, asked), as_of, known_at, asked.msisdn)

    def movements(self, name: str, *, as_of: When = None, known_at: When = None) -> Listed[Moved]:
        """The movements behind the balance of a ledger account."""
        asked = ledger_account(name)
        from projections.money import balances

        return self._answer(lambda then: balances.movements(then, asked), as_of, known_at, asked.msisdn)

    def trial_balance(self, *, each: bool = False, as_of: When = None, known_at: When = None) -> TrialBalance:
        """Every ledger account's balance; `each` customer's, or all of them summed."""
        from projections.money import trial_balance

        return self._answer(lambda then: trial_balance.trial_balance(then, each=each), as_of, known_at)

    def days(self, *, as_of: When = None, known_at: When = None) -> Listed[DayOfTrial]:
        """The trial balance by local day: those of each account's terms, or of the zone that is named."""
        from projections.money import trial_balance

        return self._answer(trial_balance.by_day, as_of, known_at)

    def transit(self, *, as_of: When = None, known_at: When = None) -> list[InTransit]:
        """Credit on its way, longest first."""
        from projections.money import transfers

        return self._answer(transfers.transit, as_of, known_at)

    def moment(self, *, as_of: When = None, known_at: When = None) -> Moment:
        """As of when, and known when, an answer is that has nothing to tell; and whether it is final."""
        return self._answer(lambda then: then.whole()[0], as_of, known_at)

    def statements(self, *, as_of: When = None, known_at: When = None) -> Listed[StatementSummary]:
        """The statements of others that came in, and how far each is."""
        from projections.money import statements_told

        return self._answer(statements_told.statements, as_of, known_at)

    # --- all of them --------------------------------------------------------------------------------------------------

    def states(self, *, as_of: When = None, known_at: When = None) -> StateCounts:
        """How many accounts and numbers are in each state."""
        from projections.line import states

        return self._answer(states.states, as_of, known_at)

    def blocks(
        self, ground: str | None = None, *, as_of: When = None, known_at: When = None
    ) -> Listed[BlockOnGround]:
        """The blocks that stand, by ground and account; where it is named, only those on one ground."""
        from projections.line import blocks

        return self._answer(lambda then: blocks.blocks(then, ground), as_of, known_at)

    def due(self, until: int, *, as_of: When = None, known_at: When = None) -> Listed[Change]:
        """What time alone will change next, number by number, soonest first; only what is due by `until`."""
        from projections.line import states

        return self._answer(lambda then: states.changes(then, until), as_of, known_at)

    def log(
        self, start: int = 1, *, subject: str | None = None, types: Collection[str] | None = None
    ) -> Iterator[LogLine]:
        """The events from an ordinal on, in order; of one number, account or other subject, or of some types only.

        A type may be named in full, or without its namespace.
        """
        return self._of_log.events(start, subject=subject, types=types)

    def must_know(self, subject: str) -> None:
        """Raises UnknownThen where the log has no event of a number, account or other subject."""
        if next(self.log(subject=subject), None) is None:
            raise UnknownThen(f"{subject}: nothing is recorded of it")

    def journal(self, wanted: WantedDecisions = EVERY_DECISION) -> Iterator[JournalLine]:
        """The decided commands of all numbers, and what became of each, in the order in which they were taken."""
        return self._of_log.journal(wanted, self.zone)

    def head(self) -> Head:
        """How far the log goes; or the projections, where the log is not at hand."""
        if self._at_hand:
            return self._of_log.head()
        return self._answer(head_of, None, None)

    def told_in(self, about: str | None = None) -> Zone:
        """The zone that people are told times in: the one asked for, or the terms'; UTC where these are of several.

        `about` is the number that is asked about, or an account or ledger account of it.
        """
        if self.zone is not None:
            return self.zone
        msisdn = number_in(subject_of(about)) if about else None
        try:
            if self._at_hand:
                return self._of_log.own_zone(msisdn)
            return self._answer(lambda then: then.own_zone(msisdn), None, None)
        except SeveralZones:
            return UTC

    def zone_under(self, terms: str) -> Zone:
        """The zone of terms by id. Raises LogDamaged where the log lacks them, TermsInvalid, TermsChanged."""
        if self._at_hand:
            return self._of_log.zone_under(terms)
        return self._answer(lambda then: zone_of(terms, then.book), None, None)

    # --- what is asked ------------------------------------------------------------------------------------------------

    def _asked(self, as_of: When, known_at: When) -> Asked:
        return Asked(as_of, known_at, self.zone)

    def _answer(
        self, ask: Callable[[Snapshot], _T], as_of: When, known_at: When, about: str | None = None
    ) -> _T:
        """What a question finds; once more where the projections turned out to be damaged, and were thrown away."""
        try:
            with self._snapshot(as_of, known_at, about) as then:
                return ask(then)
        except LedgerError as error:
            if not self._kept.threw_away(error):
                raise
        with self._snapshot(as_of, known_at, about) as then:
            return ask(then)

    @contextmanager
    def _snapshot(self, as_of: When, known_at: When, about: str | None = None) -> Iterator[Snapshot]:
        """The projections as they stand now, kept up."""
        from projections.engine.snapshot import Present, Snapshot
        from projections.registry import tables

        database = self._kept.caught_up()
        if (
            self._projected is None or self._projected[0] is not database
        ):  # which may be of another log by now
            self._projected = (database, tables())
        with database.reading() as connection:
            database.hold(connection)
            present = Present(self._now(), self._at_least)
            yield Snapshot(connection, self._projected[1], self._asked(as_of, known_at), present, about)

    @property
    def _kept(self) -> KeptUp:
        if self._kept_up is None:
            self._kept_up = self._open_kept()
        return self._kept_up

    @property
    def _of_log(self) -> LogItself:
        if self._log is None:
            if self._open_log is None:
                raise QueryRefused("the projections do not hold single events; ask where the log is at hand")
            self._log = self._open_log()
            self._log.must_have_reached(self._at_least)
        return self._log
