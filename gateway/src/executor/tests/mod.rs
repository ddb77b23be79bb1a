//! What this module relies on in the library.
