//! What a run needs of this machine, and what it is asked to reach.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::machine::{PROGRAM, in_namespaces, run, server, slow_server, text};

/// Runs the program, and gives its exit code, its standard output and the last line of its standard error.
fn ended(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = run(Path::new(PROGRAM), folder, arguments);
    let last = text(&output.stderr).lines().last().unwrap_or_default().to_owned();
    (output.status.code(), text(&output.stdout).to_owned(), last)
}

/// A visit that comes from a given address needs no port that is free for every server. Here all of them are connected to
/// another one.
#[test]
fn sources_have_as_many_ports_as_no_sources() {
    let folder = tempfile::tempdir().unwrap();
    let servers = "import socket, threading
def serve(client):
    client.recv(64); client.sendall(b'welcome '); client.close()
other = socket.create_server(('127.0.0.1', 39998), backlog=64)
server = socket.create_server(('127.0.0.1', 39999), backlog=64)
held = [socket.create_connection(('127.0.0.1', 39998)) for _ in range(10)]
print('up', flush=True)
while True: threading.Thread(target=serve, args=(server.accept()[0],)).start()";
    fs::write(folder.path().join("servers.py"), servers).unwrap();
    let script = "ip link set lo up; echo '40000 40009' >/proc/sys/net/ipv4/ip_local_port_range
        python3 servers.py >up & for i in $(seq 200); do [ -s up ] && break; sleep 0.05; done
        \"$0\" -c 127.0.0.1:39999 --connections 4 --count 200 && \"$0\" -c 127.0.0.1:39999 --connections 4 --count 200 --sources 1
        code=$?; kill %1; exit $code";
    let Some(output) = in_namespaces(&["--net"], script, folder.path()) else { return };
    assert_eq!(text(&output.stdout).matches("200 visits welcomed").count(), 2, "{output:?}");
    assert_eq!(text(&output.stdout).matches("errors: none").count(), 2, "{output:?}");
}

#[test]
fn a_closed_loop_is_as_large_as_it_is_to_be_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = server().to_string();
    let limited = |options: &str| {
        let script = format!("ulimit -n 100; exec \"$0\" -c {server} {options}");
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &script, PROGRAM]).current_dir(folder.path()).output().unwrap()
    };
    for options in ["--count 50", "--count 50 --hold 50 --rate 10"] {
        let output = limited(options);
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""), "{options}: {said}");
        assert!(said.contains(" and 100 are allowed: ulimit -n "), "{said}");
    }
    let output = limited("--count 50 --connections 8");
    assert!(output.status.success() && text(&output.stdout).contains(" of 8; "), "{output:?}");
}

/// Over datagrams a socket stays open after its visit, so it shows only afterwards that there were too few.
#[test]
fn a_loop_over_datagrams_is_not_thinned_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = format!("udp://{}", socket.local_addr().unwrap());
    std::thread::spawn(move || {
        while let Ok((_, client)) = socket.recv_from(&mut [0; 64]) {
            let _ = socket.send_to(b"welcome ", client);
        }
    });
    for (limit, is_thin) in [(100, true), (4000, false)] {
        let script = format!("ulimit -n {limit}; exec \"$0\" -c {server} --connections 16 --duration 500ms");
        let mut command = std::process::Command::new("sh");
        let output = command.args(["-c", &script, PROGRAM]).current_dir(folder.path()).output().unwrap();
        let said = text(&output.stdout);
        assert_eq!(said.contains("INVALID: the loop was thinner"), is_thin, "{limit}: {said}");
        assert_eq!(output.status.code(), Some(if is_thin { 5 } else { 0 }), "{limit}: {said}");
    }
}

#[test]
fn a_count_is_reached_or_its_want_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let server = server().to_string();
    // Ten seconds, the usual duration, would be over before.
    let slow =
        ["-c", &server, "--rate", "20", "--arrivals", "uniform", "--count", "210", "--json", "run.json"];
    let (code, said, _) = ended(folder.path(), &slow);
    assert!(
        code.is_some_and(|code| code == 0 || code == 5) && said.contains("210 visits welcomed"),
        "{said}"
    );
    let (_, said, _) =
        ended(folder.path(), &["-c", &server, "--rate", "20", "--count", "200", "--duration", "500ms"]);
    assert!(said.contains("Of the 200 visits of --count only "), "{said}");
}

#[test]
fn uniform_arrivals_are_rate_times_duration() {
    let folder = tempfile::tempdir().unwrap();
    let load = ["-c", &server().to_string(), "--rate", "2", "--duration", "1s", "--arrivals", "uniform"];
    let (_, said, _) = ended(folder.path(), &load);
    assert!(said.contains("2 visits welcomed"), "{said}");
}

#[test]
fn each_kind_of_threshold_has_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let server = server().to_string();
    let closed = ["-c", &server, "--connections", "2", "--count", "400"];
    for (conditions, code) in [
        (&["p99>60s", "failures>0", "rate<0.1"][..], 0),
        (&["p99>1us"], 3),
        (&["p100>1us"], 3),
        (&["rate<1000000"], 7),
        (&["p50>60s", "rate<1000000", "p99>1us"], 7),
        (&["p50>60s", "p99>1us", "rate<1000000"], 3),
        // Of 400 visits none is the slowest of 1,000.
        (&["p99.9>60s"], 8),
        (&["p99.9>60s", "p90>1us"], 3),
    ] {
        let conditions: Vec<&str> =
            conditions.iter().flat_map(|condition| ["--fail-if", condition]).collect();
        let (ends, said, _) =
            ended(folder.path(), &[&closed[..], &conditions, &["--json", "run.json"]].concat());
        assert_eq!(ends, Some(code), "{conditions:?}: {said}");
        let file = fs::read_to_string(folder.path().join("run.json")).unwrap();
        let report: Value = serde_json::from_str(&file).unwrap();
        assert_eq!(crate::described::breach(&report), None);
        let verdicts = report["run"]["thresholds"].as_array().unwrap();
        assert_eq!(verdicts.len() * 2, conditions.len(), "{report:#}");
        let missed = verdicts.iter().any(|judged| judged["verdict"] == "missed");
        assert_eq!(missed, [3, 7].contains(&code), "{report:#}");
    }
    let all_wrong = [&closed[..], &["--expect", "hello", "--fail-if", "failures>50%"]].concat();
    let (code, _, last) = ended(folder.path(), &all_wrong);
    assert!(code == Some(1) && last.contains("no visit succeeded"), "{last}");
    for bad in ["p99<5ms", "p99", "failures>x", "q>1"] {
        assert_eq!(ended(folder.path(), &[&closed[..], &["--fail-if", bad]].concat()).0, Some(2), "{bad}");
    }
    let of_no_rate = ended(folder.path(), &[&closed[..], &["--fail-if", "rate<95%"]].concat());
    assert!(
        of_no_rate.0 == Some(2) && of_no_rate.2.contains("a closed loop asks for no rate"),
        "{of_no_rate:?}"
    );
}

#[test]
fn failures_beyond_a_threshold_have_their_exit_code() {
    for (condition, exit, verdict) in [
        ("failures>70%", 6, "missed: 75.000% of 4."),
        // A visit that was given up would have lasted longer than that.
        ("p50>1h", 8, "not judged, for want of a sample: at least "),
        ("p50>1ms", 3, "missed: at least "),
    ] {
        let folder = tempfile::tempdir().unwrap();
        // The first client is welcomed, and the others wait for ever.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            let (first, _) = listener.accept().unwrap();
            crate::machine::welcome(first);
            let _others: Vec<_> = listener.incoming().collect();
        });
        let load = ["-c", &address, "--connections", "1", "--count", "4", "--timeout", "50ms"];
        let (code, said, _) = ended(folder.path(), &[&load[..], &["--fail-if", condition]].concat());
        assert_eq!(code, Some(exit), "{said}");
        assert!(said.contains(&format!("The threshold {condition} is {verdict}")), "{said}");
    }
}

#[test]
fn nothing_is_judged_without_a_sample() {
    let folder = tempfile::tempdir().unwrap();
    let server = server().to_string();
    let few = ["-c", &server, "--count", "10", "--target-p99", "10s", "--json", "run.json"];
    let (code, said, _) = ended(folder.path(), &few);
    assert_eq!(code, Some(8), "{said}");
    assert!(
        said.contains(
            "The threshold p99>10s is not judged, for want of a sample: 10 of at least 100 visits."
        ),
        "{said}"
    );
    assert!(said.contains("10 visits are too few for p99 (at least 100), p99.9 (at least 1000)."), "{said}");
    let report: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("run.json")).unwrap()).unwrap();
    let latency = &report["run"]["latency"];
    let [_, p90, p99, _] = [0, 1, 2, 3].map(|index| &latency["at"][index]);
    assert!(p90["nanos"].is_u64() && p99["nanos"].is_null() && latency["max_nanos"].is_u64(), "{latency:#}");
    assert_eq!(p99["verdict"], "too_few");
    let knee = ["-c", &server, "--find-knee", "--rate", "1", "--duration", "200ms"];
    let (code, said, _) = ended(folder.path(), &knee);
    assert_eq!(code, Some(8), "{said}");
    assert!(said.contains("too few to judge\nNo knee was found: ") && !said.contains("too much"), "{said}");
}

#[test]
fn stages_and_percentiles_are_as_they_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let server = server().to_string();
    let load =
        ["-c", &server, "--stages", "20:500ms,200:1s,5:400ms", "--arrivals", "uniform", "--json", "run.json"];
    let asked = ["--percentiles", "75,99.5,100"];
    let (_, said, _) = ended(folder.path(), &[&load[..], &asked].concat());
    assert!(said.contains("212 visits welcomed") && said.contains(" p75 |"), "{said}");
    let report: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("run.json")).unwrap()).unwrap();
    let asked: Vec<_> =
        report["run"]["percentiles"].as_array().unwrap().iter().map(|one| &one["per_cent"]).collect();
    assert_eq!(asked, [75.0, 99.5, 100.0]);
    for (option, value) in [("--stages", "1k"), ("--percentiles", "101"), ("--percentiles", "")] {
        assert_eq!(ended(folder.path(), &["-c", &server, option, value]).0, Some(2), "{option} {value}");
    }
    let (code, ..) = ended(folder.path(), &["-c", &server, "--stages", "1k:1s", "--rate", "5"]);
    assert_eq!(code, Some(2));
}

/// The name has two addresses, and the server serves once.
#[test]
fn a_server_that_serves_once_is_not_used_up_by_a_look() {
    let folder = tempfile::tempdir().unwrap();
    let once = "import socket
s = socket.create_server(('127.0.0.1', 39999)); print('up', flush=True)
c, _ = s.accept(); c.recv(64); c.sendall(b'welcome '); c.close(); s.close()";
    fs::write(folder.path().join("once.py"), once).unwrap();
    let script = "ip link set lo up; printf '127.0.0.1 twice\\n127.0.0.2 twice\\n' >hosts; mount --bind hosts /etc/hosts
        python3 once.py >up & for i in $(seq 200); do [ -s up ] && break; sleep 0.05; done
        \"$0\" -c twice:39999 --connections 1 --count 1 --json run.json; code=$?; kill %1; exit $code";
    let Some(output) = in_namespaces(&["--net", "--mount"], script, folder.path()) else { return };
    assert!(output.status.success() && text(&output.stdout).contains("1 visits welcomed"), "{output:?}");
}

#[test]
fn an_idle_connection_that_is_not_accepted_is_an_error_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let (_, _listener) = slow_server();
    let full = folder.path().join("s");
    let listener = std::os::unix::net::UnixListener::bind(&full).unwrap();
    rustix::net::listen(&listener, 1).unwrap();
    let endpoint = format!("unix://{}", full.display());
    let (code, _, last) = ended(folder.path(), &["-c", &endpoint, "--hold", "10", "--timeout", "100ms"]);
    assert_eq!(code, Some(1), "{last}");
    assert_eq!(last, "welcomed-load: idle connection 3 of 10: not accepted within 100ms");
}

#[test]
fn the_manual_page_and_the_completions_have_every_option() {
    let folder = tempfile::tempdir().unwrap();
    let help = ended(folder.path(), &["--help"]).1;
    assert_eq!(
        ended(folder.path(), &["--bench", "--generate", "man"]).0,
        Some(0),
        "cargo bench gives --bench"
    );
    let lines = help.lines().map(str::trim).filter(|line| line.starts_with('-'));
    let options: Vec<&str> =
        lines.filter_map(|line| line.split(' ').find(|word| word.starts_with("--"))).collect();
    assert!(options.len() > 25, "{options:?}");
    for what in ["man", "bash", "zsh", "fish"] {
        let (code, said, _) = ended(folder.path(), &["--generate", what]);
        assert!(code == Some(0) && said.contains("welcomed-load"), "{what}");
        for option in &options {
            // roff writes a hyphen as \\-, and fish the name alone.
            let forms = [(*option).to_owned(), option.replace('-', "\\-"), format!("-l {}", &option[2..])];
            assert!(forms.iter().any(|form| said.contains(form)), "{what} lacks {option}");
        }
    }
    // Each is taken by the program that reads it.
    for (what, reader) in
        [("man", "man -l --warnings"), ("bash", "bash -n"), ("zsh", "zsh -n"), ("fish", "fish -n")]
    {
        let file = folder.path().join(what);
        fs::write(&file, ended(folder.path(), &["--generate", what]).1).unwrap();
        let mut words = reader.split(' ');
        let mut command = std::process::Command::new(words.next().unwrap());
        let Ok(read) = command.args(words).arg(&file).env("MANPAGER", "cat").output() else { continue };
        assert!(read.status.success() && read.stderr.is_empty(), "{what}: {read:?}");
    }
}
