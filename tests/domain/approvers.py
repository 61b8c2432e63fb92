"""Ids that are the same person's however they are spelled, and others' that are nearly the same."""

SAME_AS_STAFF_2 = [
    "staff-2",
    "Staff-2",
    "STAFF-2",
    " staff-2 ",
    "staff -\N{NO-BREAK SPACE}2",
    "\N{FULLWIDTH LATIN SMALL LETTER S}taff\N{SMALL HYPHEN-MINUS}\N{SUPERSCRIPT TWO}",
    "sta\N{LATIN SMALL LIGATURE FF}-2",
    "staff-2\N{VARIATION SELECTOR-16}",
    "staff\N{COMBINING GRAPHEME JOINER}-2\N{HANGUL FILLER}",
    "staff-\N{ZERO WIDTH SPACE}2\N{ZERO WIDTH JOINER}",
    "staff-2\N{BRAILLE PATTERN BLANK}",
    *(
        f"staff{dash}2"
        for dash in (
            "\N{HYPHEN}",
            "\N{NON-BREAKING HYPHEN}",
            "\N{FIGURE DASH}",
            "\N{EN DASH}",
            "\N{EM DASH}",
            "\N{MINUS SIGN}",
            "\N{HYPHEN BULLET}",
            "\N{MODIFIER LETTER MINUS SIGN}",
            "\N{FULLWIDTH HYPHEN-MINUS}",
        )
    ),
    "",
    "\N{HALFWIDTH HANGUL FILLER} ",
]
"""What is nobody's id (nothing is to be seen of it) is nobody's approval either."""
OTHERS_THAN_STAFF_2 = [
    "staff-20",
    "staff2",
    "staff_2",
    "staff-3",
    "st\N{LATIN SMALL LETTER A WITH ACUTE}ff-2",
]
