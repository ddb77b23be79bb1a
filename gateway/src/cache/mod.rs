//! What the gateway keeps of the catalogue: whole public answers by the bytes of their request, and the entities they are
//! made of. Both are tagged; catalogue events remove what they touch, and age removes the rest.
//!
//! A reading that began before an invalidation is never stored after it: see [`MemoryCache::put`].

mod entities;
mod listen;
mod memory;
mod responses;
mod shared;

pub(crate) use entities::{Entities, EntityCache, Mark};
pub(crate) use listen::{Caches, spawn};
use memory::Age;
pub(crate) use memory::MemoryCache;
pub(crate) use responses::{Loaded, Responses};
pub(crate) use shared::{SharedCache, SharedMark};
