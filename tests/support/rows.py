"""Rows of a table that are tried in one test, over one machine: a failure names its row.

for name, query in QUERIES.items():
    with row(name):
        assert ...
"""

from contextlib import contextmanager


@contextmanager
def row(name):
    """What fails in this block, or is skipped, fails for this row."""
    try:
        yield
    except BaseException as failure:
        failure.add_note(f"in the row {name!r}")
        raise
