"""telemetryd is replaced while a run of the timer waits: no uploader of another version is started. For the daemon see test_replaced."""

import pytest
from support.installation import Installation
from support.machine import WAIT_S, until
from support.timeline import NO_MATTER_WHEN, timer, write_ticks

LONG_S = 5
"""Long enough to replace a package meanwhile."""


@pytest.fixture
def installation(machine, tmp_path):
    """A copy of telemetryd for the timer's runs."""
    return Installation(tmp_path / "installation", is_copy=True)


def run(timeline, installation, meanwhile=lambda: None):
    """One run of the timer, which waits for its moment; what happens meanwhile."""
    timeline.machine.python, timeline.machine.folder = str(installation.python), installation.root
    write_ticks(timeline, NO_MATTER_WHEN, passed_s=100, moment_s=100 + LONG_S)
    ((before,),) = timeline.rows("SELECT seen FROM tick")
    with timer(timeline) as process:
        until(lambda: timeline.rows("SELECT seen FROM tick") != [(before,)])
        meanwhile()
        assert process.wait(WAIT_S) == 0


async def test_replaced_while_it_waits(waiting, installation, tmp_path):
    """The run goes on with what it has loaded, starts nothing of the new version, and the report is held; the next run sends it."""
    loaded = tmp_path / "loaded"

    def newer(folder):
        with (folder / "upload/program.py").open("a") as file:
            file.write(f"\nopen({str(loaded)!r}, 'w').close()\n")

    run(waiting, installation, lambda: installation.replace(newer))
    assert waiting.rows("SELECT outcome, started, held FROM report") == [("queued", 0, "package")]
    assert not loaded.exists()
    assert waiting.bodies() == []
    waiting.set_clock_to_next_try()
    run(waiting, installation)
    assert waiting.rows("SELECT outcome, held FROM report") == [("accepted", "")]
    assert loaded.exists()
