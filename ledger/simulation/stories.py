"""The lives of the cast: periods and what ends them, credit that moves, cards, rights and numbers.

Days count from 1 July 2024; the terms of 2025 begin on day 184.
"""

from __future__ import annotations

from ledger.simulation.cast import SP23, XP25, Part


def lapses_and_returns(part: Part) -> None:
    """Grace, waiting, and a return that forfeits what was left (SP23-20); a record comes in late meanwhile."""
    part.pack()
    part.activate(1)
    part.use(2, "10:00", "sms", 1)
    part.use(3, "18:30", quantity=200, destination="off-net")
    part.top_up(5, "12:00", "50000")  # to the end of day 65
    part.use(12, "20:00", "data", 3 * 1024 * 1024)
    part.pays(20, "09:15", "10000")
    part.use(40, "21:10", direction="incoming")
    part.use(64, "19:45", quantity=420, destination="off-net", comes_in=75)
    part.use(70, "08:00")
    part.use(70, "08:05", direction="incoming")
    part.pays(71, "10:00", "5000", "calls 60 minutes")
    part.use(100, "11:00", direction="incoming")
    part.top_up(148, "17:00", "1000")
    part.top_up(150, "17:00", "20000")
    part.use(151, "07:30", quantity=95)
    part.use(152, "07:30", "data", 700 * 1024)
    part.top_up(175, "17:00", "100000")
    part.say(200, "02:00", "MigrateTerms", terms=XP25, actor="staff-7")
    part.say(200, "02:01", "MigrateTerms", terms=XP25, actor="staff-7")
    part.use(203, "19:00", "sms", 3, "off-net")


def lapses_under_the_terms_of_2025(part: Part) -> None:
    """The same course, but the credit is forfeited when waiting starts (XP25-16)."""
    part.starts(190)
    part.top_up(195, "12:00", "20000")
    part.use(200, "20:00", "data", 1024 * 1024)
    part.use(240, "08:00", direction="incoming")
    part.use(270, "08:00", "sms", 1)
    part.top_up(300, "17:00", "25000")
    part.use(301, "07:30", quantity=300)


def tops_up_in_grace(part: Part) -> None:
    """Within grace every denomination restores, and no credit is lost (SP23-18)."""
    part.starts(0, credit="0")
    part.use(3, "10:00")
    part.top_up(4, "10:00", "4000")
    part.top_up(45, "10:00", "5000")
    part.top_up(60, "10:00", "1000000")
    part.use(61, "10:00", "data", 30 * 1024 * 1024)
    part.use(61, "15:00", "data", 1024)
    part.use(62, "15:00", "voice", 60, "international")
    part.use(63, "15:00", "voice", 60, "free")


def migrates_while_waiting(part: Part) -> None:
    """The forfeiture rule in force when waiting started stays in force over a migration."""
    part.starts(100)
    part.top_up(101, "10:00", "10000")
    part.say(190, "02:00", "MigrateTerms", terms=XP25, actor="staff-7")
    part.top_up(220, "10:00", "20000")


def never_activates_in_time(part: Part) -> None:
    """The pack is lost with its credit (SP23-05), and the number is sold again."""
    part.pack(until="2024-09-30")
    part.top_up(10, "10:00", "10000")
    part.use(10, "11:00")
    part.say(11, "11:00", "IssueStarterPack", terms=SP23, printed_credit="0", valid_until="2025-06-30")
    part.activate(95)
    part.top_up(95, "10:00", "10000")
    part.pack(110)
    part.activate(112)
    part.top_up(113, "10:00", "25000")


def registers_at_the_third_try(part: Part) -> None:
    """Registration fails twice (SP23-03)."""
    part.pack()
    part.activate(2, "09:00", "failed")
    part.activate(2, "09:30", "failed")
    part.activate(4, "16:00")
    part.activate(4, "16:05")
    part.top_up(5, "10:00", "25000")
    part.use(6, "10:00", "sms", 2)


def is_deactivated_and_asks_the_number_back(part: Part) -> None:
    """Nothing comes for 211 days; then the last holder pays the fee (SP23-06, SP23-21)."""
    part.starts()
    part.use(2, "10:00")
    part.say(212, "03:00", "AdvanceTime", actor="clock")
    part.top_up(215, "10:00", "10000")
    part.use(216, "10:00")
    asked = {"terms": SP23, "decided_by": "staff-9"}
    mine = {**asked, "customer": part.customer}
    part.say(
        229, "10:00", "ReclaimNumber", customer="customer-x", **asked, decision="approved", fee_paid=True
    )
    part.say(229, "11:00", "ReclaimNumber", **mine, decision="refused", fee_paid=True)
    part.say(229, "12:00", "ReclaimNumber", **mine, decision="approved", fee_paid="20000")
    part.say(230, "10:00", "ReclaimNumber", **mine, decision="approved", fee_paid="25000")
    part.activate(231)
    part.top_up(231, "10:00", "50000")
    part.say(232, "10:00", "ReclaimNumber", **mine, decision="approved", fee_paid=True)


def is_terminated_and_the_number_goes_on(part: Part) -> None:
    """After quarantine another holder gets the number, from zero (SP23-12)."""
    part.starts()
    part.top_up(1, "10:00", "50000")
    part.say(2, "09:00", "ReserveCredit", reservation="hold-a", amount="10000", expires_at=part.instant(80))
    part.say(40, "10:00", "Terminate", ground="l")
    part.top_up(41, "10:00", "10000")
    part.use(41, "11:00")
    part.pack(60)
    part.pack(225)
    part.customer += "-next"
    part.activate(226)
    part.top_up(226, "10:00", "25000")


def loses_the_card(part: Part) -> None:
    """Blocked from the report on, replaced against identity and a fee (SP23-08 to SP23-10)."""
    part.starts()
    part.top_up(1, "10:00", "100000")
    lost = {"block": "lost-a", "scope": "all", "ground": "lost-or-stolen"}
    part.use(20, "13:00", quantity=600, comes_in=22)  # before the report: the holder's own
    part.say(20, "14:00", "Block", **lost)
    part.say(20, "14:30", "Block", **lost)
    part.use(20, "15:00", quantity=600)
    part.use(20, "15:30", direction="incoming")
    part.pays(21, "10:00", "5000")
    part.top_up(21, "11:00", "10000")
    part.say(22, "15:00", "ReplaceCard", iccid="8962099000000000001", identity_checked=False)
    part.say(22, "15:30", "ReplaceCard", iccid="8962099000000000001", identity_checked=True)
    part.say(22, "15:40", "Unblock", block="lost-a")
    part.say(22, "15:45", "Unblock", block="lost-a")
    part.use(23, "09:00")


def has_blocks_of_several_kinds(part: Part) -> None:
    """Each falls for itself (SP23-22); some grounds ask for more (SP23-24); the end comes by order."""
    part.starts()
    part.top_up(1, "10:00", "100000")
    part.say(10, "10:00", "Block", block="data-a", scope="data", ground="f", actor="staff-4")
    part.use(11, "10:00", "data", 200 * 1024)
    part.use(11, "10:05", "sms", 1)
    part.say(12, "10:00", "Block", block="out-a", scope="outgoing", ground="b", actor="staff-4")
    part.say(13, "10:00", "Unblock", block="data-a", actor="staff-4")
    part.use(14, "10:00", "sms", 1)
    part.say(15, "10:00", "Unblock", block="out-a", actor="staff-4")
    order = {"block": "order-a", "scope": "all", "actor": "staff-9"}
    part.say(30, "10:00", "Block", **order, ground="e")
    part.say(30, "10:10", "Block", **order, ground="z")
    part.say(30, "10:20", "Block", **order, ground="d")
    part.say(30, "10:30", "Block", **order, ground="d", since=part.instant(10))
    part.say(30, "10:40", "Block", **order, ground="d", since=part.instant(40))
    part.say(31, "10:00", "Block", **order, ground="e", reference="order-2024-17")
    part.say(45, "10:00", "Terminate", ground="e", reference="order-2024-23", actor="staff-9")
    part.top_up(46, "10:00", "10000")
    part.use(46, "11:00")
