"""One act of the user: which parts fit together, and which of them only take something back."""

import pytest

from telemetryd.core.permission.gate import INHERIT, ApplicationLevels, Decision, Levels
from telemetryd.core.permission.user_change import Choices, UserChange, check, gives_more, is_lower, is_withdrawal, lowering
from telemetryd.errors import InvalidArgumentsError

APP, OTHER = "org.kde.kate", "org.kde.dolphin"
KEY, SECOND = (APP, "startup"), (APP, "plugins")
CHOICES = Choices(Levels(2, 1, 1), {APP: ApplicationLevels(1, 3)}, {SECOND: Decision(refused=True)})
ONE, TWO = frozenset([KEY]), frozenset([KEY, SECOND])


@pytest.mark.parametrize(
    "change",
    [
        UserChange(levels={"system": 3}),
        UserChange(levels={"usage": 0, "new_questions": -1}),
        UserChange(application=APP, axes={"system": 4}),
        UserChange(application=APP),
        UserChange(axes={"system": 1}),
        UserChange(refuse=ONE, accept={KEY: "sha256:1"}),
        UserChange(refuse=TWO, allow=ONE),
        UserChange(forget=APP, accept={KEY: "sha256:1"}),
        UserChange(forget=APP, allow=ONE),
        UserChange(forget=APP, application=APP, axes={"usage": 0}),
    ],
)
def test_contradictions(change):
    """A level out of range, or parts that contradict each other, are refused."""
    with pytest.raises(InvalidArgumentsError):
        check(change)


@pytest.mark.parametrize(
    "change",
    [
        UserChange(),
        UserChange(levels={"system": 0, "usage": 2, "new_questions": 1}, application=APP, axes={"system": INHERIT}),
        UserChange(accept={KEY: "sha256:1"}, allow=ONE, refuse=frozenset([SECOND]), erase=APP),
        UserChange(forget=APP, refuse=ONE, erase="", application=OTHER, axes={"usage": 0}),
    ],
)
def test_parts_that_fit(change):
    """What is in range and does not contradict itself is permitted."""
    check(change)


@pytest.mark.parametrize(
    ("change", "part", "is_more"),
    [
        (UserChange(levels={"system": 1}), UserChange(levels={"system": 1}), False),
        (UserChange(levels={"system": 2}), UserChange(), False),
        (UserChange(levels={"system": 1, "usage": 2}), UserChange(levels={"system": 1}), True),
        (UserChange(application=APP, axes={"system": 0}), UserChange(application=APP, axes={"system": 0}), False),
        (UserChange(application=APP, axes={"system": 1, "usage": INHERIT}), UserChange(), False),
        (UserChange(application=APP, axes={"system": 2, "usage": 0}), UserChange(application=APP, axes={"usage": 0}), True),
        (UserChange(application=OTHER, axes={"usage": 1}), UserChange(), True),
        (UserChange(refuse=TWO), UserChange(refuse=ONE), False),
        (UserChange(refuse=ONE, accept={SECOND: "x"}), UserChange(refuse=ONE), True),
        (UserChange(allow=ONE), UserChange(), True),
        (UserChange(erase=""), UserChange(erase=""), False),
        (UserChange(forget=APP), UserChange(), True),
    ],
)
def test_what_is_taken_back(change, part, is_more):
    """Only what lowers, refuses or erases now is taken back; anything else gives more, or repeats."""
    assert lowering(change, CHOICES) == part
    assert gives_more(change, CHOICES) is is_more


@pytest.mark.parametrize(
    ("change", "is_so"),
    [
        (UserChange(levels={"usage": 1}), True),
        (UserChange(levels={"usage": 2}), False),
        (UserChange(levels={"usage": 2, "system": 0}), True),
        (UserChange(application=APP, axes={"usage": 2}), True),
        (UserChange(refuse=frozenset([SECOND])), True),
        (UserChange(erase=""), True),
        (UserChange(forget=APP), True),
        (UserChange(allow=ONE, accept={KEY: "x"}), False),
        (UserChange(), False),
    ],
)
def test_withdrawals_may_repeat(change, is_so):
    """What repeats a withdrawal is one too; what only gives more is none."""
    assert is_withdrawal(change, CHOICES) is is_so


def test_an_inherited_level_may_be_anything():
    """A level is lower if it is off, the same, or below a level of the application's own; never for sure below an inherited one."""
    lower = {(level, before) for level in range(4) for before in range(4) if is_lower(level, before)}
    assert lower == {(0, before) for before in range(4)} | {(level, level) for level in range(4)} | {(1, 2)}
