"""The page on how it is built says what is there; and every module is short enough to be read, and has its own name."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
MODULES = sorted(path for folder in ("ledger", "projections") for path in (ROOT / folder).rglob("*.py"))
LONGEST = 400
"""Lines of a module: what is longer is of two subjects."""
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
    paths = [span for span in spans() if "/" in span or span.endswith((".toml", ".md"))]
    assert len(paths) > 40
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_module_on_the_page_has_what_it_is_said_to_have() -> None:
    said = re.findall(r"`([\w/]+\.py)`\s+has\s+`([\w.]+)`", PAGE)
    assert len(said) > 8
    assert [(path, name) for path, name in said if not name_in(ROOT / path, name)] == []


def mapped(text: str) -> set[str]:
    """The folders of code in the first column of a page's map."""
    rows = re.findall(r"^\| (?:\[)?`([^`]+)`[^|]*\|", text, re.MULTILINE)
    return {row for row in rows if row.partition("/")[0] in {"ledger", "projections", "schemas", "tests"}}


def test_the_map_has_every_folder_and_the_readme_agrees() -> None:
    there = {
        f"{top}/{path.name}"
        for top in ("ledger", "projections")
        for path in (ROOT / top).iterdir()
        if path.is_dir() and path.name != "__pycache__"
    }
    the_map = mapped(PAGE[PAGE.index("## The map") :])
    assert the_map == there | {"schemas", "tests"}
    readme = mapped((ROOT / "README.md").read_text("utf-8"))
    assert readme - the_map == {"projections"}  # in one line
    not_there = {folder for folder in the_map - readme if not folder.startswith("projections/")}
    assert not_there == {"ledger/demo", "ledger/local", "ledger/simulation", "tests"}
    assert "](docs/architecture.md)" in (ROOT / "README.md").read_text("utf-8")


def test_the_page_says_the_directions_that_are_checked() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    (layers,) = [one["layers"] for one in contracts["contracts"] if one["name"] == "Imports go one way"]
    checked = [sorted(re.findall(r"[\w.]+", layer)) for layer in layers]
    said = [
        sorted(line.strip().split(", ")) for line in re.findall(r"^    (ledger\..*)$", PAGE, re.MULTILINE)
    ]
    assert said == checked


def test_no_module_is_longer_than_can_be_read_at_once() -> None:
    lines = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert {path: count for path, count in lines.items() if count > LONGEST} == {}


def test_no_two_modules_have_one_name() -> None:
    names = Counter(
        path.stem
        for path in MODULES
        if not path.stem.startswith("__")
        and not (path.stem in OF_A_KIND and path.is_relative_to(ROOT / "ledger" / "domain"))
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_the_page_is_one_page() -> None:
    assert len(PAGE.splitlines()) <= 130
