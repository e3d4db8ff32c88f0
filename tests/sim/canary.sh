#!/usr/bin/env bash
# canary.sh - patients whose every field is found nowhere else, through every command of a node,
# two rounds, refusals, kill -9, crashes, a backup, a restore and an erasure, and through the
# demo's consortium: and then their fields are looked for in every byte that was written, logged,
# said or sent, and for core files.
#
#     canary.sh FOLDER [PYTHON3]    FOLDER holds the programs; with a python3 the connection of
#                                   the canaries' hospital is recorded as well
#
# Looked for (tests/support/marks.h) are names, values as printed and values as doubles, low and
# high byte first. Not looked into: the tables the fields come from, and what the commands print
# whose use is to show a record (patients show, list; forecast; calibrate) or the text they are
# given (model).
set -Eeuo pipefail
export LC_ALL=C OPENBLAS_NUM_THREADS=1
PATH=$(cd "$1" && pwd):$(cd "$1" && pwd)/tests:$PATH
python=${2-}
model=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/models/prevention/blood_pressure.twin
work=$(mktemp -d)
pids=()
trap 'kill -9 "${pids[@]}" 2>/dev/null; wait "${pids[@]}" 2>/dev/null; rm -rf "$work"' EXIT
trap 'echo "FAILED: line $LINENO: $BASH_COMMAND" >&2; tail -n 5 "$work"/seen/*.log >&2' ERR
cd "$work"
mkdir tables shown seen tmp
export TMPDIR=$work/tmp
ulimit -c unlimited 2>/dev/null || true # so that a crash would leave a core

table() { # HOSPITAL
    awk -v h="$1" 'BEGIN {
        srand(index("ABC", h))
        print "ID,TIME,SBP,AGE,MALE"
        for (p = 1; p <= 40; p++) {
            name = h == "A" ? "canary" p "Qx7" : h p
            for (t = 0; t <= 2; t++)
                printf "%s,%s,%s,%s,%d\n", name, h == "A" && t == 2 ? "1234.5678" : t,
                    h == "A" ? "131.41592" : 110 + int(40 * rand()),
                    h == "A" ? "61.803398875" : 50, p % 2
        } }'
}
quietly() { # COMMAND...: whatever it says is looked into; any exit code is fine
    "$@" >>seen/said.out 2>>seen/said.err || true
}
node() { # HOSPITAL COMMAND...
    quietly gemel-node "${@:2}" -C "$1"
}

# --- a consortium, the canaries' hospital behind a relay that records --------------------------

port=$((20000 + $$ % 12000))
while (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 2)); done
relay=$port
if [ -n "$python" ]; then
    relay=$((port + 1))
    "$python" - "$relay" "$port" seen/wire.bytes 2>seen/relay.log <<'PYTHON' &
import socket, sys, threading
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
record = open(sys.argv[3], "ab", buffering=0)
def carry(source, target):
    try:
        while data := source.recv(65536):
            record.write(data)
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        try: end.shutdown(socket.SHUT_RDWR)
        except OSError: pass
while True:
    here = listener.accept()[0]
    try:
        there = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    except OSError:
        here.close()
        continue
    for pair in ((here, there), (there, here)):
        threading.Thread(target=carry, args=pair, daemon=True).start()
PYTHON
    pids+=($!)
fi
key=$(gemel-coordinator roster key governance.key --quiet)
gemel-coordinator init --name demo --endpoint "tcp://127.0.0.1:$relay" --governance "$key" \
    -C coordinator --quiet >/dev/null
sed -i "s|^listen:.*|listen: tcp://127.0.0.1:$port|; s/^retry_ms:.*/retry_ms: 200/; s/^phase_seconds:.*/phase_seconds: 20/" coordinator/*.yaml
gemel-coordinator invite -o demo.invite -C coordinator --quiet
for h in A B C; do
    table $h >tables/$h.csv
    gemel-node init --name $h -C $h --quiet >/dev/null
    sed -i 's/^slot_seconds:.*/slot_seconds: 1/' $h/*.yaml
    node $h enrol demo.invite -o $h.request
    node $h import tables/$h.csv --model "$model"
    quietly gemel-coordinator site add $h.request -C coordinator
done
gemel-coordinator roster draft -o roster.draft -C coordinator --quiet >/dev/null
gemel-coordinator roster sign roster.draft --key governance.key -o roster.signed --quiet >/dev/null
gemel-coordinator roster install roster.signed -C coordinator --quiet >/dev/null
gemel-coordinator study create --name sbp --purpose "Level and slope" --model "$model" \
    --epsilon 1 --delta 1e-6 --rounds 2 -C coordinator --quiet >/dev/null
gemel-coordinator serve -C coordinator 2>>seen/coordinator.log &
coordinator=$!
pids+=("$coordinator")

# --- everything that can go wrong with a record ------------------------------------------------

bad() { # NAME SED-EXPRESSION: a table with that fault
    sed "$2" tables/A.csv >"tables/$1.csv"
    node A import "tables/$1.csv" --model "$model" --rejects "seen/$1.rejects"
    node A import "tables/$1.csv" --model "$model" --rejects "seen/$1.rejects" --json
}
bad number 's/^canary7Qx7,1,131.41592/canary7Qx7,1,131.41592x/'
bad time 's/^canary9Qx7,1,/canary9Qx7,-131.41,/'
bad age 's/^\(canary9Qx7,1,131.41592\),61.803398875/\1,old61.803/'
bad short 's/^\(canary9Qx7,1\),.*/\1/'
bad quote 's/^canary9Qx7,1/"canary9Qx7,1/'
bad header 's/^ID,TIME,SBP/ID,canary1Qx7,131.41/'
node A import tables/A.csv --model "$model"
node A calibrate --model "$model" --patient canary99Qx7
node A forecast canary99Qx7 --model "$model"
node A patients consent canary1Qx7 canary99Qx7 --state withdrawn --reason patient
node A patients consent canary1Qx7 --state withdrawn --reason "moved, canary1Qx7"
node A patients consent canary1Qx7 --state withdrawn --reason patient --json
node A patients erase canary99Qx7 --reason patient --yes
node A forecast canary1Qx7 --model "$model"
gemel-node calibrate --model "$model" -C A >shown/calibrate 2>>seen/said.err
gemel-node patients show canary2Qx7 -C A >shown/show 2>>seen/said.err
node A status --json
node A budget show

for name in number time age; do
    [ -s "seen/$name.rejects" ] || { echo "FAILED: $name.csv was not refused" >&2; exit 1; }
done

# --- two rounds, one node killed ---------------------------------------------------------------

serve() { # HOSPITAL
    gemel-node serve --once --debug -C "$1" 2>>"seen/$1.log" &
    pids+=($!)
    serving[$1]=$!
}
declare -A serving=()
officers=()
for who in officer deputy; do
    officers+=(--officer "$(gemel-node policy key $who.key --quiet)")
done
for h in A B C; do
    node $h study fetch
    node $h study show sbp --model
    node $h study entry sbp --legal-basis Consent -o $h.entry
    quietly gemel-node policy new --hospital $h "${officers[@]}" --set epsilon_max=5 \
        --set period_epsilon_max=5 --study $h.entry -o $h.policy
    for who in officer deputy; do quietly gemel-node policy sign $h.policy --key $who.key; done
    node $h policy install $h.policy
    node $h study approve sbp
    node $h study approve sbp --send
    serve $h
    [ $h = A ] || continue
    # Through the running daemon: what patients ask for counts from the next sum on.
    for _ in {1..200}; do
        [ ! -S A/control.sock ] || break
        sleep 0.1
    done
    node A patients consent canary5Qx7 --state withdrawn --reason patient
    node A patients erase canary6Qx7 --reason patient --yes
    node A policy show
    node A policy install A.policy
done
grep -q 'put in force while the daemon is stopped' seen/said.err ||
    { echo "FAILED: a policy beside the daemon" >&2; exit 1; }
crash() { # SIGNAL: end the canaries' node that way, and start it again
    sleep 0.7
    kill -"$1" "${serving[A]}" 2>/dev/null || true
    wait "${serving[A]}" 2>/dev/null || true
    serve A
}
crash KILL
crash SEGV
for h in A B C; do
    for _ in {1..600}; do
        kill -0 "${serving[$h]}" 2>/dev/null || break
        sleep 0.1
    done
    wait "${serving[$h]}"
done
kill "$coordinator"
wait "$coordinator"
releases=$(gemel-node budget show -C A --json | sed -n 's/.*"releases": *\([0-9]*\).*/\1/p')
[ "$releases" -ge 2 ] || { echo "FAILED: $releases releases of A" >&2; exit 1; }
# Of forty one has withdrawn before and one at the daemon, and one was erased there.
others=$(gemel-node audit export --ledger --quiet -C A | sed -n 's/^{"ledger": .*"patients": \([0-9]*\),.*/\1/p' | sort -u)
[ "$others" = 37 ] || { echo "FAILED: $others patients in A's sums" >&2; exit 1; }
quietly gemel-coordinator study show sbp -C coordinator
quietly gemel-coordinator prior show sbp -o seen/sbp.prior -C coordinator

# --- every command of the table, with a record where it expects something else -----------------

gemel-node help --json >seen/help
words=$(sed -n 's/^ *"words": "\(.*\)",*$/\1/p' seen/help)
tried=0
while read -r command; do
    case $command in
    "patients show" | "patients list" | forecast | calibrate | model* | help | serve | stop | "study fetch") continue ;;
    esac
    for line in "" "tables/A.csv" "tables/A.csv --json"; do
        # shellcheck disable=SC2086
        node A $command $line </dev/null
        tried=$((tried + 1))
    done
done <<<"$words"
[ "$tried" -gt 90 ] || { echo "FAILED: $tried lines tried" >&2; exit 1; }

# --- the demo, of canaries ---------------------------------------------------------------------

{ cat tables/A.csv; tail -n +2 tables/B.csv; tail -n +2 tables/C.csv; } >tables/all.csv
sed -n 's/,.*//p' tables/all.csv | awk 'NR == 1 { print "ID,WHERE"; next }
    !seen[$1]++ { print $1 "," (/^c/ ? "A" : substr($1, 1, 1)) }' >tables/where.csv
quietly gemel-sim run --model "$model" --data tables/all.csv --hospitals tables/where.csv \
    --rounds 1 --epsilon 1 --keep kept --report seen/demo.html --json
[ -s seen/demo.html ] || { tail -n 5 seen/said.err; echo "FAILED: no demo" >&2; exit 1; }
rm kept/node-*.csv # the tables that its hospitals import

# --- what leaves the store --------------------------------------------------------------------------------------------------------------------------------------

node A backup create seen/A.backup
node A backup verify seen/A.backup
node A patients erase canary3Qx7 --reason patient --yes
node A import tables/A.csv --model "$model"
node restored backup restore seen/A.backup --key A/store.key --keyring A/patients.keyring
node A key rotate store
for command in "audit show" "audit verify" "audit export" "audit export --ledger" "ledger show" \
    "anchor show" "policy show" "report officer"; do
    # shellcheck disable=SC2086
    ! grep -q "\"words\": \"${command% --*}\"" seen/help || node A $command
done
grep -q 'erasure' seen/said.out || { echo "FAILED: the audit record was not shown" >&2; exit 1; }
[ -s seen/A.backup ] || { echo "FAILED: no backup" >&2; exit 1; }
[ -e restored/gemel-node.db ] || { echo "FAILED: nothing was restored" >&2; exit 1; }

# --- looking for them --------------------------------------------------------------------------

# That they are found in tables and in what shows records: under other names.
cp tables/A.csv seen/tables
! marks seen/tables >/dev/null 2>&1 || { echo "FAILED: the tables have no marks" >&2; exit 1; }
rm seen/tables
mkdir looked
cp shown/* looked
! marks looked >/dev/null 2>&1 || { echo "FAILED: what shows records has no marks" >&2; exit 1; }
rm -r looked
everything=(seen A B C restored coordinator kept tmp ./*.*)
marks "${everything[@]}" || { echo "FAILED: a patient's field stands in the files above" >&2; exit 1; }
# That a crash would have left a core, where this machine lets any be; and that none did.
mkdir crashed
(cd crashed && bash -c 'kill -SEGV $$') 2>/dev/null || true
cores=$(find . -name 'core*' -type f -not -path './crashed/*' -not -path '*coordinator*')
[ -z "$cores" ] || { echo "FAILED: $cores" >&2; exit 1; }
[ -n "$(ls crashed)" ] || echo "no process leaves a core here: that the nodes left none shows nothing"
[ -z "$python" ] || [ "$(stat -c %s seen/wire.bytes)" -gt 10000 ] ||
    { echo "FAILED: the connection was not recorded" >&2; exit 1; }
