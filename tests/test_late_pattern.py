"""A late pattern is a pattern of `re` that is compiled at its first use."""

import re
import subprocess
import sys

import pytest

from telemetryd.late_pattern import late_pattern

START = """
import asyncio, re, re._compiler
compile, patterns = re._compiler.compile, []
re._compiler.compile = lambda pattern, flags=0: patterns.append(pattern) or compile(pattern, flags)
import telemetryd.toml.kconfig, telemetryd.toml.visible
print(len(patterns))
telemetryd.toml.kconfig.is_switched_off("[UserFeedback]\\nEnabled=yes")
print(len(patterns) > 0)
"""


@pytest.mark.parametrize(
    "use",
    [
        lambda pattern: pattern.fullmatch("ab").groups(),
        lambda pattern: [match.span() for match in pattern.finditer("ab AB")],
        lambda pattern: (pattern.sub("-", "xab"), pattern.sub("-", "xab")),
        lambda pattern: (pattern.pattern, pattern.flags, pattern.groups),
    ],
)
def test_the_same_results(use):
    """Each member does what that of a compiled pattern does, at its first use and later."""
    assert use(late_pattern("(a)b", re.IGNORECASE)) == use(re.compile("(a)b", re.IGNORECASE))


def test_a_wrong_pattern():
    """A pattern that cannot be compiled raises the compiler's error at its use."""
    wrong = late_pattern("(")
    with pytest.raises(re.error):
        wrong.match("")


def test_nothing_is_compiled_at_a_start():
    """Importing the readers of KConfig's file and of hidden characters compiles no pattern; reading does."""
    told = subprocess.run([sys.executable, "-c", START], check=True, capture_output=True, text=True).stdout
    assert told.split() == ["0", "True"]
