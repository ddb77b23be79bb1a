//! Hashes and compares passwords with argon2id, a bounded number at once. Calls over the queue's limit are refused, so that a
//! flood of log-ins costs bounded memory and leaves other calls their share of the processor.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash as Phc;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use comptoir_mesh::error::{Error, ErrorReason};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::password::{Password, PasswordHash};

/// OWASP's recommendation: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;

pub(crate) struct Hasher {
    argon2: Argon2<'static>,
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    queue: usize,
    /// Compared with where there is no account, so that the work is the same.
    decoy: PasswordHash,
}

/// The right to hash one password. It is held until the hashing ends, even after its caller has gone.
pub(crate) struct Permit(OwnedSemaphorePermit);

impl Hasher {
    /// Hashes `concurrency` passwords at once while `queue` wait. The decoy's salt and password are random.
    pub(crate) fn new(
        concurrency: usize,
        queue: usize,
        salt: [u8; 16],
        decoy: [u8; 32],
    ) -> anyhow::Result<Self> {
        let params =
            Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|error| anyhow::anyhow!("argon2: {error}"))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let decoy = hash(&argon2, &decoy, &salt)?;
        Ok(Self {
            argon2,
            permits: Arc::new(Semaphore::new(concurrency)),
            waiting: AtomicUsize::new(0),
            queue,
            decoy,
        })
    }

    /// Waits for a permit; OVERLOADED when too many calls wait already.
    pub(crate) async fn permit(&self) -> Result<Permit, Error> {
        let _waiting = Waiting::enter(&self.waiting, self.queue)?;
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(Error::internal)?;
        Ok(Permit(permit))
    }

    /// Hashes a new password.
    pub(crate) async fn hash(
        &self,
        permit: Permit,
        password: Password,
        salt: [u8; 16],
    ) -> Result<PasswordHash, Error> {
        let argon2 = self.argon2.clone();
        blocking(permit, move || hash(&argon2, password.as_bytes(), &salt))
            .await?
            .map_err(Error::internal)
    }

    /// Whether the password is the hashed one. `None` costs the same and is never right.
    pub(crate) async fn verify(
        &self,
        permit: Permit,
        password: Password,
        hash: Option<PasswordHash>,
    ) -> Result<bool, Error> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.clone());
        let argon2 = self.argon2.clone();
        let right = blocking(permit, move || {
            Phc::new(hash.as_phc()).is_ok_and(|phc| argon2.verify_password(password.as_bytes(), &phc).is_ok())
        })
        .await?;
        Ok(right && known)
    }
}

fn hash(argon2: &Argon2<'_>, password: &[u8], salt: &[u8]) -> anyhow::Result<PasswordHash> {
    let phc = argon2
        .hash_password_with_salt(password, salt)
        .map_err(|error| anyhow::anyhow!("argon2: {error}"))?;
    Ok(PasswordHash::from_phc(phc.to_string()))
}

async fn blocking<T: Send + 'static>(
    permit: Permit,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let running = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(permit.0);
        done
    });
    running.await.map_err(Error::internal)
}

/// Counts a waiting call until it stops waiting, for whatever reason.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(waiting: &'a AtomicUsize, limit: usize) -> Result<Self, Error> {
        let entered = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) >= limit {
            drop(entered);
            return Err(Error::new(
                ErrorReason::Overloaded,
                "Too many people are signing in. Try again shortly.",
            )
            .with_retry_after(Duration::from_secs(1)));
        }
        Ok(entered)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher(concurrency: usize, queue: usize) -> Hasher {
        Hasher::new(concurrency, queue, [1; 16], [2; 32]).unwrap()
    }

    #[tokio::test]
    async fn a_password_is_compared_and_a_missing_account_matches_none() {
        let hasher = hasher(2, 4);
        let password = Password::presented("password", "correct horse").unwrap();
        let hash = hasher
            .hash(hasher.permit().await.unwrap(), password.clone(), [3; 16])
            .await
            .unwrap();
        assert!(hash.as_phc().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let verify = async |password: &str, hash| {
            hasher
                .verify(
                    hasher.permit().await.unwrap(),
                    Password::presented("password", password).unwrap(),
                    hash,
                )
                .await
                .unwrap()
        };
        assert!(verify("correct horse", Some(hash.clone())).await);
        assert!(!verify("wrong horse", Some(hash)).await);
        assert!(
            !verify(&String::from_utf8_lossy(&[2; 32]), None).await,
            "not even the right one"
        );
    }

    #[tokio::test]
    async fn past_the_queue_it_is_overloaded() {
        let hasher = hasher(1, 1);
        let held = hasher.permit().await.unwrap();
        let mut second = Box::pin(hasher.permit());
        assert!(futures::poll!(&mut second).is_pending());
        assert_eq!(
            hasher.permit().await.err().unwrap().reason(),
            ErrorReason::Overloaded
        );
        // Giving up the wait makes room again.
        drop(second);
        drop(held);
        assert!(hasher.permit().await.is_ok());
    }
}
