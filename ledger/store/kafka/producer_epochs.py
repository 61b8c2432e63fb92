"""Whether writers still hold their partitions: the broker refuses one that was fenced, but only once it writes."""

from __future__ import annotations

from typing import NamedTuple

from kafka import KafkaAdminClient
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    NotCoordinatorError,
    TransactionalIdNotFoundError,
)

from ledger.store.kafka.connection import QUESTION_TIMEOUT_MS, KafkaSettings, reported

UNANSWERED = (CoordinatorNotAvailableError, CoordinatorLoadInProgressError, NotCoordinatorError)
"""What a broker says of a transactional id while another is about to answer for it."""


class ProducerEpoch(NamedTuple):
    """By what the broker tells the writers of one transactional id apart: whoever takes it over has a later one."""

    producer: int
    epoch: int


class ProducerEpochs:
    """Asks the broker whose transactional ids are by now, by one connection, which is made when it is needed."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._admin: KafkaAdminClient | None = None

    def close(self) -> None:
        """Leaves the broker."""
        admin, self._admin = self._admin, None
        if admin is not None:
            admin.close()

    def of(self, partition: int) -> ProducerEpoch | None:
        """The epoch that a partition's id is in; None where no broker can tell, or it has expired in an idle log.

        Raises LogUnreachable or CommitUncertain where none answers.
        """
        id_ = self._settings.transactional_id(partition)
        try:
            with reported(f"partition {partition}"):
                if self._admin is None:
                    self._admin = KafkaAdminClient(
                        **self._settings.arguments(), request_timeout_ms=QUESTION_TIMEOUT_MS
                    )
                try:
                    found = self._admin.describe_transactions([id_])[id_]
                except (TransactionalIdNotFoundError, *UNANSWERED):
                    return None
        except BaseException:
            self.close()
            raise
        return ProducerEpoch(found.producer_id, found.producer_epoch)
