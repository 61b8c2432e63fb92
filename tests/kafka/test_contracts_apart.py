"""Contracts over several partitions: debts block the others, stray money arrives, each boundary has one bill."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import ExitStack
from itertools import count
from typing import Any

from ledger.domain.calendar import DAY
from ledger.domain.commands import Command
from ledger.domain.customer.commands import AdvanceCustomer
from ledger.domain.customer.events import DebtCleared, OthersBlocked
from ledger.domain.line.commands import AdvanceTime
from ledger.domain.line.events import Blocked, SuspenseRefused, Unblocked
from ledger.domain.postpaid.commands import AssignSuspense, OpenContract, ReceivePayment
from ledger.domain.postpaid.events_of_bills import BillIssued, BillOverdue
from ledger.domain.postpaid.events_of_payments import SuspenseTaken
from ledger.domain.prepaid.commands import Activate, IssueStarterPack
from ledger.store.codec import Codec
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.partitioning import partition_of
from ledger.wiring.on_kafka import verified
from ledger.wiring.settings import Settings
from tests.given import BUNDLED, CONTRACTS, SE23, SP23, at, day, rupiah
from tests.kafka.asking import arrive
from tests.kafka.conftest import NewLog
from tests.kafka.running import WriterProcess, connected, writing
from tests.kafka.seen import seen

PARTITIONS = 3
TERMS = [*BUNDLED.values(), *CONTRACTS.values()]
OPENED = at("2023-03-10T10:00:00+07:00")
DUE = at("2023-04-22T00:00:00+07:00")
BLOCKS = DUE + DAY
RUNS = 6
BOUNDARIES = [at(f"2023-{month:02}-01T00:00:00+07:00") for month in (4, 5, 6)]
_IDS = count()


def numbers(each: int) -> list[str]:
    """So many numbers of each partition, in turn."""
    found: list[list[str]] = [[] for _ in range(PARTITIONS)]
    for n in count(6288100000000):
        of = found[partition_of(str(n), PARTITIONS)]
        if len(of) < each:
            of.append(str(n))
        if all(len(some) == each for some in found):
            return [some[i] for i in range(each) for some in found]
    raise AssertionError


def said(command: type[Command], when: int, **fields: Any) -> Command:
    return command(at=when, command_id=f"c{next(_IDS)}", **fields)


def opened(msisdn: str, when: int = OPENED, **fields: Any) -> Command:
    plan = {"plan": "elite-100", "terms": SE23, "billing_day": 1, "registration": "verified"}
    return said(OpenContract, when, msisdn=msisdn, customer="c-1", **plan, **fields)


def happened(settings: KafkaSettings) -> Counter[tuple[str, str]]:
    """How often each type of event has happened to each account, as a consumer sees it."""
    accounts = seen(settings).accounts
    return Counter((name, topic) for name, events in accounts.items() for _, topic, _, _ in events)


def must_be_sound(settings: KafkaSettings) -> None:
    log = Settings(kafka=settings.bootstrap, registry=settings.registry, kafka_prefix=settings.prefix)
    report = verified(log)
    assert report.clean, report.findings
    assert report.in_transit == 0


def test_nobody_is_blocked_twice_or_left_blocked_and_stray_money_arrives(new_log: NewLog) -> None:
    settings = new_log(partitions=PARTITIONS)
    owing, other, prepaid = numbers(1)
    stray = numbers(2)[4]  # of the partition of `other`
    customer = "customer/c-1"
    with writing(settings, TERMS), connected(settings) as client:

        def say(*commands: Command) -> None:
            assert {one.status for one in client.execute(commands)} == {"accepted"}
            arrive(client, OPENED)

        say(opened(owing), opened(other, upfront_payment=rupiah(900_000), reference="up"))
        say(
            said(
                IssueStarterPack,
                OPENED,
                msisdn=prepaid,
                terms=SP23,
                printed_credit=0,
                valid_until=day("2023-12-31"),
            ),
            said(Activate, OPENED, msisdn=prepaid, channel="app", customer="c-1", registration="verified"),
        )
        for number in (stray, owing):
            pay = {"method": "transfer", "payer": "c-1", "account": f"{owing}#7"}
            say(said(ReceivePayment, OPENED, msisdn=number, reference="s", amount=rupiah(1000), **pay))
        assign = {"reference": "s", "approved_by": "staff-2", "actor": "staff-1"}
        say(
            said(AssignSuspense, OPENED, msisdn=stray, account=f"{owing}#1", **assign),
            said(AssignSuspense, OPENED, msisdn=owing, account=f"{stray}#1", **assign),
        )
        for when in (DUE, BLOCKS):
            say(said(AdvanceTime, when, msisdn=owing))
            say(
                said(AdvanceCustomer, when, customer=customer), said(AdvanceCustomer, when, customer=customer)
            )
        blocked = happened(settings)
        paid = {"reference": "p", "amount": rupiah(900_000), "method": "cash", "payer": "c-1"}
        say(said(ReceivePayment, BLOCKS + DAY, msisdn=owing, **paid))
        say(said(AdvanceCustomer, BLOCKS + 2 * DAY, customer=customer))
    lifted = happened(settings)
    assert blocked[f"{owing}#1", BillOverdue.TOPIC] == blocked[customer, OthersBlocked.TOPIC] == 1
    for number in (other, prepaid):
        assert blocked[f"{number}#1", Blocked.TOPIC] == lifted[f"{number}#1", Blocked.TOPIC] == 1
        assert (blocked[f"{number}#1", Unblocked.TOPIC], lifted[f"{number}#1", Unblocked.TOPIC]) == (0, 1)
    assert lifted[customer, DebtCleared.TOPIC] == 1
    assert (lifted[f"{owing}#1", SuspenseTaken.TOPIC], lifted[owing, SuspenseRefused.TOPIC]) == (1, 1)
    must_be_sound(settings)


def test_six_billing_runs_at_once_and_a_writer_that_dies_make_one_bill_a_boundary(new_log: NewLog) -> None:
    settings = new_log(partitions=PARTITIONS)
    contracts = numbers(4)

    def run(name: int) -> None:
        with connected(settings) as client:
            for boundary in BOUNDARIES:
                client.execute(
                    [
                        AdvanceTime(
                            at=boundary, command_id=f"{name}/{boundary}", msisdn=msisdn, actor="clock"
                        )
                        for msisdn in contracts
                    ]
                )

    with ExitStack() as processes:

        def start(**options: object) -> WriterProcess:
            return processes.enter_context(WriterProcess(settings, batch=5, session_timeout=6.0, **options))

        first = start().await_serving(PARTITIONS)
        with connected(settings) as client:
            assert {one.status for one in client.execute([opened(msisdn) for msisdn in contracts])} == {
                "accepted"
            }
        first.stop()
        dying = start(dies={"where": "before", "commits": 4})
        runs = [threading.Thread(target=run, args=[name]) for name in range(RUNS)]
        for one in runs:
            one.start()
        assert dying.ended()[0] != 0
        assert start(dies={"where": "after", "commits": 5}).ended()[0] != 0
        last = start()
        for one in runs:
            one.join(300)
            assert not one.is_alive()
        assert last.stop()[0] == 0
    codec, accounts = Codec(), seen(settings).accounts
    for msisdn in contracts:
        bills = [
            (event.number, event.effective_at)
            for _, topic, state, _ in accounts[f"{msisdn}#1"]
            if isinstance(event := codec.event(topic, state), BillIssued)
        ]
        assert bills == [*enumerate(BOUNDARIES, 1)]
    must_be_sound(settings)
