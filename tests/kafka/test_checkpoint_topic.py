"""Checkpoints on a topic: put up by one process at a time, which goes on from what is there or puts up nothing."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from ledger.audit.transparency.checkpoint import verified
from ledger.audit.transparency.checkpointing import Checkpointer
from ledger.audit.transparency.copied_trees import copied
from ledger.errors import CheckpointMismatch, TopicMismatch, WriterFenced
from ledger.store.kafka.checkpoint_topic import CheckpointTopic
from ledger.store.kafka.connection import KafkaSettings
from tests.audit.test_checkpoints import JAKARTA, SIGNER, TRUSTED, note, reading, top_ups
from tests.kafka.conftest import NewLog
from tests.projections.histories import a_log, play

pytestmark = pytest.mark.kafka


def a_round(log: Path, folder: Path, board: CheckpointTopic | None) -> None:
    with reading(log) as found:
        made = Checkpointer(folder, [SIGNER], [found], zone=JAKARTA, board=board)
        with closing(made):
            made.round([found])


def newest(settings: KafkaSettings) -> dict[str, bytes]:
    with closing(CheckpointTopic(settings)) as topic:
        return dict(topic.newest())


def test_one_process_at_a_time_puts_up_what_goes_on(new_log: NewLog, tmp_path: Path) -> None:
    settings, log, folder = new_log(), a_log(tmp_path / "log.db"), tmp_path / "checkpoints"
    with closing(CheckpointTopic(settings)) as first:
        a_round(log, folder, first)
        assert set(first.newest()) == {
            f"ledger.example/{tree}" for tree in ("events-0", "decisions-0", "top")
        }
        play(log, top_ups(3, 900))
        with closing(CheckpointTopic(settings)) as second:
            assert second.newest() == first.newest()
            play(log, top_ups(3, 901))
            with pytest.raises(WriterFenced):
                a_round(log, folder, first)
    assert newest(settings)["ledger.example/events-0"] != note(folder), (
        "signed, and not put up before it ended"
    )
    with closing(CheckpointTopic(settings)) as third:
        a_round(log, folder, third)
    found = newest(settings)
    assert found["ledger.example/events-0"] == note(folder)
    assert verified(found["ledger.example/top"], TRUSTED).size > 0

    empty, elsewhere = tmp_path / "empty", tmp_path / "elsewhere"
    with closing(CheckpointTopic(settings)) as board:
        with pytest.raises(CheckpointMismatch, match="put up from another folder"):
            a_round(log, empty, board)
        copied(folder, elsewhere, TRUSTED)
        shutil.rmtree(folder)
        play(log, top_ups(3, 902))
        a_round(log, elsewhere, board)
        assert board.newest()["ledger.example/events-0"] == note(elsewhere)


def test_a_topic_that_forgets_is_none_for_checkpoints(new_log: NewLog) -> None:
    settings = new_log()
    admin = KafkaAdminClient(bootstrap_servers=settings.bootstrap)
    new = {"num_partitions": 1, "replication_factor": 1, "configs": {"cleanup.policy": "compact"}}
    admin.create_topics({settings.checkpoints: new}, wait_for_metadata=True)
    admin.close()
    with pytest.raises(
        TopicMismatch, match=r"checkpoints need cleanup\.policy=delete|checkpoints need retention"
    ):
        CheckpointTopic(settings)
