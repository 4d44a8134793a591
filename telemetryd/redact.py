"""What is said about a fault of our own: nothing to the caller, the place in the code to the journal, a collected value to nobody."""

from __future__ import annotations

import os.path
import traceback

INTERNAL_TEXT = "internal error; the journal says where"
"""All that a caller is told (`errors.INTERNAL`)."""


def place(failure: BaseException) -> str:
    """Type and line numbers of an exception and of its causes, outermost call first; never its text, which may hold a value."""
    frames = " > ".join(
        f"{os.path.basename(frame.f_code.co_filename)}:{line} {frame.f_code.co_name}"  # noqa: PTH119 - no pathlib on a path of text
        for frame, line in traceback.walk_tb(failure.__traceback__)
    )
    cause = failure.__cause__ or failure.__context__
    return f"{type(failure).__name__} at {frames}" + (f", after {place(cause)}" if cause else "")
