# What the tours share: calls by curl, and just enough reading of JSON for a shell. Sourced, not run.

: "${SHOP:=http://127.0.0.1:8080}"
: "${COMPTOIR_ADMIN_EMAIL:?set it to the address of an administrator; the first start of the shop printed it}"
: "${COMPTOIR_ADMIN_PASSWORD:?set it to the password of an administrator; the first start of the shop printed it}"
buyer="tour-$(date +%s)-$$@buyer.example"

# say WHAT: a heading on standard error.
say() { printf '\n== %s\n' "$*" >&2; }

# What reads the first of several lines reads the others too (sed, not head): a pipe that is closed early is a failure.

# field NAME: the first string or number of that name in the JSON on standard input.
field() { { grep -oE "\"$1\" *: *(\"([^\"\\\\]|\\\\.)*\"|-?[0-9.]+)" || true; } | sed -nE '1 { s/^"[^"]*" *: *//; s/^"(.*)"$/\1/; p; }'; }

# need VALUE WHAT: goes on only when there is a value.
need() { [ -n "$1" ] || { echo "there is no $2" >&2; exit 1; }; }

# until_true SECONDS COMMAND…: tries each 0.2 s.
until_true() {
  local end=$((SECONDS + $1)); shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || { echo "not in time: $*" >&2; return 1; }
    sleep 0.2
  done
}

# mail SUBJECT_PATTERN: the newest mail to the buyer whose subject matches, as one line of JSON.
mail() {
  curl -sf -H 'accept: application/json' "$SHOP/mailbox?to=$buyer" | sed 's/},{"id"/}\n{"id"/g' | grep -iE "\"subject\":\"[^\"]*($1)" | sed -n 1p
}
has_mail() { [ -n "$(mail "$1")" ]; }

# mailed_token: the token of the link in the confirmation mail.
mailed_token() { mail 'confirm' | grep -oE 'confirm\?token=[A-Za-z0-9_.~-]+' | sed -n 1p | cut -d= -f2; }
