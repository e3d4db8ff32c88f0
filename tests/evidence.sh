#!/usr/bin/env bash
# tests/evidence.sh PROGRAMS TESTS PAGE... - everything that a page names in backquotes as evidence exists.
#
# PROGRAMS is the folder of the programs, TESTS a file with the name of every test, one a line. Held to it are
#   floor/test           a test of ctest's; looked at where `floor/` begins the name of some test
#   noun__sentence       a function of a test, which the compiler sees used
#   folder/file.c, .md   a file, from the house's root
#   gemel-PROGRAM VERB   a command; what follows its verbs (capitals, options) is not looked at
# Prints a line for each name that leads nowhere, and fails if there is one or if a page names nothing.
set -euo pipefail
programs=$1 tests=$2
shift 2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lost=$(mktemp)
trap 'rm -f "$lost"' EXIT

exists() {
    local name=$1 words=()
    case "$name" in
    gemel-*)
        read -r -a words < <(sed -E 's/ ([A-Z<\[-]|\.\.).*//' <<<"$name")
        "$programs/${words[0]}" "${words[@]:1}" --help >/dev/null 2>&1
        ;;
    *.[ch] | *.md) [ -f "$here/../$name" ] ;;
    *__*) grep -rqE --include='*.c' -- "^static void $name\\(" "$here" ;;
    */*) grep -qxF -- "$name" "$tests" || ! grep -q "^${name%%/*}/" "$tests" ;;
    esac
}

for page in "$@"; do
    names=$(grep -oE '`(gemel-[a-z]+ [^`]+|[a-z0-9]+__[a-z0-9_]+|[a-z]+/[A-Za-z0-9_.]+|([a-z]+/)+[a-zA-Z_-]+\.([ch]|md)|[A-Z]+\.md)`' "$page" | tr -d '`' | sort -u) || true
    [ -n "$names" ] || echo "${page##*/}: names no evidence" >>"$lost"
    while read -r name; do
        [ -z "$name" ] || exists "$name" || echo "${page##*/}: $name does not exist" >>"$lost"
    done <<<"$names"
done
cat "$lost"
[ ! -s "$lost" ]
