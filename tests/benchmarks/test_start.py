"""start.py in a short form: every start and every stage of importing has a figure, and every state of the memory."""

from benchmarks import start
from benchmarks.load_applications import manifests


def test_it_runs(monkeypatch, capsys):
    """One start of each kind, with both libraries: the daemon is ready each time, and what the modules take adds up."""
    monkeypatch.setattr("sys.argv", ["start.py", "1"])
    monkeypatch.setattr(start, "RUNS", 1)
    monkeypatch.setattr(start, "manifests", lambda: manifests(5))
    start.main()
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    for name in (
        "nothing installed",
        "the interpreter itself",
        "asyncio, without what it does not need",
        "TOML and its rules",
        "and 1,000 applications, 10,000 reviewed questions",
        "after an upload",
        "[heap]",
    ):
        assert sum(line.startswith(name) for line in lines) == len(start.GOALS_MB), name
