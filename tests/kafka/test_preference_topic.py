"""Preferences on a topic: the present holder's, taken back at every end; as the consumer that is printed reads them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient

from ledger.domain.calendar import HOUR
from ledger.domain.commands import Command
from ledger.domain.customer.commands_of_persons import (
    ErasePerson,
    GiveConsent,
    RegisterCustomer,
    WithdrawConsent,
)
from ledger.domain.line.commands import DecideRightsTransfer, RequestRightsTransfer, Terminate
from ledger.domain.prepaid.commands import Activate, IssueStarterPack
from ledger.errors import TopicMismatch, WriterFenced
from ledger.store.kafka import topics
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.preference_topic import PreferenceTopic
from ledger.terms import bundled
from ledger.wiring.composition import opened
from ledger.wiring.settings import Settings
from projections.persons.publishing import Publisher
from tests.given import NUMBER, OTHER, PERSON, THIRD, Story, at
from tests.kafka.conftest import NewLog
from tests.kafka.running import connected, writing
from tests.kafka.seen import committed
from tests.processes import FORKS
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.kafka

BEGIN = at("2023-03-10T10:00:00+07:00")
NEXT = "customer/CBBBBBBBBBBBBBBBBBBBB"
PLAYED = "customer/c-17"
"""An id that persons are not given: its number was activated before it was registered, and keeps no erasure from it."""
_PAGE = (Path(__file__).resolve().parents[2] / "docs" / "preferences.md").read_text("utf-8")


def consumed(settings: KafkaSettings) -> dict[str, str]:
    """What the program that the page prints says of each number."""
    found = re.search(r"```python\n(.*?)```", _PAGE, re.DOTALL)
    assert found is not None
    where = {"PULSA_KAFKA": settings.bootstrap, "PULSA_REGISTRY": settings.registry}
    done = subprocess.run(
        [sys.executable, "-c", found[1]],
        env=os.environ | where | {"TOPIC": settings.preferences},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(line.split("\t") for line in done.stdout.splitlines())


def dies_before_it_commits(settings: KafkaSettings) -> None:
    with closing(PreferenceTopic(settings)) as topic:
        topic._topic._producer.begin_transaction()
        topic._topic._producer.send(settings.preferences, b"half done", NUMBER.encode()).get(PATIENCE)
        os.kill(os.getpid(), signal.SIGKILL)


class Played:
    """Commands for a log on Kafka, as a story has them."""

    def __init__(self, story: Story, settings: KafkaSettings) -> None:
        self._story, self._settings = story, settings

    def say(self, *said: tuple[type[Command], int, dict[str, Any]]) -> None:
        commands = [self._story.command(kind, BEGIN + hours * HOUR, **own) for kind, hours, own in said]
        with writing(self._settings, bundled()), connected(self._settings) as client:
            for command in commands:
                [outcome] = client.execute([command])
                assert outcome.code is None, outcome


@pytest.mark.clause("TS-20")
def test_it_tells_the_present_holders_and_takes_back_what_was_anothers(
    new_log: NewLog, story: Story, tmp_path: Path
) -> None:
    settings = new_log(partitions=2)
    played, own = Played(story, settings), {"customer": PERSON.partition("/")[2]}
    played.say(
        *((IssueStarterPack, 0, {"msisdn": one}) for one in (NUMBER, OTHER, THIRD)),
        *((Activate, 0, {"msisdn": one, **own}) for one in (NUMBER, OTHER)),
        (Activate, 0, {"msisdn": THIRD, "customer": "c-17"}),
        *((RegisterCustomer, 0, {"customer": one, "fields": ["name"]}) for one in (PERSON, NEXT, PLAYED)),
        (WithdrawConsent, 1, {"customer": PERSON, "channel": "600-600"}),
    )
    log = Settings(
        kafka=settings.bootstrap,
        registry=settings.registry,
        kafka_prefix=settings.prefix,
        mirrors=tmp_path / "m",
        log=tmp_path / "log.db",  # beside which projections lie
    )
    with opened(log) as held, closing(PreferenceTopic(settings)) as topic:
        ask, publisher = held.questions(lambda: BEGIN + 100 * HOUR), Publisher(topic)
        assert ask.publish_preferences(publisher) == 3
        assert consumed(settings) == {NUMBER: "no offers", OTHER: "no offers", THIRD: "offers"}
        played.say(
            (RequestRightsTransfer, 2, {"msisdn": OTHER, "to_customer": NEXT.partition("/")[2]}),
            (DecideRightsTransfer, 2, {"msisdn": OTHER}),
            (Terminate, 2, {"msisdn": NUMBER, "ground": "l"}),
            (ErasePerson, 2, {"customer": PLAYED}),
        )
        assert ask.publish_preferences(publisher) == 3
        assert ask.publish_preferences(publisher) == 0
        told: dict[bytes, list[bool]] = {}
        for record in committed(settings, settings.preferences):
            told.setdefault(record.key, []).append(record.value is not None)
        assert told == {
            OTHER.encode(): [True, False, True],  # what was the former holder's is taken back first
            NUMBER.encode(): [True, False],
            THIRD.encode(): [True, False],  # by the erasure alone: the number lives on
        }
        assert consumed(settings) == {OTHER: "offers"}

        dying = FORKS.Process(target=dies_before_it_commits, args=(settings,))
        dying.start()
        dying.join(PATIENCE)
        assert dying.exitcode == -signal.SIGKILL
        played.say((WithdrawConsent, 3, {"customer": NEXT}))
        with pytest.raises(WriterFenced):
            ask.publish_preferences(publisher)
        with closing(PreferenceTopic(settings)) as again:
            assert ask.publish_preferences(Publisher(again)) == 1
        played.say((GiveConsent, 4, {"customer": NEXT, "channel": "600-600"}))
        with closing(PreferenceTopic(settings)) as again:
            assert ask.publish_preferences(Publisher(again)) == 1
        assert consumed(settings) == {OTHER: "offers"}

        with closing(KafkaAdminClient(bootstrap_servers=settings.bootstrap)) as admin:
            admin.delete_topics([settings.preferences])
            until(lambda: settings.preferences not in admin.list_topics())
        with closing(PreferenceTopic(settings)) as anew:
            assert ask.publish_preferences(Publisher(anew)) == 1
    assert consumed(settings) == {OTHER: "offers"}


def test_a_topic_that_keeps_everything_is_none_for_preferences(new_log: NewLog) -> None:
    settings = new_log()
    topics.ensure(settings)
    with closing(KafkaAdminClient(bootstrap_servers=settings.bootstrap)) as admin:
        new = {"num_partitions": 1, "replication_factor": 1, "configs": {"cleanup.policy": "delete"}}
        admin.create_topics({settings.preferences: new}, wait_for_metadata=True)
    with pytest.raises(TopicMismatch, match=r"cleanup\.policy=delete; it needs compact"):
        PreferenceTopic(settings)
