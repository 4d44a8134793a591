"""The program `telemetryd-upload`: what it inherited is dropped first, then everything else is loaded and run.

OpenSSL reads its configuration, which can name code to load, as soon as anything imports it: so nothing may before.
"""

from __future__ import annotations

import os
import resource
import sys

from telemetryd.core.inheritance import inherited


def main() -> None:
    """Run the program."""
    _harden()
    from telemetryd.system import own_package  # noqa: F401, PLC0415 - before everything else of ours: what it notes is what will be loaded
    from telemetryd.upload import program  # noqa: PLC0415 - see above

    sys.exit(program.run(sys.argv[1:]))


def _harden() -> None:
    """No core dump, no log of keys, nobody else's code or certificates."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name in os.environ.keys() - inherited(os.environ).keys():
        del os.environ[name]


if __name__ == "__main__":
    main()
