//! The one intent of an order: opened under the order's key, and found again by it.

use super::{
    Stripe,
    amount::to_stripe,
    client::{Form, Refusal, Trouble},
    intent::{Intent, ORDER, Page, Standing},
};
use crate::payment::{Charge, Failure};

/// Keys that are tried one after the other, where Stripe keeps a failure under each.
pub(super) const ATTEMPTS: u32 = 5;
/// Pages of the newest intents that are looked through.
const PAGES: usize = 3;

/// Names the intents of an order at Stripe.
const PATH: &str = "/payment_intents";

impl Stripe {
    /// The intent of this charge as it stands: the one whose id is known, else the one its key opens or opened. No money moves
    /// by it. The inner error is Stripe's no.
    pub(super) async fn intent(&self, charge: &Charge) -> Result<Result<Intent, Refusal>, Failure> {
        match charge.payment_id.as_deref().filter(|id| !id.is_empty()) {
            Some(id) => self.retrieve(id).await.map(Ok),
            None => self.open(charge).await,
        }
    }

    /// The id of the charge's intent.
    pub(super) async fn intent_id(&self, charge: &Charge) -> Result<Result<String, Refusal>, Failure> {
        match charge.payment_id.as_ref().filter(|id| !id.is_empty()) {
            Some(id) => Ok(Ok(id.clone())),
            None => Ok(self.open(charge).await?.map(|intent| intent.id)),
        }
    }

    /// The same for an order that is being given up or late: Stripe forgets keys after a day, so one that was confirmed is first
    /// looked for.
    pub(super) async fn late_intent(&self, charge: &Charge) -> Result<Result<Intent, Refusal>, Failure> {
        if charge.payment_id.as_deref().unwrap_or_default().is_empty()
            && let Some(intent) = self.find(charge).await?
            && !matches!(intent.standing(), Standing::Open)
        {
            return Ok(Ok(intent));
        }
        self.intent(charge).await
    }

    /// The intent of this id.
    pub(super) async fn retrieve(&self, id: &str) -> Result<Intent, Failure> {
        let path = format!("{PATH}/{id}");
        self.client
            .get(&path, &Form::new())
            .await
            .map_err(Trouble::failure)
    }

    async fn open(&self, charge: &Charge) -> Result<Result<Intent, Refusal>, Failure> {
        let Some(amount) = to_stripe(charge.amount, &charge.currency) else {
            return Ok(Err(Refusal {
                code: Some("amount_not_payable".into()),
                ..Refusal::default()
            }));
        };
        for attempt in 0..ATTEMPTS {
            let key = format!("{}:open:{attempt}", charge.order_id);
            let form = open_form(charge, amount, attempt);
            match self.client.post::<Intent>(PATH, &key, &form).await {
                // What was answered then may not be so any more.
                Ok(answer) if answer.replayed => return self.retrieve(&answer.body.id).await.map(Ok),
                Ok(answer) => return Ok(Ok(answer.body)),
                Err(Trouble::Stored) => {
                    if let Some(intent) = self.find(charge).await? {
                        return Ok(Ok(intent));
                    }
                }
                Err(Trouble::Refused(refusal)) => return Ok(Err(refusal)),
                Err(Trouble::Failure(failure)) => return Err(failure),
            }
        }
        Err(Failure::Unknown("stripe fails to open a payment".into()))
    }

    /// Looks for the order's intent by its metadata: among the newest, as the search lags behind by a minute, then by search.
    /// Should there be several, at most one was ever confirmed, and that one counts, else the last.
    async fn find(&self, charge: &Charge) -> Result<Option<Intent>, Failure> {
        let mut after = None;
        for _ in 0..PAGES {
            let mut query: Form = vec![("limit", "100".into())];
            query.extend(after.map(|after| ("starting_after", after)));
            let page: Page<Intent> = self.client.get(PATH, &query).await.map_err(Trouble::failure)?;
            after = page.data.last().map(|last| last.id.clone());
            let more = page.has_more;
            if let Some(intent) = newest(page.data, charge) {
                return Ok(Some(intent));
            }
            if !more {
                return Ok(None);
            }
        }
        let query = vec![
            ("query", format!("metadata['{ORDER}']:'{}'", charge.order_id)),
            ("limit", "100".into()),
        ];
        let path = format!("{PATH}/search");
        let page: Page<Intent> = self.client.get(&path, &query).await.map_err(Trouble::failure)?;
        Ok(newest(page.data, charge))
    }
}

fn newest(intents: Vec<Intent>, charge: &Charge) -> Option<Intent> {
    intents
        .into_iter()
        .filter(|intent| intent.differs(charge).is_none())
        .max_by_key(|intent| (!matches!(intent.standing(), Standing::Open), intent.attempt()))
}

fn open_form(charge: &Charge, amount: i64, attempt: u32) -> Form {
    // Ways to pay that send the buyer elsewhere need an address to come back to.
    let redirects = if charge.return_url.is_some() {
        "always"
    } else {
        "never"
    };
    vec![
        ("amount", amount.to_string()),
        ("currency", charge.currency.to_lowercase()),
        ("capture_method", "manual".into()),
        ("automatic_payment_methods[enabled]", "true".into()),
        ("automatic_payment_methods[allow_redirects]", redirects.into()),
        ("metadata[order_id]", charge.order_id.clone()),
        ("metadata[attempt]", attempt.to_string()),
    ]
}
