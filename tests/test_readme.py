"""What README and pages show is done as it stands, in terminals of 80 and 120 columns; what they link to is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from ledger.terms import load
from tests.pages import EVERY, ROOT, Typed, Typist, lines, named, typed, understood

_README = (ROOT / "README.md").read_text("utf-8")
_PAGES = (
    "README.md",
    "docs/prove-a-balance.md",
    "docs/projections.md",
    "docs/write-terms.md",
    "docs/bring-your-own-file.md",
)
"""Pages whose commands are done one after the other, in one folder."""
_ENDED = {
    "pulsa projections run": "pulsa projections run --once",
}
"""What goes on until it is stopped, and how it is done once."""
_WITH_A_BROKER = re.compile(r"kafka|pulsa service")
"""What needs one is done by the tests of the entry points on Kafka; here it is only understood."""
_FOR_PROGRAMS = {"--json", "--csv", "template", ">", "audit"}
"""Words of commands whose output is for programs, and as wide as it is: digests among it."""
_REFUSES = {"pulsa ingest --command RecordUsage usage.csv": 1}
"""What ends with another exit code than 0, as its page says."""


def _plain(command: str) -> str:
    return command.partition(" #")[0].strip()


@pytest.mark.parametrize("columns", [80, 120])
def test_what_the_pages_show_is_done_and_fits_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    typist, done = Typist(tmp_path, monkeypatch, columns), set[Typed]()
    for page in _PAGES:
        for name, text in re.findall(r"```csv (\S+)\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL):
            (tmp_path / name).write_text(text, "utf-8")
        steps = [step for step in typed(page) if step not in done]  # what pages share is done once
        for step in steps:
            _do(typist, step, columns)
        done |= set(steps)
        typist.environment.pop("PULSA_NOW", None)  # the other pages ask today


def _do(typist: Typist, step: Typed, columns: int) -> None:
    command = _plain(step.command)
    if _WITH_A_BROKER.search(command):
        return
    if command.startswith("pulsa audit verify "):  # what somebody kept, as the page says
        kept = typist.folder / "kept" / "checkpoint"
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes((typist.folder / "first.db.checkpoints/1/events-0/checkpoint").read_bytes())
    done = typist(_ENDED.get(command, command))
    if done is None:
        return
    assert done.exit_code == _REFUSES.get(command, 0), f"{command}\n{done.output}"
    said = re.sub(r"^(\d+ commands?) in .*$", r"\1", done.stdout, flags=re.MULTILINE)
    if step.output is not None and columns == 80:
        assert done.stderr + said == step.output, command
    if not _FOR_PROGRAMS & set(command.split()):
        assert [line for line in said.splitlines() if len(line) > columns] == [], command


def test_the_session_is_long_enough() -> None:
    assert len([step for step in typed("README.md") if step.output]) >= 10


@pytest.mark.parametrize("page", EVERY, ids=lambda page: page.removeprefix("docs/"))
def test_commands_of_the_pages_are_understood(page: str) -> None:
    """Whole commands can be typed; what prose names has its verb, its options, and not too many arguments."""
    for step in typed(page):
        words = shlex.split(_plain(step.command).removesuffix("&"), comments=True)
        if words[0] == "pulsa":
            understood(words[1 : next((n for n, word in enumerate(words) if word in (">", "<<<")), None)])
    for words in lines(page):
        understood(words)
    for words in named(page):
        if words != ["NOUN", "VERB", "--help"]:
            understood(words, whole=False)


def test_what_no_verb_has_is_not_understood() -> None:
    for wrong in (
        "log drop",
        "number history MSISDN --all",
        "customer show CUSTOMER OTHER",
        "data export --customer C",
    ):
        with pytest.raises((AssertionError, typer.TyperException)):
            understood(wrong.split(), whole=False)
    understood(["number", "history", "MSISDN", "--refused"], whole=False)


def test_links_lead_somewhere() -> None:
    for page in (ROOT / name for name in EVERY):
        for target in re.findall(r"\]\((?!https?://)([^)#\s]+)[^)]*\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}"


def test_the_test_command_of_ci_is_the_readmes() -> None:
    assert "make test" in _README
    assert "make test" in (ROOT / ".ci" / "run").read_text("utf-8")


def test_the_smallest_terms_of_the_documentation_are_valid(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "write-terms.md").read_text("utf-8")
    toml = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert toml is not None
    path = tmp_path / "my-terms-2024.toml"
    path.write_text(toml[1], "utf-8")
    assert load(path).id == "my-terms-2024"
