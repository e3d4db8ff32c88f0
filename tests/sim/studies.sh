#!/usr/bin/env bash
# studies.sh SOURCE BUILD [draws] - each model of the library in the study that its file proposes:
# are its twins calibrated, and do hospitals learn from it what the pooled records teach?
#
# Calibrated (gemel-sim calibration): over 200 virtual patients ranks are uniform at p > 0.001 and
# 85 to 95 % of the truths lie in the 90 % intervals. Of a right 90 % of 200 chance alone puts one
# parameter in 77 out of that, so a doubt is settled by 1,000 others. Where Laplace's
# posterior is not calibrated, the one that forecasts draw from must be; with `draws`, that of all.
set -euo pipefail
source_dir=$1
draws=${3-}
export PATH=$2:$PATH
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

# What is not there to be learned, and why.
declare -A unlearned=([diabetes/padova]="it makes patients; a day's glucose cannot tell its parameters")

try() {
    gemel-sim calibration "$@" >"$scratch/calibration" 2>&1
}

# Says by what, or nothing.
calibrated() {
    if [ -z "$draws" ] && { try --model "$1" --draws 0 ||
        try --model "$1" --draws 0 --patients 1000 --seed 2; }; then
        echo "calibrated"
    elif try --model "$1" || try --model "$1" --patients 1000 --seed 2; then
        echo "calibrated, by draws"
    fi
}

# The same prior, to the last digit, from three hospitals and from one.
federated() {
    local table=$scratch/people.csv
    gemel-sim cohort --model "$1" --patients 30 --out "$table" --quiet
    cut -d , -f 1 "$table" | tail -n +2 | sort -un |
        awk 'BEGIN { print "ID,HOSPITAL" } { print $1 ",H" NR % 3 }' >"$scratch/hospitals.csv"
    gemel-sim pooled --model "$1" --data "$table" --rounds 2 --json >"$scratch/pooled" 2>/dev/null &&
        gemel-sim federate --model "$1" --data "$table" --hospitals "$scratch/hospitals.csv" \
            --noise-multiplier 0 --rounds 2 --json >"$scratch/federated" 2>/dev/null &&
        [ "$(grep -v '"hospitals"' "$scratch/pooled")" = "$(grep -v '"hospitals"' "$scratch/federated")" ]
}

complain() {
    echo "error: $1: $2" >&2
    failed=1
}

while read -r name individual; do
    [ "$individual" -gt 0 ] || continue
    file=$source_dir/models/$name.twin
    begun=$(date +%s%N)
    if ! grep -q '^# Study: ' "$file"; then
        [ -n "${unlearned[$name]-}" ] || complain "$name" "the comment at its head has no study"
        continue
    fi
    verdict=$(calibrated "$name")
    if [ -z "$verdict" ]; then
        complain "$name" "is not calibrated"
        cat "$scratch/calibration" >&2
        continue
    fi
    federated "$name" || complain "$name" "hospitals do not learn what the pooled records teach"
    printf '%-38s %5d ms  %s\n' "$name" $((($(date +%s%N) - begun) / 1000000)) "$verdict"
done < <(gemel-node model list | awk 'NR > 1 { print $1, $3 }')
exit $failed
