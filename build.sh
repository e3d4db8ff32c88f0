#!/usr/bin/env bash
# build.sh - install the packages that are missing, then build into build/.
#
#     ./build.sh                  everything, tests included
#     ./build.sh TARGET...        only these, as gemel-sim
#
# demo.sh and test.sh begin with it. For Debian 12 and 13; where there is no dpkg, install what
# corresponds to the list below, and it only builds. When nothing is missing and nothing has
# changed it takes a fraction of a second and touches nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

packages=(
    gcc libc6-dev cmake ninja-build pkgconf
    libsodium-dev              # hashes, signatures, keys, noise
    libsqlcipher-dev           # the encrypted store
    libcyaml-dev               # configuration
    libcsv-dev                 # records
    libjansson-dev             # results as JSON
    libzmq3-dev                # the network
    libprotobuf-c-dev protobuf-compiler protobuf-c-compiler
    libsundials-dev            # CVODES, the reference solver
    liblapacke-dev libopenblas-serial-dev
    libpango1.0-dev fonts-dejavu-core # reports on paper
    libcmocka-dev poppler-utils spin  # tests
)

say() { printf '%s\n' "$*" >&2; }

missing_packages() {
    local installed
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${packages[@]}" 2>/dev/null |
        sed -n 's/^installed //p') || true
    printf '%s\n' "${packages[@]}" | grep -vxF -f <(printf '%s\n' "$installed") || true
}

install_packages() {
    command -v dpkg-query >/dev/null || return 0
    local missing as_root=() log
    mapfile -t missing < <(missing_packages)
    [ ${#missing[@]} -gt 0 ] || return 0
    say "These Debian packages are missing and will be installed (about a minute):"
    printf '%s ' "${missing[@]}" | fold -s -w 78 | sed 's/^/  /' >&2
    say ""
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null; then
            say "error: neither root nor sudo"
            say "hint: as root: apt-get install --no-install-recommends ${missing[*]}"
            exit 1
        fi
        as_root=(sudo)
    fi
    log=$(mktemp)
    apt() {
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq \
            -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" >>"$log" 2>&1
    }
    install() { apt install --no-install-recommends "${missing[@]}" -y; }
    # Package lists may be absent, or so old that what they name is gone from the server.
    if ! { apt-cache show "${missing[@]}" >/dev/null 2>&1 && install; }; then
        say "Updating the package lists first."
        apt update || true
        if ! install; then
            tail -20 "$log" >&2
            say "error: apt-get could not install them; its whole output is in $log"
            exit 1
        fi
    fi
    rm -f "$log"
}

# Ninja configures again by itself when CMakeLists.txt has changed.
configure() {
    [ ! -f build/build.ninja ] || return 0
    say "Configuring build/."
    local log
    log=$(mktemp)
    if ! cmake --preset dev >"$log" 2>&1; then
        cat "$log" >&2
        exit 1
    fi
    rm -f "$log"
}

# Minutes the first time: on a terminal ninja counts its steps, in one line.
compile() {
    local quiet=(-- --quiet)
    [ ! -t 1 ] || quiet=()
    cmake --build build --parallel "$(nproc)" ${1:+--target "$@"} "${quiet[@]}"
}

install_packages
configure
compile "$@"
