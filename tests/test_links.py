"""Every link between the documents leads somewhere, and the site has them all (`make site` checks the pages that it makes)."""

import importlib
import sys
from pathlib import Path

import pytest

pytest.importorskip("markdown_it", reason="markdown-it is not installed: nothing says what a renderer takes for a link")

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "tests/benchmarks/README.md"]


@pytest.fixture(scope="module")
def site():
    """`packaging/site/website.py` and what it imports."""
    sys.path.insert(0, str(ROOT / "packaging/site"))
    try:
        yield importlib.import_module("website")
    finally:
        sys.path.pop(0)


@pytest.fixture(scope="module")
def pages(site):
    """Path → what a document links to, and what can be linked to in it."""
    return {path: site.links.read(path.read_text()) for path in PAGES}


def test_links_lead_somewhere(site, pages):
    """A link of a document leads to a file or a folder that is there, to an anchor that a page has, or elsewhere by https."""
    assert sum(len(page.links) for page in pages.values()) > 100
    found = [f"{path.relative_to(ROOT)}: {fault}" for path in pages for fault in site.links.faults(path, pages)]
    assert found == [], "\n".join(found)


SAMPLE = """\
# One `two`, three — four

[here](#one-two-three--four) [twice](#again-1) [raw](#a/b) <https://example.org/> ![picture](sample.md)
[gone](gone.md) [no anchor](#gone) [another page](sample.md#gone) [plain](http://example.org/) `[no](link)`

## Again
## Again

<a id="a/b"></a>

```
[no](link)
```
"""


def test_what_leads_nowhere_is_found(site, tmp_path):
    """Anchors are GitHub's. A file or an anchor that is missing is found, and so is http; what stands in code is not a link."""
    path = tmp_path / "sample.md"
    path.write_text(SAMPLE)
    pages = {path: site.links.read(SAMPLE)}
    assert len(pages[path].links) == 9
    said = [fault.partition(":")[0] for fault in site.links.faults(path, pages)]
    assert said == ["gone.md", "#gone", "sample.md#gone", "http"]


def test_pages_that_were_made_are_checked(site, tmp_path):
    """Of a page that was made, a link to a missing file or anchor is a fault, and so is what it would load from elsewhere."""
    (tmp_path / "one.html").write_text(
        '<h1 id="top">x</h1><a href="#top">a</a><a href="two.html#there">b</a><a href="gone.html">c</a><a href="#gone">d</a>'
        '<a href="https://example.org/">e</a><script src="https://example.org/x.js"></script><img src="none.png">'
    )
    (tmp_path / "two.html").write_text('<p id="there">x</p>')
    faults, external = site.check(tmp_path)
    assert [fault.split(": ")[1].split()[0] for fault in faults] == ["https://example.org/x.js", "gone.html", "#gone", "none.png"]
    assert external == ["https://example.org/"]


def test_the_site_has_every_document(site):
    """Each document has one place in the site, and the first page is the README."""
    named = site.sources()
    assert named[0] == "README.md"
    assert sorted(named) == sorted(str(path.relative_to(ROOT)) for path in PAGES)
