import hashlib
from datetime import date
from itertools import pairwise

import pytest
from declared import APPLICATION, CRASHED, PLATFORM, STARTUP
from declared import QUESTION as BARE
from hypothesis import given
from hypothesis import strategies as st

from telemetryd.core.definition import (
    Category,
    Combine,
    Definition,
    Detail,
    Draw,
    Kind,
    PeriodKind,
    SourceType,
    digest_of,
    digest_of_all,
    edge_labels,
    number_label,
    translations,
)

QUESTION = BARE._replace(sources=("startup", "platform"), coarser=(("startup", (500, 2000)),))
CANONICAL = (
    "telemetryd-definition-1\n"
    '{"application":{"contact":"https://kde.org/privacy","id":"org.kde.kate","kind":"application","name":"Kate","vendor":"kde"},'
    '"question":{"category":"usage","coarser":{"startup":["500","2000"]},"decision":"Whether it is mended","detail":"basic",'
    '"draw":"uniform","ends":"2027-06-27","epsilon":"2","id":"startup","period":"week","purpose":"Is it slow?","share":"1",'
    '"sources":["startup","platform"],"starts":"2026-11-02"},'
    '"sources":[{"bins":["500","2000"],"combine":"median","description":"Start","id":"startup","type":"number","unit":"ms"},'
    '{"combine":"last","description":"Window system","id":"platform","type":"choice","unit":"","values":["wayland","x11"]}]}'
)


def digest(application=APPLICATION, question=QUESTION, fields=(STARTUP, PLATFORM)):
    """The digest of the one definition, or of one with other parts."""
    return digest_of(application, question, fields)


@pytest.mark.parametrize(
    ("number", "label"),
    [(500, "500"), (500.0, "500"), (0.5, "0.5"), (-0.0, "0"), (0, "0"), (-1.50, "-1.5"), (1e15, "1000000000000000"), (1e-7, "0.0000001")],
)
def test_number_labels(number, label):
    """A number has one text, without exponent, without needless zeros and without minus zero."""
    assert number_label(number) == label


@given(st.lists(st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9), min_size=1, unique_by=lambda edge: edge + 0))
def test_edge_labels(edges):
    """Edges give one bin more than there are edges, and no two bins share a text."""
    labels = edge_labels(sorted(edges))
    assert len(set(labels)) == len(edges) + 1


def test_labels():
    """Each type names its bins: edges, false and true, values and `other`."""
    assert STARTUP.labels == ("<500", "500..2000", ">=2000")
    assert PLATFORM.labels == ("wayland", "x11", "other")
    assert CRASHED.labels == ("false", "true")
    assert STARTUP._replace(type=SourceType.COUNT).labels == STARTUP.labels


def test_definition():
    """A definition is known by its application and question; its cells are all combinations and the joint `none`."""
    definition = Definition(APPLICATION, QUESTION, (STARTUP, PLATFORM, CRASHED), digest())
    assert definition.key == ("org.kde.kate", "startup")
    assert definition.cells == 3 * 3 * 2 + 1
    assert definition.revision == definition.digest[7:19]


def test_digest_is_fixed():
    """The canonical form is a file format: the digest is that of exactly this text, and never changes."""
    assert digest() == "sha256:" + hashlib.sha256(CANONICAL.encode()).hexdigest()
    assert digest() == "sha256:3939795cca179165520521de0bfe5fc6b1eb187a6f47ed35bdf08636c82da234"


UNSEEN = [
    (APPLICATION._replace(summary="A text editor"), QUESTION, (STARTUP, PLATFORM)),
    (APPLICATION._replace(uses=("org.kde.frameworks/crash",)), QUESTION, (STARTUP, PLATFORM)),
    (APPLICATION._replace(snap="kate"), QUESTION, (STARTUP, PLATFORM)),
    (APPLICATION, QUESTION._replace(expected_users=20_000), (STARTUP, PLATFORM)),
    (APPLICATION, QUESTION._replace(expected=(("startup", (0.5, 0.3, 0.2)),)), (STARTUP, PLATFORM)),
    (APPLICATION, QUESTION._replace(share=1, epsilon=2), (STARTUP._replace(edges=(500.0, 2e3)), PLATFORM)),
    (APPLICATION, QUESTION, (STARTUP, PLATFORM._replace(values=("x11", "wayland")))),
    (APPLICATION._replace(name="Kate"), QUESTION._replace(coarser=(("startup", (500.0, 2000.0)),)), (STARTUP, PLATFORM)),
]


@pytest.mark.parametrize("parts", UNSEEN)
def test_what_consent_does_not_depend_on(parts):
    """Summary, uses, snap, what is expected and another spelling of the same numbers leave the digest as it is."""
    assert digest(*parts) == digest()


def test_digest_of_texts_is_that_of_their_nfc_form():
    """A letter with its accent is the same text as one code point or as two."""
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    assert digest(APPLICATION._replace(name=composed)) == digest(APPLICATION._replace(name=decomposed))


SEEN = [
    *[(APPLICATION._replace(**{key: "org.kde.other"}), QUESTION, (STARTUP, PLATFORM)) for key in ("id", "name", "vendor", "contact")],
    (APPLICATION._replace(kind=Kind.SHARED), QUESTION, (STARTUP, PLATFORM)),
    *[
        (APPLICATION, QUESTION._replace(**change), (STARTUP, PLATFORM))
        for change in (
            {"id": "other"},
            {"purpose": "Is it fast?"},
            {"decision": "None"},
            {"category": Category.SYSTEM},
            {"detail": Detail.DETAILED},
            {"sources": ("platform", "startup")},
            {"coarser": ()},
            {"coarser": (("startup", (500,)),)},
            {"coarser": (("platform", ("x11",)),)},
            {"period": PeriodKind.DAY},
            {"starts": date(2026, 11, 3)},
            {"ends": date(2027, 6, 28)},
            {"draw": Draw.FIRST},
            {"share": 0.5},
            {"epsilon": 2.1},
        )
    ],
    (APPLICATION, QUESTION, (PLATFORM, STARTUP)),
    (APPLICATION, QUESTION, (STARTUP,)),
    *[
        (APPLICATION, QUESTION, (STARTUP._replace(**change), PLATFORM))
        for change in (
            {"id": "start"},
            {"type": SourceType.COUNT},
            {"description": "Startup"},
            {"unit": "s"},
            {"combine": Combine.MAX},
            {"edges": (500, 2001)},
            {"edges": (500, 1000, 2000)},
        )
    ],
    (APPLICATION, QUESTION, (STARTUP, PLATFORM._replace(values=("wayland",)))),
]


def test_what_consent_depends_on():
    """Every other part of a definition gives another digest, and no two of these changes the same one."""
    digests = [digest(), *(digest(*parts) for parts in SEEN)]
    assert len(set(digests)) == len(digests)
    assert all(len(one) == len("sha256:") + 64 for one in digests)


def test_digest_of_all():
    """A manifest's digest covers all its questions in their order."""
    first = Definition(APPLICATION, QUESTION, (STARTUP, PLATFORM), digest())
    second = Definition(APPLICATION, QUESTION._replace(id="other"), (STARTUP, PLATFORM), digest(question=QUESTION._replace(id="other")))
    digests = [digest_of_all(one) for one in ((), (first,), (first, second), (second, first))]
    assert all(one != other for one, other in pairwise(sorted(digests)))
    assert digest() not in digests


def test_translations():
    """Of a declaration's texts a question has those that are about it, in the languages that say something of it."""
    definition = Definition(APPLICATION, QUESTION, (STARTUP,), digest())
    mine, other = f"question/{QUESTION.id}/purpose", "question/another/purpose"
    texts = {"de": {mine: "Wozu?", other: "x", "source/startup/description": "Start", "source/other/description": "x"}, "fr": {other: "x"}}
    assert translations(definition, texts) == {"de": {mine: "Wozu?", "source/startup/description": "Start"}}
