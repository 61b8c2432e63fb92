"""Statements that nobody here made up, against ledgers played from the same rows: what differs is found."""

from __future__ import annotations

import csv
import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import pytest

from ledger.application.outcomes import ACCEPTED
from ledger.audit.evidence.bundle import Signed, bundle
from ledger.audit.evidence.collected import AskedDispute, Question
from ledger.audit.transparency.checkpointing import Checkpointer
from ledger.domain.calendar import DAY
from ledger.domain.commands import Command
from ledger.domain.ids import log_of, subject_of
from ledger.domain.line.dispute_commands import DecideDispute
from ledger.domain.line.dispute_events import StatementOverridden
from ledger.domain.money import format_amount, parse_amount
from ledger.domain.partition.commands import CloseThrough
from ledger.domain.statement.commands import DisputeItem
from ledger.domain.statement.stated import dispute_of
from ledger.entrypoints.forms import CommandReader
from ledger.reconciliation.disputed_items import disputed_items
from ledger.reconciliation.evidence_store import EvidenceStore, evidence_key
from ledger.reconciliation.matchables import EQUAL, Rules
from ledger.reconciliation.receiving import Sender, commands_of
from ledger.reconciliation.reconciling import Run, reconcile
from ledger.reconciliation.statement_files import read_statements
from ledger.store.reading import SqliteReader
from tests.audit.test_evidence import JAKARTA, KEY, SIGNER, both, reading
from tests.given import at, ledger_on
from tests.often import TIMES
from tests.real import berka, paysim
from tests.real.replay import terms_of
from tests.shared import shared_file

NOW = at("2023-01-01T00:00:00+07:00")
PAYSIMS = (paysim.TERMS, paysim.OVERDRAFT)
BERKA = b"""
kind = "account"
separator = ";"
fields = ["reference", "account", "date", "type", "what", "amount", "balance"]
date-format = "%y%m%d"
currency = "PULSA"
account-prefix = "420"
account-digits = 9
reference-prefix = "berka-"
number = "berka"
if = [{ field = "type", pattern = "^VYDAJ$|^VYBER$", sign = "-" }]
"""
PAYSIM = b"""
kind = "channel"
skip = 1
fields = ["reference", "account", "time", "amount"]
number = "paysim"
"""


_RULES = Rules()
_BATCH = 1_000


def reconciled(
    commands: Sequence[Command], terms: Sequence[str], file: Path, mapping: bytes, rules: Rules = _RULES
) -> Run:
    """What comes of a file that is taken in by the ledger that commands have made, closed once all were decided."""
    folder = file.parent
    with ledger_on(folder / "log.db", terms_of(*terms)) as ledger:
        taken = [one for some in batched(commands) for one in ledger.execute(some)]
        assert {outcome.status for outcome in taken if outcome.code != "insufficient-credit"} == {ACCEPTED}
        ledger.execute([CloseThrough(at=NOW, command_id="c", actor="clock", msisdn=log_of(0), through=NOW)])
        store = EvidenceStore(folder / "evidence", evidence_key(folder / "key", make=True))
        kept = store.keep(file)
        (read,) = read_statements(file, mapping=mapping)
        assert [one for one in read.findings if one.code != "chain"] == []
        sent = list(commands_of(read, 0, kept, store.key, Sender(NOW + 1, "desk")))
        assert {outcome.code for outcome in ledger.execute(sent)} == {None}
    with ExitStack() as stack:
        log = stack.enter_context(SqliteReader(folder / "log.db").snapshot())
        run = reconcile([log], lambda _: 0, sent[0].subject, rules)
        again = reconcile([log], lambda _: 0, sent[0].subject, rules, NOW)
    assert run.final
    assert run.result == again.result
    return run


def prevailing(run: Run, folder: Path, terms: Sequence[str]) -> list[StatementOverridden]:
    """The decisions of the disputes about all that differs, of which the first is proved to whoever has the key."""
    path = folder / "log.db"
    with reading(path) as log:
        disputed = list(disputed_items(run, {0: log}, lambda _: 0))
    (statement, then), end = (run.statement.id, NOW + 2), NOW + DAY
    said: list[Command] = []
    for one in disputed:
        opened = one._asdict() | {"statement": statement, "actor": "desk"}
        said.append(DisputeItem(at=then, command_id=f"open/{one.item}", **opened))
        how: dict[str, Any] = {
            "decision": "overridden",
            "reason": "record",
            "decided_by": "staff-3",
            "actor": "staff-3",
        }
        of: dict[str, Any] = {"msisdn": subject_of(one.account), "dispute": dispute_of(statement, one.item)}
        said.append(DecideDispute(at=then, command_id=f"decide/{one.item}", **of, **how))
    with ledger_on(path, terms_of(*terms)) as ledger:
        assert {outcome.code for some in batched(said) for outcome in ledger.execute(some)} == {None}
        ledger.execute([CloseThrough(at=end, command_id="e", actor="clock", msisdn=log_of(0), through=end)])
    signed = Signed(folder / "checkpoints", SIGNER.name, (KEY,))
    with reading(path) as log, closing(Checkpointer(signed.folder, [SIGNER], [log], zone=JAKARTA)) as signing:
        signing.round([log])
        asked = AskedDispute(disputed[0].account, dispute_of(statement, disputed[0].item))
        content = bundle(log, Question(subject_of(asked.account), end, end, asked), JAKARTA, signed)
        events = [found.event for found in log.events(types=["ledger.dispute.StatementOverridden"])]
    ours, theirs = both(content, folder / "bundle.zip")
    assert ours == theirs
    assert any(f"{asked.dispute}: StatementOverridden" in one for one in ours or ())
    return [event for event in events if isinstance(event, StatementOverridden)]


def batched(commands: Sequence[Command]) -> Iterator[Sequence[Command]]:
    return (commands[start : start + _BATCH] for start in range(0, len(commands), _BATCH))


def read_all(stated: Iterator[dict[str, Any]]) -> list[Command]:
    reader = CommandReader(played=True, now=None)
    return [reader.from_json(json.dumps(one).encode()) for one in stated]


def test_exactly_the_rows_whose_recorded_balance_disagrees_become_disputes_and_the_record_prevails(
    tmp_path: Path,
) -> None:
    """Each commit those accounts and a fortieth of the others; `make soak` looks at all of them.

    27 rows disagree among the accounts that never stand below zero, of which the statement is; one more, the 28th,
    among those that do, which are contracts with a limit and have no running balance of credit.
    """
    rows = sorted(berka.rows(shared_file("data/berka/trans.asc.gz")), key=lambda row: int(row.account))
    by_account = {
        name: list(berka.in_best_order(own)) for name, own in groupby(rows, key=lambda row: row.account)
    }
    every = {
        row.transaction: row
        for own in by_account.values()
        for row, before in own
        if abs(before + row.amount - row.balance) > berka.ROUNDING
    }
    left_out = berka.overdrawn(rows)
    disagree = {name for name, row in every.items() if row.account not in left_out}
    assert (len(left_out), len(every), len(disagree)) == (26, 28, 27)
    by_account = {name: own for name, own in by_account.items() if name not in left_out}
    rows = [row for row in rows if row.account not in left_out]
    chosen = {
        name: own
        for number, (name, own) in enumerate(by_account.items())
        if TIMES > 1 or number % 40 == 0 or any(row.transaction in disagree for row, _ in own)
    }
    kept = {row.line for own in chosen.values() for row, _ in own}
    steps = (step for step in berka.steps([row for row in rows if row.line in kept]))
    stated = (one for step in steps for one in step.commands if one["command"] != "AdjustCredit")
    file = tmp_path / "berka.csv"
    with file.open("w", newline="", encoding="ascii") as out:
        writer = csv.writer(out, delimiter=";")
        for own in chosen.values():
            for row, _ in own:
                amounts = (format_amount(abs(row.amount)), format_amount(row.balance))
                kind = "PRIJEM" if row.amount > 0 else "VYDAJ"
                writer.writerow([row.transaction, row.account, row.day, kind, row.operation, *amounts])
    run = reconciled(read_all(stated), [berka.TERMS], file, BERKA, Rules(sen=berka.ROUNDING))
    differ = [one for one in run.items if one.outcome != EQUAL and one.rule != "chain"]
    transactions = [row.transaction for own in chosen.values() for row, _ in own]
    assert {one.outcome for one in differ} == {"balance-differs"}
    assert sorted(transactions[one.lines[0] - 1] for one in differ) == sorted(disagree)
    ended = prevailing(run, tmp_path, [berka.TERMS])
    assert Counter((one.stated, one.system) for one in ended) == Counter((i.stated, i.system) for i in differ)


@pytest.fixture(scope="module")
def played() -> list[dict[str, Any]]:
    """The first rows of the file as commands; `make soak` looks at all of them."""
    rows = islice(paysim.rows(shared_file("data/paysim/paysim-100k.csv.gz")), 800 if TIMES == 1 else None)
    return [one for step in paysim.steps(list(rows)) for one in step.commands]


def channel(commands: list[dict[str, Any]]) -> list[list[str]]:
    """What the channel sold, and what it was paid."""
    names = {"TopUp": ("command_id", "price"), "ReceivePayment": ("reference", "amount")}
    return [
        [one[reference], one["msisdn"], one["at"], one[amount]]
        for one in commands
        if one["command"] in names
        for reference, amount in [names[one["command"]]]
    ]


def written(lines: list[list[str]], file: Path) -> Path:
    with file.open("w", newline="", encoding="ascii") as out:
        csv.writer(out).writerows([["reference", "account", "time", "amount"], *lines])
    return file


def test_a_channels_file_agrees_with_the_ledger_played_from_it(
    played: list[dict[str, Any]], tmp_path: Path
) -> None:
    lines = channel(played)
    file = written(lines, tmp_path / "paysim.csv")
    items = reconciled(read_all(iter(played)), PAYSIMS, file, PAYSIM).items
    assert {(one.outcome, one.rule) for one in items} == {(EQUAL, "reference")}
    assert len(items) == len(lines) > 200


def test_faults_in_it_are_found_each_by_its_name(
    played: list[dict[str, Any]], tmp_path: Path, chance: random.Random
) -> None:
    lines = channel(played)
    often = Counter(line[3] for line in lines)
    # Of an amount that comes twice one line may stand for another.
    alone = [place for place, line in enumerate(lines) if often[line[3]] == 1]
    dropped, changed, doubled, mistyped = chance.sample(alone, 4)
    expected = {
        ("missing-on-statement", lines[dropped][3]),
        ("amount-differs", lines[changed][3]),
        ("duplicate-on-statement", lines[doubled][3]),
        ("missing-in-system", lines[mistyped][3]),
        ("missing-on-statement", lines[mistyped][3]),
    }
    faulty = [list(line) for line in lines]
    faulty[changed][3] = format_amount(parse_amount(lines[changed][3]) + 100)
    faulty[mistyped][1] = "6289999999999"
    faulty.append(list(faulty[doubled]))
    del faulty[dropped]
    file = written(faulty, tmp_path / "p.csv")
    run = reconciled(read_all(iter(played)), PAYSIMS, file, PAYSIM, Rules(days=0))
    differ = [one for one in run.items if one.outcome != EQUAL]
    amounts = {(one.outcome, one.system if one.system is not None else one.stated) for one in differ}
    assert len(differ) == len(expected) == 5
    assert amounts == {(outcome, parse_amount(amount)) for outcome, amount in expected}
