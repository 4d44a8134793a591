"""Which endpoints can work on a machine, by their real files, in this root directory and in another."""

import subprocess
import sys
from pathlib import Path

import pytest

from telemetryd.core.settings import Endpoint, Settings, Unusable
from telemetryd.system.endpoint_files import with_usable_endpoints
from telemetryd.system.installed import InstalledFiles

PEM = "-----BEGIN {}CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
ROOT = Path(__file__).parents[2]
URL = "https://telemetry.example.org/v1"


def told(settings):
    """The texts of the problems."""
    return [(problem.file, problem.text.partition(";")[0]) for problem in settings.problems]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (PEM.format(""), ""),
        ("bundle\n" * 1000 + PEM.format("TRUSTED "), ""),
        ("", "expected certificates (PEM)"),
        ("-----BEGIN PRIVATE KEY-----", "expected certificates (PEM)"),
        (None, "this file cannot be read (No such file or directory)"),
        (..., "expected a file"),
    ],
)
def test_authority(tmp_path, content, why):
    """A `ca_file` is a file with a certificate; another endpoint of the same configuration is not affected."""
    path = tmp_path / "ca.pem"
    if content is ...:
        path.symlink_to("/dev/zero")
    elif content is not None:
        path.write_text(content)
    settings = Settings(endpoints=(Endpoint("kde", "KDE", URL, ca_file=str(path)), Endpoint("other", "Other", URL)))
    checked = with_usable_endpoints(settings)
    assert told(checked) == ([(str(path), f"[endpoint.kde] ca_file: {why}")] if why else [])
    assert checked.unusable == ({"kde": Unusable("ca_file", str(path))} if why else {})
    assert (checked.usable_endpoint("kde") is None) == bool(why)
    assert checked.endpoints == settings.endpoints
    assert checked.usable_endpoint("other") == settings.endpoints[1]


@pytest.mark.pyhpke
def test_extra(tmp_path):
    """A relay needs the extra: without its modules the endpoint is named, with them it is used."""
    (tmp_path / "keys").write_bytes(b"keys")
    script = (
        f"import sys; sys.path.append({str(ROOT)!r}); "
        "from telemetryd.core.settings import Endpoint, Settings; from telemetryd.system.endpoint_files import with_usable_endpoints;"
        f"e = Endpoint('kde', 'KDE', {URL!r}, ohttp_relay='https://relay.example.net/', ohttp_keys={str(tmp_path / 'keys')!r});"
        "print([p.text.partition(';')[0] for p in with_usable_endpoints(Settings(endpoints=(e,))).problems])"
    )
    without = "['[endpoint.kde] ohttp_relay: expected the extra for relays (telemetryd[ohttp]) to be installed']\n"
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "[]\n"
    assert subprocess.check_output([sys.executable, "-I", "-S", "-c", script], text=True) == without


def test_other_root(tmp_path):
    """In another root directory the files are looked for below it, and links lead where its own programs would find them."""
    (tmp_path / "usr/share").mkdir(parents=True)
    (tmp_path / "etc/ssl").mkdir(parents=True)
    (tmp_path / "usr/share/kde.pem").write_text(PEM.format(""))
    (tmp_path / "etc/ssl/kde.pem").symlink_to("/usr/share/kde.pem")
    (tmp_path / "etc/ssl/up.pem").symlink_to("../../../../usr/share/kde.pem")
    (tmp_path / "etc/ssl/loop.pem").symlink_to("loop.pem")
    for name, is_usable in (("kde", True), ("up", True), ("loop", False), ("gone", False)):
        settings = Settings(endpoints=(Endpoint("kde", "KDE", URL, ca_file=f"/etc/ssl/{name}.pem"),))
        assert (with_usable_endpoints(settings, str(tmp_path)).usable_endpoint("kde") is not None) == is_usable, name


def installed(tmp_path, endpoint):
    """A machine whose endpoint has these lines too."""
    (tmp_path / "telemetryd").mkdir()
    (tmp_path / "telemetryd/telemetryd.toml").write_text(f'[endpoint.kde]\nname = "KDE"\nurl = "{URL}"\n{endpoint}')
    environ = {"TELEMETRYD_CONFIG_DIRS": str(tmp_path), "TELEMETRYD_DATA_DIRS": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "home")}
    return environ | {"XDG_CONFIG_DIRS": str(tmp_path / "xdg")}


EXTRA_COMES = """
import sys, time
sys.path.append({root!r})
from telemetryd.system.installed import InstalledFiles
files = InstalledFiles({environ!r})
print(*files.settings().unusable)
while files.fingerprint() != (before := files.fingerprint()):
    time.sleep(0.01)  # what was written just now is looked at once more
sys.path.append({packages!r})
print(files.fingerprint() == before, *files.settings().unusable)
print(files.fingerprint() == files.fingerprint())
"""


def test_a_fault_whose_end_changes_no_file_is_noticed(tmp_path):
    """An endpoint that cannot work is checked at each look: when the extra for relays comes, the fingerprint changes, once."""
    (tmp_path / "keys").write_bytes(b"keys")
    (tmp_path / "packages").mkdir()
    for name in ("pyhpke", "cryptography"):
        (tmp_path / f"packages/{name}.py").touch()
    environ = installed(tmp_path, f'ohttp_relay = "https://relay.example.net/"\nohttp_keys = "{tmp_path / "keys"}"\n')
    script = EXTRA_COMES.format(root=str(ROOT), environ=environ, packages=str(tmp_path / "packages"))
    assert subprocess.check_output([sys.executable, "-I", "-S", "-c", script], text=True) == "kde\nFalse\nTrue\n"


def test_fingerprint(tmp_path):
    """A certificate that comes, changes or goes changes the fingerprint."""
    pem = tmp_path / "ca.pem"
    files = InstalledFiles(installed(tmp_path, f'ca_file = "{pem}"\n'))
    assert files.settings().unusable.keys() == {"kde"}
    seen = [files.fingerprint()]
    for change in (lambda: pem.write_text(PEM.format("")), lambda: pem.write_text("x"), pem.unlink):
        change()
        seen.append(files.fingerprint())
        assert seen[-1] not in seen[:-1]
        is_usable = pem.exists() and "CERT" in pem.read_text()
        assert files.settings().unusable.keys() == (set() if is_usable else {"kde"})
