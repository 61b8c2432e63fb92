"""What the present holder of a number agrees to, over both time axes: by number, whoever held it before."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.domain.calendar import DAY, HOUR
from ledger.domain.customer.commands_of_persons import (
    GiveConsent,
    LiftRestriction,
    RegisterCustomer,
    RestrictProcessing,
    WithdrawConsent,
)
from ledger.domain.line.commands import AdvanceTime, DecideRightsTransfer, RequestRightsTransfer, Terminate
from ledger.domain.prepaid.commands import IssueStarterPack, ReclaimNumber
from projections.engine.unanswered import UnknownThen
from projections.persons.preferences import Preference
from tests.given import NUMBER, OTHER, PERSON, THIRD, Story, at
from tests.projections.projected import asked, contents, database, projected

BEGIN = at("2023-03-10T10:00:00+07:00")
SAID, PASSED, ENDED = BEGIN + HOUR, BEGIN + DAY, BEGIN + 10 * DAY
NOW = BEGIN + 20 * DAY
HOLDER, NEXT = PERSON, "customer/CBBBBBBBBBBBBBBBBBBBB"


@pytest.fixture
def lived(story: Story) -> Story:
    """A person with two numbers, one of which passes to another; and a number of somebody unknown."""
    own = HOLDER.partition("/")[2]
    story.given_active(since=BEGIN, customer=own)
    story.given_active(since=BEGIN, number=OTHER, customer=own)
    story.given_active(since=BEGIN, number=THIRD, customer="c-17")
    story.given(RegisterCustomer, BEGIN, customer=HOLDER, fields=["name"])
    story.given(WithdrawConsent, SAID, customer=HOLDER, channel="600-600")
    story.given(GiveConsent, SAID, customer=HOLDER, purpose="partners")
    story.given(RegisterCustomer, SAID, customer=NEXT, fields=["name"])
    story.given(RequestRightsTransfer, PASSED, msisdn=OTHER, to_customer=NEXT.partition("/")[2])
    story.given(DecideRightsTransfer, PASSED, msisdn=OTHER)
    story.given(Terminate, ENDED, msisdn=NUMBER, ground="l")
    return story.reopen()


def of(story: Story, msisdn: str, as_of: int, known_at: int = NOW) -> Preference | None:
    with asked(story.path, now=NOW) as ask:
        rows = ask.preferences(msisdn, as_of=as_of, known_at=known_at).rows
        every = {row.msisdn: row for row in ask.preferences(as_of=as_of, known_at=known_at).rows}
        assert rows == ([every[msisdn]] if msisdn in every else [])
        return rows[0] if rows else None


@pytest.mark.clause("TS-20", "PM-04", "SP23-25", "SE23-32")
def test_offers_go_on_until_they_are_refused_and_again_once_they_are_allowed(lived: Story) -> None:
    before, after = of(lived, NUMBER, SAID - 1), of(lived, NUMBER, SAID)
    assert before is not None
    assert after is not None
    assert (before.offers, before.partners, before.credit_bureau, before.consents) == (True, False, False, [])
    assert (after.offers, after.partners, after.credit_bureau) == (False, True, False)
    assert [(one["purpose"], one["given"], one["channel"]) for one in after.consents] == [
        ("offers", False, "600-600"),
        ("partners", True, "care"),
    ]
    lived.given(GiveConsent, ENDED + DAY, customer=NEXT)
    lived.given(WithdrawConsent, ENDED + DAY + 1, customer=NEXT, channel="600-600")
    lived.given(GiveConsent, ENDED + DAY + 2, customer=NEXT, channel="600-600")
    assert [of(lived, OTHER, ENDED + DAY + n).offers for n in range(3)] == [True, False, True]  # type: ignore[union-attr]


@pytest.mark.clause("TS-20")
def test_they_are_the_present_holders_and_end_with_the_number(lived: Story) -> None:
    assert of(lived, OTHER, PASSED - 1) == of(lived, NUMBER, PASSED - 1)._replace(  # type: ignore[union-attr]
        msisdn=OTHER, account=f"{OTHER}#1"
    )
    passed = of(lived, OTHER, PASSED)
    assert passed is not None
    assert (passed.customer, passed.held_since, passed.offers, passed.consents) == (
        NEXT.partition("/")[2],
        PASSED,
        True,
        [],
    )
    assert of(lived, OTHER, PASSED, PASSED - 1).consents  # type: ignore[union-attr] # it was not known yet
    assert of(lived, NUMBER, ENDED - 1) is not None
    assert of(lived, NUMBER, ENDED) is None
    assert of(lived, THIRD, NOW) is None
    with asked(lived.path, now=NOW) as ask, pytest.raises(UnknownThen):
        ask.preferences("6288100000000")


def test_who_opens_a_contract_or_reclaims_a_number_is_its_holder(story: Story) -> None:
    own = HOLDER.partition("/")[2]
    story.given(RegisterCustomer, BEGIN, customer=HOLDER, fields=["name"])
    story.given_contract(BEGIN, msisdn=OTHER, customer=own)
    story.given_active(since=BEGIN, customer=own).given(Terminate, BEGIN + HOUR)
    story.given(AdvanceTime, PASSED).given(ReclaimNumber, PASSED, customer=own)
    story.given(IssueStarterPack, BEGIN, msisdn=THIRD).reopen()
    with asked(story.path, now=NOW) as ask:
        rows = ask.preferences(as_of=PASSED).rows
        assert [(one.msisdn, one.account, one.held_since) for one in rows] == [
            (NUMBER, f"{NUMBER}#2", PASSED),
            (OTHER, f"{OTHER}#1", BEGIN),
        ]
        assert [one.msisdn for one in ask.preferences(as_of=PASSED - 1).rows] == [OTHER]


def test_a_restriction_stops_everything_until_it_is_lifted(lived: Story) -> None:
    lived.given(GiveConsent, ENDED + DAY, customer=NEXT, purpose="partners")
    lived.given(RestrictProcessing, ENDED + 2 * DAY, customer=NEXT)
    lived.given(LiftRestriction, ENDED + 3 * DAY, customer=NEXT)
    found = [of(lived, OTHER, ENDED + n * DAY) for n in (1, 2, 3)]
    assert [(one.offers, one.partners, one.restricted) for one in found if one] == [
        (True, True, False),
        (False, False, True),
        (True, True, False),
    ]


def test_who_looked_and_when_changes_nothing(lived: Story) -> None:
    far = NOW + 400 * DAY
    with asked(lived.path, now=far) as ask:
        unseen = ask.preferences(as_of=far - DAY).rows
    lived.given(AdvanceTime, far, msisdn=OTHER)
    with asked(lived.path, now=far) as ask:
        assert ask.preferences(as_of=far - DAY).rows == unseen == []


@pytest.mark.parametrize("size", [1, 3])
def test_the_size_of_batches_changes_no_row(lived: Story, tmp_path: Path, size: int) -> None:
    with database(tmp_path / "at-once.db") as first, database(tmp_path / "in-parts.db") as second:
        projected(first, lived.path)
        projected(second, lived.path, size=size)
        assert contents(first)["preferences_facts"] == contents(second)["preferences_facts"] != []
