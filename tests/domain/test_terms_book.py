"""The book of terms: what was published stands as it was written, and says what it said under any later model."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.prepaid.terms import PrepaidTerms
from ledger.domain.rules import Days, Rule
from ledger.domain.terms import Terms, added
from ledger.domain.terms_book import Document, TermsBook
from ledger.domain.terms_keys import json_of
from ledger.domain.terms_models import MODELS, said_by
from ledger.errors import TermsChanged, TermsInvalid, TermsMissing
from ledger.release import RELEASE
from tests.given import SP23, XP25, variant


class Loyalty(Rule):
    """What a later release might let a document say."""

    days: Days = 0


class Wider(PrepaidTerms):
    """The model of a later release: with one more section, and a field that is published only where it is said."""

    loyalty: Loyalty = Loyalty()
    gift_days: Days = added(0)


class Toy(Terms):
    """The terms of another product."""

    product: Literal["toy"] = "toy"
    wheels: int = 4


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on the model is that of a later release."""
    monkeypatch.setitem(MODELS, "prepaid", Wider)


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on there are toys."""
    monkeypatch.setitem(MODELS, "toy", Toy)


def wider(of: Terms, **rules: object) -> Terms:
    """The same terms as a file of the later release has them, with rules of its own."""
    return said_by(Wider, json_of(of) | rules)


def saying(of: Terms, **values: object) -> Document:
    """What another release has published of terms: with these keys beside those that this one knows."""
    content = json.dumps(json.loads(of.content) | values)
    return Document(of.id, content, hashlib.sha256(content.encode()).hexdigest())


def published(*documents: Document, files: tuple[Terms, ...] = ()) -> TermsBook:
    """A book of files, once the log has published these."""
    book = TermsBook(files)
    for document in documents:
        book.publish(document)
    return book


OLD = variant(SP23, "some-terms")
DOCUMENT = Document.of(OLD)


@pytest.mark.usefixtures("later")
class TestTermsOfAnEarlierRelease:
    def test_their_text_and_digest_stay_what_they_were(self) -> None:
        file = wider(OLD)
        assert file.content != OLD.content
        for book in (published(DOCUMENT), published(DOCUMENT, files=(file,))):
            assert book["some-terms"].content == file.content
            assert book.document("some-terms") == DOCUMENT
            assert book.digest("some-terms") == OLD.digest
            assert book.has_published("some-terms", OLD.digest)
            assert not book.has_published("some-terms", file.digest)

    def test_what_they_do_not_say_is_its_default(self) -> None:
        found = published(DOCUMENT).of(Wider, "some-terms")
        assert (found.loyalty, found.gift_days) == (Loyalty(), 0)

    @pytest.mark.parametrize(
        "said", [{"loyalty": {"days": 0}}, {"gift_days": 0}, {"loyalty": {"days": 0, "source": "a page"}}]
    )
    def test_a_file_may_say_the_default(self, said: dict[str, object]) -> None:
        book = published(DOCUMENT, files=(wider(OLD, **said),))
        assert book.document("some-terms") == DOCUMENT
        assert book["some-terms"].product == "prepaid"

    @pytest.mark.parametrize("said", [{"loyalty": {"days": 1}}, {"gift_days": 1}])
    def test_a_file_may_not_say_otherwise(self, said: dict[str, object]) -> None:
        (name,) = said
        book = published(DOCUMENT, files=(wider(OLD, **said),))
        with pytest.raises(TermsChanged, match=rf"some-terms .* with other values: {name}$"):
            book["some-terms"]

    def test_a_field_that_was_added_is_published_only_where_it_is_said(self) -> None:
        assert "gift_days" not in wider(OLD).content
        assert json.loads(wider(OLD, gift_days=1).content)["gift_days"] == 1

    def test_partitions_may_have_them_from_different_releases(self) -> None:
        again = Document.of(wider(OLD))
        book = published(DOCUMENT, again)
        assert book["some-terms"].content == again.content
        assert book.document("some-terms") == DOCUMENT
        assert book.has_published("some-terms", DOCUMENT.digest)
        assert book.has_published("some-terms", again.digest)
        assert len(list(book)) == len(book.documents()) == 1


class TestTermsOfALaterRelease:
    def test_the_key_and_the_release_that_does_not_know_it_are_named(self) -> None:
        book = published(saying(OLD, loyalty={"days": 1}, grace={"days": 3, "hours": 1}))
        with pytest.raises(TermsInvalid) as raised:
            book["some-terms"]
        known = "the ledger knows no such key"
        assert str(raised.value) == (
            f"terms some-terms, as published, are not understood by release {RELEASE}:"
            f" grace.hours: {known} (it is 1); loyalty: {known}"
        )

    def test_their_product_is_named(self) -> None:
        with pytest.raises(
            TermsInvalid, match=r"product: .* but postpaid, prepaid, privacy \(it is 'broadband'\)"
        ):
            published(saying(OLD, product="broadband"))["some-terms"]

    def test_they_stop_nobody_who_has_nothing_to_do_with_them(self) -> None:
        book = published(saying(OLD, loyalty={"days": 1}), files=(variant(XP25, "others"),))
        assert book["others"].id == "others"
        assert [document.terms_id for document in book.documents()] == ["others", "some-terms"]
        assert book.published == {"some-terms"}

    def test_whoever_decides_under_what_a_log_has_published_is_stopped_at_once(self) -> None:
        with pytest.raises(TermsInvalid, match="loyalty"):
            TermsBook().recall([saying(OLD, loyalty={})])
        with pytest.raises(TermsChanged, match=r"with other values: grace$"):
            TermsBook([variant(SP23, "some-terms", grace={"days": 1, "clause": "SP23-18"})]).recall(
                [DOCUMENT]
            )


class TestDamagedTerms:
    @pytest.mark.parametrize(
        ("content", "fault"),
        [
            ("", "is not JSON"),
            ("{", "is not JSON"),
            ("[" * 100_000, "is not JSON"),
            ("[]", "is not a JSON object"),
            ("{}", "id: is missing; title: is missing"),
            (DOCUMENT.content.replace('"title"', '"\\u001b[2J"'), r"\\x1b\[2J: the ledger knows no such key"),
            (DOCUMENT.content.replace('"title"', f'"{"x" * 400_000}"'), "x{150,200}; "),
            (DOCUMENT.content.replace('"some-terms"', '"others"'), "id: it is others"),
            (
                DOCUMENT.content.replace('"days":30', '"days":-1'),
                r"grace.days: is not a whole number of days from 0",
            ),
        ],
        ids=range(9),
    )
    def test_they_are_invalid_in_a_line_that_can_be_shown(self, content: str, fault: str) -> None:
        with pytest.raises(TermsInvalid, match=fault) as raised:
            published(Document("some-terms", content, ""))["some-terms"]
        assert str(raised.value).isprintable()
        assert len(str(raised.value)) < 2500

    @given(st.data())
    def test_whatever_the_text_is_nothing_else_is_raised(self, data: st.DataObject) -> None:
        start = data.draw(st.integers(0, len(DOCUMENT.content)))
        end = data.draw(st.integers(start, min(start + 20, len(DOCUMENT.content))))
        piece = data.draw(
            st.text(max_size=5) | st.sampled_from(["null", "{}", '""', "1e999", "\\ud800", "NaN"])
        )
        content = DOCUMENT.content[:start] + piece + DOCUMENT.content[end:]
        book = published(Document("some-terms", content, ""), files=(OLD,))
        with suppress(TermsInvalid, TermsChanged):
            assert book["some-terms"].content == OLD.content
        assert book.document("some-terms").content == content

    def test_they_are_read_once_however_often_they_are_asked_for(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        book = published(Document("some-terms", "{}", ""))
        for _ in range(2):
            with pytest.raises(TermsInvalid, match="id: is missing"):
                book["some-terms"]
            monkeypatch.delattr(Document, "rules", raising=False)
        book.withdraw("some-terms")
        with pytest.raises(KeyError):
            book["some-terms"]


class TestPublishing:
    def test_a_file_may_not_differ_from_what_was_published_under_its_id(self) -> None:
        file = variant(SP23, "some-terms", reversal_days=31, grace={"days": 1, "clause": "SP23-18"})
        with pytest.raises(TermsChanged, match=r"some-terms .* with other values: grace, reversal_days"):
            published(DOCUMENT, files=(file,))["some-terms"]

    def test_published_terms_are_known_without_their_file(self) -> None:
        book = TermsBook()
        assert "some-terms" not in book
        book.publish(DOCUMENT)
        assert [terms.content for terms in book] == [OLD.content]
        assert (book.document("some-terms"), book.digest("some-terms")) == (DOCUMENT, OLD.digest)
        assert book.published == {"some-terms"}

    def test_the_terms_of_files_are_not_published_before_their_first_use(self) -> None:
        book = TermsBook([OLD])
        assert "some-terms" in book
        assert book.published == set()
        assert book.document("some-terms") == DOCUMENT

    def test_what_was_not_recorded_is_withdrawn_and_can_be_published_again(self) -> None:
        book = published(DOCUMENT, files=(OLD,))
        book.withdraw("some-terms")
        assert book.published == set()
        assert book.document("some-terms") == DOCUMENT
        assert book["some-terms"].content == OLD.content
        book.publish(book.document("some-terms"))
        assert book.published == {"some-terms"}

    def test_what_was_begun_again_holds_what_the_log_has_and_no_more(self) -> None:
        other = Document.of(variant(XP25, "others"))
        book = published(DOCUMENT, other, files=(OLD,))
        book.recall([DOCUMENT])
        assert book.published == {"some-terms"}
        assert "others" not in book

    def test_a_document_offered_is_published_word_for_word(self) -> None:
        book, spaced = TermsBook([OLD]), saying(OLD)
        assert spaced.content != DOCUMENT.content
        book.offer(spaced)
        assert book.document("some-terms") == spaced
        assert book["some-terms"].content == OLD.content


@pytest.mark.usefixtures("toys")
class TestProducts:
    @pytest.fixture
    def toy(self) -> Toy:
        shared = ("title", "document", "operator", "in_force_from", "zone")
        values = {name: value for name, value in json.loads(OLD.content).items() if name in shared}
        return said_by(Toy, {**values, "id": "toys", "wheels": 3})

    def test_a_document_is_read_by_the_model_of_its_product(self, toy: Toy) -> None:
        book = published(Document.of(toy), DOCUMENT)
        assert book.of(Toy, "toys").wheels == 3
        assert json.loads(toy.content)["product"] == "toy"
        assert book.of(PrepaidTerms, "some-terms").grace == OLD.grace

    def test_terms_of_another_product_are_not_taken_for_ones_own(self, toy: Toy) -> None:
        with pytest.raises(TermsMissing, match="toys: these are terms of toy"):
            TermsBook([toy]).of(PrepaidTerms, "toys")

    def test_an_id_keeps_its_product(self, toy: Toy) -> None:
        file = said_by(Toy, json_of(toy) | {"id": "some-terms"})
        with pytest.raises(TermsChanged, match="product"):
            published(DOCUMENT, files=(file,))["some-terms"]
