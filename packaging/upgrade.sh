#!/bin/sh
# Installs the newest versions that pyproject.toml permits and writes them to packaging/constraints.txt.
set -eu
cd "$(dirname "$0")/.."
pip=".venv/bin/python -m pip --disable-pip-version-check"
$pip install --quiet --upgrade --upgrade-strategy eager --editable '.[fast]' --group test --group check
{
    sed -n '/^#/p' packaging/constraints.txt
    $pip freeze --exclude-editable | grep -v -E '^(pip|setuptools)=='
} >build.constraints
mv build.constraints packaging/constraints.txt
