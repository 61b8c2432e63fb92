"""The PostgreSQL that the tests of the projections use."""

from tests.servers import postgres_url, run_directory  # noqa: F401
