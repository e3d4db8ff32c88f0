#!/usr/bin/env bash
# demo.sh - five hospitals with real blood pressures learn a population prior together: each a
# gemel-node process with an encrypted store of its own, one gemel-coordinator, ZeroMQ with
# CURVE between them. Then a trial without noise beside a published fit.
#
#     ./demo.sh                   installs what is missing, builds, runs; about a minute then
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
./build.sh gemel-node gemel-coordinator gemel-sim
bin=$PWD/build
data=$PWD/tests/data
models=$PWD/models
work=$(mktemp -d)
pids=()
finish() {
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
cd "$work"

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then bold=$'\e[1m' plain=$'\e[0m'; fi
step() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
node() { "$bin/gemel-node" "$@"; }
coordinator() { "$bin/gemel-coordinator" "$@"; }

free_port() { # one that nothing answers on
    local port=17443
    while (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
    echo "$port"
}

step "1. A consortium. The key that signs its roster is not the coordinator's."
key=$(coordinator roster key governance.key --quiet)
coordinator init --name demo --endpoint "tcp://127.0.0.1:$(free_port)" --governance "$key" \
    -C coordinator --quiet
sed -i 's/^retry_ms:.*/retry_ms: 200/; s/^round_seconds:.*/round_seconds: 600/' \
    coordinator/gemel-coordinator.yaml
coordinator invite -o demo.invite -C coordinator

step "2. Five hospitals with the routine blood pressures of 7,023 people (Olmsted County)."
hospitals=(H1 H2 H3 H4 H5)
for h in "${hospitals[@]}"; do
    awk -F, -v h="${h#H}" 'NR == FNR { if (FNR == 1) for (i = 1; i <= NF; i++) c[$i] = i
            else of[$1] = $c["H_UNBAL"]; next }
        FNR == 1 || of[$1] == h || of[$1] == "H" h' \
        "$data/nafld_bp/hospitals.csv" "$data/nafld_bp/data.csv" >"$h.csv"
    node init --name "$h" -C "$h" --quiet >/dev/null
    printf '%s  ' "$h"
    node import "$h.csv" --model "$models/blood_pressure.twin" -C "$h" | tail -n 1
    node enrol demo.invite -o "$h.request" -C "$h" --quiet
    coordinator site add "$h.request" -C coordinator --quiet >/dev/null
done

step "3. Their fingerprints are compared by telephone; the governance key signs the roster."
coordinator roster draft -o roster.draft -C coordinator --quiet
coordinator roster sign roster.draft --key governance.key -o roster.signed --quiet
coordinator roster install roster.signed -C coordinator --quiet >/dev/null

step "4. A study, with its price for every patient."
coordinator study create --name sbp --purpose "Level and slope of systolic pressure" \
    --model "$models/blood_pressure.twin" --epsilon 1 --delta 1e-6 --rounds 8 \
    -C coordinator --quiet >/dev/null
coordinator serve -C coordinator --until-finished --quiet 2>coordinator.log &
pids+=($!)
for h in "${hospitals[@]}"; do
    node study fetch -C "$h" --quiet >/dev/null
    node study approve sbp -C "$h" --quiet >"$h.terms"
done
cat H1.terms

step "5. Eight rounds. What leaves a hospital is one noised vector of integers a round."
for h in "${hospitals[@]}"; do
    node serve --once -C "$h" --quiet 2>"$h.log" &
    pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid"; done # a process that failed ends the demonstration
pids=()
coordinator study show sbp -C coordinator | grep '^round'

step "6. The prior they learned, and what each hospital's patients paid for it."
coordinator prior show sbp -C coordinator
for h in "${hospitals[@]}"; do
    printf '%s  ' "$h"
    node budget show -C "$h" | grep '^spent'
done

step "7. Beside it: the fit of all records on one machine, which no hospital would allow."
echo "(What noise and bounded contributions cost: the effects scatter by the noise, and spreads between"
echo "patients come out low where records have heavier tails than the model; see docs/statistics.md.)"
"$bin/gemel-sim" pooled --model "$models/blood_pressure.twin" \
    --data "$data/nafld_bp/data.csv" --quiet

step "8. WITHOUT NOISE, for trials only: theophylline in three hospitals equals its pooled fit."
"$bin/gemel-sim" federate --model "$models/theophylline.twin" \
    --data "$data/theoph/data.csv" --hospitals "$data/theoph/hospitals.csv" \
    --column H_EQUAL --noise-multiplier 0 --quiet
echo "published (nlmixr2, FOCEI): -2 log L 359.4037, ka 1.589, CL 2.749, V 31.80, add 0.6936"
echo
echo "Research use only; not a medical device."
