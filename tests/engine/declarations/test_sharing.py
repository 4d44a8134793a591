"""Declarations share what is equal in them, and nothing else changes."""

import pytest
from support.manifests.manifest_texts import KATE

from telemetryd.core.definition import Detail, SourceType, canonical_text, digest_of
from telemetryd.engine.declarations.sharing import Shared
from telemetryd.toml import manifest

OTHER = KATE.replace("org.kde.kate", "org.kde.okular")


@pytest.fixture
def shared():
    """A table."""
    return Shared()


def test_a_declaration_stays_what_it_is(shared):
    """The shared declaration equals the one that was read, with the same types and digests, the first time and later."""
    read = manifest.parse(KATE)
    for _ in range(2):
        declaration = shared.share_declaration(manifest.parse(KATE))
        assert declaration == read
        assert [type(part) for part in declaration.definitions[0].question] == [type(part) for part in read.definitions[0].question]
        (definition,) = declaration.definitions
        assert definition.application is declaration.application
        assert digest_of(declaration.application, definition.question, definition.fields) == definition.digest
        assert canonical_text(definition) == canonical_text(read.definitions[0])


def test_equal_parts_are_one_object(shared):
    """Two applications with the same sources and questions have them once, each with an id and a digest of its own."""
    kate, okular = (shared.share_declaration(manifest.parse(text)) for text in (KATE, OTHER))
    assert kate.sources is okular.sources
    assert kate.definitions[0].question is okular.definitions[0].question
    assert kate.definitions[0].fields is okular.definitions[0].fields
    assert kate.application.vendor is okular.application.vendor
    assert (kate.application.id, okular.application.id) == ("org.kde.kate", "org.kde.okular")
    assert kate.definitions[0].digest != okular.definitions[0].digest


def test_types_are_kept(shared):
    """What is equal but of another type is not shared: a word and a member of an enum, a number and a level."""
    assert shared.share("flag") == "flag"
    assert type(shared.share(SourceType.FLAG)) is SourceType
    assert type(shared.share("flag")) is str
    assert type(shared.share(Detail.BASIC)) is Detail
    assert type(shared.share(1)) is int
    assert shared.share(("flag", 1)) is shared.share(("flag", 1))


def test_the_table_is_bounded():
    """However many texts come, the table stays below its bound, and what was shared before is unharmed."""
    shared = Shared(10_000)
    first = shared.share(("x" * 100, "first"))
    for number in range(1000):
        assert shared.share(("x" * 100, str(number)))[1] == str(number)
        assert shared.size_bytes <= 10_000
    assert first == ("x" * 100, "first")
    assert shared.share("y" * 20_000) == "y" * 20_000
    assert shared.size_bytes <= 10_000
