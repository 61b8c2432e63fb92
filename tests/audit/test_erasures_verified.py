"""A log with erasures is whole, and decided again it is the same; who was erased and is given an account is found."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from ledger.audit.repartitioning import repartition
from ledger.audit.replaying import replay
from ledger.audit.verification import verify
from ledger.domain.calendar import DAY, HOUR
from ledger.domain.customer.commands import AdvanceCustomer
from ledger.domain.customer.commands_of_breaches import AdvanceBreach, NotifyBreach, RecordBreach
from ledger.domain.customer.commands_of_persons import (
    ErasePerson,
    LiftPersonHold,
    RegisterCustomer,
    RequestAccess,
    SetPersonHold,
    WithdrawConsent,
)
from ledger.domain.customer.events_of_persons import PersonErased
from ledger.domain.line.commands import AdvanceTime, DecideRightsTransfer, RequestRightsTransfer, Terminate
from ledger.domain.line.dispute_commands import DecideDispute, OpenDispute
from ledger.domain.prepaid.commands import Activate, IssueStarterPack
from ledger.store.copying import Source
from ledger.store.partitioning import partition_of
from ledger.store.reading import SqliteReader
from tests.conftest import Tell
from tests.given import NUMBER, OTHER, PERSON, THIRD, Story, at, rupiah

NOW = at("2024-03-01T10:00:00+07:00")
ID = PERSON.removeprefix("customer/")
SECOND = "C" + "B" * 20
FOURTH = "6288100000004"


def clean(story: Story) -> None:
    report = verify(story.path)
    assert report.clean, report.findings
    assert not replay([SqliteReader(story.path)], story.terms).first


@pytest.mark.stored
@pytest.mark.clause("PM-05", "PM-06", "PS-02")
def test_a_log_with_erasures_is_whole_and_the_same_when_it_is_decided_again(tell_on_log: Tell) -> None:
    story = tell_on_log()
    story.given(RegisterCustomer, NOW, fields=["name"]).given(RequestAccess, NOW)
    story.given_active(since=NOW, credit=rupiah(5000), customer=ID)
    story.given_active(since=NOW, number=OTHER, customer=ID).given(Terminate, NOW, msisdn=OTHER)
    story.given(SetPersonHold, NOW).given(ErasePerson, NOW).given(LiftPersonHold, NOW + 1)
    story.reopen()
    said = {"dispute": "C-1", "about": "balance", "claimed": 0, "unit": "PULSA", "refers_to": None}
    story.given(OpenDispute, NOW + 2, msisdn=OTHER, **said)
    story.given(Terminate, NOW + DAY)
    story.given(DecideDispute, NOW + 2 * DAY, msisdn=OTHER, dispute="C-1", decision="rejected")
    other = f"customer/{SECOND}"
    story.given(RegisterCustomer, NOW + 2 * DAY, customer=other, fields=["name"])
    story.given_contract(NOW + 2 * DAY, msisdn=THIRD, customer=SECOND)
    story.given(WithdrawConsent, NOW + 2 * DAY, customer=other, purpose="processing")
    story.given(RecordBreach, NOW + 6 * DAY, discovered_at=NOW + 6 * DAY).given(NotifyBreach, NOW + 6 * DAY)
    story.given(AdvanceBreach, NOW + 12 * DAY)
    story.given(AdvanceCustomer, NOW + 100 * DAY, customer=other)
    assert "OthersBlocked" in [one.name for one in story.new], (
        "the end is told, and so are debts of since then"
    )
    assert [one.account for one in story.events() if isinstance(one, PersonErased)] == [PERSON]
    clean(story)


@pytest.mark.stored
@pytest.mark.clause("PM-06")
def test_a_log_is_whole_in_which_what_the_law_asks_to_be_kept_held_up_an_erasure(tell_on_log: Tell) -> None:
    """What the last account says makes nothing fall due that its own breath does not bring about."""
    story = tell_on_log()
    story.given(RegisterCustomer, NOW, fields=["name", "tax-number"])
    story.given_active(since=NOW, customer=ID).given(Terminate, NOW)
    story.given(ErasePerson, NOW)
    story.given(AdvanceCustomer, NOW + 3650 * DAY)
    assert [one.account for one in story.events() if isinstance(one, PersonErased)] == [PERSON]
    clean(story)


@pytest.mark.stored
def test_an_account_that_is_given_to_somebody_who_is_erased_is_found_and_so_is_its_end(
    tell_on_log: Tell,
) -> None:
    """Each by account, customer and position; an account that was theirs before the erasure may end as it will."""
    story = tell_on_log()
    story.given(RegisterCustomer, NOW, fields=["name"])
    story.given_active(since=NOW, number=FOURTH, customer=ID).given(Terminate, NOW, msisdn=FOURTH)
    story.given(ErasePerson, NOW)
    story.given(AdvanceTime, NOW + 200 * DAY, msisdn=FOURTH)
    assert verify(story.path).clean, "the number is free again, and nothing of that concerns anybody"

    story.given(IssueStarterPack, NOW + 200 * DAY).given(Activate, NOW + 200 * DAY, customer=ID)
    story.given_contract(NOW + 200 * DAY, msisdn=OTHER, customer=ID)
    story.given_active(since=NOW + 200 * DAY, number=THIRD, customer="c-17")
    story.given(RequestRightsTransfer, NOW + 201 * DAY, msisdn=THIRD, to_customer=ID)
    story.given(DecideRightsTransfer, NOW + 201 * DAY, msisdn=THIRD)
    story.given(Terminate, NOW + 202 * DAY)
    story.given(RequestRightsTransfer, NOW + 203 * DAY, msisdn=THIRD, to_customer=SECOND, request="r2")
    story.given(DecideRightsTransfer, NOW + 203 * DAY, msisdn=THIRD, request="r2")
    where = {(one.name, one.account): f"0:{n}" for n, one in enumerate(story.events(), 1)}
    ends = [one.account for one in story.events() if one.name == "NumberQuarantined"]
    assert ends[-1] == NUMBER
    passed = [f"0:{n}" for n, one in enumerate(story.events(), 1) if one.name == "RightsTransferred"]
    assert [(str(one.what), one.position, one.account) for one in verify(story.path).findings] == [
        (f"{of} {what} {PERSON}, who is erased", position, of)
        for of, what, position in (
            (f"{NUMBER}#1", "was given to", where["Activated", f"{NUMBER}#1"]),
            (f"{OTHER}#1", "was given to", where["ContractOpened", f"{OTHER}#1"]),
            (f"{THIRD}#1", "was given to", passed[0]),
            (f"{NUMBER}#1", "has ended for", where["NumberQuarantined", NUMBER]),
            (f"{THIRD}#1", "was taken from", passed[1]),
        )
    ]


@pytest.mark.stored
@pytest.mark.clause("PM-05")
def test_what_is_given_after_consent_had_ended_is_found_by_its_end_and_decided_again_alike(
    tell_on_log: Tell,
) -> None:
    story = tell_on_log()
    story.given(RegisterCustomer, NOW, fields=["name"]).given(WithdrawConsent, NOW, purpose="processing")
    story.given(AdvanceCustomer, NOW + 73 * HOUR)
    story.given_active(since=NOW + 74 * HOUR, customer=ID)
    names = [one.name for one in story.events() if one.account == PERSON]
    assert names[-2:] == ["PersonErased", "AccountNoted"]
    found = [(str(one.what), one.account) for one in verify(story.path).findings]
    assert found == [(f"{NUMBER}#1 has ended for {PERSON}, who is erased", f"{NUMBER}#1")]
    assert not replay([SqliteReader(story.path)], story.terms).first


@pytest.mark.stored
def test_where_the_customer_lies_in_another_partition_the_entry_names_the_cause(
    tell_on_log: Tell, tmp_path: Path
) -> None:
    story = tell_on_log()
    story.given(RegisterCustomer, NOW, fields=["name"]).given(ErasePerson, NOW)
    numbers = [f"62881000000{n:02}" for n in range(8)]
    for number in numbers:
        story.given_active(since=NOW + 1, number=number, customer=ID)
    story.close()
    with closing(Source(story.path, 0)) as source:
        repartition([source], tmp_path / "two", 2)
    found = [
        (one.position, one.account)
        for partition in range(2)
        for one in verify(tmp_path / "two" / f"partition-{partition}.db").findings
    ]
    elsewhere = [number for number in numbers if partition_of(number, 2) != partition_of(PERSON, 2)]
    assert 0 < len(elsewhere) < len(numbers)
    assert sorted(str(account) for _, account in found) == sorted(f"{number}#1" for number in numbers)
    for position, account in found:
        named = position is not None and position.endswith(f" policy/activated/{account}")
        assert named == (str(account).partition("#")[0] in elsewhere)
