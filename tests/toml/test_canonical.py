"""Equal digests mean equal treatment of every input and equal texts."""

import json
from itertools import combinations, product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support.manifests.core_questions import STARTUP, asking, permitted

from telemetryd.core.answers import aggregate
from telemetryd.core.answers.coarsen import coarsener
from telemetryd.core.answers.report import BLANK_NONCE, Report, cell_of_bins, encode, label_of_cell
from telemetryd.core.definition import canonical_text
from telemetryd.core.permission.gate import Levels, obstacles
from telemetryd.core.privacy.noise import respond
from telemetryd.core.privacy.sampling_lot import Lot, drawn_period, takes_part
from telemetryd.core.system_facts import SOURCES
from telemetryd.describe.sentences import describe
from telemetryd.errors import InvalidManifestError, InvalidValueError
from telemetryd.toml import canonical
from telemetryd.toml.manifest import parse

MEMORY = "org.telemetryd.system/memory"
SEEN = {
    "id": ["org.kde.kate", "org.kde.kwrite"],
    "name": ["Kate", "K\u00e4te", "Ka\u0308te"],
    "vendor": ["kde", "gnome"],
    "contact": ["https://kde.org/privacy", "mailto:privacy@kde.org"],
    "kind": ["application", "shared"],
    "startup.description": ["Time to the first window", "Time to the first window (ms)"],
    "startup.unit": ["", "ms", "s"],
    "startup.combine": ["last", "min", "max", "median"],
    "startup.bins": [(500, 2000), (500, 1000, 2000), (500.0, 2000.0), (500,), (500, 2000, 3000)],
    "platform.values": [("x11", "wayland"), ("wayland", "x11"), ("x11",), ("wayland", "mir", "x11")],
    "platform.combine": ["last", "mode"],
    "saves.bins": [(1, 10), (1, 10, 20)],
    "crashed.combine": ["last", "any", "all"],
    "question": ["startup-time", "start"],
    "purpose": ["Is it slow?", "Is it slow? (ms)"],
    "decision": ["Whether it is mended", "Whether to wait"],
    "category": ["usage", "system"],
    "detail": ["basic", "detailed"],
    "sources": [("startup",), ("startup", "platform"), ("platform", "startup"), ("crashed",), ("saves", "crashed"), ("crashed", MEMORY)],
    "coarser": [{}, {"startup": [500]}, {"startup": [500, 2000]}, {"platform": ["x11"]}, {MEMORY: [4, 16]}, {"saves": [1, 10]}],
    "period": ["day", "week", "month"],
    "starts": ["2026-11-02", "2026-11-09"],
    "ends": ["2027-01-31", "2027-02-28"],
    "share": ["1", "1.0", "0.5"],
    "epsilon": ["2.0", "2.1", "3.0"],
}
"""The parts that a digest covers, with several values each, some of them other spellings of one value."""
UNSEEN = {
    "summary": ["", "Text editor"],
    "expected_users": [None, 20_000],
    "german": [None, "Ist es langsam?", "Startet es zu langsam?"],
    "comment": ["", "# a comment\n"],
}
"""The parts that a digest does not cover."""
FIRST = {key: values[0] for key, values in (SEEN | UNSEEN).items()}

DRAWS = (0, 6_000, 7_500, 8_800, 9_999)
"""Random numbers of the randomised response, as parts of 10,000."""
LOTS = [Lot(part << 62, period << 61, 0) for part in range(4) for period in range(8)]
MOMENTS = (1_793_000_000, 1_794_000_000)
"""Acceptances shortly before the starts and between them (Unix s)."""
INPUTS = st.lists(
    st.one_of(
        st.tuples(st.just("startup"), st.just("d"), st.sampled_from([-1.0, 0, 499.9, 500, 999, 1000, 1999, 2000, 3000, 1e9])),
        st.tuples(st.just("platform"), st.just("s"), st.sampled_from(["x11", "wayland", "mir", "other", "/home/me"])),
        st.tuples(st.just("saves"), st.just("u"), st.integers(0, 25)),
        st.tuples(st.sampled_from(["crashed", "startup"]), st.just("b"), st.booleans()),
        st.tuples(st.just(MEMORY), st.just("u"), st.sampled_from([1, 4, 15, 16, 64])),
    ),
    max_size=12,
)
EVERYTHING = [
    *(("startup", "d", value) for value in (2500.0, 1500.0, 100.0, 1200.0)),
    *(("platform", "s", value) for value in ("x11", "x11", "mir")),
    *(("saves", "u", value) for value in (3, 4, 8)),
    *(("crashed", "b", value) for value in (False, True, False)),
    (MEMORY, "u", 8),
]


def manifest(made):
    """The text of a manifest with these parts."""
    references = made["sources"]
    text = made["comment"] + "schema = 1\n[application]\n"
    text += _keys(made, "id", "name", "summary", "vendor", "contact", "kind")
    for name, kind in (("startup", "number"), ("platform", "choice"), ("saves", "count"), ("crashed", "flag")):
        if name in references:
            text += f'[[source]]\nid = "{name}"\ntype = "{kind}"\ndescription = "{made.get(f"{name}.description", name)}"\n'
            keys = [key for key in ("unit", "combine", "bins", "values") if made.get(f"{name}.{key}")]
            text += "".join(f"{key} = {json.dumps(made[f'{name}.{key}'])}\n" for key in keys)
    text += f'[[question]]\nid = "{made["question"]}"\nsources = {json.dumps(references)}\n'
    text += _keys(made, "purpose", "decision", "category", "detail", "period")
    text += "".join(f"{key} = {made[key]}\n" for key in ("starts", "ends", "share", "epsilon"))
    text += (
        "coarser = {"
        + ", ".join(f"{json.dumps(name)} = {json.dumps(items)}" for name, items in made["coarser"].items() if name in references)
        + "}\n"
    )
    text += f"expected_users = {made['expected_users']}\n" if made["expected_users"] else ""
    return text + (f'"purpose[de]" = "{made["german"]}"\n' if made["german"] else "")


def _keys(made, *names):
    return "".join(f"{name} = {json.dumps(made[name], ensure_ascii=False)}\n" for name in names if made[name])


def declared(**change):
    """A declaration with the first value of each part; `parts` replace some of them."""
    return parse(manifest(FIRST | change))


@st.composite
def pairs(draw):
    """Two manifests that differ in up to two covered parts, and in any others."""
    base = {key: draw(st.sampled_from(values)) for key, values in SEEN.items()}
    changed = base | {key: draw(st.sampled_from(SEEN[key])) for key in draw(st.lists(st.sampled_from(sorted(SEEN)), max_size=2))}
    unseen = [{key: draw(st.sampled_from(values)) for key, values in UNSEEN.items()} for _ in range(2)]
    try:
        return parse(manifest(base | unseen[0])), parse(manifest(changed | unseen[1]))
    except InvalidManifestError:
        assume(False)


def treatment(declaration, inputs):
    """All results of these inputs (source, type, value), without the revision in reports: `test_definition` has its parts."""
    (definition,) = declaration.definitions
    question, sources = definition.question, {source.id: source for source in (*declaration.sources, *SOURCES.values())}
    slots = aggregate.layout(definition, sources.values())
    cells = aggregate.empty_tally(slots)
    verdicts = [_push(slots, cells, sources, at, *sample) for at, sample in enumerate(inputs, 1)]
    cell = cell_of_bins(definition, aggregate.answer(slots, cells))
    reported = [respond(cell, definition.cells, question.epsilon, lambda count, part=part: part * count // 10_000) for part in DRAWS]
    periods = [drawn_period(question, lot, moment) for lot in LOTS for moment in MOMENTS]
    levels = [Levels(system, usage) for system, usage in product(range(3), repeat=2)]
    return (
        verdicts,
        [_body(definition, answer) for answer in reported],
        periods,
        [takes_part(lot, question.share, 1.0) for lot in LOTS],
        [obstacles(definition, permitted(definition, levels=level)) for level in levels],
        definition.application.vendor,
        definition.application.kind,
    )


def _push(slots, cells, sources, stamp, name, code, value):
    slot = next((slot for slot in slots if slot.field.id == name), None)
    if slot is None:
        return "not asked"
    try:
        reduced = coarsener(sources[name])(code, (value,))
    except InvalidValueError:
        return "refused"
    aggregate.fold(slot)(cells, reduced, stamp)
    return "kept"


def _body(definition, answer):
    return encode(
        Report(*definition.key, "0" * 12, "2026-W48", label_of_cell(definition, answer), definition.question.epsilon, BLANK_NONCE)
    )


@given(pairs(), INPUTS)
def test_equal_digests_are_equal_meanings(pair, inputs):
    """Two definitions have one digest exactly if every input has the same result and the texts in the source language are equal."""
    first_declaration, second_declaration = pair
    (first,), (second,) = first_declaration.definitions, second_declaration.definitions
    is_same = describe(first) == describe(second) and treatment(first_declaration, inputs) == treatment(second_declaration, inputs)
    assert is_same == (first.digest == second.digest)


@given(pairs())
def test_equal_words_are_equal_digests(pair):
    """The texts alone distinguish definitions: they cover all that a digest covers."""
    (first,), (second,) = (declaration.definitions for declaration in pair)
    assert (describe(first) == describe(second)) == (first.digest == second.digest)


@pytest.mark.parametrize("sources", SEEN["sources"], ids=" ".join)
def test_every_single_change_is_said(sources):
    """For each covered part, the texts of two values differ exactly if their digests differ."""
    for key, values in SEEN.items():
        known = [declared(**({"sources": sources} | {key: value})).definitions[0] for value in values]
        for first, second in combinations(known, 2):
            assert (describe(first) == describe(second)) == (first.digest == second.digest), key


@pytest.mark.parametrize(
    "change",
    [
        {"startup.bins": (500, 1000, 2000)},
        {"startup.combine": "max"},
        {"coarser": {"startup": [500]}},
        {"sources": ("startup", "platform")},
        {"sources": ("crashed", MEMORY)},
        {"kind": "shared"},
        {"vendor": "gnome"},
        {"question": "start"},
        {"category": "system"},
        {"detail": "detailed"},
        {"period": "month"},
        {"starts": "2026-11-09"},
        {"ends": "2027-02-28"},
        {"share": "0.5"},
        {"epsilon": "3.0"},
    ],
)
def test_treatment_sees_what_the_daemon_does(change):
    """The comparison above works: each of these changes alters the treatment, not only the text."""
    assert treatment(declared(**change), EVERYTHING) != treatment(declared(), EVERYTHING)


@pytest.mark.parametrize("change", [{key: value} for key, values in UNSEEN.items() for value in values])
def test_what_no_digest_covers_changes_nothing(change):
    """A summary, an expectation, a comment or a translation changes neither treatment nor texts."""
    assert treatment(declared(**change), EVERYTHING) == treatment(declared(), EVERYTHING)
    assert describe(*declared(**change).definitions) == describe(*declared().definitions)


@given(pairs())
def test_canonical_text_is_read_again(pair):
    """A canonical text contains the whole definition, with the same texts and digest."""
    for declaration in pair:
        (definition,) = declaration.definitions
        again = canonical.read(canonical_text(definition))
        assert (again.digest, describe(again)) == (definition.digest, describe(definition))


@pytest.mark.parametrize("edges", [(500, 2000), (0.5, 2.25), (0.5, 2, 1000), (-3, -0.125), (9007199254740992, 9007199254740993)])
def test_edges_are_read_as_written(edges):
    """An edge with a fraction is read with it, and a whole one as a whole number, however large."""
    written = asking(STARTUP._replace(edges=edges))
    (field,) = canonical.read(canonical_text(written)).fields
    assert [(edge, type(edge)) for edge in field.edges] == [(edge, type(edge)) for edge in edges]


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"application":{}}', '{"application":1}', canonical_text(*declared().definitions)[:-1]]
)
def test_other_texts_are_no_definition(text):
    """A text that is not canonical is refused."""
    with pytest.raises(InvalidManifestError, match="canonical text"):
        canonical.read(text)
