"""Persons of a log on Kafka, over three partitions: erased while everything happens at once, and in no topic's byte.

One log has all of it: the vault held against it, swept, backed up and put back.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from ledger.application.outcomes import REPEATED
from ledger.domain.commands import Command
from ledger.domain.customer.commands_of_persons import ErasePerson, RegisterCustomer, SetPersonHold
from ledger.domain.customer.customer import Customer
from ledger.domain.events import Event
from ledger.domain.kinds import new_subject
from ledger.domain.line.account import Account
from ledger.domain.line.commands import Terminate
from ledger.domain.line.dispute_commands import OpenDispute
from ledger.domain.line.erasing import objections_of
from ledger.domain.line.line import Line
from ledger.domain.postpaid.commands import OpenContract, ReceivePayment
from ledger.domain.prepaid.commands import Activate, IssueStarterPack, TopUp
from ledger.domain.terms_book import TermsBook
from ledger.store.codec import Codec
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.registry_restoring import Texts, used
from ledger.store.partitioning import partition_of
from ledger.terms import bundled
from tests.entrypoints.kafka import on_kafka, patient_doctor
from tests.entrypoints.pulsa import Pulsa
from tests.failing import failing
from tests.given import Story, at
from tests.kafka.asking import arrive
from tests.kafka.conftest import NewLog, new_log, quiet  # noqa: F401
from tests.kafka.running import connected, writing
from tests.kafka.seen import committed, seen
from tests.kafka.test_policies_topic import send
from tests.servers import kafka_servers, run_directory  # noqa: F401
from tests.waiting import PATIENCE

pytestmark = pytest.mark.kafka
PARTITIONS, PERSONS = 3, 9
FIRST, THEN, LATER = (f"2024-03-{day}T10:00:00+07:00" for day in ("01", "02", "03"))
PLANTED = {
    "name": "Bagaskara Quetzalcoatl",
    "identity-number": "3273010101900001",
    "email": "b.quetzalcoatl@example.net",
    "address": "Jalan Xochimilco 77, Bandung",
}
LAW = ("--by", "staff-9", "--reason", "asked-by-customer")
_DISPUTED = {"dispute": "C-1", "about": "balance", "unit": "PULSA", "refers_to": None}


def _ids() -> list[str]:
    """Persons whose ids lie in all partitions, in turn, but for the first: in the last, which is read last, too."""
    found: list[list[str]] = [[] for _ in range(PARTITIONS)]
    for n in count():
        own = "C" + str(n).translate(str.maketrans("0123456789", "ABCDEFGHIJ")).rjust(20, "Z")
        found[partition_of(f"customer/{own}", PARTITIONS)].append(own)
        if all(len(some) > PERSONS // PARTITIONS for some in found):
            in_turn = [some[n] for n in range(PERSONS // PARTITIONS) for some in found]
            return [found[-1][-1], *in_turn[1:]]
    raise AssertionError


def _number(person: int, nth: int) -> str:
    return f"62881{person:04}{nth:03}"


class Said:
    """Commands for the log, each in order after those before it of the same sender."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings, self._story = settings, Story(None)

    def command(self, kind: type[Command], when: str, **own: Any) -> Command:
        return self._story.command(kind, at(when), **own)

    def say(self, *commands: Command) -> None:
        with connected(self._settings) as client:
            assert {one.code for one in client.execute(commands)} == {None}
            arrive(client, commands[-1].at)

    def at_once(self, *senders: list[Command]) -> None:
        """From several at once; whatever each is answered."""
        ready = threading.Barrier(len(senders))

        def send(commands: list[Command]) -> None:
            with connected(self._settings) as client:
                ready.wait()
                client.execute(commands)

        threads = [threading.Thread(target=send, args=[one]) for one in senders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with connected(self._settings) as client:
            for _ in range(2):  # who joins meanwhile is noted, then asked, and then answers
                arrive(client, at(LATER))


def _before(said: Said, ids: list[str]) -> list[Command]:
    """Each person has an account that has ended, a pack that is activated by nobody yet; some owe on a contract."""
    commands: list[Command] = []
    for n, own in enumerate(ids):
        first, second, third = (_number(n, nth) for nth in range(3))
        if n:
            commands.append(
                said.command(RegisterCustomer, FIRST, customer=f"customer/{own}", fields=["name"])
            )
        commands += [
            said.command(IssueStarterPack, FIRST, msisdn=first),
            said.command(Activate, FIRST, msisdn=first, customer=own),
            said.command(Terminate, FIRST, msisdn=first),
            said.command(IssueStarterPack, FIRST, msisdn=second),
        ]
        if n % 3 == 2:
            ended = {"ground": "1", "reference": "r", "since": None}
            commands += [
                said.command(OpenContract, FIRST, msisdn=third, customer=own),
                said.command(Terminate, FIRST, msisdn=third, **ended),
            ]
    return commands


def _at_once(said: Said, ids: list[str]) -> list[list[Command]]:
    """In one second: all are to be erased, and accounts are opened, disputed, paid, persons held."""
    erased = [said.command(ErasePerson, THEN, customer=f"customer/{own}") for own in ids]
    opened, disputed, others = [], [], []
    for n, own in enumerate(ids[1:], 1):
        if n % 3 == 0:
            opened.append(said.command(Activate, THEN, msisdn=_number(n, 1), customer=own))
        elif n % 3 == 1:
            disputed.append(said.command(OpenDispute, THEN, msisdn=_number(n, 0), **_DISPUTED))
        else:
            paid = {"reference": f"p{n}", "amount": 1_000_000, "method": "cash"}
            others.append(said.command(ReceivePayment, THEN, msisdn=_number(n, 2), **paid))
        if n % 4 == 0:
            others.append(said.command(SetPersonHold, THEN, customer=f"customer/{own}"))
    return [erased, opened, disputed, others]


def _events(settings: KafkaSettings) -> dict[str, list[Event]]:
    codec = Codec()
    return {
        name: [codec.event(topic, state) for _, topic, state, _ in events]
        for name, events in seen(settings).accounts.items()
    }


def _must_be_blocked_or_done(settings: KafkaSettings, ids: list[str]) -> dict[str, bool]:
    """Of each person, whether it is erased: then nothing is left to object; else what is named is so."""
    events, book = _events(settings), TermsBook(bundled())
    accounts: dict[str, Account] = {}
    for number in {name.partition("#")[0] for name in events if name[:5] == "62881"}:
        line = Line(number, book)
        for stream in sorted(name for name in events if name.partition("#")[0] == number):
            for one in events[stream]:
                line.take(one)
        accounts |= {account.id: account for account in line.accounts()}
    done: dict[str, bool] = {}
    for own in ids:
        found = new_subject(f"customer/{own}", book)
        assert isinstance(found, Customer)
        for one in events[found.id]:
            found.take(one)
        person = found.state.person
        assert person is not None
        known = [*found.state.accounts, *found.state.former]
        done[own] = person.erased
        if person.erased:
            assert all(accounts[name].holder != own or objections_of(accounts[name]) == [] for name in known)
            continue
        erasure = person.erasure
        assert erasure is not None
        assert (erasure.waiting, bool(erasure.said)) == ([], True)
        for name, objections in erasure.objections.items():
            assert objections == objections_of(accounts[name]), name
        named = {one["of"] for one in erasure.said or ()}
        assert named == {*erasure.objections, *([found.id] if person.holds else [])}
    return done


def _checked(desk: Pulsa) -> list[tuple[str, str]]:
    result = desk("vault", "check", "--json", "--now", LATER)
    return [(one["kind"], one["about"]) for one in map(json.loads, result.stdout.splitlines())]


def _must_be_what_is_left(found: list[tuple[str, str]], ids: list[str], done: dict[str, bool]) -> None:
    """Values of persons who were never in the vault; and who was erased before a number was activated for them."""
    too_late = {about.split(", ")[1] for kind, about in found if kind == "account-of-erased"}
    assert too_late <= {f"customer/{own}" for own in ids[3::3] if done[own]}
    others = [(kind, about) for kind, about in found if kind != "account-of-erased"]
    assert all(kind == "event-without-values" for kind, _ in others), others
    assert {about.partition(",")[0] for _, about in others} <= {f"customer/{own}" for own in ids[1:]}


def _in_topics(settings: KafkaSettings) -> list[str]:
    """Which of the planted values stand in which topic, in a key, a value or a header."""
    found = []
    for topic in [*settings.topics, settings.preferences]:
        for record in committed(settings, topic):
            whole = b"\0".join([record.key or b"", record.value or b"", *(one for _, one in record.headers)])
            found += [f"{topic}: {name}" for name, value in PLANTED.items() if value.encode() in whole]
    return found


def _preferences_are_told(desk: Pulsa, settings: KafkaSettings, said: Said) -> None:
    """Downstream hears what holders of numbers agree to, and nothing of who they are."""
    number = _number(PERSONS, 0)  # somebody's who is not to be erased, however the others' commands met
    own = "C" + "Q" * 20
    said.say(
        said.command(RegisterCustomer, LATER, customer=f"customer/{own}", fields=["name"]),
        said.command(IssueStarterPack, LATER, msisdn=number),
        said.command(Activate, LATER, msisdn=number, customer=own),
    )
    for verb in ("run", "publish"):
        desk.done("projections", verb, "--once")
    assert list(committed(settings, settings.preferences))
    assert _in_topics(settings) == []


def _sent_by_somebody_hostile(settings: KafkaSettings, said: Said) -> None:
    """A person in what is no command, and in one whose text is free."""
    number = _number(0, 0)
    place = partition_of(number, PARTITIONS)
    with closing(KafkaProducer(bootstrap_servers=settings.bootstrap)) as producer:
        rubbish = json.dumps(PLANTED).encode()
        producer.send(settings.commands, rubbish, number.encode(), partition=place).get(PATIENCE)
        producer.send(settings.commands, b"\0\0\0\0\1" + rubbish, number.encode(), partition=place).get(
            PATIENCE
        )
    with connected(settings) as client:
        texts = [PLANTED["email"], PLANTED["identity-number"]]
        tops = [
            said.command(TopUp, LATER, msisdn=number, credit=100_000, price=1, channel=one) for one in texts
        ]
        assert {one.code for one in client.execute(tops)} == {"invalid"}


def _committed_of(settings: KafkaSettings) -> dict[str, int]:
    """How many records there are in each of the topics from which nothing is ever deleted."""
    kept = (settings.events, settings.policies, settings.replies)
    return {topic: sum(1 for _ in committed(settings, topic)) for topic in kept}


def _what_was_asked_goes_by_its_time(desk: Pulsa, settings: KafkaSettings, said: Said) -> dict[str, int]:
    """A sender writes of a person what is refused: in two topics it lies, until these are swept. What has to stay."""
    _sent_by_somebody_hostile(settings, said)
    where = {found.removeprefix(settings.prefix).partition(":")[0] for found in _in_topics(settings)}
    assert where == {"ledger.commands", "ledger.commands.dead"}  # as it was sent, and set apart; said nowhere
    assert desk.json("vault", "sweep", "--now", LATER)[0]["topics"] == []  # it is of today
    before = _committed_of(settings)
    swept = desk.json("vault", "sweep", "--now", LATER, PULSA_COMMANDS_DAYS="0")[0]["topics"]
    assert {one["topic"].removeprefix(settings.prefix) for one in swept} == where
    assert _in_topics(settings) == []
    assert desk.json("dead-letters", "list") == []
    assert {settings.events, settings.replies} <= {one.topic for one in used(settings, Texts([]))}
    return before


def _what_comes_afterwards_is_carried_out_once(
    desk: Pulsa, settings: KafkaSettings, said: Said, before: dict[str, int]
) -> None:
    """What nobody has answered is not deleted, and a writer that starts then carries it out; the rest goes on."""
    assert _committed_of(settings) == before
    numbers = {partition_of(number, PARTITIONS): number for number in (f"62882{n:08}" for n in range(30))}
    packs = [said.command(IssueStarterPack, LATER, msisdn=number) for number in numbers.values()]
    for one in packs:
        send(settings, settings.commands, one)
    assert desk.json("vault", "sweep", "--now", LATER, PULSA_COMMANDS_DAYS="0")[0]["topics"] == []
    assert len(list(committed(settings, settings.commands))) == PARTITIONS
    with writing(settings, bundled()), connected(settings) as client:
        assert {one.status for one in client.execute(packs)} == {REPEATED}
        assert desk.json("vault", "sweep", "--now", LATER, PULSA_COMMANDS_DAYS="0")[0]["topics"] != []
        assert list(committed(settings, settings.commands)) == []
        assert {one.status for one in client.execute(packs)} == {REPEATED}
        issued = [one["account"] for one in desk.json("log", "events", "--type", "StarterPackIssued")]
        assert all(issued.count(f"{number}#1") == 1 for number in numbers.values())
        verified = json.loads(desk("log", "verify", "--json").stdout)
        # who is erased before the command comes by which a number is theirs: that is said, and nothing else is wrong
        assert all(one["what"].endswith(", who is erased") for one in verified["findings"]), verified
        assert desk.json("log", "replay")[0]["empty"]
        assert desk.json("report", "in-transit", "--now", LATER) == []
        found = desk("doctor", "--json", "--now", LATER).stdout.splitlines()
        doctor = {one["check"]: one["verdict"] for one in map(json.loads, found)}
        assert (doctor["broker"], doctor["log"]) == ("well", "well")


def _is_noted(desk: Pulsa) -> bool:
    """Whether the vault knows its log, by the first event of the first partition."""
    first = desk.json("log", "events", "--type", "LogCreated")[0]
    with sqlite3.connect(desk.folder / "pulsa.db.vault.db") as kept:
        noted = [digest.hex() for (digest,) in kept.execute("SELECT digest FROM of_log")]
    return (first["position"], [first["digest"]]) == ("0:1", noted)


@pytest.mark.clause("PS-02", "PM-06")
def test_persons_are_erased_while_all_happens_at_once_and_nothing_of_them_is_in_any_topic(
    new_log: NewLog,  # noqa: F811
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patient_doctor(monkeypatch)
    settings = new_log(partitions=PARTITIONS)
    keys = tmp_path / "keys"
    keys.mkdir()
    own = {"PULSA_VAULT_KEY": str(keys / "vault.key"), "PULSA_VAULT_BACKUP_KEYS": str(keys / "months")}
    desk, said, ids = on_kafka(tmp_path, settings, **own), Said(settings), _ids()
    planted = f"customer/{ids[0]}"
    with writing(settings, bundled()):
        desk.done("vault", "new-key", str(keys / "vault.key"))
        policy = ("--terms", "privacy-smarty", "--source", "gallery", "--at", FIRST)
        register = ("customer", "register", planted, "--values", "-", "--command-id", "first", *policy)
        with failing(lambda asked: asked.command_id == "first"):
            raised = desk(*register, feed=json.dumps(PLANTED))
        assert (raised.exit_code, "defect" in raised.output) == (1, True)
        assert len(list(committed(settings, settings.dead))) == 1
        assert _checked(desk) == []  # nothing was kept for it
        desk.done(*register, feed=json.dumps(PLANTED))
        line = {"command": "RectifyCustomer", "command_id": "again", "at": FIRST, "customer": planted}
        feed = desk.file("in.jsonl", line | {"values": {"address": PLANTED["address"]}})
        desk.done("ingest", feed, "--outcomes", str(tmp_path / "outcomes.jsonl"))
        refused = desk("customer", "hold", planted, "--reference", PLANTED["email"], "--at", FIRST)
        assert refused.exit_code == 1
        said.say(*_before(said, ids))
        assert _in_topics(settings) == []
        backup = tmp_path / "vault.bak"
        desk.done("vault", "backup", str(backup), "--now", FIRST)
        shown = ("customer", "show", planted, "--fields", "name", *LAW, "--now", THEN)
        assert (PLANTED["name"] in desk.done(*shown), _is_noted(desk)) == (True, True)

        said.at_once(*_at_once(said, ids))
        done = _must_be_blocked_or_done(settings, ids)
        assert done[ids[0]]  # who had one account that has ended, and whom nobody else spoke of
        assert not all(done[own] for own in ids[2::3])  # what is owed is settled later

        assert ("erased-and-kept", planted) in _checked(desk)
        desk.done("vault", "sweep", "--now", LATER)
        _must_be_what_is_left(_checked(desk), ids, done)
        desk.done("vault", "restore", str(backup), "--overwrite", "--now", LATER)
        assert not [one for one in _checked(desk) if planted in one[1]]
        hidden = desk(*shown)
        assert (hidden.exit_code, PLANTED["name"] in hidden.output) == (1, False)
        _preferences_are_told(desk, settings, said)
        before = _what_was_asked_goes_by_its_time(desk, settings, said)
    _what_comes_afterwards_is_carried_out_once(desk, settings, said, before)
    printed = capfd.readouterr()
    assert not [name for name, value in PLANTED.items() if value in printed.out + printed.err]
    for path in tmp_path.rglob("*"):
        if path.is_file() and str(path) != feed:
            content = path.read_bytes()
            assert not [name for name, value in PLANTED.items() if value.encode() in content], path
