"""Preferences: whether the present holder of a number may be made offers, and what else they agree to (TS-20, PM-04).

Told by number, for those are who offers are sent to. A number without a registered holder has none: nobody has agreed
to anything, and nobody has refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, NamedTuple, TypedDict

from ledger.domain.calendar import NEVER, Instant
from ledger.domain.customer.allowed import OFFERS, allows
from ledger.domain.customer.events_of_persons import (
    ConsentGiven,
    ConsentWithdrawn,
    CustomerRegistered,
    PersonErased,
    ProcessingRestricted,
    RestrictionLifted,
)
from ledger.domain.customer.ids_of_customers import PREFIX, own_id
from ledger.domain.events import Event
from ledger.domain.ids import is_of_line, subject_of
from ledger.domain.line.events import NumberAvailable, NumberQuarantined, RightsTransferred
from ledger.domain.postpaid.events import ContractOpened
from ledger.domain.prepaid.events import Activated, NumberReclaimed
from ledger.domain.terms_book import TermsBook
from projections.engine.answers import Listed
from projections.engine.database_transactions import Transaction
from projections.engine.snapshot import Snapshot
from projections.engine.sql import select
from projections.engine.sql_expressions import Expression
from projections.postpaid.facts import AT_ONCE, Fact, Facts, Known, Says

PARTNERS, CREDIT_BUREAU = "partners", "credit-bureau"
HELD, ENDED, REGISTERED, ERASED = "held", "ended", "registered", "erased"
"""What is said of accounts and of persons, the holder or the person's own id beside it; of an end the account."""
_GIVEN, _WITHDRAWN, _RESTRICTED, _LIFTED = "given", "withdrawn", "restricted", "lifted"


def _held(event: Activated | NumberReclaimed | ContractOpened, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.account, HELD, other=event.customer)


def _passed_on(event: RightsTransferred, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.account, HELD, other=event.to_customer)


def _ended(event: NumberQuarantined | NumberAvailable, _: TermsBook) -> Iterator[Fact]:
    yield Fact(f"{event.msisdn}#{event.generation}", ENDED)


def _registered(event: CustomerRegistered, _: TermsBook) -> Iterator[Fact]:
    yield Fact("", REGISTERED, other=own_id(event.account))


def _given(event: ConsentGiven, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.purpose, _GIVEN, other=event.channel)


def _withdrawn(event: ConsentWithdrawn, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.purpose, _WITHDRAWN, other=event.channel)


def _restricted(_: ProcessingRestricted, __: TermsBook) -> Iterator[Fact]:
    yield Fact("", _RESTRICTED)


def _lifted(_: RestrictionLifted, __: TermsBook) -> Iterator[Fact]:
    yield Fact("", _LIFTED)


def _erased(event: PersonErased, _: TermsBook) -> Iterator[Fact]:
    yield Fact("", ERASED, other=own_id(event.account))


class Preferences(Facts):
    """Who holds which number, and what customers agree to."""

    name = "preferences"
    version = 2
    SAYS: ClassVar[Says] = {
        Activated: _held,
        NumberReclaimed: _held,
        ContractOpened: _held,
        RightsTransferred: _passed_on,
        NumberQuarantined: _ended,
        NumberAvailable: _ended,
        CustomerRegistered: _registered,
        ConsentGiven: _given,
        ConsentWithdrawn: _withdrawn,
        ProcessingRestricted: _restricted,
        RestrictionLifted: _lifted,
        PersonErased: _erased,
    }
    one_by_one = frozenset(kind.TOPIC for kind in SAYS)

    def __init__(self, generation: int) -> None:
        super().__init__(generation)
        self.facts.also_by(f"preferences_by_place_{generation}", "partition", "ordinal")
        self.facts.also_by(f"preferences_by_holder_{generation}", "other", "what")

    def concerned(self, connection: Transaction, since: Mapping[int, int]) -> set[str]:
        """The numbers whose preferences may have changed since ordinals by partition."""
        facts = self.facts.c
        found: set[str] = set()
        customers: set[str] = set()
        for partition, ordinal in since.items():
            fresh = select(facts.account).where(facts.partition == partition, facts.ordinal > ordinal)
            for (account,) in connection.execute(fresh.distinct()):
                if is_of_line(account):
                    found.add(subject_of(account))
                else:
                    customers.add(account.removeprefix(PREFIX))
        told = sorted(customers)
        for first in range(0, len(told), AT_ONCE):
            some = told[first : first + AT_ONCE]
            held = select(facts.account).where(facts.what == HELD, facts.other.in_(some))
            found.update(subject_of(account) for (account,) in connection.execute(held.distinct()))
        return found

    def said(
        self, connection: Transaction, after: str, through: str, seen: Sequence[Expression]
    ) -> list[Known]:
        """What is said of the numbers behind one, up to another."""
        facts = self.facts.c
        return list(
            self._found(connection, *seen, facts.account > f"{after}$", facts.account < f"{through}$")
        )

    def of_number(self, connection: Transaction, msisdn: str, seen: Sequence[Expression]) -> list[Known]:
        """What is said of a number and its accounts."""
        facts = self.facts.c
        return list(self._found(connection, *seen, facts.account >= msisdn, facts.account < f"{msisdn}$"))

    def next(self, connection: Transaction, after: str, count: int) -> str | None:
        """The last of so many accounts' numbers that come behind a number; None at the end."""
        facts = self.facts.c
        is_next = (facts.what == HELD, facts.account > f"{after}$")
        accounts = select(facts.account).where(*is_next).distinct().order_by(facts.account).limit(count)
        found = [account for (account,) in connection.execute(accounts)]
        return subject_of(found[-1]) if found else None


# --- the question ---------------------------------------------------------------------------------------------------


class ConsentSaid(TypedDict):
    """What was said to a purpose last: whether it was given, or withdrawn; by which channel, and since when."""

    purpose: str
    given: bool
    channel: str
    since: Instant


class Preference(NamedTuple):
    """What a number's present holder may be asked and what may be passed on of them; since when it is all so.

    Messages on the account and on transactions always go on (PM-04). `restricted`: nothing at all is allowed.
    """

    msisdn: str
    account: str
    customer: str
    held_since: Instant
    offers: bool
    partners: bool
    credit_bureau: bool
    restricted: bool
    consents: list[ConsentSaid]
    changed_at: Instant


@dataclass(slots=True)
class _Holder:
    account: str
    customer: str
    since: int


@dataclass(slots=True)
class _Person:
    consents: dict[str, ConsentSaid] = field(default_factory=dict)
    registered: bool = False
    restricted: bool = False
    changed_at: int = 0


def preferences(then: Snapshot, msisdn: str | None = None) -> Listed[Preference]:
    """The preferences of every number that a registered customer holds, or of the one named. Raises UnknownThen."""
    moment, position = then.whole()
    if msisdn is None:
        due: dict[str, list[Event]] = {}
        for event in then.unrecorded():
            due.setdefault(subject_of(event.account), []).append(event)
        rows = [one for _, found in in_order(then, due, at=_at(then)) for one in found]
    elif then.accounts_of(msisdn):
        coming = {msisdn: [*then.unrecorded(msisdn)]}
        rows = list(preferences_of(then, [msisdn], coming, at=_at(then)).values())
    else:
        raise then.unknown(msisdn)
    return Listed(Preference, rows, *moment, position)


At = tuple[int, int]
_WHATEVER_IS_KNOWN: At = (NEVER, NEVER)


def _at(then: Snapshot) -> At:
    return then.as_of, then.known_at


def in_order(
    then: Snapshot, due: Mapping[str, Iterable[Event]] = MappingProxyType({}), at: At = _WHATEVER_IS_KNOWN
) -> Iterator[tuple[str, list[Preference]]]:
    """The preferences of all numbers that have some, in the numbers' order: up to a number, and up to the next.

    As of `at` (valid and transaction time), or as recorded by now; `due` is what fell due unrecorded of each number.
    """
    after, kind, seen = "", then.of(Preferences), then.of(Preferences).seen(*at)
    while (through := kind.next(then.connection, after, AT_ONCE)) is not None:
        known = kind.said(then.connection, after, through, seen)
        numbers = {subject_of(one.account) for one in known}
        known += _said_by(then, [event for msisdn in numbers for event in due.get(msisdn, ())])
        found = _of_lines(then, known, at)
        yield through, [found[msisdn] for msisdn in sorted(found)]
        after = through


def preferences_of(
    then: Snapshot,
    numbers: Iterable[str],
    due: Mapping[str, Iterable[Event]] = MappingProxyType({}),
    at: At = _WHATEVER_IS_KNOWN,
) -> dict[str, Preference]:
    """The preferences of those of the numbers that have some; otherwise as `in_order`."""
    kind, known = then.of(Preferences), list[Known]()
    seen = kind.seen(*at)
    for msisdn in numbers:
        known += kind.of_number(then.connection, msisdn, seen)
        known += _said_by(then, due.get(msisdn, ()))
    return _of_lines(then, known, at)


def _said_by(then: Snapshot, due: Iterable[Event]) -> Iterator[Known]:
    for event in due:
        for fact in Preferences.said_by(event, then.book):
            yield Known(event.account, fact, event.effective_at, event.TOPIC)


def _of_lines(then: Snapshot, known: Iterable[Known], at: At) -> dict[str, Preference]:
    """The preferences of numbers of which all is known."""
    holders = _holders(known)
    subjects = sorted({PREFIX + holder.customer for holder in holders.values()})
    told: dict[str, list[Known]] = {subject: [] for subject in subjects}
    for one in then.of(Preferences).of(then.connection, subjects, *at):
        told[one.account].append(one)
    persons = {subject: _person(own) for subject, own in told.items()}
    found = {}
    for msisdn, holder in holders.items():
        person = persons[PREFIX + holder.customer]
        if person.registered:
            found[msisdn] = _preference(msisdn, holder, person)
    return found


def _holders(known: Iterable[Known]) -> dict[str, _Holder]:
    """Who holds each number: the holder of its latest account, unless that has ended."""
    held: dict[str, _Holder] = {}
    ended: set[str] = set()
    for one in known:
        account, customer = one.fact.subject, one.fact.other or ""
        msisdn = subject_of(account)
        before = held.get(msisdn)
        if one.fact.what == ENDED:
            ended.add(account)
        elif before is None or _in_time(account) > _in_time(before.account):
            held[msisdn] = _Holder(account, customer, one.since)
        elif account == before.account and customer != before.customer:
            before.customer, before.since = customer, one.since
    return {msisdn: holder for msisdn, holder in held.items() if holder.account not in ended}


def _in_time(account: str) -> tuple[int, str]:
    """Accounts of a number in this order are in the order of their beginnings."""
    return len(account), account


def _person(known: Iterable[Known]) -> _Person:
    person = _Person()
    for one in known:
        purpose, what, _, _, channel, _ = one.fact
        person.changed_at = max(person.changed_at, one.since)
        if what in (REGISTERED, ERASED):
            person.registered = what == REGISTERED
        elif what in (_RESTRICTED, _LIFTED):
            person.restricted = what == _RESTRICTED
        else:
            person.consents[purpose] = {
                "purpose": purpose,
                "given": what == _GIVEN,
                "channel": channel or "",
                "since": one.since,
            }
    return person


def _preference(msisdn: str, holder: _Holder, person: _Person) -> Preference:
    said = {purpose: one["given"] for purpose, one in person.consents.items()}
    offers, partners, bureau = (
        allows(said, purpose, restricted=person.restricted) for purpose in (OFFERS, PARTNERS, CREDIT_BUREAU)
    )
    return Preference(
        msisdn,
        holder.account,
        holder.customer,
        holder.since,
        offers,
        partners,
        bureau,
        person.restricted,
        [person.consents[purpose] for purpose in sorted(person.consents)],
        max(holder.since, person.changed_at),
    )
