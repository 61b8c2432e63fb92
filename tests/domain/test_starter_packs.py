"""Starter packs: issued, activated in time, or lost with their credit."""

from __future__ import annotations

import pytest

from ledger.domain.commands import Command
from ledger.domain.line.commands import (
    AdvanceTime,
    Block,
    DecideRightsTransfer,
    MigrateTerms,
    RecordUsage,
    ReplaceCard,
    RequestRightsTransfer,
    Terminate,
    Unblock,
)
from ledger.domain.line.events import NumberAvailable, NumberQuarantined, Terminated, UsageRefused
from ledger.domain.prepaid.commands import (
    Activate,
    AdjustCredit,
    CaptureReservation,
    ChargeCredit,
    IssueStarterPack,
    ReleaseReservation,
    ReserveCredit,
    ReverseTopUp,
    TopUp,
    TransferCredit,
)
from ledger.domain.prepaid.events import Activated, RegistrationFailed, StarterPackExpired, StarterPackIssued
from tests.given import MICROSECOND, NUMBER, SP23, START, TELKOMSEL, XP25, Story, at, day, event, rupiah

ALL_TERMS = pytest.mark.parametrize("terms", [SP23, XP25, TELKOMSEL])
ISSUED = at("2023-07-03T09:00:00+07:00")
VALID_UNTIL = day("2023-12-31")
EXPIRES = at("2024-01-01T00:00:00+07:00")


@ALL_TERMS
def test_a_starter_pack_opens_the_first_account_inactive_and_valid_to_the_end_of_its_day(
    story: Story, terms: str
) -> None:
    story.when(
        IssueStarterPack, ISSUED, terms=terms, printed_credit=rupiah(5000), valid_until=VALID_UNTIL
    ).then(
        event(
            StarterPackIssued,
            account=f"{NUMBER}#1",
            version=1,
            effective_at=ISSUED,
            recorded_at=ISSUED,
            terms=terms,
            msisdn=NUMBER,
            generation=1,
            printed_credit=rupiah(5000),
            expires_at=EXPIRES,
            postings=[],
        )
    )
    assert story.state() == "inactive"
    assert story.credit() == 0


def test_a_pack_whose_date_has_passed_is_not_issued(story: Story) -> None:
    story.when(IssueStarterPack, EXPIRES, valid_until=VALID_UNTIL).refused("too-late")
    story.when(IssueStarterPack, EXPIRES - MICROSECOND, valid_until=VALID_UNTIL).then(
        event(StarterPackIssued, expires_at=EXPIRES)
    )


def test_a_number_that_is_assigned_is_not_issued_again(story: Story) -> None:
    story.given(IssueStarterPack, ISSUED)
    story.when(IssueStarterPack, ISSUED + 1).refused("number-not-available")
    story.given(Activate, ISSUED + 2)
    story.when(IssueStarterPack, ISSUED + 3).refused("number-not-available")


@pytest.mark.clause("SP23-02", "XP25-02", "TS-01")
@ALL_TERMS
def test_activation_makes_the_printed_credit_credit_and_begins_the_first_active_period(
    story: Story, terms: str
) -> None:
    story.given(IssueStarterPack, ISSUED, terms=terms, printed_credit=rupiah("5000.50"))
    story.when(Activate, at(START), channel="website", customer="customer-7").then(
        event(
            Activated,
            effective_at=at(START),
            channel="website",
            customer="customer-7",
            credit=rupiah("5000.50"),
            active_until=at("2023-08-03T00:00:00+07:00"),
            postings=[
                {"account": f"{NUMBER}#1/credit", "unit": "PULSA", "amount": 500050},
                {"account": "operator/credit-issued", "unit": "PULSA", "amount": -500050},
            ],
        )
    )
    account = story.account()
    assert (account.state, account.credit, account.holder) == ("active", 500050, "customer-7")


def test_a_pack_without_printed_credit_moves_nothing(story: Story) -> None:
    story.given(IssueStarterPack, ISSUED, printed_credit=0)
    story.when(Activate, at(START)).then(event(Activated, credit=0, postings=[]))


@pytest.mark.clause("SP23-02", "XP25-02")
@pytest.mark.parametrize(
    ("command", "fields"),
    [
        (TopUp, {"credit": rupiah(5000)}),
        (ReverseTopUp, {"reverses": "t1"}),
        (ChargeCredit, {"amount": 1}),
        (ReserveCredit, {"amount": 1, "expires_at": EXPIRES}),
        (CaptureReservation, {"amount": 1}),
        (ReleaseReservation, {}),
        (Block, {}),
        (Unblock, {}),
        (ReplaceCard, {}),
        (RequestRightsTransfer, {}),
        (DecideRightsTransfer, {}),
        (TransferCredit, {"amount": rupiah(5000)}),
        (AdjustCredit, {"amount": 1}),
        (MigrateTerms, {"terms": XP25}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_before_activation_nothing_else_is_taken(
    story: Story, command: type[Command], fields: dict[str, object]
) -> None:
    story.given(IssueStarterPack, ISSUED, printed_credit=rupiah(5000))
    story.when(command, at(START), **fields).refused("not-active")


@pytest.mark.clause("SP23-02", "XP25-02")
def test_before_activation_use_is_refused_and_recorded_as_refused(story: Story) -> None:
    story.given(IssueStarterPack, ISSUED, printed_credit=rupiah(5000))
    story.when(RecordUsage, at(START), direction="incoming").refused(
        "not-active", event(UsageRefused, refusal="not-active", effective_at=at(START))
    )


def test_before_activation_time_is_advanced_and_the_account_can_be_terminated(story: Story) -> None:
    story.given(IssueStarterPack, ISSUED, printed_credit=rupiah(5000))
    story.when(AdvanceTime, at(START)).then()
    story.when(Terminate, at(START) + 1, ground="l").then(
        event(Terminated, ground="l", postings=[]), event(NumberQuarantined, customer=None)
    )


def test_an_active_account_is_not_activated_again(story: Story) -> None:
    story.given_active()
    story.when(Activate, at(START) + 1).refused("already-active")
    for boundary in ("2023-08-03T00:00:00+07:00", "2023-09-02T00:00:00+07:00"):
        story.when(Activate, at(boundary), registration="failed")
        assert story.outcome.code == "already-active"


@pytest.mark.clause("SP23-03", "TS-04")
@ALL_TERMS
def test_a_registration_that_failed_is_recorded_and_may_be_tried_again(story: Story, terms: str) -> None:
    story.given(IssueStarterPack, ISSUED, terms=terms, printed_credit=rupiah(5000))
    story.when(Activate, at(START), registration="failed", customer="customer-8").then(
        event(RegistrationFailed, channel="sms-4444", customer="customer-8", postings=[])
    )
    account = story.account()
    assert (account.state, account.credit, account.holder) == ("inactive", 0, None)
    story.when(Activate, at(START) + 1).then(event(Activated, credit=rupiah(5000)))


@pytest.mark.clause("SP23-05", "XP25-03", "TS-01")
@ALL_TERMS
class TestExpiry:
    def test_until_the_last_microsecond_it_can_be_activated(self, story: Story, terms: str) -> None:
        story.given(IssueStarterPack, ISSUED, terms=terms, valid_until=VALID_UNTIL)
        story.when(Activate, EXPIRES - MICROSECOND).then(event(Activated))

    @pytest.mark.parametrize("late", [0, MICROSECOND])
    def test_afterwards_it_is_expired_and_its_printed_credit_lost(
        self, story: Story, terms: str, late: int
    ) -> None:
        story.given(
            IssueStarterPack, ISSUED, terms=terms, printed_credit=rupiah(5000), valid_until=VALID_UNTIL
        )
        story.when(Activate, EXPIRES + late).refused(
            "pack-expired",
            event(
                StarterPackExpired,
                effective_at=EXPIRES,
                recorded_at=EXPIRES + late,
                printed_credit=rupiah(5000),
                command_id=f"due/{NUMBER}#1/StarterPackExpired/2023-12-31T17:00:00Z",
                postings=[],
            ),
            event(NumberAvailable, account=NUMBER, effective_at=EXPIRES, generation=1, customer=None),
        )
        account = story.account()
        assert (account.state, account.credit) == ("expired", 0)
        assert story.balance("operator/credit-issued") == 0

    def test_it_is_not_exchanged_and_takes_no_top_up(self, story: Story, terms: str) -> None:
        story.given(IssueStarterPack, ISSUED, terms=terms, valid_until=VALID_UNTIL)
        story.given(AdvanceTime, EXPIRES)
        story.when(TopUp, EXPIRES, credit=rupiah(5000)).refused("expired")
        story.when(ReplaceCard, EXPIRES).refused("expired")
        story.when(Activate, EXPIRES).refused("pack-expired")

    def test_the_number_is_available_at_once_for_the_next_account(self, story: Story, terms: str) -> None:
        story.given(IssueStarterPack, ISSUED, terms=terms, valid_until=VALID_UNTIL)
        story.when(IssueStarterPack, EXPIRES, terms=terms).then(
            event(StarterPackExpired, account=f"{NUMBER}#1"),
            event(NumberAvailable, account=NUMBER),
            event(StarterPackIssued, account=f"{NUMBER}#2", generation=2, version=1),
        )

    def test_a_pack_that_was_activated_does_not_expire(self, story: Story, terms: str) -> None:
        story.given(IssueStarterPack, ISSUED, terms=terms, valid_until=day("2023-07-04"))
        story.given(Activate, at(START))
        story.when(AdvanceTime, at("2023-08-02T23:59:59+07:00")).then()


def test_the_expiry_of_a_pack_cites_its_clause(story: Story) -> None:
    for number, terms, clause in (("6288100000011", SP23, "SP23-05"), ("6288100000012", XP25, "XP25-03")):
        story.given(IssueStarterPack, ISSUED, msisdn=number, terms=terms, valid_until=VALID_UNTIL)
        story.when(AdvanceTime, EXPIRES, msisdn=number).then(
            event(StarterPackExpired, terms=terms, clause=clause), event(NumberAvailable)
        )
