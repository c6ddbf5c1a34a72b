//! The ready-made oracles, held to a service that is known to be right.

use welcomed::net::Kind;
use welcomed::schedules::Welcoming;
use welcomed::simulation::{
    Audit, Broken, Promise, Right, Schedule, Script, Step, Subject, Transcript, oracle,
};

/// The welcome over records, of which the first is answered, held to a model that remembers what it was asked.
#[derive(Clone)]
struct Remembering {
    answers: usize,
}

impl Subject for Remembering {
    serves_as_the_welcome!();

    fn judge(&self, client: &Transcript<'_>) -> Result<Right, Broken> {
        let mut asked = Vec::new();
        let right = oracle::each(client, |record| {
            asked.push(record.to_vec());
            (asked.len() <= self.answers).then(|| [b"hello ", record, b"!"].concat())
        });
        let sent = client.sent_records();
        assert!(
            sent.iter().zip(&asked).all(|(sent, asked)| sent == asked),
            "not in order, or not once each: {asked:?}"
        );
        right
    }

    fn audit(&self, services: &Self::Services, audit: &mut Audit<'_>) {
        Welcoming::default().audit(services, audit);
    }
}

#[test]
fn a_model_of_records_may_remember_those_before() {
    let play = |answers| {
        let records = [&b"Ada"[..], b"Bob", b"Cleo"].map(|name| Step::Send(name.to_vec()));
        let sockets = [Welcoming::socket(Kind::UnixPacket)];
        let script = Script::new("three", records.to_vec());
        Schedule::calm(&Remembering { answers }, &sockets, vec![script]).play()
    };
    assert!(play(1).is_ok(), "{:?}", play(1).err().map(|failure| failure.broken));
    let promise = play(2).err().map(|failure| failure.broken.promise);
    assert_eq!(promise, Some(Promise::ANSWER), "the second record has no answer");
}
