"""Writes every manual page and completion below a data directory: `python packaging/manuals/write.py build/share`.

The build of a wheel does the same (packaging/build_hook.py). It needs telemetryd's own dependencies, but no other tool.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]
for _folder in (_ROOT / "docs", _ROOT / "packaging", _ROOT):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))

from manuals import commands, formats, programs, sources  # noqa: E402 - after the path


def texts() -> dict[str, str]:
    """Path below a data directory → text, of every page and completion."""
    release = sources.release()
    found = {
        f"man/man{name.rpartition('.')[2]}/{name}": text for module in (programs, commands, formats) for name, text in module.pages(release)
    }
    return found | dict(commands.completions())


def write(folder: Path) -> dict[Path, str]:
    """Write them anew; path of each file → path below a data directory."""
    shutil.rmtree(folder, ignore_errors=True)
    written = {}
    for name, text in texts().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written[path] = name
    return written


if __name__ == "__main__":
    write(Path(sys.argv[1]))
