#!/usr/bin/env bash
# reference.sh - gemel-sim pooled against the reference fits of other programs: -2 log L not more
# than 0.1 above theirs, within 8 rounds from a start off by a factor of two. Sets that may not be
# kept here are read from the data folder beside the project and skipped, saying so, without it.
#
#     reference.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
source_dir=$1 sim=$2/gemel-sim
failed=0

# fit MODEL TABLE REFERENCE FACTOR ROUNDS
fit() {
    if [ ! -f "$2" ]; then
        echo "skipped: no $2"
        return
    fi
    local out got rounds
    out=$("$sim" pooled --model "$source_dir/models/$1.twin" --data "$2" \
        --start-factor "$4" --rounds "$5" --json --quiet)
    got=$(sed -n 's/^  "minus2_log_likelihood": \(.*\),$/\1/p' <<<"$out")
    rounds=$(sed -n 's/^  "rounds": \(.*\),$/\1/p' <<<"$out")
    if awk -v got="$got" -v reference="$3" 'BEGIN { exit !(got <= reference + 0.1) }'; then
        echo "$1: -2 log L $got after $rounds rounds, reference $3"
    else
        echo "error: $1: -2 log L $got after $rounds rounds, reference $3"
        failed=1
    fi
}

kept=$source_dir/tests/data
beside=$source_dir/../shared/data
fit growth "$kept/oxboys/data.csv" 725.9677 2 8             # nlme, ML; linear, so exact
fit theophylline "$kept/theoph/data.csv" 359.4037 2 8       # nlmixr2, FOCEI
fit blood_pressure "$kept/nafld_bp/data.csv" 216901.1026 1 8 # nlme, ML, with the Jacobian
fit warfarin_nolag "$beside/warfarin/data.csv" 884.6446 2 8 # nlmixr2, FOCEI
fit two_compartment_infusion "$beside/pkbench/data_Infusion_2CPT_SD.csv" 23890.3378 1 8
exit "$failed"
