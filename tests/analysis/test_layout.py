import pytest
from surveys import definition

from telemetryd.analysis.layout import Layout, View, columns, declared, fitted, guessed
from telemetryd.analysis.number_words import answer_of, given_of, title_of
from telemetryd.core.report import cell_of_labels

LAYOUT = declared(definition())
TWO = Layout(("startup", "org.telemetryd.system/memory"), (("<500", ">=500"), ("<4", "4..16", ">=16")))


def shown(view, layout=TWO):
    """Each share of a view: words, and the numbers of its cells."""
    return [(title_of(one), sorted(one.share.of), sorted(one.share.given)) for one in columns(layout, view)]


def test_cells_are_the_cores():
    """A cell has the number that the core gives it, `none` the last one."""
    asked = definition()
    assert [cell_of_labels(asked, answer) for answer in LAYOUT.answers()] == list(range(asked.cells))
    assert LAYOUT.cells == asked.cells == 7


def test_joint_answers():
    """Without more said, every answer is shown among all users, `none` like any other."""
    found = shown(View())
    assert found[0] == ("startup <500, memory <4", [0], list(range(7)))
    assert found[-1] == ("none", [6], list(range(7)))
    assert len(found) == 7


def test_one_source():
    """A source's labels are the answers that have them, whatever the other source says."""
    assert shown(View(of="startup")) == [
        ("startup <500", [0, 1, 2], list(range(7))),
        ("startup >=500", [3, 4, 5], list(range(7))),
        ("none", [6], list(range(7))),
    ]


def test_given_another_source():
    """Given a label of another source, only answers with it count."""
    found = shown(View(given="org.telemetryd.system/memory"))
    assert found[:2] == [("startup <500, among memory <4", [0], [0, 3]), ("startup >=500, among memory <4", [3], [0, 3])]
    assert len(found) == 6


def test_users_with_a_sample():
    """Among users with a sample `none` is neither an answer nor counted."""
    found = shown(View(of="startup", is_answered=True))
    assert found == [
        ("startup <500, among users with a sample", [0, 1, 2], list(range(6))),
        ("startup >=500, among users with a sample", [3, 4, 5], list(range(6))),
    ]


def test_words():
    """An answer and whom it is among can be said apart."""
    first = next(columns(TWO, View(given="startup")))
    assert (answer_of(first), given_of(first)) == ("memory <4", "startup <500")
    assert given_of(next(columns(TWO, View()))) == ""


def test_names_of_sources():
    """The part after the slash is enough; what a question does not ask, or does not ask beside another source, has no view."""
    assert fitted(TWO, View(of="memory")) == View(of="org.telemetryd.system/memory")
    assert fitted(TWO, View(given="memory", of="startup")).given == "org.telemetryd.system/memory"
    assert fitted(TWO, View(of="colour")) is None
    assert fitted(TWO, View(of="memory", given="org.telemetryd.system/memory")) is None
    assert fitted(Layout(("startup",), (("a", "b"),)), View(given="startup")) is None
    assert fitted(Layout(("a/x", "b/x"), (("a", "b"), ("c", "d"))), View(of="x")) is None


def test_labels_that_were_seen():
    """Without a definition the labels seen are put in the order of their bins; sources go by their place."""
    seen = [(">=2000", "x"), ("<500", "other"), ("500..2000", "a"), ("none", "none"), ("<500", "a")]
    assert guessed(seen) == Layout(("1", "2"), (("<500", "500..2000", ">=2000"), ("a", "x", "other")))
    assert guessed([("none",)]) == Layout(("1",), ((),))


@pytest.mark.parametrize("count", [31, 32, 10_000])
def test_more_labels_than_a_question_can_have(count):
    """Forged reports cannot make the table endless."""
    assert (guessed([(f"v{number}",) for number in range(count)]) is None) is (count > 31)
