"""What proving costs: extending trees, writing beside the checkpointer, verifying, bundles of evidence."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from ledger.audit.evidence.bundle import Signed, bundle
from ledger.audit.evidence.collected import Question
from ledger.audit.transparency.chained import chained
from ledger.audit.transparency.checkpointing import Checkpointer, tree_of
from ledger.audit.transparency.kept_checkpoints import checked
from ledger.audit.transparency.leaves import EVENTS
from ledger.audit.transparency.merkle import leaf_hashes
from ledger.audit.transparency.note import new_signer
from ledger.audit.transparency.tiles import Frontier
from ledger.domain.calendar import DAY, zone
from ledger.domain.partition.commands import CloseThrough
from ledger.store.chains import EVENT_COLUMNS
from ledger.store.checked import ENTRY_COLUMNS
from ledger.store.reading import SqliteReader
from tests.bench import population as p
from tests.bench.report import Figure, of_pairs, paired

_NAME = "ledger.example"


def extending(runs: int, count: int) -> list[Figure]:
    """Digests taken into a tree, against hashing them alone."""
    digests = [sha256(index.to_bytes(8, "big")).digest() for index in range(count)]

    def extended() -> float:
        begin = time.perf_counter()
        tree = Frontier()
        for start in range(0, count, 10_000):
            tree.append(leaf_hashes(digests[start : start + 10_000]))
        tree.root()
        return count / (time.perf_counter() - begin)

    def hashed() -> float:
        begin = time.perf_counter()
        for digest in digests:
            sha256(b"\0" + digest).digest()
        return count / (time.perf_counter() - begin)

    return [
        paired(
            "extending the Merkle log",
            "events/s",
            extended,
            "hashing the same leaves by hashlib",
            hashed,
            runs=runs,
            at_least="0.3",
        )
    ]


def beside(folder: Path, runs: int, count: int) -> list[Figure]:
    """Batches of uses with a checkpointer beside the writer, a process of its own, and without."""
    key = folder / "signing.key"
    new_signer(_NAME, secrets.token_bytes(32), key)

    def written(name: str, *, with_checkpoints: bool) -> float:
        with p.new_ledger(folder, name) as ledger:
            p.open_accounts(ledger, p.SUBSCRIBERS)
            command = [
                sys.executable,
                "-m",
                "ledger.entrypoints.cli",
                "audit",
                "checkpoint",
                "--key",
                str(key),
            ]
            more = ["--every", "1", "--log", str(folder / f"{name}.db")]
            process = (
                subprocess.Popen(command + more, stdout=subprocess.PIPE, text=True)
                if with_checkpoints
                else None
            )
            try:
                if process is not None and process.stdout is not None:
                    process.stdout.readline()  # it has signed once
                uses = [p.usage(index, p.SUBSCRIBERS) for index in range(count)]
                begin = time.perf_counter()
                p.execute(ledger, uses)
                return count / (time.perf_counter() - begin)
            finally:
                if process is not None:
                    process.terminate()
                    process.communicate()

    pairs = [
        (
            written(f"with-{run}", with_checkpoints=True),
            written(f"without-{run}", with_checkpoints=False),
        )
        for run in range(runs)
    ]
    return [
        of_pairs(
            "writing with checkpoints every second, in a process of its own",
            "events/s",
            "writing without",
            pairs,
            at_least="0.9",
        )
    ]


def proved(folder: Path, runs: int, count: int, of_one: int) -> list[Figure]:
    """A log of so many events verified, and a bundle of a number with `of_one` of them."""
    file = folder / "proved.db"
    subscribers = max(1, count // of_one)
    with p.new_ledger(folder, "proved") as ledger:
        p.open_accounts(ledger, subscribers)
        p.execute(ledger, [p.usage(index, subscribers) for index in range(count)])
        end = p.BEGIN + 3 * DAY
        ledger.execute([CloseThrough(at=end, command_id="close", msisdn="log@0", through=end)])
    return measured(folder, file, runs, of_one)


def measured(folder: Path, file: Path, runs: int, of_one: int) -> list[Figure]:
    """What verifying such a log costs, and a bundle of its first number."""
    end = p.BEGIN + 3 * DAY
    signer = new_signer(_NAME, secrets.token_bytes(32), folder / "proved.key")
    signed = Signed(folder / "proved-checkpoints", _NAME, (signer.verifier,))
    jakarta = zone("Asia/Jakarta")
    with (
        SqliteReader(file).snapshot() as log,
        closing(Checkpointer(signed.folder, [signer], [log], zone=jakarta)) as checkpointer,
    ):
        checkpointer.round([log])
        statement = f"SELECT {EVENT_COLUMNS} FROM stored_events ORDER BY ordinal"
        note = (signed.folder / "1" / tree_of(EVENTS, 0) / "checkpoint").read_bytes()
        total = EVENTS.count(log)
        question = Question(p.number(0), end, end)

        def verified() -> float:
            begin = time.perf_counter()
            with chained([log]):
                [held] = checked([log], [note], signed.trusted)
            assert held.wrong is None
            return total / (time.perf_counter() - begin)

        hashed = [
            bytes(32) + topic.encode() + state
            for _, _, _, topic, state, _ in log.connection.execute(statement)
        ]
        # Of the journal what a digest is made of: what is verified is hashed, and no more.
        entries = f"SELECT {ENTRY_COLUMNS} FROM journal ORDER BY entry"
        decided = [
            bytes(32) + "\n".join(map(str, (*row[:3], *row[5:11]))).encode() + row[3] + row[4]
            for row in log.connection.execute(entries)
        ]

        def alone() -> float:
            begin = time.perf_counter()
            for content in hashed:
                sha256(content).digest()
                sha256(b"\0" + content[:32]).digest()
            for content in decided:
                sha256(content).digest()
            return total / (time.perf_counter() - begin)

        def bundled() -> float:
            begin = time.perf_counter()
            bundle(log, question, jakarta, signed)
            return time.perf_counter() - begin

        def read() -> float:
            begin = time.perf_counter()
            for _ in log.events_of(question.msisdn):
                pass
            return time.perf_counter() - begin

        pairs = [(bundled(), read()) for _ in range(runs)]
        return [
            paired(
                f"verifying chain, tree and checkpoint of {total:,} events",
                "events/s",
                verified,
                "hashing the same bytes by hashlib",
                alone,
                runs=runs,
                at_least="0.25",
            ),
            of_pairs(
                f"a bundle of {of_one:,} events out of {total:,}",
                "s",
                "reading those events",
                pairs,
                at_least="< 1 s",
                inverse=True,
            ),
        ]
