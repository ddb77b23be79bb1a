#!/usr/bin/env bash
# The whole way of an order over REST, with nothing but curl.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# call METHOD PATH [BODY] [HEADER…]
call() {
  local method=$1 path=$2 body=${3:-} headers=() header
  shift $(($# > 2 ? 3 : 2))
  for header in "$@"; do headers+=(-H "$header"); done
  curl -sf -X "$method" "$SHOP$path" -H 'content-type: application/json' "${headers[@]}" ${body:+-d "$body"}
}

say "search: a typo, and only what is available"
found=$(call GET '/store/products?query=stonware%20mug&productType=Mug&available=true&limit=1'); echo "$found"
slug=$(field slug <<<"$found"); need "$slug" product

say "product: $slug"
product=$(call GET "/store/products/$slug"); echo "$product"
variant=$(grep -oE '"id":"var_[^"]*"' <<<"$product" | sed -n 1p | field id); need "$variant" variant

say "register $buyer, and confirm by the mailed link"
call POST /auth/register "{\"email\":\"$buyer\",\"password\":\"a long pass phrase\",\"firstName\":\"Ada\",\"locale\":\"en\"}"
until_true 10 has_mail 'confirm'
token=$(mailed_token); need "$token" "token in the mail"
call POST /auth/confirm "{\"token\":\"$token\"}"

say "sign in"
access=$(call POST /auth/token "{\"email\":\"$buyer\",\"password\":\"a long pass phrase\"}" | field accessToken); need "$access" "access token"
auth="authorization: Bearer $access"

say "cart"
cart=$(call POST /store/carts "{\"email\":\"$buyer\"}" "$auth" | field id); need "$cart" cart
call POST "/store/carts/$cart/line-items" "{\"variantId\":\"$variant\",\"quantity\":1}" "$auth"
call PATCH "/store/carts/$cart" '{"deliveryAddress":{"firstName":"Ada","lastName":"Lovelace","line1":"1 rue de la Paix","city":"Paris","postalCode":"75002","countryCode":"FR"},"deliveryOptionId":"standard"}' "$auth"

say "pay"
placed=$(call POST "/store/carts/$cart/complete" '{"payment":{"provider":"sandbox","token":"tok_visa"}}' "$auth" "idempotency-key: tour-$cart"); echo "$placed"
order=$(grep -oE '"id":"order_[^"]*"' <<<"$placed" | sed -n 1p | field id); need "$order" order
number=$(field number <<<"$placed")

say "captured within 5 s"
confirmed() { call GET "/store/orders/$order" '' "$auth" | grep -c '"paymentStatus":"CAPTURED"' >/dev/null; }
until_true 5 confirmed

say "the mail"
until_true 5 has_mail "$number"
mail "$number" | field subject

say "refund by the administrator"
admin=$(call POST /auth/token "{\"email\":\"$COMPTOIR_ADMIN_EMAIL\",\"password\":\"$COMPTOIR_ADMIN_PASSWORD\"}" | field accessToken); need "$admin" "administrator's token"
call POST "/admin/orders/$order/refund" '{"reason":"the tour is over","restock":true}' "authorization: Bearer $admin" "idempotency-key: tour-$order"
refunded() { call GET "/store/orders/$order" '' "$auth" | grep -c '"paymentStatus":"REFUNDED"' >/dev/null; }
until_true 5 refunded
say "done: $number was ordered, paid and refunded"
