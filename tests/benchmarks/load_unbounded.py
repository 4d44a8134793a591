"""telemetryd with batches as long as what has arrived, for contrast. Nothing but load_fairness.py starts it."""

import sys

from telemetryd.__main__ import main
from telemetryd.bus.transport import pump

pump.RECEIVE_BUDGET_BYTES = sys.maxsize
sys.exit(main())
