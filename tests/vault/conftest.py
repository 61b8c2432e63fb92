"""The PostgreSQL that a vault is tried on."""

from tests.servers import postgres_url, run_directory  # noqa: F401
