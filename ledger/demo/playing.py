"""Plays a made-up population through the real entry point, shows what became of it, and checks that it adds up."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ledger.demo import contracts_shown
from ledger.demo.dispute_shown import DisputedToTheEnd
from ledger.demo.screen import ZONE, Screen, local
from ledger.domain import money
from ledger.domain.calendar import DAY, format_instant
from ledger.domain.prepaid.events import UsageDebited
from ledger.domain.refusals import REFUSALS
from ledger.entrypoints import clock
from ledger.entrypoints.cli.options import reader_for
from ledger.entrypoints.ingest import Ingest, Tally
from ledger.entrypoints.ussd import enquiry_text
from ledger.figures import fraction, grouped, rupiah
from ledger.simulation import LAPSING, end_of, simulate
from ledger.wiring.composition import opened
from ledger.wiring.settings import Settings
from projections.asking.enquiring import AnyEnquiry
from projections.asking.log_answers import HistoryEvent, HistoryLine, HistoryRefusal
from projections.asking.questions import Questions
from projections.money.trial_balance import TrialBalance
from projections.postpaid.contract_enquiry import ContractEnquiry
from projections.prepaid.enquiry import Enquiry

_HOUR = DAY // 24
_STATES = ("inactive", "active", "grace", "waiting", "deactivated", "expired", "terminated")
_CAME = {
    money.CREDIT_ISSUED: "sold, or printed on packs; less reversed",
    money.ADJUSTMENTS: "adjusted",
}
_WENT = {
    money.USAGE: "used",
    money.CHARGES: "charged for purchases",
    money.FEES: "fees",
    money.BREAKAGE: "forfeited",
    "accounts/credit": "in subscribers' hands, free to spend",
    "accounts/reserved": "held by reservations",
    "accounts/in-transit": "in transit between subscribers",
}


class Demo:
    """One run in a folder."""

    def __init__(self, folder: Path) -> None:
        self.screen = Screen()
        self.folder = folder
        self.settings = Settings(log=folder / "demo.db", clock="played")
        self._tally = Tally()
        self._now = 0

    # --- taking in ----------------------------------------------------------------------------------------------------

    def play(self, subscribers: int, months: int, seed: int, contracts: int, persons: int) -> None:
        """Makes the files of a population, and takes them in as `pulsa ingest` does."""
        screen = self.screen
        who = f"{subscribers} subscribers, {contracts} customers with contracts, {persons} persons"
        screen.title(f"{who}, {months} months from July 2024 on, seed {seed}")
        with screen.timed("making the records up"):
            folder, others = self.folder / "records", {"contracts": contracts, "registered": persons}
            files = simulate(subscribers, months, seed, folder, **others)
        size = sum(path.stat().st_size for path in files)
        screen.say(
            f"{len(files)} files of records, {fraction(size / 1e6)} MB compressed, in {files[0].parent}"
        )
        with screen.timed("taking the records in"), opened(self.settings) as log, screen.progress() as bar:
            ledger = log.writer()
            reader = reader_for(ledger, self.settings)
            run = Ingest(
                ledger,
                reader,
                progress=lambda file, _: bar.at(Path(file.name).name, file.read_bytes, file.size),
            )
            self._tally = run.run([str(path) for path in files])
        with screen.timed("advancing what is due, and closing"), opened(self.settings) as log:
            (tick,) = clock.tick([log.writer()], end_of(months), asked=True)
        self._now = tick.closed_through
        tally = self._tally
        screen.say(
            f"{grouped(tally.total)} records: {grouped(tally.accepted)} accepted, {grouped(tally.repeated)} repeated,"
            f" {grouped(tally.refused.total())} refused; {grouped(tick.due)} numbers were due at the end"
        )

    def show(self) -> None:
        """The end of it, its money, one life, two answers to one question, and whether the log is whole."""
        self._refusals()
        with opened(self.settings) as log:
            asked = log.questions(lambda: self._now)
            with self.screen.timed("asking every number"):
                every = list(asked.enquiries())
            balance = self._money(asked, self._states(every))
            history = list(asked.history(LAPSING, refused=True))
            self._history(history)
            self._late_record(asked, history)
            with_contracts = [one for one in every if isinstance(one, ContractEnquiry)]
            contracts_shown.show(self.screen, asked, with_contracts, balance)
            self._persons(asked)
        disputed = DisputedToTheEnd(self.screen, self.settings, self._now)
        dispute = disputed.show()
        self._now = disputed.now
        self._verify()
        self._speed()
        self.screen.title("Go on asking")
        self.screen.say(
            f"export PULSA_LOG={self.settings.log.resolve()} PULSA_NOW={format_instant(self._now)}"
        )
        for question in (
            f"why {LAPSING} --amount 32098.26",
            f"number history {LAPSING} --refused",
            f"bill show {contracts_shown.BILL}",
            "report receivables",
            "report trial-balance",
            *([] if dispute is None else [f"dispute show {dispute}"]),
            "--help",
        ):
            self.screen.say(f"pulsa {question}")

    # --- what became of it --------------------------------------------------------------------------------------------

    def _persons(self, asked: Questions) -> None:
        """What persons agree to, and what became of what they asked for."""
        told, asks, erased = asked.preferences().rows, asked.requests().rows, asked.erasures().rows
        refused, late = sum(not one.offers for one in told), sum(one.breached for one in asks)
        ends = Counter(one.state for one in erased)
        self.screen.title("Persons")
        self.screen.say(
            f"{len(told)} numbers of registered persons; {refused} may not be made offers (TS-20)"
        )
        self.screen.say(
            f"{len(asks)} requests, {late} not answered in time; {ends['erased']} persons erased,"
            f" {ends['blocked']} not yet: something is owed, held or disputed (PM-06)"
        )

    def _refusals(self) -> None:
        table = self.screen.table("Refused", "code", ">records", "what it says")
        for code, count in self._tally.refused.most_common():
            table.add_row(code, grouped(count), (REFUSALS[code].__doc__ or "").strip())
        self.screen.show(table)

    def _states(self, every: list[AnyEnquiry]) -> Counter[str]:
        """Shows numbers with credit by state, and returns what they hold in all, by ledger account."""
        held: Counter[str] = Counter()
        counts: Counter[tuple[str, str]] = Counter()
        for found in every:
            if isinstance(found, Enquiry):
                counts[found.state, found.terms] += 1
                held["accounts/credit"] += found.available
                held["accounts/reserved"] += found.reserved
        terms = sorted({name for _, name in counts})
        title = f"Every prepaid number's account as of {local(self._now)}"
        table = self.screen.table(title, "state", *(f">{name}" for name in terms), ">all")
        for state in _STATES:
            row = [counts[state, name] for name in terms]
            table.add_row(state, *(grouped(count) for count in row), grouped(sum(row)))
        self.screen.show(table)
        return held

    def _money(self, asked: Questions, held: Counter[str]) -> TrialBalance:
        screen = self.screen
        with screen.timed("striking the trial balance"):
            balance = asked.trial_balance()
        amounts = {(account, unit): amount for account, unit, amount in balance.rows}
        came = {account: -amounts.get((account, money.PULSA), 0) for account in _CAME}
        went = {account: amounts.get((account, money.PULSA), 0) for account in _WENT}
        table = screen.table("The money", "where it came from, and where it is", ">credit", "ledger account")
        for account, name in _CAME.items():
            table.add_row(name, rupiah(came[account]), account)
        table.add_row("came in all", rupiah(sum(came.values())), "", style="bold", end_section=True)
        for account, name in _WENT.items():
            table.add_row(name, rupiah(went[account]), account)
        table.add_row("is accounted for in all", rupiah(sum(went.values())), "", style="bold")
        screen.show(table)
        elsewhere = (
            {account for account, unit in amounts if unit == money.PULSA} - _CAME.keys() - _WENT.keys()
        )
        screen.check("no credit is anywhere else", not elsewhere)
        screen.check("what came is what is accounted for", sum(came.values()) == sum(went.values()))
        screen.check("each unit sums to zero over all ledger accounts", not any(balance.totals.values()))
        told = all(went[account] == amount for account, amount in held.items())
        screen.check("subscribers, asked one by one, hold what the ledger accounts say", told)
        return balance

    # --- one life -----------------------------------------------------------------------------------------------------

    def _history(self, history: list[HistoryLine]) -> None:
        table = self.screen.table(
            f"The life of {LAPSING}", "when it was", "known", "what happened", "clause", ">credit then"
        )
        terms = None
        for line in history:
            if isinstance(line, HistoryRefusal):
                outcome = line.outcome
                table.add_row(local(outcome.at), "", f"✗ {outcome.command}: {outcome.code}", style="dim")
                continue
            if not isinstance(line, HistoryEvent):
                continue  # of a contract: the number has none
            event = line.line.event
            if event.terms not in {terms, None}:
                terms = event.terms
                table.add_row("", "", f"{terms}:", style="italic")
            late = event.recorded_at - event.effective_at
            refusal = getattr(event, "refusal", None)
            name = event.TOPIC.rpartition(".")[2]
            table.add_row(
                local(event.effective_at),
                f"+{fraction(late / DAY)} d" if late > _HOUR else "",
                f"✗ {name}: {refusal}" if refusal else name,
                event.clause,
                rupiah(line.credit),
                style="dim" if refusal else None,
            )
        self.screen.show(table)

    def _late_record(self, asked: Questions, history: list[HistoryLine]) -> None:
        """One question about one instant, asked before and after the record of a use came in."""
        late = next(filter(None, map(_use_known_late, history)), None)
        if late is None:
            return
        screen, used, came = self.screen, late.effective_at, late.recorded_at
        screen.title("What was it then, as it was known when?")
        screen.say(
            f"The record of a call of {local(used)} came in on {local(came)}. As of an hour after the call:"
        )
        answers: list[Enquiry] = []
        for word, known_at in (("before", came - 1), ("when", came)):
            answer = asked.enquiry(LAPSING, as_of=used + _HOUR, known_at=known_at)
            assert isinstance(answer, Enquiry)  # noqa: S101 - all numbers here are prepaid
            answers.append(answer)
            final = "final" if answer.final else "provisional"
            screen.say(f"  known {word} the record came, {final}: {enquiry_text(answer, ZONE)}")
        before, after = answers
        screen.check("the two answers differ by the charge", before.credit - after.credit == late.charge)
        screen.check("both are final: neither will ever change", before.final and after.final)

    # --- the whole of it ----------------------------------------------------------------------------------------------

    def _verify(self) -> None:
        screen = self.screen
        screen.title("Is the log still what was written?")
        with screen.timed("verifying the log"), opened(self.settings) as log, screen.progress() as bar:
            report = log.verify(self._now, lambda done, of: bar.at("verifying", done, of))
        for finding in report.findings:
            screen.say(str(finding))
        screen.say(
            f"{grouped(report.events)} events and {grouped(report.entries)} decisions read again,"
            f" {grouped(report.numbers)} numbers folded"
        )
        screen.check(f"the log is clean; its seal is {report.seal.hex()[:32]}…", report.clean)

    def _speed(self) -> None:
        table = self.screen.table("How fast", "what", ">seconds", ">records/s")
        for what, seconds in self.screen.took.items():
            table.add_row(what, fraction(seconds), grouped(round(self._tally.total / max(seconds, 1e-9))))
        table.add_row("in all", fraction(sum(self.screen.took.values())), "", style="bold")
        self.screen.show(table)
        size = self.settings.log.stat().st_size / 1e6
        self.screen.say(f"The log is {size:.0f} MB; each batch of 1.000 was durable before the next began.")


def _use_known_late(line: HistoryLine) -> UsageDebited | None:
    """A use whose record came more than a day after it."""
    event = line.line.event if isinstance(line, HistoryEvent) else None
    late = isinstance(event, UsageDebited) and event.recorded_at - event.effective_at > DAY
    return event if late and isinstance(event, UsageDebited) else None
