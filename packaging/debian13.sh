#!/bin/sh
# Runs tests on what Debian 13 itself has, its Python and its packages and nothing else, in a root of its own (build/debian13, 0.7 GB, made once).
# usage: packaging/debian13.sh [pytest arguments]     (without: telemetryctl, the uploader, the bus, and one report over https)
# As root, with Debian's mmdebstrap. Too slow for every change (docs in CONTRIBUTING.md): run it before a release, and when a bound moves.
set -eu
cd "$(dirname "$0")/.."
root=$PWD/build/debian13
packages=ca-certificates,python3,python3-pip,python3-hatchling,python3-editables,python3-dbus-fast,python3-dbus-next,python3-pydantic,\
python3-platformdirs,python3-aiohttp,python3-click,python3-pytest,python3-pytest-asyncio,python3-pytest-timeout,\
python3-pytest-xdist,python3-hypothesis,python3-trustme,python3-fastjsonschema,dbus,dbus-bin,libglib2.0-bin,systemd,strace,\
util-linux,e2fsprogs,procps,gcc,libc6-dev,libsystemd-dev,git,make,qtbase5-dev-tools,qt6-base-dev-tools,libglib2.0-dev-bin,libsdbus-c++-bin,libdbus-glib-1-dev-bin,libdbus-c++-bin,libobus-ocaml-bin,dbus-cpp-bin,python3-sdbus,python3-jinja2

# In the new root: nothing is mounted for longer than the tests take.
if [ "${1-}" = inside ]; then
    shift
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmp "$root/tmp"
    mount -t tmpfs run "$root/run"
    exec chroot "$root" env -i HOME=/root PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin LANG=C.UTF-8 \
        sh -c 'cd /srv/telemetryd && exec python3 -m pytest -q -n 2 "$@"' sh "$@"
fi

[ "$(id -u)" = 0 ] || { echo 'A root of Debian 13 is made and entered as root.' >&2; exit 1; }
command -v mmdebstrap >/dev/null || { echo 'mmdebstrap is missing: apt-get install mmdebstrap' >&2; exit 1; }
[ $# -gt 0 ] || set -- tests/ctl tests/upload tests/bus tests/flow/test_report.py::test_preview_history_and_receiver_have_the_same_bytes

if [ "$(cat "$root/.packages" 2>/dev/null)" != "$packages" ]; then
    rm -rf "$root"
    mkdir -p build
    mmdebstrap --quiet --variant=apt --include="$packages" trixie "$root"
    printf '%s\n' "$packages" >"$root/.packages"
fi
rm -rf "$root/srv/telemetryd"
mkdir -p "$root/srv/telemetryd"
git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- | tar --extract --directory="$root/srv/telemetryd"
chroot "$root" python3 -m pip install --quiet --root-user-action ignore --no-warn-script-location --break-system-packages \
    --no-index --no-deps --no-build-isolation --editable /srv/telemetryd
chroot "$root" dpkg-query --show python3 $(printf %s "$packages" | tr ',' '\n' | grep '^python3-')
exec unshare --mount --pid --fork "$0" inside "$@"
