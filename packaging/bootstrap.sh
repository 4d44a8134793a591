#!/bin/sh
# Prepares a fresh checkout: system packages, the virtual environment .venv, and the project in it.
# usage: packaging/bootstrap.sh demo|test|bench     (what it is prepared for decides which programs are needed)
# Silent and quick (some 50 ms) when there is nothing to do. Writes nowhere but into .venv, and installs system packages: as root, or through
# sudo where it asks for no password; else it names them and stops.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
venv=$root/.venv
stamp=$venv/.ready

say() { printf '%s\n' "$*" >&2; }
stop() {
    for line; do say "$line"; done
    exit 1
}

# program (or header file):package of Debian that has it
for_demo='dbus-daemon:dbus'
for_test="$for_demo dbus-send:dbus dbus-run-session:dbus gdbus:libglib2.0-bin busctl:systemd systemd-analyze:systemd
    strace:strace setpriv:util-linux unshare:util-linux /sbin/setcap:libcap2-bin bwrap:bubblewrap mkfs.ext4:e2fsprogs /bin/kill:procps cc:gcc /usr/include/stdio.h:libc6-dev
    /usr/include/systemd/sd-bus.h:libsystemd-dev"

case ${1-} in
demo) programs=$for_demo ;;
test) programs=$for_test ;;
bench) programs=$for_test ;;
*) stop "usage: packaging/bootstrap.sh demo|test|bench" ;;
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
# Dependency groups need pip 25.1; Debian 12 brings 23.0.
# shellcheck disable=SC2086
quietly $pip install --upgrade 'pip>=25.1' &&
    quietly $pip install --constraint packaging/constraints.txt --editable '.[fast]' --group test --group check ||
    stop "The Python packages could not be installed into $venv."

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
