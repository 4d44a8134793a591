"""Brings the catalogues of translations up to date: collects the messages from the code, keeps what is translated, compiles.

    python packaging/catalogues.py              every language in telemetryd/locale
    python packaging/catalogues.py LANGUAGE     begin one: translate its telemetryd.po, then run it again

Babel does the work; gettext's tools read and write the same files. A test holds code, catalogues and compiled files against each other.
"""

from __future__ import annotations

import inspect
import sys
from copy import deepcopy
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import click
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

sys.path.insert(0, str(Path(__file__).parents[1]))

from telemetryd.ctl import help_words
from telemetryd.ctl.__main__ import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "telemetryd"
LOCALE = PACKAGE / "locale"

CALLS = {"_": None, "gettext": None, "mark": None, "mark_plural": (1, 2), "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}
"""What a message stands in, and the arguments that it is: the first, where nothing is said."""

_COMMENT = "# Translations of telemetryd. packaging/catalogues.py writes this file: edit the header and the texts only."


def template(package: Path = PACKAGE) -> Catalog:
    """Every message of the code, in the order of files and lines, then the help of the commands."""
    catalogue = Catalog()
    for name, line, message, _, context in extract_from_dir(package, [("**.py", "python")], keywords=CALLS, comment_tags=()):
        catalogue.add(message, None, [(f"{package.name}/{name}", line)], context=context)
    for path, message in help_messages(cli):
        catalogue.add(message, None, [(path, 0)])
    return catalogue


def help_messages(group: click.Group) -> Iterator[tuple[str, str]]:
    """(path of the file, message) of all help that is translated: paragraphs, options, and the line in the list of commands."""
    yield from ((_file_of(group), message) for message in help_words.messages(group))
    for name in group.list_commands(click.Context(group)):
        command = group.commands[name]
        if isinstance(command, click.Group):
            yield from help_messages(command)
        else:
            yield from ((_file_of(command), message) for message in help_words.messages(command))


def _file_of(command: click.Command) -> str:
    return f"{inspect.unwrap(command.callback).__module__.replace('.', '/')}.py" if command.callback else ""


def languages() -> list[Path]:
    """The .po files."""
    return sorted(LOCALE.glob("*/LC_MESSAGES/telemetryd.po"))


def read(path: Path) -> Catalog:
    """The catalogue of a language, as its translators wrote it."""
    with path.open("rb") as file:
        return read_po(file, locale=path.parents[1].name, abort_invalid=True)


def merged(code: Catalog, known: Catalog) -> Catalog:
    """The code's messages with the translations that are known. A message that changed has none: a guess would be taken for one."""
    made = known.creation_date
    known.update(code, no_fuzzy_matching=True)
    known.obsolete.clear()
    for one in known:
        if "python-format" in one.flags:  # Babel's guess at any % before a letter: no message of ours is made by %
            one.flags = one.flags - {"python-format"} | {"no-python-format"}
    known.creation_date = made  # the code's would be now, and the file another one at each run
    return known


def begun(language: str) -> Catalog:
    """A catalogue without messages, with the plural forms of a language."""
    return Catalog(language, project="telemetryd", version="0", header_comment=_COMMENT, msgid_bugs_address="see CONTRIBUTING.md")


def text(catalogue: Catalog) -> bytes:
    """The .po file of a catalogue; it changes only where a message does."""
    file = BytesIO()
    write_po(file, catalogue, width=0, include_lineno=False)
    return file.getvalue()


def compiled(catalogue: Catalog) -> bytes:
    """The .mo file of a catalogue: of a plural without translations Babel would put in the English forms, by the rule of the language."""
    translated, file = deepcopy(catalogue), BytesIO()
    for one in untranslated(catalogue):
        translated.delete(one.id, one.context)
    write_mo(file, translated)
    return file.getvalue()


def untranslated(catalogue: Catalog) -> list[Message]:
    """The messages that lack a text, in one form at least."""
    return [one for one in catalogue if one.id and not (all(one.string) if one.pluralizable else one.string)]


def main() -> None:
    """Bring all up to date, and say what is not translated."""
    for language in sys.argv[1:]:
        path = LOCALE / language / "LC_MESSAGES" / "telemetryd.po"
        if not path.exists():
            path.parent.mkdir(parents=True)
            path.write_bytes(text(begun(language)))
    code = template()
    for path in languages():
        catalogue = merged(code, read(path))
        path.write_bytes(text(catalogue))
        path.with_suffix(".mo").write_bytes(compiled(catalogue))
        sys.stdout.write(f"{path.relative_to(ROOT)}: {len(catalogue)} messages, {len(untranslated(catalogue))} not translated\n")


if __name__ == "__main__":
    main()
