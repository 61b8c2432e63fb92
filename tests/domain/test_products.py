"""What products share is not copied: told of a second one, which only these tests know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from ledger.domain.calendar import DAY, SECOND
from ledger.domain.events import Event
from ledger.domain.kinds import KINDS, Follows
from ledger.domain.line.account import Account
from ledger.domain.line.commands import (
    AdvanceTime,
    Block,
    DecideRightsTransfer,
    LineCommand,
    MigrateTerms,
    RecordUsage,
    ReplaceCard,
    RequestRightsTransfer,
    Terminate,
    Unblock,
)
from ledger.domain.line.deciding import admit
from ledger.domain.line.events import (
    Blocked,
    CardReplaced,
    NumberAvailable,
    NumberQuarantined,
    RightsTransferred,
    Terminated,
    Unblocked,
    UsageRecorded,
    UsageRefused,
)
from ledger.domain.line.kind import kind_of_lines
from ledger.domain.line.product import PRODUCTS
from ledger.domain.prepaid.account import PrepaidAccount
from ledger.domain.prepaid.commands import (
    Activate,
    AdjustCredit,
    CaptureReservation,
    ChargeCredit,
    IssueStarterPack,
    ReclaimNumber,
    ReleaseReservation,
    ReserveCredit,
    ReverseTopUp,
    TopUp,
    TransferCredit,
)
from ledger.domain.prepaid.events import (
    CreditTransferReturned,
    CreditTransferSent,
    Deactivated,
    StarterPackIssued,
    UsageDebited,
)
from ledger.domain.refusals import NotEligible
from ledger.domain.terms_models import MODELS
from tests.conftest import Tell
from tests.domain.flat import LIVES_ON, Flat, FlatAccount, FlatTerms, flat
from tests.given import NUMBER, OTHER, SP23, START, Story, at, day, event, rupiah

OPENED = at(START)
NOW = OPENED + DAY

OF_PREPAID: list[tuple[type[LineCommand], dict[str, Any]]] = [
    (Activate, {}),
    (TopUp, {"credit": rupiah(5000)}),
    (ReverseTopUp, {"reverses": "t1"}),
    (ChargeCredit, {"amount": 1}),
    (ReserveCredit, {"amount": 1, "expires_at": NOW + DAY}),
    (CaptureReservation, {"amount": 1}),
    (ReleaseReservation, {}),
    (TransferCredit, {"amount": rupiah(5000)}),
    (AdjustCredit, {"amount": 1}),
]


@pytest.fixture
def terms() -> Iterator[FlatTerms]:
    with flat() as terms:
        yield terms


@pytest.fixture
def opened(tell: Tell, terms: FlatTerms) -> Story:
    """A number whose account is of the other product."""
    return tell(terms).given(IssueStarterPack, OPENED, terms="flat")


def current(story: Story, number: str = NUMBER) -> Account:
    return story.line(number=number).current


def test_every_product_has_terms_and_accounts_of_its_name() -> None:
    assert MODELS.keys() - PRODUCTS.keys() == {"privacy"}  # of customers, and of no account
    for name, product in PRODUCTS.items():
        assert (product.name, product.account.PRODUCT, product.terms) == (name, name, MODELS[name])


def test_the_terms_say_of_which_product_an_account_is(opened: Story) -> None:
    opened.given_active(number=OTHER)
    assert isinstance(current(opened), FlatAccount)
    assert isinstance(current(opened, OTHER), PrepaidAccount)


class TestOfTheOther:
    @pytest.mark.parametrize(("command", "fields"), OF_PREPAID, ids=lambda x: getattr(x, "__name__", ""))
    def test_a_command_of_one_product_on_an_account_of_the_other(
        self, opened: Story, command: type[LineCommand], fields: dict[str, Any]
    ) -> None:
        opened.when(command, NOW, **fields).refused("not-eligible")

    def test_these_are_all_that_prepaid_has_of_its_own(self) -> None:
        own = {command for command in PRODUCTS["prepaid"].rules if not command.INTERNAL}
        assert own == {command for command, _ in OF_PREPAID}

    @pytest.mark.stored
    def test_it_is_asked_before_clock_and_state(self, opened: Story) -> None:
        opened.given(Terminate, NOW)
        opened.when(TopUp, NOW - 5 * SECOND - 1, credit=rupiah(5000)).refused("not-eligible")
        opened.when(Block, NOW - 5 * SECOND - 1).refused("clock-behind")
        opened.when(Block, NOW).refused("terminated")

    def test_a_command_of_the_other_on_a_prepaid_account(self, story: Story) -> None:
        class Settle(LineCommand, frozen=True, kw_only=True, gc=False):
            """A command that prepaid does not have."""

        line = story.given_active().line()
        with pytest.raises(NotEligible):
            admit(line, Settle(at=NOW, command_id="x", msisdn=NUMBER))

    @pytest.mark.parametrize(("terms_id", "number"), [("flat", OTHER), (SP23, NUMBER)])
    def test_terms_of_the_other_are_no_terms_to_migrate_to(
        self, opened: Story, terms_id: str, number: str
    ) -> None:
        opened.given_active(number=OTHER)
        opened.when(MigrateTerms, NOW, msisdn=number, terms=terms_id).refused("not-eligible")

    def test_nor_to_open_an_account_under(self, opened: Story) -> None:
        opened.when(ReclaimNumber, NOW, terms="flat").refused("not-eligible")
        opened.when(ReclaimNumber, NOW, terms=SP23).refused("number-not-available")

    @pytest.mark.stored
    def test_credit_sent_to_it_comes_back(self, opened: Story) -> None:
        opened.given_active(number=OTHER, credit=rupiah(100000), since=OPENED - 40 * DAY)
        opened.given(TopUp, OPENED, msisdn=OTHER, credit=rupiah(100000))
        opened.when(TransferCredit, NOW, msisdn=OTHER, to_msisdn=NUMBER, amount=rupiah(20000)).then(
            event(CreditTransferSent), event(CreditTransferReturned, refusal="not-eligible")
        )


class TestShared:
    def test_blocks(self, opened: Story) -> None:
        opened.when(Block, NOW, scope="voice").then(event(Blocked))
        opened.when(RecordUsage, NOW).refused("blocked", event(UsageRefused))
        opened.when(Unblock, NOW).then(event(Unblocked))
        opened.when(Block, NOW).refused("block-exists")

    def test_use_is_judged_alike_and_paid_for_by_the_product(self, opened: Story) -> None:
        opened.when(RecordUsage, NOW, quantity=180).then(event(UsageDebited, charge=rupiah(909)))
        opened.when(RecordUsage, NOW, direction="incoming").then(event(UsageRecorded))
        opened.when(RecordUsage, NOW, used_at=NOW + 1).refused("in-the-future", event(UsageRefused))
        account = current(opened)
        assert isinstance(account, FlatAccount)
        assert account.owed == account.usage.charged == rupiah(909)

    def test_what_refuses_a_use_that_nothing_is_left_for_is_the_products(self, opened: Story) -> None:
        for _ in range(11):
            opened.given(RecordUsage, NOW, quantity=180)
        opened.when(RecordUsage, NOW, quantity=1).refused("above-maximum", event(UsageRefused))

    def test_cards_whose_fee_is_taken_as_the_product_takes_fees(self, opened: Story) -> None:
        opened.when(ReplaceCard, NOW).then(event(CardReplaced))
        account = current(opened)
        assert isinstance(account, FlatAccount)
        assert account.owed == rupiah(10000)

    def test_rights(self, opened: Story) -> None:
        opened.given(RequestRightsTransfer, NOW, to_customer="customer-2")
        opened.when(DecideRightsTransfer, NOW).then(event(RightsTransferred))
        assert current(opened).holder == "customer-2"

    @pytest.mark.stored
    def test_the_end_and_the_numbers_life_after_it(self, opened: Story) -> None:
        opened.when(Terminate, NOW).then(event(Terminated), event(NumberQuarantined))
        opened.reopen().when(AdvanceTime, NOW + 182 * DAY).then(event(NumberAvailable))
        opened.when(IssueStarterPack, NOW + 182 * DAY).then(event(StarterPackIssued, generation=2))
        assert isinstance(current(opened), PrepaidAccount)


@pytest.mark.stored
class TestFormer:
    def test_a_former_account_has_a_life_of_its_own(self, opened: Story) -> None:
        opened.given(Terminate, NOW)
        opened.given(IssueStarterPack, NOW + 182 * DAY)
        opened.given(Activate, NOW + 182 * DAY)
        settled = NOW + LIVES_ON
        opened.reopen().when(AdvanceTime, settled - 1)
        assert [one.account for one in opened.new if one.name == "Deactivated"] == [f"{NUMBER}#2"]
        opened.when(AdvanceTime, settled).then(
            event(Deactivated, account=f"{NUMBER}#1", effective_at=settled, terms="flat", recorded_at=settled)
        )

    def test_its_time_comes_in_the_order_of_instants(self, opened: Story) -> None:
        opened.given(Terminate, NOW)
        opened.given(IssueStarterPack, NOW + 182 * DAY, valid_until=day("2024-12-31"))
        opened.when(AdvanceTime, NOW + 3 * LIVES_ON)
        assert [(one.account, one.name) for one in opened.new] == [
            (f"{NUMBER}#1", "Deactivated"),
            (f"{NUMBER}#2", "StarterPackExpired"),
            (NUMBER, "NumberAvailable"),
        ]


class Owed(Event):
    """Something is owed."""


class Postpaid(Flat):
    """A toy with an event, and what follows from it."""

    events = (Owed,)
    follows: ClassVar[Follows] = {Owed: lambda _: []}


def test_the_kind_of_lines_gathers_what_products_bring() -> None:
    prepaid = PRODUCTS["prepaid"]
    alone, line = kind_of_lines([prepaid]), kind_of_lines([prepaid, Postpaid()])
    assert line.events == (*alone.events, Owed)
    assert line.commands == alone.commands
    assert KINDS["line"].events == kind_of_lines(PRODUCTS.values()).events
    assert line.follows == {**prepaid.follows, **Postpaid.follows}
    assert [state.__name__ for state in line.states] == ["PrepaidAccount", "FlatAccount", "Number"]
    with pytest.raises(ValueError, match="two products have"):
        kind_of_lines([Postpaid(), Postpaid()])
