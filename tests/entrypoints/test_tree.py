"""The words of `pulsa`: help on a screen, an example of every verb that can be pasted, one place for settings."""

from __future__ import annotations

import shlex
from importlib import import_module
from typing import Any, cast

import pytest
import typer

from ledger.entrypoints.cli.app import app
from ledger.entrypoints.cli.branches import paths
from ledger.entrypoints.cli.nouns import Noun, Verb
from ledger.entrypoints.cli.tree import TREE
from ledger.release import RELEASE
from tests.entrypoints.pulsa import Pulsa

EVERY = pytest.mark.parametrize(("path", "verb"), [pytest.param(*one, id=one[0]) for one in paths()])
SETTINGS = (
    "--log FILE",
    "--now INSTANT",
    "--clock live|played",
    "--terms-folder FOLDER",
    "--kafka HOST:PORT",
)


def test_the_first_help_is_one_screen_with_every_word_and_every_setting(pulsa: Pulsa) -> None:
    lines = pulsa.done("--help").splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 24
    words = {word.rstrip(",") for line in lines for word in line.split()}
    assert TREE.keys() <= words
    assert all(setting in "\n".join(lines) for setting in SETTINGS)


@EVERY
def test_help_of_a_verb_is_for_people(pulsa: Pulsa, path: str, verb: Verb) -> None:
    said = pulsa.done(*path.split(), "--help")
    assert max(map(len, said.splitlines())) <= 80
    assert "<" not in said
    assert not {"sen", "Sen", "None"} & set(said.replace(".", " ").split()), said
    if path != "settings":
        assert "--terms-folder" not in said
        assert "Settings" not in said
    example = said[said.index("Example:\n") :].replace("\\\n", "")
    assert shlex.split(example)[1:] == ["pulsa", *path.split(), *verb.example.split()]


@EVERY
def test_an_example_is_understood(path: str, verb: Verb) -> None:
    """Nothing is done: only what it says is read."""
    group: Any = typer.main.get_command(app)
    command = group
    with typer.Context(group, info_name="pulsa") as ctx:
        for word in path.split():
            command = cast("Any", command.get_command(ctx, word))
        command.make_context(path, shlex.split(verb.example), parent=ctx)


@pytest.mark.parametrize("name", [name for name, found in TREE.items() if isinstance(found, Noun)])
def test_a_noun_alone_names_its_verbs(pulsa: Pulsa, name: str) -> None:
    said = pulsa.done(name)
    assert said == pulsa.done(name, "--help")
    noun = TREE[name]
    assert isinstance(noun, Noun)
    assert all(f"\n  {verb} " in said for verb in noun.verbs)


def test_every_function_of_the_tree_is_there_and_no_command_is_said_twice() -> None:
    done = [verb.does for _, verb in paths()]
    assert len(set(done)) == len(done)
    for does in done:
        module, colon, function = does.partition(":")
        if colon:
            assert callable(getattr(import_module(f"ledger.entrypoints.cli.{module}"), function)), does


def test_a_verb_that_is_said_without_its_noun_is_told_where_it_is(pulsa: Pulsa) -> None:
    assert pulsa.complaint("reserve") == "usage: No such command 'reserve'. Did you mean 'credit reserve'?"
    turned = "usage: No such command 'access-request'. Did you mean 'request-access'?"
    assert pulsa.complaint("customer", "access-request") == turned
    assert pulsa.complaint("reportt") == "usage: No such command 'reportt'. Did you mean 'report'?"


def test_it_says_which_release_it_is(pulsa: Pulsa) -> None:
    assert pulsa.done("--version") == f"pulsa {RELEASE}\n"


def test_settings_are_taken_before_the_noun_and_behind_the_verb(pulsa: Pulsa) -> None:
    before = pulsa.json("--log", "other.db", "settings")[0]
    behind = pulsa.json("settings", "--log", "other.db")[0]
    assert before["log"] == behind["log"] == {"value": "other.db", "source": "option --log"}
