//! A Stripe to call over HTTP: payment intents and refunds that follow Stripe's states, idempotency keys with the answers kept
//! under them, a journal of what it was asked, faults on demand, and the signed webhooks of what happened. It needs nothing but
//! tokio, serde_json, hmac and sha2, and speaks just enough HTTP itself, so that it can hang up at any moment.
//!
//! Payment methods: `pm_card_visa` succeeds, `pm_card_chargeDeclined` and `pm_card_visa_chargeDeclinedInsufficientFunds` are
//! declined, `pm_card_authenticationRequired` waits for the buyer ([`StripeDouble::decide`], or a POST to
//! `/double/intents/ID/approve` or `/decline`, or a GET of the address the buyer is sent to, which approves).

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;

use self::http::{Form, Reply, form, post};
pub(crate) use self::http::{Request, serve};

mod http;

/// Tells seconds since 1970.
pub(crate) type Seconds = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What is asked, by its name in [`StripeDouble::fail`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Confirm,
    Capture,
    Cancel,
    Retrieve,
    List,
    Search,
    Refund,
    ListRefunds,
}

/// What goes wrong, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is done, and the connection cut before the answer.
    LoseAnswer,
    /// It is done, and the answer does not come for long.
    Hang,
    /// The connection is cut before anything is done.
    Cut,
    /// A 500 that is kept under the key, after doing it or not.
    StoredFailure { done: bool },
    /// A 500 that is not kept, nothing done.
    Failure,
    /// Too many calls.
    Limit,
    /// A call with this key is running.
    Busy,
}

/// A call, as it came, and the status it was answered with; 0 where the connection was cut.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub method: String,
    pub path: String,
    pub query: String,
    pub key: Option<String>,
    pub body: String,
    pub status: u16,
    pub replayed: bool,
}

/// The double; clones share its state.
#[derive(Clone)]
pub(crate) struct StripeDouble {
    state: Arc<Mutex<State>>,
    seconds: Seconds,
    url: String,
}

#[derive(Default)]
struct State {
    counter: u64,
    intents: BTreeMap<String, Value>,
    /// Intent ids, oldest first.
    sequence: Vec<String>,
    refunds: Vec<Value>,
    answers: HashMap<String, Kept>,
    faults: Vec<(Operation, Fault)>,
    journal: Vec<Call>,
    events: Vec<Value>,
    /// Others make so many intents that the newest are theirs.
    crowded: bool,
    /// Intents that the search does not know yet: all that are made from now on.
    search_lags: bool,
    unsearchable: Vec<String>,
}

#[derive(Clone)]
struct Kept {
    fingerprint: String,
    status: u16,
    body: String,
}

type Answer = (u16, Value);

impl StripeDouble {
    /// Listens on a free port of this engine.
    pub(crate) async fn start(seconds: Seconds) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let double = Self {
            state: Arc::default(),
            seconds,
            url,
        };
        let serving = double.clone();
        serve(listener, move |request| {
            let double = serving.clone();
            async move { double.take(request).await }
        });
        double
    }

    /// `STRIPE_BASE_URL`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the next call of this kind go wrong; several queue up.
    pub(crate) fn fail(&self, operation: Operation, fault: Fault) {
        self.state().faults.push((operation, fault));
    }

    /// From now on the search does not find what is made.
    pub(crate) fn search_lags(&self) {
        self.state().search_lags = true;
    }

    /// From now on lists begin with page after page of other people's intents.
    pub(crate) fn crowd(&self) {
        self.state().crowded = true;
    }

    /// Forgets the idempotency keys, as Stripe does after a day.
    pub(crate) fn forget_keys(&self) {
        self.state().answers.clear();
    }

    /// Every call, in order.
    pub(crate) fn journal(&self) -> Vec<Call> {
        self.state().journal.clone()
    }

    /// The intents of an order, oldest first; all for an empty id.
    pub(crate) fn intents(&self, order_id: &str) -> Vec<Value> {
        let state = self.state();
        let all = state.sequence.iter().map(|id| state.intents[id].clone());
        all.filter(|intent| order_id.is_empty() || intent["metadata"]["order_id"] == order_id)
            .collect()
    }

    /// Everything that happened, as events.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.state().events.clone()
    }

    /// What Stripe got of an order's payments, less what went back, and how often it was asked of a bank.
    pub(crate) fn kept(&self, order_id: &str) -> (i64, usize) {
        let state = self.state();
        let of_order = |value: &&Value| value["metadata"]["order_id"] == order_id;
        let intents: Vec<_> = state.intents.values().filter(of_order).collect();
        let received: i64 = intents
            .iter()
            .filter_map(|intent| intent["amount_received"].as_i64())
            .sum();
        let refunded: i64 = state
            .refunds
            .iter()
            .filter(of_order)
            .filter(|refund| refund["status"] != "failed")
            .filter_map(|refund| refund["amount"].as_i64())
            .sum();
        let charges = intents
            .iter()
            .filter(|intent| intent["latest_charge"].is_string());
        (received - refunded, charges.count())
    }

    /// Changes an intent behind everybody's back.
    pub(crate) fn tamper(&self, id: &str, change: impl FnOnce(&mut Value)) {
        change(self.state().intents.get_mut(id).unwrap());
    }

    /// The buyer at the bank. `false` where no action is wanted.
    pub(crate) fn decide(&self, id: &str, approve: bool) -> bool {
        let now = (self.seconds)();
        let mut state = self.state();
        let Some(intent) = state.intents.get_mut(id) else {
            return false;
        };
        if intent["status"] != "requires_action" {
            return false;
        }
        intent["next_action"] = Value::Null;
        if approve {
            intent["status"] = json!("requires_capture");
            intent["amount_capturable"] = intent["amount"].clone();
            state.charge(id);
            state.note("payment_intent.amount_capturable_updated", id, now);
        } else {
            intent["status"] = json!("requires_payment_method");
            intent["last_payment_error"] = card_error(
                "payment_intent_authentication_failure",
                "The buyer was not authenticated.",
            );
            state.note("payment_intent.payment_failed", id, now);
        }
        true
    }

    /// Posts an event as Stripe does, signed with this secret, and gives the answer's status.
    pub(crate) async fn deliver(&self, event: &Value, to: &str, secret: &str) -> u16 {
        let body = event.to_string();
        let header = signature(secret, (self.seconds)(), body.as_bytes());
        post(to, &[("Stripe-Signature", header)], &body).await
    }

    async fn take(&self, request: Request) -> Reply {
        if let Some(rest) = request.path.strip_prefix("/double/") {
            return Some(self.control(rest));
        }
        let operation = operation(&request);
        let fault = operation.and_then(|operation| {
            let mut state = self.state();
            let at = state.faults.iter().position(|(of, _)| *of == operation)?;
            Some(state.faults.remove(at).1)
        });
        let (status, replayed, body) = match (operation, fault) {
            (_, Some(Fault::Cut)) => (0, false, String::new()),
            (_, Some(Fault::Limit)) => error(
                429,
                &json!({ "type": "invalid_request_error", "code": "rate_limit" }),
            ),
            (_, Some(Fault::Busy)) => error(
                409,
                &json!({ "type": "idempotency_error", "code": "idempotency_key_in_use", "message": "running" }),
            ),
            (_, Some(Fault::Failure)) => error(500, &json!({ "type": "api_error", "message": "failed" })),
            (None, _) => error(
                404,
                &json!({ "type": "invalid_request_error", "message": "Unrecognized request URL" }),
            ),
            (Some(operation), fault) => self.answer(operation, &request, fault),
        };
        let cut = status == 0 || fault == Some(Fault::LoseAnswer);
        self.state().journal.push(Call {
            method: request.method,
            path: request.path,
            query: request.query,
            key: request.headers.get("idempotency-key").cloned(),
            body: String::from_utf8_lossy(&request.body).into_owned(),
            status: if cut { 0 } else { status },
            replayed,
        });
        if fault == Some(Fault::Hang) {
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
        if cut {
            return None;
        }
        let mut headers = vec![("Content-Type", "application/json".to_owned())];
        if replayed {
            headers.push(("Idempotent-Replayed", "true".to_owned()));
        }
        Some((status, headers, body))
    }

    fn control(&self, rest: &str) -> (u16, Vec<(&'static str, String)>, String) {
        let parts: Vec<_> = rest.split('/').collect();
        let decided = match parts.as_slice() {
            ["intents", id, "approve"] | ["actions", id] => self.decide(id, true),
            ["intents", id, "decline"] => self.decide(id, false),
            _ => false,
        };
        let status = if decided { 200 } else { 409 };
        (status, Vec::new(), json!({ "decided": decided }).to_string())
    }

    /// Answers with what is stored under the key, or handles the request and stores the result.
    fn answer(&self, operation: Operation, request: &Request, fault: Option<Fault>) -> (u16, bool, String) {
        let authorized = request
            .headers
            .get("authorization")
            .is_some_and(|value| value.starts_with("Bearer sk_"));
        if !authorized {
            return error(
                401,
                &json!({ "type": "invalid_request_error", "message": "Invalid API Key provided" }),
            );
        }
        let now = (self.seconds)();
        let mut state = self.state();
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let fingerprint = format!("{} {body}", request.path);
        let key = request
            .headers
            .get("idempotency-key")
            .filter(|_| request.method == "POST");
        if let Some(kept) = key.and_then(|key| state.answers.get(key)) {
            if kept.fingerprint != fingerprint {
                let message = "Keys for idempotent requests can only be used with the same parameters";
                return error(400, &json!({ "type": "idempotency_error", "message": message }));
            }
            return (kept.status, true, kept.body.clone());
        }
        let stored = matches!(fault, Some(Fault::StoredFailure { .. }));
        let (mut status, mut answer) = if fault == Some(Fault::StoredFailure { done: false }) {
            (500, Value::Null)
        } else {
            let form = form(if request.method == "POST" {
                &body
            } else {
                &request.query
            });
            state.perform(operation, &request.path, &form, now, &self.url)
        };
        if stored {
            status = 500;
            answer = json!({ "error": { "type": "api_error", "message": "An unknown error occurred" } });
        }
        let answer = answer.to_string();
        // What was refused before it began is not kept.
        if let Some(key) = key
            && (status < 300 || status == 402 || status >= 500)
        {
            let kept = Kept {
                fingerprint,
                status,
                body: answer.clone(),
            };
            state.answers.insert(key.clone(), kept);
        }
        (status, false, answer)
    }
}

impl State {
    fn id(&mut self, prefix: &str) -> String {
        self.counter += 1;
        format!("{prefix}_{:06}", self.counter)
    }

    fn note(&mut self, kind: &str, intent: &str, now: i64) {
        let object = self.intents[intent].clone();
        self.note_object(kind, &object, now);
    }

    fn note_object(&mut self, kind: &str, object: &Value, now: i64) {
        let id = self.id("evt");
        self.events.push(json!({
            "id": id, "object": "event", "api_version": "2024-06-20", "created": now, "livemode": false,
            "pending_webhooks": 1, "request": { "id": null, "idempotency_key": null },
            "type": kind, "data": { "object": object },
        }));
    }

    /// The bank says yes.
    fn charge(&mut self, intent: &str) {
        let id = self.id("ch");
        if let Some(intent) = self.intents.get_mut(intent) {
            intent["latest_charge"] = json!(id);
        }
    }

    fn perform(&mut self, operation: Operation, path: &str, form: &Form, now: i64, url: &str) -> Answer {
        let id = path.split('/').nth(3).unwrap_or_default().to_owned();
        match operation {
            Operation::Create => self.create(form, now),
            Operation::List => self.list(form),
            Operation::Search => self.search(form),
            Operation::Refund => self.refund(form, now),
            Operation::ListRefunds => {
                let of = form.get("payment_intent");
                let of = |refund: &&Value| of.is_none_or(|of| refund["payment_intent"] == *of);
                page(self.refunds.iter().rev().filter(of).cloned(), false)
            }
            _ if !self.intents.contains_key(&id) => {
                refused(404, "resource_missing", "No such payment_intent", "intent")
            }
            Operation::Retrieve => (200, self.intents[&id].clone()),
            Operation::Confirm => self.confirm(&id, form, now, url),
            Operation::Capture => self.capture(&id, form, now),
            Operation::Cancel => self.cancel(&id, now),
        }
    }

    fn create(&mut self, form: &Form, now: i64) -> Answer {
        let amount: i64 = form
            .get("amount")
            .and_then(|amount| amount.parse().ok())
            .unwrap_or(0);
        if amount < 50 {
            return refused(
                400,
                "amount_too_small",
                "Amount must be at least 50 cents",
                "amount",
            );
        }
        let id = self.id("pi");
        let metadata: Form = form
            .iter()
            .filter_map(|(name, value)| {
                Some((
                    name.strip_prefix("metadata[")?.strip_suffix(']')?.into(),
                    value.clone(),
                ))
            })
            .collect();
        let intent = json!({
            "id": id, "object": "payment_intent", "status": "requires_payment_method", "amount": amount,
            "amount_capturable": 0, "amount_received": 0, "currency": form.get("currency"), "created": now,
            "capture_method": form.get("capture_method"), "client_secret": format!("{id}_secret_double"),
            "metadata": metadata, "last_payment_error": null, "next_action": null, "latest_charge": null,
            "livemode": false,
        });
        self.intents.insert(id.clone(), intent.clone());
        self.sequence.push(id.clone());
        if self.search_lags {
            self.unsearchable.push(id.clone());
        }
        self.note("payment_intent.created", &id, now);
        (200, intent)
    }

    fn confirm(&mut self, id: &str, form: &Form, now: i64, url: &str) -> Answer {
        let status = self.intents[id]["status"].as_str().unwrap_or_default().to_owned();
        if !matches!(
            status.as_str(),
            "requires_payment_method" | "requires_confirmation"
        ) {
            return self.unexpected(&status, "confirm");
        }
        let method = form.get("payment_method").cloned().unwrap_or_default();
        let (status, event) = match method.as_str() {
            "pm_card_visa" => ("requires_capture", "payment_intent.amount_capturable_updated"),
            "pm_card_authenticationRequired" => ("requires_action", "payment_intent.requires_action"),
            "pm_card_chargeDeclined" | "pm_card_visa_chargeDeclinedInsufficientFunds" => {
                return self.decline(id, &method, now);
            }
            _ => return refused(400, "resource_missing", "No such PaymentMethod", "payment_method"),
        };
        if let Some(intent) = self.intents.get_mut(id) {
            intent["status"] = json!(status);
            intent["payment_method"] = json!(method);
            intent["last_payment_error"] = Value::Null;
            if status == "requires_action" {
                let back = form.get("return_url").cloned();
                intent["next_action"] = match back {
                    Some(back) => json!({ "type": "redirect_to_url", "redirect_to_url": {
                        "url": format!("{url}/double/actions/{id}"), "return_url": back } }),
                    None => json!({ "type": "use_stripe_sdk", "use_stripe_sdk": {} }),
                };
            } else {
                intent["amount_capturable"] = intent["amount"].clone();
            }
        }
        if status == "requires_capture" {
            self.charge(id);
        }
        self.note(event, id, now);
        (200, self.intents[id].clone())
    }

    fn decline(&mut self, id: &str, method: &str, now: i64) -> Answer {
        let error = if method == "pm_card_chargeDeclined" {
            card_error("card_declined", "Your card was declined.")
        } else {
            card_error("card_declined", "Your card has insufficient funds.")
        };
        if let Some(intent) = self.intents.get_mut(id) {
            intent["status"] = json!("requires_payment_method");
            intent["last_payment_error"] = error.clone();
        }
        self.note("payment_intent.payment_failed", id, now);
        (402, json!({ "error": error }))
    }

    fn capture(&mut self, id: &str, form: &Form, now: i64) -> Answer {
        let status = self.intents[id]["status"].as_str().unwrap_or_default().to_owned();
        if status != "requires_capture" {
            return self.unexpected(&status, "capture");
        }
        let amount: i64 = form
            .get("amount_to_capture")
            .and_then(|amount| amount.parse().ok())
            .unwrap_or(0);
        if let Some(intent) = self.intents.get_mut(id) {
            intent["status"] = json!("succeeded");
            intent["amount_received"] = json!(amount);
            intent["amount_capturable"] = json!(0);
        }
        self.note("payment_intent.succeeded", id, now);
        (200, self.intents[id].clone())
    }

    fn cancel(&mut self, id: &str, now: i64) -> Answer {
        let status = self.intents[id]["status"].as_str().unwrap_or_default().to_owned();
        if matches!(status.as_str(), "succeeded" | "canceled") {
            return self.unexpected(&status, "cancel");
        }
        if let Some(intent) = self.intents.get_mut(id) {
            intent["status"] = json!("canceled");
            intent["amount_capturable"] = json!(0);
            intent["next_action"] = Value::Null;
        }
        self.note("payment_intent.canceled", id, now);
        (200, self.intents[id].clone())
    }

    fn refund(&mut self, form: &Form, now: i64) -> Answer {
        let of = form.get("payment_intent").cloned().unwrap_or_default();
        let Some(intent) = self.intents.get(&of).cloned() else {
            return refused(
                404,
                "resource_missing",
                "No such payment_intent",
                "payment_intent",
            );
        };
        let before: i64 = self
            .refunds
            .iter()
            .filter(|refund| refund["payment_intent"] == *of)
            .filter_map(|refund| refund["amount"].as_i64())
            .sum();
        let amount: i64 = form
            .get("amount")
            .and_then(|amount| amount.parse().ok())
            .unwrap_or(0);
        let received = intent["amount_received"].as_i64().unwrap_or(0);
        if amount < 1 || before + amount > received {
            return refused(
                400,
                "charge_already_refunded",
                "Refund amount is greater than unrefunded amount",
                "amount",
            );
        }
        let id = self.id("re");
        let refund = json!({
            "id": id, "object": "refund", "amount": amount, "currency": intent["currency"], "payment_intent": of,
            "charge": intent["latest_charge"], "status": "succeeded", "created": now,
            "metadata": { "order_id": form.get("metadata[order_id]"), "refund_id": form.get("metadata[refund_id]") },
        });
        self.refunds.push(refund.clone());
        self.note_object("refund.created", &refund, now);
        let charge = json!({
            "id": intent["latest_charge"], "object": "charge", "amount": intent["amount"], "currency": intent["currency"],
            "amount_refunded": before + amount, "payment_intent": of, "metadata": intent["metadata"],
        });
        self.note_object("charge.refunded", &charge, now);
        (200, refund)
    }

    fn list(&self, form: &Form) -> Answer {
        if self.crowded {
            let other = json!({ "id": "pi_other", "object": "payment_intent", "status": "succeeded", "amount": 1,
                "currency": "eur", "metadata": {} });
            return page([other].into_iter(), true);
        }
        let limit: usize = form
            .get("limit")
            .and_then(|limit| limit.parse().ok())
            .unwrap_or(10);
        let mut ids: Vec<_> = self.sequence.iter().rev().collect();
        if let Some(at) = form
            .get("starting_after")
            .and_then(|after| ids.iter().position(|id| *id == after))
        {
            ids.drain(..=at);
        }
        let more = ids.len() > limit;
        page(
            ids.into_iter().take(limit).map(|id| self.intents[id].clone()),
            more,
        )
    }

    fn search(&self, form: &Form) -> Answer {
        let query = form.get("query").cloned().unwrap_or_default();
        let wanted = query.split('\'').nth(3).unwrap_or_default();
        let found = self.intents.iter().filter(|(id, intent)| {
            intent["metadata"]["order_id"] == wanted && !self.unsearchable.contains(id)
        });
        page(found.map(|(_, intent)| intent.clone()), false)
    }

    fn unexpected(&self, status: &str, verb: &str) -> Answer {
        let message = format!("You cannot {verb} this PaymentIntent because it has a status of {status}.");
        refused(400, "payment_intent_unexpected_state", &message, "intent")
    }
}

fn card_error(code: &str, message: &str) -> Value {
    json!({ "type": "card_error", "code": code, "message": message })
}

fn refused(status: u16, code: &str, message: &str, param: &str) -> Answer {
    let error = json!({ "type": "invalid_request_error", "code": code, "message": message, "param": param });
    (status, json!({ "error": error }))
}

fn error(status: u16, error: &Value) -> (u16, bool, String) {
    (status, false, json!({ "error": error }).to_string())
}

fn page(data: impl Iterator<Item = Value>, more: bool) -> Answer {
    let data: Value = data.collect();
    (200, json!({ "object": "list", "data": data, "has_more": more }))
}

fn operation(request: &Request) -> Option<Operation> {
    let parts: Vec<_> = request.path.trim_start_matches('/').split('/').collect();
    Some(match (request.method.as_str(), parts.as_slice()) {
        ("POST", ["v1", "payment_intents"]) => Operation::Create,
        ("GET", ["v1", "payment_intents"]) => Operation::List,
        ("GET", ["v1", "payment_intents", "search"]) => Operation::Search,
        ("GET", ["v1", "payment_intents", _]) => Operation::Retrieve,
        ("POST", ["v1", "payment_intents", _, "confirm"]) => Operation::Confirm,
        ("POST", ["v1", "payment_intents", _, "capture"]) => Operation::Capture,
        ("POST", ["v1", "payment_intents", _, "cancel"]) => Operation::Cancel,
        ("POST", ["v1", "refunds"]) => Operation::Refund,
        ("GET", ["v1", "refunds"]) => Operation::ListRefunds,
        _ => return None,
    })
}

/// The `Stripe-Signature` of a body.
pub(crate) fn signature(secret: &str, at: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{at}.").as_bytes());
    mac.update(body);
    let digest: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("t={at},v1={digest},v0=00")
}
