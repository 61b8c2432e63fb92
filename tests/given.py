"""Given, when, then: how the tests of the rules are written.

A story plays commands: given these commands at these times, when this command at this time, then these events, or
this refusal. It plays them on a real log in a file, or, where the rules alone are the matter, in memory. Whatever it
plays, it holds every event against the posting table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from ledger.application.ledger import Ledger
from ledger.application.library import factory_of
from ledger.application.outcomes import Outcome
from ledger.domain.calendar import NEVER, day_number, format_instant, parse_day, parse_instant
from ledger.domain.commands import Command
from ledger.domain.customer.commands import AdvanceCustomer, CustomerCommand
from ledger.domain.customer.commands_of_breaches import (
    AdvanceBreach,
    BreachCommand,
)
from ledger.domain.customer.privacy_terms import PrivacyTerms
from ledger.domain.events import Event
from ledger.domain.line.commands import (
    AdvanceTime,
    RecordUsage,
)
from ledger.domain.line.line import Line, fold
from ledger.domain.money import parse_amount
from ledger.domain.partition.commands import CloseThrough
from ledger.domain.partition.events import CommandSetApart
from ledger.domain.postpaid.account import PostpaidAccount, postpaid
from ledger.domain.postpaid.commands import (
    OpenContract,
    RecordRoaming,
)
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.domain.prepaid.account import PrepaidAccount, prepaid
from ledger.domain.prepaid.commands import (
    Activate,
    IssueStarterPack,
    TopUp,
)
from ledger.domain.prepaid.terms import PrepaidTerms
from ledger.domain.subject import Cause
from ledger.domain.terms import Terms
from ledger.domain.terms_book import TermsBook
from ledger.domain.terms_keys import json_of
from ledger.domain.terms_models import said_by
from ledger.store.schemas import FOLDERS, load
from ledger.store.sqlite import Factory
from ledger.terms import bundled
from tests.deciding import Deciding
from tests.posting_table import check_event
from tests.unsaid import UNSAID

PERSON = "customer/CAAAAAAAAAAAAAAAAAAAA"
NUMBER, OTHER, THIRD = "6288112345678", "6288187654321", "6288100000003"

SP23, XP25, TELKOMSEL = "smartfren-prepaid-2023", "smartfren-prepaid-2025", "telkomsel-prepaid"
BUNDLED = {terms.id: terms for terms in bundled() if isinstance(terms, PrepaidTerms)}
SE23, XE25, HALO = "smartfren-elite-2023", "smartfren-elite-2025", "telkomsel-halo"
CONTRACTS = {terms.id: terms for terms in bundled() if isinstance(terms, PostpaidTerms)}
"""The bundled terms of postpaid contracts."""
POLICIES = {terms.id: terms for terms in bundled() if isinstance(terms, PrivacyTerms)}
"""The bundled privacy policies."""

MICROSECOND = 1
START = "2023-07-03T10:00:00+07:00"
"""When the accounts of most stories are activated; their first period then ends on 3 August at 00:00."""


def at(text: str) -> int:
    """The instant of a text such as `2023-07-03T00:00:00+07:00`."""
    return parse_instant(text)


def day(text: str) -> int:
    """The number of a day such as `2023-07-03`."""
    return day_number(parse_day(text))


def rupiah(amount: int | str) -> int:
    """Sen of an amount of rupiah or credit, such as 5000 or "1272.60"."""
    return parse_amount(str(amount))


def variant(of: str, id_: str = "variant", **rules: object) -> PrepaidTerms:
    """Bundled terms with some of their rules replaced, under another id."""
    values = json_of(BUNDLED[of])
    return said_by(PrepaidTerms, values | {"id": id_} | rules)


def contract_terms(of: str, id_: str = "variant", **rules: object) -> PostpaidTerms:
    """Bundled terms of postpaid contracts with some of their rules replaced, under another id."""
    values = json_of(CONTRACTS[of])
    return said_by(PostpaidTerms, values | {"id": id_} | rules)


class Expected(NamedTuple):
    """An event of which only the fields that matter are stated."""

    type: type[Event]
    fields: dict[str, Any]


def event(event_type: type[Event], **fields: object) -> Expected:
    """An expected event."""
    return Expected(event_type, fields)


class OnLog:
    """A log in a file, and the ledger that writes to it."""

    def __init__(self, path: Path, terms: Sequence[Terms], clock: str) -> None:
        self.path, self._terms = path, terms
        create_log(path, clock)
        self.ledger = open_log(path, terms)

    @property
    def book(self) -> TermsBook:
        return self.ledger.book

    def close(self) -> None:
        self.ledger.close()

    def reopen(self) -> None:
        self.close()
        self.ledger = open_log(self.path, self._terms)

    def execute(self, command: Command) -> Outcome:
        (outcome,) = self.ledger.execute([command])
        return outcome

    def head(self) -> int:
        return self.ledger.recorder.max_notification_id() or 0

    def events(self, after: int) -> list[Event]:
        found: list[Event] = []
        for notification in notifications(self.ledger, after=after):
            decoded: Any = self.ledger.mapper.to_domain_event(notification)
            found.append(decoded)
        return found


class Story:
    """What happens to some numbers, command by command: on a log in a folder, or (None) in memory."""

    def __init__(self, folder: Path | None, *terms: Terms, clock: str = "played") -> None:
        self.terms = [*BUNDLED.values(), *CONTRACTS.values(), *POLICIES.values(), *terms]
        self.outcome: Outcome
        self.new: list[Event] = []
        """What the last command brought about, on all accounts and numbers."""
        self._count = 0
        self._played: OnLog | Deciding = (
            Deciding(self.terms) if folder is None else OnLog(folder / "log.db", self.terms, clock)
        )

    @property
    def path(self) -> Path:
        """The log's file."""
        return self._on_log.path

    @property
    def ledger(self) -> Ledger:
        """The ledger that writes to the log."""
        return self._on_log.ledger

    @property
    def _on_log(self) -> OnLog:
        assert isinstance(self._played, OnLog), "this story is played in memory"
        return self._played

    @property
    def book(self) -> TermsBook:
        """The terms that are known."""
        return self._played.book

    def close(self) -> None:
        """Closes the log."""
        self._played.close()

    def reopen(self) -> Story:
        """Closes the log and opens it again, as another process would find it."""
        self._played.reopen()
        return self

    # --- given, when, then ------------------------------------------------------------------------------------------

    def given(self, command: type[Command], when: int, **fields: object) -> Story:
        """A command that is accepted, whatever it does."""
        self.when(command, when, **fields)
        assert self.outcome.status == "accepted", f"{command.__name__}: {self.outcome}"
        return self

    def given_active(
        self,
        *,
        since: str | int = START,
        terms: str = SP23,
        credit: int = 0,
        number: str = NUMBER,
        customer: str = "customer-1",
    ) -> Story:
        """A number activated at an instant, with that much printed credit."""
        when = at(since) if isinstance(since, str) else since
        self.given(IssueStarterPack, when, msisdn=number, terms=terms, printed_credit=credit)
        return self.given(Activate, when, msisdn=number, customer=customer)

    def given_contract(self, when: int, **fields: object) -> Story:
        """A contract opened at an instant, on the plan of 100,000 a month unless another is named."""
        return self.given(OpenContract, when, **fields)

    def when(self, command: type[Command], when: int, **fields: object) -> Story:
        """A command, with what the story says of it; its outcome is judged by what follows."""
        return self.say(self.command(command, when, **fields))

    def then(self, *expected: Expected) -> Story:
        """The last command was accepted, and brought about exactly these events, those that fell due included."""
        assert self.outcome.status == "accepted", self.outcome
        self._brought_about(expected)
        return self

    def refused(self, code: str, *expected: Expected) -> Story:
        """The last command was refused, and exactly these events happened nevertheless: what fell due."""
        assert (self.outcome.status, self.outcome.code) == ("refused", code), self.outcome
        self._brought_about(expected)
        return self

    def _brought_about(self, expected: Iterable[Expected]) -> None:
        wanted = [(x.type.__name__, x.fields) for x in expected]
        stated = [fields for _, fields in wanted] + [{}] * len(self.new)
        seen = [
            (happened.name, {name: getattr(happened, name) for name in fields})
            for happened, fields in zip(self.new, stated, strict=False)
        ]
        assert seen == wanted

    # --- commands ---------------------------------------------------------------------------------------------------

    def command(self, command: type[Command], when: int, **fields: Any) -> Command:
        """The command, with an id of its own unless it has one, and with what the story leaves unsaid."""
        self._count += 1
        about = {"msisdn": NUMBER} if "msisdn" in command.__struct_fields__ else {}
        if issubclass(command, CustomerCommand):
            about["customer"] = PERSON
        if issubclass(command, BreachCommand):
            about["breach"] = "breach/b-1"
        said = {"command_id": str(self._count), **about, **UNSAID.get(command, {}), **fields}
        if command is TopUp:
            said.setdefault("price", said["credit"])
        if command in (RecordUsage, RecordRoaming):
            said.setdefault("used_at", when)
        return command(at=when, **said)

    def say(self, command: Command) -> Story:
        """Hands one command to the ledger, and holds what it brings about against what is true of all events."""
        before = self._played.head()
        self.outcome = self._played.execute(command)
        happened = self.events(after=before)
        for one in happened:
            check_event(one)
            kind = one.command_id.partition("/")[0]
            assert one.actor == {"due": "clock", "policy": "policy"}.get(kind, command.actor), one
            assert (one.command_digest is None) == (kind == "due"), one
            assert one.effective_at <= one.recorded_at, one
        untold = ("log@", "terms/", *(() if isinstance(command, CustomerCommand) else ("customer/",)))
        self.new = [one for one in happened if not one.account.startswith(untold)]
        if self.outcome.status != "repeated" and not isinstance(
            command, AdvanceTime | AdvanceCustomer | AdvanceBreach | CloseThrough
        ):
            own = [
                one
                for one in self.new
                if one.command_id == command.command_id and not isinstance(one, CommandSetApart)
            ]
            named = [(one.TOPIC, one.account, one.version) for one in own]
            assert [tuple(reference) for reference in self.outcome.events] == named
        return self

    # --- what is so -------------------------------------------------------------------------------------------------

    def events(self, *, after: int = 0) -> list[Event]:
        """Every event of the log after a position, in its order."""
        return self._played.events(after)

    def line(self, as_of: int | None = None, *, number: str = NUMBER) -> Line:
        """A number as its events have made it: all of them, or those up to an instant and what falls due by then."""
        known = self.of_number(number)
        if as_of is None:
            return fold(number, known, self.book)
        line = fold(number, [one for one in known if one.effective_at <= as_of], self.book)
        line.cause = Cause(as_of, "", None, "clock")
        line.advance(as_of)
        return line

    def of_number(self, number: str) -> list[Event]:
        """The events of a number and its accounts."""
        return [x for x in self.events() if x.account == number or x.account.startswith(f"{number}#")]

    def account(self, as_of: int | None = None, *, number: str = NUMBER) -> PrepaidAccount:
        """The number's current account."""
        return prepaid(self.line(as_of, number=number).current)

    def contract(self, as_of: int | None = None, *, number: str = NUMBER) -> PostpaidAccount:
        """The number's current account, which is postpaid."""
        return postpaid(self.line(as_of, number=number).current)

    def credit(self, as_of: int | None = None, *, number: str = NUMBER) -> int:
        """All credit of the number's current account, in sen."""
        return self.account(as_of, number=number).credit

    def state(self, as_of: int | None = None, *, number: str = NUMBER) -> str:
        """The state of the number's current account."""
        return self.account(as_of, number=number).state

    def balance(self, ledger_account: str, unit: str = "PULSA") -> int:
        """What all postings into a ledger account add up to, in sen."""
        return sum(
            posting["amount"]
            for one in self.events()
            for posting in one.postings
            if posting["account"] == ledger_account and posting["unit"] == unit
        )


# --- logs -----------------------------------------------------------------------------------------------------------


def create_log(path: Path, clock: str = "played") -> None:
    """Puts an empty log into a file that is not there yet: its bytes are always the same, and are made once."""
    path.touch(0o600, exist_ok=False)
    path.write_bytes(_empty(clock, sum(len(load(folder)) for folder in FOLDERS)))


@cache
def _empty(clock: str, _schemas: int) -> bytes:
    """An empty log, with so many schemas."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "log.db"
        make_log(path, clock)
        return path.read_bytes()


def make_log(path: Path, clock: str = "played") -> None:
    """Makes an empty log, as the ledger does; of one that is there it settles the clock."""
    factory = Factory({"SQLITE_DBNAME": str(path), "ORIGINATOR_ID_TYPE": "text"})
    recorder: Any = factory.application_recorder()
    recorder.set_clock_mode(clock)
    factory.close()


def open_log(path: Path, terms: Iterable[Terms] = BUNDLED.values()) -> Ledger:
    """A ledger that writes to the log in a file."""
    return Ledger(TermsBook(terms), factory_of({"SQLITE_DBNAME": str(path), "WRITER_LOCK": "y"}))


@contextmanager
def ledger_on(path: Path, terms: Iterable[Terms] = BUNDLED.values()) -> Iterator[Ledger]:
    """A ledger on a log that is made where there is none, closed in the end."""
    if not path.exists():
        create_log(path)
    ledger = open_log(path, terms)
    try:
        yield ledger
    finally:
        ledger.close()


def notifications(ledger: Ledger, *, after: int = 0) -> Iterator[Any]:
    """The stored events of a log in its order."""
    while True:
        found = ledger.recorder.select_notifications(start=after + 1, limit=1000)
        if not found:
            return
        yield from found
        after = found[-1].id


def shown(instant: int) -> str:
    """An instant for a message of a failed assertion."""
    return "never" if abs(instant) >= NEVER else format_instant(instant)
