#!/usr/bin/env bash
# Renew requirements/run.txt and requirements/test.txt from pyproject.toml: exact versions and the
# hash of every file pip may pick, on every platform, and no address to fetch them from.
# Without arguments only what the bounds demand is changed; --upgrade takes the newest of everything.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check uv

# What builds the project is locked with what it runs on: an install then never builds in isolation,
# where pip would fetch setuptools unhashed.
python3 - > "$work/build.in" <<'PYTHON'
import pathlib
import tomllib

project = tomllib.loads(pathlib.Path("pyproject.toml").read_text(encoding="utf-8"))
print(*project["build-system"]["requires"], sep="\n")
PYTHON

compile() { # output, then further arguments for uv
    local output=$1
    shift
    "$work/venv/bin/uv" pip compile pyproject.toml "$work/build.in" --universal \
        --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links --output-file "$output" --quiet "$@"
    if grep --quiet '://' "$output"; then
        echo "lock: $output names an address; nothing may be committed with it" >&2
        exit 1
    fi
    echo "lock: $output holds $(grep --count '==' "$output") packages"
}

compile requirements/run.txt "$@"
compile requirements/test.txt --extra test --constraints requirements/run.txt "$@"
