"""The terms files: those that come with the ledger, and what is said of a faulty one."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ledger.domain.money import parse_amount
from ledger.domain.prepaid.terms import PrepaidTerms
from ledger.domain.rules import Rule
from ledger.domain.terms import Terms
from ledger.errors import TermsInvalid
from ledger.terms import bundled, bundled_and, load

BUNDLED = {terms.id: terms for terms in bundled() if isinstance(terms, PrepaidTerms)}
PRODUCTS = Path(__file__).parent

MINIMAL = """
id = "some-terms"
title = "some terms"
document = "a document"
operator = "some"
in_force_from = 2023-01-01
zone = "Asia/Jakarta"
"""
TARIFF = """
[[tariffs]]
id = "some-tariff"
version = "1"
in_force_from = 2023-01-01
[[tariffs.prices]]
service = "sms"
steps = [{ from = 0, increment = 1, price = "151.5" }]
"""


def read(folder: Path, text: str, name: str = "some.toml") -> PrepaidTerms:
    """The terms of a file with that text."""
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return prepaid(load(file))


def folder_of(path: Path) -> list[Terms]:
    """The terms of a folder, without the bundled ones that stand before them."""
    return bundled_and(path)[len(bundled()) :]


def prepaid(terms: Terms) -> PrepaidTerms:
    """Terms of prepaid credit."""
    assert isinstance(terms, PrepaidTerms)
    return terms


def faults(folder: Path, text: str) -> list[str]:
    """What is said of a file with that text, a line each, without the file's name."""
    with pytest.raises(TermsInvalid) as raised:
        read(folder, text)
    lines = str(raised.value).splitlines()
    begins = f"{folder / 'some.toml'}: "
    assert all(line.startswith(begins) for line in lines)
    return [line.removeprefix(begins) for line in lines]


class TestBundledFiles:
    def test_the_three_documents_are_there_under_their_ids(self) -> None:
        assert list(BUNDLED) == ["smartfren-prepaid-2023", "smartfren-prepaid-2025", "telkomsel-prepaid"]

    @pytest.mark.parametrize("terms", BUNDLED.values(), ids=list(BUNDLED))
    def test_every_rule_cites_its_clause_or_names_its_source(self, terms: PrepaidTerms) -> None:
        rules = [rule for rule in vars(terms).values() if isinstance(rule, Rule)]
        rules += [*terms.top_up.caps, *terms.grounds, *terms.tariffs]
        assert len(rules) > len(terms.grounds) + len(terms.tariffs)
        assert [rule for rule in rules if not rule.clause and not rule.source] == []

    def test_the_two_smartfren_documents_differ_on_when_credit_is_forfeited(self) -> None:
        assert BUNDLED["smartfren-prepaid-2023"].forfeiture.at == "restoring-top-up"
        assert BUNDLED["smartfren-prepaid-2025"].forfeiture.at == "waiting-start"

    @pytest.mark.parametrize(
        ("terms_id", "codes", "order", "force_majeure"),
        [
            ("smartfren-prepaid-2023", "abcdefghijkl", "e", "d"),
            ("smartfren-prepaid-2025", "abcdefghijk", "e", "d"),
            ("telkomsel-prepaid", "abcdefgh", "a", "g"),
        ],
    )
    def test_grounds_stand_in_the_documents_order(
        self, terms_id: str, codes: str, order: str, force_majeure: str
    ) -> None:
        terms = BUNDLED[terms_id]
        assert [ground.code for ground in terms.grounds] == [*codes, "lost-or-stolen"]
        assert {g.code: g.requires for g in terms.grounds if g.requires} == {
            order: "reference",
            force_majeure: "since",
        }
        assert terms.ground("z") is None

    @pytest.mark.parametrize("terms_id", ["smartfren-prepaid-2023", "smartfren-prepaid-2025"])
    def test_force_majeure_must_have_lasted_three_months(self, terms_id: str) -> None:
        ground = BUNDLED[terms_id].ground("d")
        assert ground is not None
        assert ground.months == 3

    @pytest.mark.parametrize("terms_id", ["smartfren-prepaid-2023", "smartfren-prepaid-2025"])
    def test_where_smartfren_publishes_nothing_the_ledgers_own_values_hold(self, terms_id: str) -> None:
        terms = BUNDLED[terms_id]
        assert (terms.starter_pack.days, terms.quarantine.days) == (30, 180)
        assert [fee.amount for fee in terms.card_replacement.fees] == [parse_amount("10000")]
        assert terms.reclaim.fee == parse_amount("25000")
        assert (terms.late_usage_days, terms.reversal_days) == (30, 30)

    @pytest.mark.clause("TS-02")
    def test_the_least_telkomsel_recharge_is_its_smallest_denomination(self) -> None:
        terms = BUNDLED["telkomsel-prepaid"]
        assert terms.days_of(parse_amount("4999.99")) is None
        assert terms.days_of(parse_amount("5000")) == 7
        assert terms.waiting.minimum == parse_amount("5000")

    def test_products_without_validity_or_fees_take_any_amount(self) -> None:
        for terms in (prepaid(load(PRODUCTS / f"{name}.toml")) for name in ("berka", "paysim")):
            assert not terms.has_validity
            assert terms.days_of(1) is None
            for amount in ("0.01", "1000000000"):
                band = terms.band_of(parse_amount(amount))
                assert band is not None
                assert (band.fee, band.days) == (0, 0)


class TestFaultyFiles:
    def test_a_minimal_file_is_enough(self, tmp_path: Path) -> None:
        terms = read(tmp_path, MINIMAL)
        assert (terms.id, terms.in_force_from, terms.zone.name) == (
            "some-terms",
            date(2023, 1, 1),
            "Asia/Jakarta",
        )
        assert (terms.rounding, terms.late_usage_days, terms.reversal_days, terms.quarantine.days) == (
            "sen",
            30,
            30,
            180,
        )

    @pytest.mark.parametrize(
        ("text", "fault"),
        [
            (
                MINIMAL + "colour = 1",
                "colour: the ledger knows no such key (it is 1); there are product, id, title,",
            ),
            (
                MINIMAL + "[grace]\ndays = 30\nhours = 2",
                "grace.hours: the ledger knows no such key (it is 2); there are days, clause, source",
            ),
            (
                MINIMAL.replace('zone = "Asia/Jakarta"', ""),
                "zone: is missing: a time zone such as Asia/Jakarta",
            ),
            (MINIMAL + "[grace]", "grace.days: is missing: a whole number of days from 0 to 36500"),
            (MINIMAL.replace("Asia/Jakarta", "Asia/Atlantis"), "zone: no time zone is named 'Asia/Atlantis'"),
            (
                MINIMAL.replace("some-terms", "Some Terms"),
                "id: is not a code of small letters, digits and hyphens, 60 at most (it is 'Some Terms')",
            ),
            (
                MINIMAL + '[grace]\ndays = 30\nclause = "18"',
                "grace.clause: is not a clause such as AB24-01 or AB24-19a (it is '18')",
            ),
            (
                MINIMAL + "[grace]\ndays = -1",
                "grace.days: is not a whole number of days from 0 to 36500 (it is -1)",
            ),
            (
                MINIMAL + "[grace]\ndays = 30.0",
                "grace.days: is not a whole number of days from 0 to 36500 (it is 30.0)",
            ),
            (
                MINIMAL + '[grace]\ndays = "30"',
                "grace.days: is not a whole number of days from 0 to 36500 (it is '30')",
            ),
            (
                MINIMAL + '[forfeiture]\nat = "never"',
                "forfeiture.at: is not one of restoring-top-up, waiting-start (it is 'never')",
            ),
            (
                MINIMAL + 'rounding = "thousand"',
                "rounding: is not one of sen, rupiah (it is 'thousand')",
            ),
        ],
    )
    def test_the_place_and_the_fault_are_named(self, tmp_path: Path, text: str, fault: str) -> None:
        (line,) = faults(tmp_path, text)
        assert line.startswith(fault)

    @pytest.mark.parametrize(
        ("given_as", "shown"), [("5000", "5000"), ("5000.0", "5000.0"), ("5e3", "5000.0"), ("true", "True")]
    )
    def test_money_that_is_no_string_is_refused(self, tmp_path: Path, given_as: str, shown: str) -> None:
        fault = f'money is written as a string, such as "5000" (it is {shown})'
        assert faults(tmp_path, f"{MINIMAL}[reclaim]\nfee = {given_as}") == [f"reclaim.fee: {fault}"]
        assert faults(
            tmp_path, f"{MINIMAL}[top_up]\ndenominations = [{{ credit = {given_as}, days = 7 }}]"
        ) == [f"top_up.denominations[0].credit: {fault}"]
        assert faults(
            tmp_path, f'{MINIMAL}[credit_transfer]\nbands = [{{ up_to = "1", fee = {given_as} }}]'
        ) == [f"credit_transfer.bands[0].fee: {fault}"]

    @pytest.mark.parametrize("written", ["5.000", "5,000", "-1", "1e3", "", "99999999999999"])
    def test_money_in_another_form_is_refused(self, tmp_path: Path, written: str) -> None:
        (line,) = faults(tmp_path, f'{MINIMAL}[reclaim]\nfee = "{written}"')
        assert line.startswith("reclaim.fee: ")
        assert line.endswith(f"(it is {written!r})")

    @pytest.mark.parametrize(
        "price",
        [
            "151.5",
            "152",
            '"1e3"',
            '"-1"',
            '"+1"',
            '" 1"',
            '"1_0"',
            '".5"',
            '"5."',
            '"NaN"',
            '"1/3"',
            '"01"',
            '""',
            '"٥"',  # noqa: RUF001 - a digit of another script
        ],
    )
    def test_a_price_that_is_no_decimal_string_is_refused(self, tmp_path: Path, price: str) -> None:
        (line,) = faults(tmp_path, MINIMAL + TARIFF.replace('"151.5"', price))
        assert line.startswith("tariffs[0].prices[0].steps[0].price: a price is written as a decimal string")

    @pytest.mark.parametrize(
        ("text", "fault"),
        [
            (
                TARIFF.replace("from = 0", "from = 1"),
                "tariffs[0].prices[0]: steps must begin at 0 and ascend",
            ),
            (
                TARIFF.replace("increment = 1", "increment = 0"),
                "tariffs[0].prices[0].steps[0].increment: is not a whole number of at least 1 (it is 0)",
            ),
            (TARIFF + TARIFF, "tariffs: must ascend by in_force_from"),
            (
                TARIFF + "band = { from = 22:00:30, to = 06:00:00 }",
                "tariffs[0].prices[0].band: a band begins and ends",
            ),
            (
                '[top_up]\ndenominations = [{ credit = "2", days = 1 }, { credit = "1", days = 1 }]',
                "top_up: denominations must ascend",
            ),
            (
                "[top_up]\ncaps = [{ in_force_from = 2023-01-01, days = 1 }, { in_force_from = 2023-01-01, days = 2 }]",
                "top_up: two caps are in force from the same day",
            ),
            ("[credit_transfer]\nbands = []", "credit_transfer: bands must ascend, and there must be one"),
            (
                '[credit_transfer]\nbands = [{ up_to = "1", fee = "0" }]\nmultiple_of = "0"',
                "credit_transfer.multiple_of: is not an amount in a string",
            ),
            (
                '[credit_transfer]\nbands = [{ up_to = "1", fee = "0" }]\ndaily_count = 2.0',
                "credit_transfer.daily_count: is not a whole number of at least 0",
            ),
            (
                '[[grounds]]\ncode = "a"\ntitle = "x"\n[[grounds]]\ncode = "a"\ntitle = "y"',
                "grounds: a code stands twice",
            ),
        ],
    )
    def test_rules_that_contradict_themselves_are_refused(
        self, tmp_path: Path, text: str, fault: str
    ) -> None:
        (line,) = faults(tmp_path, MINIMAL + text)
        assert line.startswith(fault)

    @pytest.mark.parametrize("written", ['"2023"', "2023", "2023-01-01T10:00:00", "10:00:00", '"x"'])
    def test_a_day_that_is_none_is_said_to_be_none(self, tmp_path: Path, written: str) -> None:
        (line,) = faults(tmp_path, MINIMAL.replace("2023-01-01", written))
        assert line.startswith("in_force_from: not a day such as 2023-07-03")

    @pytest.mark.parametrize(("named", "shown"), [('"postpade"', "'postpade'"), ("1", "1"), ("[]", "[]")])
    def test_a_product_that_the_ledger_does_not_know_is_refused(
        self, tmp_path: Path, named: str, shown: str
    ) -> None:
        (line,) = faults(tmp_path, f"{MINIMAL}product = {named}")
        assert (
            line
            == f"product: the ledger knows none of this name, but postpaid, prepaid, privacy (it is {shown})"
        )

    def test_a_file_that_names_no_product_is_of_prepaid(self, tmp_path: Path) -> None:
        unsaid, said = read(tmp_path, MINIMAL), read(tmp_path, MINIMAL + 'product = "prepaid"')
        assert unsaid.product == said.product == "prepaid"
        assert (unsaid.content, unsaid.digest) == (said.content, said.digest)
        assert "product" not in unsaid.content

    def test_nesting_without_end_is_a_fault_like_any(self, tmp_path: Path) -> None:
        deep = 100_000
        assert faults(tmp_path, f"{MINIMAL}x = {'[' * deep}{']' * deep}") == ["is nested too deeply"]

    @pytest.mark.parametrize("character", ["\\u001b[2J", "\\u009b", "\\u202e", "\\u0007"])
    def test_what_a_terminal_might_obey_is_refused(self, tmp_path: Path, character: str) -> None:
        text = MINIMAL + f'[[grounds]]\ncode = "a"\ntitle = "{character}"'
        assert faults(tmp_path, text) == ["grounds[0].title: has a character that is not printable"]

    def test_terms_that_are_too_large_for_an_event_are_refused(self, tmp_path: Path) -> None:
        grounds = "".join(f'[[grounds]]\ncode = "{n}"\ntitle = "{"x" * 1000}"\n' for n in range(500))
        (line,) = faults(tmp_path, MINIMAL + grounds)
        assert line.endswith("bytes; 500000 are the most that is published")

    def test_a_mark_of_byte_order_is_no_content(self, tmp_path: Path) -> None:
        file = tmp_path / "some.toml"
        file.write_bytes(b"\xef\xbb\xbf" + MINIMAL.encode())
        assert load(file).digest == read(tmp_path, MINIMAL).digest

    def test_every_fault_has_a_line_of_its_own(self, tmp_path: Path) -> None:
        assert faults(tmp_path, MINIMAL + "[reclaim]\nfee = 1\n[waiting]\nminimum = 2.5\n") == [
            "waiting.days: is missing: a whole number of days from 0 to 36500",
            'waiting.minimum: money is written as a string, such as "5000" (it is 2.5)',
            'reclaim.fee: money is written as a string, such as "5000" (it is 1)',
        ]

    @pytest.mark.parametrize("text", ["id = ", 'id = "a"\nid = "b"', "[grace\n", "id = 'x'\n[id]\n"])
    def test_a_file_that_is_no_toml_is_refused(self, tmp_path: Path, text: str) -> None:
        (line,) = faults(tmp_path, text)
        assert line.startswith("is not TOML: ")
        assert "line " in line or "end of document" in line

    def test_a_file_that_is_not_utf_8_is_refused(self, tmp_path: Path) -> None:
        file = tmp_path / "some.toml"
        file.write_bytes(b'id = "\xff"')
        with pytest.raises(TermsInvalid, match="is not UTF-8 from byte 6 on"):
            load(file)

    def test_a_file_or_folder_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(TermsInvalid, match=r"none\.toml: cannot be read: No such file"):
            load(tmp_path / "none.toml")
        with pytest.raises(TermsInvalid, match="none: is not a folder"):
            bundled_and(tmp_path / "none")

    def test_an_id_stands_in_one_file_only(self, tmp_path: Path) -> None:
        read(tmp_path, MINIMAL, "a.toml")
        read(tmp_path, MINIMAL, "b.toml")
        with pytest.raises(TermsInvalid) as raised:
            folder_of(tmp_path)
        assert (
            str(raised.value)
            == f"{tmp_path / 'b.toml'}: id: some-terms is the id of {tmp_path / 'a.toml'} already"
        )

    def test_the_faults_of_all_files_are_told_at_once(self, tmp_path: Path) -> None:
        for name in ("a.toml", "b.toml"):
            (tmp_path / name).write_text(MINIMAL + "[grace]", encoding="utf-8")
        with pytest.raises(TermsInvalid) as raised:
            folder_of(tmp_path)
        assert str(raised.value).splitlines() == [
            f"{tmp_path / name}: grace.days: is missing: a whole number of days from 0 to 36500"
            for name in ("a.toml", "b.toml")
        ]

    def test_a_folder_adds_to_the_bundled_terms_and_never_replaces_them(self, tmp_path: Path) -> None:
        assert bundled_and(None) == bundled()
        assert [t.id for t in bundled_and(PRODUCTS)] == [
            *(t.id for t in bundled()),
            "berka-overdraft",
            "berka",
            "jayapura",
            "paysim-overdraft",
            "paysim",
        ]
        read(tmp_path, MINIMAL.replace("some-terms", "telkomsel-prepaid"))
        with pytest.raises(
            TermsInvalid, match=r"some\.toml: id: telkomsel-prepaid is the id of .*telkomsel-prepaid\.toml"
        ):
            bundled_and(tmp_path)

    def test_comments_and_the_order_of_keys_change_nothing(self, tmp_path: Path) -> None:
        turned = "# a comment\n" + "\n".join(reversed(MINIMAL.strip().splitlines()))
        assert read(tmp_path, turned).digest == read(tmp_path, MINIMAL).digest

    def test_other_files_of_a_folder_are_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("not terms", encoding="utf-8")
        assert folder_of(tmp_path) == []
