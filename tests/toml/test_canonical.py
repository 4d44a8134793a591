"""What a digest stands for: how the daemon treats every input, and what it says."""

import json
from itertools import combinations, product

import pytest
from declared import permitted
from hypothesis import assume, given
from hypothesis import strategies as st

from telemetryd.core import aggregate
from telemetryd.core.coarsen import coarsener
from telemetryd.core.definition import canonical_text
from telemetryd.core.gate import Levels, closures
from telemetryd.core.noise import respond
from telemetryd.core.report import BLANK_NONCE, Report, cell_of_bins, encode, label_of_cell
from telemetryd.core.sampling_lot import Lot, drawn_period, takes_part
from telemetryd.core.system_facts import SOURCES
from telemetryd.describe.sentences import tell
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
    "draw": ["uniform", "first"],
    "share": ["1", "1.0", "0.5"],
    "epsilon": ["2.0", "2.1", "3.0"],
}
"""What a digest covers, in several values each, some of which are other spellings of the same."""
UNSEEN = {
    "summary": ["", "Text editor"],
    "expected_users": [None, 20_000],
    "german": [None, "Ist es langsam?", "Startet es zu langsam?"],
    "comment": ["", "# a comment\n"],
}
"""What it does not cover."""
FIRST = {key: values[0] for key, values in (SEEN | UNSEEN).items()}

DRAWS = (0, 6_000, 7_500, 8_800, 9_999)
"""What chance may say when an answer is reported."""
LOTS = [Lot(part << 62, period << 61) for part in range(4) for period in range(8)]
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
    asked = made["sources"]
    text = made["comment"] + "schema = 1\n[application]\n"
    text += _keys(made, "id", "name", "summary", "vendor", "contact", "kind")
    for name, kind in (("startup", "number"), ("platform", "choice"), ("saves", "count"), ("crashed", "flag")):
        if name in asked:
            text += f'[[source]]\nid = "{name}"\ntype = "{kind}"\ndescription = "{made.get(f"{name}.description", name)}"\n'
            keys = [key for key in ("unit", "combine", "bins", "values") if made.get(f"{name}.{key}")]
            text += "".join(f"{key} = {json.dumps(made[f'{name}.{key}'])}\n" for key in keys)
    text += f'[[question]]\nid = "{made["question"]}"\nsources = {json.dumps(asked)}\n'
    text += _keys(made, "purpose", "decision", "category", "detail", "period", "draw")
    text += "".join(f"{key} = {made[key]}\n" for key in ("starts", "ends", "share", "epsilon"))
    text += (
        "coarser = {"
        + ", ".join(f"{json.dumps(name)} = {json.dumps(kept)}" for name, kept in made["coarser"].items() if name in asked)
        + "}\n"
    )
    text += f"expected_users = {made['expected_users']}\n" if made["expected_users"] else ""
    return text + (f'"purpose[de]" = "{made["german"]}"\n' if made["german"] else "")


def _keys(made, *names):
    return "".join(f"{name} = {json.dumps(made[name], ensure_ascii=False)}\n" for name in names if made[name])


def declared(**change):
    """The declaration of the first of everything, but for these parts."""
    return parse(manifest(FIRST | change))


@st.composite
def pairs(draw):
    """Two manifests that differ in up to two parts that a digest covers, and in any others."""
    one = {key: draw(st.sampled_from(values)) for key, values in SEEN.items()}
    other = one | {key: draw(st.sampled_from(SEEN[key])) for key in draw(st.lists(st.sampled_from(sorted(SEEN)), max_size=2))}
    unseen = [{key: draw(st.sampled_from(values)) for key, values in UNSEEN.items()} for _ in range(2)]
    try:
        return parse(manifest(one | unseen[0])), parse(manifest(other | unseen[1]))
    except InvalidManifestError:
        assume(False)


def treatment(declaration, inputs):
    """All that the daemon makes of these inputs (source, type, value), but for the revision in reports, which is the digest."""
    (definition,) = declaration.definitions
    asked, sources = definition.question, {one.id: one for one in (*declaration.sources, *SOURCES.values())}
    slots = aggregate.layout(definition, sources.values())
    cells = aggregate.empty(slots)
    verdicts = [_push(slots, cells, sources, at, *sample) for at, sample in enumerate(inputs, 1)]
    cell = cell_of_bins(definition, aggregate.answer(slots, cells))
    told = [respond(cell, definition.cells, asked.epsilon, lambda count, part=part: part * count // 10_000) for part in DRAWS]
    periods = [drawn_period(asked, lot, moment) for lot in LOTS for moment in MOMENTS]
    levels = [Levels(system, usage) for system, usage in product(range(3), repeat=2)]
    return (
        verdicts,
        [_body(definition, answer) for answer in told],
        periods,
        [takes_part(lot, asked.share) for lot in LOTS],
        [closures(definition, permitted(definition, levels=level)) for level in levels],
        definition.application.vendor,
        definition.application.kind,
    )


def _push(slots, cells, sources, stamp, name, code, value):
    slot = next((one for one in slots if one.field.id == name), None)
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
    """Two definitions have one digest exactly when the daemon treats every input the same and says the same in the source language."""
    one, other = pair
    (first,), (second,) = one.definitions, other.definitions
    is_same = tell(first) == tell(second) and treatment(one, inputs) == treatment(other, inputs)
    assert is_same == (first.digest == second.digest)


@given(pairs())
def test_equal_words_are_equal_digests(pair):
    """The words alone tell definitions apart: nothing that a digest covers is left unsaid."""
    (one,), (other,) = (declaration.definitions for declaration in pair)
    assert (tell(one) == tell(other)) == (one.digest == other.digest)


@pytest.mark.parametrize("sources", SEEN["sources"], ids=" ".join)
def test_every_single_change_is_said(sources):
    """Of each part that a digest covers, any two values that give two digests are told apart, and any two that give one are not."""
    for key, values in SEEN.items():
        known = [declared(**({"sources": sources} | {key: value})).definitions[0] for value in values]
        for one, other in combinations(known, 2):
            assert (tell(one) == tell(other)) == (one.digest == other.digest), key


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
        {"draw": "first"},
        {"share": "0.5"},
        {"epsilon": "3.0"},
    ],
)
def test_treatment_sees_what_the_daemon_does(change):
    """What is compared above is not blind: each of these changes is treated differently, not only told."""
    assert treatment(declared(**change), EVERYTHING) != treatment(declared(), EVERYTHING)


@pytest.mark.parametrize("change", [{key: value} for key, values in UNSEEN.items() for value in values])
def test_what_no_digest_covers_changes_nothing(change):
    """A summary, an expectation, a comment or a text in another language changes neither what is done nor what is said."""
    assert treatment(declared(**change), EVERYTHING) == treatment(declared(), EVERYTHING)
    assert tell(*declared(**change).definitions) == tell(*declared().definitions)


@given(pairs())
def test_canonical_text_is_read_again(pair):
    """Whoever has the text that a digest is taken over has the whole definition: what it says, and the same digest."""
    for declaration in pair:
        (definition,) = declaration.definitions
        again = canonical.read(canonical_text(definition))
        assert (again.digest, tell(again)) == (definition.digest, tell(definition))


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"application":{}}', '{"application":1}', canonical_text(*declared().definitions)[:-1]]
)
def test_other_texts_are_no_definition(text):
    """A text that is no definition's is refused, whatever it is."""
    with pytest.raises(InvalidManifestError, match="canonical text"):
        canonical.read(text)
