"""The end of a period: tallies to reports, in an order that a crash at any point survives."""

import contextlib
import json

import pytest
from support.engine_flow import (
    AFTER,
    APP,
    CLOSES,
    DURING,
    FRAMEWORKS,
    KATE_2026,
    KEY,
    OPENS,
    SHARED,
    Running,
    at,
    collecting,
    installed,
    user_of_shared,
)

from telemetryd.core.answers.report import REPORT_BYTES, parse
from telemetryd.core.permission.lifecycle import State
from telemetryd.core.permission.record import Outcome, begin_report
from telemetryd.engine.samples.period_close import PeriodClose
from telemetryd.errors import StorageError

ENDPOINT = 'name = "KDE"\nurl = "https://telemetry.kde.org/v1"\n'


@pytest.fixture
async def running(tmp_path):
    """Kate's week runs, with one sample, and there is an endpoint."""
    async with collecting(tmp_path) as running:
        yield running


@pytest.fixture
async def sharing(tmp_path):
    """The week runs in which Dolphin and Konsole share what they count; each has pushed three crashes."""
    with installed(tmp_path, FRAMEWORKS) as running:
        for name in ("org.kde.dolphin", "org.kde.konsole"):
            running.install(user_of_shared(name))
        await running.consent(SHARED)
        running.to(DURING)
        for name in ("org.kde.dolphin", "org.kde.konsole"):
            running.push(f"{SHARED}/crash", "u", 3, application=name)
        yield running


async def test_report(running):
    """The week's tally becomes one report of the week, with a nonce and a slot in its window; the tally is gone."""
    running.to(AFTER)
    (row,) = running.store.reports.queue()
    body = json.loads(row.body)
    assert len(row.body) == REPORT_BYTES
    assert body["answer"] == ["500..2000"]
    assert (body["period"], body["question"], body["revision"]) == ("2026-W48", "startup-time", running.catalogue.definition(KEY).revision)
    assert int(body["nonce"], 16) > 0
    assert row.opens == OPENS <= row.slot < row.closes == CLOSES
    assert dict(row.headers)["Host"] == "telemetry.kde.org"
    assert running.store.tallies.all() == []
    assert running.tallies.contributions() == set()
    assert running.state() == State.REPORTING
    assert running.record().host == "telemetry.kde.org"


async def _sent(root, text):
    """The revision that an installation with this manifest sends, and the digest that its user accepted."""
    with installed(root, text) as running:
        await running.consent()
        running.to(DURING)
        running.push("startup", "d", 700.0)
        digest = running.catalogue.definition(KEY).digest
        running.to(AFTER)
        (row,) = running.store.reports.queue()
        assert parse(row.body).revision == row.revision
        assert running.record().digest == digest
        return row.revision, digest


async def test_no_text_reaches_the_wire(tmp_path):
    """Two installations whose texts differ send one revision, and one bin edge makes another. Consent keeps them apart. Policy: A2."""
    texts = {
        "plain": KATE_2026,
        "reworded": KATE_2026.replace("to the first window", "until a window is shown"),
        "marked": KATE_2026.replace("Is start-up too slow?", "Is start-up of क्\u200dष too slow?"),
        "finer": KATE_2026.replace("[500, 2000]", "[501, 2000]"),
    }
    sent = {name: await _sent(tmp_path / name, text) for name, text in texts.items()}
    revisions, digests = ({name: row[part] for name, row in sent.items()} for part in (0, 1))
    assert revisions["plain"] == revisions["reworded"] == revisions["marked"] != revisions["finer"]
    assert len(set(digests.values())) == len(texts)


async def test_the_true_answer_is_erased_from_the_log_too(running):
    """What the report was made of is in no file once it is made: the database's log is emptied, or an erasure is pending."""
    tally = running.store.tallies.all()[0].cells.tobytes()
    files = [running.directory / f"telemetry.sqlite{suffix}" for suffix in ("", "-wal")]
    assert any(tally in path.read_bytes() for path in files)
    running.now(running.erasure.finish_steps())
    running.to(AFTER)
    assert running.erasure.is_pending
    assert running.now(running.erasure.finish_steps())
    assert not any(tally in path.read_bytes() for path in files)


async def test_preview_is_the_report(running):
    """The preview of the running period equals the report, byte for byte but for the nonce."""
    ((name, url, preview),) = filter(None, running.views.preview(APP))
    running.to(AFTER)
    ((_, _, queued),) = filter(None, running.views.preview(""))
    assert (name, url) == ("org.kde.kate/startup-time", "https://telemetry.kde.org/v1")
    nonce = parse(queued.encode()).nonce
    assert preview == queued.replace(nonce, "0" * 32)
    assert preview != queued


async def test_no_sample(tmp_path):
    """A week without samples is an answer too: none."""
    with Running(tmp_path) as running:
        running.install()
        running.endpoint()
        await running.consent()
        running.to(AFTER)
        assert running.bodies() == {"startup-time": ["none"]}


async def test_once(running):
    """One answer, however often is looked afterwards and however many weeks pass."""
    for moment in (AFTER, AFTER + 60, at("12.8"), at("12.15")):
        running.to(moment)
    assert len(running.store.reports.history(0, 10)) == 1


async def test_no_endpoint(running):
    """Without an endpoint at the close: passed, and the tally erased."""
    running.configure("")
    running.to(AFTER)
    assert (running.record().outcome, running.record().cause) == (Outcome.PASSED, "no_endpoint")
    assert running.store.tallies.all() == []
    assert running.store.reports.history(0, 10) == []
    running.endpoint()
    assert running.store.reports.queue() == []


async def test_endpoint_that_appears(running):
    """An endpoint that is there at the close is enough."""
    running.configure("")
    running.endpoint()
    running.to(AFTER)
    assert running.state() == State.REPORTING


async def test_crash_before_the_report(running):
    """Died between the two files: the start makes the report of the tally that is there."""
    running.questions.remember(KEY, begin_report(running.record(), "telemetry.kde.org"))
    running.clock.wall = AFTER
    running.restart()
    assert running.bodies() == {"startup-time": ["500..2000"]}
    assert running.store.tallies.all() == []
    assert running.state() == State.REPORTING


async def test_crash_before_the_report_of_no_sample(tmp_path):
    """Died between the two files after a week without samples: the start makes the report of none, and does not take it for lost."""
    with installed(tmp_path) as running:
        await running.consent()
        running.store.main.write("CREATE TEMP TRIGGER full BEFORE INSERT ON report BEGIN SELECT RAISE(ABORT, 'full'); END")
        with contextlib.suppress(StorageError):
            running.to(AFTER)
        assert (running.record().outcome, running.bodies()) == (Outcome.REPORTING, {})
        running.restart()
        assert running.bodies() == {"startup-time": ["none"]}
        assert running.store.tallies.all() == []


async def test_crash_and_a_changed_manifest(running):
    """The report of the promised tally is made under the definition that was consented to, not under the one declared now."""
    revision = running.catalogue.definition(KEY).revision
    running.questions.remember(KEY, begin_report(running.record(), "telemetry.kde.org"))
    running.clock.wall = AFTER
    running.machine.install(KATE_2026.replace("[500, 2000]", "[500]"), date="2026-12-01")
    running.restart()
    (row,) = running.store.reports.queue()
    assert (row.revision, json.loads(row.body)["answer"]) == (revision, ["500..2000"])


async def test_crash_and_a_manifest_that_is_gone(running):
    """The promised report is made although nobody declares its question just now; then it waits for its manifest as any."""
    running.questions.remember(KEY, begin_report(running.record(), "telemetry.kde.org"))
    running.clock.wall = AFTER
    (running.machine.root / f"share/telemetryd/manifests/{APP}.toml").unlink()
    running.restart()
    assert running.bodies() == {"startup-time": ["500..2000"]}
    assert running.record().reason.kind == "gone/removed"


async def test_crash_and_a_configuration_that_cannot_be_read(running):
    """Whether the promised report is lost is decided once it can be read where it would go: then it is made."""
    running.questions.remember(KEY, begin_report(running.record(), "telemetry.kde.org"))
    running.clock.pass_(AFTER - DURING)
    running.configure("= broken")
    running.restart()
    assert (running.record().outcome, len(running.store.tallies.all())) == (Outcome.REPORTING, 1)
    running.endpoint()
    running.restart()
    assert running.bodies() == {"startup-time": ["500..2000"]}


async def test_crash_and_nobody_knows_the_definition(running):
    """The same where neither the accepted text nor the manifest can be read: it is lost once a manifest is there that declares another."""
    running.questions.remember(KEY, begin_report(running.record(), "telemetry.kde.org"))
    with running.store.consent.change() as connection:
        connection.execute("UPDATE shown SET manifest = 'schema = 2'")
    path = running.machine.root / f"share/telemetryd/manifests/{APP}.toml"
    path.unlink()
    running.restart()
    assert running.record().outcome is Outcome.REPORTING
    path.write_text(KATE_2026.replace("[500, 2000]", "[500]"))
    running.restart()
    assert (running.record().outcome, running.record().cause) == (Outcome.ANSWERED, "lost")


@pytest.mark.parametrize("lose", ["tally", "endpoint"])
async def test_crash_and_nothing_to_report(running, lose):
    """A promised report of which nothing is left, or that has nowhere to go: answered (lost), and no tally stays."""
    running.questions.remember(KEY, begin_report(running.record(), "telemetry.kde.org"))
    running.clock.wall = AFTER
    if lose == "tally":
        running.store.tallies.erase([KEY])
    else:
        running.machine.configure("")
    running.restart()
    assert (running.record().outcome, running.record().cause) == (Outcome.ANSWERED, "lost")
    assert running.store.tallies.all() == []
    assert running.store.reports.queue() == []


@pytest.mark.parametrize("host", ["a.example", "telemetry.kde.or", "telemetry.kde.org.example", "z.example"])
async def test_crash_and_another_host(running, host):
    """A report that was promised to another host is never sent to this one: it is lost, and no tally stays. Policy: C6."""
    running.questions.remember(KEY, begin_report(running.record(), host))
    running.clock.wall = AFTER
    running.restart()
    assert (running.record().outcome, running.record().cause) == (Outcome.ANSWERED, "lost")
    assert (running.bodies(), running.store.tallies.all()) == ({}, [])


@pytest.mark.parametrize(
    ("outcome", "kept", "cause"),
    [("accepted", Outcome.ANSWERED, "sent"), ("suspended", Outcome.SUSPENDED, "server_suspended")],
)
async def test_crash_after_the_report(running, outcome, kept, cause):
    """Sent, and died before that was remembered: the start reads it from the history."""
    running.to(AFTER)
    (row,) = running.store.reports.queue()
    running.restart()
    assert running.state() == State.REPORTING
    running.store.reports.finish(row._replace(outcome=outcome, status=200), body=row.body)
    running.restart()
    assert (running.record().outcome, running.record().cause) == (kept, cause)


async def test_report_without_consent(running):
    """A queued report of which nothing is remembered, as after a lost consent file, is erased at the start."""
    running.to(AFTER)
    running.store.close()
    for path in running.directory.glob("consent.sqlite*"):
        path.unlink()
    running.put_together()
    running.now(running.sampling.start_steps())
    assert running.store.reports.queue() == []
    assert running.store.reports.history(0, 10)[0].outcome == "erased"


async def test_full_disk_at_the_close(running):
    """A report that the disk does not take is made at the next start."""
    with running.broken_disk(), pytest.raises(StorageError):
        running.to(AFTER)
    running.decide()
    running.restart()
    assert running.bodies() == {"startup-time": ["500..2000"]}


async def test_shared(tmp_path):
    """Two applications' parts are merged, counted and erased; nothing says which one a sample came from."""
    with installed(tmp_path, FRAMEWORKS) as running:
        for name in ("org.kde.dolphin", "org.kde.konsole", "org.kde.okular"):
            running.install(user_of_shared(name))
        await running.consent(SHARED)
        await running.choices.set_application("org.kde.okular", 3, 0)
        running.to(DURING)
        for name, crashes, dialog in (("org.kde.dolphin", 2, "own"), ("org.kde.konsole", 2, "portal"), ("org.kde.okular", 40, "own")):
            running.push(f"{SHARED}/crash", "u", crashes, application=name)
            running.push(f"{SHARED}/dialog", "s", dialog, application=name)
            running.push(f"{SHARED}/programs", "u", 1, application=name)
        assert "org.kde.okular" not in {row.pusher for row in running.store.tallies.all()}
        running.to(AFTER)
        assert running.bodies() == {"crashes": ["1..5"], "dialogs": ["portal"], "programs-used": ["2..3"]}
        assert running.store.tallies.all() == []
        bodies = b"".join(row.body for row in running.store.reports.queue())
        assert b"dolphin" not in bodies


async def test_pusher_withdraws(sharing):
    """An application's part of a shared question goes when its own level does, and only its part."""
    await sharing.choices.set_application("org.kde.dolphin", 3, 0)
    assert {row.pusher for row in sharing.store.tallies.all()} == {"org.kde.konsole"}
    sharing.to(AFTER)
    assert sharing.bodies()["crashes"] == ["1..5"]


async def test_pusher_is_uninstalled(sharing):
    """The part of an application whose manifest is gone at two looks ten minutes apart counts as withdrawn; a package update does not."""
    (sharing.machine.root / "share/telemetryd/manifests/org.kde.dolphin.toml").unlink()
    sharing.look()
    assert {row.pusher for row in sharing.store.tallies.all()} == {"org.kde.dolphin", "org.kde.konsole"}
    sharing.to(DURING + 601)
    assert {row.pusher for row in sharing.store.tallies.all()} == {"org.kde.konsole"}


class TestDeveloper:
    """Developer mode: again and again, to loopback."""

    @pytest.fixture
    async def developing(self, tmp_path):
        """Developer mode over an unreviewed manifest."""
        with Running(tmp_path, now=DURING) as running:
            running.machine.install(KATE_2026, reviewed=False)
            running.machine.develop()
            running.restart(developer=True)
            await running.consent()
            yield running

    async def test_closing(self, developing):
        """Each close makes a report of what was pushed since the last."""
        for value in (100.0, 3000.0):
            developing.push("startup", "d", value)
            developing.now(developing.sampling.close_running_steps())
        assert [json.loads(row.body)["answer"] for row in developing.store.reports.queue()] == [["<500"], [">=2000"]]
        assert developing.state() == State.ACTIVE
        developing.restart(developer=True)
        assert len(developing.store.reports.queue()) == 2

    async def test_period_over(self, developing):
        """A period that is over is closed by itself, also without an endpoint: then nothing is kept."""
        developing.push("startup", "d", 100.0)
        developing.machine.configure_user("developer = true")
        developing.look()
        developing.to(AFTER)
        assert developing.store.reports.queue() == []
        assert developing.store.tallies.all() == []
        assert developing.state() == State.ACTIVE

    async def test_changed_definition(self, developing):
        """An edited manifest starts anew: no tally is continued under other bins."""
        developing.push("startup", "d", 100.0)
        developing.machine.install(KATE_2026.replace("[500, 2000]", "[50]"), reviewed=False)
        developing.look()
        assert developing.state() == State.PENDING
        await developing.choices.accept(APP, developing.digests())
        developing.push("startup", "d", 100.0)
        developing.machine.install(KATE_2026, reviewed=False)
        developing.look()
        assert developing.state() == State.ACTIVE
        assert developing.store.tallies.all() == []


def closing(running, closings_max, rng=None):
    """The part that closes at most so many periods, over the running parts."""
    parts = {"catalogue": running.catalogue, "questions": running.questions, "tallies": running.tallies, "reports": running.store.reports}
    return PeriodClose(**parts, clock=running.clock, rng=rng or running.chance, closings_max=closings_max)


class Extreme:
    """The port `Randomness`, with the least or the greatest number of 128 bits."""

    def __init__(self, chance, nonce):
        self._chance, self._nonce, self.bounds = chance, nonce, []

    def below(self, bound):
        """A uniform integer, but for the nonce."""
        self.bounds.append(bound)
        return self._nonce if bound == 1 << 128 else self._chance.below(bound)


@pytest.mark.parametrize(("number", "nonce"), [(0, "0" * 32), (10, "0" * 31 + "a"), ((1 << 128) - 1, "f" * 32)])
async def test_a_nonce_has_128_random_bits(running, number, nonce):
    """A report's nonce is one uniform number of 128 bits in 32 digits, so that no two reports of all users are likely to share one."""
    running.clock.wall = AFTER
    chance = Extreme(running.chance, number)
    running.now(closing(running, None, chance).close_steps([running.catalogue.definition(KEY)]))
    (row,) = running.store.reports.queue()
    assert json.loads(row.body)["nonce"] == parse(row.body).nonce == nonce
    assert chance.bounds.count(1 << 128) == 1


async def test_what_is_left_open_is_as_it_was(running):
    """Beyond the bound a period that is over stays open with its tally, and that is told; whoever may close one closes it."""
    running.clock.wall = AFTER
    definition, before = running.catalogue.definition(KEY), running.record()
    close = closing(running, 0)
    running.now(close.close_steps([definition]))
    assert (close.is_unfinished, running.record(), running.bodies()) == (True, before, {})
    close = closing(running, 1)
    running.now(close.close_steps([definition]))
    assert (close.is_unfinished, running.bodies()) == (False, {"startup-time": ["500..2000"]})


async def test_no_more_than_the_bound(sharing):
    """Of three periods that are over, as many are closed as the bound says; the others stay open."""
    sharing.clock.wall = AFTER
    keys = [(SHARED, name) for name in ("crashes", "dialogs", "programs-used")]
    close = closing(sharing, 2)
    sharing.now(close.close_steps([sharing.catalogue.definition(key) for key in keys]))
    assert close.is_unfinished
    assert [sharing.record(key).outcome for key in keys] == [Outcome.REPORTING, Outcome.REPORTING, Outcome.OPEN]


async def test_answer_so_far(running):
    """The answer so far has the label that a report would have; before the first sample there is none to tell."""
    definition, close = running.catalogue.definition(KEY), closing(running, None)
    assert close.so_far(definition, "2026-W48") == ("500..2000",)
    assert close.so_far(definition, "2026-W49") == ()


async def test_a_crash_is_made_up_for_within_the_bound(running):
    """A promised report counts as a closing: beyond the bound it stays promised, not lost."""
    running.sampling.commit()
    running.questions.remember(KEY, begin_report(running.record(), "telemetry.kde.org"))
    running.clock.wall = AFTER
    close = closing(running, 0)
    close.recover()
    assert (close.is_unfinished, running.record().outcome, running.bodies()) == (True, Outcome.REPORTING, {})
    close = closing(running, 1)
    close.recover()
    assert (close.is_unfinished, running.bodies()) == (False, {"startup-time": ["500..2000"]})


async def test_a_crash_and_then_a_kill_switch(running):
    """A report that was promised before a crash is erased if there is a kill switch at the next start: none is queued, no sample stays."""
    running.sampling.commit()
    running.questions.remember(KEY, begin_report(running.record(), "telemetry.kde.org"))
    running.machine.configure(f"enabled = false\n[endpoint.kde]\n{ENDPOINT}")
    running.clock.wall = AFTER
    running.restart()
    assert (running.store.reports.queue(), running.store.tallies.all()) == ([], [])
    assert (running.record().outcome, running.record().cause) == (Outcome.ANSWERED, "kill_switch")
    await running.ticker.tick()
    assert running.server.received == []
