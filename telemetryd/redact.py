"""Reports of internal errors without collected values: a fixed text for the caller, the lines of code for the journal."""

from __future__ import annotations

import os.path
import traceback

INTERNAL_TEXT = "internal error; the journal says where"
"""The whole text of `errors.INTERNAL` for the caller."""


def redacted_traceback(failure: BaseException) -> str:
    """Types and line numbers of an exception and its causes, outermost call first. The text is left out, because it may hold a value."""
    frames = " > ".join(
        f"{os.path.basename(frame.f_code.co_filename)}:{line} {frame.f_code.co_name}"  # noqa: PTH119 - no pathlib on a path of text
        for frame, line in traceback.walk_tb(failure.__traceback__)
    )
    cause = failure.__cause__ or failure.__context__
    return f"{type(failure).__name__} at {frames}" + (f", after {redacted_traceback(cause)}" if cause else "")
