import hashlib
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.manifests.core_questions import APPLICATION, CRASHED, PLATFORM, STARTUP
from support.manifests.core_questions import QUESTION as BARE

from telemetryd.core.definition import (
    Category,
    Combine,
    Definition,
    Detail,
    ManifestKind,
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
    '"ends":"2027-06-27","epsilon":"2","id":"startup","period":"week","purpose":"Is it slow?","share":"1",'
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


def test_digest_is_fixed():
    """The canonical form is a file format: exactly this text has this digest, for ever."""
    assert digest() == "sha256:" + hashlib.sha256(CANONICAL.encode()).hexdigest()
    assert digest() == "sha256:2493fa9e309afc085c10723f9559109789ccf97aa5da95654e11b43107290491"


REVISED = (
    "telemetryd-revision-1\n"
    '{"application":{"id":"org.kde.kate"},'
    '"question":{"epsilon":"2","id":"startup","period":"week","share":"1"},'
    '"sources":[{"bins":["500","2000"],"combine":"median","id":"startup","type":"number","unit":"ms"},'
    '{"combine":"last","id":"platform","type":"choice","unit":"","values":["wayland","x11"]}]}'
)


def revision(application=APPLICATION, question=QUESTION, fields=(STARTUP, PLATFORM)):
    """The revision of the one definition, or of one with other parts."""
    return Definition(application, question, fields, digest(application, question, fields)).revision


def test_revision_is_fixed():
    """What the revision is taken over is a format: exactly this text gives this revision, for ever. Policy: A2."""
    assert revision() == hashlib.sha256(REVISED.encode()).hexdigest()[:12] == "799a80fb0344"


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
    """Summary, uses, snap, expectations and other spellings of the same numbers do not change the digest."""
    assert digest(*parts) == digest()


def test_digest_of_texts_is_that_of_their_nfc_form():
    """A letter with its accent is the same text as one code point or as two."""
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    assert digest(APPLICATION._replace(name=composed)) == digest(APPLICATION._replace(name=decomposed))


NUMBERS = [
    (APPLICATION._replace(id="org.kde.other"), QUESTION, (STARTUP, PLATFORM)),
    *[
        (APPLICATION, QUESTION._replace(**change), (STARTUP, PLATFORM))
        for change in ({"id": "other"}, {"period": PeriodKind.DAY}, {"share": 0.5}, {"epsilon": 2.1})
    ],
    (APPLICATION, QUESTION, (PLATFORM, STARTUP)),
    (APPLICATION, QUESTION, (STARTUP,)),
    *[
        (APPLICATION, QUESTION, (STARTUP._replace(**change), PLATFORM))
        for change in (
            {"id": "start"},
            {"type": SourceType.COUNT},
            {"unit": "s"},
            {"combine": Combine.MAX},
            {"edges": (500, 2001)},
            {"edges": (500, 1000, 2000)},
        )
    ],
    (APPLICATION, QUESTION, (STARTUP, PLATFORM._replace(values=("wayland",)))),
]
"""What changes the numbers."""

UNNUMBERED = [
    *[(APPLICATION._replace(**{key: "org.kde.other"}), QUESTION, (STARTUP, PLATFORM)) for key in ("name", "vendor", "contact")],
    (APPLICATION._replace(kind=ManifestKind.SHARED), QUESTION, (STARTUP, PLATFORM)),
    *[
        (APPLICATION, QUESTION._replace(**change), (STARTUP, PLATFORM))
        for change in (
            {"purpose": "Is it fast?"},
            {"decision": "None"},
            {"category": Category.SYSTEM},
            {"detail": Detail.DETAILED},
            {"sources": ("platform", "startup")},
            {"coarser": ()},
            {"coarser": (("startup", (500,)),)},
            {"coarser": (("platform", ("x11",)),)},
            {"starts": date(2026, 11, 3)},
            {"ends": date(2027, 6, 28)},
        )
    ],
    (APPLICATION, QUESTION, (STARTUP._replace(description="Startup"), PLATFORM)),
]
"""What the user consents to beside that."""

SEEN = NUMBERS + UNNUMBERED


def test_what_consent_depends_on():
    """Every other part of a definition gives another digest, and no two of these changes the same one."""
    digests = [digest(), *(digest(*parts) for parts in SEEN)]
    assert len(set(digests)) == len(digests)
    assert all(len(digest) == len("sha256:") + 64 for digest in digests)


def test_what_a_revision_depends_on():
    """Each part that changes the numbers gives another revision, and no two of these changes the same one."""
    revisions = [revision(), *(revision(*parts) for parts in NUMBERS)]
    assert len(set(revisions)) == len(revisions)


@pytest.mark.parametrize("parts", UNNUMBERED)
def test_what_a_revision_says_nothing_of(parts):
    """No text, date or level of consent reaches the wire: their definitions differ, and their reports do not. Policy: A2."""
    assert revision(*parts) == revision()
    assert digest(*parts) != digest()


def test_digest_of_all():
    """A manifest's digest covers all its questions in their order."""
    first = Definition(APPLICATION, QUESTION, (STARTUP, PLATFORM), digest())
    second = Definition(APPLICATION, QUESTION._replace(id="other"), (STARTUP, PLATFORM), digest(question=QUESTION._replace(id="other")))
    digests = [digest_of_all(definitions) for definitions in ((), (first,), (first, second), (second, first))]
    assert all(digest != next_digest for digest, next_digest in pairwise(sorted(digests)))
    assert digest() not in digests


def test_translations():
    """A question gets those of a declaration's translations that are about it."""
    definition = Definition(APPLICATION, QUESTION, (STARTUP,), digest())
    mine, other = f"question/{QUESTION.id}/purpose", "question/another/purpose"
    texts = {"de": {mine: "Wozu?", other: "x", "source/startup/description": "Start", "source/other/description": "x"}, "fr": {other: "x"}}
    assert translations(definition, texts) == {"de": {mine: "Wozu?", "source/startup/description": "Start"}}
