"""Statements of others: `statement receive`, `list`, `show`, and `reconcile`, which holds one against the record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.local_times import told_at
from ledger.entrypoints.cli.options import DryRun, log_now, now_of, told_here
from ledger.entrypoints.cli.output import (
    NOTHING_IS_WRITTEN,
    AsCsv,
    AsJson,
    counted,
    say,
    say_folded,
    say_json,
    told,
)
from ledger.entrypoints.cli.prose import KnownAt, Then, asked, say_rows, told_in, zone_of_log
from ledger.entrypoints.cli.tabulating import say_table
from ledger.errors import QueryRefused
from ledger.figures import decimal, grouped, rupiah

if TYPE_CHECKING:
    from ledger.application.outcomes import Outcome
    from ledger.domain.calendar import Zone
    from ledger.domain.commands import Command
    from ledger.domain.refusals import Refusal
    from ledger.reconciliation.matchables import Item
    from ledger.reconciliation.reconciling import Run
    from ledger.store.reading import SqliteSnapshot
    from ledger.wiring.composition import Opened, Taker

File = Annotated[
    Path, typer.Argument(metavar="FILE", help="The file, plain, .gz, or alone in a .zip.", show_default=False)
]
Format = Annotated[
    str,
    typer.Option("--format", metavar="FORMAT", help="auto, pulsa-bill, mt940, camt.053 or csv."),
]
MappingFile = Annotated[
    Path | None,
    typer.Option(
        "--mapping", metavar="FILE", help="What the fields of a CSV file are (TOML).", show_default=False
    ),
]
RulesFile = Annotated[
    Path | None,
    typer.Option(
        "--rules", metavar="FILE", help="Days and amounts that may lie between (TOML).", show_default=False
    ),
]


def _named(text: str) -> str:
    from ledger.domain.statement.stated import PREFIX

    return text if text.startswith(PREFIX) else PREFIX + text


class NoRun(QueryRefused):
    """There is nothing to hold against the record: a question fails with the code of what keeps it back."""

    def __init__(self, refused: Refusal) -> None:
        super().__init__(refused.message)
        self.code = refused.code  # type: ignore[misc]


StatementId = Annotated[
    str,
    typer.Argument(metavar="STATEMENT", help="The statement: statement/ and 32 digits.", parser=_named),
]
Actor = Annotated[str, typer.Option("--actor", metavar="ID", help="Who asks, as a pseudonymous id.")]
Record = Annotated[
    bool, typer.Option("--record", help="Record what it came to; the instant has to be final.")
]
OpenDisputes = Annotated[
    bool,
    typer.Option(
        "--open", help="Open disputes about the differences, once each; the instant has to be final."
    ),
]
OpenOnly = Annotated[bool, typer.Option("--differences", help="Only what a person has to look at.")]

_COLUMNS = (
    *("item", "outcome", "rule", "lines", "records", "account", "stated", "system", "difference", "unit"),
    *("day", "days", "interchangeable", "nearest", "resolved"),
    *("partner", "stated_quantity", "system_quantity"),
)


def receive(
    opened: Opened,
    file: File,
    format_: Format = "auto",
    mapping: MappingFile = None,
    actor: Actor = "system",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Take in the statements of a file; the file itself is kept as evidence, and no name in it reaches the log."""
    from ledger.reconciliation.receiving import Sender, commands_of
    from ledger.reconciliation.statement_files import read_statements
    from ledger.wiring.evidence import evidence_store
    from ledger.wiring.rehearsal import tried

    read = read_statements(file, format_, None if mapping is None else mapping.read_bytes())
    refused = 0
    with tried(opened, dry_run=dry_run) as log:
        store = evidence_store(log.settings, make_key=True)
        kept = store.keep(file)
        taker = log.taker()
        sender = Sender(log_now(log.settings, played=taker.played), actor)
        for place, one in enumerate(read):
            commands = commands_of(one, place, kept, store.key, sender)
            subject, outcome = _sent(taker, commands)
            said = {
                "statement": subject,
                "kind": one.kind,
                "account": one.account,
                "number": one.number,
                "lines": len(one.lines),
                "findings": len(one.findings),
                "status": outcome.status,
                "code": outcome.code,
                **({"dry_run": True} if dry_run else {}),
            }
            refused += outcome.code is not None
            with shell.telling_what_is_recorded():
                if as_json:
                    say_json(said)
                else:
                    what = f"{counted(len(one.lines), 'line')}, {counted(len(one.findings), 'finding')}"
                    why = "" if outcome.message is None else f": {told_here(log, outcome.message)}"
                    say_folded(
                        f"{subject}: {_with_number(one.kind, one.number)}, {what}; {outcome.status}{why}"
                    )
    if dry_run and not as_json:
        say(NOTHING_IS_WRITTEN)
    return shell.REFUSED if refused else shell.DONE


def _with_number(kind: str, number: str | None) -> str:
    return kind if number is None else f"{kind} {number}"


def _sent(taker: Taker, commands: Iterator[Command]) -> tuple[str, Outcome]:
    """Sends a statement, as far as it is taken. What was taken before is there: the outcome of its end tells."""
    from ledger.application.outcomes import ACCEPTED, REFUSED
    from ledger.entrypoints.principal import of_this_process

    first: Outcome | None = None
    subject = ""
    while True:
        command = next(commands, None)
        if command is None:
            raise AssertionError("a statement has an end")
        (outcome,) = taker.execute([command], principal=of_this_process())
        first, subject = first or outcome, command.subject
        if outcome.status == REFUSED and first.status == ACCEPTED:
            return subject, outcome
        if first.status == REFUSED or command.name == "EndStatement":
            return subject, first if first.status != "accepted" or outcome.code is None else outcome


@contextmanager
def _logs(opened: Opened) -> Iterator[tuple[list[SqliteSnapshot], Any]]:
    """Every partition as it stands now, and what tells the partition of a subject."""
    readers, partition_of = opened.journaled()
    with ExitStack() as stack:
        yield [stack.enter_context(reader.snapshot()) for reader in readers], partition_of


def listed(opened: Opened, then: Then) -> int:
    """The statements that came in, and how far each is."""
    ask = asked(opened, then)
    found = ask.statements(**then.moment)
    without = ("sequence", "received_at", "result")
    say_rows(found, then, partial(told_in, ask, then), none="no statement came in", without=without)
    return shell.DONE


def reconcile_(
    opened: Opened,
    statement: StatementId,
    known_at: KnownAt = None,
    rules: RulesFile = None,
    differences: OpenOnly = False,
    record: Record = False,
    open_: OpenDisputes = False,
    actor: Actor = "system",
    dry_run: DryRun = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> int:
    """Hold a statement against the record, line by line. Nothing is written unless it is asked for."""
    from ledger.wiring.evidence import must_not_be_over
    from ledger.wiring.rehearsal import tried

    run = run_of(opened, statement, known_at, rules)
    if record or open_:  # of what is recorded the file is the proof
        must_not_be_over(opened.settings, run.statement.id, run.statement.begun, now_of(opened.settings))
    items = [item for item in run.items if item.is_open or not differences]
    if not told(map(_said, items), as_json=as_json, as_csv=as_csv, columns=_COLUMNS):
        _say_items(items)
        _say_sums(run, zone_of_log(opened))
    done: list[tuple[str, Outcome]] = []
    if record or open_:
        with tried(opened, dry_run=dry_run) as log:
            done += _record(log, run, actor) if record else ()
            done += _open_disputes(log, run, actor) if open_ else ()
    if not (as_json or as_csv):
        with shell.telling_what_is_recorded():
            for what, outcome in done:
                why = "" if outcome.message is None else f": {told_here(opened, outcome.message)}"
                say(f"{what}: {outcome.status}{why}")
            if dry_run:
                say(NOTHING_IS_WRITTEN)
    return shell.REFUSED if any(outcome.code for _, outcome in done) else shell.DONE


def show(
    opened: Opened,
    statement: StatementId,
    known_at: KnownAt = None,
    rules: RulesFile = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> int:
    """A statement and the record side by side: the rule that matched each line, or why none did."""
    run = run_of(opened, statement, known_at, rules)
    if not told(map(_said, run.items), as_json=as_json, as_csv=as_csv, columns=_COLUMNS):
        begun = run.statement.begun
        say_folded(
            f"{run.statement.id}: {_with_number(begun.kind, begun.number)} of {begun.of or 'several accounts'}"
        )
        _say_items(run.items)
        _say_sums(run, zone_of_log(opened))
    return shell.DONE


def run_of(opened: Opened, statement: str, known_at: Any, rules: Path | None) -> Run:  # noqa: ANN401 - instant or day
    """What a statement comes to, as known at an instant or by the end of a day. Raises QueryRefused."""
    from ledger.domain.refusals import Refusal
    from ledger.reconciliation.matchables import Rules, rules_of
    from ledger.reconciliation.reconciling import reconcile

    own = Rules() if rules is None else rules_of(rules.read_bytes())
    own_day = known_at is not None and not isinstance(known_at, int)
    then = zone_of_log(opened).last_instant(known_at) if own_day else known_at
    if then is not None and then > now_of(opened.settings):
        raise typer.BadParameter("--known-at lies in the future")
    with _logs(opened) as (logs, partition_of):
        try:
            return reconcile(logs, partition_of, statement, own, then)
        except Refusal as refused:
            raise NoRun(refused) from None


def _open_disputes(opened: Opened, run: Run, actor: str) -> Iterator[tuple[str, Outcome]]:
    """Opens disputes about a run's differences. Raises NotFinal."""
    from ledger.domain.statement.commands import DisputeItem
    from ledger.domain.statement.refusals_of_statements import NotFinal
    from ledger.domain.statement.stated import dispute_of
    from ledger.entrypoints.principal import of_this_process
    from ledger.reconciliation.disputed_items import disputed_items

    if not run.final:
        raise NotFinal
    with _logs(opened) as (logs, partition_of):
        disputed = list(disputed_items(run, {log.partition: log for log in logs}, partition_of))
    taker = opened.taker()
    at, statement = log_now(opened.settings, played=taker.played), run.statement.id
    commands = [
        DisputeItem(
            at=at, command_id=f"dispute/{one.item}", actor=actor, statement=statement, **one._asdict()
        )
        for one in disputed
    ]
    outcomes = taker.execute(commands, principal=of_this_process()) if commands else []
    for one, outcome in zip(disputed, outcomes, strict=True):
        yield f"{dispute_of(statement, one.item)} on {one.account}", outcome


def _said(item: Item) -> dict[str, Any]:
    from ledger.reconciliation.items_told import item_told

    return item_told(item).to_json()


def _say_items(items: Sequence[Any]) -> None:
    rows = []
    for item in items:
        said = _said(item)
        near = "; ".join(f"{one['item']} ({one['why']})" for one in said["nearest"])
        why = item.rule if not near else f"{item.rule}: {near}"
        rows.append(
            [
                ",".join(map(str, item.lines)),
                said["day"] or "",
                "" if item.stated is None else rupiah(item.stated),
                item.outcome if item.resolved is None else f"{item.outcome}, {item.resolved}",
                "" if item.system is None else rupiah(item.system),
                ",".join(item.records),
                why or "",
            ]
        )
    if rows:
        names = ["line", "day", "stated", "outcome", "system", "record", "by"]
        say_table("", names, rows, right=frozenset({"stated", "system"}))


def _say_sums(run: Run, where: Zone) -> None:
    rows = [[one["outcome"], grouped(one["items"]), rupiah(one["amount"])] for one in run.sums]
    if rows:
        say_table("", ["outcome", "items", "amount"], rows, right=frozenset({"items", "amount"}))
    _say_towards_partners(run)
    final = "final" if run.final else "provisional"
    open_ = counted(run.open, "item")
    say_folded(f"{open_} open; known at {told_at(run.known_at, where)}, {final}")
    say(f"result {run.result}")


def _say_towards_partners(run: Run) -> None:
    """What is to be settled with partners, each month by itself."""
    from ledger.domain.money import format_amount
    from ledger.reconciliation.partners_records import towards_partners

    rows = [
        [
            *(one.partner, one.month, grouped(one.items), decimal(format_amount(one.stated))),
            *(decimal(format_amount(one.system)), one.unit),
            *(grouped(one.stated_quantity), grouped(one.system_quantity)),
        ]
        for one in towards_partners(run.items)
    ]
    if rows:
        names = ["partner", "month", "items", "stated", "system", "unit", "quantity stated", "and recorded"]
        say_table(
            "to be settled with partners", names, rows, right=frozenset(names) - {"partner", "month", "unit"}
        )


def _record(opened: Opened, run: Run, actor: str) -> Iterator[tuple[str, Outcome]]:
    """Records a run. Raises NotFinal, or what it is refused for."""
    from ledger.domain.statement.commands import RecordRun
    from ledger.domain.statement.refusals_of_statements import NotFinal
    from ledger.entrypoints.principal import of_this_process
    from ledger.wiring.evidence import evidence_store

    if not run.final:
        raise NotFinal
    kept = evidence_store(opened.settings).keep_bytes(run.rules.to_toml())
    taker = opened.taker()
    command = RecordRun(
        at=log_now(opened.settings, played=taker.played),
        command_id=f"run/{run.known_at}/{kept.digest[:16]}/{run.result[:32]}",
        actor=actor,
        statement=run.statement.id,
        known_at=run.known_at,
        rules=kept.digest,
        result=run.result,
        sums=run.sums,
        open=run.open,
    )
    (outcome,) = taker.execute([command], principal=of_this_process())
    yield "run", outcome
