//! Runs that are stored, read and merged are what they were.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};
use rustix::io::Errno;
use welcomed::net::Kind;

use super::{Asked, RawFile, RawRun, read};
use crate::figures::culprit::{Culprit, Evidence};
use crate::figures::distribution::Verdict;
use crate::figures::failure::{Detail, Failure};
use crate::figures::measured::{Measured, Window};
use crate::figures::parts::{Moments, Part};
use crate::figures::percentile::Percentile;
use crate::figures::tally::Tally;
use crate::figures::timeline::{Slice, Timeline};
use crate::plan::Load;
use crate::plan::arrivals::Spacing;
use crate::report::Findings;
use crate::report::about::About;
use crate::system::clock::SECOND;
use crate::system::processes::{NetCounters, Usage};

/// A run of which this has come.
fn run_of(mut tally: Tally, timeline: Timeline, load: Load) -> Measured {
    tally.settle();
    let begun = tally.ended();
    let (length, tail) = (10 * SECOND, SECOND);
    Measured {
        window: Window { length, tail, due: begun + tally.not_begun, begun },
        welcomed_in_window: tally.welcomed,
        tally,
        timeline,
        kind: Kind::Tcp,
        load,
        timeout: Duration::from_secs(5),
        seconds: 11.0,
        is_stamped: true,
        clock_set: 0,
        server: Usage::default(),
        generator: Usage { cpu: SECOND, switches: None },
        net: NetCounters { listen_overflows: 3, ..NetCounters::default() },
        in_flight: 2.5,
        held_back: 7,
        generators: 1,
        watched: length + tail,
        rates: None,
        contributions: Vec::new(),
    }
}

/// Stores each run in a file of its own.
fn stored(runs: &[Measured]) -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let files = runs.iter().zip(0..).map(|(run, number)| {
        let file = folder.path().join(format!("{number}.json"));
        let about = About { options: number.to_string(), ..About::now(Some("127.0.0.1:9".to_owned())) };
        let asked =
            Asked { visits: [("timeout".to_owned(), "5s".to_owned())].into(), rate: Some(10.0), count: None };
        let raw = RawRun::of(&Findings { about: Some(&about), ..Findings::of(run) }, asked).unwrap();
        fs::write(&file, RawFile::of(vec![raw]).json()).unwrap();
        file
    });
    let files = files.collect();
    (folder, files)
}

fn merged(files: &[PathBuf]) -> Measured {
    let runs: Vec<_> = read(files).unwrap().into_iter().map(|(name, _, run)| (name, run)).collect();
    Measured::merged(&runs)
}

/// A visit of any kind.
fn any_visit(random: &mut Xoshiro256PlusPlus, tallies: [&mut Tally; 2], timelines: [&mut Timeline; 2]) {
    let mut below = |most: u64| random.next_u64() % most;
    // Most are short, and a few are longer than a histogram has room for at first.
    let length = [1_000, 1_000_000, 30_000_000, 200 * SECOND][usize::try_from(below(100) / 33).unwrap()];
    let (scheduled, mut at) = (below(10 * SECOND), 0);
    let mut next = || {
        at += below(length);
        scheduled + at
    };
    let moments = Moments {
        scheduled,
        possible: next(),
        started: next(),
        connected: next(),
        sending: next(),
        sent: next(),
        first_byte: next(),
        last_data: next(),
        closed: next(),
        ended: next(),
    };
    let end = below(8);
    let evidence = Evidence { timed_out: end == 3, ..Evidence::default() };
    for (tally, timeline) in tallies.into_iter().zip(timelines) {
        tally.over(&moments, evidence, (length > 1000).then_some(length));
        match end {
            0 => tally.resets += 1,
            1 => tally.lost += 1,
            2 => tally.failed(Failure::Other, Some(Detail::Errno(Errno::NETUNREACH))),
            3 => tally.failed(Failure::ReplyTimeout, None),
            _ => tally.welcomed += 1,
        }
        tally.not_begun += u64::from(end == 7);
        timeline.note(moments.ended, Slice { done: 1, failed: u64::from(end == 2), worst: length });
    }
}

#[test]
fn visits_split_among_files_are_merged_exactly() {
    for seed in 0..12 {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let files = 1 + usize::try_from(random.next_u64() % 6).unwrap();
        let (mut one, mut timeline) = (Tally::new(), Timeline::new());
        let mut parts: Vec<_> = (0..files).map(|_| (Tally::new(), Timeline::new())).collect();
        for _ in 0..random.next_u64() % 3000 {
            let (tally, moments) = &mut parts[usize::try_from(random.next_u64()).unwrap_or(0) % files];
            any_visit(&mut random, [&mut one, tally], [&mut timeline, moments]);
        }
        let load = Load::Closed(3);
        let one = run_of(one, timeline, load);
        let parts: Vec<_> =
            parts.into_iter().map(|(tally, timeline)| run_of(tally, timeline, load)).collect();
        let (_folder, files) = stored(&parts);
        let all = merged(&files);
        for (sum, whole) in [
            (&all.tally.latency, &one.tally.latency),
            (&all.tally.corrected, &one.tally.corrected),
            (&all.tally.uncorrected, &one.tally.uncorrected),
        ] {
            assert_eq!(sum.times, whole.times);
            for percentile in ["10", "50", "90", "99", "99.9", "99.99", "100"] {
                let percentile: Percentile = percentile.parse().unwrap();
                let [sum, whole] = [sum, whole].map(|times| times.percentile(percentile, 0));
                assert_eq!((sum.nanos, sum.at_least), (whole.nanos, whole.at_least), "{percentile}");
            }
            let [sum, whole] = [sum, whole].map(|times| times.visits_from(0.9));
            assert_eq!(
                (sum.count, sum.time, sum.start_lag, sum.reading_lag),
                (whole.count, whole.time, whole.start_lag, whole.reading_lag)
            );
        }
        for part in Part::ALL {
            assert_eq!(all.tally.part(part), one.tally.part(part), "{part:?}");
        }
        assert_eq!(all.tally.failures.reasons(), one.tally.failures.reasons());
        assert_eq!(
            (all.due(), all.begun(), all.not_begun(), all.welcomed(), all.lost(), all.tally.resets),
            (one.due(), one.begun(), one.not_begun(), one.welcomed(), one.lost(), one.tally.resets)
        );
        assert_eq!((all.timeline.width, &all.timeline.slices), (one.timeline.width, &one.timeline.slices));
        assert_eq!(all.tally.stalls.longest(), one.tally.stalls.longest());
        assert!((all.rate() - parts.iter().map(Measured::rate).sum::<f64>()).abs() < 1e-9);
        assert!(
            (all.rate() - one.rate()).abs() < 1e-6 && (all.in_flight - 2.5 * parts.len() as f64).abs() < 1e-9
        );
        assert_eq!(all.load, Load::Closed(3 * parts.len()));
        // They were all in one network namespace.
        assert_eq!(all.net.listen_overflows, 3);
        // Each culprit is that of the generator that saw it.
        let culprits = |run: &Measured| run.tally.latency.visits_from(0.0).culprits();
        let mut sum = std::collections::BTreeMap::<Culprit, u64>::new();
        parts
            .iter()
            .flat_map(culprits)
            .for_each(|(culprit, count)| *sum.entry(culprit).or_default() += count);
        assert_eq!(culprits(&all).into_iter().collect::<std::collections::BTreeMap<_, _>>(), sum);
    }
}

/// `count` visits of 20 ms, each of which began so many milliseconds late.
fn late(count: u64, late: u64) -> Measured {
    let mut tally = Tally::new();
    for _ in 0..count {
        let started = 1 + late * 1_000_000;
        let end = started + 20_000_000;
        let moments = Moments {
            scheduled: 1,
            possible: 1,
            started,
            connected: started,
            sending: started,
            sent: started,
            first_byte: end,
            last_data: end,
            closed: end,
            ended: end,
        };
        tally.over(&moments, Evidence::default(), None);
        tally.welcomed += 1;
    }
    run_of(tally, Timeline::new(), Load::Open(10.0, Spacing::Poisson))
}

#[test]
fn a_generator_that_was_late_makes_the_percentile_invalid() {
    // Of 100,000 visits the hundred late ones are beyond no 99th percentile that is mostly of others.
    let (_folder, files) = stored(&[late(100_000, 0), late(150, 200), late(100_000, 0)]);
    let all = merged(&files);
    assert!(all.is_spoiled());
    let p50 = all.tally.percentile(Percentile::USUAL[0]);
    assert_eq!(p50.verdict, Verdict::OfGenerator, "{p50:?}");
    let said = all.to_string();
    assert!(
        said.contains("* the server's time, p50, p90, p99: INVALID, because it is so by itself of 1.json."),
        "{said}"
    );
    assert!(
        said.contains("* 1.json, the server's time, p99: INVALID by itself, because in the visits"),
        "{said}"
    );
    let (_folder, files) = stored(&[late(1000, 0), late(1000, 0)]);
    assert!(!merged(&files).is_spoiled());
}
