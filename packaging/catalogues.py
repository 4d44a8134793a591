# noqa: INP001 - a program, no package
"""Brings the catalogues of translations up to date: collects the messages from the code, keeps what is translated, compiles.

    python packaging/catalogues.py              every language in telemetryd/locale
    python packaging/catalogues.py LANGUAGE     begin one: translate its telemetryd.po, then run it again

No gettext tools are needed; theirs read and write the same files. A test holds code, catalogues and compiled files against each other.
"""

from __future__ import annotations

import ast
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "telemetryd"
LOCALE = PACKAGE / "locale"

_CALLS = {"_": 0, "gettext": 0, "mark": 0, "ngettext": 0, "pgettext": 1}
"""What a message stands in, and the argument that it is."""
_HEADER = """\
Project-Id-Version: telemetryd
Language: {language}
MIME-Version: 1.0
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: 8bit
Plural-Forms: {forms}
"""
_FORMS = "nplurals=2; plural=n != 1;"


class Key(NamedTuple):
    """What a message is found by."""

    context: str
    message: str


class Entry(NamedTuple):
    """One message; `plural` is "" for one without a number. `translated` has one text for each plural form."""

    key: Key
    plural: str
    files: tuple[str, ...]
    translated: tuple[str, ...] = ()

    @property
    def is_translated(self) -> bool:
        """Whether every form has a text."""
        return bool(self.translated) and all(self.translated)


class Catalogue(NamedTuple):
    """One language: the header's lines, and the messages."""

    header: str
    entries: tuple[Entry, ...]


def messages(package: Path = PACKAGE) -> list[Entry]:
    """Every message of the code, in the order of files and lines."""
    found: dict[Key, Entry] = {}
    for path in sorted(package.rglob("*.py")):
        name = str(path.relative_to(package.parent))
        for key, plural in _in_file(path):
            known = found.get(key, Entry(key, plural, ()))
            files = known.files if name in known.files else (*known.files, name)
            found[key] = Entry(key, known.plural or plural, files)
    return list(found.values())


def _in_file(path: Path) -> Iterator[tuple[Key, str]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda one: (one.lineno, one.col_offset)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        texts = [one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        place = _CALLS.get(name)
        if place is not None and len(texts) > place:
            yield Key(texts[0] if place else "", texts[place]), texts[1] if name == "ngettext" else ""


def read(text: str) -> Catalogue:
    """The catalogue that a .po file holds; comments are not kept, but for the header's."""
    header, entries = "", []
    for block in text.split("\n\n"):
        fields = _fields(block)
        if not fields or "#, fuzzy" in block or "#~" in block:
            continue
        key = Key(fields.get("msgctxt", ""), fields["msgid"])
        texts = [value for name, value in fields.items() if name.startswith("msgstr")]
        if key.message:
            entries.append(Entry(key, fields.get("msgid_plural", ""), (), tuple(texts)))
        else:
            header = texts[0]
    return Catalogue(header, tuple(entries))


def _fields(block: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in block.splitlines():
        if line.startswith('"'):
            fields[name] += ast.literal_eval(line)
        elif line and not line.startswith("#"):
            name, _, value = line.partition(" ")
            fields[name] = ast.literal_eval(value)
    return fields


def write(catalogue: Catalogue) -> str:
    """The .po file of a catalogue."""
    lines = ['msgid ""', 'msgstr ""', *(_quoted(f"{line}\n") for line in catalogue.header.splitlines()), ""]
    forms = _number_of_forms(catalogue.header)
    for entry in catalogue.entries:
        lines += [f"#: {name}" for name in entry.files]
        if "{" in entry.key.message:
            lines.append("#, python-brace-format")
        if entry.key.context:
            lines.append(f"msgctxt {_quoted(entry.key.context)}")
        lines.append(f"msgid {_quoted(entry.key.message)}")
        if entry.plural:
            lines.append(f"msgid_plural {_quoted(entry.plural)}")
            texts = entry.translated if len(entry.translated) == forms else ("",) * forms
            lines += [f"msgstr[{number}] {_quoted(text)}" for number, text in enumerate(texts)]
        else:
            lines.append(f"msgstr {_quoted(entry.translated[0] if entry.translated else '')}")
        lines.append("")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _number_of_forms(header: str) -> int:
    return int(header.partition("nplurals=")[2].partition(";")[0])


def merged(code: Iterable[Entry], known: Catalogue) -> Catalogue:
    """The code's messages with the translations that are known."""
    translated = {(entry.key, entry.plural): entry.translated for entry in known.entries}
    return Catalogue(known.header, tuple(entry._replace(translated=translated.get((entry.key, entry.plural), ())) for entry in code))


def compiled(catalogue: Catalogue) -> bytes:
    """The .mo file of a catalogue: as gettext's msgfmt, without its hash table, which nobody needs."""
    pairs = [(b"", catalogue.header.encode())]
    for entry in catalogue.entries:
        if entry.is_translated:
            name = (
                (f"{entry.key.context}\x04" if entry.key.context else "")
                + entry.key.message
                + (f"\0{entry.plural}" if entry.plural else "")
            )
            pairs.append((name.encode(), "\0".join(entry.translated).encode()))
    pairs.sort()
    return _tables([one for one, _ in pairs], [one for _, one in pairs])


def _tables(names: Sequence[bytes], texts: Sequence[bytes]) -> bytes:
    number, head = len(names), 28
    data, places = b"", []
    for text in (*names, *texts):
        places.append((len(text), head + 16 * number + len(data)))
        data += text + b"\0"
    start = struct.pack("<7I", 0x950412DE, 0, number, head, head + 8 * number, 0, head + 16 * number)
    return start + b"".join(struct.pack("<2I", *place) for place in places) + data


def languages() -> list[Path]:
    """The .po files."""
    return sorted(LOCALE.glob("*/LC_MESSAGES/telemetryd.po"))


def main() -> None:
    """Bring all up to date, and say what is not translated."""
    for language in sys.argv[1:]:
        path = LOCALE / language / "LC_MESSAGES" / "telemetryd.po"
        if not path.exists():
            path.parent.mkdir(parents=True)
            path.write_text(write(Catalogue(_HEADER.format(language=language, forms=_FORMS), ())), encoding="utf-8")
    code = messages()
    for path in languages():
        catalogue = merged(code, read(path.read_text(encoding="utf-8")))
        path.write_text(write(catalogue), encoding="utf-8")
        path.with_suffix(".mo").write_bytes(compiled(catalogue))
        missing = sum(not entry.is_translated for entry in catalogue.entries)
        sys.stdout.write(f"{path.relative_to(ROOT)}: {len(catalogue.entries)} messages, {missing} not translated\n")


if __name__ == "__main__":
    main()
