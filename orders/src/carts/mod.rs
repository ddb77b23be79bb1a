//! Changes of carts. A change is applied to the cart that was read, and written by compare-and-set on its version; on a
//! conflict it is applied again to the new version, so that no change is lost.

mod attach;
mod lines;
mod update;

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
};

use comptoir_mesh::{Caller, Env, Error, error::ErrorReason};
use jiff::Timestamp;
use tokio::sync::Mutex;
use ulid::Ulid;

pub(crate) use self::update::Update;
use crate::{
    accounts::Accounts,
    domain::{
        cart::Cart,
        edit::{Limits, RequestedLine, check_requested, variants_with},
    },
    quote::{Pricer, Quote, Variants},
    store::CartStore,
};

/// Attempts at a change. Conflicting changes of one process queue up, so a few suffice.
const ATTEMPTS: usize = 32;
/// Queues for conflicting changes of one process.
const QUEUES: usize = 64;

/// Reads and changes carts.
#[derive(Clone)]
pub(crate) struct Carts {
    store: Arc<dyn CartStore>,
    pricer: Pricer,
    pub(crate) accounts: Accounts,
    env: Env,
    limits: Limits,
    queues: Arc<[Mutex<()>; QUEUES]>,
    hasher: RandomState,
}

/// The checked input of a new cart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beginning {
    pub(crate) lines: Vec<RequestedLine>,
    pub(crate) email: Option<String>,
    pub(crate) locale: Option<String>,
}

/// A change of a cart.
trait Edit {
    /// The variants it needs to read, including those of the cart.
    fn variants<'a>(&'a self, cart: &'a Cart) -> Result<Vec<&'a str>, Error>;
    /// Applies the change, or refuses it.
    fn apply(&self, cart: &mut Cart, carts: &Carts, variants: &Variants) -> Result<(), Error>;
    /// Refuses the result of the change.
    fn check(&self, _: &Quote) -> Result<(), Error> {
        Ok(())
    }
}

impl Carts {
    /// Carts in this store, priced by this pricer.
    pub(crate) fn new(
        store: Arc<dyn CartStore>,
        pricer: Pricer,
        accounts: Accounts,
        env: Env,
        limits: Limits,
    ) -> Self {
        let queues = Arc::new(std::array::from_fn(|_| Mutex::default()));
        Self {
            store,
            pricer,
            accounts,
            env,
            limits,
            queues,
            hasher: RandomState::new(),
        }
    }

    /// Creates a cart for the user, or a guest's cart.
    pub(crate) async fn create(
        &self,
        user_id: Option<&str>,
        beginning: Beginning,
    ) -> Result<(Cart, Quote), Error> {
        let Beginning { lines, email, locale } = beginning;
        check_requested(&lines, self.limits)?;
        let now = self.env.clock.now();
        let locale = locale.unwrap_or_else(|| self.env.shop.locale(None).to_owned());
        let mut cart = self.empty(user_id, locale, now);
        cart.email = email;
        let mut variants = Variants::default();
        self.pricer
            .read(&mut variants, variants_with(&cart, &lines))
            .await?;
        self.add_to(&mut cart, &lines, &variants)?;
        let quote = self.pricer.quote_with(&cart, &variants, None).await?;
        self.store.insert_cart(&cart).await?;
        Ok((cart, quote))
    }

    /// Reads a cart that the caller may see: a guest's cart by its id, a customer's only by that customer. The id of a
    /// guest's cart that was merged finds the customer's cart.
    pub(crate) async fn find(&self, caller: &Caller, id: &str) -> Result<Cart, Error> {
        let cart = self.visible(caller.user_id(), id).await?;
        match &cart.merged_into {
            Some(target) => self.visible(caller.user_id(), target).await,
            None => Ok(cart),
        }
    }

    /// The cart at today's prices.
    pub(crate) async fn quote(&self, cart: &Cart) -> Result<Quote, Error> {
        let email = self.account_email(cart).await;
        self.pricer.quote(cart, email.as_deref()).await
    }

    /// The user's newest open cart.
    pub(crate) async fn active(&self, user_id: &str) -> Result<Option<(Cart, Quote)>, Error> {
        match self.store.active_cart(user_id).await? {
            Some(cart) => {
                let quote = self.quote(&cart).await?;
                Ok(Some((cart, quote)))
            }
            None => Ok(None),
        }
    }

    /// The account's address, if a code may count by it. Without an answer of auth the cart is shown without it, and
    /// completing the cart asks again.
    async fn account_email(&self, cart: &Cart) -> Option<String> {
        if cart.discount_codes.is_empty() {
            return None;
        }
        self.accounts.email(cart).await.unwrap_or_default()
    }

    async fn visible(&self, user_id: Option<&str>, id: &str) -> Result<Cart, Error> {
        let cart = self.store.cart(id).await?;
        cart.filter(|cart| cart.customer_id.is_none() || cart.customer_id.as_deref() == user_id)
            .ok_or_else(|| Error::new(ErrorReason::NotFound, "There is no such cart."))
    }

    fn empty(&self, user_id: Option<&str>, locale: String, now: Timestamp) -> Cart {
        Cart {
            // // Not a ULID with a time: the id of a guest's cart allows changing it, so all of it has to be
            // unguessable.
            id: format!("cart_{}", Ulid::from_bytes(self.env.ids.secret())),
            version: 1,
            customer_id: user_id.map(str::to_owned),
            locale,
            currency: self.env.shop.currency.clone(),
            lines: Vec::new(),
            email: None,
            phone: None,
            delivery_address: None,
            billing_address: None,
            delivery_option_id: None,
            discount_codes: Vec::new(),
            claim: None,
            order_id: None,
            used_keys: Vec::new(),
            merged_into: None,
            merged_from: Vec::new(),
            created_at: now,
            updated_at: now,
        }
    }

    /// Applies a change to a cart, and retries it on a conflict.
    async fn edit(&self, caller: &Caller, id: &str, edit: &impl Edit) -> Result<(Cart, Quote), Error> {
        let mut variants = Variants::default();
        let mut turn = None;
        for _ in 0..ATTEMPTS {
            let before = self.find(caller, id).await?;
            check_open(&before)?;
            let mut cart = before.clone();
            self.pricer.read(&mut variants, edit.variants(&cart)?).await?;
            edit.apply(&mut cart, self, &variants)?;
            let email = self.account_email(&cart).await;
            let quote = self.pricer.quote_with(&cart, &variants, email.as_deref()).await?;
            edit.check(&quote)?;
            if cart == before {
                return Ok((cart, quote));
            }
            cart.touch(self.env.clock.now());
            if self.store.replace_cart(&cart).await? {
                return Ok((cart, quote));
            }
            if turn.is_none() {
                turn = Some(self.queue(id).lock().await);
            }
        }
        Err(contended())
    }

    fn add_to(&self, cart: &mut Cart, wanted: &[RequestedLine], variants: &Variants) -> Result<(), Error> {
        let seen = |id: &str| self.pricer.seen(variants, id);
        cart.add(wanted, self.limits, seen, || self.env.ids.new_id("line_"))
    }

    fn queue(&self, id: &str) -> &Mutex<()> {
        let at = self.hasher.hash_one(id) % QUEUES as u64;
        &self.queues[usize::try_from(at).unwrap_or_default()]
    }
}

fn check_open(cart: &Cart) -> Result<(), Error> {
    if cart.is_open() {
        return Ok(());
    }
    Err(Error::new(
        ErrorReason::CartAlreadyOrdered,
        "The cart was ordered, or is being ordered.",
    ))
}

fn contended() -> Error {
    Error::new(
        ErrorReason::VersionConflict,
        "The cart is being changed by others; try again.",
    )
}
