"""Benchmarks: `make bench`. Each figure is the median of several runs, beside its baseline from the same run."""
