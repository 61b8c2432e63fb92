"""An enquiry of a contract: folded straight from the log, and from the projections, the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from ledger.domain.line.commands import AdvanceTime, RecordUsage, Terminate
from ledger.domain.postpaid.commands import ReceivePayment, SettlePayment
from projections.asking.questions import Questions
from projections.postpaid.contract_enquiry import ContractEnquiry
from tests.given import NUMBER, SE23, Story, at, rupiah
from tests.projections.projected import asked

Asking = Callable[..., Questions]

OPENED = at("2023-03-01T10:00:00+07:00")
ISSUED = at("2023-04-01T00:00:00+07:00")
NOW = at("2023-04-25T12:00:00+07:00")


@pytest.fixture
def queries() -> Iterator[Asking]:
    """The questions to a log, until the test ends."""
    with ExitStack() as open_:
        yield lambda path, now: open_.enter_context(asked(path, now=now))


@pytest.fixture
def lived(story: Story) -> Story:
    story.given_contract(OPENED)
    story.given(RecordUsage, OPENED, quantity=200)
    story.given(RecordUsage, OPENED, destination="free", quantity=60)
    story.given(RecordUsage, ISSUED, quantity=180)
    story.given(ReceivePayment, ISSUED, reference="p1", amount=rupiah(11_000))
    story.given(SettlePayment, ISSUED, reference="p1")
    story.given(ReceivePayment, ISSUED, reference="p2", amount=rupiah(1000))
    return story.reopen()


@pytest.mark.clause("SE23-27")
def test_it_says_what_is_owed_and_held_and_what_is_left(lived: Story, queries: Asking) -> None:
    answer = queries(lived.path, now=NOW).enquiry(NUMBER)
    assert isinstance(answer, ContractEnquiry)
    said = answer.to_json()
    assert said | {"terms_digest": "", "position": ""} == {
        "msisdn": NUMBER,
        "account": f"{NUMBER}#1",
        "product": "postpaid",
        "terms": SE23,
        "terms_digest": "",
        "plan": "elite-100",
        "state": "active",
        "contract_until": "2024-02-29T17:00:00Z",
        "limit": "300000",
        "headroom": "194091",
        "unbilled": "5909",
        "billed": "100000",
        "overdue": "100000",
        "advance": "0",
        "pending": "1000",
        "deposit": "0",
        "next_bill_on": "2023-05-01",
        "bills": [
            {
                "bill": f"{NUMBER}-1-B0001",
                "issued_on": "2023-04-01",
                "due_on": "2023-04-21",
                "total": "111000",
                "open": "100000",
                "overdue": True,
            }
        ],
        "blocks": [
            {
                "block": f"dunning/{NUMBER}-1-B0001/block-outgoing",
                "scope": "outgoing",
                "ground": "3",
                "since": "2023-04-22T17:00:00Z",
            }
        ],
        "usage": {"voice_seconds": 440, "sms": 0, "data_bytes": 0, "charged": "2181.60"},
        "roaming": False,
        "deposit_refund": None,
        "as_of": "2023-04-25T05:00:00Z",
        "known_at": "2023-04-25T05:00:00Z",
        "final": False,
        "position": "",
    }
    assert tuple(said) == tuple(ContractEnquiry.__dataclass_fields__)


def test_the_projections_say_the_same_and_who_asks_later_hears_no_other(
    lived: Story, queries: Asking
) -> None:
    ask = queries(lived.path, now=NOW)
    moments = [OPENED, ISSUED - 1, ISSUED, at("2023-04-22T00:00:00+07:00"), NOW]
    folded = [ask.enquiry(NUMBER, as_of=moment) for moment in moments]
    (whole,) = ask.enquiries(as_of=NOW)
    assert whole == folded[-1]
    lived.given(AdvanceTime, NOW)
    later = queries(lived.path, now=NOW)
    for moment, before in zip(moments, folded, strict=True):
        after = later.enquiry(NUMBER, as_of=moment)
        assert isinstance(after, ContractEnquiry)
        assert isinstance(before, ContractEnquiry)
        assert after.to_json() | {"position": ""} == before.to_json() | {"position": ""}


def test_all_accounts_that_are_not_settled_are_told_of_and_the_last_of_each_number(
    lived: Story, queries: Asking
) -> None:
    lived.given(Terminate, NOW, ground="1")
    again = at("2023-12-01T00:00:00+07:00")
    lived.given_contract(again)
    found = list(queries(lived.path, now=again).enquiries())
    assert [(one.account, one.state) for one in found] == [
        (f"{NUMBER}#1", "terminated"),
        (f"{NUMBER}#2", "active"),
    ]
