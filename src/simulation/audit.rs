//! Counts as an exact sum: every accepted client under one outcome, and each outcome explained.

use std::fmt;

use super::client::Client;
use super::promises::{Broken, Promise};
use super::transcript::Transcript;
use super::world::World;
use crate::machine::Table;
use crate::reactor::Counts;

/// The counts of the services, held to what happened to their clients.
pub struct Audit<'a> {
    world: &'a World,
    /// The number of the service that is next.
    next: u8,
    /// How many services come before those that the present subject knows.
    before: u8,
    pub(super) result: Result<(), Broken>,
}

/// The clients that the same set of outcomes explains, by their numbers.
struct Alike {
    outcomes: u32,
    clients: Vec<usize>,
}

/// How many clients are named of those that are alike.
const NAMED: usize = 8;

impl<'a> Audit<'a> {
    pub(super) fn new(world: &'a World) -> Audit<'a> {
        Audit { world, next: 0, before: 0, result: Ok(()) }
    }

    /// How many services the audit has been told of.
    pub(super) fn services(&self) -> u8 {
        self.next
    }

    pub(super) fn beside(&mut self, count: u8, rest: impl FnOnce(&mut Self)) {
        self.before += count;
        rest(self);
        self.before -= count;
    }

    /// Checks the counts of the next service. `explains` says whether what happened to a client explains that it is
    /// counted under this outcome. It has to be as narrow as what is known of the client allows.
    ///
    /// There has to be a way to give each accepted client one outcome that is explained, such that each outcome is
    /// given as often as it is counted. A client whose stream the loop has not closed can be open.
    ///
    /// # Panics
    ///
    /// If the table has more than 16 outcomes: all sets of them are gone over.
    pub fn service<T: Table>(
        &mut self,
        counts: &Counts<T>,
        explains: impl Fn(T::Outcome, &Transcript<'_>) -> bool,
    ) {
        let service = self.next;
        self.next += 1;
        let result = self.check(service, counts, explains);
        if self.result.is_ok() {
            self.result = result;
        }
    }

    fn check<T: Table>(
        &self,
        service: u8,
        counts: &Counts<T>,
        explains: impl Fn(T::Outcome, &Transcript<'_>) -> bool,
    ) -> Result<(), Broken> {
        assert!(T::outcomes().count() <= 16, "a table may have 16 outcomes where its counts are explained");
        if counts.broken() > 0 {
            let how = format!("a conversation was ended because the service broke the law; {counts}");
            return Err(Broken::new(Promise::Law, how));
        }
        let wrong =
            |how: String| Err(Broken::new(Promise::Counts, format!("service {service}: {how}; {counts}")));
        let alike = match self.explained::<T>(service, explains) {
            Ok(alike) => alike,
            Err(how) => return wrong(how),
        };
        let above = |client: &&Client| client.service == service && client.above_share;
        let refused = self.world.clients.iter().filter(above).count();
        let clients = alike.iter().map(|alike| alike.clients.len()).sum::<usize>() + refused;
        if (counts.accepted(), counts.refused()) != (clients as u64, refused as u64) {
            return wrong(format!("{clients} were accepted, and {refused} of them were to be refused"));
        }
        let of_service = |of_each: &[u64]| of_each[usize::from(service)];
        let (errors, pauses) = (of_service(&self.world.accept_errors), of_service(&self.world.pauses));
        if (counts.accept_errors(), counts.pauses()) != (errors, pauses) {
            return wrong(format!("there were {errors} accept errors and {pauses} pauses"));
        }
        let mut numbers: Vec<u64> = T::outcomes().map(|outcome| counts.outcome(outcome)).collect();
        numbers.push(counts.open());
        let Some((outcomes, counted, possible)) = unexplained(&numbers, &alike) else { return Ok(()) };
        let are_counted = if counted == 1 { "1 client is" } else { &format!("{counted} clients are") };
        let of = if possible == 0 { "none" } else { &possible.to_string() };
        let can_be = alike.iter().map(|alike| format!("{alike} can be {}", names::<T>(alike.outcomes)));
        wrong(format!(
            "{are_counted} counted as {}, and what happened explains that of {of}: {}",
            names::<T>(outcomes),
            can_be.collect::<Vec<_>>().join(", "),
        ))
    }

    /// The sets of outcomes that explain the service's clients. The last bit is that of open ones.
    fn explained<T: Table>(
        &self,
        service: u8,
        explains: impl Fn(T::Outcome, &Transcript<'_>) -> bool,
    ) -> Result<Vec<Alike>, String> {
        let world = self.world;
        let mut alike: Vec<Alike> = Vec::new();
        for (number, client) in world.clients.iter().enumerate() {
            if client.service != service || client.accepted_at.is_none() || client.above_share {
                continue;
            }
            let transcript = Transcript { world, number, before: self.before };
            let mut outcomes = u32::from(client.closed_at.is_none()) << T::outcomes().count();
            for (bit, outcome) in T::outcomes().enumerate() {
                outcomes |= u32::from(explains(outcome, &transcript)) << bit;
            }
            if outcomes == 0 {
                return Err(format!("nothing explains what became of client {number}"));
            }
            match alike.iter_mut().find(|alike| alike.outcomes == outcomes) {
                Some(alike) => alike.clients.push(number),
                None => alike.push(Alike { outcomes, clients: vec![number] }),
            }
        }
        Ok(alike)
    }
}

/// The outcomes of a set, in words.
fn names<T: Table>(outcomes: u32) -> String {
    let all = T::outcomes().map(|outcome| outcome.to_string()).chain(["open".to_owned()]);
    let among = all.enumerate().filter(|(bit, _)| outcomes & (1 << bit) != 0);
    among.map(|(_, name)| name).collect::<Vec<_>>().join(" or ")
}

/// Shown as `client 3`, or as `clients 0, 2 and 5`.
impl fmt::Display for Alike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = &self.clients[..self.clients.len().min(NAMED)];
        let mut named: Vec<String> = named.iter().map(usize::to_string).collect();
        if self.clients.len() > NAMED {
            named.push(format!("{} others", self.clients.len() - NAMED));
        }
        match named.split_last() {
            Some((last, [])) => write!(f, "client {last}"),
            Some((last, others)) => write!(f, "clients {} and {last}", others.join(", ")),
            None => Ok(()),
        }
    }
}

/// A set of outcomes that is counted more often than there are clients that it explains, with both numbers. If there is
/// none, and the sums are the same, then every client can be given an outcome (Hall's theorem).
fn unexplained(numbers: &[u64], alike: &[Alike]) -> Option<(u32, u64, u64)> {
    (1..1 << numbers.len()).find_map(|outcomes: u32| {
        let counted = numbers.iter().enumerate().filter(|(bit, _)| outcomes & (1 << bit) != 0);
        let counted: u64 = counted.map(|(_, number)| number).sum();
        let possible = alike.iter().filter(|alike| alike.outcomes & outcomes != 0);
        let possible = possible.map(|alike| alike.clients.len()).sum::<usize>() as u64;
        (counted > possible).then_some((outcomes, counted, possible))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients(sets: &[(u32, usize)]) -> Vec<Alike> {
        let alike = |(outcomes, clients): &(u32, usize)| Alike {
            outcomes: *outcomes,
            clients: (0..*clients).collect(),
        };
        sets.iter().map(alike).collect()
    }

    #[test]
    fn clients_that_are_alike_are_named_up_to_a_limit() {
        let told = |clients| Alike { outcomes: 1, clients }.to_string();
        assert_eq!(told(vec![3]), "client 3");
        assert_eq!(told(vec![0, 2, 5]), "clients 0, 2 and 5");
        assert_eq!(told((0..20).collect()), "clients 0, 1, 2, 3, 4, 5, 6, 7 and 12 others");
    }

    #[test]
    fn an_outcome_that_no_client_explains_is_found() {
        assert_eq!(unexplained(&[1, 1], &clients(&[(0b01, 1), (0b11, 1)])), None);
        assert_eq!(unexplained(&[0, 2], &clients(&[(0b01, 1), (0b11, 1)])), Some((0b10, 2, 1)));
    }

    #[test]
    fn two_outcomes_that_share_their_clients_are_found() {
        let alike = clients(&[(0b011, 1), (0b100, 1)]);
        assert_eq!(unexplained(&[1, 1, 0], &alike), Some((0b011, 2, 1)));
    }
}
