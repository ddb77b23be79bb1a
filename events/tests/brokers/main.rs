//! What every broker must hold, on the bus and, if `KAFKA_BROKERS` is set, on Kafka; and what holds for Kafka only.

mod contract;
mod dead_letters;
mod group;
mod lost;
mod world;
