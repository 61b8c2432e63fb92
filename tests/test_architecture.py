"""The page on how it is built says what is there; and every module is short enough to be read, and has its own name."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
DECISIONS = ROOT / "docs" / "decisions"
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
MODULES = sorted(path for folder in ("ledger", "projections") for path in (ROOT / folder).rglob("*.py"))
LONGEST = 400
"""Lines of a module: what is longer is of two subjects."""
ONE_FILE = ROOT / "ledger/audit/evidence/verify.py"
"""It is handed out: who checks evidence by it gets it alone, and reads all of it."""
OF_A_KIND = frozenset({"account", "commands", "events", "following", "kind", "product", "terms"})
"""What modules in the package of every kind and product, and of what they share, are called."""


def spans() -> list[str]:
    """What stands between backticks on the page."""
    return re.findall(r"`([^`]+)`", PAGE)


def name_in(path: Path, name: str) -> bool:
    """Whether a module defines a class or function, or a class one of its own (`Ledger.execute`)."""
    found: list[ast.stmt] = ast.parse(path.read_text("utf-8") if path.is_file() else "").body
    for part in name.split("."):
        defined = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        match = next((one for one in found if isinstance(one, defined) and one.name == part), None)
        if match is None:
            return False
        found = match.body
    return True


def test_every_path_on_the_page_is_there() -> None:
    named = [span for span in spans() if "…" not in span]  # else it is an id of which not all is said
    paths = [span for span in named if "/" in span or span.endswith((".toml", ".md"))]
    assert len(paths) > 40
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_module_on_the_page_has_what_it_is_said_to_have() -> None:
    said = [
        (path, name)
        for path, names in re.findall(r"`([\w/]+\.py)`\s+has\s+((?:`[\w.]+`(?:, )?)+)", PAGE)
        for name in re.findall(r"`([\w.]+)`", names)
    ]
    assert len(said) > 30
    assert [(path, name) for path, name in said if not name_in(ROOT / path, name)] == []


def test_every_name_on_the_page_is_one_of_the_code() -> None:
    code = "\n".join(path.read_text("utf-8") for path in MODULES)
    there = set(re.findall(r"^ *(?:(?:class|(?:async )?def) )?(\w+)(?=[(:\[]| =)", code, re.MULTILINE))
    there |= {path.stem for path in MODULES} | {"ledger", "projections", "schemas", "tests", "py"}
    named = [span for span in spans() if re.fullmatch(r"[A-Za-z_]\w*(?:\.\w+)?", span)]
    assert len(named) > 40
    said = {
        "pulsa",
        "policy",
        "invalid",
        "defect",
        "pyproject.toml",
    }  # a program, an actor, codes of answers, a file
    assert [span for span in named if span not in said and not set(span.split(".")) <= there] == []


def mapped(text: str) -> dict[str, str]:
    """The folders and modules of code in the first column of a page's map, and what they are said to be."""
    rows = re.findall(r"^\| (?:\[)?`([^`]+)`[^|]*\| (.*) \|$", text, re.MULTILINE)
    tops = {"ledger", "projections", "schemas", "tests"}
    return {row: said for row, said in rows if row.partition("/")[0] in tops}


def test_the_map_has_every_room_and_the_readme_agrees() -> None:
    there = {
        f"{top}/{path.name}"
        for top in ("ledger", "projections")
        for path in (ROOT / top).iterdir()
        if not path.name.startswith("__") and (path.is_dir() or path.suffix == ".py")
    }
    the_map = mapped(PAGE[PAGE.index("## The map") :])
    assert the_map.keys() == there | {"schemas", "tests"}
    readme = mapped(README)
    assert readme.keys() - the_map.keys() == {"projections"}  # in one line
    not_there = {
        room
        for room in the_map.keys() - readme.keys()
        if not room.startswith("projections/") and ".py" not in room
    }
    assert not_there == {"ledger/demo", "ledger/local", "ledger/simulation", "tests"}
    differ = {
        room: said for room, said in readme.items() if room in the_map and not said.startswith(the_map[room])
    }
    assert differ == {}  # the README may say more, and says the same
    assert "](docs/architecture.md)" in README


def test_the_page_says_the_directions_that_are_checked() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    (layers,) = [one["layers"] for one in contracts["contracts"] if one["name"] == "Imports go one way"]
    checked = [sorted(re.findall(r"[\w.]+", layer)) for layer in layers]
    said = [
        sorted(line.strip().split(", ")) for line in re.findall(r"^    (ledger\..*)$", PAGE, re.MULTILINE)
    ]
    assert said == checked


def test_no_module_is_longer_than_can_be_read_at_once() -> None:
    lines = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines())
        for path in MODULES
        if path != ONE_FILE
    }
    assert {path: count for path, count in lines.items() if count > LONGEST} == {}


def test_no_two_modules_have_one_name() -> None:
    names = Counter(
        path.stem
        for path in MODULES
        if not path.stem.startswith("__")
        and not (path.stem in OF_A_KIND and path.is_relative_to(ROOT / "ledger" / "domain"))
    )
    assert [name for name, count in names.items() if count > 1] == []


MIRRORED = frozenset({"Answer", "Columns", "Decided", "Placed", "Recorded", "Transaction"})
"""Protocols of one layer that say what a class of the same name in another has: they are one thing."""


def names_of_types(path: Path) -> Iterator[str]:
    """The classes of a module, protocols too, and the names that it gives to types."""
    if path == ONE_FILE:
        return
    options = path.parent.name in {"cli", "demo"}  # which are named as they are typed
    for found in ast.parse(path.read_text("utf-8")).body:
        if isinstance(found, ast.ClassDef):
            yield found.name
        elif isinstance(found, ast.Assign) and not options:
            yield from (one.id for one in found.targets if isinstance(one, ast.Name))


def test_no_two_types_have_one_name_but_a_protocol_and_what_it_mirrors() -> None:
    places: dict[str, list[str]] = {}
    for path in MODULES:
        for name in names_of_types(path):
            if re.match("[A-Z]+[a-z]", name):
                places.setdefault(name, []).append(str(path.relative_to(ROOT)))
    twice = {name: where for name, where in places.items() if len(where) > 1 and name not in MIRRORED}
    assert twice.keys() == {"Factory"}, twice  # of each log: the library finds it in its module


def test_the_page_is_one_page() -> None:
    assert len(PAGE.splitlines()) <= 140


def test_every_decision_is_in_the_index_by_its_title_with_a_status() -> None:
    rows = re.findall(
        r"^\| (\d+) \| (?:\[(.*)\]\((.*\.md)\)|none .*) \| (.+) \|$",
        (DECISIONS / "README.md").read_text("utf-8"),
        re.MULTILINE,
    )
    numbers = [int(number) for number, *_ in rows]
    assert numbers == sorted(set(numbers))
    there = {path.name: path.read_text("utf-8").splitlines()[0] for path in DECISIONS.glob("[0-9]*.md")}
    assert {page: f"# {number}. {title}" for number, title, page, _ in rows if page} == there
    for number, _, page, status in rows:
        assert re.match("in force|replaced by" if page else "never used", status), number
        assert all(int(later) > int(number) for later in re.findall(r"\d+", status)), number


def test_names_that_packages_share_are_those_of_the_decision() -> None:
    page = (DECISIONS / "0036-a-kinds-package.md").read_text("utf-8")
    (shared,) = re.findall(r"the same names\s+\(([^)]*)\)", page)
    assert set(re.findall(r"`(\w+)\.py`", shared)) == OF_A_KIND


def test_lines_of_documents_are_no_longer_than_editors_are_told() -> None:
    told = re.search(
        r"^\[\*\.md\]\nmax_line_length = (\d+)$", (ROOT / ".editorconfig").read_text("utf-8"), re.MULTILINE
    )
    assert told is not None
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "schemas" / "README.md"]
    longer = [
        f"{page.relative_to(ROOT)}:{number}"
        for page in pages
        for number, line in enumerate(prose(page.read_text("utf-8")), 1)
        if len(line) > int(told[1])
    ]
    assert longer == []


def prose(text: str) -> list[str]:
    """A page's lines, empty where they are a table's, or printed as they are."""
    fenced, kept = False, []
    for line in text.splitlines():
        fence = line.lstrip().startswith("```")
        fenced ^= fence
        kept.append("" if fenced or fence or line.startswith(("|", "    ")) else line)
    return kept


def test_no_module_of_a_package_has_the_name_of_something_that_the_package_defines() -> None:
    """Else whoever imports the module takes the other away from all who import the package."""
    clashes = [
        str(package.relative_to(ROOT))
        for package in MODULES
        if package.name == "__init__.py"
        for defined in [
            {
                one.name
                for one in ast.parse(package.read_text("utf-8")).body
                if isinstance(one, ast.FunctionDef | ast.ClassDef)
            }
        ]
        if defined & {path.stem for path in package.parent.glob("*.py")}
    ]
    assert clashes == []
