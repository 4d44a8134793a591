#!/bin/sh
# Runs the checks. Says nothing of those that pass; shows the whole output of the first that fails, and ends with its status.
# usage: packaging/check.sh lint|test|coverage     (lint: ruff, mypy, import-linter, vulture; test: the same, the least versions, then all tests)
set -eu
cd "$(dirname "$0")/.."
python=$PWD/.venv/bin/python
logs=$(mktemp -d)
log=$logs/log
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$logs"' EXIT
# Each of the test runner's processes would compile all tests, if what one compiled were not kept.
unset PYTHONDONTWRITEBYTECODE

# check NAME COMMAND…
check() {
    name=$1
    shift
    status=0
    # A person who waits is told for what.
    [ ! -t 2 ] || printf '%s …\033[K\r' "$name" >&2
    "$@" >"$log" 2>&1 </dev/null || status=$?
    [ ! -t 2 ] || printf '\033[K' >&2
    if [ $status != 0 ]; then
        cat "$log"
        printf '\n%s failed (status %s): %s\n' "$name" "$status" "$*" >&2
        exit $status
    fi
}

lint() {
    check 'ruff check' "$python" -m ruff check --quiet .
    check 'ruff format' "$python" -m ruff format --check --quiet .
    check 'mypy' "$python" -m mypy
    check 'import-linter' "$python" -c 'from importlinter.cli import lint_imports_command; lint_imports_command()' --no-logo
    # Twice: what only tests use is dead too.
    check 'vulture' "$python" -m vulture telemetryd packaging docs
    check 'vulture of the tests' "$python" -m vulture telemetryd packaging docs tests
}

tests() {
    export TELEMETRYD_COLLECTED="$logs/names"
    check 'pytest' "$python" -m pytest -q -n 6 --dist worksteal
    tail -n 1 "$log"
}

# In a run of its own: measuring doubles the time that every process takes, and tests start thousands.
coverage() {
    mkdir -p build/coverage
    rm -f build/coverage/.coverage*
    check 'pytest' "$python" -m coverage run -m pytest -q -n 2 --dist worksteal
    summary=$(tail -n 1 "$log")
    check 'coverage' "$python" -m coverage combine --quiet
    rules='telemetryd/core/*,telemetryd/toml/*,telemetryd/describe/*,telemetryd/authoring/*'
    check 'coverage of the rules (100 %)' "$python" -m coverage report --include="$rules" --fail-under=100
    check 'coverage of the rest (90 %)' "$python" -m coverage report --omit="$rules" --fail-under=90
    printf '%s\n' "$summary"
}

case ${1-} in
lint) lint ;;
test)
    # Beside each other: each takes one processor.
    (log=$logs/least && check 'least versions' packaging/least.sh short) &
    least=$!
    # One test compares the names. What is compiled for it is what every process of the test runner needs.
    (log=$logs/names && check 'names of the tests' "$python" tests/support/collected.py) &
    names=$!
    lint
    wait $names
    wait $least
    tests
    ;;
coverage) coverage ;;
*)
    echo 'usage: packaging/check.sh lint|test|coverage' >&2
    exit 2
    ;;
esac
