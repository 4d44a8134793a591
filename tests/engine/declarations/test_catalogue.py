import contextlib
import gc
import logging
import os
import sys
import time

import pytest
from support.disk.descriptors import none_left
from support.engine_flow import ACCEPTED, APP, DURING, FRAMEWORKS, KATE_2026, KEY, SHARED, Running, at, collecting, user_of_shared
from support.machine import settle

from telemetryd.core.limits import MANIFEST_BYTES, READ_AGAIN_MAX
from telemetryd.core.permission.gate import Presence
from telemetryd.engine.declarations.catalogue import Catalogue
from telemetryd.errors import InvalidManifestError, UnknownApplicationError, UnknownQuestionError, UnknownSourceError
from telemetryd.system.installed import InstalledFiles

OTHER_BINS = KATE_2026.replace("[500, 2000]", "[500, 1000, 2000]")


@pytest.fixture
def running(tmp_path):
    """The flow over a machine without any manifest."""
    with Running(tmp_path) as running:
        yield running


def manifest(running):
    """The file of Kate's manifest."""
    return running.machine.root / f"share/telemetryd/manifests/{APP}.toml"


def test_nothing_declared(running):
    """Without manifests there is no application, and asking for one says so."""
    catalogue = running.catalogue
    assert catalogue.applications() == []
    assert catalogue.find(APP) is catalogue.definition(KEY) is catalogue.shared_source("org.kde.frameworks/crash") is None
    assert catalogue.presence(APP) is Presence.GONE
    assert catalogue.text(APP) == ""
    with pytest.raises(UnknownApplicationError):
        catalogue.get(APP)
    with pytest.raises(UnknownApplicationError):
        catalogue.register(APP, "")


def test_registered(running):
    """A registered text is kept over a restart, and asking for another's id is refused."""
    declaration = running.catalogue.register(APP, KATE_2026).declaration
    assert running.catalogue.register(APP, "").declaration == declaration
    running.restart()
    assert running.catalogue.get(APP) == declaration
    assert running.catalogue.presence(APP) is Presence.PRESENT
    assert not running.catalogue.is_installed(APP)
    assert running.catalogue.text(APP) == KATE_2026
    with pytest.raises(InvalidManifestError, match="the application that registers"):
        running.catalogue.register("org.kde.dolphin", KATE_2026)
    with pytest.raises(InvalidManifestError, match="shared"):
        running.catalogue.register(SHARED, FRAMEWORKS)
    with pytest.raises(InvalidManifestError):
        running.catalogue.register(APP, "not TOML")
    assert running.catalogue.get(APP) == declaration


def test_installed_beats_registered(running):
    """Beside an installed manifest a registered text is checked and answered, and not kept."""
    installed = running.install()
    assert running.catalogue.register(APP, OTHER_BINS).declaration.digest != installed.digest
    assert running.catalogue.get(APP) == installed
    assert running.store.texts.months() == {}


SNAPPED = KATE_2026.replace('vendor = "kde"', 'vendor = "kde"\nsnap = "kate"')


def test_an_overruled_text_is_noted_if_it_says_something_else(running, caplog):
    """What both declare alike is not news, even if the installed manifest has translations. Each application is logged once."""
    caplog.set_level(logging.INFO)
    running.install(KATE_2026.replace('name = "Kate"', 'name = "Kate"\n"name[de]" = "Kate"'))
    overruled = running.catalogue.overruled
    for text, is_overruled in ((KATE_2026, False), (OTHER_BINS, True), (OTHER_BINS, True), (KATE_2026, False)):
        running.catalogue.register(APP, text)
        assert (APP in overruled) is is_overruled
    assert [record.levelname for record in caplog.records if "holds instead" in record.message] == ["INFO"]


def test_only_an_installed_manifest_names_a_snap(running):
    """A text that names a snap cannot be registered; beside an installed manifest it is answered, and the installed one's word holds."""
    with pytest.raises(InvalidManifestError, match="snap: expected an installed manifest"):
        running.catalogue.register(APP, SNAPPED)
    assert running.store.texts.months() == {}
    running.catalogue.register(APP, KATE_2026)
    assert running.catalogue.snap(APP) == ""
    running.install()
    running.catalogue.refresh()
    assert running.catalogue.register(APP, SNAPPED).declaration.digest == running.catalogue.get(APP).digest
    assert running.catalogue.snap(APP) == ""
    running.install(SNAPPED)
    running.catalogue.refresh()
    running.catalogue.register(APP, KATE_2026)
    assert running.catalogue.snap(APP) == "kate"
    assert running.catalogue.snap("org.kde.ark") == ""


@pytest.mark.parametrize(
    ("moment", "presence"), [(at("12.31"), "present"), (at("2.28") + 365 * 86400, "present"), (at("3.2") + 365 * 86400, "unregistered")]
)
def test_registration_grows_old(running, moment, presence):
    """Without an installed manifest an application counts as gone 90 days after the month of its last registration."""
    running.catalogue.register(APP, KATE_2026)
    running.clock.wall = moment
    assert running.catalogue.presence(APP) is Presence(presence)


def test_registration_in_december(running):
    """The month after December is January of the next year."""
    running.clock.wall = at("12.31")
    running.catalogue.register(APP, KATE_2026)
    running.clock.wall += 90 * 86400
    assert running.catalogue.presence(APP) is Presence.PRESENT


def test_unreadable(running):
    """A manifest that cannot be read is a problem that is told, and no declaration."""
    running.install()
    assert running.catalogue.find(APP)
    manifest(running).write_text("schema = 2")
    assert running.catalogue.refresh()
    while running.catalogue.refresh():
        time.sleep(0.01)  # what was written just now is looked at once more
    assert running.catalogue.presence(APP) is Presence.UNREADABLE
    assert [problem.file for problem in running.catalogue.problems if problem.file] == [str(manifest(running))]
    with pytest.raises(UnknownApplicationError):
        running.catalogue.get(APP)


def test_a_failed_read_is_tried_again(running):
    """A manifest that could not be read in one moment, though no file changed, is read at the next look, and that is news once."""
    running.install()
    settle(running.machine)
    with none_left():
        assert running.catalogue.find(APP) is None
        assert running.catalogue.presence(APP) is Presence.UNREADABLE
    assert [problem.text for problem in running.catalogue.problems if problem.file] == [f"{manifest(running)}: Too many open files"]
    assert running.catalogue.refresh()
    assert running.catalogue.presence(APP) is Presence.PRESENT
    assert not [problem for problem in running.catalogue.problems if problem.file]
    assert not running.catalogue.refresh()


def test_a_failed_read_for_samples_is_tried_again(running):
    """So it is where only samples met the failure: in the application's own manifest, and in that of a source which it shares."""
    for text in (FRAMEWORKS, user_of_shared("org.kde.dolphin")):
        running.install(text)
    settle(running.machine)
    running.tallies.prepare()  # which opens the file for decoys
    with none_left(), pytest.raises(UnknownApplicationError):
        running.sampling.push("org.kde.dolphin", f"{SHARED}/crash", "u", 1)
    running.look()
    with none_left(), pytest.raises(UnknownSourceError):
        running.sampling.push("org.kde.dolphin", f"{SHARED}/crash", "u", 1)
    running.look()
    running.sampling.push("org.kde.dolphin", f"{SHARED}/crash", "u", 1)


class Counting(InstalledFiles):
    """The files, and of which applications the manifest was read."""

    def __init__(self, environ):
        super().__init__(environ)
        self.read = []

    def text(self, application):
        """Noted before it is read, so that a read that fails counts too."""
        self.read.append(application)
        return super().text(application)


def counting(running):
    """A catalogue over all that is installed, with everything looked up as decisions and samples do, and what it reads."""
    settle(running.machine)
    files = Counting(running.machine.environ)
    catalogue = Catalogue(files, running.store.texts, running.clock)
    while catalogue.refresh():
        time.sleep(0.01)  # what was written just now is looked at once more
    return catalogue, files


def look_up(catalogue):
    """Find every manifest, as samples do and as decisions do."""
    for application in catalogue.applications():
        with contextlib.suppress(UnknownApplicationError):
            catalogue.get_for_samples(application)
        catalogue.find(application)


def no_text(path):
    """Bytes that are not UTF-8."""
    path.write_bytes(b"\xff")


def too_long(path):
    """A text that is longer than any manifest may be."""
    path.write_bytes(b"#" * (MANIFEST_BYTES + 1))


def folder(path):
    """A folder in the place of the file."""
    path.unlink()
    path.mkdir()


def pipe(path):
    """A pipe in its place."""
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("spoil", [no_text, too_long, folder, pipe], ids=lambda spoil: spoil.__name__)
def test_what_only_a_change_can_mend_is_not_read_again(running, spoil):
    """A file that holds no manifest's text is read once, however often one looks, and again when it has changed."""
    running.install()
    spoil(manifest(running))
    catalogue, files = counting(running)
    look_up(catalogue)
    while catalogue.refresh():
        look_up(catalogue)
    files.read.clear()
    for _ in range(3):
        assert not catalogue.refresh()
    assert files.read == []
    assert catalogue.presence(APP) is Presence.UNREADABLE
    assert [problem.file for problem in catalogue.problems if problem.file] == [str(manifest(running))]
    new = running.machine.root / "new"
    new.write_text(KATE_2026)
    if manifest(running).is_dir():
        manifest(running).rmdir()
    new.replace(manifest(running))
    assert catalogue.refresh()
    assert catalogue.presence(APP) is Presence.PRESENT


MANY = [f"org.kde.n{number:03}" for number in range(2 * READ_AGAIN_MAX + 5)]


def test_a_look_reads_few_again_and_each_has_its_turn(running):
    """Of many manifests that cannot be read for now, each look tries a bounded number, each once, and none is left out."""
    running.install()
    for name in MANY:
        manifest(running).with_stem(name).symlink_to("nothing")
    catalogue, files = counting(running)
    look_up(catalogue)
    tried = []
    for _ in range(3):
        files.read.clear()
        assert not catalogue.refresh()
        assert len(files.read) == len(set(files.read)) == READ_AGAIN_MAX
        tried += files.read
    assert set(tried) == set(MANY)


def test_many_failed_reads_are_mended_in_turn(running):
    """After a failure that has ended, some looks read all that met it: each once, for decisions and for samples."""
    for name in MANY:
        running.machine.install(KATE_2026.replace(APP, name))
    catalogue, files = counting(running)
    with none_left():
        look_up(catalogue)
    files.read.clear()
    looks = [len(files.read) for _ in range(3) if catalogue.refresh()]
    assert looks == [READ_AGAIN_MAX, 2 * READ_AGAIN_MAX, len(MANY)]
    assert sorted(files.read) == MANY
    assert not catalogue.refresh()
    assert [problem for problem in catalogue.problems if problem.file] == []
    assert all(catalogue.get_for_samples(name) == catalogue.get(name) for name in MANY)
    assert len(files.read) == len(MANY)


async def test_a_question_goes_on_after_a_failed_read(tmp_path):
    """A question whose manifest could not be read at a start pauses until the next look, with what was collected."""
    async with collecting(tmp_path) as running:
        running.sampling.commit()
        running.store.close()
        running.put_together()
        with none_left():
            running.now(running.sampling.start_steps())
            assert KEY not in running.questions.open_keys(DURING)
        running.look()
        assert KEY in running.questions.open_keys(DURING)
        running.push("startup", "d", 700.0)
        (tally,) = running.store.tallies.all()
        assert sum(tally.cells) == 2


def test_a_lasting_failure_is_logged_once(running, caplog, monkeypatch):
    """What is read again at each look, and fails as before, is not logged again: here a module of ours is away for some looks."""
    running.install()
    settle(running.machine)
    with monkeypatch.context() as away:
        away.delattr("telemetryd.toml.manifest")
        away.setitem(sys.modules, "telemetryd.toml.manifest", None)
        for _ in range(3):
            assert running.catalogue.find(APP) is None
            assert not running.catalogue.refresh()
    assert len(caplog.records) == 1
    assert running.catalogue.refresh()
    assert running.catalogue.find(APP)


def test_the_first_sample_reads(running):
    """For samples a declaration is read by itself, whether a decision has read it before or not; a changed one is read again."""
    running.install()
    decided = running.catalogue.find(APP)
    assert running.catalogue.get_for_samples(APP) == decided
    assert running.catalogue.get_for_samples(APP) is not decided
    running.restart()
    assert running.catalogue.get_for_samples(APP) is running.catalogue.find(APP)
    assert running.catalogue.get_for_samples(APP) is running.catalogue.get_for_samples(APP)
    running.install(OTHER_BINS)
    running.catalogue.refresh()
    assert running.catalogue.get_for_samples(APP) == running.catalogue.find(APP) != decided
    with pytest.raises(UnknownApplicationError):
        running.catalogue.get_for_samples("org.kde.ark")


def test_what_did_not_change_is_kept(running):
    """After another file changed, a declaration is the one that was read before, for decisions and for samples."""
    running.install()
    before = running.catalogue.find(APP), running.catalogue.get_for_samples(APP)
    running.configure("budget_year = 1.0")
    assert running.catalogue.settings.budgets.year == 1.0
    assert running.catalogue.find(APP) is before[0]
    assert running.catalogue.get_for_samples(APP) is before[1]


FILES = (
    "share/telemetryd/manifests/org.kde.kate.toml",
    "share/telemetryd/reviews.d/org.kde.kate-2026-01-01.toml",
    "etc/telemetryd/telemetryd.toml",
)


@pytest.mark.parametrize("name", FILES)
def test_never_stale(running, name):
    """Whichever byte of a file changes, and though its length and date do not: after a look everything is as if it was read first."""
    running.install()
    running.endpoint()
    path = running.machine.root / name
    text = path.read_bytes()
    running.catalogue.refresh()
    for position in range(0, len(text), 1 if len(text) < 300 else 7):
        before, said_before = path.stat(), said(running.catalogue)
        assert said_before
        while path.stat().st_ctime_ns == before.st_ctime_ns:
            path.write_bytes(text[:position] + bytes([text[position] ^ 1]) + text[position + 1 :])
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        is_news = running.catalogue.refresh()
        fresh = Catalogue(InstalledFiles(running.machine.environ), running.store.texts, running.clock)
        assert said(running.catalogue) == said(fresh)
        assert is_news or said(fresh) == said_before


def said(catalogue):
    """Everything that a catalogue says of Kate and of the machine."""
    declaration = catalogue.find(APP)
    standing = [catalogue.standing(definition) for definition in declaration.definitions] if declaration else []
    return declaration, standing, catalogue.settings, catalogue.standpoint(KEY), catalogue.problems


def test_nothing_is_gone_before_a_look_succeeded(running):
    """A process whose looks at the files all fail knows nothing: what it cannot see is unreadable, not gone, and pauses for a day."""
    running.install()

    class Failing(InstalledFiles):
        """The files in a moment in which looking at them fails."""

        def reviews(self):
            """A module is away."""
            raise ImportError

    catalogue = Catalogue(Failing(running.machine.environ), running.store.texts, running.clock)
    assert [switch.what for switch in catalogue.settings.kill_switches] == ["unreadable"]
    assert catalogue.presence(APP) is catalogue.presence("org.example.none") is Presence.UNREADABLE


def test_unreadable_reviews(running):
    """A file of reviews that cannot be read is told and makes all reviews doubtful."""
    running.install()
    assert running.catalogue.standpoint(KEY).are_reviews_readable
    (running.machine.root / "share/telemetryd/reviews.d/broken.toml").write_text("[[review]]")
    running.catalogue.refresh()
    assert not running.catalogue.standpoint(KEY).are_reviews_readable
    assert len([problem for problem in running.catalogue.problems if problem.file]) == 1
    assert running.catalogue.standing(running.catalogue.definition(KEY)).review


def test_questions(running):
    """A question is found by its application and id, and a wrong id is named."""
    running.install()
    assert running.catalogue.question(*KEY) == running.catalogue.definition(KEY)
    with pytest.raises(UnknownQuestionError):
        running.catalogue.question(APP, "other")


def test_shared_sources(running):
    """Only installed manifests of the kind shared have shared sources."""
    running.install()
    running.install(FRAMEWORKS)
    running.install(user_of_shared("org.kde.dolphin"))
    assert running.catalogue.shared_source("org.kde.frameworks/crash").id == "crash"
    assert running.catalogue.shared_source("org.kde.frameworks/startup") is None
    assert running.catalogue.shared_source("org.kde.kate/startup") is None


def test_times_are_sane():
    """The moments that the tests of the flow share lie as their comments say."""
    assert ACCEPTED < at("11.23", 0) <= DURING < at("11.30", 0)


async def test_a_look_without_news_watches_on(running):
    """A file that says nothing new is no news; a manifest that changes after such a look is seen all the same."""
    running.install()
    running.catalogue.get(APP)
    while running.catalogue.refresh():
        time.sleep(0.01)  # what was written just now is looked at once more
    before = running.catalogue.get(APP)
    (running.machine.root / "share/telemetryd/reviews.d/nothing.toml").write_text("")
    assert not running.catalogue.refresh()
    assert running.catalogue.get(APP) is before
    manifest(running).write_text(OTHER_BINS)
    assert running.catalogue.refresh()
    assert running.catalogue.get(APP).digest != before.digest


def test_collector_is_spared(running):
    """What was read of many manifests is not looked through for garbage again: one look would hold up the loop."""
    names = [f"org.kde.n{number:03}" for number in range(120)]
    for name in names:
        running.machine.install(KATE_2026.replace(APP, name))
    running.look()
    before = gc.get_freeze_count()
    declarations = [running.catalogue.get(name) for name in names]
    seen = {id(one) for one in gc.get_objects()}
    assert gc.get_freeze_count() > before
    assert sum(id(declaration) in seen for declaration in declarations) < 50
    gc.unfreeze()
