"""The mobile-money records: row by row the same on Kafka as in a file."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ledger.entrypoints.forms import CommandReader
from tests.kafka.conftest import NewLog
from tests.kafka.running import connected, writing
from tests.kafka.seen import embedded, in_file, seen
from tests.real import paysim
from tests.real.replay import terms_of
from tests.shared import shared_file

pytestmark = pytest.mark.chance  # a soak takes all rows


def test_every_record_brings_about_the_same_events(new_log: NewLog, tmp_path: Path) -> None:
    reader = CommandReader(played=True, now=None)
    steps = paysim.steps(paysim.some(shared_file("data/paysim/paysim-100k.csv.gz")))
    commands = [reader.from_json(msgspec.json.encode(record)) for step in steps for record in step.commands]
    terms = terms_of(paysim.TERMS, paysim.OVERDRAFT)
    file = tmp_path / "log.db"
    expected = embedded(file, commands, terms)
    log = new_log()
    with writing(log, terms), connected(log) as client:
        outcomes = client.execute(commands)
    assert len(commands) > paysim.SOME
    assert outcomes == expected
    assert seen(log).accounts == in_file(file)
