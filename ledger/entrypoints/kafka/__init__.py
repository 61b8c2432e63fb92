"""The writers of the log on Kafka, and its clock."""

BATCH = 10_000
"""Commands that one transaction decides at most."""
