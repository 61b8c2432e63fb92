"""Names in statements of banks are in no log, no projection and no answer: only in the file that is kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.entrypoints.pulsa import Pulsa
from tests.reconciliation.camt_files import camt, entry

NOW, CLOSED = "2023-08-05T10:00:00+07:00", "2023-08-06T10:00:00+07:00"
NAMES = ("BUDI SANTOSO", "Siti Rahmawati", "PTMAJUJAYA", "Jalan Merdeka 17")
MT940 = (
    ":20:{0}\r\n:25:1234567890\r\n:28C:7/1\r\n:60F:C230701IDR0,\r\n"
    ":61:2307030703C100,NTRF{0}//{2}\r\n{1} {3}\r\n:86:/NAME/{0}/ADDR/{3} EREF+{2} ORDER-1\r\n"
    ":61:2307040704C5,NTRFORDER-2//{1}\r\n:86:{1}\r\n"
    ":61:bad line {0}\r\n:99X:{1}\r\n"
    ":62F:C230731IDR105,\r\n"
).format(*NAMES)
CSV = "date,reference,account,kind,amount\n2023-07-03,{0},{1},{2},100\n2023-07-04,P-1,{0},{3},5\n{0},,,,\n".format(
    *NAMES
)
MAPPING = 'kind = "bank"\nskip = 1\nfields = ["date", "reference", "account", "kind", "amount"]\n'


def spellings(name: str) -> set[bytes]:
    """A name as it could stand in bytes."""
    return {
        text.encode(code) for text in (name, name.lower(), name.upper()) for code in ("utf-8", "utf-16-le")
    }


@pytest.fixture
def files(tmp_path: Path) -> list[list[str]]:
    """A statement of each format that holds free text, with names wherever somebody could write one."""
    folder = tmp_path / "files"
    folder.mkdir()
    of_camt = camt(
        entry("100", "CRDT", reference=NAMES[2], name=NAMES[0]),
        entry("5", "CRDT", name=NAMES[3]),
        closing="105",
    ).replace(b"<TxDtls>", f"<AddtlNtryInf>{NAMES[1]}</AddtlNtryInf><TxDtls>".encode())
    contents = {"a.sta": MT940.encode(), "b.xml": of_camt, "c.csv": CSV.encode(), "m.toml": MAPPING.encode()}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    mapping = ["--mapping", str(folder / "m.toml")]
    return [[str(folder / "a.sta")], [str(folder / "b.xml")], [str(folder / "c.csv"), *mapping]]


def test_names_stay_in_the_file_that_is_kept(pulsa: Pulsa, files: list[list[str]]) -> None:
    pulsa.active()
    statements = [pulsa.json("statement", "receive", *one, "--now", NOW)[0]["statement"] for one in files]
    pulsa.done("log", "advance", "--now", CLOSED)
    said = []
    for one in statements:
        said += [
            pulsa.done("reconcile", one, "--record", "--now", CLOSED),
            pulsa.done("statement", "show", one),
        ]
    said += [pulsa.done("statement", "list"), pulsa.done("log", "events", "--json")]
    pulsa.done("report", "trial-balance", "--now", CLOSED)
    pulsa.done("log", "copy", "--from", str(pulsa.log), "--to", f"parquet:{pulsa.folder / 'archive'}")
    kept = Path(f"{pulsa.log}.evidence")
    assert any(name.encode() in file.read_bytes() for file in kept.iterdir() for name in NAMES)
    shutil.rmtree(kept)
    shutil.rmtree(pulsa.folder / "files")
    written = [path for path in pulsa.folder.rglob("*") if path.is_file()]
    assert {path.name for path in written} >= {"pulsa.db", "pulsa.db.views.db"}
    bytes_of_all = [path.read_bytes() for path in written] + [text.encode() for text in said]
    for name in NAMES:
        for spelt in spellings(name):
            assert not any(spelt in content for content in bytes_of_all), name


def test_an_identity_number_in_any_place_of_a_statement_stays_in_the_file_that_is_kept(
    pulsa: Pulsa, tmp_path: Path
) -> None:
    folder, nik = tmp_path / "files", "3273010101900001"
    folder.mkdir()
    of_camt = camt(entry("100", "CRDT", reference=nik), closing="100").replace(b"STMT-1", nik.encode())
    for plain, told in ((b"<ElctrncSeqNb>1<", f"<ElctrncSeqNb>{nik}<"), (b"ID1234567890", nik)):
        of_camt = of_camt.replace(plain, told.encode())
    assert of_camt.count(nik.encode()) == 4
    (folder / "b.xml").write_bytes(of_camt)
    rows = f"date,reference,account,kind,amount\n2023-07-03,{nik},{nik},{nik},100\n"
    (folder / "c.csv").write_text(rows)
    (folder / "m.toml").write_text(MAPPING)
    pulsa.active()
    mapping = ("--mapping", str(folder / "m.toml"))
    files = ((str(folder / "b.xml"),), (str(folder / "c.csv"), *mapping))
    said = [pulsa.done("statement", "receive", *one, "--now", NOW) for one in files]
    pulsa.done("log", "advance", "--now", CLOSED)
    said.append(pulsa.done("statement", "list"))
    assert not any(nik in text for text in said)
    shutil.rmtree(folder)
    shutil.rmtree(f"{pulsa.log}.evidence")
    written = [path for path in pulsa.folder.rglob("*") if path.is_file()]
    assert [path.name for path in written if nik.encode() in path.read_bytes()] == []


def test_a_file_that_is_gone_or_another_is_a_finding_of_verify(pulsa: Pulsa, files: list[list[str]]) -> None:
    pulsa.active()
    (said,) = pulsa.json("statement", "receive", *files[0], "--now", NOW)
    assert "clean" in pulsa.done("log", "verify")
    (kept,) = Path(f"{pulsa.log}.evidence").iterdir()
    content = kept.read_bytes()
    kept.write_bytes(content[:-1] + b"x")
    for wrong in ("not the file that was kept", "No such file"):
        result = pulsa("log", "verify")
        assert result.exit_code == 1
        assert wrong in result.stdout
        assert said["statement"] in result.stdout
        kept.unlink(missing_ok=True)
    assert pulsa("statement", "receive", *files[0], "--now", NOW).exit_code == 0
    assert "clean" in pulsa.done("log", "verify")
    Path(f"{pulsa.log}.evidence.key").unlink()
    assert "cannot be checked" in pulsa("log", "verify").stdout
