#!/usr/bin/env bash
# fits.sh - models of the house, and three that are not in the library (tests/sim/reference), beside other
# programs' fits of real data: all of these are linear, so the optimum is one and -2 log L is exact. -2 log L
# within 0.001 of theirs, every number within 0.1 %; two tables of Bland and Altman, where the variances within
# cells are published.
# Sets that may not be kept here are read from the data folder beside the project and skipped without it.
#
#     fits.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
source_dir=$1 kept=$1/tests/data beside=$1/../shared/data sim=$2/gemel-sim
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

# sorted KEYS...: header first, the rest by sort's keys
sorted() { (IFS= read -r header && echo "$header" && sort -t, "$@"); }

# fit NAME TWIN -2LL "NUMBERS": typical values and spreads, effects, residuals, in the order of the JSON;
# -2LL "-" where none is published
fit() {
    local name=$1 table=$scratch/$1.csv json=$scratch/$1.json got numbers
    "$sim" pooled --model "$source_dir/$2.twin" --data "$table" --json --quiet >"$json"
    got=$(sed -n 's/^  "minus2_log_likelihood": \(.*\),$/\1/p' "$json")
    numbers=$(sed -n 's/.*"\(typical\|between_sd\|effect\|additive\)": \([-0-9.e]*\),*$/\2/p' "$json" | tr '\n' ' ')
    printf '%-16s %11s %14.4f   %s\n' "$name" "$3" "$got" "$numbers"
    if ! awk -v got="$got" -v want="$3" -v a="$numbers" -v b="$4" 'BEGIN {
            bad = want != "-" && (got - want > 0.001 || want - got > 0.001)
            n = split(a, ours, " "); m = split(b, theirs, " ")
            if (n != m) bad = 1
            for (i = 1; i <= m; i++) if (theirs[i] != "-") {
                d = ours[i] / theirs[i] - 1; if (d < 0) d = -d
                if (d > 0.001) bad = 1 }
            exit bad }'; then
        echo "error: $name: expected $3 and $4"
        failed=1
    fi
}

# beside NAME FILE: is it there?
beside() {
    [ -f "$beside/$2" ] && return
    echo "skipped: $1, no $beside/$2"
    return 1
}

# lme4: FEV1 by centre, the rhDNase trial (the difference of arms is a tenth of its error, and not compared)
cp "$kept/rhdnase/data.csv" "$scratch/cystic_fibrosis.csv"
fit cystic_fibrosis models/lungs/cystic_fibrosis 6032.2768 "60.76 8.2772 - - 24.745"

# lme4: score after by provider; the slope is of 8 points
if beside oks oks_proms/data.csv; then
    awk -F, 'NR == 1 { print "ID,TIME,PRE,DV" }
        NR > 1 && $12 != "." && $13 != "." { print $2 "," ++n[$2] "," $12 "," $13 }' \
        "$beside/oks_proms/data.csv" | sorted -k1,1 -k2,2n >"$scratch/oks.csv"
    fit oks models/joints/oks_by_provider 65019.9497 "36.069 1.4338 0.473838 - 8.8468"
fi
# lme4: pain by treatment, intercept and slope
if beside pain knee/data.csv; then
    awk -F, 'NR == 1 { print "ID,TIME,DV,TRT"; next } { print $1 "," $2 "," $3 "," $6 }' \
        "$beside/knee/data.csv" >"$scratch/pain.csv"
    fit pain models/joints/knee_pain 968.8945 "3.3404 1.2982 -0.058566 0.073114 -0.055158 -0.051617 0.32005"
fi
# lme4, of thousands of steps: -2 log L is 863 x 2 ln 1000 more
if beside steps fitbit/daily_activity.csv; then
    awk -F, 'NR == 1 { print "ID,TIME,DV" } NR > 1 && $3 > 0 { print $1 "," $2 "," $3 }' \
        "$beside/fitbit/daily_activity.csv" >"$scratch/steps.csv"
    fit steps models/prevention/steps 16669.4123 "7963.2 3171.1 3572.9"
fi
# lme4; two harmonics of log glucose: -2 log L is 2 sum log DV more
if beside cgm cgm_t2d5/data.csv; then
    awk -F, 'NR == 1 { print "ID,TIME,DV" } NR > 1 {
            if (!($1 in first)) { split($3, clock, ":"); first[$1] = 60 * clock[1] + clock[2] + clock[3] / 60 - $2 }
            printf "%s,%.6f,%s\n", $1, $2 + first[$1], $4 }' "$beside/cgm_t2d5/data.csv" >"$scratch/cgm.csv"
    fit cgm tests/sim/reference/cosinor 139533.7123 \
        "5.020817 0.1992181 0.04004049 0.07315296 -0.04511134 0.0651138 -0.008547141 - -0.03898801 - 0.2468667"
fi
# maximum likelihood by a person's random level in closed form, profiled over the ratio of its variance to the
# error's (worked out once for these): -2 log L, then numbers
if beside tolerance device_agreement/ogtt_glucose.csv; then
    awk -F, 'NR == 1 { print "ID,TIME,DV" } $3 == "n.plas2" { print $1 "," $5 "," $6 }' \
        "$beside/device_agreement/ogtt_glucose.csv" | sorted -k1,1n -k2,2n >"$scratch/tolerance.csv"
    fit tolerance tests/sim/reference/tolerance 1054.4229 \
        "5.880512 0.1512723 1.632447 - 1.722214 - 1.382402 - 0.1434899"
fi
if beside diary fitbit/weight.csv; then
    awk -F, 'NR == 1 { print "ID,TIME,DV" } NR > 1 { print $1 "," $2 + 730470 "," $3 }' \
        "$beside/fitbit/weight.csv" | sorted -k1,1n -k2,2n >"$scratch/diary.csv"
    fit diary tests/sim/reference/diary 144.4322 "74.57974 0.2803166 -9.690218e-4 - 5.857019e-3"
fi
# lme4: three readings of 10,622 adults
if beside cuff nhanes_bp/data.csv; then
    awk -F, 'NR == 1 { print "ID,TIME,AGE,MALE,DV" }
        NR > 1 { for (k = 1; k <= 3; k++) print $1 "," k "," $5 "," $6 "," $(7 + 2 * k) }' \
        "$beside/nhanes_bp/data.csv" >"$scratch/cuff.csv"
    fit cuff models/prevention/cuff 221662.4862 "121.59 15.673 4.4731 - 0.26382 - 4.0365 - -1.084 - -1.8706 - 4.1876"
fi
# Bland and Altman 1999: 37.4 and 83.1 mm[Hg]^2 within people, 1986: 15.3 and 19.9 L/min
if beside devices device_agreement/sbp.csv; then
    awk -F, 'BEGIN { name["J"] = "observer"; name["S"] = "machine" } NR == 1 { print "ID,TIME,DVID,DV" }
        NR > 1 && $2 in name { print $1 "," $3 "," name[$2] "," $4 }' \
        "$beside/device_agreement/sbp.csv" | sorted -k1,1n -k2,2n >"$scratch/devices.csv"
    fit devices models/prevention/cuff_devices - "- - - - 6.1162 9.1182"
fi
if beside meters device_agreement/pefr.csv; then
    awk -F, 'BEGIN { name["Wright"] = "wright"; name["Mini"] = "mini" } NR == 1 { print "ID,TIME,DVID,DV" }
        NR > 1 { print $1 "," $3 "," name[$2] "," $4 }' \
        "$beside/device_agreement/pefr.csv" | sorted -k1,1n -k2,2n >"$scratch/meters.csv"
    fit meters models/lungs/peak_flow_meters - "- - - - 15.307 19.911"
fi
# least squares on the logarithm of 300 stays, worked out here: effects of age (per 40 years, held at
# 20 and 100) and death; the sd of what is left holds the fixed error of 1 %
if beside stays los_nhs/data.csv; then
    awk -F, 'NR == 1 { print "ID,TIME,DV,AGE,DIED"; next } { print $1 ",0," $4 "," $3 "," $5 }' \
        "$beside/los_nhs/data.csv" >"$scratch/stays.csv"
    read -r likelihood numbers < <(awk -F, 'NR > 1 {
            x[1] = 1; x[2] = ($4 - 60) / 40; x[3] = $5; y = log($3); n++; logs += y; yy += y * y
            if (x[2] < -1) x[2] = -1; if (x[2] > 1) x[2] = 1
            for (i = 1; i <= 3; i++) { v[i] += x[i] * y; for (j = 1; j <= 3; j++) m[i, j] += x[i] * x[j] } }
        END {
            for (i = 1; i <= 3; i++) b[i] = v[i]
            for (i = 1; i <= 3; i++) for (k = 1; k <= 3; k++) if (k != i) {
                f = m[k, i] / m[i, i]; b[k] -= f * b[i]; for (j = 1; j <= 3; j++) m[k, j] -= f * m[i, j] }
            for (i = 1; i <= 3; i++) { b[i] /= m[i, i]; yy -= b[i] * v[i] }
            printf "%.6f %.6f %.6f %.6f %.6f\n", n * log(2 * atan2(0, -1) * yy / n) + n + 2 * logs,
                exp(b[1]), sqrt(yy / n - 1e-4), b[2], b[3] }' "$scratch/stays.csv")
    fit stays models/hospital/length_of_stay "$likelihood" "$numbers -"
fi
exit "$failed"
