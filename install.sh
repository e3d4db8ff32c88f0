# shellcheck shell=sh disable=SC2034
# install.sh - what Gemel is built and run with, from Debian's packages alone; sourced by
# test.sh and demo.sh. Says what it is about to install; installs nothing that is there.

packages="gcc libc6-dev cmake ninja-build pkg-config
libsodium-dev libsqlcipher-dev libcyaml-dev libcsv-dev libjansson-dev
libzmq3-dev libprotobuf-c-dev protobuf-c-compiler
libopenblas-serial-dev liblapacke-dev libsundials-dev"

# install_packages PACKAGE... - the ones missing; as root, or through sudo.
install_packages() {
    missing=
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null |
            grep -qx installed || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    echo "installing:$missing"
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        as_root=sudo
        command -v sudo >/dev/null ||
            { echo "error: installing packages needs root or sudo" >&2; return 1; }
    fi
    $as_root apt-get update -qq || return 1
    # shellcheck disable=SC2086 # the words of $missing are package names
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
        --no-install-recommends $missing >/tmp/gemel-install.$$ 2>&1 ||
        { tail -20 /tmp/gemel-install.$$ >&2; return 1; }
    rm -f /tmp/gemel-install.$$
}

# build [CMAKE-OPTION...] - into build/; quiet unless it fails. Builds only what changed.
build() {
    echo "building"
    if ! { cmake --preset dev "$@" && cmake --build build; } >build.log 2>&1; then
        grep -nE "error|warning|FAILED" build.log | head -40 >&2
        echo "error: the build failed; build.log has all of it" >&2
        return 1
    fi
}
