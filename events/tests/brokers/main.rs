//! What every broker promises, on the bus and, where `KAFKA_BROKERS` is set, on Kafka; and what Kafka alone promises.

mod contract;
mod group;
mod letters;
mod lost;
mod world;
