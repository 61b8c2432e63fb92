"""The writers of the log on Kafka, and its clock."""

BATCH = 4000
"""Commands that one transaction decides at most."""
