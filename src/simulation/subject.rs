//! What is simulated: services, what their clients do, and what the clients are owed.

use super::audit::Audit;
use super::dice::Dice;
use super::kernel::Sim;
use super::limits::{Limits, ServerSocket};
use super::promises::Broken;
use super::script::Script;
use super::transcript::Transcript;
use crate::net::Kind;
use crate::reactor::Services;

/// What a client had a right to, and has got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Right {
    /// All of its answer.
    All,
    /// Nothing in particular, because of what it did or what happened to it: see [`Transcript::excuse`].
    Excused,
}

/// Services under simulation, with an oracle of their own. A pair of subjects is one as well: its services are in one
/// loop.
///
/// What is the same for all services is checked without it: see [`Promise`](super::Promise).
pub trait Subject: Clone + Send + Sync {
    /// The services of the loop.
    type Services: Services<Sim>;

    /// The same with all that varies from one schedule to the next, such as its settings.
    #[must_use]
    fn draw(&self, _dice: &mut Dice) -> Self {
        self.clone()
    }

    /// The services, fresh. That of number `n` has `places[n]` places for connections.
    fn services(&self, places: &[usize]) -> Self::Services;

    /// How long this service lets a client wait.
    fn limits(&self, service: u8) -> Limits;

    /// What the client of this number sends to this service: one request. The default of [`script`](Subject::script) sends
    /// some of them. Where clients share something, such as a store, the number in a request keeps them apart. Then an
    /// answer follows from what its own client sent, and an oracle can say what it has to be.
    fn request(&self, service: u8, dice: &mut Dice, number: usize) -> Vec<u8>;

    /// The sockets that a schedule has. The default is one, or now and then three, of all kinds that the services can
    /// serve.
    fn sockets(&self, dice: &mut Dice) -> Vec<ServerSocket> {
        let services = self.services(&vec![1; usize::from(Self::services_count())]);
        let all: Vec<ServerSocket> = (0..Self::services_count())
            .flat_map(|service| Kind::ALL.iter().map(move |kind| ServerSocket::new(*kind, service)))
            .filter(|socket| services.serves(socket.service, socket.kind))
            .collect();
        let count = dice.pick(&[1, 1, 1, 3]);
        (0..count).map(|_| dice.pick(&all)).collect()
    }

    /// What the client of this number does at this socket.
    fn script(&self, socket: ServerSocket, dice: &mut Dice, number: usize) -> Script {
        Script::any(dice, socket.kind, |dice| self.request(socket.service, dice, number))
    }

    /// The oracle: whether a client has got what it was owed. It is told what the client did and what the kernel
    /// answered, and never what the code did or knew. [`oracle`](super::oracle) has ready-made ones.
    ///
    /// Fails with the promise that was broken.
    fn judge(&self, client: &Transcript<'_>) -> Result<Right, Broken>;

    /// Says which outcome is explained by what happened to a client: calls [`Audit::service`] once for each service, in
    /// the order of their numbers.
    fn audit(&self, services: &Self::Services, audit: &mut Audit<'_>);

    /// How many services these are.
    #[must_use]
    fn services_count() -> u8 {
        <Self::Services as Services<Sim>>::COUNT
    }
}

impl<A: Subject, B: Subject> Subject for (A, B) {
    type Services = (A::Services, B::Services);

    fn draw(&self, dice: &mut Dice) -> Self {
        (self.0.draw(dice), self.1.draw(dice))
    }

    fn services(&self, places: &[usize]) -> Self::Services {
        let (first, second) = places.split_at(A::services_count().into());
        (self.0.services(first), self.1.services(second))
    }

    fn limits(&self, service: u8) -> Limits {
        match service.checked_sub(A::services_count()) {
            None => self.0.limits(service),
            Some(service) => self.1.limits(service),
        }
    }

    fn request(&self, service: u8, dice: &mut Dice, number: usize) -> Vec<u8> {
        match service.checked_sub(A::services_count()) {
            None => self.0.request(service, dice, number),
            Some(service) => self.1.request(service, dice, number),
        }
    }

    fn sockets(&self, dice: &mut Dice) -> Vec<ServerSocket> {
        let mut sockets = self.0.sockets(dice);
        let second = self.1.sockets(dice).into_iter();
        let count = A::services_count();
        sockets.extend(second.map(|socket| ServerSocket { service: socket.service + count, ..socket }));
        sockets
    }

    fn script(&self, socket: ServerSocket, dice: &mut Dice, number: usize) -> Script {
        match socket.service.checked_sub(A::services_count()) {
            None => self.0.script(socket, dice, number),
            Some(service) => self.1.script(ServerSocket { service, ..socket }, dice, number),
        }
    }

    fn judge(&self, client: &Transcript<'_>) -> Result<Right, Broken> {
        let count = A::services_count();
        if client.service() < count { self.0.judge(client) } else { self.1.judge(&client.beside(count)) }
    }

    fn audit(&self, services: &Self::Services, audit: &mut Audit<'_>) {
        self.0.audit(&services.0, audit);
        audit.beside(A::services_count(), |audit| self.1.audit(&services.1, audit));
    }
}
