"""Contracts: state, plan, contract end; and what time alone will bring, and when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, TypedDict

from ledger.domain.calendar import NEVER, Day, Instant, day_number
from ledger.domain.ids import subject_of
from ledger.domain.money import Sen
from ledger.domain.postpaid.account import PostpaidAccount
from ledger.domain.postpaid.billing import next_bill
from ledger.domain.postpaid.events import ContractOpened
from ledger.domain.postpaid.overdue import next_fine
from ledger.domain.postpaid.refunding import next_forfeiture
from ledger.domain.postpaid.settling import next_settling
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.domain.terms_book import TermsBook
from projections.engine.answers import Answer, Listed
from projections.engine.database_transactions import Transaction
from projections.engine.snapshot import Snapshot
from projections.engine.sql import select
from projections.line.asked_number import AskedNumber
from projections.line.lines_as_of import LineAsOf
from projections.line.lines_projected import lines
from projections.postpaid.facts import Fact, Facts, Says

_AT_ONCE = 200
"""Numbers that are folded at once."""


def _opened(event: ContractOpened, _: TermsBook) -> Iterator[Fact]:
    yield Fact("", "opened", 0, None, event.customer, event.terms)


class Contracts(Facts):
    """The contracts that were opened: what became of them, the rules say."""

    name = "contracts"
    SAYS: ClassVar[Says] = {ContractOpened: _opened}
    one_by_one = frozenset(kind.TOPIC for kind in SAYS)

    def every_account(self, connection: Transaction, as_of: int, known_at: int) -> list[str]:
        """The accounts that were opened, in their order."""
        facts = self.facts.c
        found = select(facts.account).where(*self.seen(as_of, known_at)).order_by(facts.account)
        return list(connection.execute(found).scalars())


# --- the questions --------------------------------------------------------------------------------------------------


class ContractSummary(NamedTuple):
    """A contract: `next_at` is when time alone changes something next, whatever that is; None: nothing will."""

    account: str
    customer: str | None
    terms: str
    plan: str
    state: str
    state_since: Instant
    opened_at: Instant
    contract_until: Instant | None
    next_bill_on: Day | None
    next_at: Instant | None


class ComingUp(TypedDict):
    """What time alone will bring, if nothing else happens first; `about` names the bill or plan."""

    at: Instant
    what: str
    about: str | None


@dataclass(frozen=True, slots=True)
class ContractShown(Answer):
    """A contract, and all that is due, soonest first. The limit is in sen."""

    account: str
    customer: str | None
    terms: str
    plan: str
    state: str
    state_since: Instant
    opened_at: Instant
    contract_until: Instant | None
    probation_until: Instant | None
    limit: Sen
    billing_day: int
    next_bill_on: Day | None
    roaming: bool
    mandate: str | None
    asked_plan: str | None
    due: list[ComingUp]
    as_of: Instant
    known_at: Instant
    final: bool
    position: str


def contract(then: Snapshot, asked: AskedNumber) -> ContractShown:
    """A number's current contract, or the one named. Raises UnknownThen."""
    for line in lines(then, [asked.msisdn]):
        account = line.current if asked.account is None else line.accounts.get(asked.account)
        if isinstance(account, PostpaidAccount):
            return _shown(line, account)
    raise then.unknown(f"a contract of {asked.named}")


def contracts(then: Snapshot, state: str | None = None) -> Listed[ContractSummary]:
    """Every contract, in the order of numbers; where one is named, those in one state."""
    moment, position = then.whole()
    ids = then.of(Contracts).every_account(then.connection, then.as_of, then.known_at)
    numbers = list(dict.fromkeys(subject_of(account) for account in ids))
    rows: list[ContractSummary] = []
    for first in range(0, len(numbers), _AT_ONCE):
        for line in lines(then, numbers[first : first + _AT_ONCE]):
            every = (one for one in line.accounts.values() if isinstance(one, PostpaidAccount))
            rows += [_summary(line, account) for account in every if state in {None, account.state}]
    return Listed(ContractSummary, rows, *moment, position)


def _summary(line: LineAsOf, account: PostpaidAccount) -> ContractSummary:
    coming = coming_up(account, line.line.book)
    return ContractSummary(
        account=account.id,
        customer=account.holder,
        terms=account.terms,
        plan=account.plan,
        state=account.state,
        state_since=account.states[-1][0],
        opened_at=account.opened_at,
        contract_until=account.contract_until,
        next_bill_on=_next_bill_on(account, line.line.book),
        next_at=coming[0]["at"] if coming else None,
    )


def _shown(line: LineAsOf, account: PostpaidAccount) -> ContractShown:
    moment = line.moment
    return ContractShown(
        account=account.id,
        customer=account.holder,
        terms=account.terms,
        plan=account.plan,
        state=account.state,
        state_since=account.states[-1][0],
        opened_at=account.opened_at,
        contract_until=account.contract_until,
        probation_until=account.probation_until,
        limit=account.limit,
        billing_day=account.billing_day,
        next_bill_on=_next_bill_on(account, line.line.book),
        roaming=account.roaming,
        mandate=account.mandate,
        asked_plan=account.asked_plan,
        due=coming_up(account, line.line.book),
        as_of=moment.as_of,
        known_at=moment.known_at,
        final=moment.final,
        position=line.position,
    )


def _next_bill_on(account: PostpaidAccount, book: TermsBook) -> int | None:
    """The local day of the next bill that comes by time alone."""
    terms = book.of(PostpaidTerms, account.terms)
    at = next_bill(account, terms)
    return None if at == NEVER else day_number(terms.zone.day(at))


def coming_up(account: PostpaidAccount, book: TermsBook) -> list[ComingUp]:
    """What time alone will bring, soonest first; of one instant in the order in which it happens."""
    terms = book.of(PostpaidTerms, account.terms)
    found = [*_of_contract(account, terms), *_of_bills(account, terms)]
    rows: list[ComingUp] = [
        {"at": at, "what": what, "about": about}
        for at, what, about in found
        if at is not None and at != NEVER
    ]
    return sorted(rows, key=lambda one: one["at"])


_Coming = tuple[int | None, str, str | None]


def _of_contract(account: PostpaidAccount, terms: PostpaidTerms) -> Iterable[_Coming]:
    if account.is_settled:
        return
    yield next_bill(account, terms), "bill", None
    if not account.runs:
        yield next_forfeiture(account), "deposit-forfeited", None
        yield next_settling(account, terms), "settled", None
    else:
        yield account.probation_until, "probation-ends", None
        yield account.contract_until, "contract-ends", account.plan
        yield (None if account.asked_plan is None else account.asked_from), "plan", account.asked_plan
        coming = None if account.coming_mandate is None else account.coming_from
        yield coming, "auto-debit", account.coming_mandate


def _of_bills(account: PostpaidAccount, terms: PostpaidTerms) -> Iterable[_Coming]:
    open_ = account.open_bills()
    for bill in open_:
        yield (None if bill.overdue else bill.due_until), "overdue", bill.id
    yield next_fine(account, terms), "late-fines", None
    for bill in open_ if account.runs else ():
        for step in bill.steps:
            yield step.at, step.action, bill.id
