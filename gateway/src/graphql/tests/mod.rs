//! The schema executed over fake services: what is called, what comes out, what refusals become.

mod answering;
mod catalogue;
mod checkout;
#[path = "../../../tests/service/support/fakes.rs"]
#[expect(dead_code, reason = "the tests of the edge use the rest")]
mod fakes;
mod following;
mod gateway;
mod masks;
mod objects;
mod refusing;
mod samples;
mod seeing;
