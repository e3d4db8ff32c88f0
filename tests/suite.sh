#!/usr/bin/env bash
# suite.sh - what a run of the tests may leave, looked into when the last of them has ended.
#
#     suite.sh where                  prints where the tests' temporary files should be
#     suite.sh begin MARKS BUILD TMP  makes the folder for them
#     suite.sh end MARKS BUILD TMP    looks into it, into ctest's log, which has all that any test
#                                     and any program under it has printed, and for cores
#
# MARKS is the program of tests/marks.c, TMP what TMPDIR is to the tests. Files that a test removes
# itself it has looked into before (tests/support/look.h); their number is in TMP/looked. Another
# ctest may be running beside this one: nothing is removed that is not a day old.
set -euo pipefail

# In memory, where there is a gigabyte of it and programs may run from it. No test takes the power
# away (tests/support/amnesia.h plays a disk that forgets); they only waited for the disk.
if [ "$1" = where ]; then
    where=/dev/shm
    if [ "$(df -Pk $where 2>/dev/null | awk 'END { print $4 + 0 }')" -gt 1048576 ] &&
        probe=$(mktemp "$where/gemel-XXXXXX"); then
        echo '#!/bin/sh' >"$probe"
        chmod 700 "$probe"
        "$probe" 2>/dev/null || where=/tmp
        rm -f "$probe"
    else
        where=/tmp
    fi
    echo "$where"
    exit 0
fi

act=$1 marks=$2 build=$3 tmp=$4
if [ "$act" = begin ]; then
    mkdir -p "$tmp"
    find "$tmp" -mindepth 1 -maxdepth 1 -mmin +1440 -exec rm -rf {} +
    : >"$tmp/looked"
    : >"$tmp/begun"
    exit 0
fi

fail() {
    echo "FAILED: $*" >&2
    exit 1
}
[ -x "$marks" ] ||
    fail "nothing was looked into, the program that looks is not built: cmake --build $build --target marks"
# That they would be found: as text in a log, as doubles in a page, packed, and whose they are.
control=$tmp/control
rm -rf "$control"
mkdir "$control"
plant() { # FILE BYTES (of printf)
    # shellcheck disable=SC2059
    printf "$2" >"$control/$1"
    ! "$marks" "$control" >/dev/null 2>"$1.said" || fail "planted and not found: $1"
    grep -q "control/$1: " "$1.said" || fail "found, and not named: $1"
    rm -f "$control/$1" "$1.said"
}
cd "$tmp"
plant run.log 'error: no patient is called canary17Qx7, here\n'
plant table.csv.rejects 'line 7: 131.41592x is no number\n'
plant core.4711 'ELF\0\0\x54\xe2\x3a\xc6\xd5\xe6\x4e\x40\0'
plant wire.bytes '\x01\x40\x60\x6d\x4f\x37\x75\xb8\x13'
plant a.blob '\x04\x05\x58\x86\xc8\0\x01'
echo 'canary1Qx7,0,131.41592' >"$control/table.csv" # where they come from
"$marks" "$control" >/dev/null || fail "a table is taken for a leak"
rm -rf "$control"

logs=()
while IFS= read -r log; do logs+=("$log"); done < <(find "$build" -maxdepth 3 -newer "$tmp/begun" \
    -type f \( -path '*/Temporary/LastTest*' -o -name 'core*' \))
"$marks" "$tmp" "${logs[@]}" || fail "a patient's field stands in the files above"
[ ${#logs[@]} -gt 0 ] || fail "no log of this run of ctest's in $build: another one there at the same time writes over it"
awk '{ n[$1] += $2; b += $3 } END {
    printf "before they were removed: %d files, %.0f bytes; %d messages\n", n["files"], b, n["messages"] }' "$tmp/looked"
