#!/bin/sh
# sabotage.sh SOURCE OUT EXPRESSION... - copy a source with sed expressions applied to it, each
# of which must change something: a sabotage that no longer fits its source is an error, not
# a test that passes.
set -eu
source=$1 out=$2
shift 2
cp "$source" "$out"
for expression in "$@"; do
    sed "$expression" "$out" >"$out.next"
    if cmp -s "$out" "$out.next"; then
        rm -f "$out" "$out.next"
        echo "sabotage.sh: $expression changes nothing in $source" >&2
        exit 1
    fi
    mv "$out.next" "$out"
done
