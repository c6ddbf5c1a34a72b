//! Visits of which the times are known.

use super::*;

/// A visit that took `waiting` at the server and began so late.
fn visit(waiting: Nanos, start_lag: Nanos) -> Moments {
    let started = 1 + start_lag;
    let came = started + 10 + waiting;
    Moments {
        scheduled: 1,
        possible: 1,
        started,
        connected: started + 10,
        sending: started + 10,
        sent: started + 10,
        first_byte: came,
        last_data: came,
        closed: came,
        ended: came + 5,
    }
}

#[test]
fn the_first_visits_have_culprits_as_the_later_ones_do() {
    for count in [20, 1000] {
        let mut tally = Tally::new();
        for number in 0..count {
            let stall = if number % 10 == 0 { 50_000_000 } else { 0 };
            tally.over(&visit(1_000_000 + stall, 0), Evidence::default(), None);
            tally.welcomed += 1;
        }
        tally.settle();
        let slow = tally.latency.visits_from(0.95);
        assert_eq!(slow.culprits(), [(Culprit::Waiting, count / 10)]);
        assert_eq!(tally.latency.visits_from(0.0).count, count);
    }
}

#[test]
fn every_visit_is_in_every_distribution() {
    let mut tally = Tally::new();
    for number in 0..100 {
        let moments = visit(1_000_000, number * 1000);
        tally.over(&moments, Evidence { timed_out: number == 7, ..Evidence::default() }, Some(1));
    }
    tally.settle();
    for times in [&tally.latency, &tally.corrected, &tally.uncorrected] {
        assert_eq!(times.times.len(), 100);
    }
    let near = |nanos: Nanos, exact: Nanos| nanos.abs_diff(exact) * 1000 <= exact;
    assert!(near(tally.latency.at(1.0), 1_000_010), "without the lag");
    assert!(near(tally.corrected.at(1.0), 1_099_015), "with it");
    assert!(near(tally.uncorrected.at(1.0), 1_000_015), "from the beginning");
}
