"""What is asked of disputes, and what is handed to an outsider about one."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.options import now_of
from ledger.entrypoints.cli.output import in_words, say, say_folded
from ledger.entrypoints.cli.prose import (
    KnownAt,
    NumberOrAll,
    Then,
    asked,
    final_or_not,
    say_clauses,
    say_fields,
    say_records,
    say_rows,
    told_in,
)
from ledger.entrypoints.cli.proving import JAKARTA, Out, Trust, Zone, put_file, signed_where_there_is
from ledger.entrypoints.cli.tabulating import say_table
from ledger.errors import EvidenceRefused
from ledger.figures import UNITS, of_unit, rupiah

if TYPE_CHECKING:
    from ledger.wiring.composition import Opened

Dispute = Annotated[str, typer.Argument(metavar="DISPUTE", help="The dispute, such as C-17.")]
OfAccount = Annotated[
    str | None,
    typer.Option("--account", metavar="ACCOUNT", help="Whose it is, where several have one of that id."),
]


State = Annotated[
    str | None,
    typer.Option(
        "--state",
        metavar="STATE",
        help="Only open ones, or those overridden, corrected, rejected or withdrawn.",
        show_default=False,
    ),
]
Assignee = Annotated[
    str | None,
    typer.Option("--assignee", metavar="ID", help="Only those given to this person.", show_default=False),
]
Sums = Annotated[bool, typer.Option("--sums", help="How many stand alike, and what they come to.")]
_PROGRAMS = (
    "opened_by",
    "decided_by",
    "statement",
    "line",
    "refers_to",
    "corrected",
    "reopened",
    "decided_at",
)
_FIELDS = ("refers_to", "statement", "line", "assignee", "due_on", "age", "unremedied")


def dispute_list(
    opened: Opened,
    then: Then,
    msisdn: NumberOrAll = None,
    state: State = None,
    assignee: Assignee = None,
    sums: Sums = False,
) -> int:
    """Disputes: what was claimed, what the record says, how they stand; those due first on top."""
    from projections.line.disputes_told import WantedDisputes

    ask = asked(opened, then)
    where = partial(told_in, ask, then, msisdn)
    if sums:
        say_rows(ask.sums_of_disputes(**then.moment), then, where, none="no dispute")
        return shell.DONE
    found = ask.disputes(WantedDisputes(msisdn, state, assignee), **then.moment)
    say_rows(found, then, where, none="no dispute", without=_PROGRAMS)
    return shell.DONE


def dispute_next(opened: Opened, then: Then, assignee: Assignee = None) -> int:
    """The dispute to be decided next: the one that is due first, else the oldest."""
    from projections.line.disputes_told import WantedDisputes

    ask = asked(opened, then)
    found = ask.disputes(WantedDisputes(None, "open", assignee), **then.moment)
    if not found.rows:
        say_rows(found, then, partial(told_in, ask, then), none="no dispute is open")
        return shell.DONE
    return dispute_show(opened, then, found.rows[0].dispute, found.rows[0].account)


def dispute_show(opened: Opened, then: Then, dispute: Dispute, account: OfAccount = None) -> int:
    """A dispute: what is stated and what the record says, side by side, and each step of it."""
    ask = asked(opened, then)
    found = ask.dispute(dispute, account, **then.moment)
    if then.told([found.to_json()]):
        return shell.DONE
    from ledger.audit.evidence.dispute_page import WITHOUT_CLAUSE
    from projections.line.disputes_told import DisputeShown, DisputeStep

    stated = "the statement" if found.statement else "the claim"
    differs = "" if found.difference == 0 else "← differs"
    sides = ["about", stated, "the record", "difference", "so"]
    amounts = (told_amount(sen, found.unit) for sen in (found.claimed, found.system, found.difference))
    row = [found.about, *amounts, differs]
    say_table(f"{found.dispute} of {found.account}, {found.state}", sides, [row], right=frozenset(sides[1:4]))
    where = told_in(ask, then)
    shown = {name: getattr(found, name) for name in _FIELDS}
    say_fields(DisputeShown, shown, where)
    steps = [step | {"what": in_words(step["what"])} for step in found.steps]
    say_records("what happened", DisputeStep, steps, where, without=("version", "clause"))
    clauses = {step["clause"] for step in found.steps} - {None}
    if clauses:
        say_clauses(opened.settings, clauses)
    else:
        say_folded(WITHOUT_CLAUSE)
    say_folded(final_or_not(found, where))
    return shell.DONE


def told_amount(sen: int, unit: str) -> str:
    """As people read it: rupiah and credit alike, else with what it is of."""
    return rupiah(sen) if unit in UNITS else of_unit(sen, unit)


def corrected_statement(
    opened: Opened, then: Then, dispute: Dispute, file: Out, account: OfAccount = None
) -> int:
    """Write the corrected statement after the record has prevailed: a new document, which names the old one."""
    import json
    from hashlib import sha256

    found = asked(opened, then).dispute(dispute, account, **then.moment)
    if found.state != "overridden":
        raise EvidenceRefused(
            f"{dispute} is {found.state}: only where the record prevails a statement is corrected"
        )
    said: dict[str, Any] = found.to_json()
    decision = [step for step in said["steps"] if step["what"] == "StatementOverridden"][-1]
    corrected = {
        "format": "pulsa-corrected-statement/1",
        "account": found.account,
        "dispute": found.dispute,
        "corrects": {name: said[name] for name in ("statement", "line", "refers_to")},
        "about": found.about,
        "unit": found.unit,
        "stated": said["claimed"],
        "amount": said["system"],
        "difference": said["difference"],
        "clause": decision["clause"],
        "decided_at": said["decided_at"],
        "decided_by": found.decided_by,
        "decision": f"{found.account}/{decision['version']}",
    }
    content = json.dumps(corrected, indent=2, ensure_ascii=False).encode() + b"\n"
    put_file(file, content)
    digest = sha256(content).hexdigest()
    if not then.told([{"file": str(file), "digest": digest}]):
        amounts = (told_amount(sen, found.unit) for sen in (found.system, found.claimed))
        say_folded(f"{file}: {' instead of '.join(amounts)}; sha256 {digest}")
    return shell.DONE


def dispute_bundle(
    opened: Opened,
    dispute: Dispute,
    file: Out,
    account: OfAccount = None,
    known_at: KnownAt = None,
    trust: Trust = None,
    zone_: Zone = JAKARTA,
) -> int:
    """Write an evidence bundle of a dispute: statement, record, decision and their proofs, to be checked by anybody."""
    from ledger import terms
    from ledger.audit.evidence.bundle import accounts_of
    from ledger.audit.evidence.bundle import bundle as made
    from ledger.audit.evidence.collected import AskedDispute, Question
    from ledger.audit.evidence.stated_line import StatementAtHand
    from ledger.domain.calendar import zone
    from ledger.domain.ids import subject_of
    from ledger.wiring.copies_given import bundle_noted
    from ledger.wiring.evidence import statement_at_hand

    readers, partition_of = opened.journaled()
    if account is None:
        found = []
        for reader in readers:
            with reader.snapshot() as log:
                found += accounts_of(log, dispute)
        if len(found) != 1:
            whose = ", ".join(sorted(found)) if found else "no account"
            raise EvidenceRefused(f"{whose} has a dispute {dispute}" + ("; say --account" if found else ""))
        account = found[0]
    msisdn, now = subject_of(account), now_of(opened.settings)
    with ExitStack() as stack:
        logs = {one.partition: stack.enter_context(one.snapshot()) for one in readers}
        log = logs[partition_of(msisdn)]

        def at_hand(statement: str) -> StatementAtHand:
            return statement_at_hand(opened.settings, logs[partition_of(statement)], now)

        known = known_at if known_at is not None else log.closed_through
        if known is None:
            raise EvidenceRefused("the log was never closed: nothing in it is final; see `pulsa log advance`")
        signed = signed_where_there_is(opened, trust)
        question = Question(msisdn, known, known, AskedDispute(account, dispute))
        words = terms.words(opened.settings.terms).get
        content = made(log, question, zone(zone_), signed, words, at_hand)
    with bundle_noted(opened, msisdn, content, now_of(opened.settings)):
        put_file(file, content)
    how = "signed" if signed is not None else "NOT SIGNED: there are no checkpoints"
    say(f"{file}: {dispute} of {account}; {how}")
    return shell.DONE
