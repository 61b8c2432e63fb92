"""The same commands give each account the same events and digests on Kafka as in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ledger.application.journal import NO_CHAIN
from tests.kafka.asking import arrive
from tests.kafka.conftest import NewLog
from tests.kafka.running import connected, writing
from tests.kafka.seen import embedded, in_file, of_accounts, population, seen, table, up_to_transfers


def test_one_partition_is_the_file_row_by_row(new_log: NewLog, tmp_path: Path) -> None:
    settings = new_log(partitions=1)
    commands = population(40, 3)
    file = tmp_path / "log.db"
    expected = embedded(file, commands)
    with writing(settings), connected(settings) as client:
        outcomes = client.execute(commands)
    assert outcomes == expected
    mirror = settings.mirror(0)
    assert seen(settings).accounts == in_file(file) == in_file(mirror)
    assert derived(mirror) == derived(file)
    mirror.unlink()
    with writing(settings):
        pass
    assert in_file(mirror) == in_file(file)
    assert derived(mirror) == derived(file), "made again"


def derived(path: Path) -> list[list[tuple[Any, ...]]]:
    """The journal, where each number stands (if anything is known of it), and the ids used."""
    numbers = [row for row in table(path, "numbers", "msisdn") if row[1:] != (None, NO_CHAIN, 0)]
    return [table(path, "journal", "entry"), numbers, table(path, "claims", "account, kind, id")]


def test_several_partitions_with_a_barrier_after_transfers(new_log: NewLog, tmp_path: Path) -> None:
    settings = new_log(partitions=3)
    commands = population(40, 2)
    file = tmp_path / "log.db"
    embedded(file, commands)
    with writing(settings), connected(settings) as client:
        for chunk in up_to_transfers(commands):
            client.execute(chunk)
            arrive(client, commands[0].at)
    on_kafka = seen(settings)
    assert of_accounts(on_kafka.accounts) == of_accounts(in_file(file))
    assert not [name for name, _ in on_kafka.balances if name.endswith("/in-transit")]
