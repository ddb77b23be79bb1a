//! Accounts in SQLite.

use async_trait::async_trait;
use comptoir_mesh::error::Error;
use comptoir_stores::sqlite::micros;
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::{Row, Sqlite, column, decode_row, decode_rows, encode, is_taken, optional_micros};
use crate::domain::user::{Role, User};
use crate::store::{AccessChange, AccessOutcome, AdminOutcome, UserPage, UserQuery, Users};

#[async_trait]
impl Users for Sqlite {
    async fn user(&self, id: &str) -> Result<Option<User>, Error> {
        let row = sqlx::query_as("SELECT document FROM users WHERE id = ?")
            .bind(id)
            .fetch_optional(self.db.reader())
            .await?;
        decode_row(row)
    }

    async fn user_by_email(&self, email_key: &str) -> Result<Option<User>, Error> {
        let row = sqlx::query_as("SELECT document FROM users WHERE email_key = ?")
            .bind(email_key)
            .fetch_optional(self.db.reader())
            .await?;
        decode_row(row)
    }

    async fn users(&self, ids: &[String]) -> Result<Vec<User>, Error> {
        let ids = encode(&ids)?;
        let rows: Vec<Row> =
            sqlx::query_as("SELECT document FROM users WHERE id IN (SELECT value FROM json_each(?))")
                .bind(ids)
                .fetch_all(self.db.reader())
                .await?;
        decode_rows(&rows)
    }

    async fn list_users(&self, query: UserQuery) -> Result<UserPage, Error> {
        let (created_at, id) = query.after.map_or((i64::MAX, String::new()), |(created_at, id)| {
            (micros(created_at), id)
        });
        // instr takes the text literally, where LIKE would read % and _ in it.
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT document FROM users
             WHERE (created_at, id) < (?1, ?2) AND (?3 = '' OR instr(search, ?3) > 0)
             ORDER BY created_at DESC, id DESC LIMIT ?4",
        )
        .bind(created_at)
        .bind(id)
        .bind(&query.text)
        .bind(i64::from(query.limit) + 1)
        .fetch_all(self.db.reader())
        .await?;
        let total: i64 =
            sqlx::query_scalar("SELECT count(*) FROM users WHERE ?1 = '' OR instr(search, ?1) > 0")
                .bind(&query.text)
                .fetch_one(self.db.reader())
                .await?;
        let mut users: Vec<User> = decode_rows(&rows)?;
        let more = users.len() > query.limit as usize;
        users.truncate(query.limit as usize);
        Ok(UserPage {
            users,
            more,
            total: u64::try_from(total).unwrap_or(0),
        })
    }

    async fn save_user(&self, user: User) -> Result<Option<User>, Error> {
        self.db
            .write(move |tx| Box::pin(async move { replace(tx, user).await.map(Written::done) }))
            .await
    }

    async fn change_access(
        &self,
        user_id: &str,
        change: AccessChange,
        now: Timestamp,
    ) -> Result<AccessOutcome, Error> {
        let user_id = user_id.to_owned();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let Some(mut user) = read(tx, &user_id).await? else {
                        return Ok(AccessOutcome::Unknown);
                    };
                    let was_admin = user.is_active_admin();
                    match change {
                        AccessChange::Role(role) => user.set_access(role, user.active, now),
                        AccessChange::Active(active) => user.set_access(user.role, active, now),
                    }
                    if was_admin && !user.is_active_admin() && admins_besides(tx, &user_id).await? == 0 {
                        return Ok(AccessOutcome::LastAdmin);
                    }
                    match replace(tx, user).await?.done() {
                        Some(user) => Ok(AccessOutcome::Done(Box::new(user))),
                        None => Ok(AccessOutcome::Unknown),
                    }
                })
            })
            .await
    }

    async fn has_admin(&self) -> Result<bool, Error> {
        let mut connection = self.db.reader().acquire().await?;
        Ok(admins_besides(&mut connection, "").await? > 0)
    }

    async fn ensure_admin(&self, user: User, now: Timestamp) -> Result<AdminOutcome, Error> {
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    if admins_besides(tx, "").await? > 0 {
                        return Ok(AdminOutcome::Present);
                    }
                    let known = sqlx::query_as("SELECT document FROM users WHERE email_key = ?")
                        .bind(&user.email_key)
                        .fetch_optional(&mut *tx)
                        .await?;
                    match decode_row::<User>(known)? {
                        Some(mut known) => {
                            known.set_password(user.password, None, now);
                            known.set_access(user.role, true, now);
                            replace(tx, known).await?;
                        }
                        None => {
                            insert(tx, &user).await?;
                        }
                    }
                    Ok(AdminOutcome::Made)
                })
            })
            .await
    }
}

/// The result of writing a user.
pub(super) enum Written {
    Done(Box<User>),
    /// Another account has the address.
    AddressTaken,
    /// The write lost to another one.
    Conflict,
}

impl Written {
    fn done(self) -> Option<User> {
        match self {
            Self::Done(user) => Some(*user),
            Self::AddressTaken | Self::Conflict => None,
        }
    }
}

async fn read(tx: &mut SqliteConnection, id: &str) -> Result<Option<User>, Error> {
    decode_row(
        sqlx::query_as("SELECT document FROM users WHERE id = ?")
            .bind(id)
            .fetch_optional(tx)
            .await?,
    )
}

/// Active administrators other than `id`.
async fn admins_besides(tx: &mut SqliteConnection, id: &str) -> Result<i64, Error> {
    Ok(
        sqlx::query_scalar("SELECT count(*) FROM users WHERE role = 'ADMIN' AND active = 1 AND id <> ?")
            .bind(id)
            .fetch_one(tx)
            .await?,
    )
}

/// Inserts an account.
pub(super) async fn insert(tx: &mut SqliteConnection, user: &User) -> Result<Written, Error> {
    let inserted = sqlx::query(
        "INSERT INTO users (id, version, email_key, role, active, created_at, revoked_at, search, document)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&user.id)
    .bind(column(user.version))
    .bind(&user.email_key)
    .bind(encode_role(user.role))
    .bind(user.active)
    .bind(micros(user.created_at))
    .bind(optional_micros(user.tokens_revoked_at))
    .bind(search_text(user))
    .bind(encode(user)?)
    .execute(tx)
    .await;
    match inserted {
        Ok(_) => Ok(Written::Done(Box::new(user.clone()))),
        Err(error) if is_taken(&error) => Ok(Written::AddressTaken),
        Err(error) => Err(error.into()),
    }
}

/// Replaces the account if the stored version is that of `user`, and increments the version.
pub(super) async fn replace(tx: &mut SqliteConnection, mut user: User) -> Result<Written, Error> {
    let expected = user.version;
    user.version += 1;
    let update = sqlx::query(
        "UPDATE users SET version = ?, email_key = ?, role = ?, active = ?, revoked_at = ?, search = ?, document = ?
         WHERE id = ? AND version = ?",
    )
    .bind(column(user.version))
    .bind(user.email_key.clone())
    .bind(encode_role(user.role))
    .bind(user.active)
    .bind(optional_micros(user.tokens_revoked_at))
    .bind(search_text(&user))
    .bind(encode(&user)?)
    .bind(user.id.clone())
    .bind(column(expected));
    match update.execute(tx).await {
        Ok(done) if done.rows_affected() == 1 => Ok(Written::Done(Box::new(user))),
        Ok(_) => Ok(Written::Conflict),
        Err(error) if is_taken(&error) => Ok(Written::AddressTaken),
        Err(error) => Err(error.into()),
    }
}

/// Address and names, as text to search in.
fn search_text(user: &User) -> String {
    let names = [
        user.profile.first_name.as_deref(),
        user.profile.last_name.as_deref(),
    ];
    let names = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
    format!("{}\n{}", user.email_key, names.to_lowercase())
}

/// A role as a column.
fn encode_role(role: Role) -> &'static str {
    match role {
        Role::Customer => "CUSTOMER",
        Role::Staff => "STAFF",
        Role::Admin => "ADMIN",
    }
}
