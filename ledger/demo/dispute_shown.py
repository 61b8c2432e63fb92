"""Shows a dispute to its end: a channel's statement differs, the record prevails, and an outsider checks the proof."""

from __future__ import annotations

import secrets
import subprocess
import sys
import zipfile
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from ledger.application.ledger import CLOCK_TOLERANCE
from ledger.audit.evidence.bundle import Signed, bundle
from ledger.audit.evidence.collected import AskedDispute, Question
from ledger.audit.transparency.checkpointing import Checkpointer
from ledger.audit.transparency.note import new_signer
from ledger.demo.screen import ZONE, Screen
from ledger.domain.calendar import DAY, SECOND, format_day
from ledger.domain.commands import Command
from ledger.domain.ids import subject_of
from ledger.domain.line.dispute_commands import DecideDispute
from ledger.domain.money import IDR, format_amount
from ledger.domain.prepaid.events import CreditToppedUp
from ledger.domain.statement.commands import DisputeItem
from ledger.domain.statement.stated import dispute_of
from ledger.entrypoints import clock
from ledger.figures import grouped, rupiah
from ledger.reconciliation.disputed_items import disputed_items
from ledger.reconciliation.matchables import EQUAL, Rules
from ledger.reconciliation.receiving import Sender, commands_of
from ledger.reconciliation.reconciling import Run, reconcile
from ledger.reconciliation.recorded_movements import said_by, topics_of
from ledger.reconciliation.statement_files import read_statements
from ledger.terms import words
from ledger.wiring.composition import opened
from ledger.wiring.evidence import evidence_store, statement_at_hand
from ledger.wiring.settings import Settings
from projections.asking.questions import Questions

DAYS = 30
"""Of how many days the channel tells."""
_TOO_MUCH = 5_000_00
"""Sen that it says too much of one top-up."""
_NAME = "ledger.demo"
_MAPPING = b"""
kind = "channel"
number = "channel-1"
fields = ["reference", "account", "date", "amount"]
"""


class DisputedToTheEnd:
    """One statement, from the file that came in to the proof that goes out. The log is played from `now` on."""

    def __init__(self, screen: Screen, settings: Settings, now: int) -> None:
        self._screen, self._settings, self.now = screen, settings, now
        self._folder = settings.log.parent

    @property
    def _at(self) -> int:
        """The instant of what is said next: the log is closed through the one before."""
        return self.now + SECOND

    def show(self) -> str | None:
        """All of it, and the dispute that was decided; nothing where nobody has topped up of late."""
        with opened(self._settings) as log:
            file = self._stated(log.questions(lambda: self.now))
        if file is None:
            return None
        self._screen.title(f"A statement differs: a channel's, of the last {DAYS} days")
        with self._screen.timed("receiving a statement"):
            statement = self._received(file)
        with self._screen.timed("reconciling it"):
            run = self._reconciled(statement)
        self._differences(run)
        dispute, account = self._decided(run)
        with self._screen.timed("signing the log, and bundling the evidence"):
            target, key = self._bundled(dispute, account)
        self._checked(target, key, file, run)
        return dispute

    # --- the statement ------------------------------------------------------------------------------------------------

    def _stated(self, asked: Questions) -> Path | None:
        """What the channel wrote down: top-ups and payments of the last days, with one amount that is not so."""
        since = self.now - DAYS * DAY
        lines = asked.log(types=topics_of("channel"))
        told = [line.event for line in lines if line.event.effective_at >= since]
        sold = [event for event in told if isinstance(event, CreditToppedUp)]
        if not sold:
            return None
        wrong = sold[len(sold) // 2]
        file = self._folder / "channel.csv"
        with file.open("w", encoding="ascii") as out:
            for event in told:
                day = format_day(ZONE.day_number(event.effective_at))
                for one in said_by(event, "channel"):
                    if one.unit == IDR:
                        amount = format_amount(one.amount + (_TOO_MUCH if event is wrong else 0))
                        out.write(f"{one.reference},{subject_of(event.account)},{day},{amount}\n")
        return file

    def _received(self, file: Path) -> str:
        store = evidence_store(self._settings, make_key=True)
        (read,) = read_statements(file, mapping=_MAPPING)
        sent = list(commands_of(read, 0, store.keep(file), store.key, Sender(self._at, "desk")))
        self._execute(*sent)
        return sent[0].subject

    def _reconciled(self, statement: str) -> Run:
        with opened(self._settings) as log, ExitStack() as stack:
            readers, partition_of = log.journaled()
            logs = [stack.enter_context(reader.snapshot()) for reader in readers]
            return reconcile(logs, partition_of, statement, Rules())

    def _differences(self, run: Run) -> None:
        screen, lines = self._screen, grouped(len(run.statement.lines))
        differ = [item for item in run.items if item.is_open]
        table = screen.table(
            f"What differs of {lines} lines", "line", "outcome", "number", ">stated", ">the record"
        )
        for item in differ:
            sides = (rupiah(item.stated or 0), rupiah(item.system or 0))
            table.add_row(item.id, item.outcome, subject_of(item.account or ""), *sides)
        screen.show(table)
        screen.check(
            "exactly the amount that was changed is found",
            [(one.outcome, one.difference) for one in differ] == [("amount-differs", _TOO_MUCH)]
            and sum(item.outcome == EQUAL for item in run.items) == len(run.statement.lines) - 1,
        )

    # --- the dispute --------------------------------------------------------------------------------------------------

    def _decided(self, run: Run) -> tuple[str, str]:
        """Opened by the statement, decided by rule: the dispute, and the account that it is about."""
        statement = run.statement.id
        with opened(self._settings) as log, ExitStack() as stack:
            readers, partition_of = log.journaled()
            logs = [stack.enter_context(reader.snapshot()) for reader in readers]
            (one,) = disputed_items(run, {each.partition: each for each in logs}, partition_of)
        dispute = dispute_of(statement, one.item)
        said: dict[str, Any] = one._asdict() | {"actor": "desk", "statement": statement}
        self._execute(DisputeItem(at=self._at, command_id=f"dispute/{one.item}", **said))
        how: dict[str, Any] = {"dispute": dispute, "decision": "overridden", "reason": "record"}
        how |= {"msisdn": subject_of(one.account), "decided_by": "staff-3", "actor": "staff-3"}
        self._execute(DecideDispute(at=self._at, command_id="decide-1", **how))
        return dispute, one.account

    # --- the proof ----------------------------------------------------------------------------------------------------

    def _bundled(self, dispute: str, account: str) -> tuple[Path, str]:
        """The log, signed by a key of the demonstration's; the bundle of the dispute, and the key to be trusted."""
        settings, key = self._settings, self._folder / "signing.key"
        key.unlink(missing_ok=True)
        signer = new_signer(_NAME, secrets.token_bytes(32), key)
        signed = Signed(settings.checkpoints_folder, _NAME, (signer.verifier,))
        target = self._folder / "evidence.zip"
        with opened(settings) as log, ExitStack() as stack:
            readers, _ = log.journaled()
            (found,) = [stack.enter_context(reader.snapshot()) for reader in readers]
            with closing(Checkpointer(signed.folder, [signer], [found], zone=ZONE)) as checkpointer:
                checkpointer.round([found])
            question = Question(subject_of(account), self.now, self.now, AskedDispute(account, dispute))
            words_of = words(settings.terms).get
            content = bundle(
                found,
                question,
                ZONE,
                signed,
                words_of,
                lambda _: statement_at_hand(settings, found, self.now),
            )
        target.write_bytes(content)
        return target, str(signer.verifier)

    def _checked(self, target: Path, key: str, file: Path, run: Run) -> None:
        """By the program that lies in the bundle, isolated from every package, with the channel's line handed over."""
        screen = self._screen
        (item,) = [one for one in run.items if one.is_open]
        line = self._folder / "line"
        line.write_bytes(file.read_bytes().splitlines()[item.lines[0] - 1])
        with zipfile.ZipFile(target) as archive:
            program = archive.extract("verify.py", self._folder)
        command = [sys.executable, "-I", "-S", program, str(target), key, str(line)]
        with screen.timed("checking it without the ledger"):
            done = subprocess.run(command, check=False, capture_output=True, text=True)
        for said in done.stdout.splitlines():
            screen.say(said)
        screen.check(
            "verify.py, by Python alone, finds the record as it was signed, and that it prevails",
            done.returncode == 0 and any("StatementOverridden" in said for said in done.stdout.splitlines()),
        )

    # --- the log ------------------------------------------------------------------------------------------------------

    def _execute(self, *commands: Command) -> None:
        """Takes commands in, and closes the log behind them: what is known by now is final."""
        with opened(self._settings) as log:
            ledger = log.writer()
            outcomes = ledger.execute(commands)
            (tick,) = clock.tick([ledger], self._at + CLOCK_TOLERANCE, asked=True)
        self.now = tick.closed_through
        for one in outcomes:
            if one.code is not None:
                self._screen.check(f"a command is accepted: {one.message}", holds=False)
