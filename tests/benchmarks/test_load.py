"""The parts of load.py in a short form: they run, every goal has a figure, and what needs no quiet machine is as promised."""

import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import load_applications, load_calls, load_goals, load_memory
from benchmarks.awake import awake
from benchmarks.load_peers import BenchmarkError, bench, build

APPLICATIONS = 5


@pytest.fixture(scope="module")
def _programs():
    """The C programs."""
    try:
        build()
    except BenchmarkError as missing:
        pytest.skip(str(missing))


@pytest.fixture
def measured(tmp_path, _programs):
    """Every figure of dbus-fast, from far fewer calls but for the 45,000."""
    library = "dbus-fast"
    many = load_applications.manifests(APPLICATIONS)
    with bench(tmp_path / "few", library) as few, bench(tmp_path / "many", library, many) as other:
        idle = load_memory.Idle(few, settling_s=0).figures(seconds=0.1)
        calls = load_calls.measure({library: few}, rounds=1, seconds=0.01)[library]
        applications = load_applications.measure(few, other, applications=APPLICATIONS, rounds=1, calls=100)
        unread = load_memory.unread(few, introspections=500)
    return idle | calls | applications | unread | load_memory.million(tmp_path / "million", library, samples=20_000)


def test_parts_run(measured):
    """Every goal has its figure; replies that nobody reads for two seconds arrive and cost no memory; samples leave nothing behind."""
    goals = {name for name in load_goals.GOALS if not name.startswith("flood of ")}  # flow/test_floods.py has those
    assert sorted(goals - measured.keys()) == []
    assert all(value >= 0 for name, value in measured.items() if "growth" not in name)
    for name in ("45,000 calls, unread for 2 s: growth (MB)", "1 M samples: growth of the database after exit (kB)"):
        assert load_goals.GOALS[name]["dbus-fast"].is_met(measured[name]), name


def test_verdicts():
    """A figure at its goal is ok, one beyond it is missed, and one without a goal is neither."""
    figures = {"64 in flight, of C's calls/s": 0.7, "one waiting, CPU per sample kept (µs)": 50.1, "no reply, samples/s": 1.0}
    assert [line.split()[-1] for line in load_goals.rows(figures, "dbus-fast")] == ["ok", "MISSED", "1"]


def test_the_machine_is_left_as_it_was(tmp_path, capsys):
    """What keeps processors awake is put back in the end; not wanted or not possible, it is left alone, and that is told."""
    setting = tmp_path / "guest_halt_poll_ns"
    setting.write_text("7\n")
    with awake(setting=setting):
        assert int(setting.read_text()) > 7
    assert setting.read_text() == "7\n"
    with awake(is_wanted=False, setting=setting):
        assert setting.read_text() == "7\n"
    with awake(setting=tmp_path / "missing"):
        assert not (tmp_path / "missing").exists()
    assert [line.partition(" (")[0] for line in capsys.readouterr().out.splitlines()] == [
        "idle processors are kept awake",
        "idle processors sleep as they will",
        "idle processors sleep as they will",
    ]


def test_the_machine_is_left_as_it_was_when_it_is_told_to_end(tmp_path):
    """A SIGTERM in the midst puts it back too."""
    setting = tmp_path / "guest_halt_poll_ns"
    setting.write_text("7\n")
    program = (
        "import pathlib, signal, sys; from benchmarks.awake import awake\n"
        "with awake(setting=pathlib.Path(sys.argv[1])): print(flush=True); signal.pause()"
    )
    tests = Path(__file__).parents[1]
    with subprocess.Popen([sys.executable, "-c", program, setting], stdout=subprocess.PIPE, cwd=tests) as process:
        process.stdout.readline()
        process.stdout.readline()
        assert setting.read_text() != "7\n"
        process.terminate()
    assert (process.returncode, setting.read_text()) == (143, "7\n")
