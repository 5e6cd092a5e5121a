"""How often Python's collector looks for values that hold each other."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = (50_000, 20, 20)
"""Thresholds for batches that make tens of thousands of values which die with the batch. At Python's own 700 the collector
runs in the middle of each, finds nothing, and takes a third of the time."""


def seldom() -> None:
    """From now on look seldom, and never again at what is there by now."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*SELDOM)


@contextmanager
def seldom_within() -> Iterator[None]:
    """`seldom` while the block runs: for a command that works through a great many rows."""
    before = gc.get_threshold()
    seldom()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
