"""Files of commands: a bad line is refused with its number, and the rest goes through."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from ledger.entrypoints.file_lines import LONGEST_LINE, opened
from ledger.entrypoints.forms import CommandReader
from ledger.entrypoints.rows import BadLine, GoodLine, rows
from tests.entrypoints.pulsa import NUMBER, OTHER, START, Pulsa, activate, as_bytes, issue, top_up, use

OPENING = (issue(), activate())
LATER = "2023-07-03T11:00:00+07:00"


def outcomes_of(pulsa: Pulsa, *arguments: str, code: int, feed: bytes | None = None) -> list[dict[str, Any]]:
    """What became of each line of an ingest."""
    out = pulsa.folder / "outcomes.jsonl"
    result = pulsa("ingest", *arguments, "--outcomes", str(out), feed=feed)
    assert result.exit_code == code, result.output
    return [json.loads(line) for line in out.read_text("utf-8").splitlines()]


def csv_of(*records: dict[str, Any]) -> bytes:
    """The records as CSV, with a column for every field of any."""
    names = list(dict.fromkeys(name for record in records for name in record))
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, names)
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue().encode()


BAD_LINES: dict[str, tuple[bytes | dict[str, Any], str]] = {
    "not JSON": (b"minutes of the meeting", "not JSON"),
    "cut off": (b'{"command":"TopUp","command_id":"bad"', "not JSON"),
    "not an object": (b'["TopUp"]', "not a JSON object"),
    "wrong type": (use("bad") | {"quantity": "200"}, "quantity: not a whole number"),
    "money as a float": (top_up("bad", credit=5.5), "credit: money is written as a string"),
    "money as a number": (top_up("bad", credit=5), "credit: money is written as a string"),
    "three decimals": (top_up("bad", credit="5.055"), "credit: not an amount"),
    "a plus": (top_up("bad", credit="+5"), "credit: not an amount"),
    "no decimals": (top_up("bad", credit="5."), "credit: not an amount"),
    "a negative amount": (top_up("bad", price="-5"), "price: only an adjustment may be negative"),
    "an unknown field": (top_up("bad", bonus="5"), "bonus: the command has no such field"),
    "a missing field": ({"command": "TopUp", "command_id": "bad", "at": START}, "msisdn: is missing"),
    "an unknown command": ({"command": "GiveAway", "command_id": "bad"}, "command: no command is named so"),
    "an internal command": ({"command": "CloseThrough", "command_id": "bad"}, "command: no command is named"),
    "a repeated key": (b'{"command":"TopUp","command_id":"bad","command_id":"bad"}', "command_id: is given"),
    "nanoseconds": (top_up("bad", at="2023-07-03T10:00:00.123456789Z"), "at: not an RFC 3339 instant"),
    "a bad day": (issue(command_id="bad", valid_until="2023-02-29"), "valid_until: "),
    "no MSISDN": (top_up("bad", "12345"), "msisdn: not a number"),
    "NUL bytes": (b'{"command":"TopUp","command_id":"b\x00d"}', "not JSON: the line holds NUL bytes"),
    "wrong encoding": ('{"command":"TopUp","command_id":"bäd"}'.encode("latin-1"), "not UTF-8 from byte"),
    "another encoding": (json.dumps(top_up("bad")).encode("utf-16"), "not JSON"),
    "10 MB": (b'{"command":"TopUp","command_id":"' + b"x" * 10_000_000 + b'"}', "the line is longer than"),
    "an id of the ledger's own": (top_up("due/1"), "command_id: ids that begin with"),
    "an id that repartitioning gives": (top_up("repartition/0:1"), "command_id: ids that begin with"),
    "unknown terms": (issue(OTHER, command_id="bad", terms="gratis"), "terms: no terms are named"),
}


@pytest.mark.parametrize("kind", BAD_LINES)
def test_a_bad_line_is_refused_with_its_number_and_the_rest_goes_through(pulsa: Pulsa, kind: str) -> None:
    line, message = BAD_LINES[kind]
    file = pulsa.file("feed.jsonl", *OPENING, line, top_up("good"))
    outcomes = outcomes_of(pulsa, file, code=1)
    assert [outcome["status"] for outcome in outcomes] == ["accepted", "accepted", "refused", "accepted"]
    bad = outcomes[2]
    assert bad["refusal"]["code"] == "invalid"
    assert message in bad["refusal"]["message"]
    assert (bad["file"], bad["line"], bad["events"]) == (file, 3, [])
    assert "line" not in outcomes[3]
    assert pulsa.json("enquiry", NUMBER, "--as-of", START)[0]["credit"] == "15000"


def test_all_bad_lines_together_are_so_many_refusals_and_the_rest_goes_through(pulsa: Pulsa) -> None:
    mixed = [line for bad, _ in BAD_LINES.values() for line in (bad, use(f"good-{len(as_bytes(bad))}"))]
    result = pulsa("ingest", pulsa.file("feed.jsonl", *OPENING, *mixed), "--json")
    summary = json.loads(result.stdout)
    assert result.exit_code == 1
    assert summary["refused"]["invalid"] == len(BAD_LINES)
    assert summary["commands"] == 2 + len(mixed)
    assert f"and {len(BAD_LINES) - 10} more invalid lines" in result.stderr


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)])
@pytest.mark.parametrize("name", ["feed", "feed.jsonl", "feed.csv"])
def test_an_empty_file_is_refused(pulsa: Pulsa, name: str, content: bytes) -> None:
    path = pulsa.folder / name
    path.write_bytes(content)
    (bad,) = outcomes_of(pulsa, str(path), code=1)
    assert (bad["line"], bad["command_id"]) == (1, None)
    assert "the file is empty" in bad["refusal"]["message"]


@pytest.mark.parametrize("damage", ["cut off", "overwritten", "garbage behind"])
def test_a_damaged_gzip_file_gives_what_came_before_the_damage(pulsa: Pulsa, damage: str) -> None:
    lines = b"".join(
        as_bytes(record) + b"\n" for record in (*OPENING, *(use(f"u-{n}") for n in range(3_000)))
    )
    whole = gzip.compress(lines)
    if damage == "cut off":
        content = whole[: len(whole) // 2]
    elif damage == "overwritten":
        content = whole[: len(whole) // 2] + bytes(64) + whole[len(whole) // 2 + 64 :]
    else:
        content = whole + b"more"
    path = pulsa.folder / "feed.jsonl.gz"
    path.write_bytes(content)
    outcomes = outcomes_of(pulsa, str(path), pulsa.file("next.jsonl", top_up()), code=1)
    bad = [outcome for outcome in outcomes if outcome["refusal"] and outcome["refusal"]["code"] == "invalid"]
    assert "compressed file is damaged or cut off" in bad[-1]["refusal"]["message"]
    assert bad[-1]["line"] == len(outcomes) - 1
    assert len(outcomes) > 100
    assert outcomes[-1]["status"] == "accepted"


def test_csv_and_json_plain_or_compressed_give_the_same_log(pulsa: Pulsa, tmp_path: Path) -> None:
    card = {"command": "ReplaceCard", "command_id": "card", "at": LATER, "msisdn": NUMBER, "iccid": "ab" * 32}
    block = {"command": "Block", "command_id": "block", "at": LATER, "msisdn": NUMBER, "block": "b"}
    records = [
        *OPENING,
        top_up(),
        use(),
        card | {"identity_checked": True},
        block | {"scope": "voice", "ground": "lost-or-stolen"},
    ]
    as_csv = [r | ({"identity_checked": "true"} if "identity_checked" in r else {}) for r in records]
    forms = {
        "feed.jsonl": b"".join(as_bytes(record) + b"\n" for record in records),
        "feed-crlf.jsonl": b"".join(as_bytes(record) + b"\r\n" for record in records),
        "feed-marked.jsonl": b"\xef\xbb\xbf" + b"\n".join(as_bytes(record) for record in records),
        "feed.csv": csv_of(*as_csv),
        "feed-marked.csv": b"\xef\xbb\xbf" + csv_of(*as_csv),
        "jsonl": b"\n".join(as_bytes(record) for record in records),
        "csv": csv_of(*as_csv),
    }
    logs = {}
    for name, content in forms.items():
        for suffix, packed in (("", content), (".gz", gzip.compress(content))):
            folder = tmp_path / f"{name}{suffix}"
            folder.mkdir()
            (folder / f"{name}{suffix}").write_bytes(packed)
            one = Pulsa(folder)
            one.done("ingest", str(folder / f"{name}{suffix}"))
            logs[name, suffix] = one.done("log", "events", "--json")
        from_standard_input = Pulsa(tmp_path, PULSA_LOG=str(tmp_path / f"{name}.db"))
        from_standard_input.done("ingest", "-", feed=content)
        logs[name, "-"] = from_standard_input.done("log", "events", "--json")
    assert len(set(logs.values())) == 1
    assert len(next(iter(logs.values())).splitlines()) == 2 + len(records)


def test_an_empty_cell_is_absent(pulsa: Pulsa) -> None:
    records = (*OPENING, top_up(actor="shop-7"), top_up("second"))
    path = pulsa.folder / "feed.csv"
    path.write_bytes(csv_of(*records))
    pulsa.done("ingest", str(path))
    assert [event["actor"] for event in pulsa.events()[-2:]] == ["shop-7", "system"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (b"TopUp,bad", "the row has 2 cells, and the header 7"),
        (b"TopUp,bad,%s,%s,5000,5000,app,more", "the row has 8 cells, and the header 7"),
        (b'TopUp,bad,%s,%s,5000,5000,"app', "not CSV"),
        (b'TopUp,bad,%s,%s,5000,5000,"app"x', "not CSV"),
        (b"TopUp,bad,%s,%s,5000,5000,a\x00p", "not CSV: the line holds NUL bytes"),
        (b"TopUp,bad,%s,%s,5000,5000,\xfcber", "not UTF-8 from byte"),
        (b"TopUp,bad,%s,%s,,5000,app", "credit: is missing"),
        (b"TopUp,bad,%s,%s,5.055,5000,app", "credit: not an amount"),
        (b",bad,%s,%s,5000,5000,app", "command: is missing"),
        (b"TopUp,bad,%s,%s,5000,5000," + b"x" * 2_000_000, "the line is longer than"),
    ],
)
def test_a_bad_row_is_refused_with_its_number_and_the_rest_goes_through(
    pulsa: Pulsa, row: bytes, message: str
) -> None:
    head = b"command,command_id,at,msisdn,credit,price,channel"
    good = b"TopUp,good,%s,%s,10000,11000,app"
    named = (START.encode(), NUMBER.encode())
    bad = row % named if b"%s" in row else row
    opening = pulsa.file("opening.jsonl", *OPENING)
    outcomes = outcomes_of(pulsa, opening, pulsa.file("feed.csv", head, bad, good % named), code=1)
    assert [outcome["status"] for outcome in outcomes] == ["accepted", "accepted", "refused", "accepted"]
    assert message in outcomes[2]["refusal"]["message"]
    assert outcomes[2]["line"] == 2


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"command_id,at,msisdn", "the header has no column `command`, and --command names none"),
        (b"command;command_id;at;msisdn", "the header's columns are parted by semicolons, not by commas"),
        (b"command\tcommand_id\tat\tmsisdn", "the header's columns are parted by tabs, not by commas"),
        (b"command,command_id,at,at,msisdn", "the header has the column `at` twice"),
        (b'command,"command_id', "not CSV"),
        (b"command,\xfc", "not UTF-8"),
    ],
)
def test_a_bad_header_is_refused_and_the_next_file_goes_through(
    pulsa: Pulsa, head: bytes, message: str
) -> None:
    bad = pulsa.file("bad.csv", head, b"AdvanceTime,1,%s,%s" % (START.encode(), NUMBER.encode()))
    outcomes = outcomes_of(pulsa, bad, pulsa.file("good.jsonl", *OPENING), code=1)
    assert [outcome["status"] for outcome in outcomes] == ["refused", "accepted", "accepted"]
    assert message in outcomes[0]["refusal"]["message"]
    assert outcomes[0]["line"] == 1


def test_every_fault_of_a_row_is_told_with_its_column(pulsa: Pulsa) -> None:
    head = b"command,command_id,at,msisdn,credit,price,channel"
    file = pulsa.file("feed.csv", head, b"TopUp,,noon,%s,5.055,11000,app" % NUMBER.encode())
    (bad,) = outcomes_of(pulsa, file, code=1)
    faults = bad["refusal"]["faults"]
    assert [fault.partition(":")[0] for fault in faults] == ["command_id", "credit", "at"]
    said = pulsa("ingest", file).stderr.splitlines()
    assert said == [f"{file}:2: invalid: {fault}" for fault in faults]


def read_as(command: str, path: Path) -> list[BadLine | GoodLine]:
    """The lines of a file that holds nothing but one command."""
    with opened(str(path)) as source:
        return list(rows(source, CommandReader(played=True, now=None), command=command))


@pytest.mark.parametrize("name", ["feed", "feed.csv", "feed.jsonl"])
def test_a_file_of_one_command_need_not_say_which(pulsa: Pulsa, name: str) -> None:
    record = use() | {"quantity": "200" if name != "feed.jsonl" else 200}
    del record["command"]
    other = record | {"command": "TopUp"} if name == "feed.jsonl" else record | {"zone": ""}
    plain = b"\n".join(map(as_bytes, (record, other)))
    path = pulsa.folder / name
    path.write_bytes(plain if name == "feed.jsonl" else csv_of(record, other))
    good, bad = read_as("RecordUsage", path)
    assert isinstance(good, GoodLine)
    assert good.command.command_id == "use"
    assert isinstance(bad, BadLine)
    missing = ("zone: is missing",)
    unlike = ('command: not RecordUsage, as was said of all of them; given: "TopUp"',)
    assert bad.refusal.faults == (unlike if name == "feed.jsonl" else missing)


def test_the_columns_of_a_file_of_one_command_are_looked_at_before_its_rows(pulsa: Pulsa) -> None:
    path = pulsa.folder / "feed.csv"
    path.write_bytes(csv_of({"command_id": "a", "msisdn": NUMBER, "credit": "5", "prize": "5"}))
    (bad,) = read_as("TopUp", path)
    assert isinstance(bad, BadLine)
    assert bad.line == 1
    columns = "command_id, msisdn, credit, price, channel, at, actor"
    faults = (
        "no column `price`, without which there is no TopUp",
        "no column `channel`, without which there is no TopUp",
        f"the column `prize`, and TopUp has only {columns}",
    )
    said = tuple(f"the header has {fault}; nothing of the file was read" for fault in faults)
    assert bad.refusal.faults == said


def test_the_format_can_be_said(pulsa: Pulsa) -> None:
    path = pulsa.folder / "feed.txt"
    path.write_bytes(csv_of(*OPENING))
    assert pulsa("ingest", str(path), "--format", "json").exit_code == 1
    pulsa.done("ingest", str(path), "--format", "csv")
    assert pulsa.complaint("ingest", str(path), "--format", "xml").startswith("settings-invalid: --format")


def test_the_same_file_twice_changes_nothing(pulsa: Pulsa) -> None:
    file = pulsa.file("feed.jsonl", *OPENING, top_up(), top_up("small", credit="1"), use())
    first = outcomes_of(pulsa, file, code=0)
    before, journal = pulsa.events(), pulsa.json("number", "history", NUMBER, "--refused")
    again = outcomes_of(pulsa, file, code=0)
    assert pulsa.events() == before
    assert len(pulsa.json("number", "history", NUMBER, "--refused")) == len(journal)
    assert {outcome["status"] for outcome in again} == {"repeated"}
    assert [outcome | {"status": ""} for outcome in again] == [outcome | {"status": ""} for outcome in first]


def test_the_summary_counts_every_line_once(pulsa: Pulsa) -> None:
    file = pulsa.file("feed.jsonl", *OPENING, top_up(), top_up(), top_up("small", credit="1"), b"?")
    result = pulsa("ingest", file, "--json")
    assert result.exit_code == 1
    summary = json.loads(result.stdout)
    assert summary.pop("seconds") >= 0
    assert summary.pop("commands_per_second") > 0
    refused = {"below-minimum": 1, "invalid": 1}
    assert summary == {"commands": 6, "accepted": 3, "repeated": 1, "refused": refused}
    assert result.stderr.startswith(f"{file}:6: invalid: ")
    words = pulsa("ingest", file).stdout.split()
    assert words[:2] == ["6", "commands"]
    assert words[words.index("repeated") + 1] == "5"


def test_a_refusal_by_the_rules_is_no_error(pulsa: Pulsa) -> None:
    outcomes = outcomes_of(pulsa, pulsa.file("feed.jsonl", use()), code=0)
    assert outcomes[0]["refusal"]["code"] == "unknown-account"


def test_more_lines_than_a_batch_keep_their_order_and_their_numbers(pulsa: Pulsa) -> None:
    lines: list[Any] = [*OPENING, *(b"?" if n % 7 == 0 else use(f"u-{n}") for n in range(2_500))]
    outcomes = outcomes_of(pulsa, pulsa.file("feed.jsonl", *lines), code=1)
    assert len(outcomes) == len(lines)
    for number, (line, outcome) in enumerate(zip(lines, outcomes, strict=True), 1):
        if line == b"?":
            assert outcome["line"] == number
        else:
            assert outcome["command_id"] == line["command_id"]
    positions = [int(outcome["position"].partition(":")[2]) for outcome in outcomes]
    assert positions == sorted(positions)


def test_a_bad_line_that_names_its_command_is_answered_under_its_id(pulsa: Pulsa) -> None:
    lines = (top_up("named", credit="x"), use("named") | {"quantity": 0}, b"?")
    outcomes = outcomes_of(pulsa, pulsa.file("feed.jsonl", *lines), code=1)
    assert [outcome["command_id"] for outcome in outcomes] == ["named", "named", None]


def test_memory_does_not_grow_with_a_line_nor_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "feed.jsonl"
    with path.open("wb") as file:
        for _ in range(3):
            file.write(b"x" * 20_000_000 + b"\n")
        for _ in range(20_000):
            file.write(as_bytes(use()) + b"\n")
    reader = CommandReader(played=True, now=None)
    tracemalloc.start()
    try:
        with opened(str(path)) as source:
            bad = sum(isinstance(row, BadLine) for row in rows(source, reader))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert bad == 3
    assert peak < 6 * LONGEST_LINE
