"""The explanations of surviving mutants: each of a line that exists, and none for a mutant that is another program."""

from pathlib import Path

import mutants_explained
import pytest
from mutants_explained import Mutant, explanation

MODULE = """
from telemetryd.core.definition import ManifestKind, SourceType
if TYPE_CHECKING:
    import datetime

def chosen(kind, value, *, more=2 * 3):
    if kind is SourceType.FLAG:
        return type(value) is str
    return kind is not SourceType.CHOICE or value is more

@functools.lru_cache(maxsize=4096)
def slow(begin, count=7):
    return time.monotonic() - begin > 5 or thread_time() < begin or count > 5 or max(monotonic(), 1) > 5 or monotonic() % 5 > 2

@pytest.mark.timeout(9)
def hasty():
    return 1
"""
AT = {
    "if TYPE": (3, 3),
    "* more": (6, 24),
    "2 * 3": (6, 34),
    "FLAG": (7, 12),
    "str": (8, 27),
    "CHOICE": (9, 16),
    "more": (9, 52),
    "4096": (11, 29),
    "7": (12, 22),
    "> 5": (13, 36),
    "< begin": (13, 57),
    "count > 5": (13, 74),
    "max() > 5": (13, 101),
    "% 5 > 2": (13, 124),
    "9": (15, 21),
}


@pytest.mark.parametrize("entry", mutants_explained.listed(), ids=str)
def test_listed(entry):
    """The line of an entry is still in its module, once or more, and the reason is a sentence."""
    lines = [line.strip() for line in (mutants_explained.ROOT / entry.module).read_text().splitlines()]
    assert entry.line in lines
    assert entry.operator.startswith("core/")
    assert entry.reason.endswith(".")


@pytest.mark.parametrize(
    ("place", "operator", "is_explained"),
    [
        ("if TYPE", "AddNot", True),
        ("FLAG", "AddNot", False),
        ("* more", "ReplaceBinaryOperator_Mul_Div", True),
        ("2 * 3", "ReplaceBinaryOperator_Mul_Div", False),
        ("FLAG", "ReplaceComparisonOperator_Is_Eq", True),
        ("FLAG", "ReplaceComparisonOperator_Is_IsNot", False),
        ("FLAG", "ReplaceComparisonOperator_Is_GtE", False),
        ("CHOICE", "ReplaceComparisonOperator_IsNot_Gt", True),
        ("CHOICE", "ReplaceComparisonOperator_IsNot_GtE", False),
        ("CHOICE", "ReplaceComparisonOperator_IsNot_Lt", False),
        ("str", "ReplaceComparisonOperator_Is_Eq", True),
        ("str", "ReplaceComparisonOperator_Is_GtE", False),
        ("more", "ReplaceComparisonOperator_Is_Eq", False),
        ("4096", "NumberReplacer", True),
        ("4096", "ReplaceTrueWithFalse", False),
        ("7", "NumberReplacer", False),
        ("9", "NumberReplacer", False),
        ("> 5", "ReplaceComparisonOperator_Gt_GtE", True),
        ("> 5", "ReplaceComparisonOperator_Gt_Lt", False),
        ("> 5", "ReplaceComparisonOperator_Gt_NotEq", False),
        ("< begin", "ReplaceComparisonOperator_Lt_LtE", True),
        ("< begin", "ReplaceComparisonOperator_Lt_Gt", False),
        ("count > 5", "ReplaceComparisonOperator_Gt_GtE", False),
        ("max() > 5", "ReplaceComparisonOperator_Gt_GtE", False),
        ("% 5 > 2", "ReplaceComparisonOperator_Gt_GtE", False),
    ],
)
def test_rules(place, operator, is_explained, tmp_path: Path, monkeypatch):
    """A rule explains a mutant only where every value compares as before, and import, star, cache or clock is not more than it says."""
    assert [MODULE.splitlines()[line - 1][column] for line, column in AT.values() if line > 9] == list("47><>>>9")
    imports = "import functools, pytest; from typing import TYPE_CHECKING; TYPE_CHECKING = False\nif TYPE"
    (tmp_path / "example.py").write_text(MODULE.replace("if TYPE", imports))
    monkeypatch.syspath_prepend(tmp_path)
    line, column = AT[place]
    assert bool(explanation(Mutant("example.py", (line + 1, column), f"core/{operator}"), tmp_path)) is is_explained


def test_bounds():
    """One more or less is explained in the table of bounds, and nowhere else."""
    for module, is_explained in (("telemetryd/core/limits.py", True), ("telemetryd/core/quotas.py", False)):
        assert bool(explanation(Mutant(module, (1, 0), "core/NumberReplacer"))) is is_explained
