"""New cards for the same account, and a number that passes to another holder."""

from __future__ import annotations

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.line.commands import (
    AdvanceTime,
    Block,
    DecideRightsTransfer,
    ReplaceCard,
    RequestRightsTransfer,
    Unblock,
)
from ledger.domain.line.events import (
    CardReplaced,
    RightsTransferred,
    RightsTransferRefused,
    RightsTransferRequested,
)
from ledger.domain.prepaid.commands import AdjustCredit, ChargeCredit
from ledger.domain.prepaid.events import CreditCharged
from tests.conftest import Tell
from tests.given import NUMBER, SP23, TELKOMSEL, XP25, Story, at, event, rupiah, variant

NOW = at("2023-07-20T12:00:00+07:00")
GRACE = at("2023-08-03T00:00:00+07:00")
SMARTFREN = pytest.mark.parametrize("terms", [SP23, XP25])
ALL_TERMS = pytest.mark.parametrize("terms", [SP23, XP25, TELKOMSEL])


class TestReplaceCard:
    @pytest.mark.clause("SP23-09", "SP23-10", "XP25-07")
    @SMARTFREN
    def test_the_fee_is_taken_from_credit_and_the_rest_stays(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms, credit=rupiah(12000))
        before = story.account()
        story.when(ReplaceCard, NOW, iccid="8962-77").then(
            event(
                CardReplaced,
                iccid="8962-77",
                clause="SP23-09" if terms == SP23 else "XP25-07",
                fees=[{"name": "replacement", "amount": rupiah(10000)}],
                postings=[
                    {"account": "operator/fees", "unit": "PULSA", "amount": rupiah(10000)},
                    {"account": f"{NUMBER}#1/credit", "unit": "PULSA", "amount": -rupiah(10000)},
                ],
            )
        )
        after = story.account()
        assert after.credit == rupiah(2000)
        kept = ("id", "state", "holder", "active_until", "terms")
        assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]

    @pytest.mark.clause("SP23-10")
    def test_the_fee_is_taken_all_or_nothing(self, story: Story) -> None:
        story.given_active(credit=rupiah("9999.99"))
        story.when(ReplaceCard, NOW).refused("insufficient-credit")
        assert story.credit() == rupiah("9999.99")
        story.given(AdjustCredit, NOW, amount=1)
        story.when(ReplaceCard, NOW).then(event(CardReplaced))
        assert story.credit() == 0

    @pytest.mark.clause("SP23-09", "XP25-07")
    @SMARTFREN
    def test_only_against_identity(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms, credit=rupiah(12000))
        story.when(ReplaceCard, NOW, identity_checked=False).refused("identity-required")
        assert story.credit() == rupiah(12000)

    @pytest.mark.clause("SP23-09", "TS-05")
    @ALL_TERMS
    @pytest.mark.parametrize("moment", [NOW, GRACE, GRACE + 30 * DAY])
    @pytest.mark.parametrize("blocked", [False, True])
    def test_from_any_live_state_blocked_or_not(
        self, story: Story, terms: str, moment: int, blocked: bool
    ) -> None:
        story.given_active(terms=terms, credit=rupiah(12000))
        story.given(AdvanceTime, moment)
        state = story.state()
        story.given(AdjustCredit, moment, amount=rupiah(10000))
        if blocked:
            story.given(Block, moment, scope="all", ground="lost-or-stolen")
        story.when(ReplaceCard, moment).then(event(CardReplaced))
        account = story.account()
        assert (account.state, len(account.blocks)) == (state, int(blocked))

    @pytest.mark.clause("TS-06")
    def test_it_may_cost_an_administration_fee_and_a_replacement_cost(self, tell: Tell) -> None:
        dearer = variant(
            TELKOMSEL,
            card_replacement={
                "clause": "TS-06",
                "fees": [
                    {"name": "administration", "amount": "2500"},
                    {"name": "replacement", "amount": "7500.50"},
                ],
            },
        )
        story = tell(dearer)
        story.given_active(terms=dearer.id, credit=rupiah(12000))
        story.when(ReplaceCard, NOW).then(
            event(
                CardReplaced,
                clause="TS-06",
                fees=[
                    {"name": "administration", "amount": rupiah(2500)},
                    {"name": "replacement", "amount": rupiah("7500.50")},
                ],
            )
        )
        assert story.balance("operator/fees") == rupiah("10000.50")

    @pytest.mark.clause("TS-06", "TS-07")
    def test_where_no_fee_is_published_none_is_taken_and_nothing_is_made_good(self, story: Story) -> None:
        story.given_active(terms=TELKOMSEL, credit=rupiah(12000))
        story.given(ChargeCredit, NOW, amount=rupiah(5000), item="bought by a thief")
        story.when(ReplaceCard, NOW + 1).then(event(CardReplaced, postings=[]))
        assert story.credit() == rupiah(7000)

    @pytest.mark.clause("SP23-10", "XP25-06", "TS-07")
    @ALL_TERMS
    def test_no_credit_lost_with_a_card_comes_back(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms, credit=rupiah(30000))
        story.given(ChargeCredit, NOW, amount=rupiah(5000))
        story.given(Block, NOW + 1, ground="lost-or-stolen")
        story.given(ReplaceCard, NOW + 2)
        story.given(Unblock, NOW + 3)
        assert story.credit() <= rupiah(25000)
        assert story.balance("operator/charges") == rupiah(5000)


@pytest.mark.clause("SP23-11", "XP25-08")
@SMARTFREN
class TestRightsTransfer:
    def test_a_request_changes_nothing_yet(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms, credit=rupiah(5000))
        story.when(RequestRightsTransfer, NOW, request="q1", to_customer="customer-2").then(
            event(
                RightsTransferRequested,
                request="q1",
                to_customer="customer-2",
                clause="SP23-11" if terms == SP23 else "XP25-08",
                postings=[],
            )
        )
        assert story.account().holder == "customer-1"

    def test_approval_changes_the_holder_and_nothing_else(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms, credit=rupiah(5000))
        story.given(Block, NOW, scope="voice")
        story.given(RequestRightsTransfer, NOW)
        before = story.account()
        story.when(DecideRightsTransfer, NOW + DAY, decided_by="staff-4", reason="moved-house").then(
            event(
                RightsTransferred,
                effective_at=NOW + DAY,
                request="q1",
                from_customer="customer-1",
                to_customer="customer-2",
                decided_by="staff-4",
                reason="moved-house",
                postings=[],
            )
        )
        after = story.account()
        assert after.holder == "customer-2"
        kept = ("id", "credit", "state", "active_until", "usage", "terms", "opened_at")
        assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]
        assert list(after.blocks) == ["b1"]

    @pytest.mark.clause("SP23-07", "XP25-05")
    def test_refusal_changes_nothing_but_the_record_of_it(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms, credit=rupiah(5000))
        story.given(RequestRightsTransfer, NOW)
        story.when(DecideRightsTransfer, NOW, decision="refused", reason=None).then(
            event(RightsTransferRefused, request="q1", decided_by="staff-1", reason=None, postings=[])
        )
        assert story.account().holder == "customer-1"
        story.when(ChargeCredit, NOW + 1, amount=rupiah(100)).then(event(CreditCharged))

    @pytest.mark.parametrize("decision", ["approved", "refused"])
    def test_a_request_is_decided_once(self, story: Story, terms: str, decision: str) -> None:
        story.given_active(terms=terms)
        story.when(DecideRightsTransfer, NOW, decision=decision).refused("unknown-request")
        story.given(RequestRightsTransfer, NOW)
        story.given(DecideRightsTransfer, NOW, decision=decision)
        story.when(DecideRightsTransfer, NOW + 1, decision=decision).refused("unknown-request")

    def test_several_may_be_open_and_the_last_approved_holds(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms)
        for name in ("q1", "q2"):
            story.given(RequestRightsTransfer, NOW, request=name, to_customer=f"customer-{name}")
        story.given(DecideRightsTransfer, NOW, request="q2")
        story.when(DecideRightsTransfer, NOW, request="q1").then(
            event(RightsTransferred, from_customer="customer-q2", to_customer="customer-q1")
        )

    def test_a_request_has_an_id_of_its_own_and_another_holder(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms)
        story.when(RequestRightsTransfer, NOW, to_customer="customer-1").refused("not-eligible")
        story.given(RequestRightsTransfer, NOW)
        story.when(RequestRightsTransfer, NOW, to_customer="customer-3").refused("not-eligible")

    @pytest.mark.parametrize("moment", [GRACE, GRACE + 30 * DAY])
    def test_it_passes_in_any_live_state(self, story: Story, terms: str, moment: int) -> None:
        story.given_active(terms=terms)
        story.given(AdvanceTime, moment)
        state = story.state()
        story.given(RequestRightsTransfer, moment)
        story.given(DecideRightsTransfer, moment)
        account = story.account()
        assert (account.holder, account.state) == ("customer-2", state)
