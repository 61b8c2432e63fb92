"""The log on Kafka, as a persistence module of `eventsourcing`: PERSISTENCE_MODULE=ledger.store.kafka."""

from ledger.store.kafka.factory import Factory

__all__ = ["Factory"]
