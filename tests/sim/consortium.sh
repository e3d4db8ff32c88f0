#!/usr/bin/env bash
# consortium.sh - five hospitals and a coordinator as real processes: one study in peace, one
# under kill -9, one on a hostile network, and what they must refuse.
#
#     consortium.sh FOLDER             FOLDER holds the programs; ctest gives it
#     consortium.sh FOLDER ROUNDS      and a study of so many rounds in bad weather, nightly
#
# node/ and coordinator/ never link each other, so that only processes can show them together.
# People and pressures are made up, by a fixed seed; the noise is real and differs each time, so
# nothing here depends on what was learned, only on everybody having learned the same.
set -Eeuo pipefail
export LC_ALL=C OPENBLAS_NUM_THREADS=1
PATH=$(cd "$1" && pwd):$(cd "$1" && pwd)/tests:$PATH
model=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/models/prevention/blood_pressure.twin
work=$(mktemp -d)
declare -A pid=()
trap 'kill -9 "${pid[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT
trap 'echo "FAILED: line $LINENO: $BASH_COMMAND" >&2; tail -n 5 ./*.log >&2' ERR
cd "$work"

hospitals=(A B C D F)
people=400
failed=0

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    failed=1
}
same() { # WHAT GOT EXPECTED
    [ "$2" = "$3" ] || fail "$1: $2, expected $3"
}
# A condition of awk's, on numbers as the programs print them.
holds() { # WHAT CONDITION
    awk "BEGIN { exit !($2) }" || fail "$1: $2"
}
# The command must end with this exit code and say this on stderr.
refuses() { # CODE PATTERN COMMAND...
    local code=$1 pattern=$2 got=0
    shift 2
    "$@" >refused.out 2>refused.err || got=$?
    same "exit code of $*" "$got" "$code"
    grep -qE -- "$pattern" refused.err || fail "$*: \"$(cat refused.err)\" lacks $pattern"
}
# The first value of a name in a JSON object on stdin.
value() { # NAME
    tr -d '\n' | sed -E "s/.*\"$1\": *(\"[^\"]*\"|[^,} ]*).*/\\1/"
}
budget() { # HOSPITAL NAME
    gemel-node budget show -C "$1" --json | value "$2"
}
patients() { # HOSPITAL
    gemel-node status -C "$1" --json | value patients
}
set_up() { # FOLDER NAME VALUE
    sed -i "s/^$2:.*/$2: $3/" "$1"/*.yaml
    grep -q "^$2: $3" "$1"/*.yaml || fail "no setting $2 in $1"
}

# --- who runs ----------------------------------------------------------------------------------

start() { # A HOSPITAL, OR coordinator
    if [ "$1" = coordinator ]; then
        gemel-coordinator serve -C coordinator --quiet 2>>coordinator.log &
    else
        gemel-node serve --once -C "$1" --quiet 2>>"$1.log" &
    fi
    pid[$1]=$!
}
# The process that has the coordinator's sockets, by what its log says last.
porter() {
    sed -n 's/.* porter\.start pid=\([0-9]*\) .*/\1/p' coordinator.log | tail -n 1
}
running() {
    [ -n "${pid[$1]-}" ] && kill -0 "${pid[$1]}" 2>/dev/null
}
# Whoever does not end by itself in a minute hangs.
wait_for() { # WHO
    local left=600 code=0
    while running "$1" && [ $left -gt 0 ]; do
        sleep 0.1
        left=$((left - 1))
    done
    [ $left -gt 0 ] || { fail "$1 does not end"; kill -9 "${pid[$1]}"; }
    wait "${pid[$1]}" || code=$?
    unset "pid[$1]"
    same "exit code of $1" "$code" 0
    [ $code = 0 ] || tail -n 30 "$1.log" >&2
}
stop() { # WHO; as a service manager does, once it is up
    for _ in {1..200}; do
        ! grep -q "serve.start pid=${pid[$1]}\b" "$1.log" || break
        sleep 0.05
    done
    kill "${pid[$1]}"
    wait_for "$1"
}
offer() { # STUDY ROUNDS BUDGET-RATIO
    gemel-coordinator study create --name "$1" --purpose "Level and slope" --model "$model" \
        --epsilon 1 --delta 1e-6 --rounds "$2" --budget-ratio "$3" -C coordinator --quiet >/dev/null
    start coordinator
    for h in "${hospitals[@]}"; do
        patiently gemel-node study fetch -C "$h" --quiet >/dev/null
    done
}
tries=1
patiently() { # COMMAND...
    local left
    for ((left = tries; left > 1; left--)); do
        ! "$@" 2>/dev/null || return 0
    done
    "$@"
}
free_port() { # FROM: tests of other builds may run beside this one
    local at=$1
    while (: <"/dev/tcp/127.0.0.1/$at") 2>/dev/null; do at=$((at + 1)); done
    echo "$at"
}

# --- a consortium ------------------------------------------------------------------------------

join() { # HOSPITAL
    gemel-node init --name "$1" -C "$1" --quiet >/dev/null
    set_up "$1" answer_seconds 4
    set_up "$1" slot_seconds 1
    gemel-node enrol demo.invite -o "$1.request" -C "$1" --quiet
}
# Two officers for all hospitals; the policy of each is its own.
officers=()
for who in officer deputy; do
    officers+=(--officer "$(gemel-node policy key $who.key --quiet)")
done
draft() { # HOSPITAL EPSILON OPTION...: a policy, the next version where there is one
    local from=()
    [ ! -e "$1.policy" ] || from=(--from "$1.policy")
    rm -f "$1.draft" # of a deputy alone, say, which did not do
    gemel-node policy new "${from[@]}" --hospital "$1" "${officers[@]}" --set epsilon_max="$2" \
        --set period_epsilon_max="$2" --set noise_multiplier_min=1 "${@:3}" -o "$1.draft" --quiet
}
sign() { # HOSPITAL WHO...
    for who in "${@:2}"; do gemel-node policy sign "$1.draft" --key "$who.key" --quiet >/dev/null; done
}
install() { # HOSPITAL
    gemel-node policy install "$1.draft" -C "$1" --quiet >/dev/null
    mv "$1.draft" "$1.policy"
}
# The officer approves the study under EPSILON altogether, the hospital takes part.
permit() { # HOSPITAL STUDY EPSILON
    gemel-node study entry "$2" --legal-basis "Consent" -o "$1.entry" -C "$1" --quiet
    draft "$1" "$3" --study "$1.entry"
    sign "$1" officer deputy
    install "$1"
}
# Logarithms on a line of their own for everybody; the first hospital's are canaries.
made_up() { # HOSPITAL
    awk -v h="$1" -v people="$people" 'BEGIN {
        srand(index("ABCDEF", h))
        print "ID,TIME,SBP,AGE,MALE"
        for (p = 1; p <= people; p++) {
            age = 40 + int(40 * rand()); male = int(2 * rand())
            level = 4.9 + 0.2 * (rand() - 0.5) + 0.004 * (age - 60)
            slope = 0.05 + 0.2 * (rand() - 0.5)
            for (t = -3; t <= 3; t += 2)
                printf "%s%d%s,%d,%.0f,%s,%d\n", h == "A" ? "canary" : h, p, h == "A" ? "Qx7" : "",
                    t, exp(level + slope * t / 10 + 0.3 * (rand() - 0.5)),
                    h == "A" && p % 9 == 0 ? "61.803398875" : age, male
        } }'
}

# Everybody begins to look elsewhere.
port=$(free_port $((20000 + $$ % 12000)))
key=$(gemel-coordinator roster key governance.key --quiet)
gemel-coordinator init --name demo --endpoint "tcp://127.0.0.1:$port" --governance "$key" \
    -C coordinator --quiet >/dev/null
set_up coordinator retry_ms 200
set_up coordinator round_seconds 600
gemel-coordinator invite -o demo.invite -C coordinator --quiet
for h in "${hospitals[@]}"; do
    join "$h"
    made_up "$h" >"$h.csv"
    gemel-node import "$h.csv" --model "$model" -C "$h" --quiet >/dev/null
    same "patients of $h" "$(patients "$h")" "$people"
    gemel-coordinator site add "$h.request" -C coordinator --quiet >/dev/null
done
gemel-coordinator roster draft -o roster.draft -C coordinator --quiet >/dev/null
gemel-coordinator roster sign roster.draft --key governance.key -o roster.signed --quiet
gemel-coordinator roster install roster.signed -C coordinator --quiet >/dev/null

# --- what is refused before anything runs ------------------------------------------------------

cp A.csv bad.csv
echo "canary1Qx7,later,120,50,1" >>bad.csv
refuses 1 'bad.csv' gemel-node import bad.csv --model "$model" -C A
same "patients after a bad file" "$(patients A)" "$people"
same "lines of bad.csv.rejects" "$(wc -l <bad.csv.rejects)" 2
grep -q "^$((4 * people + 2)),TIME," bad.csv.rejects || fail "the reject: $(cat bad.csv.rejects)"
if grep -qr later bad.csv.rejects refused.err; then fail "a refusal shows a value"; fi
gemel-node import A.csv --model "$model" -C A --quiet --json >again.json
same "rows new of a file imported before" "$(value rows_new <again.json)" 0

mkdir empty
refuses 10 . gemel-node status -C empty
refuses 10 . gemel-coordinator status -C empty
cp -r A copy
chmod u+w copy/store.key
cp B/store.key copy/store.key
refuses 12 . gemel-node budget show -C copy
sed '/^trend/s/time/tume/' "$model" >broken.twin
refuses 1 'broken\.twin:[0-9]+:[0-9]+: ' \
    gemel-node import A.csv --model broken.twin -C A
line=$(grep -n '^trend' broken.twin | cut -d: -f1)
column=$(sed -n "${line}p" broken.twin | awk '{ print index($0, "tume") }')
refuses 1 "broken\\.twin:$line:$column: " gemel-node calibrate --model broken.twin -C A

# tests/golden/calibration_sigma.csv: epsilon 1, delta 1e-6, one round.
planned=$(gemel-node budget plan --epsilon 1 --delta 1e-6 --rounds 1 --json)
z=$(value noise_multiplier <<<"$planned")
holds "noise multiplier" "$z > 4.2246788 && $z < 4.2246790"
planned=$(gemel-node budget plan --noise-multiplier 4.22467888932684 --json)
epsilon=$(value epsilon <<<"$planned")
holds "epsilon of it" "$epsilon > 0.99999999 && $epsilon < 1.00000001"

# --- a study in peace --------------------------------------------------------------------------

offer peace 3 0.6
refuses 5 'no policy' gemel-node study approve peace -C A
draft A 2
sign A officer
refuses 5 '2 officers must sign' gemel-node policy install A.draft -C A
sign A deputy
install A
refuses 5 'approves no study called peace' gemel-node study approve peace -C A
permit A peace 0.5
line=$(grep -n '^epsilon_max' A.policy | cut -d: -f1)
refuses 5 "policy line $line: epsilon at most 0.5" gemel-node study approve peace -C A
same "state after a refusal" "$(gemel-node study show peace -C A --json | value state)" '"offered"'
draft A 2
sign A officer
refuses 5 '2 officers must sign' gemel-node policy install A.draft -C A
for h in "${hospitals[@]}"; do
    permit "$h" peace 2
    gemel-node study approve peace --send -C "$h" --quiet >/dev/null
done
refuses 11 . gemel-coordinator study list -C coordinator

# A hospital that the roster does not have.
join E
refuses 7 . gemel-node study fetch -C E

for h in "${hospitals[@]}"; do start "$h"; done
for h in "${hospitals[@]}"; do wait_for "$h"; done
stop coordinator

# Everybody is at the end, paid once a round and no more, and holds the coordinator's prior. What a
# hospital holds is seen through twins of two people measured once, at the centre of the covariates:
# there the model is linear, level = m + w (y - m) and slope = n + v (y - m) with y = log SBP, and two
# of them give m and n, whatever was learned about the spreads.
learned() { # STUDY ROUNDS FEWEST-HOSPITALS
    local json expected held first='' h
    gemel-coordinator study show "$1" -C coordinator >shown
    same "rounds of $1" "$(grep -c '^round' shown)" "$2"
    same "rounds of $1 with at least $3 hospitals" \
        "$(grep -c "^round.* hospitals [$3-${#hospitals[@]}], " shown)" "$2"
    grep -q "^study .*(finished)" shown || fail "$1 is not finished"
    json=$(gemel-coordinator prior show "$1" -C coordinator --json)
    same "round of $1's prior" "$(value round <<<"$json")" "$2"
    expected=$(grep '"typical"' <<<"$json" | tr -dc '0-9.eE+\n-')
    for h in "${hospitals[@]}"; do
        json=$(gemel-node study show "$1" -C "$h" --json)
        same "rounds of $1 that $h has" "$(value rounds_published <<<"$json")" "$2"
        held=$(gemel-node calibrate --study "$1" --patient low --patient high -C "$h" --json |
            sed -n '/"parameters"/,/}/p' | grep -E '"(level|slope)"' | sed 's/.*: //; s/,//')
        first=${first:-$held}
        same "what $h holds of $1, beside ${hospitals[0]}" "$held" "$first"
        printf '%s\n' "$held" "$expected" | awk '
            { x[NR] = $1 }
            END {
                if (NR != 6) exit 1
                y = log(100); z = log(200)
                w = (x[3] - x[1]) / (z - y); v = (x[4] - x[2]) / (z - y)
                m = (x[1] - w * y) / (1 - w); n = x[2] - v * (y - m)
                exit !((m - x[5]) ^ 2 < 1e-12 && (n - x[6]) ^ 2 < 1e-12 && w > 0.01)
            }' || fail "$h's prior of $1 is not the coordinator's: $held, $expected"
    done
}
printf 'ID,TIME,SBP,AGE,MALE\nlow,0,100,60,0\nhigh,0,200,60,0\n' >probes.csv
for h in "${hospitals[@]}"; do
    gemel-node import probes.csv --model "$model" -C "$h" --quiet >/dev/null
    spent=$(budget "$h" epsilon_spent_most)
    holds "epsilon that $h's patients spent" "$spent > 0.999 && $spent <= 1"
done
learned peace 3 5
for h in "${hospitals[@]}"; do same "releases of $h" "$(budget "$h" releases)" 3; done

# --- the coordinator moves ----------------------------------------------------------------------

# A roster names its next address while it is still at this one. Nodes look for it at the one and the
# other, by the roster and by their invitation, until it has moved, in the first round below.
moved=$(free_port $((port + 100)))
set_up coordinator endpoint "\"tcp:\/\/127.0.0.1:$moved\""
set_up coordinator listen "\"tcp:\/\/127.0.0.1:$port\""
gemel-coordinator roster draft -o moved.draft -C coordinator --quiet >/dev/null
gemel-coordinator roster sign moved.draft --key governance.key -o moved.signed --quiet
gemel-coordinator roster install moved.signed -C coordinator --quiet >/dev/null

# --- a study under kill -9 ---------------------------------------------------------------------

# Whoever is killed has lost its part in an attempt, and an attempt that loses two of five opens
# anew, with another charge.
offer storm 8 0.6
for h in "${hospitals[@]}"; do
    permit "$h" storm 20
    gemel-node study approve storm --send -C "$h" --quiet >/dev/null
done
start A
for _ in {1..200}; do
    [ ! -e A/status.json ] || break
    sleep 0.05
done
refuses 11 . gemel-node import A.csv --model "$model" -C A
gemel-node status -C A --quiet >/dev/null || [ $? = 8 ] || fail "no status beside a daemon"
same "studies told by the daemon" "$(gemel-node study list -C A --json | grep -c '"name": "storm"')" 1
refuses 4 'no patient' gemel-node patients consent nobody --state withdrawn --reason patient -C A
for h in B C D F; do start "$h"; done
found_at() { grep -q "coordinator.address endpoint=tcp://127.0.0.1:$1" "$2.log"; }
for h in "${hospitals[@]}"; do # before the address moves; a slow machine takes its time to start five
    for _ in {1..400}; do
        ! found_at "$port" "$h" || break
        sleep 0.05
    done
done

kills=0
porters=0
strike() { # AFTER WHO
    sleep "$1"
    # Whoever has all rounds has ended; when all have, there is nothing left to disturb.
    running A || running B || running C || running D || running F || return 0
    if [ "$2" = porter ]; then # the coordinator starts another
        kill -9 "$(porter)" 2>/dev/null || return 0
        porters=$((porters + 1))
        return 0
    fi
    running "$2" || return 0
    kill -9 "${pid[$2]}" 2>/dev/null || return 0
    wait "${pid[$2]}" 2>/dev/null || true
    kills=$((kills + 1))
    start "$2"
}
# A line can be lost with the coordinator that would have written it; the next one will do.
until_opened() { # ROUND
    for _ in {1..300}; do
        ! grep -qE "name=storm .*round [$1-8] " coordinator.log || return 0
        sleep 0.01
    done
}
after=(0 .01 .02 .03 .05 .08 .13 .2)
for round in {1..8}; do
    until_opened "$round"
    strike "${after[round - 1]}" "${hospitals[round % 5]}"
    strike "${after[(7 * round) % 8]}" porter
    [ "$round" != 1 ] || set_up coordinator listen "\"tcp:\/\/127.0.0.1:$moved\""
    strike "${after[(3 * round) % 8]}" coordinator
    strike "${after[(2 * round) % 8]}" porter
    strike "${after[(5 * round) % 8]}" "${hospitals[(round + 1) % 5]}"
done
for h in "${hospitals[@]}"; do wait_for "$h"; done
stop coordinator
learned storm 8 4
[ $kills -ge 8 ] || fail "only $kills processes were killed before all rounds were done"
[ $porters -ge 8 ] || fail "only $porters porters were killed before all rounds were done"
if grep -iE 'ledger|ERR_STORAGE' ./*.log; then fail "a ledger or a store complains"; fi
# Nobody paid for more than was entered, and nobody's input is in a sum unpaid: of eight rounds
# with five hospitals at most one is missing each time.
paid=0
for h in "${hospitals[@]}"; do paid=$((paid + $(budget "$h" releases) - 3)); done
summed=$(sed -n 's/^round.* hospitals \([0-9]*\), .*/\1/p' shown | awk '{ sum += $1 } END { print sum + 0 }')
entered=$(cat ./*.log | grep -c 'attempt.enter')
[ $paid -ge "$summed" ] || fail "$summed inputs were summed, $paid were paid for"
[ $paid -le "$entered" ] || fail "$paid were paid for, $entered entered"

# Whoever looked at the next address first has found it at the one before, or there had been no
# round. A hospital that slept hears of the address by an invitation.
gemel-coordinator invite -o moved.invite -C coordinator --quiet
for h in "${hospitals[@]}"; do
    found_at "$port" "$h" || fail "$h was not at the coordinator's address before the move"
    gemel-node enrol moved.invite -C "$h" --quiet
done
port=$moved

# --- many rounds in bad weather ----------------------------------------------------------------

# Every tenth of a second, of which a round has some thirty, there is a chance of one in forty that somebody, the coordinator
# included, is killed and started again, or stands still for up to three seconds.
weather() { # ROUNDS
    local mishaps=0 who everybody=("${hospitals[@]}" coordinator) begun=$SECONDS
    offer weather "$1" 1
    for h in "${hospitals[@]}"; do
        permit "$h" weather 20
        gemel-node study approve weather --send -C "$h" --quiet >/dev/null
    done
    for h in "${hospitals[@]}"; do start "$h"; done
    RANDOM=1
    while running A || running B || running C || running D || running F; do
        [ $((SECONDS - begun)) -lt $((60 + 20 * $1)) ] || { fail "rounds are stuck"; break; }
        sleep 0.1
        [ $((RANDOM % 40)) = 0 ] || continue
        who=${everybody[RANDOM % ${#everybody[@]}]}
        running "$who" || continue
        mishaps=$((mishaps + 1))
        if [ $((RANDOM % 2)) = 0 ]; then
            kill -9 "${pid[$who]}"
            wait "${pid[$who]}" 2>/dev/null || true
            start "$who"
        else
            kill -STOP "${pid[$who]}"
            sleep "$((RANDOM % 3)).5"
            kill -CONT "${pid[$who]}"
        fi
    done
    for h in "${hospitals[@]}"; do wait_for "$h"; done
    stop coordinator
    learned weather "$1" 4
    # A ledger that did not add up would not open.
    for h in "${hospitals[@]}"; do holds "releases of $h" "$(budget "$h" releases) >= $1 / 2"; done
    [ $mishaps -gt $(($1 / 20)) ] || fail "only $mishaps mishaps in $1 rounds"
    echo "$1 rounds with $mishaps mishaps in $((SECONDS - begun)) s"
}
[ -z "${2-}" ] || weather "$2"

# --- a study on a hostile network --------------------------------------------------------------

# No connection of a hospital lasts for 64 KiB, most for much less; strangers hold 500 more; and
# somebody has F's keys and sends messages without end with them: libzmq ends the connection or
# the porter, which has a limit of memory, and members are served all the same.
limit_mb=64
offences() {
    hostile proxy "$port" "$inner" >proxy.log 2>&1 &
    pid[proxy]=$!
    hostile strangers "$inner" 500 2>/dev/null &
    pid[strangers]=$!
    hostile flood "$inner" stolen 2>>flood.log &
    pid[flood]=$!
    peaks >peaks.log &
    pid[peaks]=$!
}
# The memory of whichever porter there is, in KiB, ten times a second: it may end between any two.
peaks() {
    while sleep 0.1; do
        sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$(porter)/status" 2>/dev/null || true
    done
}
inner=$(free_port $((port + 1)))
cp -r F stolen
set_up coordinator listen "\"tcp:\/\/127.0.0.1:$inner\""
set_up coordinator porter_memory_mb $limit_mb
ended=$(grep -c porter.end coordinator.log || true)
tries=10
offences
offer siege 4 0.6
for h in "${hospitals[@]}"; do
    permit "$h" siege 20
    gemel-node study approve siege --send -C "$h" --quiet >/dev/null
    start "$h"
done
for h in "${hospitals[@]}"; do wait_for "$h"; done
running coordinator || fail "the coordinator ended under siege"
memory=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/${pid[coordinator]}/status")
# AddressSanitizer keeps what was freed, and knows no limit of memory.
sanitized=$(grep -c __asan_init "$(command -v gemel-node)" || true)
[ "$sanitized" -gt 0 ] || [ "$memory" -le 65536 ] || fail "the coordinator had $memory KiB under siege"
for who in proxy strangers flood peaks; do
    running $who || fail "$who ended: $(cat $who.log)"
    kill "${pid[$who]}"
    wait "${pid[$who]}" 2>/dev/null || true
    unset "pid[$who]"
done
cut=$(sed -n 's/.* \([0-9]*\) cut/\1/p' proxy.log)
[ "${cut:-0}" -ge 10 ] || fail "the network cut only ${cut:-0} connections"
stop coordinator
# How many porters ended is known when nobody writes the log any more. What a porter maps of libraries
# is beside its limit.
ended=$(($(grep -c porter.end coordinator.log || true) - ended))
filled=$(sort -n peaks.log | tail -n 1)
[ $ended -gt 0 ] || [ "$filled" -gt $((limit_mb * 512)) ] ||
    fail "the flood filled only $filled KiB of a porter"
[ "$sanitized" -gt 0 ] || [ "$filled" -le $(((limit_mb + 16) * 1024)) ] || fail "a porter had $filled KiB"
learned siege 4 4
if grep -iE 'ledger|ERR_STORAGE' ./*.log; then fail "a ledger or a store complains"; fi

# --- a hospital that stays out ------------------------------------------------------------------

# F's officers have approved the study and want more patients than F has when its plan comes: the
# others go on at once, not when the phase's five minutes are over, and F has the prior for nothing.
set_up coordinator listen "\"tcp:\/\/127.0.0.1:$port\""
tries=1
offer aside 1 1
for h in "${hospitals[@]}"; do
    permit "$h" aside 20
    gemel-node study approve aside --send -C "$h" --quiet >/dev/null
done
releases=$(budget F releases)
draft F 20 --set patients_min=1000
sign F officer
install F
begun=$SECONDS
for h in "${hospitals[@]}"; do start "$h"; done
for h in "${hospitals[@]}"; do wait_for "$h"; done
took=$((SECONDS - begun))
stop coordinator
[ $took -lt 60 ] || fail "a round took $took s because F stayed out"
learned aside 1 4
same "releases of F" "$(budget F releases)" "$releases"
grep -q 'attempt\.left member=F reason=POLICY' coordinator.log || fail "nobody heard why F stayed out"
gemel-coordinator audit show -C coordinator >shown
grep -q "F stays out: the hospital's policy does not permit it" shown || fail "F is not on record: $(cat shown)"

marks "$work" || fail "a patient's field stands in the files above"

[ $failed = 0 ] || { tail -n 40 ./*.log >&2; exit 1; }
echo "a round without F, which stayed out: $took s"
echo "4 rounds on a hostile network: $cut connections cut, $ended porters ended, $filled KiB at most"
echo "3 rounds in peace, 8 under $kills kills and $porters of the porter: $summed inputs summed of $paid paid for, one prior for all"
