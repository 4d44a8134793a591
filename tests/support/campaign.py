"""Long and short forms of one test: `make campaign` sets TELEMETRYD_CAMPAIGN. TELEMETRYD_SEED repeats what a failure printed."""

import os
import random
import sys

IS_CAMPAIGN = bool(os.environ.get("TELEMETRYD_CAMPAIGN"))
TIMEOUT_S = 1800 if IS_CAMPAIGN else 120
SEED = int(os.environ.get("TELEMETRYD_SEED", "0")) or int.from_bytes(os.urandom(4), "big")


def chance():
    """Chance that can be repeated; the seed is in the output of a failure."""
    sys.stderr.write(f"TELEMETRYD_SEED={SEED}\n")
    return random.Random(SEED)


def tell(what, numbers):
    """Say what was done, for the campaign's output and for the report of a failure."""
    text = ", ".join(
        f"{' '.join(name) if isinstance(name, tuple) else name}: {number}" for name, number in sorted(numbers.items(), key=str)
    )
    sys.stderr.write(f"{what}: {text}\n")
