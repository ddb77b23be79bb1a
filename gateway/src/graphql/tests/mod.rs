//! The schema executed over fake services: what is called, what comes out, what refusals become.

mod answering;
mod catalogue;
mod checkout;
mod fakes;
mod following;
mod masks;
mod objects;
mod refusing;
mod samples;
mod seeing;
