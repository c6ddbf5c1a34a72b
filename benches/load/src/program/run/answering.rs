//! Which of several addresses is loaded.

use std::io::{self, ErrorKind};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use welcomed::net::Address;

use crate::figures::failure::Failure;
use crate::figures::measured::Measured;
use crate::generator;
use crate::plan::target::Target;
use crate::plan::{Load, Plan};

/// The plan for the first address at which a server is. If there is none, it is for the first of all, and refusals are
/// measured.
///
/// Of several addresses each is visited as the plan says, until a server is there. That visit is the first one of the run: a
/// server that serves once is not used up by a look. It is given beside the plan, which then has one visit less.
pub(super) fn answering(
    addresses: &[Address],
    plan_for: &dyn Fn(&Target) -> io::Result<Plan>,
    stop: &AtomicBool,
) -> io::Result<(Plan, Option<Measured>)> {
    let first = addresses.first().ok_or(ErrorKind::NotFound)?;
    if addresses.len() > 1 {
        for address in addresses {
            let plan = plan_for(&Target::new(address)?)?;
            let (load, stages) = (Load::Closed(1), Vec::new());
            // It can be one of several that find no server, so it has no row.
            let once = Plan {
                load,
                stages,
                count: 1,
                threads: 1,
                duration: Duration::MAX,
                rows: None,
                ..plan.clone()
            };
            let visit = generator::run(&once, stop, &mut |_| {})?;
            if is_there(&visit) {
                let count = if plan.count == u64::MAX { u64::MAX } else { plan.count.saturating_sub(1) };
                return Ok((Plan { count, ..plan }, Some(visit)));
            }
        }
    }
    Ok((plan_for(&Target::new(first)?)?, None))
}

/// Whether a visit has met a server, whatever came of it.
fn is_there(visit: &Measured) -> bool {
    let nowhere = [
        Failure::Refused,
        Failure::ConnectTimeout,
        Failure::NoRoom,
        Failure::OutOfPorts,
        Failure::OutOfDescriptors,
        Failure::Other,
    ];
    let nowhere: u64 = nowhere.map(|failure| visit.count(failure)).iter().sum();
    visit.welcomed() + visit.tally.resets + visit.failures() - nowhere > 0
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    fn plan_for(target: &Target) -> io::Result<Plan> {
        let plan = Plan::plain(target.clone(), Load::Closed(1), Duration::from_secs(1))?;
        Ok(Plan { count: 5, ..plan })
    }

    #[test]
    fn of_several_addresses_the_first_with_a_server_is_loaded() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = Address::from(listener.local_addr().unwrap());
        let nowhere = Address::from(TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
        // It serves a single client.
        let server = std::thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let bytes = client.read(&mut [0; 64]).unwrap();
            client.write_all(b"welcome ").unwrap();
            bytes
        });
        let stop = AtomicBool::new(false);
        let choose = |addresses: &[Address]| answering(addresses, &plan_for, &stop);
        let (plan, visit) = choose(&[nowhere.clone(), there.clone()]).unwrap();
        assert!(plan.manners.target.is(&there));
        assert_eq!((visit.unwrap().welcomed(), plan.count), (1, 4), "it was the first visit of the run");
        assert_eq!(server.join().unwrap(), b"Rafatul\n".len());
        let (plan, visit) = choose(&[nowhere.clone(), nowhere.clone()]).unwrap();
        assert!(plan.manners.target.is(&nowhere) && visit.is_none(), "refusals are measured, too");
        assert_eq!(plan.count, 5);
        assert!(choose(&[]).is_err());
        assert!(choose(&[there]).unwrap().1.is_none(), "a single address needs no look");
    }
}
