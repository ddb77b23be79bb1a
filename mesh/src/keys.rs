//! Keeps the verifier's keys and revocations as auth has them.

use std::time::Duration;

use comptoir_proto::auth::v1::{
    GetJwksRequest, ListRevocationsRequest, auth_service_client::AuthServiceClient,
};

use crate::{channel::Channel, env::Env, identity::Verifier};

const REFRESH: Duration = Duration::from_secs(10);

/// Asks auth for keys and revocations now and every 10 s until the process drains. Returns after the first answer, or when
/// auth does not answer in time: tokens are refused until it does.
pub async fn keep_fresh(env: &Env, auth: Channel) {
    let verifier = env.verifier.clone();
    let client = AuthServiceClient::new(auth);
    if let Err(error) = ask(&verifier, client.clone()).await {
        tracing::warn!(error.cause = %error, "auth does not answer yet; tokens are refused until it does");
    }
    let shutdown = env.shutdown.clone();
    env.tasks.spawn("verifier", async move {
        let mut wait = REFRESH;
        while shutdown
            .run_until_cancelled(tokio::time::sleep(wait))
            .await
            .is_some()
        {
            wait = match ask(&verifier, client.clone()).await {
                Ok(()) => REFRESH,
                Err(error) => {
                    tracing::warn!(error.cause = %error, "auth does not answer");
                    Duration::from_secs(1)
                }
            };
        }
    });
}

async fn ask(verifier: &Verifier, mut client: AuthServiceClient<Channel>) -> Result<(), tonic::Status> {
    let keys = client.get_jwks(GetJwksRequest {}).await?.into_inner().keys;
    let revocations = client
        .list_revocations(ListRevocationsRequest {})
        .await?
        .into_inner()
        .revocations;
    verifier.set_keys(&keys);
    verifier.set_revocations(&revocations);
    Ok(())
}
