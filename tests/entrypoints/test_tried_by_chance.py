"""Whatever is tried by chance, verbs and files alike, has the outcome that it then has, and leaves every byte alone.

A population is taken in up to moments that chance picks; at each, some verb is tried and carried out.
"""

from __future__ import annotations

import json
import random
import shlex
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from ledger.domain.kinds import COMMANDS
from ledger.entrypoints.cli.branches import paths
from ledger.entrypoints.command_fields import fields_of
from ledger.simulation import CONTRACTS_CAST, PERSONS_CAST, commands
from ledger.simulation.feed import CommandRow
from tests.entrypoints.pulsa import Pulsa
from tests.entrypoints.test_dry_run import NOTHING, contents
from tests.often import TIMES

VERBS = {verb.does: (path.split(), verb.example) for path, verb in paths() if verb.does in COMMANDS}
"""Where each command stands in the tree, and an example of it."""
VALUES = json.dumps({"name": "Budi Santoso", "email": "budi@example.net"})
"""What the vault is told of a person."""
MOMENTS = 12
SUBSCRIBERS, MONTHS = 18, 8


def words_of(record: CommandRow, chance: random.Random, others: list[CommandRow]) -> list[str]:
    """A record as the command line takes it; now and then with something of another one."""
    said = dict(record)
    if chance.randrange(4) == 0:
        name = chance.choice(sorted(said.keys() - {"command", "at", "command_id"}))
        said[name] = chance.choice(others).get(name, said[name])
    words = list(VERBS[record["command"]][0])
    for field in fields_of(record["command"]):
        name = field["name"]
        if name not in said:
            continue
        option, value = f"--{name.replace('_', '-')}", said[name]
        if name == "msisdn":
            words.append(value)
        elif field["form"] == "flag":
            words.append(option if value else f"--no-{option[2:]}")
        elif field["form"] == "lines":
            words += [option, ";".join(f"{one['kind']}:{one['amount']}:{one['text']}" for one in value)]
        elif isinstance(value, list):
            words += [option, ",".join(value)]
        else:
            words += [option, str(value).lower() if value is True else str(value)]
    return words


def picked(records: list[CommandRow], chance: random.Random) -> Iterator[tuple[int, list[str]]]:
    """Moments, by the place of the record that comes next, and the words that are tried there, in order."""
    kinds: defaultdict[str, list[int]] = defaultdict(list)
    for place, record in enumerate(records):
        kinds[record["command"]].append(place)
    chosen = []
    for command in chance.sample(sorted(VERBS), MOMENTS):
        if kinds[command]:
            own = chance.choice(kinds[command])
            then = own if chance.randrange(4) else min(own + chance.randrange(200), len(records) - 1)
            others = [records[place] for place in kinds[command]]
            said = {**records[own], "at": records[then]["at"]}
            chosen.append((then, words_of(said, chance, others)))
        else:
            then = chance.randrange(len(records))
            path, example = VERBS[command]
            id_ = ("--command-id", f"by-chance-{command}", "--at", records[then]["at"])
            chosen.append((then, [*path, *shlex.split(example), *id_]))
    chosen += [of_a_person(verb, records, chance) for verb in ("register", "register", "rectify")]
    return iter(sorted(chosen))


def of_a_person(verb: str, records: list[CommandRow], chance: random.Random) -> tuple[int, list[str]]:
    """A moment, and the words that tell the vault of a person there; VALUES is what is fed."""
    persons = [one["customer"] for one in records if one["command"] == "RegisterCustomer"]
    customer, then = (
        chance.choice([*persons, "customer/CAB3DE4FG5HI6JK7LM8NO"]),
        chance.randrange(len(records)),
    )
    words = ["customer", verb, customer, "--values", "-", "--command-id", f"by-chance-{then}"]
    more = ["--terms", "privacy-smarty", "--source", "gallery"] if verb == "register" else []
    return then, [*words, *more, "--at", records[then]["at"]]


def holds(desk: Pulsa, words: list[str], chance: random.Random) -> int:
    """Tries a verb, carries it out, and holds one against the other; returns the exit code of both."""
    before, feed = contents(desk.folder), VALUES if "--values" in words else None
    if chance.randrange(2):
        tried = desk(*words, "--json", "--dry-run", feed=feed)
        assert contents(desk.folder) == before, words
        done = desk(*words, "--json", feed=feed)
        if tried.exit_code != 2:
            said = [json.loads(line) for line in tried.stdout.splitlines()]
            if words[0] != "reconcile":  # which prints the items, that are there in any case
                assert all(one.pop("dry_run") is True for one in said)
            assert [json.loads(line) for line in done.stdout.splitlines()] == said, words
    else:
        tried = desk(*words, "--dry-run", feed=feed)
        assert contents(desk.folder) == before, words
        done = desk(*words, feed=feed)
        said_of_it = done.stdout if done.exit_code == 2 else done.stdout + NOTHING
        assert tried.stdout == said_of_it, words
    assert (tried.exit_code, tried.stderr) == (done.exit_code, done.stderr), words
    return done.exit_code


def settled(desk: Pulsa, records: list[CommandRow], files: Path, chance: random.Random) -> set[int]:
    """Tries and does what takes in files of others and moves time: closes, receives, reconciles; the exit codes.

    The statement tells of some of the top-ups, a few of them of another amount or not on record.
    """
    top_ups = [one for one in records if one["command"] == "TopUp"]
    told = chance.sample(top_ups, min(len(top_ups), 1 + chance.randrange(12)))
    lines = [[one["command_id"], one["msisdn"], one["at"][:10], str(one["price"])] for one in told]
    for line in lines:
        place = chance.randrange(8)
        if place < len(line):
            line[place] = chance.choice(["x-1", "6288199999999", "2024-02-30", "1.234", "", "99999"])
    mapping, file = files / "channel.toml", files / "channel.csv"
    mapping.write_text(
        'kind = "channel"\nfields = ["reference", "account", "date", "amount"]\nnumber = "one"\n'
    )
    file.write_text("".join(",".join(line) + "\n" for line in lines))
    last, next_day = records[-1]["at"], f"{records[-1]['at'][:4]}-12-31T23:59:59Z"
    codes = {holds(desk, ["log", "advance", "--now", last], chance)}
    received = ["statement", "receive", str(file), "--mapping", str(mapping), "--now", last]
    codes.add(holds(desk, received, chance))
    statements = desk.json("statement", "list", "--now", last)
    codes.add(holds(desk, ["log", "advance", "--now", next_day], chance))
    for one in statements or [{"statement": "statement/none"}]:
        which = chance.choice([["--record"], ["--open"], ["--record", "--open"], ["--differences"]])
        known_at = chance.choice([[], ["--known-at", last]])
        for _ in range(2):  # the second time it is repeated
            codes.add(
                holds(desk, ["reconcile", one["statement"], *which, *known_at, "--now", next_day], chance)
            )
    return codes


def takes_in(desk: Pulsa, file: Path) -> None:
    """Tries to take a file in, does so, and holds the outcomes of one against those of the other."""
    tried, done = file.with_suffix(".tried"), file.with_suffix(".done")
    before = contents(desk.folder)
    first = desk("ingest", str(file), "--dry-run", "--outcomes", str(tried))
    assert contents(desk.folder) == before
    second = desk("ingest", str(file), "--outcomes", str(done))
    assert first.exit_code == second.exit_code
    assert tried.read_bytes() == done.read_bytes()


def test_what_is_tried_has_the_outcome_that_it_then_has(tmp_path: Path, chance: random.Random) -> None:
    for time in range(TIMES):
        folder, files = tmp_path / f"log-{time}", tmp_path / f"files-{time}"
        folder.mkdir()
        files.mkdir()
        desk = Pulsa(folder, PULSA_VAULT_KEY=str(folder / "keys" / "vault.key"))
        (folder / "keys").mkdir()
        desk.done("vault", "new-key", str(folder / "keys" / "vault.key"))
        everything = commands(
            SUBSCRIBERS, MONTHS, chance.randrange(10**6), contracts=CONTRACTS_CAST, registered=PERSONS_CAST
        )
        records, place, codes = list(everything), 0, set()
        for then, words in picked(records, chance):
            if then > place:
                file = files / f"{place}.jsonl"
                file.write_text("".join(json.dumps(one) + "\n" for one in records[place:then]))
                takes_in(desk, file)
                place = then
            codes.add(holds(desk, words, chance))
        codes |= settled(desk, records[:place] or records[:1], files, chance)
        assert 0 in codes, "nothing was accepted"
