"""New documents, what differs between two, what one says, and the page of every key: all made from the models."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from ledger.domain.line.product import PRODUCTS
from ledger.domain.prepaid.terms import PrepaidTerms
from ledger.domain.tariffs import TariffStep
from ledger.domain.terms import AccountTerms, Terms
from ledger.domain.terms_keys import keys_of, places
from ledger.errors import TermsMissing
from ledger.terms import bundled, load
from ledger.terms.clauses import clause_titles
from ledger.terms.comparing import compare
from ledger.terms.drafting import draft
from ledger.terms.explained import explain
from ledger.terms.reference import reference
from ledger.terms.values import values_of
from ledger.terms.wording import title_of, words_of
from tests.domain.flat import FlatTerms

SP23, XP25, TSEL = (
    terms
    for terms in bundled()
    if terms.id in ("smartfren-prepaid-2023", "smartfren-prepaid-2025", "telkomsel-prepaid")
)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "terms-reference.md"


def written(folder: Path, text: str) -> Terms:
    """The terms of a file with that text."""
    file = folder / "some.toml"
    file.write_text(text, encoding="utf-8")
    return load(file)


class TestNewDocuments:
    @pytest.mark.parametrize("product", sorted(PRODUCTS))
    def test_a_new_document_loads_and_has_a_tariff(self, tmp_path: Path, product: str) -> None:
        text = draft(PRODUCTS[product].terms, "my-terms")
        terms = written(tmp_path, text)
        assert isinstance(terms, AccountTerms)
        assert (terms.id, terms.product) == ("my-terms", product)
        assert terms.price_for("voice", "off-net", "zone1", 1_720_000_000_000_000) is not None

    def test_every_key_stands_in_it_and_whatever_is_taken_from_behind_its_sign_is_valid(
        self, tmp_path: Path
    ) -> None:
        text = draft(PrepaidTerms, "my-terms")
        assert sum(line.startswith("#") and line[1:2].strip() != "" for line in text.splitlines()) > 40
        everything = re.sub(r"^#(?![ \n])", "", text, flags=re.MULTILINE)
        said = tomllib.loads(everything)
        written(tmp_path, everything)
        for path, _ in places(PrepaidTerms):
            found: object = said
            for part in path.replace("[]", "").split("."):
                found = found[0] if isinstance(found, list) else found
                assert isinstance(found, dict), path
                assert part in found or part in ("clause", "source"), path
                found = found.get(part, {})

    def test_what_stands_behind_a_sign_and_is_said_changes_nothing(self, tmp_path: Path) -> None:
        """What holds where nothing is said is what stands there: taking a default in changes no digest."""
        text = draft(PrepaidTerms, "my-terms")
        before = written(tmp_path, text).digest
        for line in ('#rounding = "sen"', "#late_usage_days = 30", "#reversal_days = 30"):
            assert f"\n{line}\n" in text
            text = text.replace(line, line[1:])
        assert written(tmp_path, text).digest == before

    def test_another_products_model_is_drafted_alike(self) -> None:
        assert 'product = "flat"\n' in draft(FlatTerms, "mine")


class TestDifferences:
    def test_the_two_smartfren_documents_differ_on_when_credit_is_lost_each_by_its_clause(self) -> None:
        found = {unlike.path: unlike for unlike in compare(SP23, XP25)}
        lost = found["forfeiture.at"]
        assert lost.to_json() == {
            "key": "forfeiture.at",
            "a": {"value": "restoring-top-up", "clause": "SP23-20", "said": True},
            "b": {"value": "waiting-start", "clause": "XP25-16", "said": True},
        }
        assert not lost.only_the_clause
        assert found["grace.days"].only_the_clause
        assert found["starter_pack.expiry_clause"].only_the_clause
        assert found["grounds[l].title"].other is None
        assert "zone" not in found

    def test_nothing_differs_from_itself_and_whatever_changes_a_digest_is_found(self, tmp_path: Path) -> None:
        assert list(compare(SP23, SP23)) == []
        text = (Path(__file__).parents[2] / "ledger/terms/smartfren-prepaid-2023.toml").read_text("utf-8")
        changes = {
            "grace.days": ('clause = "SP23-18"\ndays = 30', 'clause = "SP23-18"\ndays = 31'),
            "top_up.denominations[5000].days": (
                '{ credit = "5000", days = 7 }',
                '{ credit = "5000", days = 8 }',
            ),
            "clauses.use": ('use = "SP23-14"', 'use = "SP23-13"'),
            "card_replacement.fees[replacement].amount": ('amount = "10000"', 'amount = "10000.01"'),
        }
        for path, (before, after) in changes.items():
            assert text.count(before) == 1
            other = written(tmp_path, text.replace(before, after))
            assert other.digest != SP23.digest
            (unlike,) = compare(SP23, other)
            assert unlike.path == path

    def test_an_item_more_is_told_by_what_it_is_and_shifts_no_other(self, tmp_path: Path) -> None:
        text = (Path(__file__).parents[2] / "ledger/terms/smartfren-prepaid-2023.toml").read_text("utf-8")
        item = '    { credit = "10000", days = 15 },'
        more = text.replace(item, f'    {{ credit = "7000", days = 9 }},\n{item}')
        found = [(unlike.path, unlike.one) for unlike in compare(SP23, written(tmp_path, more))]
        assert found == [
            ("top_up.denominations[7000].credit", None),
            ("top_up.denominations[7000].days", None),
        ]


class TestExplaining:
    @pytest.mark.parametrize("terms", [SP23, XP25, TSEL], ids=lambda terms: terms.id)
    def test_every_value_that_is_published_is_explained(self, terms: Terms) -> None:
        def leaves(value: object) -> int:
            if isinstance(value, dict):
                return sum(leaves(inner) for key, inner in value.items() if key != "clause")
            if isinstance(value, list) and value and isinstance(value[0], dict):
                return sum(map(leaves, value))
            return 1

        where_said = {"product", "dispute_days", "clauses.disputes"}
        told = [one for one in explain(terms) if one.value.path not in where_said]
        assert len(told) == leaves(json.loads(terms.content))
        assert all(one.does for one in told)
        assert len({one.value.path for one in told}) == len(told)

    def test_a_value_is_told_with_its_clause_in_words_its_source_and_what_it_does(self) -> None:
        (grace,) = explain(SP23, "grace.days")
        assert grace.to_json() == {
            "key": "grace.days",
            "value": 30,
            "said": True,
            "does": "After the end of validity: no use that costs credit, and any top-up restores it."
            " How long it lasts.",
            "takes": "a whole number of days from 0 to 36500",
            "clause": "SP23-18",
            "clause_title": clause_titles()["SP23-18"],
            "source": None,
        }
        (fee,) = explain(SP23, "reclaim.fee")
        assert fee.to_json()["source"] == "fee: nothing published, the ledger's own value"

    @pytest.mark.parametrize(
        ("key", "paths"),
        [
            ("grace", ["grace.days"]),
            ("waiting", ["waiting.days", "waiting.minimum"]),
            ("top_up.denominations[5000].days", ["top_up.denominations[5000].days"]),
            ("grounds[a]", [f"grounds[a].{name}" for name in ("code", "title", "requires", "months")]),
        ],
    )
    def test_a_key_stands_for_all_below_it(self, key: str, paths: list[str]) -> None:
        assert [one.value.path for one in explain(SP23, key)] == paths

    def test_a_list_is_meant_whole_where_no_item_is_named(self) -> None:
        days = [one.value.value for one in explain(SP23, "top_up.denominations.days")]
        assert days == [7, 15, 30, 30, 60, 75, 120, 150, 150, 180, 240, 360]

    def test_a_default_is_told_as_one(self) -> None:
        (zones,) = explain(SP23, "rounding")
        (window,) = explain(TSEL, "late_usage_days")
        assert (zones.value.said, window.value.said) == (True, "late_usage_days" in TSEL.said)

    def test_a_key_that_is_none_is_refused_with_those_like_it(self) -> None:
        with pytest.raises(TermsMissing, match=r"there is no key grce; these are like it: grace"):
            list(explain(SP23, "grce"))


class TestKeys:
    @pytest.mark.parametrize("product", sorted(PRODUCTS))
    def test_every_key_says_what_it_does_and_takes(self, product: str) -> None:
        told = {path: words_of(key) for path, key in places(PRODUCTS[product].terms)}
        assert [path for path, words in told.items() if not words.endswith(".")] == []
        keys = [key for _, key in places(PRODUCTS[product].terms)]
        assert [key.name for key in keys if not key.takes] == []
        assert [key.name for key in keys if words_of(key) == title_of(key.owner)] == []

    def test_a_key_may_be_called_otherwise_than_its_field(self) -> None:
        step = keys_of(TariffStep)["from"]
        assert (step.field, step.takes, step.required) == ("start", "a whole number of at least 0", True)
        assert keys_of(PrepaidTerms)["zone"].field == "time_zone"

    def test_the_page_of_every_key_is_the_models(self) -> None:
        assert PAGE.read_text("utf-8") == reference(), (
            "run python -m ledger.terms.reference > docs/terms-reference.md"
        )

    def test_the_items_of_a_list_that_say_the_same_are_told_apart(self, tmp_path: Path) -> None:
        tariff = draft(PrepaidTerms, "my-terms")
        price = '[[tariffs.prices]]\nservice = "sms"\nsteps = [{ from = 0, increment = 1, price = "1" }]\n'
        paths = [value.path for value in values_of(written(tmp_path, f"{tariff}\n{price}{price}"))]
        assert len(set(paths)) == len(paths)
        assert "tariffs[example].prices[3].service" in paths
