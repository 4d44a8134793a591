"""A store that cannot be used: reads answer as if nothing were stored, raising is refused, lowering holds; why is told. Policy: C1, C2."""

import contextlib
import shutil
import subprocess
from pathlib import Path

import pytest
from support.machine import CONTROL, KATE, CallError, Variant, until
from support.machine_at import TOTAL, TOTAL_BYTES, collect_total, edit, found_on_disk, rows
from support.shifted_time import hastened

KATE_ID = "org.kde.kate"
STORAGE = "org.telemetryd.Error.Storage"


@pytest.fixture
async def collecting(machine):
    """A question in its period with a total on disk; the daemon does not run."""
    await collect_total(machine)
    return machine


@pytest.fixture(scope="session")
def lacking(tmp_path_factory):
    """A library that takes something from a file system: `no_shared_memory.c`."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        pytest.skip("no C compiler is installed")
    library = tmp_path_factory.mktemp("lacking") / "lacking.so"
    source = Path(__file__).parents[1] / "support/disk/no_shared_memory.c"
    subprocess.run([compiler, "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    return library


def folder_of(machine):
    """The state directory."""
    return machine.root / "state/telemetryd"


@contextlib.contextmanager
def read_only(machine):
    """The state directory is on a file system of its own that cannot be written."""
    folder, kept = folder_of(machine), machine.root / "kept"
    folder.rename(kept)
    folder.mkdir(mode=0o700)
    if subprocess.run(
        ("mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", str(folder)), check=False, capture_output=True
    ).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        subprocess.run(("mount", "-o", "remount,ro", str(folder)), check=True)
        yield lambda: subprocess.run(("mount", "-o", "remount,rw", str(folder)), check=True)
    finally:
        subprocess.run(("umount", "-l", str(folder)), check=True)


@contextlib.contextmanager
def of_another_user(machine):
    """The directory belongs to someone else."""
    shutil.chown(folder_of(machine), "nobody")
    yield lambda: shutil.chown(folder_of(machine), "root")


@contextlib.contextmanager
def of_another_users_file(machine):
    """The consent file belongs to someone else."""
    shutil.chown(folder_of(machine) / "consent.sqlite", "nobody")
    yield lambda: shutil.chown(folder_of(machine) / "consent.sqlite", "root")


@contextlib.contextmanager
def a_link_to_nowhere(machine):
    """A link that leads nowhere stands in its place."""
    folder = folder_of(machine)
    folder.rename(machine.root / "kept")
    folder.symlink_to(machine.root / "nowhere")
    yield lambda: (machine.root / "kept").rename(machine.root / "nowhere")


@contextlib.contextmanager
def a_newer_version(machine):
    """The main file is of a later telemetryd."""
    edit(machine, "PRAGMA user_version = 99", file="telemetry.sqlite")
    yield lambda: edit(machine, "PRAGMA user_version = 1", file="telemetry.sqlite")


FAULTS = {
    read_only: "cannot",
    of_another_user: "belongs to another user",
    of_another_users_file: "consent.sqlite belongs to another user",
    a_link_to_nowhere: "expected a directory, or a link that leads to one",
    a_newer_version: "version 99",
}
LACKS = {
    "shm": "its file system has no shared memory",
    "posix-locks": "its file system has no locks",
    "flock": "its file system has no locks",
}


async def refusal(call):
    """The text of the Error.Storage that a call ends with."""
    with pytest.raises(CallError) as refused:
        await call
    assert refused.value.name == STORAGE
    return refused.value.text


async def reads_as_nothing_stored(client):
    """Every read of Control1 has an answer, and in it nothing was ever decided, collected or sent."""
    assert [await client.get(name) for name in ("System", "Usage", "NewQuestions")] == [0, 0, 1]
    (question,) = (await client.questions()).values()
    assert (question["state"], question["consent"], question["accepted_digest"]) == ("pending", 0, "")
    assert (await client.history(), await client.preview()) == ([], {})
    assert len((await client.call(CONTROL, "ListApplications", ""))[0]) == 1
    assert (await client.call(CONTROL, "Ledger", ""))[0] == []
    await client.get("KillSwitches")


async def is_told(client, place, why):
    """Applications are told that nothing can be kept, and not where; the user is told where and why, and that raising is not possible."""
    for call in (client.push(KATE_ID, "saves", "t", TOTAL), client.register("org.kde.okular", KATE.replace(KATE_ID, "org.kde.okular"))):
        assert str(place) not in await refusal(call)
    (problem,) = [text for file, text in await client.get("Problems") if file == str(place)]
    assert problem.startswith("off, because nothing can be kept: ")
    assert why in problem
    digests = {name: row["digest"] for name, row in (await client.questions()).items()}
    for call in (client.set("Usage", 2), client.call(CONTROL, "Accept", "sa{ss}", KATE_ID, digests)):
        told = await refusal(call)
        assert told.startswith(f"{place}: ")
        assert why in told
    for change in ({"forget": Variant("s", KATE_ID)}, {"usage": Variant("u", 2), "new_questions": Variant("u", 2)}):
        assert "it holds" not in await refusal(client.call(CONTROL, "Apply", "a{sv}s", change, ""))
    mixed = {"usage": Variant("u", 0), "system": Variant("u", 2)}
    assert "only what it takes back was done: it holds" in await refusal(client.call(CONTROL, "Apply", "a{sv}s", mixed, ""))


async def lowering_holds(client):
    """Each act that takes something back is answered with what became of it."""
    for call in (
        client.set("Usage", 0),
        client.call(CONTROL, "SetApplicationConsent", "suu", KATE_ID, 3, 0),
        client.call(CONTROL, "SetQuestionConsent", "ssb", KATE_ID, "saves-a-week", False),
        client.call(CONTROL, "Erase", "s", ""),
        client.call(CONTROL, "Apply", "a{sv}s", {"usage": Variant("u", 0), "erase": Variant("s", "")}, ""),
    ):
        assert "it holds from now on, but it is not on disk yet" in await refusal(call)


@pytest.mark.root
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_it_is_told_and_the_no_is_written_later(collecting, fault):
    """While the store cannot be used all of this holds; when it can be, what was taken back is on disk without another act."""
    folder = folder_of(collecting)
    with fault(collecting) as mend, collecting.daemon(**hastened(4)) as daemon:  # it tries again sooner
        async with collecting.client() as client:
            await reads_as_nothing_stored(client)
            await is_told(client, folder, FAULTS[fault])
            said = collecting.control("consent", "global", "--usage", "detailed", check=False)
            assert str(folder) in said.stderr
            await lowering_holds(client)
            await reads_as_nothing_stored(client)
            mend()
            until(lambda: rows(collecting, "SELECT value FROM level WHERE name = 'usage'", file="consent.sqlite") == [(0,)])
            assert await client.get("Usage") == 0
            assert await client.get("System") == 2
            (question,) = (await client.questions()).values()
            assert (question["consent"], question["state"]) == (2, "passed")
        assert daemon.log.count("ERROR") == 1
        assert str(folder) in daemon.log
        assert daemon.stop() == 0
        assert found_on_disk(collecting, TOTAL_BYTES) == set()
        assert "Traceback" not in daemon.log


@pytest.mark.parametrize("what", LACKS)
async def test_a_file_system_that_lacks_something(collecting, lacking, what):
    """No shared memory or no locks, as in some homes: told as such, and nothing that the files hold is used."""
    with collecting.daemon(LD_PRELOAD=str(lacking), FAULT=what) as daemon:
        async with collecting.client() as client:
            await reads_as_nothing_stored(client)
            await is_told(client, folder_of(collecting), LACKS[what])
            await lowering_holds(client)
        assert daemon.log.count("ERROR") == 1
        assert daemon.stop() == 0
    with collecting.daemon():
        async with collecting.client() as client:
            assert await client.get("Usage") == 2  # nothing was promised but what the answer said


async def test_nothing_was_stored_yet(machine, lacking):
    """At a first start nothing is written, so the fault shows with the first thing to keep; from then on it is told."""
    machine.install(KATE)
    with machine.daemon(LD_PRELOAD=str(lacking), FAULT="shm"):
        async with machine.client() as client:
            assert await client.get("Usage") == 0
            await refusal(client.set("Usage", 2))
            assert await client.get("Usage") == 0
            told = [text for _, text in await client.get("Problems")]
            assert any(text.startswith("off, because nothing can be kept: ") and "no shared memory" in text for text in told)
            await refusal(client.push(KATE_ID, "startup", "d", 1.0))


async def test_a_link_to_a_directory_of_the_user(collecting):
    """The state directory may be a link to another directory of the user: everything works, over the files there."""
    folder = folder_of(collecting)
    folder.rename(collecting.root / "elsewhere")
    folder.symlink_to(collecting.root / "elsewhere")
    with collecting.daemon():
        async with collecting.client() as client:
            assert await client.get("Usage") == 2
            await client.push(KATE_ID, "saves", "t", 1)
            await client.set("Usage", 0)
    assert found_on_disk(collecting, TOTAL_BYTES) == set()
    assert not any(TOTAL_BYTES in path.read_bytes() for path in (collecting.root / "elsewhere").iterdir())
