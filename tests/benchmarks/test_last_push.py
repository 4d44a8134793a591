"""The short form of last_push.py."""

from benchmarks import last_push


def test_what_waits_for_its_push_loses_none(tmp_path):
    """The documentation's examples, in every toolkit that is here: each push arrives, although the program exits at once."""
    right = [way for way in last_push.ways() if way.is_right]
    assert {"dbus-send", "busctl", "gdbus", "sd-bus", "dbus-fast"} <= {way.program for way in right}
    assert {way.program: count for way, count in last_push.measure(tmp_path, right, each=3)} == {way.program: 3 for way in right}


def test_what_waits_has_a_timeout(tmp_path):
    """While the daemon does not answer, no example waits longer than its two seconds, its start and its end come on top."""
    right = [way.command for way in last_push.ways() if way.is_right]
    assert [seconds for seconds in last_push.waits(tmp_path, right) if not 1.9 < seconds < 10] == []
