#!/usr/bin/env bash
# load.sh - one secure sum of 200 numbers among 1,000 nodes, with two cores for all of them.
#
#     load.sh FOLDER              FOLDER holds the programs; ctest gives it, nightly
#
# On a quiet machine the round takes less than a minute (docs/performance.md). A shared one is
# given twice that, so that only a real loss of speed turns this red.
set -euo pipefail
result=$("$1"/gemel-sim run --nodes 1000 --json)
printf '%s\n' "$result"
field() { sed -n "s/^  \"$1\": \([^,]*\),*$/\1/p" <<<"$result"; }
[ "$(field survivors)" = 1000 ]
[ "$(field sum_exact)" = true ]
[ "$(field graph)" = '"sparse"' ]
awk "BEGIN { exit !($(field round_seconds) <= 120 && $(field coordinator_peak_mb) <= 512) }"
