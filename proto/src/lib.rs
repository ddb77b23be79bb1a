//! The contracts between the services: messages, clients and servers generated from the protos of this folder, and their
//! descriptor set.

#![expect(clippy::all, reason = "generated code")]

pub mod auth {
    //! Users, sessions and keys.
    pub mod v1 {
        tonic::include_proto!("comptoir.auth.v1");
    }
}

pub mod catalog {
    //! Products, categories, search and stock.
    pub mod v1 {
        tonic::include_proto!("comptoir.catalog.v1");
    }
}

pub mod notifier {
    //! Mails and text messages.
    pub mod v1 {
        tonic::include_proto!("comptoir.notifier.v1");
    }
}

pub mod orders {
    //! Carts, discounts, orders and payments.
    pub mod v1 {
        tonic::include_proto!("comptoir.orders.v1");
    }
}

pub mod r#type {
    //! What all contracts share.
    pub mod v1 {
        tonic::include_proto!("comptoir.r#type.v1");
    }
}

pub use r#type::v1 as types;

/// The encoded `FileDescriptorSet` of every contract, for reflection and for tests that walk it.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/comptoir.binpb"));
