//! Caches of catalogue data: whole public answers by their request, and the entities that answers are made of. Entries have
//! tags. Catalogue events invalidate them by tag, and all of them expire.
//!
//! A value whose read began before an invalidation is never stored after it: see [`MemoryCache::put`].

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
