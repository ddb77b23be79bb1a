//! The names of all settings. Processes of a shop often share their variables, so each has to know the settings of the
//! others to find misspelt ones.

/// Every COMPTOIR_ variable that a process reads.
pub const NAMES: &[&str] = &[
    "COMPTOIR_ADMIN_ADDR",
    "COMPTOIR_ADMIN_EMAIL",
    "COMPTOIR_ADMIN_PASSWORD",
    "COMPTOIR_AUDIT_WAIT",
    "COMPTOIR_AUTH_ADDR",
    "COMPTOIR_AUTH_HASHES",
    "COMPTOIR_AUTH_KEY_ROTATION_HOURS",
    "COMPTOIR_AUTH_SESSION_DAYS",
    "COMPTOIR_AUTH_STORE",
    "COMPTOIR_AUTH_URL",
    "COMPTOIR_CATALOG_ADDR",
    "COMPTOIR_CATALOG_STORE",
    "COMPTOIR_CATALOG_URL",
    "COMPTOIR_CORS_ORIGINS",
    "COMPTOIR_DATA",
    "COMPTOIR_DATABASE_POOL",
    "COMPTOIR_DRAIN_DELAY",
    "COMPTOIR_DRAIN_LIMIT",
    "COMPTOIR_GATEWAY_URL",
    "COMPTOIR_HOSTS",
    "COMPTOIR_HTTP_ADDR",
    "COMPTOIR_KAFKA_PARTITIONS",
    "COMPTOIR_KAFKA_PREFIX",
    "COMPTOIR_KAFKA_PROPERTIES",
    "COMPTOIR_KAFKA_REPLICATION",
    "COMPTOIR_LIMIT_ALIASES",
    "COMPTOIR_LIMIT_BODY",
    "COMPTOIR_LIMIT_CALL",
    "COMPTOIR_LIMIT_CALL_IDLE",
    "COMPTOIR_LIMIT_CART_LINES",
    "COMPTOIR_LIMIT_CONNECTIONS",
    "COMPTOIR_LIMIT_CONNECTIONS_ADDRESS",
    "COMPTOIR_LIMIT_COST",
    "COMPTOIR_LIMIT_DEPTH",
    "COMPTOIR_LIMIT_DIRECTIVES",
    "COMPTOIR_LIMIT_DOCUMENT",
    "COMPTOIR_LIMIT_HASH_QUEUE",
    "COMPTOIR_LIMIT_HEADERS",
    "COMPTOIR_LIMIT_HEADER_READ",
    "COMPTOIR_LIMIT_HOLDS_ADDRESS",
    "COMPTOIR_LIMIT_IDLE",
    "COMPTOIR_LIMIT_IMPORT",
    "COMPTOIR_LIMIT_LINE_QUANTITY",
    "COMPTOIR_LIMIT_LIST",
    "COMPTOIR_LIMIT_LOGIN_ACCOUNT",
    "COMPTOIR_LIMIT_LOGIN_ADDRESS",
    "COMPTOIR_LIMIT_MAILS_ADDRESS",
    "COMPTOIR_LIMIT_MAILS_UNCONFIRMED",
    "COMPTOIR_LIMIT_PARAMETERS",
    "COMPTOIR_LIMIT_PICTURE",
    "COMPTOIR_LIMIT_REQUEST",
    "COMPTOIR_LIMIT_REQUESTS_ADDRESS",
    "COMPTOIR_LIMIT_REQUESTS_USER",
    "COMPTOIR_LIMIT_REQUEST_IMPORT",
    "COMPTOIR_LIMIT_SEARCH_QUERY",
    "COMPTOIR_LIMIT_SMS_DAY",
    "COMPTOIR_LIMIT_SMS_NUMBER",
    "COMPTOIR_LIMIT_STREAMS",
    "COMPTOIR_LIMIT_STREAMS_ADDRESS",
    "COMPTOIR_LIMIT_TOKENS",
    "COMPTOIR_LIMIT_URI",
    "COMPTOIR_LIMIT_WAITING_SEARCHES",
    "COMPTOIR_LIMIT_WRITE",
    "COMPTOIR_LOG",
    "COMPTOIR_MAIL_FROM",
    "COMPTOIR_MAIL_REPLY_TO",
    "COMPTOIR_NOTIFIER_ADDR",
    "COMPTOIR_NOTIFIER_ATTEMPTS",
    "COMPTOIR_NOTIFIER_SEND_RATE",
    "COMPTOIR_NOTIFIER_STORE",
    "COMPTOIR_NOTIFIER_URL",
    "COMPTOIR_NO_DEMO",
    "COMPTOIR_ORDERS_ADDR",
    "COMPTOIR_ORDERS_STORE",
    "COMPTOIR_ORDERS_URL",
    "COMPTOIR_PROFILE",
    "COMPTOIR_PUBLIC_URL",
    "COMPTOIR_RESPONSE_CACHE",
    "COMPTOIR_RESPONSE_CACHE_AGE",
    "COMPTOIR_RESPONSE_CACHE_BYTES",
    "COMPTOIR_REVALIDATE_SECRET",
    "COMPTOIR_REVALIDATE_URL",
    "COMPTOIR_SANDBOX_PAYMENTS",
    "COMPTOIR_SEARCHES",
    "COMPTOIR_SES_CERT_URL_PREFIX",
    "COMPTOIR_SES_CONFIGURATION_SET",
    "COMPTOIR_SES_TOPIC_ARN",
    "COMPTOIR_SHOP_FILE",
    "COMPTOIR_SMS_COUNTRIES",
    "COMPTOIR_STOREFRONT_URL",
    "COMPTOIR_TRUSTED_DOCUMENTS",
    "COMPTOIR_TRUSTED_PROXIES",
];

/// The edit distance of a misspelt name. A larger one may be another program's name: Kubernetes sets
/// `COMPTOIR_AUTH_PORT` for a service `comptoir-auth`, and an older program does not know every name of a newer one.
const SLIP: usize = 2;

/// COMPTOIR_ variables that are not settings.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct UnknownSettings {
    /// A misspelt name, and the setting that was probably meant.
    pub(crate) misspelt: Option<(String, &'static str)>,
    /// Other names: nothing reads them.
    pub(crate) unknown: Vec<String>,
}

/// Finds unknown settings among the names of variables.
pub(crate) fn unknown_settings(names: impl Iterator<Item = String>) -> UnknownSettings {
    let mut found = UnknownSettings::default();
    for name in names.filter(|name| name.starts_with("COMPTOIR_") && !NAMES.contains(&name.as_str())) {
        let meant = NAMES
            .iter()
            .find(|known| strsim::osa_distance(&name, known) <= SLIP);
        match meant {
            Some(meant) => found.misspelt = Some((name, meant)),
            None => found.unknown.push(name),
        }
    }
    found.unknown.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(name: &str) -> UnknownSettings {
        unknown_settings(std::iter::once(name.to_owned()))
    }

    #[test]
    fn a_slip_is_told_from_another_name() {
        for (slip, meant) in [
            ("COMPTOIR_HTTP_ADRR", "COMPTOIR_HTTP_ADDR"),
            ("COMPTOIR_HTPT_ADDR", "COMPTOIR_HTTP_ADDR"),
            (
                "COMPTOIR_LIMIT_REQUEST_ADDRESS",
                "COMPTOIR_LIMIT_REQUESTS_ADDRESS",
            ),
            ("COMPTOIR_KAFKA_PROPERTYS", "COMPTOIR_KAFKA_PROPERTIES"),
            ("COMPTOIR_PROFIL", "COMPTOIR_PROFILE"),
        ] {
            assert_eq!(look(slip).misspelt, Some((slip.to_owned(), meant)), "{slip}");
        }
        for service in ["", "_AUTH", "_CATALOG", "_ORDERS", "_NOTIFIER", "_GATEWAY"] {
            for end in [
                "PORT",
                "SERVICE_HOST",
                "SERVICE_PORT",
                "SERVICE_PORT_GRPC",
                "PORT_50051_TCP",
                "PORT_50051_TCP_ADDR",
                "PORT_50051_TCP_PORT",
                "PORT_50051_TCP_PROTO",
            ] {
                let name = format!("COMPTOIR{service}_{end}");
                assert_eq!(look(&name).misspelt, None, "{name}");
                assert_eq!(look(&name).unknown, [name]);
            }
        }
        for name in NAMES.iter().chain(&["MONGODB_URL", "PATH"]) {
            assert_eq!(look(name), UnknownSettings::default(), "{name}");
        }
    }
}
