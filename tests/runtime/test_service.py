"""What the calls of applications read of the files, with and without databases."""

import sys
from contextlib import contextmanager

import pytest
from support.engine_flow import APP, KATE_2026
from support.machine import Machine, settle

from telemetryd.errors import BusyError, StorageError
from telemetryd.runtime.service import Service
from telemetryd.system.directories import state_directory

SNAPPED = KATE_2026.replace('vendor = "kde"', 'vendor = "kde"\nsnap = "kate"')
OTHER = "org.kde.okular"
WHOLE, LOOK = "load_reviews", "fingerprint"
"""The functions that read all files of reviews, and that look whether any file changed."""


@pytest.fixture
def machine(tmp_path):
    """A machine on which Kate is a snap."""
    machine = Machine(tmp_path)
    machine.install(SNAPPED)
    settle(machine)
    return machine


@contextmanager
def service_of(machine, **options):
    """The service of one process, which closes the databases at the end."""
    service = Service(machine.environ, 0, **options)
    try:
        yield service
    finally:
        service.close()


@contextmanager
def noted():
    """The names of all functions that are called in the block."""
    names = []
    sys.setprofile(lambda frame, event, _: names.append(frame.f_code.co_name) if event == "call" else None)
    try:
        yield names
    finally:
        sys.setprofile(None)


async def test_the_first_call_of_a_snap_reads_the_files_once(machine):
    """It opens the databases as any other call does, and what it then asks is asked of what was read for them."""
    with service_of(machine) as service:
        service.lock_acquired()
        with noted() as names:
            assert service.snap(APP) == "kate"
            service.sampling()
        assert names.count(WHOLE) == 1


async def no_directory(machine, service):
    """The state directory cannot be made."""
    state = state_directory(machine.environ)
    state.parent.mkdir(parents=True, exist_ok=True)
    state.write_text("")
    service.lock_acquired()
    with pytest.raises(StorageError):
        service.assembly()


async def held_elsewhere(_machine, service):
    """Another process has the lock, and the daemon serves without databases."""
    service.look_without_databases()
    with pytest.raises(BusyError):
        service.assembly()


@pytest.mark.parametrize("fault", [no_directory, held_elsewhere])
async def test_without_databases_a_snap_is_answered_from_what_was_read(machine, fault):
    """Its call neither reads everything nor looks for changes, and what is declared holds as it was read."""
    with service_of(machine) as service:
        await fault(machine, service)
        with noted() as names:
            assert [service.snap(APP), service.snap(OTHER)] == ["kate", ""]
        assert WHOLE not in names
        assert LOOK not in names


async def test_without_databases_a_retry_sees_what_is_installed_and_announces_it(machine):
    """A daemon that tries to open the databases again checks the files with that: each change is announced once."""
    announced = []
    with service_of(machine, announce=lambda: announced.append(True)) as service:
        await no_directory(machine, service)
        machine.install(SNAPPED.replace(APP, OTHER))
        settle(machine)
        assert service.snap(OTHER) == ""
        service.open()
        assert service.snap(OTHER) == "kate"
        assert announced == [True]
        service.open()
        service.open()
        assert service.snap(OTHER) == "kate"
        assert announced == [True]


async def test_parts_without_databases_and_snaps_have_one_catalogue(machine):
    """Once the user has looked, what the window shows and what a snap may do come from the same look at the files."""
    with service_of(machine) as service:
        await no_directory(machine, service)
        catalogue = service.control().catalogue
        machine.install(SNAPPED.replace(APP, OTHER))
        settle(machine)
        await service.refresh()
        assert catalogue.snap(OTHER) == "kate"
        with noted() as names:
            assert service.snap(OTHER) == "kate"
        assert LOOK not in names
