"""Who sends a command, as far as this machine knows: its operating system's word, and not the sender's."""

from __future__ import annotations

import os
import pwd
import socket
from functools import cache

_LONGEST = 200


@cache
def of_this_process() -> str:
    """`os:<user>(<uid>)@<host>` of the user that runs this process.

    The real uid, which no environment variable changes, and the name that the machine has for it (`?`: none).
    """
    uid = os.getuid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = "?"
    said = f"os:{user}({uid})@{socket.gethostname()}"
    return "".join([char if char.isprintable() else "?" for char in said])[:_LONGEST]
