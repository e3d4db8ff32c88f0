#!/usr/bin/env bash
# test.sh - install what is missing, build, run the tests. Ends in ctest's own summary.
#
#     ./test.sh                   what every change must pass, in minutes
#     ./test.sh --nightly         the long ones as well
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

case "${1-}" in
"") choice=(--label-exclude nightly) ;;
--nightly) choice=() ;;
*)
    echo "usage: ./test.sh [--nightly]" >&2
    exit 2
    ;;
esac
./build.sh
# One more than two processors: some tests mostly wait, for deadlines and slots.
exec ctest --test-dir build --parallel 3 --output-on-failure "${choice[@]}"
