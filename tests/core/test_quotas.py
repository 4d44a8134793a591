import pytest
from support.manifests.core_questions import STARTUP, define

from telemetryd.core import limits, quotas
from telemetryd.core.definition import Declaration
from telemetryd.errors import LimitExceededError

DEFINITION = define(STARTUP)


def declaration(sources=1, questions=1):
    """An application that declares so much."""
    return Declaration(DEFINITION.application, (STARTUP,) * sources, (DEFINITION,) * questions, "sha256:0", {})


BOUNDS = [
    (quotas.check_samples, limits.SAMPLES_MAX),
    (quotas.check_open, limits.OPEN_QUESTIONS_MAX),
    (lambda size: quotas.check_text("x" * size), limits.MANIFEST_BYTES),
    (lambda count: quotas.check_declaration(declaration(sources=count)), limits.SOURCES_MAX),
    (lambda count: quotas.check_declaration(declaration(questions=count)), limits.QUESTIONS_MAX),
]


@pytest.mark.parametrize(("check", "bound"), BOUNDS)
def test_bound(check, bound):
    """A value up to the bound is accepted; one more is refused with the bus error, which names the bound."""
    check(1)
    check(bound - 1)
    check(bound)
    with pytest.raises(LimitExceededError, match=str(bound)) as caught:
        check(bound + 1)
    assert caught.value.bus_name == "org.freedesktop.DBus.Error.LimitsExceeded"


def test_a_text_is_measured_in_bytes():
    """A text of fewer characters than the bound may have more bytes."""
    quotas.check_text("é" * (limits.MANIFEST_BYTES // 2))
    with pytest.raises(LimitExceededError):
        quotas.check_text("é" * (limits.MANIFEST_BYTES // 2 + 1))
