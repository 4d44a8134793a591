"""Which surviving mutants are explained: rules that prove a mutant to be the same program, and single lines in mutants_explained.toml.

A rule looks at the place of the mutation in the module's syntax tree, and explains nothing that it does not understand.
"""

import ast
import builtins
import importlib
import operator
import tomllib
from enum import Enum
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
LISTED = Path(__file__).with_suffix(".toml")
COMPARISONS = {
    "Is": operator.is_,
    "IsNot": operator.is_not,
    "Eq": operator.eq,
    "NotEq": operator.ne,
    "Lt": operator.lt,
    "LtE": operator.le,
    "Gt": operator.gt,
    "GtE": operator.ge,
}
"""By the names in cosmic-ray's operators, such as `core/ReplaceComparisonOperator_Is_Eq`."""
CLOCKS = {"perf_counter", "thread_time", "monotonic"}
AT_THE_BOUND = ({"Gt", "GtE"}, {"Lt", "LtE"})
"""Comparisons that differ for equal sides only."""


class Mutant(NamedTuple):
    """What was changed where: a line from 1, a column from 0."""

    module: str
    at: tuple[int, int]
    operator: str


class Line(NamedTuple):
    """An entry of the file: mutants of this line of the module by operators that begin so, and why nothing is missed."""

    module: str
    line: str
    operator: str
    reason: str


def listed() -> list[Line]:
    """The entries of mutants_explained.toml."""
    return [Line(**entry) for entry in tomllib.loads(LISTED.read_text())["mutant"]]


def explanation(mutant: Mutant, root: Path = ROOT) -> str:
    """Why the survival of this mutant is no gap in the tests; nothing if it is one."""
    text = (root / mutant.module).read_text()
    tree = ast.parse(text)
    for rule in (_is_type_checking, _is_bare_star, _is_same_comparison, _is_measured_bound, _is_another_bound, _is_cache_size):
        if reason := rule(tree, mutant):
            return reason
    line = text.splitlines()[mutant.at[0] - 1].strip()
    found = (one for one in listed() if (one.module, one.line) == (mutant.module, line) and mutant.operator.startswith(one.operator))
    return next((one.reason for one in found), "")


def _is_type_checking(tree: ast.Module, mutant: Mutant) -> str:
    """`if not TYPE_CHECKING` imports early what only annotations name: a cycle of imports would end the tests."""
    tests = [node.test for node in ast.walk(tree) if isinstance(node, ast.If)]
    named = {test.lineno for test in tests if isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"}
    return "imports for annotations are made at run time too" if "AddNot" in mutant.operator and mutant.at[0] in named else ""


def _is_bare_star(tree: ast.Module, mutant: Mutant) -> str:
    """`/` for the lone `*` of a signature: who passes the keyword still may, and mypy holds everyone to it."""
    if "ReplaceBinaryOperator_Mul_Div" not in mutant.operator:
        return ""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.args.kwonlyargs and not node.args.vararg:
            before = [*node.args.posonlyargs, *node.args.args]
            begin = _end(before[-1]) if before else _begin(node)
            if begin <= mutant.at < _begin(node.args.kwonlyargs[0]) and not any(map(_is_product, node.args.defaults)):
                return "a keyword-only argument may then be passed by its place too, which nobody does"
    return ""


def _is_another_bound(_: ast.Module, mutant: Mutant) -> str:
    """One more or less in a bound: tests hold what documents state of bounds, and what must hold between them. Else it is a choice."""
    is_bound = mutant.module == "telemetryd/core/limits.py" and mutant.operator.startswith("core/NumberReplacer")
    return "a bound that no document states may be another number that fits between the others" if is_bound else ""


def _is_cache_size(tree: ast.Module, mutant: Mutant) -> str:
    """A number in the arguments of `@lru_cache`."""
    if not mutant.operator.startswith("core/NumberReplacer"):
        return ""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for call in (one for function in functions for one in function.decorator_list if isinstance(one, ast.Call)):
        if _name(call.func) == "lru_cache" and _end(call.func) < mutant.at < _end(call):
            return "the size of a cache changes no result"
    return ""


def _is_measured_bound(tree: ast.Module, mutant: Mutant) -> str:
    """The exact bound of a measured time: a clock counts nanoseconds."""
    compared = _compared(tree, mutant)
    if set(_comparison(mutant)) in AT_THE_BOUND and compared and any(map(_is_measured, compared)):
        return "no measured time is exactly the bound"
    return ""


def _is_measured(side: ast.expr) -> bool:
    """Whether it is a call of a clock, or a difference or a sum with one."""
    if isinstance(side, ast.BinOp) and isinstance(side.op, ast.Sub | ast.Add):
        return _is_measured(side.left) or _is_measured(side.right)
    return isinstance(side, ast.Call) and _name(side.func) in CLOCKS


def _name(called: ast.expr) -> str:
    """The last part of what is called, such as `monotonic` of `time.monotonic`."""
    return ast.unparse(called).rpartition(".")[2]


def _is_product(default: ast.expr) -> bool:
    return any(isinstance(node, ast.BinOp) for node in ast.walk(default))


def _is_same_comparison(tree: ast.Module, mutant: Mutant) -> str:
    """`is` with a member of an enumeration, or with a type: the mutant is the same if it compares all values alike."""
    name, compared = _comparison(mutant), _compared(tree, mutant)
    if not name or name[0] not in {"Is", "IsNot"} or not compared:
        return ""
    return _same_for_all(_value(compared[1], mutant.module), *map(COMPARISONS.get, name))


def _comparison(mutant: Mutant) -> list[str]:
    """The names of a comparison before and after; none for another operator."""
    name = mutant.operator.rpartition("ReplaceComparisonOperator_")[2].split("_")
    return name if len(name) == 2 and COMPARISONS.keys() >= set(name) else []


def _compared(tree: ast.Module, mutant: Mutant) -> tuple[ast.expr, ast.expr] | None:
    """The two sides of the comparison at this place."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for left, right in zip([node.left, *node.comparators], node.comparators, strict=False):
                if _end(left) <= mutant.at < _begin(right):
                    return left, right
    return None


def _same_for_all(value, before, after) -> str:
    values = list(type(value)) if isinstance(value, Enum) else [value, *_OTHER_TYPES] if type(value) is type else []
    try:
        same = all(before(one, value) == after(one, value) for one in values)
    except TypeError:
        return ""
    return f"compares every value with {value!r} alike" if values and same else ""


_OTHER_TYPES = (object, bool, int, float, str, bytes, type)


def _value(node: ast.expr, module: str):
    """What a name, or an attribute of one, stands for at run time in a module; None if it is neither."""
    parts = ast.unparse(node).split(".")
    if not all(part.isidentifier() for part in parts):
        return None
    found = importlib.import_module(module.removesuffix(".py").replace("/", "."))
    found = getattr(found, parts[0], getattr(builtins, parts[0], None))
    for part in parts[1:]:
        found = getattr(found, part, None)
    return found


def _begin(node) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _end(node) -> tuple[int, int]:
    return node.end_lineno, node.end_col_offset
