"""In which order files of tests are handed out to those who run them: the longest first, so that none of them is last.

Those that wait for servers stand among those that compute: there are more workers than cores.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

LONGEST_FIRST = (
    "kafka/hostility/test_hostility.py",
    "real/test_paysim.py",
    "projections",
    "vault",
    "bench/test_bench.py",
    "kafka/test_killed_transfers.py",
    "kafka/test_broker.py",
    "kafka/test_registry_ids.py",
    "entrypoints/test_kafka_service.py",
    "real/test_berka.py",
    "kafka/test_two_writers.py",
    "entrypoints/test_kafka_verbs.py",
    "kafka/test_killed.py",
    "test_repartitioning.py",
    "kafka/test_standstill.py",
    "kafka/test_start.py",
    "store/test_verification.py",
    "kafka/test_mirrors.py",
    "local/test_local_kafka.py",
    "entrypoints/test_desk.py",
    "kafka/test_contracts_apart.py",
    "kafka/test_preference_topic.py",
    "entrypoints/test_persons_on_kafka.py",
    "entrypoints/test_outage.py",
    "entrypoints/test_examination.py",
    "kafka/test_repartitioned.py",
    "entrypoints/test_statements_on_kafka.py",
    "test_simulation.py",
    "entrypoints/test_kafka_security.py",
    "entrypoints/test_dead.py",
    "wiring/test_composition.py",
    "reconciliation/test_hostile_files.py",
    "toy/test_following.py",
    "kafka/test_registry.py",
    "test_consumers.py",
    "faults/test_killed.py",
    "audit/test_notes.py",
    "test_replaying.py",
    "faults/test_disk.py",
    "store/test_damage.py",
    "entrypoints/test_clock.py",
    "entrypoints/test_terminal.py",
    "entrypoints/test_output.py",
    "kafka/test_clocks_apart.py",
    "kafka/test_hostile_records.py",
    "kafka/test_watching.py",
    "real/test_paysim_audited.py",
    "entrypoints/test_in_transit_on_kafka.py",
    "kafka/test_same_as_embedded.py",
    "kafka/test_recorder_contract.py",
    "local/test_local_registry.py",
    "audit/test_dispute_evidence.py",
    "kafka/test_copies.py",
    "kafka/test_paysim.py",
    "properties/test_batches.py",
    "entrypoints/test_ingest.py",
    "test_readme.py",
    "kafka/test_more_partitions.py",
    "kafka/test_instances.py",
    "properties/test_replay.py",
    "entrypoints/test_projecting.py",
    "entrypoints/test_shell.py",
)
"""Files of five seconds or more, and folders of such, by their place here; the others follow as they are found."""
_TESTS = Path(__file__).parent
_PLACES = {_TESTS / name: place for place, name in enumerate(LONGEST_FIRST)}


@cache
def place(file: Path) -> int:
    """Where a file of tests comes in the order."""
    return min((_PLACES[path] for path in (file, *file.parents) if path in _PLACES), default=len(_PLACES))
