#!/bin/sh
# Writes packaging/constraints.txt: the newest versions that pyproject.toml permits, for Python 3.11 and later, with the hashes of all their
# files. Then installs them. uv finds the versions, because pip looks at one Python only.
set -eu
cd "$(dirname "$0")/.."
new=build/constraints.txt
mkdir -p build
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --constraint packaging/constraints.txt --group upgrade
{
    sed -n '/^#/p' packaging/constraints.txt
    .venv/bin/python -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --all-extras \
        --group build --group demo --group test --group test-opendp --group test-qt --group check --group mutants --group upgrade --group site pyproject.toml
} >"$new"
mv "$new" packaging/constraints.txt
packaging/bootstrap.sh test
