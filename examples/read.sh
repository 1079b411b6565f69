#!/bin/sh
# Read the log with curl from where we stopped: read.sh URL TOKEN CURSOR_FILE
# Prints each page as JSON. The next address, cursor and all, is in the Link header.
set -eu
head=$(mktemp)
trap 'rm -f "$head"' EXIT
while :; do
    path=$(cat "$3" 2>/dev/null || echo "/v1/events?after=0&limit=500&wait=20")
    curl -sSf --compressed -D "$head" -H "Authorization: Bearer $2" "$1$path"
    echo
    sed -n 's/^link: <\(.*\)>; rel="next".*/\1/Ip' "$head" >"$3"
    # Comes when too many wait there already.
    sleep "$(sed -n 's/^retry-after: \([0-9]*\).*/\1/Ip' "$head" | grep . || echo 0)"
done
