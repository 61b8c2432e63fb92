"""`python -m tests.bench [--quick] [--json FILE] [NAME…]`: prints a table, and writes JSON."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from ledger.entrypoints.collecting import collect_rarely
from tests.bench import (
    contracts,
    kafka,
    population,
    projecting,
    proofs,
    reading,
    reconciling,
    registering,
    starting,
    writing,
)
from tests.bench.report import Figure, markdown, show

Benchmark = Callable[[Path, bool], list[Figure]]

BENCHMARKS: dict[str, Benchmark] = {
    "starting": lambda folder, quick: starting.starting(
        folder, 1 if quick else 15, 5 if quick else 400, 1 if quick else 14
    ),
    "batches": lambda folder, quick: writing.batches(folder, 1 if quick else 5, 100 if quick else 50_000),
    "single": lambda folder, quick: writing.single(folder, 1 if quick else 5, 20 if quick else 2_000),
    "ingest": lambda folder, quick: writing.ingest(folder, 1 if quick else 3, 100 if quick else 200_000),
    "histories": lambda folder, quick: writing.histories(
        folder, 1 if quick else 3, 100 if quick else 100_000
    ),
    "fold": lambda folder, quick: reading.fold(folder, 1 if quick else 5, 100 if quick else 100_000),
    "memory": lambda folder, quick: writing.memory(
        folder, 200 if quick else 1_000_000, 100 if quick else 100_000
    ),
    "kafka": lambda folder, quick: kafka.commands(folder, 1 if quick else 3, 100 if quick else 100_000),
    "kafka-latency": lambda folder, quick: kafka.latency(folder, 10 if quick else 1_000),
    "kafka-writers": lambda folder, quick: kafka.two_writers(
        folder, 1 if quick else 3, 100 if quick else 100_000
    ),
    "kafka-mirror": lambda folder, quick: kafka.mirrors(folder, 1 if quick else 3, 100 if quick else 100_000),
    "kafka-projecting": lambda folder, quick: kafka.projecting(
        folder, 1 if quick else 3, 100 if quick else 100_000
    ),
    "kafka-take-over": lambda folder, quick: kafka.take_over(folder, 100 if quick else 1_000_000),
    "contracts-usage": lambda folder, quick: contracts.usage(
        folder, 1 if quick else 5, 1_000 if quick else 50_000
    ),
    "contracts-billing": lambda folder, quick: contracts.billing(
        folder, 1 if quick else 3, 50 if quick else 100_000
    ),
    "contracts-billing-memory": lambda folder, quick: contracts.billing_memory(
        folder, (50, 100) if quick else (100_000, 200_000)
    ),
    "contracts-receivables": lambda folder, quick: contracts.receivables(
        folder, 1 if quick else 7, 100 if quick else 100_000
    ),
    "contracts-payments": lambda folder, quick: contracts.payments(
        folder, 1 if quick else 9, 12 if quick else 120
    ),
    "contracts-many-payments": lambda folder, quick: (
        contracts.many_payments(folder, 1, 20) if quick else contracts.many_payments(folder, 5)
    ),
    "kafka-billing": lambda folder, quick: contracts.two_writers(
        folder, 1 if quick else 3, 200 if quick else 20_000
    ),
    "rebuild": lambda folder, quick: projecting.rebuild(
        folder, 1 if quick else 3, 100 if quick else 1_000_000
    ),
    "archive": lambda folder, quick: projecting.archive(
        folder, 1 if quick else 3, 100 if quick else 1_000_000
    ),
    "questions": lambda folder, quick: projecting.questions(
        folder, 1_000 if quick else 10_000_000, 100 if quick else 100_000
    ),
    "replay": lambda folder, quick: projecting.replaying(
        folder, 1 if quick else 3, 100 if quick else 1_000_000
    ),
    "extending": lambda _, quick: proofs.extending(1 if quick else 5, 1_000 if quick else 1_000_000),
    "checkpoints": lambda folder, quick: proofs.beside(
        folder, 1 if quick else 3, 1_000 if quick else 100_000
    ),
    "proofs": lambda folder, quick: proofs.proved(
        folder, 1 if quick else 3, 1_000 if quick else 1_000_000, 100 if quick else 1_000
    ),
    "reconciling": lambda folder, quick: reconciling.reconciling(
        1 if quick else 5, 10_000 if quick else 1_000_000
    ),
    "registering": lambda folder, quick: registering.registering(
        folder, 1 if quick else 3, 50 if quick else 100_000
    ),
    "activating": lambda folder, quick: registering.activating(
        folder, 1 if quick else 5, 200 if quick else 20_000
    ),
    "erasing": lambda folder, quick: registering.erasing(
        folder, 100 if quick else 1_000, 1_000 if quick else 1_000_000
    ),
    "rebuild-memory": lambda folder, quick: projecting.memory(
        folder, (100, 200) if quick else (1_000_000, 2_000_000)
    ),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the benchmarks asked for, all by default."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="small and once: whether they run, not how fast")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), help="where the JSON goes")
    parser.add_argument("--markdown", type=Path, help="where the table goes as Markdown")
    asked = parser.parse_args(arguments)
    collect_rarely()  # as `pulsa` does
    unknown = [name for name in asked.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark is named {unknown[0]}")
    figures: list[Figure] = []
    if asked.quick:
        population.SUBSCRIBERS = 20
    with tempfile.TemporaryDirectory(prefix="pulsa-bench-") as folder:
        for name in asked.names or BENCHMARKS:
            print(f"{name} …", flush=True)
            figures += BENCHMARKS[name](Path(folder), asked.quick)
    show(figures, asked.json)
    if asked.markdown is not None:
        asked.markdown.write_text(markdown(figures), "utf-8")


if __name__ == "__main__":
    main()
