"""Ways into the ledger: the command line, files of commands, services on Kafka. All speak the same language."""
