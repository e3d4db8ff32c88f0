#!/usr/bin/env bash
# pages.sh SOURCE BUILD - docs/models is what make.sh makes of the models: nothing stale, nothing
# left of a model that is gone, an example that runs in every file.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$1/docs/models/make.sh" "$2/gemel-node" "$scratch"
cp "$1/docs/models/make.sh" "$scratch"
diff -r "$1/docs/models" "$scratch" >"$scratch.diff" && rm "$scratch.diff" && exit 0
head -n 40 "$scratch.diff"
rm "$scratch.diff"
echo "docs/models is stale: run docs/models/make.sh" >&2
exit 1
