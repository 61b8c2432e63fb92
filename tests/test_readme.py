"""The README's first session runs as printed, and what it links to is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.entrypoints.cli.branches import paths
from ledger.entrypoints.cli.tree import TREE
from ledger.terms import load

_ROOT = Path(__file__).resolve().parents[1]
_README = (_ROOT / "README.md").read_text("utf-8")


def _session() -> list[tuple[str, str]]:
    """Each command of the console blocks with the output printed below it."""
    steps: list[tuple[str, str]] = []
    for block in re.findall(r"```console\n(.*?)```", _README, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append((line[2:], ""))
            else:
                command, output = steps[-1]
                steps[-1] = (command, output + line + "\n")
    return steps


def test_the_first_session_prints_what_it_says(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PULSA_")}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    steps = _session()
    assert len(steps) >= 10
    for command, output in steps:
        if command.startswith("export "):
            environment |= dict(word.split("=", 1) for word in command.split()[1:])
            continue
        done = subprocess.run(
            command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.stdout == output, f"{command}\n{done.stderr}"
        assert done.returncode == 0, command


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https://)([^)#]+)\)", _README):
        assert (_ROOT / target).exists(), target


@pytest.mark.parametrize(
    "page", [_ROOT / "README.md", *sorted((_ROOT / "docs").rglob("*.md"))], ids=lambda p: p.name
)
def test_verbs_of_the_documentation_are_there(page: Path) -> None:
    said = re.findall(
        r"(?:`|^ {4}|^\$ )pulsa ((?:[a-z][a-z-]*[ \n]?){1,2})", page.read_text("utf-8"), re.MULTILINE
    )
    verbs = {path for path, _ in paths()}
    for words in map(str.split, said):
        assert " ".join(words) in verbs | TREE.keys() or words[0] in verbs, words


def test_the_test_command_of_ci_is_the_readmes() -> None:
    assert "make test" in _README
    assert "make test" in (_ROOT / ".ci" / "run").read_text("utf-8")


def test_the_smallest_terms_of_the_documentation_are_valid(tmp_path: Path) -> None:
    page = (_ROOT / "docs" / "write-terms.md").read_text("utf-8")
    toml = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert toml is not None
    path = tmp_path / "my-terms-2024.toml"
    path.write_text(toml[1], "utf-8")
    assert load(path).id == "my-terms-2024"
