#!/usr/bin/env bash
# Make a clone ready to run and to test: the Debian packages of packaging/debian-packages.txt, then
# .venv from requirements/test.txt (hashes required) and sipedge itself, editable. Says nothing and
# returns at once when nothing has changed since the last time.
#   SIPEDGE_PACKAGES=skip   leave Debian's packages alone (the tests that need them will fail)
#   SIPEDGE_COMPILE=no      install the sources editable instead of compiled, to work on them
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly LOCK=requirements/test.txt
readonly PACKAGES=packaging/debian-packages.txt
readonly STAMP=.venv/.setup-stamp
readonly POLICY=/usr/sbin/policy-rc.d
readonly POLICY_MARK="# written by the set-up of sipedge, removed at its end"

work=$(mktemp -d)
log=$work/log
worker=
policy_written=
as_root=()

finish() {
    if [ -n "$worker" ]; then kill "$worker" 2>/dev/null || true; fi
    if [ -n "$policy_written" ]; then "${as_root[@]}" rm -f "$POLICY"; fi
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() { # a paragraph for a person, on standard error
    printf 'setup: %s\n' "$1" >&2
    if [ "$#" -gt 1 ]; then printf '       %s\n' "${@:2}" >&2; fi
    exit 1
}

# Run a command as one stage: one line when it is done, how far it is while it runs for over two
# seconds, the end of its output when it fails. Arguments: title, function that prints how far, command.
stage() {
    local title=$1 progress=$2 status=0 start=$SECONDS next_line=10 elapsed
    shift 2
    : >"$log"
    "$@" >"$log" 2>&1 </dev/null &
    worker=$!
    while kill -0 "$worker" 2>/dev/null; do
        sleep 0.1
        elapsed=$((SECONDS - start))
        if [ -t 1 ] && [ "$elapsed" -ge 2 ]; then
            printf '\r\033[K  ...  %s: %s, %d s' "$title" "$("$progress")" "$elapsed"
        elif [ "$elapsed" -ge "$next_line" ]; then
            printf '  ...  %s: %s, %d s\n' "$title" "$("$progress")" "$elapsed"
            next_line=$((next_line + 10))
        fi
    done
    wait "$worker" || status=$?
    worker=
    if [ -t 1 ]; then printf '\r\033[K'; fi
    if [ "$status" -ne 0 ]; then
        printf '  FAILED  %s\n' "$title"
        tail -n 25 "$log" | sed 's/^/    /' >&2
        fail "'$title' ended with status $status; what it printed last stands above."
    fi
    printf '  done %s (%d s)\n' "$title" "$((SECONDS - start))"
}

last_line() { # of the running command, cut to fit
    tail -n 1 "$log" | cut -c1-60 | tr -d '\r\n'
}

pip_progress() {
    local total
    total=$(grep -c '==' "$LOCK")
    if grep -q '^Installing collected' "$log"; then
        printf 'installing all %d' "$total"
    else
        printf '%d of %d fetched' "$(grep -cE '^(Collecting|Requirement already)' "$log" || true)" "$total"
    fi
}

find_python() { # the name of a Python from 3.11 up; python3.11 is what the tests of record run on
    local candidate
    for candidate in python3.11 python3 python3.12 python3.13; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail "sipedge needs Python 3.11 or later, and neither python3.11 nor python3 is one." \
        "On Debian 12: apt-get install python3"
}

has_python_headers() {
    [ -f "$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ]
}

missing_packages() { # names from the list that dpkg does not show as installed
    local name
    sed 's/#.*//' "$PACKAGES" | while read -r name; do
        if [ -z "$name" ]; then continue; fi
        if [ "$name" = python3-venv ] && "$python" -c 'import ensurepip, venv' 2>/dev/null; then
            continue
        fi
        if [ "$name" = python3-dev ] && has_python_headers; then continue; fi
        if ! dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed; then
            echo "$name"
        fi
    done
}

become_root() { # fills as_root, or explains what to do by hand
    if ! command -v apt-get >/dev/null; then
        fail "these packages are missing and this machine has no apt-get to install them: $*." \
            "Install what they hold by other means, then: SIPEDGE_PACKAGES=skip make setup" \
            "(sipedge runs without them; tests against real peers need them)."
    elif [ "$(id -u)" -eq 0 ]; then
        as_root=(env)
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        as_root=(sudo -n env)
    else
        fail "these Debian packages are missing, and only root may install them: $*." \
            "Either run once: sudo apt-get install --no-install-recommends $*" \
            "or leave them out: SIPEDGE_PACKAGES=skip make setup" \
            "(sipedge runs without them; tests against real peers need them)."
    fi
}

# Kamailio and Prometheus are wanted as programs. Debian would start them as services, on ports that
# the edge may want; a policy that says no (101) is Debian's way to prevent it.
forbid_services() {
    if grep -qsF "$POLICY_MARK" "$POLICY" || [ ! -e "$POLICY" ]; then
        policy_written=yes
        printf '#!/bin/sh\n%s\nexit 101\n' "$POLICY_MARK" | "${as_root[@]}" tee "$POLICY" >/dev/null
        "${as_root[@]}" chmod 755 "$POLICY"
    fi
}

disable_services() { # nor shall the next boot start what we have just installed
    local unit
    if ! command -v systemctl >/dev/null; then return; fi
    dpkg -L "$@" | sed -n 's,.*/systemd/system/\([^/]*\.service\)$,\1,p' | while read -r unit; do
        "${as_root[@]}" systemctl --quiet disable "$unit" 2>/dev/null || true
    done
}

install_packages() {
    local missing
    if [ "${SIPEDGE_PACKAGES:-}" = skip ]; then return; fi
    mapfile -t missing < <(missing_packages)
    if [ "${#missing[@]}" -eq 0 ]; then return; fi
    become_root "${missing[@]}"
    stage "Debian's list of packages" last_line "${as_root[@]}" apt-get -q update
    forbid_services
    stage "Debian packages: ${missing[*]}" last_line \
        "${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
        -o DPkg::Lock::Timeout=120 install "${missing[@]}"
    disable_services "${missing[@]}"
}

fingerprint() { # of all that the environment is made from, and where: scripts in it name its path
    {
        "$python" -VV
        pwd
        echo "$compile"
        cat "$LOCK" pyproject.toml setup.py scripts/setup.sh
        # An editable install follows its sources by itself; a compiled one is made of them.
        if [ "$compile" = yes ]; then find sipedge -name '*.py' -o -name '*.toml' | sort | xargs cat; fi
    } | sha256sum
}

usable_environment() { # not of an older Python, and not brought here from another folder
    .venv/bin/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null &&
        grep -qsF "$PWD/.venv" .venv/bin/pip
}

make_environment() {
    if ! usable_environment; then
        stage "virtual environment .venv ($("$python" -V))" last_line "$python" -m venv --clear .venv
    fi
    local pip=(.venv/bin/python -m pip install --disable-pip-version-check --no-input)
    stage "Python packages ($LOCK)" pip_progress "${pip[@]}" --require-hashes -r "$LOCK"
    install=("${pip[@]}" --no-deps --no-build-isolation --no-index)
    if [ "$compile" = yes ]; then
        stage "sipedge, its core compiled" last_line install_compiled
    else
        stage "sipedge, editable" last_line "${install[@]}" --editable .
    fi
}

# In the tree, so that only what changed is compiled again; without what is no longer there.
install_compiled() {
    rm -rf build/lib* build/wheel
    SIPEDGE_COMPILE=yes .venv/bin/python setup.py -q bdist_wheel --dist-dir build/wheel &&
        "${install[@]}" --force-reinstall build/wheel/sipedge-*.whl
}

can_compile() { # mypyc writes C
    command -v gcc >/dev/null && has_python_headers
}

python=$(find_python)
install_packages
compile=${SIPEDGE_COMPILE:-yes}
if [ "$compile" = yes ] && ! can_compile; then
    compile=no
    echo "  note  no C compiler or no Python.h: the core stays uncompiled, about 2.5 times slower"
fi
if [ ! -f "$STAMP" ] || [ "$(fingerprint)" != "$(cat "$STAMP")" ]; then
    make_environment
    fingerprint >"$STAMP"
fi
