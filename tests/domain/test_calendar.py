"""Time: instants, days, and local days of zones with and without daylight saving."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.calendar import (
    DAY,
    SECOND,
    Zone,
    datetime_of,
    day_number,
    day_of_number,
    format_instant,
    instant_of,
    parse_day,
    parse_instant,
    zone,
)

JAKARTA = zone("Asia/Jakarta")
BERLIN = zone("Europe/Berlin")
SAO_PAULO = zone("America/Sao_Paulo")
HAVANA = zone("America/Havana")
APIA = zone("Pacific/Apia")
ZONES = st.sampled_from([JAKARTA, BERLIN, SAO_PAULO, HAVANA, APIA, zone("UTC")])
INSTANTS = st.integers(parse_instant("1990-01-01T00:00:00Z"), parse_instant("2040-01-01T00:00:00Z"))
DAYS = st.dates(date(1990, 1, 1), date(2040, 1, 1))
HOUR = 3600 * SECOND


def local(in_zone: Zone, instant: int) -> str:
    return in_zone.local(instant).isoformat()


class TestInstants:
    @pytest.mark.parametrize(
        ("text", "instant"),
        [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T07:00:00+07:00", 0),
            ("1969-12-31T23:59:59.999999Z", -1),
            ("1970-01-01T00:00:00.000001Z", 1),
            ("1970-01-01T00:00:00.5Z", 500_000),
            ("1970-01-01T00:00:00.120Z", 120_000),
            ("1969-12-31T19:00:00-05:00", 0),
            ("1970-01-01T00:00:00-00:00", 0),
            ("2024-02-29T00:00:00Z", 1_709_164_800 * SECOND),
        ],
    )
    def test_an_instant_is_read_to_the_microsecond(self, text: str, instant: int) -> None:
        assert parse_instant(text) == instant

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "2023-07-03",
            "2023-07-03T10:00:00",
            "2023-07-03T10:00Z",
            "2023-07-03 10:00:00Z",
            "2023-07-03t10:00:00z",
            "2023-07-03T10:00:00.1234567Z",
            "2023-07-03T10:00:00.Z",
            "2023-07-03T10:00:00,5Z",
            "2023-07-03T10:00:00+0700",
            "2023-07-03T10:00:00+07",
            "2023-07-03T10:00:00+07:60",
            "2023-07-03T10:00:00+24:00",
            "2023-07-03T24:00:00Z",
            "2023-07-03T10:60:00Z",
            "2023-07-03T10:00:60Z",
            "2023-02-29T10:00:00Z",
            "2023-13-01T10:00:00Z",
            "2023-04-31T10:00:00Z",
            "0000-01-01T00:00:00Z",
            "20230703T100000Z",
            "2023-W27-1T10:00:00Z",
            "2023-07-03T10:00:00Z\n",
            " 2023-07-03T10:00:00Z",
            "٢٠٢٣-07-03T10:00:00Z",  # digits of another script
            "1688378400",
        ],
    )
    def test_anything_but_rfc_3339_with_an_offset_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            parse_instant(text)

    @pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
    def test_times_that_calendars_cannot_reckon_with_are_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="beyond the times"):
            parse_instant(text)

    @given(INSTANTS)
    def test_what_is_written_is_read_back(self, instant: int) -> None:
        assert parse_instant(format_instant(instant)) == instant
        assert instant_of(datetime_of(instant)) == instant

    def test_a_fraction_is_written_only_where_there_is_one(self) -> None:
        assert format_instant(0) == "1970-01-01T00:00:00Z"
        assert format_instant(1) == "1970-01-01T00:00:00.000001Z"
        assert format_instant(-1) == "1969-12-31T23:59:59.999999Z"

    def test_an_instant_of_a_datetime_is_that_of_its_offset(self) -> None:
        assert instant_of(datetime(1970, 1, 1, 7, tzinfo=ZoneInfo("Asia/Jakarta"))) == 0
        assert datetime_of(0) == datetime(1970, 1, 1, tzinfo=UTC)


class TestDays:
    def test_a_day_is_read(self) -> None:
        assert parse_day("2024-02-29") == date(2024, 2, 29)

    @pytest.mark.parametrize(
        "text",
        ["", "2023-02-29", "2023-2-3", "20230203", "2023-02-03Z", "2023-02-03\n", "2023-W05-5", "0000-01-01"],
    )
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            parse_day(text)

    @given(DAYS)
    def test_days_are_counted_from_1970(self, day: date) -> None:
        assert day_of_number(day_number(day)) == day
        assert day_number(day) == day.toordinal() - date(1970, 1, 1).toordinal()


class TestLocalDays:
    @pytest.mark.parametrize(
        ("instant", "day"),
        [
            ("2023-07-02T16:59:59.999999Z", date(2023, 7, 2)),
            ("2023-07-02T17:00:00Z", date(2023, 7, 3)),
            ("2023-07-03T16:59:59.999999Z", date(2023, 7, 3)),
            ("2023-07-03T17:00:00Z", date(2023, 7, 4)),
        ],
    )
    def test_the_boundary_instant_belongs_to_the_later_day(self, instant: str, day: date) -> None:
        assert JAKARTA.day(parse_instant(instant)) == day

    def test_a_zone_is_made_once_and_has_a_name(self) -> None:
        assert zone("Asia/Jakarta") is JAKARTA
        assert JAKARTA.name == "Asia/Jakarta"

    @pytest.mark.parametrize("name", ["Asia/Atlantis", "", "../etc/passwd"])
    def test_a_name_that_is_no_zone_is_an_error(self, name: str) -> None:
        with pytest.raises((KeyError, ValueError)):
            Zone(name)

    @given(ZONES, DAYS)
    def test_a_day_begins_where_the_day_before_ends(self, in_zone: Zone, day: date) -> None:
        start = in_zone.midnight(day)
        assert in_zone.day(start - 1) < day
        assert in_zone.day(start) == day or (in_zone is APIA and day == date(2011, 12, 30))

    @given(ZONES, INSTANTS)
    def test_an_instant_lies_within_its_day(self, in_zone: Zone, instant: int) -> None:
        day = in_zone.day(instant)
        assert in_zone.midnight(day) <= instant < in_zone.midnight(day + timedelta(days=1))

    @given(ZONES, INSTANTS)
    def test_the_next_midnight_is_the_first_that_is_not_before(self, in_zone: Zone, instant: int) -> None:
        found = in_zone.next_midnight(instant)
        assert found >= instant
        assert found == in_zone.midnight(in_zone.day(found))
        assert in_zone.day(found - 1) == in_zone.day(instant - 1)

    def test_a_midnight_is_its_own_next(self) -> None:
        midnight = JAKARTA.midnight(date(2024, 3, 1))
        assert JAKARTA.next_midnight(midnight) == midnight
        assert JAKARTA.next_midnight(midnight + 1) == midnight + DAY

    @pytest.mark.parametrize(
        ("day", "begins"),
        [
            (date(2024, 3, 31), "2024-03-30T23:00:00Z"),
            (date(2024, 4, 1), "2024-03-31T22:00:00Z"),
            (date(2024, 10, 27), "2024-10-26T22:00:00Z"),
            (date(2024, 10, 28), "2024-10-27T23:00:00Z"),
        ],
    )
    def test_midnight_follows_daylight_saving(self, day: date, begins: str) -> None:
        assert format_instant(BERLIN.midnight(day)) == begins

    def test_a_day_whose_midnight_the_clock_skips_begins_at_the_jump(self) -> None:
        assert local(SAO_PAULO, SAO_PAULO.midnight(date(2018, 11, 4))) == "2018-11-04T01:00:00-02:00"

    def test_a_day_whose_midnight_comes_twice_begins_at_the_first(self) -> None:
        assert format_instant(HAVANA.midnight(date(2023, 11, 5))) == "2023-11-05T04:00:00Z"


class TestEndOfDays:
    @pytest.mark.parametrize(
        ("granted", "days", "ends"),
        [
            ("2023-07-03T00:00:00+07:00", 7, "2023-07-11T00:00:00+07:00"),
            ("2023-07-03T23:59:59.999999+07:00", 7, "2023-07-11T00:00:00+07:00"),
            ("2023-07-04T00:00:00+07:00", 7, "2023-07-12T00:00:00+07:00"),
            ("2023-07-03T10:00:00+07:00", 0, "2023-07-04T00:00:00+07:00"),
            ("2024-02-28T10:00:00+07:00", 0, "2024-02-29T00:00:00+07:00"),
            ("2024-02-28T10:00:00+07:00", 1, "2024-03-01T00:00:00+07:00"),
            ("2023-02-28T10:00:00+07:00", 0, "2023-03-01T00:00:00+07:00"),
            ("2024-02-29T10:00:00+07:00", 365, "2025-03-01T00:00:00+07:00"),
            ("2023-01-31T10:00:00+07:00", 30, "2023-03-03T00:00:00+07:00"),
            ("2023-12-31T10:00:00+07:00", 30, "2024-01-31T00:00:00+07:00"),
            ("2023-07-02T17:00:00Z", 30, "2023-08-03T00:00:00+07:00"),
        ],
    )
    def test_n_days_last_to_the_start_of_the_day_after_them(self, granted: str, days: int, ends: str) -> None:
        assert JAKARTA.end_of_days(parse_instant(granted), days) == parse_instant(ends)

    def test_days_are_local_days_also_where_one_has_23_or_25_hours(self) -> None:
        granted = parse_instant("2024-03-30T12:00:00+01:00")
        assert BERLIN.end_of_days(granted, 1) == parse_instant("2024-04-01T00:00:00+02:00")
        granted = parse_instant("2024-10-26T12:00:00+02:00")
        assert BERLIN.end_of_days(granted, 1) == parse_instant("2024-10-28T00:00:00+01:00")

    @given(ZONES, INSTANTS, st.integers(0, 400))
    def test_whoever_is_granted_n_days_has_at_least_n_of_them(
        self, in_zone: Zone, at: int, days: int
    ) -> None:
        end = in_zone.end_of_days(at, days)
        assert in_zone.day(at) + timedelta(days=days + 1) == in_zone.day(end) or in_zone is APIA
        assert end > at
        assert in_zone.end_of_days(at, days + 1) >= end


class TestPlusDays:
    @pytest.mark.parametrize(
        ("boundary", "days", "moved"),
        [
            ("2023-08-03T00:00:00+07:00", 30, "2023-09-02T00:00:00+07:00"),
            ("2024-01-31T00:00:00+07:00", 30, "2024-03-01T00:00:00+07:00"),
            ("2023-01-31T00:00:00+07:00", 30, "2023-03-02T00:00:00+07:00"),
            ("2023-09-02T00:00:00+07:00", 150, "2024-01-30T00:00:00+07:00"),
            ("2023-09-02T00:00:00+07:00", 180, "2024-02-29T00:00:00+07:00"),
            ("2023-08-03T14:05:06.000007+07:00", 30, "2023-09-02T14:05:06.000007+07:00"),
            ("2023-08-03T00:00:00+07:00", 0, "2023-08-03T00:00:00+07:00"),
        ],
    )
    def test_a_boundary_moves_by_whole_days(self, boundary: str, days: int, moved: str) -> None:
        assert JAKARTA.plus_days(parse_instant(boundary), days) == parse_instant(moved)

    @pytest.mark.parametrize(
        ("boundary", "days", "moved"),
        [
            ("2024-03-30T00:00:00+01:00", 2, "2024-04-01T00:00:00+02:00"),
            ("2024-10-26T00:00:00+02:00", 2, "2024-10-28T00:00:00+01:00"),
            ("2024-03-01T14:30:00+01:00", 60, "2024-04-30T14:30:00+02:00"),
            # half past two comes twice on this day: the first of them
            ("2024-10-26T02:30:00+02:00", 1, "2024-10-27T02:30:00+02:00"),
            # and not at all on this one: as long after the jump as the clock would have shown
            ("2024-03-30T02:30:00+01:00", 1, "2024-03-31T03:30:00+02:00"),
        ],
    )
    def test_the_clock_shows_the_same_time_across_daylight_saving(
        self, boundary: str, days: int, moved: str
    ) -> None:
        assert BERLIN.plus_days(parse_instant(boundary), days) == parse_instant(moved)

    def test_an_evening_that_comes_twice_is_not_of_the_day_after(self) -> None:
        st_johns = zone("America/St_Johns")
        second = parse_instant("1988-10-29T23:30:00.000001-03:30")  # the clock went back at 00:01
        assert st_johns.plus_days(second, 2) == parse_instant("1988-10-31T23:30:00.000001-03:30")

    def test_no_days_move_nothing_even_in_the_hour_that_comes_twice(self) -> None:
        second_half_past_two = parse_instant("2024-10-27T02:30:00+01:00")
        assert BERLIN.plus_days(second_half_past_two, 0) == second_half_past_two

    def test_a_beginning_of_a_day_stays_one_where_the_clock_skips_midnight(self) -> None:
        begins_at_one = SAO_PAULO.midnight(date(2018, 11, 4))
        assert SAO_PAULO.plus_days(begins_at_one, 1) == SAO_PAULO.midnight(date(2018, 11, 5))
        assert SAO_PAULO.plus_days(SAO_PAULO.midnight(date(2018, 11, 3)), 1) == begins_at_one

    @given(ZONES, DAYS, st.integers(0, 400), st.integers(0, 400))
    def test_from_a_midnight_days_add_up(self, in_zone: Zone, day: date, first: int, then: int) -> None:
        start = in_zone.midnight(day)
        if in_zone is APIA:  # one of its days does not exist
            return
        moved = in_zone.plus_days(in_zone.plus_days(start, first), then)
        assert (
            moved == in_zone.plus_days(start, first + then) == in_zone.midnight(day + timedelta(first + then))
        )

    @given(ZONES, INSTANTS, st.integers(0, 400))
    def test_a_boundary_never_moves_back(self, in_zone: Zone, boundary: int, days: int) -> None:
        moved = in_zone.plus_days(boundary, days)
        assert moved >= boundary
        assert abs(moved - boundary - days * DAY) <= 25 * HOUR


class TestPlusMonths:
    @pytest.mark.parametrize(
        ("instant", "months", "moved"),
        [
            ("2023-07-03T10:15:00+07:00", 3, "2023-10-03T10:15:00+07:00"),
            ("2023-11-30T10:15:00+07:00", 3, "2024-02-29T10:15:00+07:00"),
            ("2022-11-30T10:15:00+07:00", 3, "2023-02-28T10:15:00+07:00"),
            ("2024-02-29T10:15:00+07:00", 12, "2025-02-28T10:15:00+07:00"),
            ("2024-01-31T00:00:00+07:00", 1, "2024-02-29T00:00:00+07:00"),
            ("2023-12-31T23:59:59.999999+07:00", 1, "2024-01-31T23:59:59.999999+07:00"),
            ("2023-06-30T17:00:00Z", 2, "2023-08-31T17:00:00Z"),
            ("2023-07-03T10:15:00+07:00", 0, "2023-07-03T10:15:00+07:00"),
        ],
    )
    def test_a_month_ends_with_its_last_day(self, instant: str, months: int, moved: str) -> None:
        assert JAKARTA.plus_months(parse_instant(instant), months) == parse_instant(moved)

    def test_the_clock_shows_the_same_time_across_daylight_saving(self) -> None:
        moved = BERLIN.plus_months(parse_instant("2024-01-15T12:00:00+01:00"), 3)
        assert moved == parse_instant("2024-04-15T12:00:00+02:00")

    @given(ZONES, INSTANTS)
    def test_no_months_move_nothing_even_in_the_hour_that_comes_twice(
        self, in_zone: Zone, instant: int
    ) -> None:
        assert in_zone.plus_months(instant, 0) == instant
        assert in_zone.plus_days(instant, 0) == instant
