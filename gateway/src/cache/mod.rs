//! What the gateway keeps of the catalogue: whole public answers by the bytes of their request, and the entities they are
//! made of. Both are tagged; catalogue events remove what they touch, and age removes the rest.
//!
//! A reading that began before an invalidation is never stored after it: see [`Tagged::put`].

mod entities;
mod listen;
mod responses;
mod shared;
mod tagged;

pub(crate) use entities::{Entities, EntityCache, Mark};
pub(crate) use listen::spawn;
pub(crate) use responses::Responses;
pub(crate) use shared::{SharedCache, Ticket};
pub(crate) use tagged::{Age, Tagged};
