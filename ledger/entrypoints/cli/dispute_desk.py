"""What is asked of disputes, and what is handed to an outsider about one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.output import say
from ledger.entrypoints.cli.prose import KnownAt
from ledger.entrypoints.cli.proving import JAKARTA, Out, Trust, Zone, put_file, signed_where_there_is
from ledger.errors import EvidenceRefused

if TYPE_CHECKING:
    from ledger.wiring.composition import Opened

Dispute = Annotated[str, typer.Argument(metavar="DISPUTE", help="The dispute, such as C-17.")]
OfAccount = Annotated[
    str | None,
    typer.Option("--account", metavar="ACCOUNT", help="Whose it is, where several have one of that id."),
]


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
    from ledger.audit.evidence.bundle import AskedDispute, Question, accounts_of
    from ledger.audit.evidence.bundle import bundle as made
    from ledger.domain.calendar import zone
    from ledger.domain.kinds import subject_of

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
    msisdn = subject_of(account)
    with next(one for one in readers if one.partition == partition_of(msisdn)).snapshot() as log:
        known = known_at if known_at is not None else log.closed_through
        if known is None:
            raise EvidenceRefused("the log was never closed: nothing in it is final; see `pulsa log advance`")
        signed = signed_where_there_is(opened, trust)
        question = Question(msisdn, known, known, AskedDispute(account, dispute))
        content = made(log, question, zone(zone_), signed)
    put_file(file, content)
    how = "signed" if signed is not None else "NOT SIGNED: there are no checkpoints"
    say(f"{file}: {dispute} of {account}; {how}")
    return shell.DONE
