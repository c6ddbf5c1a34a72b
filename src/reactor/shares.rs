//! How many of a service's places one source has.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::net::{Peer, Source};

/// The places that each source has. It knows those that have one: as many as there are places, at most.
///
/// A client that is served at once takes no place. So as long as no source has its share, a visit costs nothing here.
#[derive(Default, Debug)]
pub(crate) struct Shares {
    /// The most for one source; 0 if there is no such limit, and nothing is counted.
    most: usize,
    sources: HashMap<Source, Share>,
    /// How many sources have their share.
    full: usize,
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

    /// Whether the source of a client has its share: then the client is to be refused. One whose source the kernel does not
    /// tell never is.
    #[inline]
    pub(crate) fn above(&mut self, peer: &Peer) -> Option<Above> {
        if self.full == 0 {
            return None;
        }
        let source = Source::of(peer)?;
        let share = self.sources.get_mut(&source).filter(|share| share.places >= self.most)?;
        Some(Above { source, is_news: !std::mem::replace(&mut share.said, true) })
    }

    /// A client takes a place.
    pub(crate) fn take(&mut self, peer: &Peer) {
        if self.most == 0 {
            return;
        }
        let Some(source) = Source::of(peer) else { return };
        let share = self.sources.entry(source).or_insert(Share { places: 0, said: false });
        share.places += 1;
        self.full += usize::from(share.places == self.most);
    }

    /// A client gives back the place that it took.
    pub(crate) fn give_back(&mut self, peer: &Peer) {
        if self.most == 0 {
            return;
        }
        let Some(source) = Source::of(peer) else { return };
        if let Entry::Occupied(mut share) = self.sources.entry(source) {
            self.full -= usize::from(share.get().places == self.most);
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

    /// A client comes, and takes a place unless it is above the share.
    fn come(shares: &mut Shares, peer: &Peer) -> Option<Above> {
        let above = shares.above(peer);
        if above.is_none() {
            shares.take(peer);
        }
        above
    }

    #[test]
    fn a_source_gets_its_share_and_no_other_loses_by_it() {
        let (one, other) = (peer("192.0.2.1:1000"), peer("192.0.2.2:1000"));
        let mut shares = Shares::of(2);
        assert_eq!((come(&mut shares, &one), come(&mut shares, &one)), (None, None));
        let source = Source::of(&one).unwrap();
        assert_eq!(come(&mut shares, &one), Some(Above { source, is_news: true }));
        assert_eq!(come(&mut shares, &one), Some(Above { source, is_news: false }));
        assert_eq!((come(&mut shares, &other), come(&mut shares, &other)), (None, None));
        shares.give_back(&one);
        assert_eq!(come(&mut shares, &one), None);
        assert_eq!(come(&mut shares, &one), Some(Above { source, is_news: false }), "the same episode");
    }

    #[test]
    fn a_source_without_a_place_is_forgotten() {
        let one = peer("192.0.2.1:1000");
        let mut shares = Shares::of(1);
        come(&mut shares, &one);
        assert!(come(&mut shares, &one).is_some());
        shares.give_back(&one);
        assert!(shares.sources.is_empty() && shares.full == 0);
        come(&mut shares, &one);
        assert!(come(&mut shares, &one).unwrap().is_news, "another episode");
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        let mut shares = Shares::default();
        assert!((0..100).all(|_| come(&mut shares, &peer("192.0.2.1:1000")).is_none()));
        assert!(shares.sources.is_empty());
    }

    #[test]
    fn who_has_no_source_is_not_held_to_a_share() {
        let mut shares = Shares::of(1);
        come(&mut shares, &peer("192.0.2.1:1000"));
        assert!((0..100).all(|_| come(&mut shares, &Peer::Unnamed).is_none()));
        shares.give_back(&Peer::Unnamed);
    }
}
