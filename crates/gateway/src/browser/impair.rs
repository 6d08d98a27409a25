//! A bad network for simulated customers: packets that are lost, evenly spread.

/// What is lost of 100 packets, in each direction.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Impairment {
    loss: u8,
    received: u8,
    sent: u8,
}

impl Impairment {
    /// Loses so many of 100 packets; 100 and more: all.
    pub fn of(loss: u8) -> Self {
        Self { loss: loss.min(ALL), received: 0, sent: 0 }
    }

    /// Whether the packet that has come is lost.
    pub fn loses_received(&mut self) -> bool {
        loses(self.loss, &mut self.received)
    }

    /// Whether the packet that is to go is lost.
    pub fn loses_sent(&mut self) -> bool {
        loses(self.loss, &mut self.sent)
    }
}

/// What is owed grows with every packet; at a whole one, a packet pays.
fn loses(loss: u8, owed: &mut u8) -> bool {
    *owed += loss;
    let lost = *owed >= ALL;
    if lost {
        *owed -= ALL;
    }
    lost
}

const ALL: u8 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_hundred_packets_so_many_are_lost_each_way_and_none_without() {
        for loss in [0, 1, 5, 50, 99, 100, 255] {
            let mut network = Impairment::of(loss);
            let received = (0..100).filter(|_| network.loses_received()).count();
            let sent = (0..100).filter(|_| network.loses_sent()).count();
            assert_eq!((received, sent), (usize::from(loss.min(100)), usize::from(loss.min(100))), "{loss}");
        }
    }

    #[test]
    fn losses_are_spread_evenly() {
        let mut network = Impairment::of(5);
        let lost: Vec<usize> = (1..=60).filter(|_| network.loses_received()).collect();
        assert_eq!(lost, [20, 40, 60]);
    }
}
