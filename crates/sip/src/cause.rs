//! What a SIP status means to a call.

use crate::port::Cause;

/// The cause a leg ended with when its INVITE got this final status.
pub fn cause_of(status: u16) -> Cause {
    match status {
        486 | 600 => Cause::Busy,
        408 | 480 | 487 => Cause::NoAnswer,
        603 | 607 => Cause::Declined,
        _ => Cause::Failed,
    }
}

/// The status that tells an unanswered caller most truthfully why it failed; used where the engine names none.
pub fn status_of(cause: Cause) -> u16 {
    match cause {
        Cause::Busy => 486,
        Cause::Declined => 603,
        Cause::NoAnswer | Cause::PeerHungUp | Cause::WeHungUp => 480,
        Cause::Failed | Cause::Lost => 500,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_cause() {
        let expected = [
            (486, Cause::Busy),
            (600, Cause::Busy),
            (408, Cause::NoAnswer),
            (480, Cause::NoAnswer),
            (487, Cause::NoAnswer),
            (603, Cause::Declined),
            (607, Cause::Declined),
            (404, Cause::Failed),
            (503, Cause::Failed),
            (302, Cause::Failed),
        ];
        for (status, cause) in expected {
            assert_eq!(cause_of(status), cause, "{status}");
        }
    }

    #[test]
    fn a_refusal_means_the_same_to_the_other_side() {
        for cause in [Cause::Busy, Cause::Declined, Cause::NoAnswer, Cause::Failed] {
            assert_eq!(cause_of(status_of(cause)), cause);
        }
    }
}
