#!/usr/bin/env bash
# run.sh MODEL.pml - check every variant of a model with SPIN.
#
# The model's opening comment lists them, one a line:
#     variant holds   -DWORLD...            no assertion fails, in any state
#     variant breaks  -DWORLD -DSABOTAGE    one does: the rule that was taken away matters
#     variant breaks  NAME -DSABOTAGE       the LTL claim of that name, in the place of assertions
#     variant holds   fair:NAME             the same where no process that could go on is never let
# Nothing is printed about a variant that ends as it says, but one line.
set -euo pipefail
model=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

failed=0 count=0
while read -r expected flags; do
    count=$((count + 1))
    search=(-DSAFETY -DNOCLAIM) claim=() # a claim would cut off what it does not ask about
    if [[ $flags == [a-z]* ]]; then
        read -r name flags <<<"$flags"
        search=() claim=(-a -N "${name#fair:}")
        [ "$name" = "${name#fair:}" ] || claim=(-f "${claim[@]}")
    fi
    # shellcheck disable=SC2086 # flags are words
    if ! spin -a $flags "$model" >said 2>&1 ||
        ! gcc -w -O0 "${search[@]}" -o pan pan.c >>said 2>&1; then
        cat said >&2
        exit 1
    fi
    ./pan -m100000 "${claim[@]}" >said 2>&1 || true
    if grep -q 'max search depth too small\|out of memory' said; then
        got=unfinished
    elif grep -q 'assertion violated\|acceptance cycle' said; then
        got=breaks
    elif grep -q 'errors: 0$' said; then
        got=holds
    else
        got=unknown
    fi
    states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' said)
    printf '%-7s %8s states  %s\n' "$got" "$states" "${claim[*]: -1} $flags"
    if [ "$got" != "$expected" ]; then
        echo "run.sh: $flags: expected it to end as $expected" >&2
        cat said >&2
        failed=1
    fi
done < <(sed -n 's/^ \* *variant \(holds\|breaks\) *\(.*\)$/\1 \2/p' "$model")
if [ "$count" = 0 ]; then
    echo "run.sh: $model lists no variant" >&2
    exit 1
fi
exit $failed
