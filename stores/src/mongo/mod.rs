//! MongoDB, as the services use it: compare-and-set of single documents, by majority. No transactions, no change
//! streams.

use std::time::Duration;

use mongodb::{
    Client, Database,
    bson::doc,
    error::{Error, ErrorKind, WriteFailure},
    options::{
        Acknowledgment, ClientOptions, ReadConcern, ReadConcernLevel, SelectionCriteria, WriteConcern,
    },
};

use comptoir_mesh::{
    env::ServerUrl,
    error::is_transient,
    start::{Unusable, reach},
};

pub use self::lease::Lease;

mod lease;

/// How long an operation looks for a server: callers have deadlines, and retry.
const SELECTION: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(2);
/// How long a write waits for a majority; without a limit it would hold its connection for ever. A write that was not
/// acknowledged may be stored all the same, and is retried.
const MAJORITY: Duration = Duration::from_secs(5);
const POOL: u32 = 64;

/// Connects, and waits until the server answers. Reads and writes are by majority, even if the URL does not say so; a
/// URL that asks for less is refused, since acknowledged writes could be lost.
pub async fn open(server: &ServerUrl) -> anyhow::Result<Database> {
    let setting = &server.setting;
    let wrong = |error: &dyn std::fmt::Display| anyhow::anyhow!("{setting}: {error}");
    let url = server.url.reveal();
    let mut options = match ClientOptions::parse(url).await {
        Ok(options) => options,
        // The driver would show the part that it cannot read, which may be part of the password.
        Err(_) if url.contains('@') => {
            return Err(wrong(
                &"is no MongoDB URL; in a user or password / @ : % are written %2F %40 %3A %25",
            ));
        }
        Err(error) => return Err(wrong(&error)),
    };
    durable(&mut options).map_err(|error| wrong(&error))?;
    options
        .app_name
        .get_or_insert_with(|| server.default_database.clone());
    options.server_selection_timeout.get_or_insert(SELECTION);
    options.connect_timeout.get_or_insert(CONNECT);
    options.max_pool_size.get_or_insert(POOL);
    let database = server
        .database
        .clone()
        .or_else(|| options.default_database.clone())
        .unwrap_or_else(|| server.default_database.clone());
    let database = Client::with_options(options)
        .map_err(|error| wrong(&error))?
        .database(&database);
    reach(setting, || async {
        match database.run_command(doc! { "ping": 1 }).await {
            Ok(_) => Ok(()),
            Err(error) if is_transient(&error) => Err(Unusable::Away(error.into())),
            Err(error) => Err(Unusable::Wrong(error.into())),
        }
    })
    .await?;
    Ok(database)
}

/// Sets the concerns that keep acknowledged writes, and refuses weaker ones.
fn durable(options: &mut ClientOptions) -> Result<(), &'static str> {
    if let Some(concern) = &options.write_concern {
        if concern.w.as_ref().is_some_and(|w| *w != Acknowledgment::Majority) {
            return Err("writes have to be acknowledged by a majority: w=majority, or no w at all");
        }
        if concern.journal == Some(false) {
            return Err("writes have to be in the journal: journal=true, or no journal at all");
        }
    }
    if let Some(concern) = &options.read_concern
        && !matches!(
            concern.level,
            ReadConcernLevel::Majority | ReadConcernLevel::Linearizable
        )
    {
        return Err("reads have to be of what a majority has: readConcernLevel=majority, or none at all");
    }
    if let Some(SelectionCriteria::ReadPreference(preference)) = &options.selection_criteria
        && *preference != mongodb::options::ReadPreference::Primary
    {
        return Err("reads have to be the primary's: readPreference=primary, or none at all");
    }
    let timeout = options.write_concern.take().and_then(|concern| concern.w_timeout);
    let mut concern = WriteConcern::majority();
    concern.journal = Some(true);
    concern.w_timeout = timeout.or(Some(MAJORITY));
    options.write_concern = Some(concern);
    options.read_concern.get_or_insert_with(ReadConcern::majority);
    Ok(())
}

/// The name of the unique index that a write violated; `_id_` is the index of ids.
pub fn is_duplicate(error: &Error) -> Option<String> {
    let message = match error.kind.as_ref() {
        ErrorKind::Write(WriteFailure::WriteError(failure)) if failure.code == 11000 => &failure.message,
        ErrorKind::Command(failure) if failure.code == 11000 => &failure.message,
        ErrorKind::InsertMany(failure) => {
            let failure = failure
                .write_errors
                .as_ref()?
                .iter()
                .find(|failure| failure.code == 11000)?;
            &failure.message
        }
        _ => return None,
    };
    let name = message.split("index: ").nth(1)?;
    Some(name.split_whitespace().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refusal(query: &str) -> Option<&'static str> {
        let mut options = ClientOptions::parse(format!("mongodb://127.0.0.1/?{query}"))
            .await
            .expect("the URL is one");
        durable(&mut options).err()
    }

    #[tokio::test]
    async fn what_could_lose_an_acknowledged_write_is_refused() {
        for wrong in [
            "w=1",
            "w=0",
            "journal=false",
            "readConcernLevel=local",
            "readPreference=secondary",
        ] {
            assert!(refusal(wrong).await.is_some(), "{wrong}");
        }
        for right in [
            "",
            "w=majority",
            "journal=true",
            "readConcernLevel=majority",
            "readPreference=primary",
        ] {
            assert_eq!(refusal(right).await, None, "{right}");
        }
    }

    #[tokio::test]
    async fn a_write_does_not_wait_for_a_majority_without_end() {
        let mut options = ClientOptions::parse("mongodb://127.0.0.1/?w=majority")
            .await
            .expect("the URL is one");
        durable(&mut options).expect("nothing is wrong with it");
        let concern = options.write_concern.expect("it was set");
        assert_eq!(concern.w_timeout, Some(MAJORITY));
    }

    #[tokio::test]
    async fn a_majority_is_asked_for_unless_the_url_says_so_already() {
        let mut options = ClientOptions::parse("mongodb://127.0.0.1/?wtimeoutMS=500")
            .await
            .expect("the URL is one");
        durable(&mut options).expect("nothing is wrong with it");
        let concern = options.write_concern.expect("it was set");
        assert_eq!(concern.w, Some(Acknowledgment::Majority));
        assert_eq!(concern.journal, Some(true));
        assert_eq!(concern.w_timeout, Some(Duration::from_millis(500)));
        assert_eq!(
            options.read_concern.map(|concern| concern.level),
            Some(ReadConcernLevel::Majority)
        );
    }
}
