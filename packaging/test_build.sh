#!/bin/sh
# Runs the tests that a distribution's build can run, as it would: from an unpacked source tree, without installing anything, as nobody, and in a
# network of its own in which only the loopback interface is up. The libraries and the test tools have their least versions.
# usage: packaging/test_build.sh [pytest arguments]     (without: -m build)
# As root nobody runs the tests; for anybody else it is that user, in a user namespace of its own.
set -eu
cd "$(dirname "$0")/.."
venv=$PWD/build/test-build
log=$(mktemp)
tree=$(mktemp -d)
trap 'rm -rf "$log" "$tree"' EXIT
quietly() { "$@" >"$log" 2>&1 </dev/null || { cat "$log" >&2; return 1; }; }
[ $# -gt 0 ] || set -- -m build

key() {
    {
        printf '%s\n' "$PWD"
        cat pyproject.toml packaging/least.py packaging/test_build.sh
    } | sha256sum
}
now=$(key)
if [ "$(cat "$venv/.ready" 2>/dev/null)" != "$now" ]; then
    mkdir -p build
    quietly .venv/bin/python -m venv --clear "$venv"
    .venv/bin/python packaging/least.py >"$venv/least.txt"
    .venv/bin/python packaging/least.py test >"$venv/test.txt"
    .venv/bin/python packaging/least.py build >"$venv/build.txt"
    quietly "$venv/bin/python" -m pip --disable-pip-version-check --no-input install \
        --constraint "$venv/least.txt" --requirement "$venv/test.txt" --requirement "$venv/build.txt"
    printf '%s\n' "$now" >"$venv/.ready"
fi

mkdir "$tree/telemetryd" "$tree/venv"
git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- | tar --extract --directory="$tree/telemetryd"
chmod -R u=rwX,go=rX "$tree"
# Many tests wait, so there are more of them at once than a small builder has processors.
# shellcheck disable=SC2016 # the inner shell's
run='cd "$0/telemetryd" && exec env -i HOME=/nonexistent PATH=/usr/bin:/bin LANG=C.UTF-8 PYTHONPATH="$0/telemetryd" PYTHONDONTWRITEBYTECODE= \
    "$0/venv/bin/python" -m pytest -q -n 4 --dist worksteal "$@"'
began=$(date +%s)
status=0
if [ "$(id -u)" = 0 ]; then
    chown -R 65534:65534 "$tree/telemetryd"
    # The environment may lie where only root can go.
    # shellcheck disable=SC2016
    unshare --net --mount sh -euc 'mount --bind "$1" "$0/venv"; python3 "$2"; run=$3; shift 3
        exec setpriv --reuid=65534 --regid=65534 --clear-groups sh -euc "$run" "$0" "$@"' "$tree" "$venv" packaging/loopback_up.py "$run" "$@" || status=$?
else
    rmdir "$tree/venv" && ln -s "$venv" "$tree/venv"
    # shellcheck disable=SC2016
    unshare --user --map-root-user --net sh -euc 'python3 "$1"; run=$2 user=$3 group=$4; shift 4
        exec unshare --user --map-user="$user" --map-group="$group" sh -euc "$run" "$0" "$@"' \
        "$tree" packaging/loopback_up.py "$run" "$(id -u)" "$(id -g)" "$@" || status=$?
fi
# The second line of `times` is what the tests took of processors.
times >"$log"
printf '%s s on %s processors, of which they took %s (in programs, in the kernel)\n' "$(($(date +%s) - began))" "$(nproc)" "$(tail -n 1 "$log")"
exit $status
