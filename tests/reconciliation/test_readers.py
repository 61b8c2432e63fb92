"""What files say is read as it stands, or is said not to be: strictly, with line numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.domain.calendar import format_day
from ledger.errors import StatementUnreadable, XmlRefused
from ledger.reconciliation.readers.stated_file import LONGEST_LINE, AmountWrong, amount_of, identifier
from ledger.reconciliation.statement_files import read_statements
from tests.reconciliation.camt_files import camt, entry
from tests.reconciliation.stated_files import CSV, put
from tests.shared import shared_file


class TestMt940:
    @pytest.mark.parametrize(
        ("name", "sums", "findings"),
        [
            ("test1.mt940", [50_000, -276_000], [(20, "no-decimal-comma")]),
            ("test2.mt940x", [-50_707, -2_500], []),
            ("test-with-NS.mt940x", [-50_707, -2_500], []),
            ("testX.mt940", [50_000, -276_000], [(27, "no-decimal-comma")]),
        ],
    )
    def test_each_file_parses_or_says_why_a_line_does_not(
        self, name: str, sums: list[int], findings: list[tuple[int, str]]
    ) -> None:
        read = read_statements(shared_file(f"data/mt940/{name}"))
        assert [sum(line.amount for line in one.lines) for one in read] == sums
        found = [one for statement in read for one in statement.findings]
        assert [(one.line, one.code) for one in found if one.line] == findings
        unread = {(one.code, one.expected, one.found) for one in found if not one.line}
        expected = {("chain-closing", 29_898, 79_898), ("chain-opening", 50_000, 305_898)}
        assert unread == (expected if findings else set())

    @pytest.mark.parametrize("name", ["test2.mt940x", "test-with-NS.mt940x"])
    def test_another_implementation_reads_the_same_lines(self, name: str) -> None:
        import mt940

        path = shared_file(f"data/mt940/{name}")
        theirs = mt940.parse(str(path))
        ours = [line for one in read_statements(path) for line in one.lines]
        told = [(int(one.data["amount"].amount * 100), str(one.data["date"])) for one in theirs]
        days = [(line.amount, format_day(line.on or 0)) for line in ours]
        assert told == days
        assert len(ours) == 4

    def test_marks_dates_and_references_are_those_of_the_standard(self, tmp_path: Path) -> None:
        lines = (
            ":20:1\r\n:25:123\r\n:28C:7/1\r\n:60F:C231230IDR100,\r\n"
            ":61:2312310102RC1.500,00NTRFREF1\r\n"
            ":61:2312310102RD50,5NTRFORDER-1//BANK-1\r\n"
            ":61:231231C12345678901234567,NTRFX1\r\n"
            ":61:2302310228C1,NTRFX1\r\n"
            ":61:2402290229D0,05NMSCBUDI SANTOSO\r\n:86:EREF+ORDER-9 BUDI SANTOSO\r\n"
            ":62F:C240101IDR150,45\r\n"
        )
        (read,) = read_statements(put(tmp_path, lines.encode()))
        assert [(one.line, one.amount, one.reference, one.kind) for one in read.lines] == [
            (6, 5_050, "ORDER-1", "NTRF/reversal"),
            (9, -5, "ORDER-9", "NMSC"),
        ]
        assert [format_day(one.on or 0) for one in read.lines] == ["2024-01-02", "2024-02-29"]
        assert [(one.line, one.code) for one in read.findings] == [(5, "line"), (7, "line"), (8, "day")]

    @pytest.mark.parametrize("begins", [b"", b"\xef\xbb\xbf"])
    @pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
    def test_it_is_read_however_its_lines_end_and_with_a_mark_of_its_encoding(
        self, tmp_path: Path, begins: bytes, end: bytes
    ) -> None:
        lines = [b":20:1", b":25:123", b":28C:7/1", b":60F:C240101IDR1,"]
        lines += [b":61:2401010101C2,NTRFREF1", b":86:EREF+O-9", b":62F:C240101IDR3,"]
        (read,) = read_statements(put(tmp_path, begins + end.join([*lines, b""])))
        assert [(one.line, one.amount, one.reference, one.raw) for one in read.lines] == [
            (5, 200, "O-9", b"\n".join(lines[4:6]))
        ]
        assert (read.number, read.findings) == ("7", [])

    def test_a_line_that_is_too_long_is_found_however_lines_end(self, tmp_path: Path) -> None:
        for end in (b"\n", b"\r"):
            lines = [b":20:1", b":60F:C240101IDR1,", b":86:" + b"x" * LONGEST_LINE, b":62F:C240101IDR1,"]
            (read,) = read_statements(put(tmp_path, end.join([*lines, b""])))
            assert [(one.line, one.code) for one in read.findings] == [(3, "too-long")]

    def test_what_is_no_mt940_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(StatementUnreadable, match="no field of MT940"):
            read_statements(put(tmp_path, b"something else\n"), "mt940")


class TestCamt:
    def test_entries_details_and_balances(self, tmp_path: Path) -> None:
        content = camt(
            entry("100.50", "CRDT", reference="P-1"),
            entry("40", "DBIT", reversal=True, reference="P-2"),
            entry("7", "CRDT", status="PDNG"),
            entry("30", "CRDT", parts=["10", "20"]),
            entry("30", "CRDT", parts=["10", "21"]),
            opening="1000",
            closing="1120.50",
        )
        (read,) = read_statements(put(tmp_path, content))
        assert [(one.line, one.amount, one.reference, one.group) for one in read.lines] == [
            (1, 10_050, "P-1", None),
            (2, -4_000, "P-2", None),
            (3, 1_000, None, "entry-4"),
            (4, 2_000, None, "entry-4"),
            (5, 3_000, None, None),
        ]
        assert read.lines[1].kind == "reversal"
        assert [(one.line, one.code, one.expected, one.found) for one in read.findings] == [
            (5, "chain-details", 3_000, 3_100)
        ]
        assert (read.number, read.account, read.opening, read.closing) == (
            "STMT-1",
            "ID1234567890",
            100_000,
            112_050,
        )

    def test_what_is_damaged_or_of_another_format_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(XmlRefused):
            read_statements(put(tmp_path, camt(entry("1", "CRDT"))[:-40]))
        with pytest.raises(StatementUnreadable, match="is no camt"):
            read_statements(put(tmp_path, b"<?xml version='1.0'?><a/>"))
        with pytest.raises(XmlRefused):
            read_statements(put(tmp_path, camt("<x>" * 300 + "</x>" * 300)))


class TestCsv:
    def test_records_and_findings(self, tmp_path: Path) -> None:
        rows = (
            "date;reference;who;amount;balance\n"
            '03.07.2023;P-1;"Budi; Santoso";1.234,50;1.234,50\n'
            "04.07.2023;Budi Santoso;x;-34,5;1200\n"
            "31.02.2023;P-3;x;1;1201\n"
            "05.07.2023;P-4;x;1.5;1201,5\n"
            "05.07.2023;P-5;x;1,505;1201,5\n"
            "05.07.2023;P-6;x;1;1202;\n"
            "06.07.2023;P-7;x;1;1202\n"
        )
        (read,) = read_statements(put(tmp_path, rows.encode()), mapping=CSV)
        assert [(one.line, one.amount, one.reference) for one in read.lines] == [
            (2, 123_450, "P-1"),
            (3, -3_450, None),
            (8, 100, "P-7"),
        ]
        assert [(one.line, one.code) for one in read.findings] == [
            (4, "day"),
            (5, "amount"),
            (6, "more-decimals"),
            (7, "fields"),
            (8, "chain"),
        ]

    def test_conditions_signs_newest_first_and_names_of_ones_own(self, tmp_path: Path) -> None:
        mapping = b"""
kind = "account"
fields = ["date", "type", "account", "amount-in", "amount-out", "reference"]
newest-first = true
account-prefix = "420"
account-digits = 9
reference-prefix = "b-"
if = [{ field = "type", pattern = "^fee", kind = "fee" }, { field = "type", pattern = "^note$", skip = true }]
"""
        rows = b"2023-07-05,note,1,1,,1\n2023-07-04,fee,2,,3,2\n2023-07-03,in,1,5,,3\n"
        (read,) = read_statements(put(tmp_path, rows), mapping=mapping)
        assert [(one.account, one.amount, one.kind, one.reference) for one in read.lines] == [
            ("420000000001", 500, None, "b-3"),
            ("420000000002", -300, "fee", "b-2"),
        ]
        assert [one.line for one in read.lines] == sorted(one.line for one in read.lines)

    @pytest.mark.parametrize(
        ("mapping", "why"),
        [
            (b"kind = 1", "kind"),
            (b"not toml", "no TOML"),
            (CSV + b"\nelse = 1", "else"),
            (CSV.replace(b'"date", ', b""), "no field `date`"),
            (CSV + b'\n[[if]]\nfield = "who"\npattern = "("', "no pattern"),
        ],
    )
    def test_a_mapping_is_held_against_its_words(self, tmp_path: Path, mapping: bytes, why: str) -> None:
        with pytest.raises(StatementUnreadable, match=why):
            read_statements(put(tmp_path, b"x"), mapping=mapping)

    def test_a_file_of_no_record_is_no_statement(self, tmp_path: Path) -> None:
        file = tmp_path / "empty.csv"
        for content in (b"", b"\n\n"):
            file.write_bytes(content)
            with pytest.raises(StatementUnreadable, match="not one line is a record"):
                read_statements(file, mapping=CSV)

    def test_what_begins_like_nothing_known_needs_a_mapping(self, tmp_path: Path) -> None:
        with pytest.raises(StatementUnreadable, match="--mapping"):
            read_statements(put(tmp_path, b"\x7fELF"))


class TestWords:
    @pytest.mark.parametrize("text", ["Budi", "Budi Santoso 3", "NONREF", "", "29-07-2014 10:05", "é1"])
    def test_what_could_be_a_name_is_no_identifier(self, text: str) -> None:
        assert identifier(text) is None

    @pytest.mark.parametrize("text", ["P-1", "6288112345678#1", "B4E07XM00J000023", "a/b:1"])
    def test_what_has_digits_and_no_space_is_one(self, text: str) -> None:
        assert identifier(text) == text

    @pytest.mark.parametrize(
        ("text", "mark", "sen"),
        [("1.234,50", ",", 123_450), ("1,234.5", ".", 123_450), ("-0,05", ",", -5), ("+7", ".", 700)],
    )
    def test_amounts(self, text: str, mark: str, sen: int) -> None:
        assert amount_of(text, mark) == sen

    @pytest.mark.parametrize(
        "text", ["1.50", "12.34,5", "1,2,3", "1e3", "0x1", "1 000", "--1", "", ",5", "٣", "1,505", "9" * 19]
    )
    def test_what_is_no_amount(self, text: str) -> None:
        with pytest.raises(AmountWrong):
            amount_of(text, ",")


def test_a_name_in_place_of_a_currency_is_no_unit(tmp_path: Path) -> None:
    mapping = b'kind = "bank"\nfields = ["date", "amount", "currency"]\n'
    rows = b"2023-07-01,1.00,IDR\n2023-07-01,1.00,Budi Santoso\n2023-07-01,1.00,BUDISANTOSO\n"
    (read,) = read_statements(put(tmp_path, rows), mapping=mapping)
    assert [line.unit for line in read.lines] == ["IDR"]
    assert [(one.line, one.code) for one in read.findings] == [(2, "unit"), (3, "unit")]
    content = camt(entry("1.00", "CRDT")).replace(b'<Ntry><Amt Ccy="IDR"', b'<Ntry><Amt Ccy="Budi Santoso"')
    (read,) = read_statements(put(tmp_path, content))
    assert read.lines == []
    assert {(one.line, one.code) for one in read.findings} >= {(1, "unit")}
