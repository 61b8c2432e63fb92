"""Transactions that have ended and hang all the same: a broker has not written where they wrote that they ended.

Brokers of Kafka 4 do that to whatever ends while a partition of a topic has no leader (KAFKA-20734). Nobody sees what a
hanging transaction holds, though it may be committed, and its writer told so; and the next transaction of the same
writer would end it in passing, one way or the other. So it is ended as it was before anything is decided.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, TypeVar

from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import TransactionState
from kafka.errors import (
    KafkaTimeoutError,
    LeaderNotAvailableError,
    NotLeaderForPartitionError,
    TransactionalIdNotFoundError,
)
from kafka.structs import TopicPartition

from ledger.errors import CommitUncertain
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.producer_epochs import UNANSWERED

_Answer = TypeVar("_Answer")

_QUESTION_MS = 10_000
_PAUSE = 0.02
_NOT_YET = (*UNANSWERED, LeaderNotAvailableError, NotLeaderForPartitionError)
"""What is said while another broker is about to answer, or a topic was made a moment ago."""
_WAS_COMMITTED = {
    TransactionState.PREPARE_COMMIT: True,
    TransactionState.COMPLETE_COMMIT: True,
    TransactionState.ONGOING: False,
    TransactionState.PREPARE_ABORT: False,
    TransactionState.COMPLETE_ABORT: False,
}
"""By what a transactional id was found in before it was taken over; which aborts what is under way."""


def take_over(producer: KafkaProducer, settings: KafkaSettings, partition: int, partitions: int) -> None:
    """Takes the partition's transactional id over: whoever had it is fenced, and what it left hanging is ended.

    Raises CommitUncertain where nobody knows any more how that ended; else what kafka-python raises.
    """
    own = [TopicPartition(topic, partition) for topic in (settings.events, settings.replies)]
    forwarded = [TopicPartition(settings.policies, number) for number in range(partitions)]
    with closing(KafkaAdminClient(**settings.arguments(), request_timeout_ms=_QUESTION_MS)) as admin:
        until = time.monotonic() + settings.commit_timeout
        was_committed = _was_committed(admin, settings.transactional_id(partition), until)
        producer.init_transactions()
        manager: Any = producer._transaction_manager  # noqa: SLF001
        open_ = _once_answered(lambda: _open(admin, own + forwarded), until)
    mine = manager.producer_id_and_epoch.producer_id
    hanging = [tp for tp in own + forwarded if mine in open_[tp]]
    strangers = [tp for tp in own if open_[tp] - {mine}]
    if strangers or (hanging and was_committed is None):
        where = ", ".join(f"{tp.topic}-{tp.partition}" for tp in strangers or hanging)
        raise CommitUncertain(
            f"partition {partition}: a transaction hangs in {where}, and nobody knows how it ended:"
            " see kafka-transactions.sh find-hanging"
        )
    if hanging:
        _end(
            producer, manager, hanging, time.monotonic() + settings.commit_timeout, commit=bool(was_committed)
        )


def _was_committed(admin: KafkaAdminClient, transactional_id: str, until: float) -> bool | None:
    """Whether the last transaction was; None where nobody knows any more, or there was none."""
    try:
        described = _once_answered(lambda: admin.describe_transactions([transactional_id]), until)
    except TransactionalIdNotFoundError:
        return None
    return _WAS_COMMITTED.get(described[transactional_id].state)


def _once_answered(ask: Callable[[], _Answer], until: float) -> _Answer:
    """What is answered once a broker can: kafka-python's producer asks such again by itself, and its others do not."""
    while True:
        try:
            return ask()
        except _NOT_YET:
            if time.monotonic() > until:
                raise
            time.sleep(_PAUSE)


def _open(admin: KafkaAdminClient, tps: Sequence[TopicPartition]) -> dict[TopicPartition, set[int]]:
    """The producers that have a transaction open in each partition of a topic."""
    return {
        tp: {one.producer_id for one in found.active_producers if one.current_transaction_start_offset >= 0}
        for tp, found in admin.describe_producers(tps).items()
    }


def _end(
    producer: KafkaProducer,
    manager: Any,  # noqa: ANN401 - kafka-python's
    hanging: Sequence[TopicPartition],
    deadline: float,
    *,
    commit: bool,
) -> None:
    """Ends them by a transaction that holds nothing, in the same partitions of topics."""
    sender: Any = producer._sender  # noqa: SLF001
    producer.begin_transaction()
    for tp in hanging:
        manager.maybe_add_partition_to_transaction(tp)
    sender.wakeup()
    while not all(manager.is_partition_added(tp) for tp in hanging):
        if manager.has_error():
            raise manager.last_error
        if time.monotonic() > deadline:
            raise KafkaTimeoutError("a hanging transaction could not be ended in time")
        time.sleep(_PAUSE)
    result = manager.begin_commit() if commit else manager.begin_abort()
    sender.wakeup()
    if not result.wait(timeout_ms=max(deadline - time.monotonic(), 0) * 1000):
        raise KafkaTimeoutError("a hanging transaction could not be ended in time")
