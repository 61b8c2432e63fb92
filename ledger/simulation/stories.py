"""The lives of the cast: periods and what ends them, credit that moves, cards, rights and numbers.

Days count from 1 July 2024; the terms of 2025 begin on day 184.
"""

from __future__ import annotations

from ledger.simulation import msisdns
from ledger.simulation.cast import SP23, XP25, Role


def lapses_and_returns(role: Role) -> None:
    """Grace, waiting, and a return that forfeits what was left (SP23-20); a record comes in late meanwhile."""
    role.pack()
    role.activate(1)
    role.use(2, "10:00", "sms", 1)
    role.use(3, "18:30", quantity=200, destination="off-net")
    role.top_up(5, "12:00", "50000")  # to the end of day 65
    role.use(12, "20:00", "data", 3 * 1024 * 1024)
    role.pays(20, "09:15", "10000")
    role.use(40, "21:10", direction="incoming")
    role.use(64, "19:45", quantity=420, destination="off-net", comes_in=75)
    role.use(70, "08:00")
    role.use(70, "08:05", direction="incoming")
    role.pays(71, "10:00", "5000", "calls 60 minutes")
    role.use(100, "11:00", direction="incoming")
    role.top_up(148, "17:00", "1000")
    role.top_up(150, "17:00", "20000")
    role.use(151, "07:30", quantity=95)
    role.use(152, "07:30", "data", 700 * 1024)
    role.top_up(175, "17:00", "100000")
    role.say(200, "02:00", "MigrateTerms", terms=XP25, actor="staff-7")
    role.say(200, "02:01", "MigrateTerms", terms=XP25, actor="staff-7")
    role.use(203, "19:00", "sms", 3, "off-net")


def lapses_under_the_terms_of_2025(role: Role) -> None:
    """The same course, but the credit is forfeited when waiting starts (XP25-16)."""
    role.starts(190)
    role.top_up(195, "12:00", "20000")
    role.use(200, "20:00", "data", 1024 * 1024)
    role.use(240, "08:00", direction="incoming")
    role.use(270, "08:00", "sms", 1)
    role.top_up(300, "17:00", "25000")
    role.use(301, "07:30", quantity=300)


def tops_up_in_grace(role: Role) -> None:
    """Within grace every denomination restores, and no credit is lost (SP23-18)."""
    role.starts(0, credit="0")
    role.use(3, "10:00")
    role.top_up(4, "10:00", "4000")
    role.top_up(45, "10:00", "5000")
    role.top_up(60, "10:00", "1000000")
    role.use(61, "10:00", "data", 30 * 1024 * 1024)
    role.use(61, "15:00", "data", 1024)
    role.use(62, "15:00", "voice", 60, "international")
    role.use(63, "15:00", "voice", 60, "free")


def migrates_while_waiting(role: Role) -> None:
    """The forfeiture rule in force when waiting started stays in force over a migration."""
    role.starts(100)
    role.top_up(101, "10:00", "10000")
    role.say(190, "02:00", "MigrateTerms", terms=XP25, actor="staff-7")
    role.top_up(220, "10:00", "20000")


def never_activates_in_time(role: Role) -> None:
    """The pack is lost with its credit (SP23-05), and the number is sold again."""
    role.pack(until="2024-09-30")
    role.top_up(10, "10:00", "10000")
    role.use(10, "11:00")
    role.say(11, "11:00", "IssueStarterPack", terms=SP23, printed_credit="0", valid_until="2025-06-30")
    role.activate(95)
    role.top_up(95, "10:00", "10000")
    role.pack(110)
    role.activate(112)
    role.top_up(113, "10:00", "25000")


def registers_at_the_third_try(role: Role) -> None:
    """Registration fails twice (SP23-03)."""
    role.pack()
    role.activate(2, "09:00", "failed")
    role.activate(2, "09:30", "failed")
    role.activate(4, "16:00")
    role.activate(4, "16:05")
    role.top_up(5, "10:00", "25000")
    role.use(6, "10:00", "sms", 2)


def is_deactivated_and_asks_the_number_back(role: Role) -> None:
    """Nothing comes for 211 days; then the last holder pays the fee (SP23-06, SP23-21)."""
    role.starts()
    role.use(2, "10:00")
    role.say(212, "03:00", "AdvanceTime", actor="clock")
    role.top_up(215, "10:00", "10000")
    role.use(216, "10:00")
    asked = {"terms": SP23, "decided_by": "staff-9"}
    mine = {**asked, "customer": role.customer}
    role.say(
        229, "10:00", "ReclaimNumber", customer="customer-x", **asked, decision="approved", fee_paid=True
    )
    role.say(229, "11:00", "ReclaimNumber", **mine, decision="refused", fee_paid=True)
    role.say(229, "12:00", "ReclaimNumber", **mine, decision="approved", fee_paid="20000")
    role.say(230, "10:00", "ReclaimNumber", **mine, decision="approved", fee_paid="25000")
    role.activate(231)
    role.top_up(231, "10:00", "50000")
    role.say(232, "10:00", "ReclaimNumber", **mine, decision="approved", fee_paid=True)


def is_terminated_and_the_number_goes_on(role: Role) -> None:
    """After quarantine another holder gets the number, from zero (SP23-12)."""
    role.starts()
    role.top_up(1, "10:00", "50000")
    role.say(2, "09:00", "ReserveCredit", reservation="hold-a", amount="10000", expires_at=role.instant(80))
    role.say(40, "10:00", "Terminate", ground="l")
    role.top_up(41, "10:00", "10000")
    role.use(41, "11:00")
    role.pack(60)
    role.pack(225)
    role.customer += "-next"
    role.activate(226)
    role.top_up(226, "10:00", "25000")


def loses_the_card(role: Role) -> None:
    """Blocked from the report on, replaced against identity and a fee (SP23-08 to SP23-10)."""
    role.starts()
    role.top_up(1, "10:00", "100000")
    lost = {"block": "lost-a", "scope": "all", "ground": "lost-or-stolen"}
    role.use(20, "13:00", quantity=600, comes_in=22)  # before the report: the holder's own
    role.say(20, "14:00", "Block", **lost)
    role.say(20, "14:30", "Block", **lost)
    role.use(20, "15:00", quantity=600)
    role.use(20, "15:30", direction="incoming")
    role.pays(21, "10:00", "5000")
    role.top_up(21, "11:00", "10000")
    role.say(22, "15:00", "ReplaceCard", iccid=msisdns.card(role.msisdn, 1), identity_checked=False)
    role.say(22, "15:30", "ReplaceCard", iccid=msisdns.card(role.msisdn, 1), identity_checked=True)
    role.say(22, "15:40", "Unblock", block="lost-a")
    role.say(22, "15:45", "Unblock", block="lost-a")
    role.use(23, "09:00")


def has_blocks_of_several_kinds(role: Role) -> None:
    """Each falls for itself (SP23-22); some grounds ask for more (SP23-24); the end comes by order."""
    role.starts()
    role.top_up(1, "10:00", "100000")
    role.say(10, "10:00", "Block", block="data-a", scope="data", ground="f", actor="staff-4")
    role.use(11, "10:00", "data", 200 * 1024)
    role.use(11, "10:05", "sms", 1)
    role.say(12, "10:00", "Block", block="out-a", scope="outgoing", ground="b", actor="staff-4")
    role.say(13, "10:00", "Unblock", block="data-a", actor="staff-4")
    role.use(14, "10:00", "sms", 1)
    role.say(15, "10:00", "Unblock", block="out-a", actor="staff-4")
    order = {"block": "order-a", "scope": "all", "actor": "staff-9"}
    role.say(30, "10:00", "Block", **order, ground="e")
    role.say(30, "10:10", "Block", **order, ground="z")
    role.say(30, "10:20", "Block", **order, ground="d")
    role.say(30, "10:30", "Block", **order, ground="d", since=role.instant(10))
    role.say(30, "10:40", "Block", **order, ground="d", since=role.instant(40))
    role.say(31, "10:00", "Block", **order, ground="e", reference="order-2024-17")
    role.say(45, "10:00", "Terminate", ground="e", reference="order-2024-23", actor="staff-9")
    role.top_up(46, "10:00", "10000")
    role.use(46, "11:00")
