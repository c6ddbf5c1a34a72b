//! A visit whose answer is none of the welcome protocol: it ends where the plan says, and can be of any length.

use rustix::io::Errno;

use super::{Flight, Progress, System};
use crate::figures::failure::wrong::Wrong;
use crate::figures::failure::{Detail, Failure};
use crate::generator::evidence;
use crate::plan::exchange::answer::{Answer, Verdict};
use crate::plan::manners::Manners;
use crate::plan::welcome::Event;

/// How much is read at a time: an answer can be long, and a datagram is taken whole.
const BUFFER_BYTES: usize = 64 * 1024;

impl Flight {
    /// Reads some of the answer: bytes, a record, or the one datagram that it is. Gives how many bytes.
    pub(super) fn read_answer(&mut self, manners: &Manners, system: &mut System) -> Result<usize, Errno> {
        if system.buffer.len() < BUFFER_BYTES {
            system.buffer.resize(BUFFER_BYTES, 0);
        }
        if let Some(bytes) = self.look_at_answer(manners, system)? {
            self.end_if_over(manners)?;
            return Ok(bytes);
        }
        let System { clock, along, buffer } = system;
        let Some(answer) = &mut self.answer else { return Ok(0) };
        let has_connections = manners.target.semantics().connections;
        let received = match manners.target.receive(&self.socket, buffer, along) {
            Err(Errno::INTR) => return Ok(0),
            received => received?,
        };
        if !received.is_of_server {
            self.foreign += 1;
            return Ok(received.bytes);
        }
        if received.bytes == 0 && has_connections {
            self.timing.end(|| evidence::known(manners.target.kind(), &self.socket), clock);
            answer.end_of_input();
            self.visit.end(Event::EndOfInput);
            return Ok(0);
        }
        self.timing.receive(received.stamp, manners.target.is_stamped(), clock);
        self.records += usize::from(manners.target.semantics().boundaries);
        answer.receive(buffer.get(..received.bytes).unwrap_or_default());
        if !has_connections {
            answer.end_of_input();
        }
        self.end_if_over(manners)?;
        Ok(received.bytes)
    }

    /// Ends the visit if nothing more of its answer is to be read.
    fn end_if_over(&mut self, manners: &Manners) -> Result<(), Errno> {
        let Some(answer) = &self.answer else { return Ok(()) };
        if answer.sample() == self.visit.request() && manners.target.is_name_of(&self.socket) {
            return Err(Errno::CONNREFUSED);
        }
        if answer.is_over() {
            self.timing.end_with_data();
            self.visit.end(Event::EndOfInput);
        }
        Ok(())
    }

    /// The outcome of a visit whose answer has ended.
    pub(super) fn verdict_of(&self, answer: &Answer) -> Progress {
        match answer.verdict() {
            // A record is one answer.
            Verdict::Right if self.records > 1 => Progress::Failed(Failure::ExtraBytes),
            Verdict::Right => Progress::Welcomed,
            Verdict::Short if answer.came() == 0 => Progress::Failed(self.of_kept(Failure::ShortReply)),
            Verdict::Short => Progress::Failed(Failure::ShortReply),
            Verdict::Wrong => Progress::Failed(Failure::WrongReply),
            Verdict::Extra => Progress::Failed(Failure::ExtraBytes),
            Verdict::Status(_) => Progress::Failed(Failure::Status),
        }
    }

    /// What request number `number` of a connection sends, and its answer, before any of it has come.
    pub(super) fn exchange(
        manners: &Manners,
        number: u64,
        request: Vec<u8>,
        expected: &[u8],
    ) -> (Vec<u8>, Option<Box<Answer>>) {
        let Some(exchange) = &manners.exchange else { return (request, None) };
        let is_last = number >= exchange.requests;
        let last = exchange.last_request.as_ref().filter(|_| is_last).cloned();
        (last.unwrap_or(request), Some(Box::new(exchange.answer(expected, is_last))))
    }

    /// The class of a visit that has failed before the first byte of its answer, as a server may close a connection that is kept.
    pub(super) fn of_kept(&self, failure: Failure) -> Failure {
        let is_before = matches!(failure, Failure::ShortReply | Failure::ResetBefore);
        if is_before && self.is_over_kept() { Failure::KeptClosed } else { failure }
    }

    /// What is known of its failure, if it has failed: the error of a system call, or the status of a response.
    pub(crate) fn detail(&self) -> Option<Detail> {
        if let Some(errno) = self.error {
            return Some(Detail::Errno(errno));
        }
        match self.answer.as_ref()?.verdict() {
            Verdict::Status(status) => Some(Detail::Status(status)),
            Verdict::Right | Verdict::Short | Verdict::Wrong | Verdict::Extra => None,
        }
    }

    /// How many bytes of the reply have come, and with how many it is whole, as far as that can be said.
    pub(super) fn reply_so_far(&self) -> (usize, usize) {
        match &self.answer {
            None => (self.visit.welcome().len(), self.expected.len()),
            Some(answer) => {
                let came = usize::try_from(answer.came()).unwrap_or(usize::MAX);
                (came, if answer.is_whole() { came } else { came.saturating_add(1) })
            }
        }
    }

    /// What has come to a visit that has failed, if that was an answer.
    pub(crate) fn wrong(&self, progress: Progress) -> Option<Wrong> {
        let Progress::Failed(failure) = progress else { return None };
        let (came, length) = match &self.answer {
            None => (self.visit.welcome(), self.visit.welcome().len() as u64),
            Some(answer) => (answer.sample(), answer.came()),
        };
        Wrong::of(failure, came, length)
    }
}
