#![doc = include_str!("../README.md")]

pub mod migrations;
pub mod mongo;
pub mod sqlite;
