"""The writers of the log on Kafka, and its clock."""
