"""Each warning of the arithmetic stands at its place, and only there."""

from datetime import date

import pytest
from support.manifests.manifest_texts import EDITOR, question

from telemetryd.authoring.linter.findings_of import lint

TODAY = date(2026, 11, 24)
STARTS, ENDS = "2026-11-02", "2027-04-25"
BINS = {"number": "bins = [1, 2, 3]", "count": "bins = [1, 2, 3]", "flag": "", "choice": 'values = ["wayland", "x11"]'}


def source(name, kind="number", description="", bins=""):
    """A source whose description has words of its own."""
    return (
        f'[[source]]\nid = "{name}"\ntype = "{kind}"\ndescription = "{description or f"What {name} {name} shows"}"\n{bins or BINS[kind]}\n'
    )


def asking(*names, more="", **others):
    """A question about these sources."""
    texts = {"purpose": "Which of both is kept?", "decision": "Whether the slower one is taken out", "starts": STARTS, "ends": ENDS}
    return question("kept", *names, more=more, **(texts | others))


def warned(text, part):
    """The places and messages of the warnings with a part."""
    return [(finding.fault.place, finding.fault.message) for finding in lint(EDITOR + text, TODAY) if part in finding.fault.message]


@pytest.mark.parametrize(("kind", "bins", "count"), [("count", "[0, 2]", 1), ("count", "[1, 2]", 0), ("number", "[0, 2]", 0)])
def test_a_bin_that_stays_empty(kind, bins, count):
    """Only a count that begins at 0 has a bin that stays empty; the warning stands at the edge 0."""
    warnings = warned(source("load", kind, bins=f"bins = {bins}") + asking("load"), "never below 0")
    assert [place for place, _ in warnings] == [("source", 0, "bins", 0)] * count


@pytest.mark.parametrize(("epsilon", "count"), [(1.0, 0), (2.0, 0), (2.1, 1), (4.0, 1)])
def test_weak_protection(epsilon, count):
    """An ε above 2 is warned about, and 2 is not."""
    warnings = warned(source("load") + asking("load", more=f"epsilon = {epsilon}"), "than the usual 2")
    assert [place for place, _ in warnings] == [("question", 0, "epsilon")] * count


@pytest.mark.parametrize(
    ("number", "epsilon", "keys"), [(4, 2.0, []), (4, 0.4, []), (4, 0.3, ["epsilon"]), (6, 0.4, ["epsilon"]), (20, 2.0, ["sources"])]
)
def test_answers_that_noise_hides(number, epsilon, keys):
    """More possible answers than ε suits are warned about at the sources, and an ε that a forged report defeats at the ε."""
    text = source("load", bins=f"bins = {list(range(1, number - 1))}") + asking("load", more=f"epsilon = {epsilon}")
    found = [place for part in ("possible answers at epsilon", "forged report") for place, _ in warned(text, part)]
    assert found == [("question", 0, key) for key in keys]


@pytest.mark.parametrize("kind", BINS)
@pytest.mark.parametrize("category", ["system", "usage"])
def test_counting_is_usage(kind, category):
    """Only a count of one's own is usage, and only under the category system is that warned about."""
    warnings = warned(source("load", kind) + asking("load", category=category), "counting over a period")
    assert len(warnings) == (kind == "count" and category == "system")


@pytest.mark.parametrize(("users", "count"), [(1_000, 1), (12_475, 1), (12_500, 0), (1_000_000, 0)])
def test_few_reports(users, count):
    """Fewer than 500 reports in each of 25 weeks are warned about."""
    text = source("load") + asking("load", more=f"expected_users = {users}")
    assert [place for place, _ in warned(text, "hides in a small crowd")] == [("question", 0, "expected_users")] * count


@pytest.mark.parametrize(
    ("shares", "rare"),
    [
        ({"wayland": 0.99, "x11": 0.005, "other": 0.005}, "x11"),
        ({"wayland": 0.005, "x11": 0.99, "other": 0.005}, "wayland"),
        ({"wayland": 0.004, "x11": 0.004, "other": 0.992}, "wayland, x11"),
        ({"wayland": 0.98, "x11": 0.01, "other": 0.01}, ""),
        ({"wayland": 0.5, "x11": 0.5}, ""),
    ],
)
def test_rare(shares, rare):
    """Values that fewer than one user in a hundred has are named, whatever they are called. `other` gathers what is rare, and is not."""
    expected = ", ".join(f"{label} = {share}" for label, share in shares.items())
    warnings = warned(
        source("shell", "choice") + asking("shell", more=f"expected = {{ shell = {{ {expected} }} }}"), "one user in a hundred"
    )
    assert [message.rpartition(" in ")[2] for _, message in warnings] == ([rare] if rare else [])


def test_rare_of_two():
    """The labels are those of the source whose shares are expected, whichever comes first in the question."""
    text = (
        source("zoom") + source("shell", "choice") + asking("zoom", "shell", more="expected = { shell = { wayland = 0.999, x11 = 0.001 } }")
    )
    assert [message.rpartition(" in ")[2] for _, message in warned(text, "one user in a hundred")] == ["x11"]


@pytest.mark.parametrize(("ends", "days"), [("2027-03-02", 275), ("2027-03-03", 276), ("2027-05-31", 365)])
def test_long(ends, days):
    """A question of more than nine months is warned about, with its days, the first and the last included."""
    warnings = warned(source("load") + asking("load", starts="2026-06-01", ends=ends), "the question lasts")
    assert [message.partition("is far away, ")[2] for _, message in warnings] == ([f"the question lasts {days} days"] if days > 275 else [])


def test_finer_than_yes_or_no():
    """Many bins for yes or no are warned about where their number is chosen: at the question's `coarser`, else at the source."""
    texts = {"purpose": "Is start-up too slow?"}
    many, more = source("load", bins="bins = [1, 2, 3, 4, 5, 6, 7]"), "coarser = { load = [1, 2, 3, 4, 5, 6] }"
    few = "coarser = { load = [1, 2, 3, 4, 5] }"
    places = [[place for place, _ in warned(many + asking("load", more=text, **texts), "yes or no")] for text in ("", more, few)]
    assert places == [[("source", 0, "bins")], [("question", 0, "coarser", "load")], []]


@pytest.mark.parametrize("coarse", ["dark", "load"])
def test_unused_edges(coarse):
    """An edge that no question asks for is named, even if a source of another name has one like it."""
    text = source("dark") + source("load") + asking("dark", "load", more=f"coarser = {{ {coarse} = [1, 2] }}")
    warnings = warned(text, "no question asks for")
    assert [message.partition(": finer")[0] for _, message in warnings] == [f'[[source]] "{coarse}": bins: no question asks for 3']


def test_one_fact():
    """Of several sources that may be one fact, the last is where the warning stands."""
    names = ("load", "again", "third")
    sources = [source(name, description=f"Time from the start to the first window, {number}") for number, name in enumerate(names)]
    text = "".join(sources) + "".join(asking(name).replace('"kept"', f'"{name}"') for name in names)
    assert [place for place, _ in warned(text, "nearly the same")] == [("source", 2)]


@pytest.mark.parametrize(
    ("translated", "missing"),
    [
        (("purpose",), '[[source]] "load": description[de]: is missing, and 1 of 3'),
        (("description",), '[[question]] "kept": purpose[de]: is missing, and 1 of 3'),
        (("description", "purpose"), '[[question]] "kept": decision[de]: is missing, and 2 of 3'),
        (("description", "purpose", "decision"), ""),
    ],
)
def test_half_a_translation(translated, missing):
    """Of the texts that a language lacks, the first is named."""
    text = source("load") + asking("load")
    for key in translated:
        text = text.replace(f"\n{key} =", f'\n"{key}[de]" = "Wird das gefragt?"\n{key} =')
    warnings = warned(text, "is missing, and")
    assert [message.partition(" texts")[0] for _, message in warnings] == ([missing] if missing else [])


def test_half_a_translation_of_many():
    """How many texts a language has is counted over all questions."""
    text = source("load") + asking("load") + asking("load").replace('"kept"', '"other"').replace("Which of both", "Which of them")
    for key in ("description", "purpose", "decision"):
        text = text.replace(f"\n{key} =", f'\n"{key}[de]" = "Wird das gefragt?"\n{key} =', 1)
    ((_, message),) = warned(text, "is missing, and")
    assert message.endswith("purpose[de]: is missing, and 3 of 5 texts are there")
