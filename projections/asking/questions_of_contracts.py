"""The questions that are asked of contracts: what is owed and held, bill by bill and payment by payment."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from projections.asking import enquiring
from projections.engine.answers import Listed
from projections.engine.instants import When
from projections.line.asked_number import asked_number

if TYPE_CHECKING:
    from projections.engine.snapshot import Snapshot
    from projections.postpaid.bills import BillShown, BillSummary
    from projections.postpaid.contract_enquiry import ClosingAmount
    from projections.postpaid.contracts_told import ContractShown, ContractSummary
    from projections.postpaid.customers import CustomerSummary
    from projections.postpaid.deposits import DepositSummary
    from projections.postpaid.payments import PaymentSummary
    from projections.postpaid.receivables import Receivables, ReceivablesOfAccount
    from projections.postpaid.suspense import SuspenseSummary

_T = TypeVar("_T")


class QuestionsOfContracts(ABC):
    """What is asked of the projections of contracts; all are read at a moment, as `_answer` has it."""

    @abstractmethod
    def _answer(
        self, ask: Callable[[Snapshot], _T], as_of: When, known_at: When, about: str | None = None
    ) -> _T:
        """What a question finds in the projections as they stand at a moment."""

    def closing(self, about: str, *, as_of: When = None, known_at: When = None) -> ClosingAmount:
        """What a number's contract would leave open if its customer left then, part by part; or the one named."""
        asked = asked_number(about)
        return self._answer(lambda then: enquiring.closing(then, asked), as_of, known_at, asked.msisdn)

    def bills(self, about: str, *, as_of: When = None, known_at: When = None) -> Listed[BillSummary]:
        """The bills of a number's accounts, or of the account named, and what became of each."""
        asked = asked_number(about)
        from projections.postpaid import bills

        return self._answer(lambda then: bills.bills(then, asked), as_of, known_at, asked.msisdn)

    def bill(self, number: str, *, as_of: When = None, known_at: When = None) -> BillShown:
        """A bill by its number (`<msisdn>-<generation>-B0001`): its lines, and all that has met it."""
        from projections.postpaid import bills

        msisdn = bills.number_of_bill(number)
        return self._answer(lambda then: bills.bill(then, number), as_of, known_at, msisdn)

    def payments(self, about: str, *, as_of: When = None, known_at: When = None) -> Listed[PaymentSummary]:
        """The payments to a number's accounts, or to the account named, and what each has met."""
        asked = asked_number(about)
        from projections.postpaid import payments

        return self._answer(lambda then: payments.payments(then, asked), as_of, known_at, asked.msisdn)

    def suspense(
        self, about: str | None = None, *, as_of: When = None, known_at: When = None
    ) -> Listed[SuspenseSummary]:
        """Money that no account took, and what became of it: what came for a number, or for any."""
        msisdn = None if about is None else asked_number(about).msisdn
        from projections.postpaid import suspense

        return self._answer(lambda then: suspense.suspense(then, msisdn), as_of, known_at, msisdn)

    def deposits(
        self, about: str | None = None, *, as_of: When = None, known_at: When = None
    ) -> Listed[DepositSummary]:
        """The deposits of a number's accounts, or of the account named; or of every account."""
        asked = None if about is None else asked_number(about)
        from projections.postpaid import deposits

        msisdn = None if asked is None else asked.msisdn
        return self._answer(lambda then: deposits.deposits(then, asked), as_of, known_at, msisdn)

    def contract(self, about: str, *, as_of: When = None, known_at: When = None) -> ContractShown:
        """A number's current contract, or the one named, and what is due when."""
        asked = asked_number(about)
        from projections.postpaid import contracts_told

        return self._answer(lambda then: contracts_told.contract(then, asked), as_of, known_at, asked.msisdn)

    def contracts(
        self, state: str | None = None, *, as_of: When = None, known_at: When = None
    ) -> Listed[ContractSummary]:
        """Every contract; where one is named, those in one state."""
        from projections.postpaid import contracts_told

        return self._answer(lambda then: contracts_told.contracts(then, state), as_of, known_at)

    def receivables(self, *, as_of: When = None, known_at: When = None) -> Listed[Receivables]:
        """What all accounts owe: not billed yet, billed, and of that overdue, by age."""
        from projections.postpaid import receivables

        return self._answer(receivables.receivables, as_of, known_at)

    def receivables_of_each(
        self, *, as_of: When = None, known_at: When = None
    ) -> Listed[ReceivablesOfAccount]:
        """The same of each account that owes anything."""
        from projections.postpaid import receivables

        return self._answer(receivables.receivables_of_each, as_of, known_at)

    def customers(
        self,
        customer: str | None = None,
        *,
        in_debt: bool = False,
        as_of: When = None,
        known_at: When = None,
    ) -> Listed[CustomerSummary]:
        """The customer that is named, or every one, or those in debt: accounts, what is owed on them, and debts."""
        from projections.postpaid import customers

        return self._answer(
            lambda then: customers.customers(then, customer, in_debt=in_debt), as_of, known_at
        )
