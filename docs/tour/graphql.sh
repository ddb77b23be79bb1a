#!/usr/bin/env bash
# The whole way of an order by GraphQL, with nothing but curl: search with a typo and a facet → product → register → confirm from the
# mailbox → sign in → cart → pay with a sandbox card → CONFIRMED → mail → refund by an administrator.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# graphql QUERY [TOKEN]: QUERY is on one line, its quotes as in GraphQL.
graphql() {
  local body=${1//\\/\\\\}
  body=${body//\"/\\\"}
  curl -sf "$SHOP/graphql" -H 'content-type: application/json' ${2:+-H "authorization: Bearer $2"} -d "{\"query\":\"$body\"}"
}

say "search: a typo, and only what is available"
found=$(graphql '{ search(query: "stonware mug", first: 1, filters: { availableOnly: true, productTypes: ["Mug"] }) { totalCount nodes { slug title } facets { id values { value count } } } }')
echo "$found"
slug=$(field slug <<<"$found"); need "$slug" product

say "product: $slug"
product=$(graphql "{ product(slug: \"$slug\") { title variants { id title availableForSale price { amount currencyCode } } } }")
echo "$product"
variant=$(grep -oE '"id":"var_[^"]*"[^}]*"availableForSale":true' <<<"$product" | sed -n 1p | field id); need "$variant" variant

say "register $buyer, and confirm by the mailed link"
graphql "mutation { accountRegister(input: { email: \"$buyer\", password: \"a long pass phrase\", firstName: \"Ada\", locale: \"en\" }) { accepted userErrors { code message } } }"
until_true 10 has_mail 'confirm'
token=$(mailed_token); need "$token" "token in the mail"
graphql "mutation { accountConfirm(token: \"$token\") { user { email emailVerified } userErrors { code message } } }"

say "sign in"
access=$(graphql "mutation { tokenCreate(email: \"$buyer\", password: \"a long pass phrase\") { accessToken userErrors { code message } } }" | field accessToken); need "$access" "access token"

say "cart"
cart=$(graphql "mutation { cartCreate(input: { lines: [{ variantId: \"$variant\", quantity: 2 }], email: \"$buyer\" }) { cart { id cost { total { amount currencyCode } } } userErrors { code message } } }" "$access" | tee /dev/stderr | field id)
need "$cart" cart
graphql "mutation { cartDeliveryAddressUpdate(cartId: \"$cart\", address: { firstName: \"Ada\", lastName: \"Lovelace\", line1: \"1 rue de la Paix\", city: \"Paris\", postalCode: \"75002\", countryCode: \"FR\" }) { cart { deliveryOptions { id name price { amount } } } userErrors { code field message } } }" "$access"
graphql "mutation { cartDeliveryOptionSelect(cartId: \"$cart\", deliveryOptionId: \"standard\") { cart { cost { total { amount } taxes { name percent amount { amount } } } } userErrors { code field message } } }" "$access"

say "pay"
complete="mutation { cartComplete(cartId: \"$cart\", payment: { provider: \"sandbox\", token: \"tok_visa\" }, idempotencyKey: \"tour-$cart\") { __typename ... on CartCompleteSuccess { order { id number state } } ... on CartCompleteAlreadyAccepted { order { id number state } } ... on CartCompleteFailed { userErrors { code message } } } }"
placed=$(graphql "$complete" "$access"); echo "$placed"
order=$(field id <<<"$placed"); need "$order" order
[ "$(field state <<<"$placed")" = PLACED ] || [ "$(field state <<<"$placed")" = CONFIRMED ]

say "the same call again places nothing"
graphql "$complete" "$access"

say "captured within 5 s"
confirmed() { graphql "{ order(id: \"$order\") { state paymentStatus } }" "$access" | grep -c '"state":"CONFIRMED","paymentStatus":"CAPTURED"' >/dev/null; }
until_true 5 confirmed
graphql "{ order(id: \"$order\") { number state paymentStatus cost { total { amount currencyCode } } history { toState at } } }" "$access"

say "the mail"
number=$(field number <<<"$placed")
until_true 5 has_mail "$number"
mail "$number" | field subject

say "refund by the administrator"
admin=$(graphql "mutation { tokenCreate(email: \"$COMPTOIR_ADMIN_EMAIL\", password: \"$COMPTOIR_ADMIN_PASSWORD\") { accessToken userErrors { code message } } }" | field accessToken); need "$admin" "administrator's token"
graphql "mutation { orderRefund(id: \"$order\", reason: \"the tour is over\", restock: true, idempotencyKey: \"tour-$order\") { order { paymentStatus } userErrors { code message } } }" "$admin"
refunded() { graphql "{ order(id: \"$order\") { paymentStatus } }" "$access" | grep -c REFUNDED >/dev/null; }
until_true 5 refunded
say "done: $number was ordered, paid and refunded"
