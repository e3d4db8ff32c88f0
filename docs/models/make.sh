#!/usr/bin/env bash
# make.sh - the pages of this folder, from the models that come with the program: what the
# comment at a file's head says, its example as a picture, and the text.
#
#     docs/models/make.sh [GEMEL_NODE [FOLDER]]    build/gemel-node and docs/models unless said
#
# house/pages makes them elsewhere and compares.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
node=${1:-$root/build/gemel-node}
into=${2:-$root/docs/models}

# The comment at the head of a model, without the example; what is set in stays as it is.
prose() {
    sed -n '/^#/!q; /^# Example:/q; s/^# \{0,1\}//p' "$1" | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}' |
        awk '/^  / && !inside { print "```"; inside = 1 }
             /^[^ ]/ && inside { print "```"; inside = 0 }
             { print }
             END { if (inside) print "```" }'
}

# Its options, one a line of a command.
example() {
    awk '/^# Example:/ { inside = 1; next }
         inside && /^#   --/ { printf " \\\n    %s", substr($0, 5); next }
         inside { exit }
         END { printf "\n" }' "$1"
}

page() {
    local name=$1 short=${1##*/} file=$root/models/$1.twin caption
    caption=$(sed -n 's/^# Example: //p' "$file" | head -n 1)
    "$node" model plot "$name" -o "$into/$short.svg"
    {
        printf '# %s\n\n' "$("$node" model show "$name" | sed -n 2p)"
        prose "$file"
        printf '\n![%s](%s.svg)\n\nThe picture: %s.\n\n```\ngemel-node model plot %s' \
            "$caption" "$short" "$caption" "$name"
        example "$file"
        # shellcheck disable=SC2016 # Markdown, no command
        printf '```\n\n## `models/%s.twin`\n\n```\n' "$name"
        sed '/^#/d; :a; n; ba' "$file" | sed '/./,$!d'
        printf '```\n'
    } >"$into/$short.md"
}

names=$("$node" model list | tail -n +2 | cut -d ' ' -f 1)
{
    printf '# The models\n\nMade of the files in `models/` by `make.sh`; a test compares.\n\n'
    printf '| model | what it is of |\n| --- | --- |\n'
    for name in $names; do
        printf '| [%s](%s.md) | %s |\n' "$name" "${name##*/}" "$("$node" model show "$name" | sed -n 2p)"
    done
} >"$into/README.md"
for name in $names; do
    page "$name"
done
