"""What was revealed, as a page to keep or to hand to somebody. Without Qt. Policy: T1."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from telemetryd.settings.words.window_words import day

if TYPE_CHECKING:
    from collections.abc import Iterable

    from telemetryd.ctl.language import UserLanguage

_PAGE = """\
<!DOCTYPE html>
<html lang="{language}" dir="{direction}">
<head><meta charset="utf-8"><title>{title}</title></head>
<body>
<h1>{title}</h1>
{paragraphs}
</body>
</html>
"""


def as_html(title: str, lines: Iterable[str], language: UserLanguage) -> str:
    """A page of paragraphs, and the day on which it was made."""
    made = language.words.gettext("As telemetryd counted it on {date}.").format(date=day(int(datetime.now(UTC).timestamp()), language))
    paragraphs = "\n".join(f"<p>{escape(line)}</p>" for line in (*lines, made))
    return _PAGE.format(language=language.tag, direction=language.direction, title=escape(title), paragraphs=paragraphs)
