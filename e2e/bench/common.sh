# What both benchmarks share. PROFILE=debug tries a script without a release build, SKIP_BUILD=1 takes what is there already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
PROFILE=${PROFILE:-release} PRODUCTS=${PRODUCTS:-10000}
bin=target/$PROFILE
bench=$bin/comptoir-bench
work=$(mktemp -d)
pids=()
leave() { :; }
trap 'kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; leave; rm -rf "$work"' EXIT

http=127.0.0.1:18080 catalog=127.0.0.1:18052 http_floor=127.0.0.1:18090 grpc_floor=127.0.0.1:18091
export COMPTOIR_ADMIN_EMAIL=admin@shop.example COMPTOIR_ADMIN_PASSWORD='correct horse battery staple'
export COMPTOIR_LIMIT_REQUESTS_ADDRESS=0 COMPTOIR_LIMIT_REQUESTS_USER=0 COMPTOIR_DRAIN_DELAY=0 COMPTOIR_LOG=error
export COMPTOIR_HTTP_ADDR=$http COMPTOIR_CATALOG_ADDR=$catalog COMPTOIR_AUTH_ADDR=127.0.0.1:18051
export COMPTOIR_ORDERS_ADDR=127.0.0.1:18053 COMPTOIR_NOTIFIER_ADDR=127.0.0.1:18054

# build PACKAGE…
build() {
  local profile=()
  [ "$PROFILE" = debug ] || profile=(--profile "$PROFILE")
  [ -n "${SKIP_BUILD:-}" ] || cargo build "${profile[@]}" "${@/#/--package=comptoir-}"
}

# start NAME [VARIABLE=VALUE…] COMMAND…: starts a process of the shop on core 0 and waits for it; its pid is in $started.
start() {
  local name=$1
  env "COMPTOIR_DATA=$work/data" "${@:2}" >"$work/$name.ready" 2>"$work/$name.log" &
  started=$!
  pids+=("$started")
  taskset -pc 0 $started >/dev/null
  until grep -q ^ready "$work/$name.ready"; do
    kill -0 $started 2>/dev/null || { cat "$work/$name.log" >&2; exit 1; }
    sleep 0.05
  done
}
stop() { kill "$@" && wait "$@" || true; }

# Fills the shop, and starts the constant answers on core 0.
prepare() {
  echo "importing $PRODUCTS products …" >&2
  "$bench" catalogue "$PRODUCTS" >"$work/products.csv"
  local began
  began=$(date +%s%N)
  "$bin/comptoir" import "$work/products.csv" --gateway http://$http >&2
  echo "imported in $((($(date +%s%N) - began) / 1000000)) ms" >&2
  # The constant answer is the product page's own body.
  curl -sf http://$http/graphql -H 'content-type: application/json' -H 'accept: application/graphql-response+json' \
    -d '{"query":"{ product(slug: \"product-4321\") { id slug title description vendor productType tags options { name values } variants { id title availableForSale quantityAvailable price { amount currencyCode } selectedOptions { name value } } } }"}' >"$work/page.json"
  taskset -c 0 "$bench" http-floor $http_floor "$work/page.json" >/dev/null & floor=$!
  taskset -c 0 "$bench" grpc-floor $grpc_floor >/dev/null & echo=$!
  pids+=($floor $echo)
  # The search index is up within a second.
  sleep 2
}

# run PIDS SCENARIOS [OPTION…]: measures with the client on core 1. Rows go to a file, not through a pipe: behind a pipe the
# servers would not be this shell's to wait for.
run() {
  taskset -c 1 "$bench" run --shop $http --catalog http://$catalog --shop-pid "$1" --http-floor $http_floor \
    --http-floor-pid $floor --grpc-floor http://$grpc_floor --grpc-floor-pid $echo "${@:3}" "$2"
}

# table FILE: the rows beside the constant answers among them.
table() {
  awk -F'\t' '
    { name[NR] = $1; for (i = 2; i <= 6; i++) cell[NR, i] = $i
      if ($1 ~ /^constant/) { http = $2; http_cpu = $5 } if ($1 ~ /echo/) { grpc = $2; grpc_cpu = $5 } }
    END {
      printf "%-26s %10s %9s %9s %12s %8s %9s %9s\n", "", "requests/s", "p50 ms", "p99 ms", "CPU µs/req", "RSS MiB", "of floor", "CPU ratio"
      for (n = 1; n <= NR; n++) {
        rpc = name[n] ~ /gRPC|echo/
        printf "%-26s %10d %9.2f %9.2f %12.1f %8d %9.3f %9.2f\n", name[n], cell[n,2], cell[n,3], cell[n,4], cell[n,5], cell[n,6], \
          cell[n,2] / (rpc ? grpc : http), (rpc ? grpc_cpu : http_cpu) / cell[n,5]
      }
      print "\nof floor: requests a second by those of the constant answer (tonic echo for gRPC). CPU ratio: the floor'"'"'s CPU by ours, steadier on a noisy machine."
    }' "$1"
}

# imports N…: for each N the import of a file of that many products into an empty shop: how many a second, what a product
# costs, and how much more memory the process takes at most.
imports() {
  printf '%-26s %10s %12s %12s %9s\n' "" "products/s" "CPU µs/prod." "MiB at most" "of first"
  local count first="" began cpu before
  for count in "$@"; do
    "$bench" catalogue "$count" >"$work/import.csv"
    start import COMPTOIR_DATA="$work/import$count" COMPTOIR_ADMIN_ADDR=127.0.0.1:19100 COMPTOIR_LIMIT_IMPORT=0 "$bin/comptoir" up --no-demo
    before=$(awk '/^VmRSS/ { print int($2 / 1024) }' /proc/$started/status)
    cpu=$(awk '{ print $14 + $15 }' /proc/$started/stat) began=$(date +%s%N)
    "$bin/comptoir" import "$work/import.csv" --gateway http://$http >/dev/null 2>&1
    local took=$((($(date +%s%N) - began) / 1000000))
    cpu=$((($(awk '{ print $14 + $15 }' /proc/$started/stat) - cpu) * 10000 / count))
    first=${first:-$cpu}
    awk -v n="$count" -v ms=$took -v cpu=$cpu -v first="$first" -v before="$before" '/^VmHWM/ {
      printf "%-26s %10d %12d %12s %9.2f\n", "import of " n, n * 1000 / ms, cpu, "+" int($2 / 1024) - before, cpu / first }' /proc/$started/status
    stop $started
    rm -rf "$work/import$count" "$work/import.csv" "$work/import.ready"
  done
}
