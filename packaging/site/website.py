"""Makes a site of the documents, and checks every link and every anchor of it. Nothing is fetched: links to elsewhere are only listed.

usage: website.py TARGET     (packaging/site.sh prepares everything. Pages are in TARGET/html, links to elsewhere in TARGET/external.txt)
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import links

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FIRST = "README.md"
_LINK = re.compile(r"(?<=\]\()([^)\s#]+)")


class Part(NamedTuple):
    """Pages for one kind of reader."""

    title: str
    pages: list[str]


def navigation() -> list[Part]:
    """The parts of the site in their order."""
    text = (HERE / "navigation.toml").read_text(encoding="utf-8")
    return [Part(**part) for part in tomllib.loads(text)["part"]]


def sources() -> list[str]:
    """Every page, the first one first."""
    return [FIRST, *(page for part in navigation() for page in part.pages)]


class Stage:
    """A folder with the pages as Sphinx takes them: with contents, and with a page for each folder that is linked to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fill(self) -> None:
        """Write all pages and whatever they link to."""
        for name in sources():
            text = _LINK.sub(lambda found, name=name: self._target(ROOT / name, found[1]), (ROOT / name).read_text(encoding="utf-8"))
            self._write("index.md" if name == FIRST else name, text + (_contents() if name == FIRST else ""))

    def _target(self, page: Path, link: str) -> str:
        """What a link is in the site. The file that it leads to is brought along."""
        target = (page.parent / unquote(link)).resolve()
        if urlsplit(link).scheme or not target.exists():
            return link
        if target == ROOT / FIRST:
            return link.replace(FIRST, "index.md")
        if target.is_dir():
            self._list(target)
            return f"{link.rstrip('/')}/index.md"
        self._bring(target)
        return link

    def _bring(self, file: Path) -> None:
        name = str(file.relative_to(ROOT))
        if name not in sources():
            (self._folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, self._folder / name)

    def _list(self, folder: Path) -> None:
        """A page that lists a folder and those in it."""
        entries = sorted(one for one in folder.iterdir() if one.name != "__pycache__")
        for entry in entries:
            self._list(entry) if entry.is_dir() else self._bring(entry)
        lines = [f"- [{one.name}]({one.name}{'/index.md' if one.is_dir() else ''})" for one in entries]
        name = folder.relative_to(ROOT)
        self._write(f"{name}/index.md", "\n".join(["---", "orphan: true", "---", f"# {name}", "", *lines, ""]))

    def _write(self, name: str, text: str) -> None:
        (self._folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self._folder / name).write_text(text, encoding="utf-8")


def _contents() -> str:
    """What tells Sphinx of the pages; it stands in the margin of each."""
    parts = [[f"```{{toctree}}\n:hidden:\n:caption: {part.title}\n", *part.pages, "```"] for part in navigation()]
    return "\n" + "\n\n".join("\n".join(lines) for lines in parts) + "\n"


class _Made(HTMLParser):
    """A page that was made: what it links to, what it loads, and what can be linked to."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element."""
        named = {name: value or "" for name, value in attrs}
        self.anchors |= {named[name] for name in ("id", "name") if name in named}
        self.links += [named["href"]] if tag == "a" and "href" in named else []
        self.loaded += [named[name] for name in ("src", "href") if tag != "a" and name in named]


def check(folder: Path) -> tuple[list[str], list[str]]:
    """What is wrong with the pages below a folder, and which links lead elsewhere."""
    made = {file.resolve(): _Made(file) for file in sorted(folder.rglob("*.html"))}
    faults, external = [], set()
    for file, page in made.items():
        name = file.relative_to(folder.resolve())
        faults += [f"{name}: {link} is loaded from elsewhere" for link in page.loaded if urlsplit(link).netloc]
        external |= {link for link in page.links if urlsplit(link).scheme}
        for link in (one for one in (*page.links, *page.loaded) if not urlsplit(one).scheme and not urlsplit(one).netloc):
            faults += [f"{name}: {link}: {fault}" for fault in _fault(file, link, made)]
    return faults, sorted(external)


def _fault(file: Path, link: str, made: dict[Path, _Made]) -> list[str]:
    parts = urlsplit(link)
    target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if not target.is_file():
        return ["there is no such file"]
    if parts.fragment and target in made and unquote(parts.fragment) not in made[target].anchors:
        return ["there is no such anchor"]
    return []


def main(target: Path) -> int:
    """Make the site; the status of the program."""
    from sphinx.cmd.build import build_main  # noqa: PLC0415 - tests import this module without Sphinx

    pages = {ROOT / name: links.read((ROOT / name).read_text(encoding="utf-8")) for name in sources()}
    faults = [f"{path.relative_to(ROOT)}: {fault}" for path in pages for fault in links.faults(path, pages)]
    for name in ("source", "html"):
        shutil.rmtree(target / name, ignore_errors=True)
    Stage(target / "source").fill()
    os.environ.setdefault("SOURCE_DATE_EPOCH", "0")
    status = build_main(["-q", "-W", "--keep-going", "-b", "html", "-c", str(HERE), str(target / "source"), str(target / "html")])
    found, external = check(target / "html")
    (target / "external.txt").write_text("".join(f"{link}\n" for link in external), encoding="utf-8")
    for fault in (*faults, *found):
        sys.stderr.write(f"{fault}\n")
    count = sum(len(page.links) for page in pages.values())
    sys.stdout.write(f"{target}/html: {len(pages)} documents with {count} links; {len(external)} lead elsewhere (external.txt)\n")
    return 1 if status or faults or found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
