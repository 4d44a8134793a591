"""telemetryd.named_tuple makes the classes that `typing` makes, and the daemon's are made by it."""

import pickle
import subprocess
import sys
import typing

import pytest

from telemetryd.named_tuple import NamedTuple

BODY = '''
class Point(NamedTuple):
    """A point."""

    x: "int"
    y: "list[int] | None" = None
    """Its height."""
    name: "str" = "here"

    @property
    def double(self):
        """Twice x."""
        return 2 * self.x

    @classmethod
    def origin(cls):
        """The point at 0."""
        return cls(0)

    def __bool__(self):
        return self.x != 0
'''
LOADED = """
from telemetryd.__main__ import _lean_asyncio
_lean_asyncio()
import gc, telemetryd.runtime.app
for module in telemetryd.runtime.app._PRELOADED:
    __import__(module)
for found in gc.get_objects():
    if isinstance(found, type) and issubclass(found, tuple) and hasattr(found, "_fields") and found.__module__.startswith("telemetryd."):
        print(found.__module__, found.__name__, all(isinstance(kind, str) for kind in found.__annotations__.values()))
"""


def points(base):
    """The class of BODY."""
    names = {"NamedTuple": base, "__name__": __name__}
    exec(BODY, names)
    return names["Point"]


OURS, THEIRS = points(NamedTuple), points(typing.NamedTuple)
Point = OURS


@pytest.mark.parametrize(
    "look",
    [
        lambda point: (point._fields, point._field_defaults, point.__match_args__, point.__mro__[1:], point.__slots__),
        lambda point: (point.__name__, point.__qualname__, point.__module__, point.__doc__, point.double.__doc__),
        lambda point: (list(point.__annotations__), typing.get_type_hints(point)),
        lambda point: (repr(point(1)), point(1, [2], "there"), point(x=1, name="a"), point(3).double, point.origin(), bool(point.origin())),
        lambda point: (point(1)._replace(x=2), point._make([1, 2, 3]), point(1)._asdict(), hash(point(1, 2)), point(1) == (1, None)),
        lambda point: sorted(set(vars(point)) - {"__orig_bases__", "__annotations__"}),
    ],
)
def test_the_same_class(look):
    """Fields, defaults, names, texts, hints, methods and attributes are those of a class that `typing` makes."""
    assert look(OURS) == look(THEIRS)


@pytest.mark.parametrize(
    "call",
    [
        lambda point: point(),
        lambda point: point(1, 2, 3, 4),
        lambda point: point(1, z=2),
        lambda point: point(1)._replace(z=2, w=3),
        lambda point: point._make([1, 2]),
    ],
)
def test_wrong_arguments(call):
    """Too few, too many and unknown fields are refused alike."""
    with pytest.raises((TypeError, ValueError)) as ours:
        call(OURS)
    with pytest.raises((TypeError, ValueError)) as theirs:
        call(THEIRS)
    assert str(ours.value) == str(theirs.value)


def test_classes_with_equal_numbers_of_fields():
    """Classes that share their members have their own names, defaults and fields."""
    names = {"NamedTuple": NamedTuple, "__name__": __name__}
    exec("class Pair(NamedTuple):\n    a: 'int'\n    b: 'int' = 2\nclass Other(NamedTuple):\n    c: 'int'\n    d: 'int'", names)
    pair, other = names["Pair"], names["Other"]
    assert repr((pair(1), pair(b=3, a=4).b, other(d=1, c=2))) == "(Pair(a=1, b=2), 3, Other(c=2, d=1))"
    assert not hasattr(other, "a")
    with pytest.raises(TypeError, match=r"Other\.__new__\(\) missing 1 required positional argument: 'd'"):
        other(1)


EAGER = """
import gc
gc.set_threshold(1)
from telemetryd.named_tuple import NamedTuple
for count in range(1, 30):
    fields = "".join(f"\\n    field_{place}: int" for place in range(count))
    exec(f"class Many(NamedTuple):{fields}\\nassert Many(*range({count}))[{count} - 1] == Many._fields.index('field_{count - 1}')")
"""


def test_garbage_is_collected_at_any_moment():
    """What a class is made from stays while it is needed, even if the garbage collector runs at each step."""
    subprocess.run([sys.executable, "-c", EAGER], check=True)


def test_pickled():
    """A named tuple goes through pickle."""
    assert pickle.loads(pickle.dumps(Point(1))) == Point(1)


def test_the_daemon_compiles_no_annotation():
    """Each named tuple of the daemon keeps its annotations as texts."""
    told = subprocess.run([sys.executable, "-c", LOADED], check=True, capture_output=True, text=True).stdout.splitlines()
    assert len(told) > 100
    assert [line for line in told if not line.endswith("True")] == []
