"""Ways into the ledger: the command line today; files, Kafka and HTTP speak the same language."""
