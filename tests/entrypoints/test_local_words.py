"""Whatever people are told, they are told in their own time: no prose says an instant as programs have it."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.domain.calendar import zone
from ledger.entrypoints.cli.branches import paths
from ledger.entrypoints.cli.local_times import instant, told_at
from tests.entrypoints.pulsa import NUMBER, START, Pulsa
from tests.often import often

AFTER = "2024-01-20T12:00:00+07:00"
_AS_PROGRAMS_HAVE_IT = re.compile(r"\dZ\b|\bUTC\b|\+00:00")
QUESTIONS = [
    ("enquiry", NUMBER),
    ("why", NUMBER),
    ("balance", "operator/breakage"),
    ("number", "show", NUMBER),
    ("number", "history", NUMBER, "--refused"),
    ("number", "timeline", NUMBER),
    ("usage", "show", NUMBER),
    ("bill", "list", NUMBER),
    ("payment", "list", NUMBER),
    ("deposit", "list"),
    ("contract", "list"),
    ("customer", "list"),
    ("dispute", "list"),
    ("statement", "list"),
    ("report", "trial-balance"),
    ("report", "trial-balance", "--by-day"),
    ("report", "movements", f"{NUMBER}#1/credit"),
    ("report", "states"),
    ("report", "blocks"),
    ("report", "upcoming"),
    ("report", "in-transit"),
    ("report", "receivables"),
    ("log", "events"),
    ("log", "journal"),
    ("log", "outcome", NUMBER, "late"),
    ("log", "verify"),
    ("dead-letters", "list"),
    ("status",),
]
OF_NO_MOMENT = {
    *QUESTIONS[QUESTIONS.index(("log", "events")) :],
}
"""What is asked of the log itself, or of what stands beside it: as it is, and not as of a moment."""
REFUSED_OR_WRONG = [
    ("credit", "top-up", NUMBER, "--credit", "1000", "--price", "1000", "--channel", "app", "--now", AFTER),
    (
        *(
            "credit",
            "adjust",
            NUMBER,
            "--amount",
            "-1",
            "--reason",
            "x",
            "--approved-by",
            "b",
            "--actor",
            "a",
        ),
        *("--effective-at", "2023-01-01T00:00:00+07:00", "--now", AFTER),
    ),
    ("enquiry", NUMBER, "--as-of", "2020-01-01"),
    ("enquiry", NUMBER, "--known-at", "2023-01-01"),
    ("balance", "operator/breakage", "--known-at", "2099-01-01"),
    ("report", "states", "--known-at", "2023-01-01"),
    ("report", "trial-balance", "--as-of", "2020-01-01"),
]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Pulsa:
    pulsa = Pulsa(tmp_path_factory.mktemp("lived"))
    pulsa.active()
    early = ("--amount", "-1", "--reason", "x", "--approved-by", "b", "--actor", "a")
    pulsa(
        "credit",
        "adjust",
        NUMBER,
        *early,
        "--command-id",
        "late",
        "--effective-at",
        "2023-01-01T00:00:00+07:00",
        "--now",
        START,
    )
    pulsa.done(
        "number",
        "block",
        NUMBER,
        "--block",
        "b",
        "--scope",
        "all",
        "--ground",
        "lost-or-stolen",
        "--now",
        START,
    )
    pulsa.done("number", "advance", NUMBER, "--now", AFTER)
    return pulsa


@pytest.mark.parametrize("asked", QUESTIONS, ids=" ".join)
def test_answers_are_told_in_local_time(lived: Pulsa, asked: tuple[str, ...]) -> None:
    result = lived(*asked, "--now", AFTER)
    assert result.exit_code == 0, result.output
    assert not _AS_PROGRAMS_HAVE_IT.findall(result.output), result.output
    assert ("as of " in result.output) != (asked in OF_NO_MOMENT), result.output


@pytest.mark.parametrize("asked", [("report", "blocks"), ("report", "upcoming")], ids=" ".join)
def test_an_instant_that_stands_in_no_column_is_told_as_elsewhere(
    lived: Pulsa, asked: tuple[str, ...]
) -> None:
    said = lived.done(*asked, "--now", AFTER, COLUMNS="60")
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:00:00", said), said
    assert not re.search(r"\dT\d\d:", said), said


def test_what_was_used_has_its_unit(pulsa: Pulsa) -> None:
    pulsa.active()
    for service, quantity in (("voice", "200"), ("sms", "1"), ("data", "4000")):
        use = ("--direction", "outgoing", "--destination", "off-net", "--zone", "zone1", "--used-at", START)
        stated = ("--service", service, "--quantity", quantity, "--now", START)
        pulsa.done("usage", "record", NUMBER, *use, *stated)
    said = pulsa.done("usage", "show", NUMBER, "--now", START)
    assert re.findall(r"[0-9.]+ (?:s|SMS|bytes)(?= )", said) == ["4.000 bytes", "1 SMS", "200 s"], said


@pytest.mark.parametrize("asked", REFUSED_OR_WRONG, ids=" ".join)
def test_what_is_refused_or_cannot_be_answered_is_told_in_local_time(
    lived: Pulsa, asked: tuple[str, ...]
) -> None:
    now = () if "--now" in asked else ("--now", AFTER)
    result = lived(*asked, "--dry-run", *now) if asked[0] == "credit" else lived(*asked, *now)
    assert result.exit_code in {1, 2}, result.output
    assert not _AS_PROGRAMS_HAVE_IT.findall(result.output), result.output


@pytest.mark.parametrize("columns", ["0", "1", "20", "80"])
def test_a_terminal_may_be_of_any_width(lived: Pulsa, columns: str) -> None:
    for asked in (("report", "states"), ("enquiry", NUMBER), ("number", "history", NUMBER)):
        assert "2024-01-20" in lived.done(*asked, "--now", AFTER, COLUMNS=columns)


@pytest.mark.parametrize("name", ["Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura", "UTC"])
@given(at=st.integers(0, 4_000_000_000_000_000), whole=st.booleans())
@example(at=1_728_579_599_999_999, whole=False)
@example(at=1_728_579_600_000_000, whole=False)
@often(30)
def test_an_instant_is_taken_as_it_is_told(name: str, at: int, whole: bool) -> None:
    at -= at % 1_000_000 if whole else 0
    assert instant(told_at(at, zone(name))) == at


@pytest.mark.parametrize("odd", ["2024-10-10 08:00:00 EDT", "2024-10-10 08:00:00", "x"])
def test_an_instant_of_no_place_is_told_what_one_is_like(lived: Pulsa, odd: str) -> None:
    said = lived.complaint("enquiry", NUMBER, "--as-of", odd, "--now", AFTER)
    assert "such as 2024-10-10T08:00:00+07:00 or 2024-10-10 08:00:00 WIB" in said
    for none in ("2024-02-30 08:00:00 WIB", "0000-01-01T00:00:00Z", "2024-13-01T00:00:00Z"):
        said = lived.complaint("enquiry", NUMBER, "--as-of", none, "--now", AFTER)
        assert f"'{none}' is an instant that no calendar has" in said


def test_a_day_is_taken_wherever_an_instant_is(lived: Pulsa) -> None:
    every, begun = ("log", "events"), "2023-07-03T00:00:00+07:00"
    for day, at in (("2023-07-03", begun), ("2024-01-20", "2024-01-20T00:00:00+07:00")):
        assert lived.json(*every, "--since", day) == lived.json(*every, "--since", at)
    assert lived.json(*every, "--since", "2024-01-21") == []
    upcoming = ("report", "upcoming", "--as-of", "2023-07-04", "--now", AFTER, "--until")
    assert len(lived.json(*upcoming, "2023-08-02")) < len(lived.json(*upcoming, "2023-08-03")) == 1
    replayed = [
        lived.json("log", "replay", "--to", day)[0]["commands"] for day in ("2023-07-03", "2024-01-20")
    ]
    assert replayed[0] < replayed[1]
    assert lived.complaint("log", "replay", "--to", "2023-07-02").startswith("before-the-log: ")


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize(
    "asked", [("enquiry", NUMBER, "--as-of"), ("log", "journal", "--from"), ("log", "journal", "--to")]
)
def test_a_day_beyond_all_times_is_named(lived: Pulsa, asked: tuple[str, ...], day: str) -> None:
    assert lived.complaint(*asked, day, "--now", AFTER).endswith(
        f"'{day}T00:00:00Z' is beyond the times that the ledger keeps"
    )


def test_what_lies_between_two_days_that_are_not_in_order_is_not_asked(lived: Pulsa) -> None:
    turned = ("--from", "2024-01-02", "--to", "2023-01-01")
    for asked in (("data", "export", "csv", "--out", str(lived.folder / "x.csv")), ("log", "journal")):
        assert lived.complaint(*asked, *turned).endswith("--from lies after --to")
    assert not (lived.folder / "x.csv").exists()


def test_every_question_with_times_is_among_them() -> None:
    lists = {
        path
        for path, _ in paths()
        if path.partition(" ")[2] in {"list", "show"} or path.startswith("report ")
    }
    needing = {
        "bill show",
        "contract show",
        "dispute show",
        "statement show",
        "customer show",
        "dead-letters show",
    }
    told = {" ".join(asked[: 1 if asked[0] in {"enquiry", "why"} else 2]) for asked in QUESTIONS}
    assert lists - needing - told <= {"terms list", "terms show", "customer disclosures"}, (
        lists - needing - told
    )
