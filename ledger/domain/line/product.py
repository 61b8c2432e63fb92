"""A product: what a line leaves to the kind of account that its number has. The account's terms say which one it is.

Number, blocks, cards, rights and the number's life are every product's; what its money is, what falls due, and which
states it goes through, a product says here. Its methods know no line: they say what happens, and the line makes it
happen; its rules, one for each command, have the line.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from ledger.domain.commands import Command
from ledger.domain.events import Draft, Event
from ledger.domain.kinds import Ended, Follows, Forms, Relations, Returns
from ledger.domain.line.account import Account, StandingBlock
from ledger.domain.line.dispute_commands import DecideDispute
from ledger.domain.line.disputes import Dispute
from ledger.domain.line.events import Terminated
from ledger.domain.money import Posting
from ledger.domain.refusals import NotEligible, Refusal
from ledger.domain.terms import AccountTerms, Terms
from ledger.domain.terms_book import TermsBook
from ledger.domain.terms_models import MODELS
from ledger.errors import TermsMissing

A = TypeVar("A", bound=Account)

RulesByCommand = Mapping[type[Command], Callable[[Any, Any, Any], None]]
"""What commands do: (line, account, command)."""
OfNumbers = Mapping[type[Command], Callable[[Any, Any], None]]
"""What commands do that address a number, whatever account it has: (line, command)."""


Disputable = Mapping[str, Mapping[type[Event], Mapping[str, str]]]
"""What a dispute can be about: of which events the record is, and their field that says how much, by unit.

A unit in small letters is the field that names it.
"""
QUANTITY = "QUANTITY"
"""What use abroad is disputed in, where not in money: seconds, messages or bytes."""


CONSENT_WITHDRAWN = "consent-withdrawn"
"""The ground of an end that came because the holder withdrew consent to processing (PM-05)."""


def ended_for_holder(clause: str | None) -> Draft:
    """That end itself."""
    own = {"ground": CONSENT_WITHDRAWN, "reference": None, "since": None, "basis": None}
    return Draft(Terminated, clause, [], own)


class Remedy(NamedTuple):
    """How a correction is made good: by postings of its own, and by what happens in the same breath."""

    postings: list[Posting]
    moved: bool
    """Whether the money moves with it."""
    then: Callable[[], None]
    kind: str | None = None
    """Of which kind of a bill's lines the postings are."""


class Product(ABC, Generic[A]):
    """What a product answers for its accounts."""

    name: ClassVar[str]
    """What terms call it."""
    account: ClassVar[type[Account]]
    """The state of its accounts."""
    terms: ClassVar[type[AccountTerms]]
    """The model of its terms."""
    rules: ClassVar[RulesByCommand]
    """What its own commands do, and what one that every product has does otherwise here."""
    openings: ClassVar[OfNumbers]
    """What its commands do that open an account of it."""
    of_numbers: ClassVar[OfNumbers] = {}
    """What its commands do that address a number and open none."""
    commands: ClassVar[tuple[type[Command], ...]] = ()
    """Its own, which lines take beside those of every product."""
    events: ClassVar[tuple[type[Event], ...]] = ()
    """Its own."""
    follows: ClassVar[Follows] = {}
    """What has to happen on other subjects because of its events; this and the next, as its kind's (`kinds.Kind`)."""
    returns: ClassVar[Returns] = {}
    ended: ClassVar[Ended] = {}
    relations: ClassVar[Relations] = {}
    forms: ClassVar[Forms] = {}
    lives_on: ClassVar[bool] = False
    """Whether time goes on for its accounts after their end: then they are at hand whatever the number has now."""
    too_little: ClassVar[type[Refusal]]
    """What refuses a use that nothing is left for."""

    disputable: ClassVar[Disputable] = {}
    disputed_units: ClassVar[Sequence[str]] = ()
    """Units of what a dispute without a record can be about."""
    balance_parts: ClassVar[Mapping[str, Sequence[str]]] = {}
    """The ledger accounts whose sum is what an account holds, or owes, by unit."""

    # --- time -------------------------------------------------------------------------------------------------------

    @abstractmethod
    def due_at(self, account: A, book: TermsBook) -> int:
        """The next instant at which time alone changes something; NEVER where nothing will."""

    @abstractmethod
    def falls_due(self, account: A, at: int, book: TermsBook) -> Iterator[Draft]:
        """What happens at the instant that is due: at least one event, each applied before the next is asked for."""

    # --- deciding ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def must_take(self, account: A, command: Command) -> None:
        """Raises the refusal of the state that takes no such command."""

    @abstractmethod
    def fees(self, account: A, amounts: Sequence[int]) -> list[Posting]:
        """The postings of fees in sen, one after the other. Raises a Refusal where they cannot be taken."""

    @abstractmethod
    def before_end(self, account: A, at: int, book: TermsBook, clause: str | None) -> Iterator[Draft]:
        """What happens before an account is terminated at an instant, each applied before the next is asked for."""

    def objections(self, account: A) -> list[str]:
        """What stands in the way of forgetting the holder, beside a life or a dispute that is not over; by codes."""
        return []

    def end_for_holder(self, account: A, at: int, book: TermsBook, clause: str | None) -> Iterator[Draft]:
        """The end that comes because the holder withdrew consent, as by the holder's own word."""
        yield from self.before_end(account, at, book, clause)
        yield ended_for_holder(clause)

    # --- use --------------------------------------------------------------------------------------------------------

    @abstractmethod
    def must_allow_use(self, state: str, *, free: bool) -> None:
        """Raises the refusal of the state, at the time of use, that allows none, or none that costs."""

    def bars(self, block: StandingBlock, terms: AccountTerms) -> bool:
        """Whether a block that stood at the time of use refuses it whatever its scope."""
        return False

    def plan_at(self, account: A, instant: int) -> str | None:
        """The plan at an instant that is still remembered; None where the product has no plans."""
        return None

    @abstractmethod
    def spendable(self, account: A) -> int:
        """Sen that a use may cost."""

    @abstractmethod
    def charge(self, account: A, amount: int) -> tuple[type[Event], list[Posting]]:
        """By which event, and with which postings, a use is paid for."""

    # --- disputes ---------------------------------------------------------------------------------------------------

    def held(self, account: A, unit: str) -> int:
        """Sen that the balance parts of a unit add up to now."""
        raise NotEligible(f"the account is {self.name}")

    def document(self, account: A, id_: str) -> int | None:
        """When the document of that id was issued; None where it is none."""
        return None

    def clause_of_disputes(self, terms: AccountTerms) -> str | None:
        """The clause by which the system record prevails."""
        return terms.clauses.disputes

    def must_override(self, dispute: Dispute, records: Sequence[Event]) -> None:
        """Raises NotEligible where the system's record is not one that could prevail."""

    def matched_use(self, event: Event, unit: str) -> str | None:
        """The command that recorded what a partner's record tells of, where a dispute in that unit is about that."""
        return None

    def remedy(self, line: Any, account: A, dispute: Dispute, command: DecideDispute, amount: int) -> Remedy:  # noqa: ANN401
        """How it is made good that a dispute's record says `amount` sen more. Raises the refusal of that."""
        raise NotEligible(f"the account is {self.name}")


PRODUCTS: dict[str, Product[Any]] = {}
"""Every product by its name."""


def register(product: Product[Any]) -> None:
    """Makes a product known, and its terms."""
    PRODUCTS[product.name] = product
    MODELS[product.name] = product.terms


def product_of(terms: Terms) -> Product[Any]:
    """The product that terms are of. Raises TermsMissing where they are of no account."""
    try:
        return PRODUCTS[terms.product]
    except KeyError:
        raise TermsMissing(f"{terms.id}: these are terms of {terms.product}") from None


def rules_of(account: Account, terms_id: str, book: TermsBook) -> AccountTerms:
    """The terms of that id, as an account is to be judged by. Raises as `TermsBook.of`."""
    return book.of(PRODUCTS[account.PRODUCT].terms, terms_id)
