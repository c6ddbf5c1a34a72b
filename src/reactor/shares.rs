//! How many of a service's places one source has.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::net::{Peer, Source};

/// The places that each source has. It knows those that have one: as many as there are places, at most.
#[derive(Default, Debug)]
pub(crate) struct Shares {
    /// The most for one source; 0 if there is no such limit, and nothing is counted.
    most: usize,
    sources: HashMap<Source, Share>,
}

#[derive(Debug)]
struct Share {
    places: usize,
    /// Whether it has been said that this source has all that it may. It is said again once it has had none.
    said: bool,
}

/// A source has its share of the places.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Above {
    pub(crate) source: Source,
    /// Whether this is to be said.
    pub(crate) is_news: bool,
}

impl Shares {
    /// At most so many places for each source; 0 is no limit.
    pub(crate) fn of(most: usize) -> Shares {
        Shares { most, ..Shares::default() }
    }

    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// A client takes a place. One whose source the kernel does not tell is not held to a share.
    ///
    /// Fails if its source has its share.
    #[inline]
    pub(crate) fn take(&mut self, peer: &Peer) -> Result<(), Above> {
        if self.most == 0 {
            return Ok(());
        }
        let Some(source) = Source::of(peer) else { return Ok(()) };
        let share = self.sources.entry(source).or_insert(Share { places: 0, said: false });
        if share.places >= self.most {
            return Err(Above { source, is_news: !std::mem::replace(&mut share.said, true) });
        }
        share.places += 1;
        Ok(())
    }

    /// A client gives back the place that it took.
    #[inline]
    pub(crate) fn give_back(&mut self, peer: &Peer) {
        if self.most == 0 {
            return;
        }
        let Some(source) = Source::of(peer) else { return };
        if let Entry::Occupied(mut share) = self.sources.entry(source) {
            share.get_mut().places -= 1;
            if share.get().places == 0 {
                share.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn peer(address: &str) -> Peer {
        Peer::Inet(address.parse::<SocketAddr>().unwrap())
    }

    #[test]
    fn a_source_gets_its_share_and_no_other_loses_by_it() {
        let (one, other) = (peer("192.0.2.1:1000"), peer("192.0.2.2:1000"));
        let mut shares = Shares::of(2);
        assert_eq!((shares.take(&one), shares.take(&one)), (Ok(()), Ok(())));
        let source = Source::of(&one).unwrap();
        assert_eq!(shares.take(&one), Err(Above { source, is_news: true }));
        assert_eq!(shares.take(&one), Err(Above { source, is_news: false }));
        assert_eq!(shares.take(&other), Ok(()));
        shares.give_back(&one);
        assert_eq!(shares.take(&one), Ok(()));
        assert_eq!(shares.take(&one), Err(Above { source, is_news: false }), "the same episode");
    }

    #[test]
    fn a_source_without_a_place_is_forgotten() {
        let one = peer("192.0.2.1:1000");
        let mut shares = Shares::of(1);
        shares.take(&one).unwrap();
        shares.take(&one).unwrap_err();
        shares.give_back(&one);
        assert!(shares.sources.is_empty());
        shares.take(&one).unwrap();
        assert!(shares.take(&one).unwrap_err().is_news, "another episode");
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        let mut shares = Shares::default();
        (0..100).for_each(|_| shares.take(&peer("192.0.2.1:1000")).unwrap());
        assert!(shares.sources.is_empty());
    }

    #[test]
    fn who_has_no_source_is_not_held_to_a_share() {
        let mut shares = Shares::of(1);
        (0..100).for_each(|_| shares.take(&Peer::Unnamed).unwrap());
        shares.give_back(&Peer::Unnamed);
    }
}
