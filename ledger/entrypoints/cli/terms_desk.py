"""The terms that are known, and what whoever owns a product asks of them: `terms list`, `terms new` and the rest."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.output import AsJson, counted, folded_below, say, say_folded, say_json
from ledger.entrypoints.cli.prose import say_clauses
from ledger.entrypoints.cli.tabulating import say_table
from ledger.errors import TermsInvalid, TermsMissing
from ledger.whole_files import written_whole

if TYPE_CHECKING:
    from ledger.domain.terms import Terms
    from ledger.terms.comparing import Unlike
    from ledger.terms.values import Value
    from ledger.wiring.settings import Settings

_OF_A_FILE = ".toml"
_DIGEST_SHOWN = 12

TermsId = Annotated[
    str, typer.Argument(metavar="TERMS", help="The id of terms, such as smartfren-prepaid-2023.")
]
TermsFile = Annotated[Path, typer.Argument(metavar="FILE", help="A terms file.")]
NewId = Annotated[str, typer.Argument(metavar="ID", help="What the terms are to be called.")]
ProductName = Annotated[
    str | None,
    typer.Option("--product", metavar="PRODUCT", help="What accounts are of (default: prepaid)."),
]
NewFile = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FILE", help="Where to (default: standard output)."),
]
One = Annotated[str, typer.Argument(metavar="FILE|ID", help="A terms file, or the id of known terms.")]
Other = Annotated[str, typer.Argument(metavar="FILE|ID", help="Those to hold against them.")]
KeyAsked = Annotated[
    str | None,
    typer.Argument(metavar="KEY", help="Only this key and those below it, such as grace or top_up.caps."),
]


def terms_list(settings: Settings, as_json: AsJson = False) -> int:
    """The terms that are known: those that come with the ledger, and those of PULSA_TERMS."""
    from ledger.wiring.composition import known_terms

    known = known_terms(settings)
    if as_json:
        for terms in known:
            say_json(
                {
                    "terms": terms.id,
                    "title": terms.title,
                    "document": terms.document,
                    "operator": terms.operator,
                    "in_force_from": str(terms.in_force_from),
                    "digest": terms.digest,
                }
            )
        return shell.DONE
    rows = [
        [terms.id, terms.title, str(terms.in_force_from), terms.digest[:_DIGEST_SHOWN]] for terms in known
    ]
    say_table("", ["terms", "title", "in force from", "digest"], rows)
    return shell.DONE


def terms_show(settings: Settings, terms: TermsId, as_json: AsJson = False) -> int:
    """Every rule of some terms, defaults included, and what their clauses say.

    With --json: what the log records of them at their first use.
    """
    from ledger.wiring.composition import known_terms

    for known in known_terms(settings):
        if known.id == terms:
            if as_json:
                say_json(json.loads(known.content))
            else:
                _say_terms(settings, known)
            return shell.DONE
    raise TermsMissing(f"no terms are named {terms}; `pulsa terms list` lists them")


def _say_terms(settings: Settings, terms: Terms) -> None:
    """Each value with its clause, and below all of them what the clauses say."""
    from ledger.terms.values import values_of

    say(f"{terms.id}: {terms.title}, in force from {terms.in_force_from}")
    clauses = []
    for value in values_of(terms):
        clauses.append(value.clause)
        cited = "" if value.clause is None else f" ({value.clause})"
        say_folded(f"{value.path}: {value.text}{cited}", "  ")
    say_clauses(settings, clauses)


def terms_check(file: TermsFile) -> int:
    """Check a terms file: says what is wrong in it, and where."""
    from ledger import terms as files

    try:
        found = files.load(file)
    except TermsInvalid as error:
        for fault in str(error).splitlines():
            shell.failed(error.code, fault, error.exit_code)
        return shell.REFUSED
    say_folded(f"{file}: {found.id} is valid, digest {found.digest}")
    return shell.DONE


def terms_new(terms_id: NewId, product: ProductName = None, out: NewFile = None) -> int:
    """Write a new terms file: every key with what it does and takes, and a tariff as an example."""
    from ledger.domain.terms_models import MODELS, UNSAID, resolved
    from ledger.store.backup import FileExists
    from ledger.terms.drafting import draft  # slow to import

    product = UNSAID if product is None else product
    if product not in MODELS:
        raise typer.BadParameter(f"--product: {product!r} is not one of {', '.join(sorted(MODELS))}")
    text = draft(MODELS[product], terms_id)
    try:
        resolved(tomllib.loads(text))
    except TermsInvalid as error:
        raise typer.BadParameter(str(error)) from None
    if out is None:
        say(text.removesuffix("\n"))
        return shell.DONE
    try:
        with written_whole(out, mode=0o666) as file:
            file.write(text.encode())
    except FileExistsError:
        raise FileExists(f"{out}: there is a file already") from None
    say_folded(f"{out}: written; `pulsa terms check {out}` says what is wrong in it once you have changed it")
    return shell.DONE


def terms_diff(settings: Settings, one: One, other: Other, as_json: AsJson = False) -> int:
    """What differs between two documents, key by key: both values, and the clauses that say so."""
    from ledger.terms.comparing import compare  # slow to import

    a, b = _named(settings, one), _named(settings, other)
    found = list(compare(a, b))
    if as_json:
        for unlike in found:
            say_json(unlike.to_json())
        return shell.DONE
    said = [unlike for unlike in found if not unlike.only_the_clause]
    say(f"a: {a.id}")
    say(f"b: {b.id}")
    for unlike in said:
        _say_unlike(unlike)
    alike = len(found) - len(said)
    say(
        counted(len(said), "difference")
        + (f", and {alike} keys that differ by their clause alone" if alike else "")
    )
    return shell.DONE


def terms_explain(settings: Settings, terms: One, key: KeyAsked = None, as_json: AsJson = False) -> int:
    """Every value of a document: what it does, the clause that says so, and where it was published."""
    from ledger.terms.explained import explain  # slow to import

    for found in explain(_named(settings, terms), key):
        if as_json:
            say_json(found.to_json())
            continue
        value = found.value
        say(f"{value.path}: {value.text}{'' if value.said else ' (not said: this holds then)'}")
        _say_below(found.does)
        if value.clause is not None:
            _say_below(f"{value.clause}: {found.clause_title or 'not in the register of clauses'}")
        if value.source:
            _say_below(f"source: {value.source}")
    return shell.DONE


def _named(settings: Settings, named: str) -> Terms:
    """The terms of a file, or known ones by their id. Raises TermsInvalid, TermsMissing."""
    from ledger import terms as files
    from ledger.wiring.composition import known_terms

    if named.endswith(_OF_A_FILE):
        return files.load(Path(named))
    for known in known_terms(settings):
        if known.id == named:
            return known
    raise TermsMissing(f"no terms are named {named}; `pulsa terms list` lists them, and a file ends in .toml")


def _say_unlike(unlike: Unlike) -> None:
    say(unlike.path)
    for side, value in (("a", unlike.one), ("b", unlike.other)):
        _say_below(f"{side}: {_in_words(value)}")


def _in_words(value: Value | None) -> str:
    if value is None:
        return "has no such key"
    return f"{value.text} ({value.clause})" if value.clause else value.text


def _say_below(text: str) -> None:
    for line in folded_below("  ", text):
        say(line)
