#!/bin/sh
# Read the log with curl from where we stopped: read.sh URL TOKEN CURSOR_FILE
# Prints each page as JSON. The next address, cursor and all, is in the Link header.
set -eu
if [ $# -ne 3 ]; then
    echo "Usage: read.sh URL TOKEN CURSOR_FILE" >&2
    exit 2
fi
head=$(mktemp) body=$(mktemp)
trap 'rm -f "$head" "$body"' EXIT
trap 'exit 130' INT
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$body"; }
keep() { cat >"$1.new" && mv "$1.new" "$1"; } # whole or not at all, also when killed half-way
while :; do
    path=$(cat "$3" 2>/dev/null || :)
    path=${path:-"/v1/events?after=0&limit=500&wait=20"}
    status=$(curl -sS --compressed -D "$head" -o "$body" -w '%{http_code}' \
        -H "Authorization: Bearer $2" "$1$path") || case $? in
        1 | 3) exit 2 ;; # no address that curl can ask; it has said so
        *) status=503 ;;
        esac
    wait=$(sed -n 's/^retry-after: \([0-9]*\).*/\1/Ip' "$head" | grep . || echo 0)
    case $status in
    200)
        cat "$body"
        echo
        sed -n 's/^link: <\(.*\)>; rel="next".*/\1/Ip' "$head" | keep "$3"
        ;; # what is to wait says so: too many wait there already
    # What was missed stands in /v1/companies. After 409, numbers may come again.
    409) field detail >&2; echo "/v1/events?after=$(field newest)&epoch=$(field epoch)&limit=500&wait=20" | keep "$3" ;;
    410) field detail >&2; echo "/v1/events?after=$(field oldest)&limit=500&wait=20" | keep "$3" ;;
    429 | 503) wait=2 ;;
    *)
        cat "$body" >&2
        exit 1
        ;;
    esac
    sleep "$wait"
done
