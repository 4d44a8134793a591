#!/bin/sh
# Prepares a fresh checkout: system packages, the virtual environment .venv, and the project in it.
# usage: packaging/bootstrap.sh demo|test|bench|generators|screenshots|desktop
# (what it is prepared for decides which programs and packages are needed)
# With OPTIONAL=no in the environment the two large packages stay away with which tests only compare: opendp and PySide6.
# Silent and quick (some 50 ms) when there is nothing to do. Writes nowhere but into .venv, and installs system packages: as root, or through
# sudo where it asks for no password; else it names them and stops.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
venv=$root/.venv

say() { printf '%s\n' "$*" >&2; }
stop() {
    for line; do say "$line"; done
    exit 1
}

# program (or header file):package of Debian that has it
for_demo='dbus-daemon:dbus'
for_test="$for_demo dbus-send:dbus dbus-run-session:dbus gdbus:libglib2.0-bin busctl:systemd systemd-analyze:systemd
    strace:strace setpriv:util-linux unshare:util-linux /sbin/setcap:libcap2-bin bwrap:bubblewrap mandoc:mandoc mkfs.ext4:e2fsprogs /bin/kill:procps xdg-dbus-proxy:xdg-dbus-proxy msgfmt:gettext
    desktop-file-validate:desktop-file-utils cc:gcc /usr/include/stdio.h:libc6-dev
    /usr/include/systemd/sd-bus.h:libsystemd-dev /usr/lib/python3/dist-packages/gi/__init__.py:python3-gi
    /usr/lib/qt5/bin/qdbusxml2cpp:qtbase5-dev-tools /usr/lib/qt6/bin/qdbusxml2cpp:qt6-base-dev-tools gdbus-codegen:libglib2.0-dev-bin
    sdbus-c++-xml2cpp:libsdbus-c++-bin dbus-binding-tool:libdbus-glib-1-dev-bin dbusxx-xml2cpp:libdbus-c++-bin"
doc=/usr/share/doc   # what has no file of the same name on every architecture is known by its copyright
for_generators="$for_test obus-gen-interface:libobus-ocaml-bin dbus-cppc:dbus-cpp-bin c++:g++ pkg-config:pkg-config
    /usr/include/glib-2.0/gio/gio.h:libglib2.0-dev $doc/qtbase5-dev/copyright:qtbase5-dev $doc/qt6-base-dev/copyright:qt6-base-dev
    $doc/libsdbus-c++-dev/copyright:libsdbus-c++-dev"
fonts=/usr/share/fonts
for_screenshots="$for_test $fonts/truetype/noto/NotoSans-Regular.ttf:fonts-noto-core $fonts/opentype/noto/NotoSansCJK-Regular.ttc:fonts-noto-cjk"
for_desktop="$for_screenshots Xvfb:xvfb xprop:x11-utils /usr/libexec/at-spi-bus-launcher:at-spi2-core $doc/gir1.2-atspi-2.0/copyright:gir1.2-atspi-2.0
    $doc/libxcb-cursor0/copyright:libxcb-cursor0 $doc/libxkbcommon-x11-0/copyright:libxkbcommon-x11-0 $doc/libxcb-icccm4/copyright:libxcb-icccm4
    $doc/libxcb-keysyms1/copyright:libxcb-keysyms1 $doc/libxcb-image0/copyright:libxcb-image0
    $doc/libxcb-render-util0/copyright:libxcb-render-util0 $doc/libxcb-xinerama0/copyright:libxcb-xinerama0"

set_of_groups=${1-}
[ "${OPTIONAL-} ${1-}" != 'no test' ] || set_of_groups=bench
for_bench='--group build --group demo --group test --group check'
with_qt="$for_bench --group test-opendp --group test-qt"
case $set_of_groups in
demo) programs=$for_demo groups='--group build --group demo' ;;
bench) programs=$for_test groups=$for_bench ;;
generators) programs=$for_generators groups=$for_bench ;;
test) programs=$for_test groups=$with_qt ;;
screenshots) programs=$for_screenshots groups=$with_qt ;;
desktop) programs=$for_desktop groups=$with_qt ;;
*) stop "usage: packaging/bootstrap.sh demo|test|bench|generators|screenshots|desktop" ;;
esac

has_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

# The system's own before any other on the PATH: the daemon runs on it where it is installed, and it is built with more care.
# One that can make environments before one that cannot yet; what PYTHON says before all.
find_python() {
    found=
    for candidate in "${PYTHON-}" /usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11; do
        if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            : "${found:=$(command -v "$candidate")}"
            if [ "$candidate" = "${PYTHON-}" ] || has_venv "$candidate"; then
                command -v "$candidate"
                return
            fi
        fi
    done
    printf '%s\n' "$found"
}

is_python_of_venv() { "$venv/bin/python" -c "import os, sys; sys.exit(not os.path.samefile(sys.prefix, '$venv'))" 2>/dev/null; }

is_there() {
    case $1 in
    /*) [ -f "$1" ] ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

missing_packages() {
    for pair in $programs; do
        is_there "${pair%%:*}" || printf '%s\n' "${pair#*:}"
    done
    if ! is_python_of_venv; then
        python=$(find_python)
        case $python in
        '') printf 'python3\npython3-venv\n' ;;
        */python3) has_venv "$python" || printf 'python3-venv\n' ;;
        *) has_venv "$python" || printf '%s-venv\n' "${python##*/}" ;;
        esac
    fi
}

# The command that may install packages; empty if nobody here may.
administrator() {
    command -v apt-get >/dev/null || return 0
    if [ "$(id -u)" = 0 ]; then
        echo env
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        echo sudo -n env
    fi
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Runs a command and shows its output only if it fails.
quietly() { "$@" >"$log" 2>&1 </dev/null || { cat "$log" >&2; return 1; }; }

install_packages() {
    apt="$(administrator) DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120"
    # A fresh machine has no lists of packages, or old ones: they are fetched only if it does not work without.
    # shellcheck disable=SC2086
    $apt install -y --no-install-recommends "$@" >/dev/null 2>&1 </dev/null ||
        { quietly $apt update && quietly $apt install -y --no-install-recommends "$@"; }
}

packages=$(missing_packages | sort -u | tr '\n' ' ')
packages=${packages% }
if [ -n "$packages" ]; then
    [ -n "$(administrator)" ] ||
        stop "These Debian packages are missing, and only an administrator may install them: $packages" \
            "    sudo apt-get install $packages" \
            "Then run the same command again."
    say "Installing Debian packages: $packages"
    # shellcheck disable=SC2086
    install_packages $packages || stop "These Debian packages could not be installed: $packages"
    still=$(missing_packages | sort -u | tr '\n' ' ')
    [ -z "$still" ] || stop "Installed, and still missing: what the packages ${still% } should bring. Is it on the PATH ($PATH)?"
fi

stamp=$venv/.ready-$set_of_groups
# What the environment depends on. Contents, not times: a clone's times say nothing, and a moved checkout needs a new environment.
key() {
    {
        printf '%s\n' "$root"
        cat pyproject.toml packaging/constraints.txt packaging/bootstrap.sh
    } | sha256sum
}

now=$(key)
if is_python_of_venv && [ "$(cat "$stamp" 2>/dev/null)" = "$now" ]; then
    exit 0
fi
say 'Preparing .venv (once; about half a minute) …'
is_python_of_venv || quietly "$(find_python)" -m venv --clear "$venv" || stop "The virtual environment $venv could not be made."
pip="$venv/bin/python -m pip --disable-pip-version-check --no-input"
needed=$venv/needed.txt
# Every file that is installed has a hash in packaging/constraints.txt. Only wheels are taken: what builds an sdist would have no hash.
# The project itself has none. It is installed after its dependencies, without them, and built by the hatchling that came with them.
# First comes pip: Debian's own knows no dependency groups, and takes no hashes from constraints.
print_dependencies='
import tomllib
with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
print(*project["dependencies"], *project["optional-dependencies"]["fast"], sep="\n")'
install_all() {
    awk '/^[^ #]/ { is_pip = /^pip==/ } is_pip' packaging/constraints.txt >"$needed"
    # shellcheck disable=SC2086
    quietly $pip install --require-hashes --only-binary :all: --requirement "$needed" &&
        "$venv/bin/python" -c "$print_dependencies" >"$needed" &&
        quietly $pip install --require-hashes --only-binary :all: --constraint packaging/constraints.txt --requirement "$needed" $groups &&
        quietly $pip install --no-index --no-deps --no-build-isolation --editable .
}
install_all || stop "The Python packages could not be installed into $venv."

# A second kind of bus for the tests. The package is unpacked, not installed: installed, it would be this machine's system bus from the next
# start on. What the program needs of libraries comes with dbus-daemon.
fetch_broker() {
    command -v dbus-broker >/dev/null && return
    folder=$(mktemp -d)
    (cd "$folder" && apt-get download dbus-broker && dpkg-deb -x dbus-broker_*.deb . && cp usr/bin/dbus-broker "$venv/bin/") >"$log" 2>&1
    fetched=$?
    rm -rf "$folder"
    return $fetched
}
if [ "$1" != demo ]; then
    fetch_broker || say 'dbus-broker could not be fetched from Debian: the tests that need it are skipped.'
fi
printf '%s\n' "$now" >"$stamp"
