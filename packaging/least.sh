#!/bin/sh
# Installs the least versions of everything that pyproject.toml permits into an environment of its own (build/least), and runs the tests in
# which libraries matter: telemetryctl's, the uploader's, the bus's, and one report over https from the push to the receiver.
# usage: packaging/least.sh short|whole     (short: as a part of `make test`, what every library has a share in; whole: all of these tests)
set -eu
cd "$(dirname "$0")/.."
venv=$PWD/build/least
stamp=$venv/.ready
log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() { "$@" >"$log" 2>&1 </dev/null || { cat "$log" >&2; return 1; }; }

main_job=tests/flow/test_report.py::test_preview_history_and_receiver_have_the_same_bytes
case ${1-} in
short) set -- tests/ctl/test_command.py tests/ctl/test_live.py::test_status_says_why tests/upload/test_end_to_end.py \
    tests/bus/transport/test_library.py "$main_job" ;;
whole) set -- tests/ctl tests/upload tests/bus "$main_job" ;;
*)
    echo 'usage: packaging/least.sh short|whole' >&2
    exit 2
    ;;
esac

key() {
    {
        printf '%s\n' "$PWD"
        cat pyproject.toml packaging/least.py packaging/least.sh
    } | sha256sum
}
now=$(key)
if [ "$(cat "$stamp" 2>/dev/null)" != "$now" ]; then
    mkdir -p build
    quietly .venv/bin/python -m venv --clear "$venv"
    .venv/bin/python packaging/least.py >"$venv/least.txt"
    .venv/bin/python packaging/least.py test >"$venv/test.txt"
    quietly "$venv/bin/python" -m pip --disable-pip-version-check --no-input install \
        --constraint "$venv/least.txt" --requirement "$venv/test.txt" --editable '.[fast,ohttp]'
    printf '%s\n' "$now" >"$stamp"
fi
exec "$venv/bin/python" -m pytest -q -n 2 "$@"
