import pytest
from support.manifests.survey_answers import definition

from telemetryd.analysis.layout import Layout, View, columns, guess_layout, layout_of, resolve_view
from telemetryd.analysis.number_words import answer_text, population_text, share_title
from telemetryd.core.answers.report import cell_of_labels

LAYOUT = layout_of(definition())
TWO = Layout(("startup", "org.telemetryd.system/memory"), (("<500", ">=500"), ("<4", "4..16", ">=16")))


def shown(view, layout=TWO):
    """Each share of a view: words, and the numbers of its cells."""
    return [(share_title(column), sorted(column.share.of), sorted(column.share.given)) for column in columns(layout, view)]


def test_cells_are_the_cores():
    """A cell has the number that the core gives it, `none` the last one."""
    question = definition()
    assert [cell_of_labels(question, answer) for answer in LAYOUT.answers()] == list(range(question.cells))
    assert LAYOUT.cells == question.cells == 7


def test_joint_answers():
    """Without more said, every answer is shown among all users, `none` like any other."""
    shares = shown(View())
    assert shares[0] == ("startup <500, memory <4", [0], list(range(7)))
    assert shares[-1] == ("none", [6], list(range(7)))
    assert len(shares) == 7


def test_one_source():
    """A source's labels are the answers that have them, whatever the other source says."""
    assert shown(View(of="startup")) == [
        ("startup <500", [0, 1, 2], list(range(7))),
        ("startup >=500", [3, 4, 5], list(range(7))),
        ("none", [6], list(range(7))),
    ]


def test_given_another_source():
    """Given a label of another source, only answers with it count."""
    shares = shown(View(given="org.telemetryd.system/memory"))
    assert shares[:2] == [("startup <500, among memory <4", [0], [0, 3]), ("startup >=500, among memory <4", [3], [0, 3])]
    assert len(shares) == 6


def test_users_with_a_sample():
    """Among users with a sample `none` is neither an answer nor counted."""
    shares = shown(View(of="startup", is_answered=True))
    assert shares == [
        ("startup <500, among users with a sample", [0, 1, 2], list(range(6))),
        ("startup >=500, among users with a sample", [3, 4, 5], list(range(6))),
    ]


def test_words():
    """An answer and whom it is among can be said apart."""
    first = next(columns(TWO, View(given="startup")))
    assert (answer_text(first), population_text(first)) == ("memory <4", "startup <500")
    assert population_text(next(columns(TWO, View()))) == ""


def test_names_of_sources():
    """The part after the slash is enough; what a question does not ask, or does not ask beside another source, has no view."""
    assert resolve_view(TWO, View(of="memory")) == View(of="org.telemetryd.system/memory")
    assert resolve_view(TWO, View(given="memory", of="startup")).given == "org.telemetryd.system/memory"
    assert resolve_view(TWO, View(of="colour")) is None
    assert resolve_view(TWO, View(of="memory", given="org.telemetryd.system/memory")) is None
    assert resolve_view(Layout(("startup",), (("a", "b"),)), View(given="startup")) is None
    assert resolve_view(Layout(("a/x", "b/x"), (("a", "b"), ("c", "d"))), View(of="x")) is None


def test_labels_that_were_seen():
    """Without a definition the labels seen are put in the order of their bins; sources go by their place."""
    seen = [(">=2000", "x"), ("<500", "other"), ("500..2000", "a"), ("none", "none"), ("<500", "a")]
    assert guess_layout(seen) == Layout(("1", "2"), (("<500", "500..2000", ">=2000"), ("a", "x", "other")))
    assert guess_layout([("none",)]) == Layout(("1",), ((),))


@pytest.mark.parametrize("count", [31, 32, 10_000])
def test_more_labels_than_a_question_can_have(count):
    """Forged reports cannot make the table endless."""
    assert (guess_layout([(f"v{number}",) for number in range(count)]) is None) is (count > 31)
