"""telemetryd without decoys, for contrast: what is refused is checked, and then nothing is done. Nothing but blind.py starts it."""

import sys

from telemetryd.__main__ import main
from telemetryd.engine.samples.tallies import RunningTallies

_add = RunningTallies.add


def add_kept(self, folds, reduced):
    """Fold what is kept, and nothing else."""
    kept = tuple((fold, tally) for fold, tally in folds if not tally.is_decoy)
    if kept:
        _add(self, kept, reduced)


RunningTallies.add = add_kept
sys.exit(main())
