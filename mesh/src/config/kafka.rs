//! Settings of Kafka, apart from its address.

use std::{fmt, str::FromStr};

use clap::Args;

/// The settings of topics and clients.
#[derive(Args, Debug, Clone)]
pub struct KafkaSettings {
    /// More properties of librdkafka, such as linger.ms=20,compression.type=lz4; a value with a comma is quoted
    #[arg(
        long = "kafka-properties",
        env = "COMPTOIR_KAFKA_PROPERTIES",
        default_value = "",
        hide_env_values = true,
        value_name = "KEY=VALUE,...",
        global = true
    )]
    pub properties: Properties,
    /// Partitions of topics that are created
    #[arg(long = "kafka-partitions", env = "COMPTOIR_KAFKA_PARTITIONS", default_value = "6",
        value_parser = clap::value_parser!(i32).range(1..=1000), value_name = "N", global = true)]
    pub partitions: i32,
    /// Replicas of topics that are created; unless set, the broker's default
    #[arg(long = "kafka-replication", env = "COMPTOIR_KAFKA_REPLICATION",
        value_parser = clap::value_parser!(i32).range(1..=100), value_name = "N", global = true)]
    pub replication: Option<i32>,
    /// Prefix of the names of topics and consumer groups, if several shops share the brokers
    #[arg(long = "kafka-prefix", env = "COMPTOIR_KAFKA_PREFIX", default_value = "",
        value_parser = prefix, value_name = "TEXT", global = true)]
    pub prefix: String,
}

impl Default for KafkaSettings {
    fn default() -> Self {
        Self {
            properties: Properties::default(),
            partitions: 6,
            replication: None,
            prefix: String::new(),
        }
    }
}

/// Properties of librdkafka that do not affect delivery guarantees.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(Vec<(String, String)>);

impl Properties {
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl fmt::Debug for Properties {
    /// Without the values: one may be a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(key, _)| key)).finish()
    }
}

impl FromStr for Properties {
    type Err = String;

    /// KEY=VALUE by commas. A value in double quotes may hold commas; a quote in it is written twice.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut properties = Vec::new();
        let mut rest = text.trim_start_matches(between);
        while !rest.is_empty() {
            // Nothing of the text is shown: it may be the rest of a password with a comma in it.
            let wrong = |what: &str| format!("number {} {what}", properties.len() + 1);
            let end = rest.find(['=', ',']).unwrap_or(rest.len());
            let (key, value) = rest.split_at(end);
            let value = value.strip_prefix('=').ok_or_else(|| wrong("is not KEY=VALUE"))?;
            let (value, behind) = match value.trim_start().strip_prefix('"') {
                Some(quoted) => unquoted(quoted).ok_or_else(|| wrong("has a quote that is not closed"))?,
                None => {
                    let (value, behind) = value.split_at(value.find(',').unwrap_or(value.len()));
                    (value.trim().to_owned(), behind)
                }
            };
            let behind = behind.trim_start();
            if !behind.is_empty() && !behind.starts_with(',') {
                return Err(wrong("goes on behind its closing quote"));
            }
            check(key.trim(), &value)?;
            properties.push((key.trim().to_owned(), value));
            rest = behind.trim_start_matches(between);
        }
        Ok(Self(properties))
    }
}

/// Whether the character separates properties.
fn between(letter: char) -> bool {
    letter == ',' || letter.is_whitespace()
}

/// The value up to its closing quote, and what is behind that.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let (before, behind) = rest.split_once('"')?;
        value.push_str(before);
        match behind.strip_prefix('"') {
            Some(behind) => {
                value.push('"');
                rest = behind;
            }
            None => return Some((value, behind)),
        }
    }
}

/// Refuses properties that could lose or skip acknowledged events.
fn check(key: &str, value: &str) -> Result<(), String> {
    let (allowed, why): (&[&str], _) = match key {
        "security.protocol" => return check_security(value),
        "acks" | "request.required.acks" => (
            &["all", "-1"],
            "an event counts as published once every replica in sync has it",
        ),
        "enable.idempotence" => (&["true"], "a retry must neither double nor overtake an event"),
        "enable.auto.commit" | "auto.commit.enable" | "enable.auto.offset.store" => {
            (&["false"], "an offset is committed after the effect")
        }
        "bootstrap.servers" | "metadata.broker.list" => (&[], "KAFKA_BROKERS names the brokers"),
        "auto.offset.reset"
        | "enable.partition.eof"
        | "group.id"
        | "group.instance.id"
        | "group.protocol"
        | "partition.assignment.strategy"
        | "partitioner"
        | "statistics.interval.ms"
        | "transactional.id" => (&[], "the program sets it"),
        _ => return Ok(()),
    };
    if allowed.contains(&value) {
        Ok(())
    } else {
        Err(format!("{key} cannot be {value}: {why}"))
    }
}

/// Whether this build supports the security protocol.
fn check_security(value: &str) -> Result<(), String> {
    if !cfg!(feature = "kafka-tls") && value.to_ascii_lowercase().ends_with("ssl") {
        let build = "make build FEATURES=comptoir-events/kafka-tls";
        return Err(format!(
            "security.protocol cannot be {value} in this build: {build} makes one with TLS"
        ));
    }
    Ok(())
}

fn prefix(text: &str) -> Result<String, String> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if text.len() <= 64 && text.bytes().all(legal) {
        Ok(text.to_owned())
    } else {
        Err("is not at most 64 letters, digits, dots, underscores and hyphens".to_owned())
    }
}

/// `KAFKA_BROKERS`, each HOST or HOST:PORT.
pub fn brokers(text: &str) -> anyhow::Result<String> {
    let mut brokers = Vec::new();
    for broker in text.split(',').map(str::trim).filter(|broker| !broker.is_empty()) {
        let port = broker.rsplit_once(':').map(|(_, port)| port);
        let nowhere = broker.starts_with(':') || port.is_some_and(|port| port.parse::<u16>().is_err());
        if nowhere || broker.contains('/') {
            anyhow::bail!("KAFKA_BROKERS: {broker} is not HOST:PORT");
        }
        brokers.push(broker);
    }
    anyhow::ensure!(
        !brokers.is_empty(),
        "KAFKA_BROKERS: it is set, and names no broker"
    );
    Ok(brokers.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_lose_events_is_refused() {
        for bad in [
            "acks=1",
            "acks=0",
            "linger.ms=5,request.required.acks=1",
            "enable.idempotence=false",
            "enable.auto.commit=true",
            "enable.auto.offset.store=true",
            "bootstrap.servers=elsewhere:9092",
            "group.id=mine",
            "acks",
        ] {
            assert!(bad.parse::<Properties>().is_err(), "{bad}");
        }
        let good = "acks=all, enable.idempotence=true,linger.ms=20,".parse::<Properties>();
        assert_eq!(good.unwrap().iter().count(), 3);
    }

    #[test]
    fn a_password_with_a_comma_stands_in_quotes() {
        let properties = |text: &str| {
            let properties = text.parse::<Properties>()?;
            let owned = properties
                .iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()));
            Ok::<_, String>(owned.collect::<Vec<_>>())
        };
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            properties(r#"sasl.username=shop, sasl.password="a,b=""c"" ",linger.ms=5"#),
            Ok(vec![
                pair("sasl.username", "shop"),
                pair("sasl.password", r#"a,b="c" "#),
                pair("linger.ms", "5"),
            ])
        );
        // As before: quotes inside a value that does not begin with one are of the value.
        assert_eq!(
            properties(r#"sasl.password=a"b=c\"#),
            Ok(vec![pair("sasl.password", r#"a"b=c\"#)])
        );
        for (bad, why) in [
            (
                r#"sasl.password="hunter2"#,
                "number 1 has a quote that is not closed",
            ),
            (
                r#"linger.ms=5,sasl.password="hunter2"x"#,
                "number 2 goes on behind its closing quote",
            ),
            ("sasl.password=a,hunter2", "number 2 is not KEY=VALUE"),
            ("sasl.password=a,hunter2,b=c", "number 2 is not KEY=VALUE"),
        ] {
            assert_eq!(properties(bad), Err(why.to_owned()), "{bad}");
        }
    }

    #[test]
    fn a_password_among_the_properties_is_not_shown() {
        let properties: Properties = "sasl.password=hunter2".parse().unwrap();
        assert_eq!(format!("{properties:?}"), r#"["sasl.password"]"#);
    }

    #[test]
    fn brokers_are_hosts_and_ports() {
        assert_eq!(brokers(" a:9092 ,b,").unwrap(), "a:9092,b");
        for bad in ["kafka://a:9092", "a:port", "a:70000", ":9092", "", ","] {
            let error = brokers(bad).unwrap_err().to_string();
            assert!(error.starts_with("KAFKA_BROKERS: "), "{error}");
        }
    }
}
