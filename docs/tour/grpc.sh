#!/usr/bin/env bash
# What every service offers, by reflection, and a call to each. Needs grpcurl.
set -euo pipefail
command -v grpcurl >/dev/null || { echo "grpcurl is needed: go install github.com/fullstorydev/grpcurl/cmd/grpcurl@latest" >&2; exit 1; }
: "${AUTH:=127.0.0.1:50051}" "${CATALOG:=127.0.0.1:50052}" "${ORDERS:=127.0.0.1:50053}" "${NOTIFIER:=127.0.0.1:50054}"

for address in "$AUTH" "$CATALOG" "$ORDERS" "$NOTIFIER"; do
  echo "== $address"
  grpcurl -plaintext "$address" list
  grpcurl -plaintext "$address" grpc.health.v1.Health/Check
done

echo "== the keys that access tokens are verified with"
grpcurl -plaintext "$AUTH" comptoir.auth.v1.AuthService/GetJwks
echo "== two products"
grpcurl -plaintext -d '{"page_size": 2}' "$CATALOG" comptoir.catalog.v1.CatalogService/ListProducts
echo "== a cart"
grpcurl -plaintext -d '{"email": "ada@buyer.example"}' "$ORDERS" comptoir.orders.v1.CartService/CreateCart
echo "== the newest message"
grpcurl -plaintext -d '{"page_size": 1}' "$NOTIFIER" comptoir.notifier.v1.NotifierService/ListMailbox
