#!/bin/sh
# Submits MassIDs to a Carrot API. Made by `carrot-mock generate mass-id --format curl`.
#
#   CARROT_URL            the address of the API, such as http://127.0.0.1:8750
#   CARROT_TOKEN          a bearer token; without one, the script asks for its own with these:
#   CARROT_TOKEN_URL      default: $CARROT_URL/oauth2/token
#   CARROT_CLIENT_ID      default: the test credentials that every Carrot Mock has
#   CARROT_CLIENT_SECRET
#
# It prints a line for each call, and at the end of each MassID the id of its document. It can be run again, also
# after it was cut short: every body has its deduplicationId, so nothing is made twice. Exit code 0: all was
# submitted. 1: a call failed, and its answer is on stderr. 2: something is missing here.
set -eu
umask 077

missing() {
  printf '%s\n' "$1" >&2
  exit 2
}

command -v curl >/dev/null || missing 'curl is needed to call the API, and is not installed here.'
command -v base64 >/dev/null || missing 'base64 is needed to unpack the files, and is not installed here.'
[ -n "${CARROT_URL:-}" ] || missing 'Set CARROT_URL to the address of the API, such as http://127.0.0.1:8750.'
CARROT_URL=${CARROT_URL%/}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# One call, which is repeated as it is while the API asks for patience or its answer was lost, at most five times
# in all. Arguments: what to call it, then curl's. The answer is left in $work/answer. No secret is among the
# arguments, where other users of this machine could read it.
ask() {
  what=$1
  shift
  seconds=1
  for try in 1 2 3 4 5; do
    : >"$work/answer"
    failed=0
    status=$(curl --silent --show-error --globoff --connect-timeout 10 --max-time 60 --header 'Expect:' \
      --output "$work/answer" --write-out '%{http_code}' "$@" 2>"$work/trouble") || failed=$?
    [ "$failed" -eq 0 ] || status='no answer:'
    case $failed:$status in
      0:2??)
        printf '%s %s\n' "$status" "$what"
        return
        ;;
      0:429 | 0:5??) ;;
      0:409)
        if ! grep -q PENDING_PROCESS_CONFLICT_ERROR "$work/answer"; then
          # A closed document takes no file. Sent again after the CLOSE, the file is there already; where it is
          # not, the event that names it is refused.
          case $what in 'PUT /documents/'*) printf '%s %s: closed\n' "$status" "$what" && return ;; esac
          break
        fi
        [ "$seconds" -gt 1 ] || seconds=2
        ;;
      18:* | 28:* | 52:* | 55:* | 56:*) ;;
      *) break ;;
    esac
    [ "$try" -lt 5 ] || break
    printf '%s %s: the same again in %s s\n' "$status" "$what" "$seconds"
    sleep "$seconds"
    seconds=$((seconds * 2))
  done
  refused
}

refused() {
  printf '%s %s\n' "$status" "$what" >&2
  cat "$work/trouble" "$work/answer" >&2
  printf '\n' >&2
  exit 1
}

# The text, and the number, that the answer has under a name; nothing where it has none.
text() {
  sed -n 's/.*"'"$1"'"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\1/p' "$work/answer" | head -n 1
}
number() {
  sed -n 's/.*"'"$1"'"[[:space:]]*:[[:space:]]*\([0-9][0-9]*\).*/\1/p' "$work/answer" | head -n 1
}

# Get a token, unless the one at hand is good for another two minutes.
renew_at=0
authorise() {
  now=$(date +%s)
  [ "$now" -ge "$renew_at" ] || return 0
  token=${CARROT_TOKEN:-}
  life=1000000000
  if [ -z "$token" ]; then
    pair=$(printf '%s:%s' "${CARROT_CLIENT_ID:-carrot-test-client}" "${CARROT_CLIENT_SECRET:-carrot-test-secret}" | base64)
    printf 'Authorization: Basic %s\n' "$(printf '%s' "$pair" | tr -d '\n')" >"$work/headers"
    ask 'POST the token endpoint' --header "@$work/headers" --data 'grant_type=client_credentials' \
      --data-urlencode 'scope=api.carrot.eco/main-scope' --url "${CARROT_TOKEN_URL:-$CARROT_URL/oauth2/token}"
    token=$(text access_token)
    life=$(number expires_in)
    [ -n "$token" ] || refused
  fi
  renew_at=$((now + ${life:-0} - 120))
  printf 'Authorization: Bearer %s\nContent-Type: application/json\n' "$token" >"$work/headers"
}

# Call the API with the body in $work/body. Arguments: the method, the path, a note for the line that is printed.
call() {
  ask "$1 $2${3:+ $3}" --request "$1" --header "@$work/headers" --data-binary "@$work/body" \
    --url "$CARROT_URL$2"
}

# Create a document with the body on stdin; $id is its id from then on.
document() {
  authorise
  cat >"$work/body"
  call POST /documents
  id=$(text id)
  [ -n "$id" ] || refused
}

# Upload the file that is on stdin in base64. Arguments: its name in a path, its content type, its declaration.
upload() {
  base64 -d >"$work/file"
  printf '%s' "$3" >"$work/body"
  call PUT "/documents/$id/attachments/$1"
  [ "$status" != 409 ] || return 0
  # A JSON writer may escape & and /. The URL is signed, so it takes no bearer token, and is a secret itself.
  url=$(text url | sed 's/\\u0026/\&/g; s/\\//g')
  [ -n "$url" ] || refused
  printf 'url = "%s"\n' "$url" >"$work/signed"
  ask "PUT the bytes of $1" --header "Content-Type: $2" --upload-file "$work/file" --config "$work/signed"
}

# Append an event with the body on stdin. Argument: what to call it.
event() {
  cat >"$work/body"
  call POST "/documents/$id/events" "$1"
}

submitted() {
  printf 'document %s\n' "$id"
}
