"""The entry point of `telemetryd-upload`: it first drops inherited variables, then imports and runs the rest.

OpenSSL reads its configuration, which can name code to load, when it is imported. So nothing may import it before that.
"""

from __future__ import annotations

import os
import resource
import sys

from telemetryd.core.sending.uploader_environment import uploader_environment


def main() -> None:
    """Run the program."""
    _harden()
    from telemetryd.system import own_package  # noqa: F401, PLC0415 - before everything else of ours: what it notes is what will be loaded
    from telemetryd.upload import program  # noqa: PLC0415 - see above

    sys.exit(program.run(sys.argv[1:]))


def _harden() -> None:
    """Forbid core dumps, and remove variables that could log keys or load foreign code or certificates."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name in os.environ.keys() - uploader_environment(os.environ).keys():
        del os.environ[name]


if __name__ == "__main__":
    main()
