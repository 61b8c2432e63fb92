"""Pages whose commands need something to be there: each is played on a log in a file, in both widths of terminals."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from shutil import copyfile
from typing import NamedTuple

import pytest
import typer

from tests.pages import EVERY, ROOT, Typist, named, typed, understood

_JULY = "export PULSA_LOG=pages.db PULSA_CLOCK=played PULSA_NOW=2023-07-03T10:00:00+07:00"
_HELD = [
    "pulsa number issue 6288112345678 --terms smartfren-prepaid-2023 --printed-credit 5000 --valid-until 2023-12-31",
    "pulsa number activate 6288112345678 --channel sms-4444 --customer CAB3DE4FG5HI6JK7LM8NO --registration verified",
    "pulsa credit top-up 6288112345678 --command-id top-1 --credit 10000 --price 11000 --channel app",
    "pulsa credit top-up 6288112345678 --command-id top-2 --credit 5000 --price 6000 --channel app",
]
_AUGUST = "export PULSA_NOW=2023-08-05T10:00:00+07:00"
_NEXT_DAY = "export PULSA_NOW=2023-08-06T10:00:00+07:00"
_CLOSED = "pulsa log advance"
_REGISTERED = (
    "pulsa customer register customer/CAB3DE4FG5HI6JK7LM8NO --values budi.json --terms privacy-smarty"
    " --source gallery"
)
_BILLED = (
    "pulsa contract open 6288112345679 --customer c-17 --plan elite-100 --terms smartfren-elite-2023"
    " --billing-day 1 --registration verified"
)
_MEANT = {
    "MSISDN": "6288112345678",
    "COMMAND_ID": "top-1",
    "AMOUNT": "10000",
    "DAY": "2023-07-03",
    "LEDGER-ACCOUNT": "operator/cash",
    "BILL": "6288112345679-1-B0001",
    "INSTANT": "2023-09-01T00:00:00+07:00",
    "CUSTOMER": "customer/CAB3DE4FG5HI6JK7LM8NO",
    "GROUND": "fraud",
    "PROJECTION": "balances",
    "ID": "smartfren-prepaid-2023",
}
"""What stands for the words in capitals that tables and the runbook use."""
_HERE = {
    "contract show MSISDN": ["contract show 6288112345679"],
    "customer exposed BREACH": ["customer exposed everybody"],
    "enquiry MSISDN --all": ["enquiry MSISDN", "enquiry --all"],
    "enquiry 6288112345678 --at-least 0:120": ["enquiry 6288112345678 --at-least 0:12"],
    "ingest --dry-run FILE": ["data template TopUp > topup.csv", "ingest --dry-run topup.csv"],
    "log backup FILE": ["log backup backup.db"],
    "log create": ["log create --log other.db"],
    "log restore BACKUP": ["log restore backup.db --log restored.db"],
    "log verify --log FOLDER/mirror-0.db": ["log verify --log restored.db"],
    "projections run": ["projections run --once"],
    "statement receive FILE": ["statement receive march.sta"],
    "terms check FILE": ["terms new mine --out mine.toml", "terms check mine.toml"],
    "vault backup FILE": ["vault backup vault.backup"],
    "vault restore FILE": [],
    "vault restore FILE --overwrite": ["vault restore vault.backup --overwrite"],
    "vault rotate --new-key FILE": ["vault new-key keys/next.key", "vault rotate --new-key keys/next.key"],
}
"""How a command is typed on the log of these plays, where it is not typed as it is named."""
_ELSEWHERE = re.compile(
    r"service |.*kafka|projections publish|.*--metrics|log restore-registry"  # a broker
    r"|dead-letters (show|resend) POSITION"  # something that was set apart
    r"|audit (consistency|mirror)|.*--help"  # the play of disputes; the tests of help
    r"|(enquiry|dead-letters resend|)$"  # named without what they are asked of
)
_FOR_PROGRAMS = {"--json", "--csv", ">", "new-key", "checkpoint", "template"}
"""Words of commands whose output is for programs, and as wide as it is: digests among it."""


class _Play(NamedTuple):
    """What is there before a page begins, and before one of its commands is typed; what must be said by which."""

    page: str
    first: list[str]
    before: Mapping[str, list[str]]
    said: Mapping[str, str]


_PLAYS = [
    _Play(
        "docs/personal-data.md",
        [_JULY],
        {},
        {
            "pulsa customer show": "name: Budi Santoso email: budi@example.org",
            "pulsa customer readings": "staff-3: email, name (asked-by-customer)",
        },
    ),
    _Play(
        "docs/preferences.md",
        [
            _JULY,
            "pulsa vault new-key keys/vault.key",
            "export PULSA_VAULT_KEY=keys/vault.key",
            _REGISTERED,
            *_HELD,
        ],
        {},
        {
            "pulsa customer withdraw-consent": "ConsentWithdrawn",
            "pulsa customer preferences": "CAB3DE4FG5HI6JK7LM8NO",
        },
    ),
    _Play(
        "docs/settle-a-dispute.md",
        [_JULY, *_HELD],
        {
            "pulsa dispute bundle": [
                _AUGUST,
                _CLOSED,
                "pulsa audit new-key signing.key --name ledger.example > public.key",
                "pulsa audit checkpoint --key signing.key",
                "KEEP old",
            ],
            "pulsa audit consistency": [
                _NEXT_DAY,
                _CLOSED,
                "pulsa audit checkpoint --key signing.key",
                "KEEP new",
            ],
        },
        {
            "pulsa dispute next": "C-17 of 6288112345678#1, open",
            "pulsa dispute statement": "corrected.json: Rp 0 instead of Rp 5",
            "pulsa dispute bundle": "; signed",
            "pulsa audit mirror": "elsewhere: ledger.example/events-0",
            "pulsa audit consistency": "ledger.example/events-0",
        },
    ),
    _Play(
        "docs/reconcile-a-statement.md",
        [
            _JULY,
            _BILLED,
            *_HELD,
            _AUGUST,
            _CLOSED,
            "pulsa bill show 6288112345679-1-B0001 --json > bill.json",
        ],
        {"pulsa reconcile STATEMENT --open": [_NEXT_DAY, _CLOSED]},
        {
            "pulsa statement receive bill.json": "3 lines, 0 findings; accepted",
            "pulsa statement receive topups.csv.gz": "channel, 4 lines, 0 findings; accepted",
            "pulsa statement list": "kind channel",
            "pulsa reconcile STATEMENT --differences": "L2,",
            "pulsa statement resolve": "ItemResolved",
            "pulsa reconcile STATEMENT --record": "0 items open",
            "pulsa statement sign-off": "accepted",
        },
    ),
]
_MARCH = (
    ":20:RC-1\r\n:25:1234567890\r\n:28C:7/1\r\n:60F:C230701IDR0,\r\n:61:2307030703C100,NTRFORDER-1\r\n"
    ":62F:C230731IDR100,\r\n"
)
_TOPUPS = (
    "date;reference;account;amount;balance\n03.07.2023;order-7;6288112345678;10900;10900\n"
    "03.07.2023;top-2;6288112345678;6000;16900\n05.07.2023;charge-1;;-500;16400\n"
    "31.07.2023;top-9;6288112345678;5000;21400\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files that the pages speak of, and the blocks of TOML that they show."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "budi.json").write_text('{"name": "Budi Santoso", "email": "budi@example.org"}', "utf-8")
    (tmp_path / "march.sta").write_bytes(_MARCH.encode())
    (tmp_path / "topups.csv.gz").write_bytes(gzip.compress(_TOPUPS.encode()))
    mapping = re.search(
        r"```toml\n(.*?)```", (ROOT / "docs/reconcile-a-statement.md").read_text("utf-8"), re.DOTALL
    )
    assert mapping is not None
    (tmp_path / "channel.toml").write_text(mapping[1], "utf-8")
    return tmp_path


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("play", _PLAYS, ids=lambda play: Path(play.page).stem)
def test_a_page_is_played_and_fits_the_terminal(
    play: _Play, columns: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typist, meant, proved = Typist(folder, monkeypatch, columns), dict[str, str](), set[str]()
    for command in [*play.first, *(step.command for step in typed(play.page))]:
        for start, preparing in play.before.items():
            for one in preparing if command.startswith(start) else ():
                _prepared(typist, one, meant, columns)
        said = _typed(typist, command, meant, columns)
        for start, expected in play.said.items():
            if command.startswith(start):
                assert expected in " ".join(said.split()), command
                proved.add(start)
    assert proved == play.said.keys()


@cache
def _whole(command: str) -> bool:
    try:
        understood([_MEANT.get(word, word) for word in command.split()])
    except (AssertionError, SystemExit, typer.TyperException):
        return False
    return True


@pytest.mark.parametrize("columns", [80, 120])
def test_what_tables_and_the_runbook_name_is_done_and_fits_the_terminal(
    columns: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever they name with all that it takes, once, but what takes a broker."""
    typist = Typist(folder, monkeypatch, columns)
    (folder / "months").mkdir()
    own = "export PULSA_VAULT_KEY=keys/vault.key PULSA_VAULT_BACKUP_KEYS=months"
    new_key = "pulsa vault new-key keys/vault.key"
    for command in [_JULY, new_key, own, _REGISTERED, _BILLED, *_HELD, _AUGUST, _CLOSED]:
        _typed(typist, command, {}, columns)
    every = {" ".join(words) for page in EVERY for words in named(page)}
    whole = [one for one in sorted(every) if not _ELSEWHERE.match(one) and _whole(one)]
    assert len(whole) > 60
    for one in whole:
        for typing in _HERE.get(one, [one]):
            words = (_MEANT.get(word, word) for word in typing.split())
            _typed(typist, f"pulsa {' '.join(words)}", {}, columns)
            if "rotate" in typing:
                typist.environment["PULSA_VAULT_KEY"] = "keys/next.key"


def _prepared(typist: Typist, command: str, meant: dict[str, str], columns: int) -> None:
    """Somebody keeps the newest checkpoint (`KEEP NAME`), or types what the page does not show."""
    if command.startswith("KEEP "):
        copyfile("pages.db.checkpoints/1/events-0/checkpoint", typist.folder / "kept" / command.split()[1])
    else:
        _typed(typist, command, meant, columns)


def _typed(typist: Typist, command: str, meant: dict[str, str], columns: int) -> str:
    """What a command says, with what `STATEMENT` and `DIGEST` mean by now in their places."""
    for word, value in meant.items():
        command = command.replace(word, value)
    done = typist(command)
    if done is None:
        return ""
    assert done.exit_code == 0, f"{command}\n{done.output}"
    if not _FOR_PROGRAMS & set(command.split()):
        assert [line for line in done.stdout.splitlines() if len(line) > columns] == [], command
    if (result := re.search(r"^result (\w{64})$", done.stdout, re.MULTILINE)) is not None:
        meant["DIGEST"] = result[1]
    if (received := re.match(r"(statement/\w{32}): channel", done.stdout)) is not None:
        meant["STATEMENT"] = received[1]
    return done.stdout
