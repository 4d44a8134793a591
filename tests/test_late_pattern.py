"""A late pattern is a pattern of `re` that is compiled at its first use."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.machine import KATE_2026

from telemetryd.late_pattern import late_pattern

EXAMPLES = sorted((Path(__file__).parents[1] / "docs/examples").glob("*.toml"))
START = """
import asyncio, re, re._compiler
compile, patterns = re._compiler.compile, []
re._compiler.compile = lambda pattern, flags=0: patterns.append(pattern) or compile(pattern, flags)
import telemetryd.toml.kconfig
print(len(patterns))
telemetryd.toml.kconfig.is_switched_off("[UserFeedback]\\nEnabled=yes")
print(len(patterns) > 0)
"""

READ = """
import re, re._compiler, sys
from telemetryd.toml.manifest import parse
compile, patterns = re._compiler.compile, []
re._compiler.compile = lambda pattern, flags=0: patterns.append(pattern) or compile(pattern, flags)
for text in sys.argv[1:]:
    parse(text)
print(patterns)
re.compile("never seen before")
print(patterns)
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
    """Importing the reader of KConfig's file compiles no pattern; reading does."""
    told = subprocess.run([sys.executable, "-c", START], check=True, capture_output=True, text=True).stdout
    assert told.split() == ["0", "True"]


def test_no_manifest_takes_longer_because_it_is_the_first():
    """Reading manifests compiles nothing: else the first caller after a start saw whether accepted ones were read before. Policy: C3."""
    other = KATE_2026.replace("Kate", "\u0915\u094d\u200d\u0937\ufe0e 微信").replace("[500, 2000]", "[500]")
    texts = [KATE_2026, other, *(path.read_text() for path in EXAMPLES)]
    told = subprocess.run([sys.executable, "-c", READ, *texts], check=True, capture_output=True, text=True).stdout
    assert told.splitlines() == ["[]", "['never seen before']"]
