"""How linkage.py prints: tables in Markdown, and parts as percentages."""


def percent(part: float, digits: int = 2) -> str:
    """A part of 1 in per cent."""
    return f"{100 * part:.{digits}f} %"


def table(heads: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    return "\n".join("| " + " | ".join(line) + " |" for line in (heads, ("---",) * len(heads), *lines))
