"""What follows from a sending is carried out once, however often and in whatever way the ledger is told to."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ledger.application.outcomes import ACCEPTED, REFUSED, REPEATED
from ledger.audit.verification import verify
from ledger.domain.calendar import DAY
from ledger.domain.commands import Command
from ledger.domain.kinds import after_event, after_refusal
from ledger.domain.prepaid.commands import ReceiveCreditTransfer, ReturnCreditTransfer, TopUp, TransferCredit
from ledger.domain.prepaid.events import CreditTransferReceived, CreditTransferReturned, CreditTransferSent
from ledger.domain.refusals import REFUSALS
from tests.failing import failing
from tests.given import NUMBER, OTHER, START, Story, at, rupiah

T = at(START)
THEN = T + 31 * DAY  # by these terms a month after activation


def sent(story: Story, to: str = OTHER, *, known: bool = True) -> CreditTransferSent:
    """A transfer that was carried out at once."""
    story.given_active(since=T)
    if known:
        story.given_active(since=T, number=to)
    story.given(TopUp, T, credit=rupiah(100_000), price=rupiah(100_000), channel="web")
    story.given(TransferCredit, THEN, command_id="t", to_msisdn=to, amount=rupiah(20_000))
    return next(event for event in story.events() if isinstance(event, CreditTransferSent))


def receiving(event: CreditTransferSent) -> ReceiveCreditTransfer:
    (command,) = after_event(event)
    assert isinstance(command, ReceiveCreditTransfer)
    return command


def returning(event: CreditTransferSent, code: str = "unknown-account") -> ReturnCreditTransfer:
    (command,) = after_refusal(receiving(event), REFUSALS[code]())
    assert isinstance(command, ReturnCreditTransfer)
    return command


def test_what_arrived_at_once_does_not_arrive_again(story: Story) -> None:
    event = sent(story)
    before, credit = story.events(), story.credit(number=OTHER)
    again = receiving(event)
    first, second = story.ledger.execute([again, msgspec.structs.replace(again, at=THEN + DAY)])
    assert [(one.status, one.code) for one in (first, second)] == [(REPEATED, None)] * 2
    assert [(one.type, one.account) for one in first.events] == [
        ("ledger.prepaid.CreditTransferReceived", f"{OTHER}#1")
    ]
    forged = msgspec.structs.replace(again, amount=again.amount + 1)
    (other,) = story.ledger.execute([forged])
    assert other.code == "idempotency-conflict"
    (back,) = story.ledger.execute([returning(event)])
    assert (back.status, back.code) == (REFUSED, "invalid")
    assert (story.events(), story.credit(number=OTHER)) == (before, credit)
    assert verify(story.path).clean


def test_what_came_back_at_once_neither_comes_back_again_nor_arrives(story: Story) -> None:
    event = sent(story, known=False)
    story.given_active(since=THEN, number=OTHER)  # it would be taken by now
    before = story.events()
    outcomes = story.ledger.execute([receiving(event), returning(event)])
    assert [(one.status, one.code) for one in outcomes] == [(REPEATED, "unknown-account"), (REPEATED, None)]
    assert story.events() == before
    assert verify(story.path).clean


def test_nothing_follows_twice_within_a_batch(story: Story) -> None:
    event = sent(story)
    more = TransferCredit(
        at=THEN + DAY, command_id="u", msisdn=NUMBER, to_msisdn=OTHER, amount=rupiah(20_000)
    )
    name = f"{event.account}/u"
    following = msgspec.structs.replace(
        receiving(event), command_id=f"policy/{name}", transfer=name, fee=event.fee, at=THEN + DAY
    )
    first, second = story.ledger.execute([more, following])
    assert (first.status, second.status) == (ACCEPTED, REPEATED)
    assert [type(one) for one in story.events()].count(CreditTransferReceived) == 2


@pytest.mark.parametrize("way", ["arrives", "comes back"])
def test_what_was_set_apart_is_carried_out_once(story: Story, tmp_path: Path, way: str) -> None:
    kind = ReceiveCreditTransfer if way == "arrives" else ReturnCreditTransfer
    with failing(lambda asked: isinstance(asked, kind)):
        event = sent(story, known=way == "arrives")
    missing: Command = receiving(event) if way == "arrives" else returning(event)
    statuses = [story.ledger.execute([missing])[0].status for _ in range(3)]
    assert statuses == [ACCEPTED, REPEATED, REPEATED]
    ended = [
        one for one in story.events() if isinstance(one, CreditTransferReceived | CreditTransferReturned)
    ]
    assert len(ended) == 1
    if way == "comes back":
        story.given_active(since=THEN, number=OTHER)
        assert story.ledger.execute([receiving(event)])[0].status == REPEATED
    report = verify(story.path)
    assert report.clean, report.findings
    assert report.in_transit == 0


def test_what_could_not_come_back_may_arrive_instead(story: Story) -> None:
    with failing(lambda asked: isinstance(asked, ReturnCreditTransfer)):
        event = sent(story, known=False)
    story.given_active(since=THEN, number=OTHER)
    assert story.ledger.execute([receiving(event)])[0].status == ACCEPTED
    assert story.ledger.execute([returning(event)])[0].code == "invalid"
    report = verify(story.path)
    assert report.clean, report.findings
    assert report.in_transit == 0
