//! The states of an order, and the table of their transitions.

use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_proto::orders::v1 as proto;
use serde::{Deserialize, Serialize};

/// The state of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// Being completed, or awaiting an action of the buyer's bank.
    PendingPayment,
    /// Authorised and sold; the buyer has the answer.
    Placed,
    /// Captured.
    Confirmed,
    /// Every unit delivered.
    Completed,
    /// Cancelled: no units reserved, no money kept.
    Canceled,
    /// Never placed: no units reserved, no money kept.
    Failed,
}

/// Every allowed transition. Others are refused, with the allowed ones in the message.
pub(crate) const TRANSITIONS: &[(State, &[State])] = &[
    (
        State::PendingPayment,
        &[State::Placed, State::Failed, State::Canceled],
    ),
    (State::Placed, &[State::Confirmed, State::Canceled]),
    (State::Confirmed, &[State::Completed, State::Canceled]),
    (State::Completed, &[]),
    (State::Canceled, &[]),
    (State::Failed, &[]),
];

impl State {
    /// Every state.
    pub const ALL: [Self; 6] = [
        Self::PendingPayment,
        Self::Placed,
        Self::Confirmed,
        Self::Completed,
        Self::Canceled,
        Self::Failed,
    ];

    /// The states that can follow.
    pub fn next(self) -> &'static [Self] {
        TRANSITIONS
            .iter()
            .find(|(from, _)| *from == self)
            .map_or(&[], |(_, to)| to)
    }

    /// Whether it is final.
    pub fn is_final(self) -> bool {
        self.next().is_empty()
    }

    /// Its name in stores and for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::PendingPayment => "PENDING_PAYMENT",
            Self::Placed => "PLACED",
            Self::Confirmed => "CONFIRMED",
            Self::Completed => "COMPLETED",
            Self::Canceled => "CANCELED",
            Self::Failed => "FAILED",
        }
    }

    /// Refuses a transition that is not in the table.
    pub fn check(self, to: Self) -> Result<(), Error> {
        if self.next().contains(&to) {
            return Ok(());
        }
        Err(self.refuse(&format!("become {}", to.name())))
    }

    /// An INVALID_STATE with the present state, the requested one, and the allowed ones.
    pub fn refuse(self, wanted: &str) -> Error {
        let allowed = match self.next() {
            [] => "it stays so for good".to_owned(),
            states => {
                let names: Vec<_> = states.iter().map(|state| state.name()).collect();
                format!("from there it can become {}", names.join(", "))
            }
        };
        Error::new(
            ErrorReason::InvalidState,
            format!("An order that is {} cannot {wanted}; {allowed}.", self.name()),
        )
    }
}

impl From<State> for proto::OrderState {
    fn from(state: State) -> Self {
        match state {
            State::PendingPayment => Self::PendingPayment,
            State::Placed => Self::Placed,
            State::Confirmed => Self::Confirmed,
            State::Completed => Self::Completed,
            State::Canceled => Self::Canceled,
            State::Failed => Self::Failed,
        }
    }
}

impl State {
    /// The state of a request's filter; `None` for the unspecified one.
    pub fn from_proto(state: proto::OrderState) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|known| proto::OrderState::from(*known) == state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_every_state_once() {
        for state in State::ALL {
            assert_eq!(
                TRANSITIONS.iter().filter(|(from, _)| *from == state).count(),
                1,
                "{state:?}"
            );
        }
    }

    #[test]
    fn nothing_leaves_a_final_state_and_nothing_enters_the_first() {
        for from in State::ALL {
            assert!(from.check(State::PendingPayment).is_err(), "{from:?}");
            assert!(from.check(from).is_err(), "{from:?} does not repeat");
        }
        for last in [State::Completed, State::Canceled, State::Failed] {
            assert!(last.is_final());
        }
    }

    #[test]
    fn an_illegal_transition_says_from_to_and_what_is_allowed() {
        let error = State::Placed.check(State::Completed).unwrap_err();
        assert_eq!(error.reason(), ErrorReason::InvalidState);
        assert_eq!(
            error.message(),
            "An order that is PLACED cannot become COMPLETED; from there it can become CONFIRMED, CANCELED."
        );
        let error = State::Failed.check(State::Placed).unwrap_err();
        assert!(
            error.message().ends_with("it stays so for good."),
            "{}",
            error.message()
        );
    }
}
