"""`telemetryctl diff` and `document`: what a vendor publishes."""

import importlib.util
import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

pytest.importorskip("markdown_it", reason="markdown-it is not installed: nothing shows what a renderer makes of a page")
from markdown_it import MarkdownIt
from support.invoked_commands import runner
from support.manifests.survey_answers import MANIFEST

from telemetryd.ctl.__main__ import cli
from telemetryd.ctl.render.sheet import Code, Link, escape_markdown, escape_mediawiki
from telemetryd.describe.sentences import describe
from telemetryd.toml.manifest import parse

ROOT = Path(__file__).parents[4]
FINER = MANIFEST.replace("[500, 2000]", "[500, 1000, 2000]").replace("epsilon = 2.0", "epsilon = 1.0")
GERMAN = MANIFEST.replace("decision =", '"purpose[de]" = "Ist der Start langsamer?"\ndecision =').replace(
    "summary", '"name[de]" = "Schreiber"\nsummary'
)
(DEFINITION,) = parse(MANIFEST).definitions
APP, QUESTION = DEFINITION.key
REVIEW = f"""\
[[review]]
application = "{APP}"
question = "{QUESTION}"
definition = "{DEFINITION.digest}"
reviewers = ["Ada Example <ada@example.org>", "Bo Example <bo@example.org>"]
record = "https://example.org/review/42"
date = 2026-11-20
"""
STOP = f'[[stop]]\napplication = "{APP}"\nquestion = "{QUESTION}"\nreason = "suspended"\ndate = 2026-12-01\ntext = "a leak"\n'
CONFIGURATION = '[endpoint.example]\nname = "Example"\nurl = "https://telemetry.example.org/v1"\nresults = "https://example.org/results"\n'
EVIL = '<script>alert(1)</script> [[x]] {{y}} `z` *b* | # & \\" ~~ https://evil.example www.evil.example'
HOSTILE = MANIFEST.replace("Is start-up slower on one window system?", EVIL.replace('"', '\\"').replace("\\\\", "\\\\\\"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with two manifests of an application, in which the commands run."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("old.toml", MANIFEST), ("new.toml", FINER), ("r.toml", REVIEW), ("c.toml", CONFIGURATION)):
        (tmp_path / name).write_text(text)
    return tmp_path


def run(*arguments, status=0):
    """Run telemetryctl; what it printed."""
    done = runner().invoke(cli, [*map(str, arguments)])
    assert done.exit_code == status, done.output
    return done.stdout if status == 0 else done.stderr


def test_diff(folder):
    """Release notes name each change with its direction, in Markdown that can be pasted as it is."""
    assert run("diff", "old.toml", "new.toml") == (
        "# Editor: changes of telemetry\n\n## Changed: startup-by-platform\n\n"
        "- **Purpose**: Is start-up slower on one window system?\n"
        "- **narrower**: The answer's protection is now stronger: epsilon 1 instead of 2.\n"
        "- **wider**: \\`startup\\` is now kept in 4 bins instead of 3: the edge 1000\u00a0ms is new (finer).\n"
    )
    output = run("diff", "old.toml", "new.toml", "--format", "text")
    assert output.startswith("Editor: changes of telemetry\n\nChanged: startup-by-platform\n")
    assert "narrower" in output


def test_diff_as_json(folder):
    """Scripts get each question's digest before and now, and each change with its part."""
    result = json.loads(run("diff", "old.toml", "new.toml", "--format", "json"))
    (changed,) = result.pop("changed")
    assert result == {"application": APP, "new": [], "gone": [], "same": [], "errors": []}
    assert (changed["before"], changed["question"]) == (DEFINITION.digest, QUESTION)
    assert [(change["direction"], change["part"]) for change in changed["changes"]] == [("narrower", "epsilon"), ("wider", "bins")]


def test_diff_of_first_last_and_same(folder):
    """A first manifest is described, a last one's questions are gone, and where no definition changed that is said."""
    first = run("diff", "/dev/null", "old.toml")
    description = describe(DEFINITION)
    for text in (
        "New: startup-by-platform",
        description.why,
        description.outcome,
        description.when,
        description.until,
        description.whom,
        "less than 500\u00a0ms, 500 to less",
    ):
        assert escape_markdown(text) in first
    assert "## No longer asked\n\n- **startup-by-platform**: Is start-up slower" in run("diff", "old.toml", "/dev/null")
    (folder / "german.toml").write_text(GERMAN)
    assert "Nothing changed in what is collected" in run("diff", "old.toml", "german.toml")
    assert json.loads(run("diff", "old.toml", "german.toml", "--format", "json"))["same"][0]["definition"] == DEFINITION.digest
    assert "nothing to compare" in run("diff", "/dev/null", "/dev/null", status=4)
    (folder / "other.toml").write_text(MANIFEST.replace("org.example.Editor", "org.example.Other"))
    assert "two manifests of one application" in run("diff", "old.toml", "other.toml", status=1)


def test_diff_of_dates(folder):
    """A question that keeps its id and gets other dates is an error, which says what to do; the changes are printed all the same."""
    (folder / "moved.toml").write_text(MANIFEST.replace("2026-12-27", "2026-12-20"))
    for form in ("markdown", "text", "json"):
        done = runner().invoke(cli, ["diff", "old.toml", "moved.toml", "--format", form])
        assert (done.exit_code, "It now ends earlier" in done.stdout) == (1, True)
        assert "startup-by-platform: ends: expected 2026-12-27, as before: " in done.stderr
        assert "new id; to end it early, stop it" in done.stderr
    assert len(json.loads(done.stdout)["errors"]) == 1
    (folder / "moved.toml").write_text(MANIFEST.replace("2026-12-27", "2026-12-20").replace(QUESTION, "startup-again"))
    assert "## New: startup-again" in run("diff", "old.toml", "moved.toml")


def test_diff_in_another_language(folder):
    """Release notes can be made in another language, with the manifest's own texts; never by the accident of who makes them."""
    (folder / "german.toml").write_text(GERMAN.replace("epsilon = 2.0", "epsilon = 1.0"))
    output = run("diff", "old.toml", "german.toml", "--language", "de")
    assert "# Schreiber: Änderungen der Telemetrie" in output
    assert "- **enger**: Der Schutz der Antwort ist jetzt stärker: Epsilon 1 statt 2." in output
    assert "Ist der Start langsamer?" in output
    done = runner().invoke(cli, ["diff", "old.toml", "german.toml"], env={"LC_ALL": "de_DE.UTF-8"})
    assert done.stdout.startswith("# Editor: changes of telemetry")


@pytest.mark.parametrize("form", ["markdown", "mediawiki", "html"])
def test_register_is_complete(folder, form):
    """The register has the product, the data tracked, the reason, the decision, the reviewers, the record, the dates and the results."""
    run("document", "old.toml", "r.toml", "c.toml", "--format", form, "-o", "out")
    path = folder / "out"
    text = (path / APP / f"{QUESTION}.html").read_text() if form == "html" else path.read_text()
    description = describe(DEFINITION)
    texts = (
        *(
            "Editor (org.example.Editor)",
            *(source.what for source in description.sources),
            description.why,
            description.outcome,
            "Ada Example",
            "Bo Example",
        ),
        *("https://example.org/review/42", "2026-11-20", "2026-11-02", "2026-12-27", "https://example.org/results"),
        *(
            "https://telemetry.example.org/v1",
            description.contact,
            DEFINITION.digest,
            "10,545 reports",
            description.needs,
            description.often,
            "reviewed",
        ),
    )
    plain = re.sub(r"</?(time|nowiki|code)>", "", text)
    for expected in texts:
        assert expected in plain, expected


@pytest.mark.parametrize(
    ("reviews", "state"),
    [
        ("", "not reviewed: nothing is collected"),
        (REVIEW.replace(DEFINITION.digest, "sha256:" + "0" * 64), "not reviewed in this form: nothing is collected"),
        (REVIEW, "reviewed"),
        (REVIEW + STOP, "suspended since 2026-12-01"),
        (REVIEW + STOP.replace("suspended", "answered"), "answered, ended on 2026-12-01"),
    ],
)
def test_states(folder, reviews, state):
    """Where a question stands for everybody is what the daemon makes of the same reviews and stops, and a stop's own text is there."""
    (folder / "r.toml").write_text(reviews)
    output = run("document", "old.toml", "r.toml")
    assert f"| {state} |" in output
    assert ("- a leak\n" in output) == ("leak" in reviews)
    assert ("Ada Example" in output) == (state != "not reviewed in this form: nothing is collected" and bool(reviews))


@pytest.mark.parametrize(
    ("reviews", "state"),
    [
        ("", "unreviewed"),
        (REVIEW.replace(DEFINITION.digest, "sha256:" + "0" * 64), "changed"),
        (REVIEW, "reviewed"),
        (REVIEW + STOP, "suspended"),
        (REVIEW + STOP.replace("suspended", "answered"), "answered"),
    ],
)
def test_json(folder, reviews, state):
    """The register for programs names each question's digest, state, dates, sources, endpoint, and its review and stop if there are any."""
    (folder / "r.toml").write_text(reviews)
    register = json.loads(run("document", "old.toml", "r.toml", "c.toml", "--format", "json"))
    (entry,) = register.pop("questions")
    assert register == {"schema": 1}
    assert (entry["application"], entry["question"], entry["definition"], entry["state"]) == (APP, QUESTION, DEFINITION.digest, state)
    assert (entry["starts"], entry["ends"], entry["detail"]) == ("2026-11-02", "2026-12-27", "basic")
    assert [source["labels"] for source in entry["sources"]] == [list(field.labels) for field in DEFINITION.fields]
    assert entry["endpoint"]["url"] == "https://telemetry.example.org/v1"
    review = {"reviewers": ["Ada Example <ada@example.org>", "Bo Example <bo@example.org>"], "record": "https://example.org/review/42"}
    assert entry["review"] == (None if state in {"unreviewed", "changed"} else review | {"date": "2026-11-20"})
    assert entry["stop"] == ({"date": "2026-12-01", "text": "a leak"} if "stop" in reviews else None)


def test_folders_and_languages(folder):
    """Folders of manifests and reviews will do; in another language the texts of the manifest stand above the reviewed original."""
    (folder / "m").mkdir()
    (folder / "m/a.toml").write_text(GERMAN)
    (folder / "m/b.toml").write_text(MANIFEST.replace("org.example.Editor", "org.example.Other"))
    (folder / "m/empty.toml").write_text("")
    output = run("document", "m", "r.toml", "--language", "de")
    assert output.count("\n## ") == 2
    assert output.index("Ist der Start langsamer?") < output.index("das geprüfte Original: Is start-up slower on one window system?")
    assert "10.545 Berichten" in output
    assert "| Schreiber |" in output


@pytest.mark.parametrize(
    ("files", "message", "status"),
    [
        ({"x.toml": "colour = 3\n"}, "is not a manifest, a file of reviews or stops, or a configuration file", 1),
        ({"x.toml": MANIFEST}, "a second manifest of org.example.Editor", 1),
        ({"x.toml": "[[review]]\n"}, "x.toml: ", 1),
        ({"x.toml": "schema = 2\n"}, "`telemetryctl lint` says more", 1),
    ],
)
def test_faulty_files(folder, files, message, status):
    """A file that is none of what the register is made from is named, and nothing is written."""
    for name, text in files.items():
        (folder / name).write_text(text)
    assert message in run("document", "old.toml", *files, "-o", "out", status=status)
    assert not (folder / "out").exists()


def test_nothing_to_document(folder):
    """Without a question, a folder for html, or the right to write, that is said."""
    assert "no manifest among the files" in run("document", "r.toml", status=4)
    assert "-o FOLDER" in run("document", "old.toml", "--format", "html", status=2)
    assert "cannot be written" in run("document", "old.toml", "-o", "r.toml/x", status=1)


class Page(HTMLParser):
    """What a browser would make of a page: its elements, its links, its text; fails where an element is not closed where it should be."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.texts, self.links = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        """Note an element."""
        self.elements.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)
        self.links += [value for name, value in attrs if name in {"href", "src"}]

    def handle_endtag(self, tag):
        """Close the element that was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data):
        """Note a text."""
        self.texts.append(data)

    def named(self, tag):
        """The attributes of every such element."""
        return [attributes for name, attributes in self.elements if name == tag]


def site(folder, *files, code="en"):
    """The pages of a static catalogue, by name."""
    run("document", *files, "--format", "html", "-o", "site", "--language", code)
    return {str(path.relative_to(folder / "site")): Page(path.read_text()) for path in (folder / "site").rglob("*.html")}


def test_site_is_self_contained(folder):
    """An index and a page for each question: no script, nothing loaded, no other link than to each other and to what manifests name."""
    pages = site(folder, "old.toml", "r.toml", "c.toml")
    assert set(pages) == {"index.html", f"{APP}/{QUESTION}.html"}
    named = {"https://example.org/privacy", "https://example.org/review/42", "https://example.org/results"}
    for name, page in pages.items():
        tags = {tag for tag, _ in page.elements}
        assert not tags & {"script", "img", "link", "iframe", "object", "form", "base"}
        (policy,) = [element["content"] for element in page.named("meta") if element.get("http-equiv")]
        assert policy == "default-src 'none'; style-src 'unsafe-inline'"
        assert "url(" not in "".join(page.texts)
        inside = [link for link in page.links if link not in named]
        for link in inside:
            assert (folder / "site" / name).parent.joinpath(link).resolve().is_file(), link


def test_site_loses_what_is_documented_no_more(folder):
    """Made again with fewer manifests, a catalogue has no page of the others; what somebody else put there stays."""
    other = APP.replace("Editor", "Other")
    (folder / "other.toml").write_text(MANIFEST.replace(APP, other))
    assert f"{other}/{QUESTION}.html" in site(folder, "old.toml", "other.toml")
    (folder / "site/about").mkdir()
    (folder / "site/about/us.html").write_text("<html></html>")
    assert set(site(folder, "old.toml")) == {"index.html", f"{APP}/{QUESTION}.html", "about/us.html"}
    assert not (folder / "site" / other).exists()
    (folder / "renamed.toml").write_text(MANIFEST.replace(QUESTION, "renamed"))
    (folder / "site" / APP / "notes.txt").write_text("ours")
    assert set(site(folder, "renamed.toml")) == {"index.html", f"{APP}/renamed.html", "about/us.html"}
    assert (folder / "site" / APP / "notes.txt").exists()
    site(folder, "old.toml", "other.toml")
    (folder / "site" / other / f"{QUESTION}.html").unlink()
    (folder / "site" / other / f"{QUESTION}.html").symlink_to(folder / "nothing")
    assert "cannot be removed" in run("document", "old.toml", "--format", "html", "-o", "site", status=1)


def test_site_is_accessible(folder):
    """Each page has its language, a title, one first heading, headings in order, a main part, and heads for its columns."""
    for code in ("en", "de", "ja"):
        for page in site(folder, "old.toml", "r.toml", code=code).values():
            assert page.named("html") == [{"lang": code, "dir": "ltr"}]
            headings = [tag for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
            assert (headings[0], headings.count("h1"), set(headings) - {"h1", "h2"}) == ("h1", 1, set())
            assert len(page.named("main")) == len(page.named("title")) == 1
            assert all(element.get("scope") == "col" for element in page.named("th"))
            assert len(page.named("dt")) == len(page.named("dd"))


def test_hostile_texts(folder):
    """A manifest's text is text in every form: it opens no element, closes none, and makes no link, heading, template or table cell."""
    (folder / "old.toml").write_text(HOSTILE)
    purpose = parse(HOSTILE).definitions[0].question.purpose
    for page in site(folder, "old.toml").values():
        assert purpose in "".join(page.texts)
        assert not page.named("script")
        assert not [link for link in page.named("a") if "evil" in link.get("href", "")]
    output = run("document", "old.toml")
    assert "<script" not in output
    assert not re.search(r"https://evil|www\.", output)
    (row,) = [line for line in output.splitlines() if line.startswith("| [")]
    assert len(re.findall(r"(?<!\\)\|", row)) == 7
    wiki = run("document", "old.toml", "--format", "mediawiki")
    bare = re.sub(r"<nowiki>[^<]*</nowiki>", "", wiki)
    assert not re.search(r"<script|\{\{|\[\[x", bare)


def test_hostile_address(folder):
    """What a contact holds stays within its link; no page tells another site where its reader comes from."""
    contact = """https://e.example/"><script>x</script><a&b'"""
    (folder / "old.toml").write_text(re.sub(r"^contact = .*", lambda _: f'contact = """{contact}"""', MANIFEST, flags=re.MULTILINE))
    assert parse((folder / "old.toml").read_text()).application.contact == contact
    pages = site(folder, "old.toml")
    assert [link["href"] for link in pages[f"{APP}/{QUESTION}.html"].named("a") if link["href"].startswith("https://e.")] == [contact]
    for page in pages.values():
        assert not page.named("script")
        assert {"name": "referrer", "content": "no-referrer"} in page.named("meta")
    for form in ("markdown", "mediawiki"):
        assert "<script" not in run("document", "old.toml", "--format", form)


@pytest.mark.parametrize(
    ("text", "markdown", "wiki"),
    [
        ("plain, (text).", "plain, (text).", "plain, (text)."),
        ("1. one", "1\\. one", "1. one"),
        ("# head", "\\# head", "<nowiki># head</nowiki>"),
        ("- item", "\\- item", "- item"),
        ("a*b_c", "a\\*b\\_c", "<nowiki>a*b_c</nowiki>"),
        ("2 < 3 & 4", "2 &lt; 3 &amp; 4", "2 &lt; 3 &amp; 4"),
        ("</nowiki>''b''", "&lt;/nowiki&gt;''b''", "<nowiki>&lt;/nowiki&gt;''b''</nowiki>"),
        ("see https://example.org", "see <code>https&#58;//example.org</code>", "<nowiki>see https://example.org</nowiki>"),
        (
            "HTTP://a ftp://b www.c wow.d",
            "<code>HTTP&#58;//a</code> <code>ftp&#58;//b</code> <code>www&#46;c</code> wow.d",
            "<nowiki>HTTP://a ftp://b www.c wow.d</nowiki>",
        ),
        ("a\x1b[2J\u202eb", "a�\\[2J�b", "<nowiki>a�[2J�b</nowiki>"),
        (Code("a `b` c"), "``a `b` c``", "<code><nowiki>a `b` c</nowiki></code>"),
        (Code("`a"), "`` `a ``", "<code><nowiki>`a</nowiki></code>"),
        (Code("{}"), "`{}`", "<code><nowiki>{}</nowiki></code>"),
        (Link("https://example.org/a|b]c"), "<https://example.org/a%7Cb%5Dc>", "https://example.org/a%7Cb%5Dc"),
    ],
)
def test_escapes(text, markdown, wiki):
    """What would act in a form is written so that it does not."""
    assert (escape_markdown(text), escape_mediawiki(text)) == (markdown, wiki)


ACTING = (
    *("@name", "@org/team", "(@name)", "a@example.org", "#1", "owner/repo#12", "GH-7", "!3", "~bug", "%1.0", "&4", "$1", "$x$", "$a", "b$"),
    *("deadbeef", "https://example.org/@x", "www.example.org", "ftp://x", ":tada:", "owner/repo@0123456"),
)
"""Words of which GitHub or GitLab makes a mention, a reference, a formula, a picture or a link, whatever they are written with."""


@pytest.mark.parametrize("word", ACTING)
@pytest.mark.parametrize("around", ["{}", "ask {} or {}", "*{}* and [{}](x)", "| {} | `{}` |", "1. {}", "<b>{}</b>"])
def test_nothing_acts_in_release_notes(word, around):
    """Whatever stands around it, such a word is shown letter by letter, within code, where nothing is looked for, and written by number."""
    text = around.format(word, word)
    output = escape_markdown(text)
    html = MarkdownIt("commonmark").enable("table").render(output)
    assert unescape(re.sub("</?(p|code)>", "", html)).strip() == text
    outside = re.sub("<code>.*?</code>", " ", html)
    assert word not in unescape(outside)
    assert "<" not in re.sub("</?p>", "", outside)
    assert not re.search(r"[@$]|#\d+(?!;)|:(//|\w)|www\.", re.sub("&#\\d+;", "", output))


def test_release_notes_of_a_hostile_manifest(folder):
    """`diff` pings nobody and refers to nothing."""
    (folder / "old.toml").write_text(MANIFEST.replace("Is start-up slower", "Does @torvalds know of #1 and $x$ when"))
    output = run("diff", "/dev/null", "old.toml")
    assert "Does <code>&#64;torvalds</code> know of <code>&#35;1</code> and <code>&#36;x&#36;</code> when" in output


def test_register_of_the_examples_is_current():
    """docs/register.md is what `document` says of the example manifests as they are now."""
    spec = importlib.util.spec_from_file_location("generate_register", ROOT / "docs" / "generate_register.py")
    docs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(docs)
    assert docs.PAGE.read_text(encoding="utf-8") == docs.page()
