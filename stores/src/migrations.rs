//! Migrations that are part of the binary. `sqlx::migrate!` would do the same, but compiles sqlx and SQLite a second time, for
//! the compiler's own use.

use std::borrow::Cow;

use sqlx::{
    SqlStr,
    migrate::{Migration, MigrationType, Migrator},
};

/// A [`Migrator`] of files in the crate's `migrations` folder: `migrations!("sqlite": "0001_carts", "0002_discounts")`.
#[macro_export]
macro_rules! migrations {
    ($folder:literal: $($name:literal),+ $(,)?) => {
        $crate::migrations::embedded(&[$((
            $name,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/", $folder, "/", $name, ".sql")),
        )),+])
    };
}

/// Migrations by name (`VERSION_DESCRIPTION`) and SQL.
///
/// # Panics
///
/// When a name has another form.
pub fn embedded(files: &[(&'static str, &'static str)]) -> Migrator {
    let migrations = files.iter().map(|(name, sql)| {
        let (version, description) = name
            .split_once('_')
            .and_then(|(version, description)| Some((version.parse().ok()?, description)))
            .unwrap_or_else(|| panic!("{name} is not VERSION_DESCRIPTION"));
        Migration::new(
            version,
            description.replace('_', " ").into(),
            MigrationType::Simple,
            SqlStr::from_static(sql),
            false,
        )
    });
    Migrator {
        migrations: Cow::Owned(migrations.collect()),
        ..Migrator::DEFAULT
    }
}

/// Declares a struct that is read from a row by the names of its columns, as `#[derive(sqlx::FromRow)]` would.
#[macro_export]
macro_rules! from_row {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty),* $(,)? }) => {
        $(#[$meta])*
        $vis struct $name { $($(#[$field_meta])* $field_vis $field: $type),* }

        impl<'r, R: sqlx::Row> sqlx::FromRow<'r, R> for $name
        where
            &'static str: sqlx::ColumnIndex<R>,
            $($type: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>),*
        {
            fn from_row(row: &'r R) -> sqlx::Result<Self> {
                Ok(Self { $($field: row.try_get(stringify!($field))?),* })
            }
        }
    };
}
