"""Prints what a debian/control needs to build, the first of alternatives, as mmdebstrap takes it: `build_depends.py CONTROL`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

if __name__ == "__main__":
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    field = re.search(r"^Build-Depends:\n((?: .+\n)+)", text, re.MULTILINE)
    needed = field[1].split(",") if field else []
    names = [re.sub(r"[|(<].*", "", one).strip() for one in needed]
    print(",".join("debhelper" if one == "debhelper-compat" else one for one in names if one))  # noqa: T201 - what it is for
