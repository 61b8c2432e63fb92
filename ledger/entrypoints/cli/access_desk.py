"""`pulsa customer access`: everything that is kept about a person, handed over in one archive."""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.options import DryRun, now_of, reader_for
from ledger.entrypoints.cli.output import NOTHING_IS_WRITTEN, AsJson, say, say_json
from ledger.entrypoints.cli.personal import By, Customer, Reason, must_be_codes, why_not_shown
from ledger.whole_files import written_whole

if TYPE_CHECKING:
    from ledger.wiring.composition import Opened

Archive = Annotated[
    Path, typer.Argument(metavar="OUT.zip", help="Where it goes; there must be none yet.", show_default=False)
]


def access(
    opened: Opened,
    customer: Customer,
    out: Archive,
    by: By,
    reason: Reason,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Put everything that is kept about a person into one archive, for that person.

    An open request of theirs is answered by it: its digest goes into the log. Of an account that was another's before,
    it begins with what was on it when it became theirs. Where it is put is noted: an erasure deletes it there.
    """
    from ledger.domain.customer.ids_of_customers import own_id
    from ledger.entrypoints.access_archive import archive
    from ledger.entrypoints.access_pages import index_html
    from ledger.entrypoints.person_gathered import Reader, gathered
    from ledger.entrypoints.targets import must_be_apart_from_the_log
    from ledger.store.backup import FileExists
    from ledger.vault.copies_made import CopyMade, part_of
    from ledger.wiring.copies_given import noted
    from ledger.wiring.rehearsal import tried

    must_be_codes(by=by, reason=reason)
    now = now_of(opened.settings)
    asked = opened.questions(lambda: now)
    person = asked.person(customer)
    kept_back = why_not_shown(customer, person, for_themselves=True)
    if person is None or kept_back is not None:
        return shell.REFUSED
    if not _is_text(out.absolute()):
        raise typer.BadParameter("OUT.zip: the name of the file, or of its folder, is no UTF-8")
    must_be_apart_from_the_log("OUT.zip", out, opened.settings)
    if out.exists():
        raise FileExists(f"{out}: there is a file of that name already")
    found = gathered(opened, asked, customer, Reader(by, reason, now), dry_run=dry_run)
    content, last = archive(found, index_html(found)), found.events[-1]["version"]
    digest = hashlib.sha256(content).digest()
    copy = CopyMade(own_id(customer), now, "access", customer, digest, last, out)
    answered = None if person.request is None else person.request.request
    try:
        with nullcontext() if dry_run else noted(opened, [copy]):
            if not dry_run:
                with written_whole(out, part=part_of(out, digest)) as file:
                    file.write(content)
            if answered is not None:
                try:
                    with tried(opened, dry_run=dry_run) as log:
                        _answer(log, customer, answered, digest.hex())
                except _NotAnswered:
                    if not dry_run:
                        out.unlink()
                    raise
    except _NotAnswered as refused:
        return shell.failed("refused", str(refused), shell.REFUSED)
    if as_json:
        tells = {"file": str(out), "digest": digest.hex(), "request": answered}
        say_json({**tells, **({"dry_run": True} if dry_run else {})})
    else:
        request = "" if answered is None else f"; request {answered} is answered"
        say(f"{out}: sha256 {digest.hex()}{request}")
        if dry_run:
            say(NOTHING_IS_WRITTEN)
    return shell.DONE


def _is_text(path: Path) -> bool:
    """Whether a path can be noted and said."""
    try:
        return bool(str(path).encode())
    except UnicodeEncodeError:
        return False


def _answer(opened: Opened, customer: str, request: str, digest: str) -> None:
    """Says in the log that a request is answered. Raises _NotAnswered where that is refused."""
    from ledger.entrypoints.principal import of_this_process

    ledger = opened.taker()
    said = {"command": "AnswerAccess", "customer": customer, "request": request, "digest": digest}
    command = reader_for(ledger, opened.settings).from_text(
        said | {"command_id": f"answer/{request}/{digest[:16]}"}
    )
    outcome = ledger.execute([command], principal=of_this_process())[0]
    if outcome.code is not None:
        raise _NotAnswered(f"{outcome.code}: {outcome.message}")


class _NotAnswered(Exception):
    pass
