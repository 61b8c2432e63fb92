"""What every projection runs on: one loop, one database, rebuilds."""
