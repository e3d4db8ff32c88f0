#!/bin/sh
# test.sh - install what is missing, build, run every test. --nightly: the longer ones too.
set -eu
cd "$(dirname "$0")"
. ./install.sh

nightly=OFF
case "${1:-}" in
"") ;;
--nightly) nightly=ON ;;
*) echo "usage: ./test.sh [--nightly]" >&2; exit 2 ;;
esac

# shellcheck disable=SC2086,SC2154 # $packages is a list, from install.sh
install_packages $packages libcmocka-dev python3 python3-nacl
build -DNIGHTLY=$nightly
ctest --test-dir build --output-on-failure -j "$(nproc)"
