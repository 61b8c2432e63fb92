"""The log as a transparency log: trees over its digests, signed checkpoints, and proofs that outsiders check.

Hashes and proofs are those of RFC 9162; notes, checkpoints and tiles those of C2SP (signed-note, tlog-checkpoint,
tlog-tiles). Nothing here decides or records: it reads what is committed.
"""
