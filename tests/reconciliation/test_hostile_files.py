"""Files that are made to do harm are refused, or read up to the bounds that are stated: in bounded memory."""

from __future__ import annotations

import gzip
import io
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, ClassVar

import pytest

from ledger.errors import ArchiveRefused, LedgerError, StatementUnreadable, XmlRefused
from ledger.reconciliation import unpacking
from ledger.reconciliation.readers import bill_reader, csv_reader, swift_reader
from ledger.reconciliation.statement_files import read_statements
from tests.reconciliation.camt_files import camt, entry
from tests.reconciliation.stated_files import CSV, put
from tests.waiting import PATIENCE


class TestXml:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
    def test_entities_and_document_types_are_refused(self, tmp_path: Path, encoding: str) -> None:
        bomb = "<!DOCTYPE a [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]>"
        text = camt(entry("1", "CRDT"), encoding=encoding).decode(encoding)
        hostile = re.sub(r"\?>", "?>" + bomb, text, count=1)
        with pytest.raises(XmlRefused, match="document type or entities"):
            read_statements(put(tmp_path, hostile.encode(encoding)), "camt.053")

    def test_xml_of_many_entries_is_read_in_bounded_memory(self, tmp_path: Path) -> None:
        """Its tree would take some ten times the file: the lines as they stood remain. What never ends is refused."""
        more = "<a>" + "<b>1</b>" * 200 + "</a></Ntry>"
        padded = entry("1", "CRDT").replace("</Ntry>", more)
        assert more in padded
        head, _, tail = camt("@").partition(b"@")
        file = tmp_path / "large.xml"
        with file.open("wb") as target:
            target.write(head)
            for _ in range(50):
                target.write(padded.encode() * 100)
            target.write(tail)
        script = (
            "import sys; from pathlib import Path\n"
            "from ledger.reconciliation.statement_files import read_statements\n"
            "import lxml.etree, defusedxml.ElementTree\n"
            "def most(): return int(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])\n"
            "before = most()\n"
            "[found] = read_statements(Path(sys.argv[1]))\n"
            "print(len(found.lines), most() - before)\n"
        )
        run = subprocess.run(
            [sys.executable, "-c", script, str(file)],
            check=True,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        lines, grown = map(int, run.stdout.split())
        assert lines == 5_000
        assert grown * 1024 < 3 * file.stat().st_size
        endless = camt(entry("1", "CRDT").replace("</Ntry>", "<a/>" * 200_001 + "</Ntry>"))
        with pytest.raises(XmlRefused, match="more than 200000 elements"):
            read_statements(put(tmp_path, endless))

    def test_a_tag_of_very_many_attributes_is_refused_before_they_are_compared(self, tmp_path: Path) -> None:
        many = b" ".join(b'a%d="1"' % one for one in range(2_000))
        content = camt(entry("1.00", "CRDT")).replace(b"<Ntry>", b"<Ntry " + many + b">", 1)
        with pytest.raises(XmlRefused, match="a tag of more than"):
            read_statements(put(tmp_path, content))

    @pytest.mark.parametrize("name", [b":Acct", b"D:t"])
    def test_xml_whose_names_are_none_is_refused(self, tmp_path: Path, name: bytes) -> None:
        content = camt(entry("1.00", "CRDT")).replace(b"<Ntry>", b"<" + name + b"/><Ntry>", 1)
        with pytest.raises(XmlRefused):
            read_statements(put(tmp_path, content))


@pytest.mark.parametrize("row", [b";" * 10_000_000, b"x" * (1 << 21), b";" * 300])
def test_ten_million_columns_are_no_record(tmp_path: Path, row: bytes) -> None:
    good = b"head\n03.07.2023;P-1;x;1;1\n"
    (read,) = read_statements(put(tmp_path, good + row + b"\n"), mapping=CSV)
    (finding,) = read.findings
    assert finding.line == 3
    assert finding.code == ("too-many-fields" if len(row) < 1000 else "too-long")
    with pytest.raises(StatementUnreadable, match="not one line"):
        read_statements(put(tmp_path, b"head\n" + row), mapping=CSV)


def test_a_device_or_a_pipe_has_no_end_and_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(StatementUnreadable, match="a pipe or a device"):
            read_statements(path, mapping=CSV)


class Endless(io.RawIOBase):
    """Begins as a file does, and then goes on with one thing for ever; counts the bytes that were taken of it."""

    def __init__(self, begins: bytes, then: bytes) -> None:
        self.left, self.then, self.taken = begins, then, 0

    def readable(self) -> bool:
        return True

    def readinto(self, into: memoryview) -> int:  # type: ignore[override]
        while len(self.left) < len(into):
            self.left += self.then * 10_000
        piece, self.left = self.left[: len(into)], self.left[len(into) :]
        into[:] = piece
        self.taken += len(piece)
        return len(piece)


class TestBombs:
    """Files of very many lines, whatever they hold: no more is read of them than the bounds that are stated."""

    BUFFER = 1 << 16
    READERS: ClassVar[dict[str, tuple[Callable[[BinaryIO], object], bytes]]] = {
        "mt940": (swift_reader.statements, b":20:1\n"),
        "mt940, carriage returns": (swift_reader.statements, b":20:1\r"),
        "bill": (bill_reader.bills, b"\n"),
        "csv": (
            lambda file: csv_reader.statement(file, csv_reader.mapping_of(CSV)),
            b"head\n03.07.2023;P-1;x;1;1\n",
        ),
    }

    @pytest.mark.parametrize("name", READERS)
    def test_lines_without_end_are_read_up_to_the_bound(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ledger.reconciliation.readers.stated_file.MOST_LINES", 20_000)
        read, begins = self.READERS[name]
        file = Endless(begins, b"\r" if b"\r" in begins else b"\n")
        with pytest.raises(StatementUnreadable, match="more than 20000 lines, empty ones too"):
            read(io.BufferedReader(file))
        assert file.taken <= 20_000 + len(begins) + self.BUFFER

    @pytest.mark.parametrize(
        ("name", "line"),
        [
            ("mt940", b":99Z:\n"),
            ("mt940", b":61:230703C1,00NTRF1\n"),
            ("csv", b"x\n"),
            ("csv", b"03.07.2023;P-1;x;1;1\n"),
        ],
    )
    def test_lines_and_findings_are_kept_up_to_the_bound(
        self, name: str, line: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ledger.reconciliation.readers.stated_file.MOST_LINES_OF_STATEMENT", 1_000)
        read, begins = self.READERS[name]
        file = Endless(begins, line)
        with pytest.raises(StatementUnreadable, match="more than 1000 lines"):
            read(io.BufferedReader(file))
        assert file.taken <= 1_003 * len(line) + len(begins) + self.BUFFER

    def test_a_file_may_have_as_many_lines_as_is_said_and_a_statement_too(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ledger.reconciliation.readers.stated_file.MOST_LINES", 1_000)
        monkeypatch.setattr("ledger.reconciliation.readers.stated_file.MOST_LINES_OF_STATEMENT", 998)
        read, begins = self.READERS["csv"]
        record = begins.splitlines(keepends=True)[1]
        read(io.BufferedReader(io.BytesIO(begins + record * 997 + b"\n")))
        for more in (record, b"\n\n"):
            with pytest.raises(StatementUnreadable, match="more than"):
                read(io.BufferedReader(io.BytesIO(begins + record * 997 + more)))


class TestArchives:
    ROWS = b"head\n03.07.2023;P-1;x;1;1\n"

    def zipped(self, folder: Path, *files: tuple[str, bytes]) -> Path:
        path = folder / "file.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files:
                archive.writestr(name, content)
        return path

    def test_one_file_is_unpacked_whatever_it_is_called(self, tmp_path: Path) -> None:
        plain = read_statements(put(tmp_path, self.ROWS), mapping=CSV)
        assert read_statements(put(tmp_path, gzip.compress(self.ROWS)), mapping=CSV) == plain
        assert read_statements(self.zipped(tmp_path, ("a", self.ROWS)), mapping=CSV) == plain

    def test_bombs_nests_links_and_several_files_are_refused(self, tmp_path: Path) -> None:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
            archive.writestr(link, "/etc/passwd")
        nested = gzip.compress(gzip.compress(self.ROWS))
        bomb = gzip.compress(self.ROWS + b"x" * 60_000_000)
        hostile = [
            tmp_path / "link.zip",
            self.zipped(tmp_path, ("a", self.ROWS), ("b", self.ROWS)),
            put(tmp_path, nested, "nested"),
            put(tmp_path, bomb, "bomb"),
            put(tmp_path, gzip.compress(self.ROWS)[:-9], "cut"),
            put(tmp_path, b"PK\x03\x04" + bytes(100), "broken"),
        ]
        for path in hostile:
            with pytest.raises(ArchiveRefused):
                read_statements(path, mapping=CSV)

    def test_bounds_hold_for_what_is_unpacked(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(unpacking, "LARGEST", 100)
        with pytest.raises(ArchiveRefused, match="larger than 100"):
            read_statements(put(tmp_path, b"x" * 101), mapping=CSV)

    def test_an_archive_whose_directory_points_before_it_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "short.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a", b"01.07.2023;R-1;x;1,00;" * 10)
        content = path.read_bytes()
        with pytest.raises(ArchiveRefused):
            read_statements(put(tmp_path, content[:50] + content[60:]), mapping=CSV)


def test_every_reader_refuses_what_is_cut_or_garbled_with_a_code(tmp_path: Path) -> None:
    whole = camt(entry("1", "CRDT"))
    for content in (b"", b"{", b"{}", b'{"bill":1}', b"\xff\xfe", b"\x00" * 50, whole[:100], b":61:x\n"):
        with pytest.raises(LedgerError) as refused:
            read_statements(put(tmp_path, content))
        assert refused.value.code in ("statement-unreadable", "xml-refused", "archive-refused")
