"""Which refusal answers where several could, and what stands although the command was refused."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.domain.calendar import DAY, SECOND
from ledger.domain.kinds import COMMANDS
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
from ledger.domain.line.dispute_commands import DisputeCommand
from ledger.domain.line.events import NumberQuarantined
from ledger.domain.line.product import PRODUCTS
from ledger.domain.partition.events import TermsPublished
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
    CreditForfeited,
    Deactivated,
    GraceStarted,
    ReservationReleased,
    WaitingStarted,
)
from ledger.domain.refusals import REFUSALS
from tests.given import SP23, START, XP25, Story, at, day, event, rupiah

pytestmark = pytest.mark.stored

NOW = at("2023-07-20T12:00:00+07:00")
GRACE = at("2023-08-03T00:00:00+07:00")
CLOSED = at("2024-01-30T00:00:00+07:00")
EXPIRES = at("2023-07-04T00:00:00+07:00")

ON_ACCOUNTS: list[tuple[type[LineCommand], dict[str, Any]]] = [
    (Activate, {}),
    (TopUp, {"credit": rupiah(5000)}),
    (ReverseTopUp, {"reverses": "t1"}),
    (ChargeCredit, {"amount": 1}),
    (RecordUsage, {}),
    (ReserveCredit, {"amount": 1, "expires_at": CLOSED + DAY}),
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
    (Terminate, {}),
]
EVERY_COMMAND_ON_AN_ACCOUNT = pytest.mark.parametrize(
    ("command", "fields"), ON_ACCOUNTS, ids=[command.__name__ for command, _ in ON_ACCOUNTS]
)


def test_the_table_has_every_command_that_addresses_an_account() -> None:
    listed = {command for command, _ in ON_ACCOUNTS}
    of_contracts = PRODUCTS["postpaid"].commands
    of_lines = [
        x
        for x in COMMANDS.values()
        if issubclass(x, LineCommand) and not x.INTERNAL and x not in of_contracts
    ]
    # disputes are taken in any state: tests/domain/test_disputes.py
    assert listed == {x for x in of_lines if not x.NUMBER_ITSELF and not issubclass(x, DisputeCommand)}


@EVERY_COMMAND_ON_AN_ACCOUNT
def test_a_number_without_account_is_unknown_at_any_time(
    story: Story, command: type[LineCommand], fields: dict[str, Any]
) -> None:
    story.when(command, NOW, **fields).refused("unknown-account")


@EVERY_COMMAND_ON_AN_ACCOUNT
def test_the_clock_answers_before_the_state(
    story: Story, command: type[LineCommand], fields: dict[str, Any]
) -> None:
    story.given_active(since=NOW)
    story.given(Terminate, NOW)
    story.when(command, NOW - 5 * SECOND - 1, **fields).refused("clock-behind")


@EVERY_COMMAND_ON_AN_ACCOUNT
@pytest.mark.parametrize("state", ["expired", "deactivated", "terminated"])
def test_a_final_state_answers_before_the_commands_own_checks(
    story: Story, command: type[LineCommand], fields: dict[str, Any], state: str
) -> None:
    if state == "expired":
        story.given(IssueStarterPack, at(START), valid_until=day("2023-07-03"))
        story.given(AdvanceTime, EXPIRES)
    else:
        story.given_active()
        if state == "terminated":
            story.given(Terminate, NOW)
        story.given(AdvanceTime, CLOSED)
    code = "pack-expired" if (command, state) == (Activate, "expired") else state
    story.when(command, CLOSED, **fields)
    assert (story.outcome.status, story.outcome.code) == ("refused", code)


@EVERY_COMMAND_ON_AN_ACCOUNT
def test_what_fell_due_stands_whatever_becomes_of_the_command(
    story: Story, command: type[LineCommand], fields: dict[str, Any]
) -> None:
    story.given_active()
    story.when(command, GRACE, **fields)
    assert isinstance(story.new[0], GraceStarted)
    assert story.new[0].effective_at == GRACE
    if story.outcome.status == "refused" and command is not RecordUsage:
        assert len(story.new) == 1


@pytest.mark.parametrize(
    ("command", "fields", "code"),
    [
        (IssueStarterPack, {}, "number-not-available"),
        (ReclaimNumber, {"fee_paid": 1}, "below-minimum"),
        (AdvanceTime, {}, None),
    ],
)
def test_what_addresses_the_number_skips_the_final_state(
    story: Story, command: type[LineCommand], fields: dict[str, Any], code: str | None
) -> None:
    story.given_active()
    story.given(Terminate, NOW)
    story.when(command, NOW, **fields)
    assert story.outcome.code == code


@pytest.mark.parametrize(
    ("command", "first", "second"),
    [
        (Block, {"block": "x", "ground": "b"}, {"block": "x", "ground": "no-ground"}),
        (
            ReserveCredit,
            {"reservation": "x", "amount": 1, "expires_at": NOW + DAY},
            {"reservation": "x", "amount": rupiah(10**9), "expires_at": NOW - 1},
        ),
    ],
)
def test_an_id_used_before_is_the_first_of_the_commands_own_checks(
    story: Story, command: type[LineCommand], first: dict[str, Any], second: dict[str, Any]
) -> None:
    story.given_active(credit=rupiah(5000))
    story.given(command, NOW, **first)
    story.given(Block, NOW, block="other", scope="all")
    story.when(command, NOW, **second)
    assert story.outcome.code in ("block-exists", "reservation-exists")


def test_a_refusal_writes_no_event_of_its_own(story: Story) -> None:
    story.given_active()
    for command, fields in ON_ACCOUNTS:
        if command not in (RecordUsage, Terminate):
            story.when(command, NOW, **fields)
            assert len(story.new) == (1 if story.outcome.status == "accepted" else 0)


def test_a_refused_command_does_not_use_terms_and_publishes_none(story: Story) -> None:
    story.given_active(terms=SP23)
    story.when(IssueStarterPack, NOW, terms=XP25).refused("number-not-available")
    story.when(ReclaimNumber, NOW, terms=XP25).refused("number-not-available")
    published = [x.terms_id for x in story.events() if isinstance(x, TermsPublished)]
    assert published == [SP23]


def test_a_refused_first_command_leaves_the_log_empty(story: Story) -> None:
    story.when(IssueStarterPack, EXPIRES, valid_until=day("2023-07-03")).refused("too-late")
    assert story.events() == []
    story.given(IssueStarterPack, EXPIRES)
    assert [x.name for x in story.events()] == ["LogCreated", "TermsPublished", "StarterPackIssued"]


def test_every_refusal_has_a_code_of_its_own_and_a_message() -> None:
    codes = """unknown-account not-active grace waiting deactivated terminated expired blocked
        insufficient-credit below-minimum above-maximum already-active already-reversed unknown-top-up
        unknown-reservation reservation-exists unknown-block block-exists unknown-request ground-not-in-terms
        reference-required identity-required approval-required number-not-available pack-expired limit-reached
        must-keep-minimum not-eligible in-the-future too-late clock-behind idempotency-conflict invalid
        in-contract unknown-plan over-limit outstanding gallery-required roaming-active too-soon
        duplicate-record unknown-bill unknown-payment reference-conflict already-settled already-failed
        consent-required unknown-deposit window-closed refund-exists refund-not-ready settled unknown-fine
        unknown-suspense too-many-open unknown-statement statement-conflict statement-open not-final
        unknown-dispute dispute-exists already-decided already-reopened
        unknown-record wrong-unit evidence-seen
        unknown-customer customer-exists no-purpose restricted already-requested
        erased erasure-blocked unknown-hold unknown-breach"""
    assert set(REFUSALS) == set(codes.split())
    assert all(cls.__doc__ and cls.__doc__ == cls().message for cls in REFUSALS.values())


def test_the_message_names_the_particulars(story: Story) -> None:
    story.given_active(credit=rupiah(100))
    story.when(ChargeCredit, NOW, amount=rupiah("100.05"))
    assert story.outcome.message == "There is not enough credit. (100 available, 100.05 asked)"
    story.when(Block, NOW, ground="zz")
    assert story.outcome.message == "The account's terms do not know this ground. (zz)"


def test_several_at_one_instant_fall_due_in_their_order(story: Story) -> None:
    """Releases, by expiry and then id; forfeiture; transition; number."""
    story.given_active(credit=rupiah(5000))
    for name in ("b", "a"):
        story.given(ReserveCredit, NOW, reservation=name, amount=1, expires_at=CLOSED)
    story.when(AdvanceTime, CLOSED).then(
        event(ReservationReleased, reservation="a", effective_at=GRACE),
        event(ReservationReleased, reservation="b", effective_at=GRACE),
        event(GraceStarted, effective_at=GRACE),
        event(WaitingStarted),
        event(CreditForfeited, effective_at=CLOSED, amount=rupiah(5000)),
        event(Deactivated, effective_at=CLOSED),
        event(NumberQuarantined, effective_at=CLOSED),
    )
