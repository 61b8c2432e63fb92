"""What an outsider is shown, and shows: `audit checkpoint`, `verify`, `prove`, `bundle`, and the keys for it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.options import now_of
from ledger.entrypoints.cli.output import AsJson, counted, say, say_folded, say_json
from ledger.entrypoints.cli.prose import AsOf, KnownAt, Number, as_of_known_at
from ledger.errors import CheckpointInvalid, EvidenceRefused, KeyUnusable
from ledger.whole_files import written_whole

if TYPE_CHECKING:
    from ledger.audit.evidence.bundle import Signed
    from ledger.audit.transparency.note import Verifier
    from ledger.store.reading import SqliteSnapshot
    from ledger.wiring.composition import Opened

KeyFile = Annotated[
    Path,
    typer.Option(
        "--key", metavar="FILE", help="The key that signs; nobody else may read it.", show_default=False
    ),
]
Trust = Annotated[
    list[str] | None,
    typer.Option(
        "--trust", metavar="KEY", help="A public key, as `audit show-key` prints it, or a file that holds it."
    ),
]
Zone = Annotated[str, typer.Option("--zone", metavar="ZONE", help="The time zone whose midnight ends a day.")]
Every = Annotated[
    float | None,
    typer.Option("--every", metavar="SECONDS", min=0.1, help="Again and again, until it is stopped."),
]
Restart = Annotated[
    str | None,
    typer.Option(
        "--restart", metavar="REASON", help="Begin anew: the log was restored, and is not the one of before."
    ),
]
Files = Annotated[
    list[Path], typer.Argument(metavar="CHECKPOINT…", help="Checkpoints that were kept, each a file.")
]
Kept = Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="A checkpoint that was kept, a file.")]
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where it is kept; made where there is none.")]
Out = Annotated[Path, typer.Argument(metavar="FILE", help="Where it goes; there must be none yet.")]
Position = Annotated[str, typer.Argument(metavar="POSITION", help="An event's, such as 0:120.")]
Bundle = Annotated[Path, typer.Argument(metavar="FILE", help="The bundle.")]
LineFile = Annotated[
    Path | None,
    typer.Option(
        "--line",
        metavar="FILE",
        help="The statement's line as it stood, where the bundle does not hold it.",
        exists=True,
        dir_okay=False,
        show_default=False,
    ),
]
Name = Annotated[
    str,
    typer.Option(
        "--name", metavar="NAME", help="Whose key it is, and what the trees are called.", show_default=False
    ),
]
JAKARTA = "Asia/Jakarta"


def new_key(file: Out, name: Name) -> int:
    """Make a key that signs checkpoints, in a file of its own, and print the one that verifies them."""
    from ledger.audit.transparency.note import new_signer

    say(str(new_signer(name, secrets.token_bytes(32), file).verifier))
    return shell.DONE


def show_key(key: KeyFile) -> int:
    """Print the public key of one that signs, to be published."""
    from ledger.audit.transparency.note import signer_of

    say(str(signer_of(key).verifier))
    return shell.DONE


def checkpoint(
    opened: Opened, key: KeyFile, every: Every = None, restart: Restart = None, zone_: Zone = JAKARTA
) -> int:
    """Sign what the log has come to: once, or again and again beside the writer."""
    from ledger.audit.transparency.checkpointing import Checkpointer
    from ledger.audit.transparency.note import signer_of
    from ledger.domain.calendar import zone

    signer = signer_of(key)
    folder = opened.settings.checkpoints_folder
    with _logs(opened) as logs:
        try:
            checkpointer = Checkpointer(
                folder, [signer], logs, zone=zone(zone_), restart=restart, board=opened.board()
            )
        except CheckpointInvalid as error:
            raise CheckpointInvalid(f"{folder}, held against {key}: {error}") from None
    with closing(checkpointer), shell.until_stopped() as stopped:
        while True:
            signed = None
            with _logs(opened) as logs:
                for signed in checkpointer.round(logs):
                    say(f"{signed.origin}: {counted(signed.size, 'leaf')}, {signed.root.hex()}")
            if every is None:
                if signed is None:
                    say("nothing came since the last checkpoint")
                return shell.DONE
            if stopped.wait(every):
                return shell.DONE


def verify(opened: Opened, checkpoints: Files, trust: Trust = None, as_json: AsJson = False) -> int:
    """Hold the log against checkpoints that were kept: whether it is the one that was signed, or where it is not.

    Every row is held against its digest, too, for what was signed are digests.
    """
    from ledger.audit.transparency.chained import chained
    from ledger.audit.transparency.kept_checkpoints import checked

    keys = _keys(trust)
    folder = opened.settings.checkpoints_folder
    notes = [_content(file) for file in checkpoints]
    with _logs(opened) as logs, chained(logs):
        found = checked(logs, notes, keys, folder=folder if folder.is_dir() else None)
    for one in found:
        if as_json:
            say_json(one.to_json())
        else:
            wrong = "as it was signed" if one.wrong is None else one.wrong
            say_folded(f"{one.checkpoint.origin}, {counted(one.checkpoint.size, 'leaf')}: {wrong}")
    return shell.DONE if all(one.wrong is None for one in found) else shell.REFUSED


def consistency(opened: Opened, old: Kept, new: Kept, trust: Trust = None, as_json: AsJson = False) -> int:
    """Show that a checkpoint goes on from an older one: that nothing before it was changed."""
    from ledger.audit.transparency.copied_trees import gone_on

    notes = (_content(old), _content(new))
    found = gone_on(opened.settings.checkpoints_folder, notes, _keys(trust))
    if as_json:
        path = [one.hex() for one in found.path]
        say_json({"origin": found.new.origin, "old": found.old.size, "new": found.new.size, "path": path})
    else:
        say(
            f"{found.new.origin} of {found.new.size:,} leaves begins with the {found.old.size:,} signed before"
        )
    return shell.DONE


def mirror(opened: Opened, folder: Folder, trust: Trust = None) -> int:
    """Bring what was signed to another folder, which only grows: whoever keeps it notices a log that was rewritten."""
    from ledger.audit.transparency.copied_trees import copied

    for one in copied(opened.settings.checkpoints_folder, folder, _keys(trust)):
        say(f"{folder}: {one.origin}, {one.size:,} leaves")
    return shell.DONE


def prove(opened: Opened, position: Position, file: Out, trust: Trust = None) -> int:
    """Write a proof that an event stands in what was signed."""
    from ledger.audit.evidence.bundle import proof_of_event

    partition, _, ordinal = position.partition(":")
    if not (partition.isdecimal() and ordinal.isdecimal()):
        raise typer.BadParameter(f"{position!r} is no position such as 0:120")
    signed = _signed(opened, trust)
    with _logs(opened) as logs:
        log = next((log for log in logs if log.partition == int(partition)), None)
        if log is None:
            raise typer.BadParameter(f"the log has no partition {partition}")
        leaf, proof = proof_of_event(log, int(ordinal), signed)
    put_file(file, proof.to_bytes())
    say(f"the event at {position}, whose leaf is {leaf.hex()}: proved in {file}")
    return shell.DONE


def bundle(
    opened: Opened,
    msisdn: Number,
    file: Out,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    trust: Trust = None,
    zone_: Zone = JAKARTA,
) -> int:
    """Write an evidence bundle of a number: its events, decisions, balances and proofs, to be checked by anybody."""
    from ledger import terms
    from ledger.audit.evidence.bundle import bundle as made
    from ledger.audit.evidence.collected import Question
    from ledger.domain.calendar import NEVER, zone
    from ledger.wiring.copies_given import bundle_noted
    from projections.engine.instants import Asked

    readers, partition_of = opened.journaled()
    reader = next(one for one in readers if one.partition == partition_of(msisdn))
    with reader.snapshot() as log:
        closed = log.closed_through
        if closed is None:
            raise EvidenceRefused("the log was never closed: nothing in it is final; see `pulsa log advance`")
        asked = Asked(as_of or known_at or closed, known_at or closed)
        as_of, known = asked.instants(NEVER, lambda: zone(zone_))
        question = Question(msisdn, as_of, known)
        signed = signed_where_there_is(opened, trust)
        content = made(log, question, zone(zone_), signed, terms.words(opened.settings.terms).get)
    with bundle_noted(opened, msisdn, content, now_of(opened.settings)):
        put_file(file, content)
    how = "signed" if signed is not None else "NOT SIGNED: there are no checkpoints"
    told = as_of_known_at(question.as_of, known, zone(zone_))
    say_folded(f"{file}: {msisdn} {told}; {how}")
    return shell.DONE


def verify_bundle(file: Bundle, trust: Trust = None, line: LineFile = None) -> int:
    """Check an evidence bundle, as `verify.py` in it does, and its page; without a key not who signed it."""
    from ledger.audit.evidence.checking import checked

    keys = _keys(trust) if trust else []
    stood = None if line is None else line.read_bytes()
    for told in checked(file, keys[0] if keys else None, stood, page_too=True):
        say(told)
    return shell.DONE


@contextmanager
def _logs(opened: Opened) -> Iterator[list[SqliteSnapshot]]:
    """Every partition as it stands now."""
    readers, _ = opened.journaled()
    with ExitStack() as stack:
        yield [stack.enter_context(reader.snapshot()) for reader in readers]


def signed_where_there_is(opened: Opened, trust: list[str] | None) -> Signed | None:
    """The checkpoints that proofs come from; None where there are none."""
    return _signed(opened, trust) if opened.settings.checkpoints_folder.is_dir() else None


def _signed(opened: Opened, trust: list[str] | None) -> Signed:
    from ledger.audit.evidence.bundle import Signed

    keys = _keys(trust)
    return Signed(opened.settings.checkpoints_folder, keys[0].name, tuple(keys))


def _keys(trust: list[str] | None) -> list[Verifier]:
    """The public keys that are trusted. Raises KeyUnusable."""
    from ledger.audit.transparency.note import verifier_of

    if not trust:
        raise KeyUnusable("say whose signatures are trusted: --trust KEY")
    found = []
    for one in trust:
        is_file = Path(one).is_file()
        text = Path(one).read_text("ascii", errors="replace") if is_file else one
        found.append(verifier_of(text, one if is_file else "--trust"))
    return found


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CheckpointInvalid(f"{file}: {error.strerror}") from error


def put_file(file: Path, content: bytes) -> None:
    """Writes a file that is not there yet, whole or not at all. Raises OSError."""
    try:
        with written_whole(file, mode=0o666) as target:
            target.write(content)
    except FileExistsError:
        raise typer.BadParameter(f"{file}: there is a file already") from None
