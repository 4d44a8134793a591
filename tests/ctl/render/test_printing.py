"""Tables on terminals of every width, and pages in languages that are written from right to left."""

import pytest

from telemetryd.ctl.render import printing

LONG = "org.example.a-very-long-name.of-an-application.Editor"
HEADS = ("APPLICATION", "NAME", "TO", "WHY")
ROWS = [
    ("org.kde.kate", "Kate", "telemetry.kde.org", "It waits for your answer, and nothing is measured unless you say yes."),
    (LONG, "Editor", "telemetry.example.org", "You said no to this question."),
]


@pytest.fixture
def printed(monkeypatch, capsys):
    """Prints the table at a width, in a language; gives its lines."""

    def lines(width, locale="C"):
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("LC_ALL", locale)
        printing.Page().table(HEADS, ROWS, texts=(3,))
        return capsys.readouterr().out.splitlines()

    return lines


@pytest.mark.parametrize("width", [30, 60, 80, 100, 120, 200])
def test_no_cell_but_text_is_broken(printed, width):
    """At every width each id, name and host is in one line, and each text is there whole."""
    lines = printed(width)
    for *cells, text in ROWS:
        assert [cell for cell in cells if not any(cell in line for line in lines)] == []
        assert "".join(text.split()) in "".join("".join(lines).split()) or width >= 80
    assert all(len(line) <= width or LONG in line for line in lines)
    assert not any(line != line.rstrip() for line in lines)


def test_a_wide_terminal_has_a_line_for_each_row(printed):
    """With room for everything a row is one line, below its heads."""
    head, kate, editor = printed(200)
    assert head.index("WHY") == kate.index("It waits") == editor.index("You said")


def test_a_long_id_stands_alone(printed):
    """A first cell that is too long does not narrow the other rows: it has a line of its own."""
    lines = printed(100)
    assert LONG in lines
    assert lines[lines.index(LONG) + 1].split()[0] == "Editor"


def test_a_narrow_terminal_has_a_line_for_each_cell(printed):
    """Where no table fits, each row is a block with its heads."""
    lines = printed(30)
    assert lines[:3] == ["org.kde.kate", "  NAME Kate", "  TO   telemetry.kde.org"]


def test_right_to_left(monkeypatch, capsys):
    """In Arabic each line says its direction, behind a blank; ids are isolated, and reports are as they are in every language."""
    monkeypatch.setenv("LC_ALL", "ar_EG.UTF-8")
    page = printing.Page()
    page.facts([("الغرض", "Is it slow?"), ("الاسم", "كيت")])
    page.table(("التطبيق", "العدد"), [("org.kde.kate", "4..16")])
    page.verbatim('{"answer":["4..16"]}')
    *lines, report = capsys.readouterr().out.splitlines()
    assert all(line.startswith(" \u200f") for line in lines)
    assert lines[0].endswith("\u2066Is it slow?\u2069")
    assert lines[1].endswith(" كيت")
    assert "\u2066org.kde.kate\u2069" in lines[3]
    assert lines[3].endswith("\u20664..16\u2069")
    assert report == '{"answer":["4..16"]}'


@pytest.mark.parametrize("locale", ["C", "de_DE", "ja_JP"])
def test_left_to_right_has_no_marks(printed, locale):
    """In other languages the output has no invisible characters."""
    assert all(character.isprintable() for line in printed(100, locale) for character in line)


def listed(monkeypatch, capsys, width, locale="C"):
    """The lines of a list of applications at a width: name and vendor may stand below the id."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("LC_ALL", locale)
    rows = [("org.kde.kate", "Kate", "basic", "KDE e.V."), (LONG, "電子書籍リーダー", "off", "-")]
    printing.Page().table(("APPLICATION", "NAME", "USAGE", "TO"), rows, texts=(1, 3), below=(1, 3))
    return capsys.readouterr().out.splitlines()


def test_a_row_has_a_second_line_where_it_does_not_fit(monkeypatch, capsys):
    """The columns below follow in one line of each row, and of the heads; what says nothing is left out. The others stay in columns."""
    lines = listed(monkeypatch, capsys, 80)
    assert lines == [
        f"{'APPLICATION':{len(LONG)}}  USAGE",
        "  NAME, TO",
        f"{'org.kde.kate':{len(LONG)}}  basic",
        "  Kate, KDE e.V.",
        f"{LONG}  off",
        "  電子書籍リーダー",
    ]
    assert len(listed(monkeypatch, capsys, 120)) == 3
    assert LONG in listed(monkeypatch, capsys, 40)


def test_columns_are_as_wide_as_their_characters(monkeypatch, capsys):
    """A line whose later lines are not known has its columns where they are, also after characters of two columns."""
    monkeypatch.setenv("LC_ALL", "ja_JP.UTF-8")
    page = printing.Page()
    for cells in (("アプリ", "結果"), ("org.kde.kate", "kept"), (LONG, "kept")):
        page.row(cells, (14,))
    head, kate, other = capsys.readouterr().out.splitlines()
    assert head == "アプリ" + " " * 9 + "結果"
    assert kate == "org.kde.kate   kept"
    assert other == f"{LONG} kept"
