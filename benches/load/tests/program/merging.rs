//! What many machines have measured is one report, exact in every count.

use std::fs;
use std::path::Path;
use std::thread;

use hdrhistogram::Histogram;
use serde_json::Value;

use crate::described::breach;
use crate::machine::{PROGRAM, in_namespaces, run, server, text};

fn json(file: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

/// Runs against a server of this process, and gives what the raw file has.
fn measure(folder: &Path, options: &str) {
    let address = server().to_string();
    let options: Vec<&str> = ["-c", &address].into_iter().chain(options.split(' ')).collect();
    let output = run(Path::new(PROGRAM), folder, &options);
    assert!(matches!(output.status.code(), Some(0 | 5)), "{output:?}");
}

/// Files that are merged, with what else is asked for, and why that is refused.
const REFUSED: &[(&str, &str)] = &[
    ("a.json missing.json", "missing.json: No such file"),
    ("a.json .", ".: Is a directory"),
    ("a.json a.json", "a.json: the file is given twice"),
    ("a.json ./a.json", "the file is given twice"),
    ("a.json copy.json", "copy.json: it is the same run as a.json"),
    ("a.json truncated.json", "truncated.json: this is no raw file of the load test (--raw): EOF"),
    ("empty.json a.json", "empty.json: this is no raw file"),
    ("binary.json a.json", "binary.json: stream did not contain valid UTF-8"),
    ("a.json report.json", "report.json: this is no raw file"),
    ("a.json none.json", "none.json: this is no raw file of the load test (--raw): there is no run"),
    ("a.json next.json", "next.json: it is of version 3 of the format, and this program reads version 2"),
    ("a.json more.json", "more.json: its figures contradict each other"),
    ("a.json huge.json", "huge.json: its figures contradict each other"),
    ("a.json other.json", "other.json: this is no raw file of the load test (--raw): unknown field `place`"),
    (
        "a.json unix.json",
        "unix.json: it does not belong to a.json: its target is of the kind unix, and not tcp",
    ),
    ("a.json patient.json", "patient.json: it does not belong to a.json: --timeout is 3s, and not 5s"),
    ("a.json open.json", "open.json: it does not belong to a.json: it is a run of the open loop"),
    ("open.json uniform.json", "--arrivals is uniform, and not poisson"),
    ("a.json b.json --json a.json", "a.json: the file is asked for twice"),
    ("a.json b.json --json - --raw -", "-: the file is asked for twice"),
    ("a.json b.json --histogram all.txt", "accepted are names that end in .hgrm, .hlog or .csv"),
    ("a.json b.json --fail-if rate<95%", "a closed loop asks for no rate"),
    ("a.json b.json --connections 5", "--connections"),
    ("", "<FILE>"),
];

/// Writes what runs of several kinds have measured, and damaged files. Gives the text of `a.json`.
fn files(there: &Path) -> String {
    measure(there, "--count 20 --raw a.json");
    measure(there, "--count 30 --connections 3 --raw b.json --json report.json");
    measure(there, "--count 20 --timeout 3s --raw patient.json");
    measure(there, "--count 20 --rate 1k --raw open.json");
    measure(there, "--count 20 --rate 1k --arrivals uniform --raw uniform.json");
    let path = there.join("s");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            use std::io::{Read as _, Write as _};
            let _ = client.read(&mut [0; 64]);
            let _ = client.write_all(b"welcome ");
        }
    });
    let unix = format!("unix://{}", path.display());
    let load = ["-c", &unix, "--count", "20", "--raw", "unix.json"];
    assert!(run(Path::new(PROGRAM), there, &load).status.success());
    let a = fs::read_to_string(there.join("a.json")).unwrap();
    let spoil = |name: &str, text: String| fs::write(there.join(name), text).unwrap();
    spoil("truncated.json", a[..a.len() / 2].to_owned());
    spoil("empty.json", String::new());
    spoil("next.json", a.replacen("\"version\": 2,", "\"version\": 3,", 1));
    spoil("more.json", a.replace("\"welcomed\": 20", "\"welcomed\": 21"));
    spoil("huge.json", a.replace("\"welcomed\": 20", &format!("\"welcomed\": {}", u64::MAX)));
    spoil("other.json", a.replacen("\"namespace\"", "\"place\"", 1));
    spoil("none.json", "{\"format\": \"welcomed-load raw\", \"version\": 2, \"runs\": []}".to_owned());
    let mut copy: Value = serde_json::from_str(&a).unwrap();
    copy["runs"][0]["name"] = "another".into();
    spoil("copy.json", copy.to_string());
    let kind: Vec<u8> = a.replace("HISTFAAA", "HISTFAAB").into_bytes();
    fs::write(there.join("binary.json"), [&kind[..], &[0xff, 0xfe]].concat()).unwrap();
    a
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path();
    let a = files(there);
    for (files, why) in REFUSED {
        let options: Vec<&str> = ["merge"].into_iter().chain(files.split_whitespace()).collect();
        let output = run(Path::new(PROGRAM), there, &options);
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""), "{files}: {said}");
        assert!(said.lines().count() == 1 && said.contains(why), "{files}: {said}");
    }
    assert_eq!(fs::read_to_string(there.join("a.json")).unwrap(), a, "it is as it was");
    let output = run(Path::new(PROGRAM), there, &["merge", "a.json", "b.json", "--raw", "ab.json"]);
    let said = text(&output.stdout);
    assert!(output.status.success() && said.contains("50 visits welcomed, "), "{output:?}");
    assert!(
        said.contains("2 generators made the visits") && said.contains("* b.json: target tcp://127.0.0.1:"),
        "{said}"
    );
    // What is merged can be merged again, and a run is known wherever it is.
    let output = run(Path::new(PROGRAM), there, &["merge", "ab.json", "b.json"]);
    assert!(text(&output.stderr).ends_with("b.json: it is the same run as ab.json: b.json\n"), "{output:?}");
}

#[test]
fn a_run_in_which_nothing_succeeded_is_one_of_many() {
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path();
    measure(there, "--count 20 --raw good.json");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let load = ["-c", &nobody, "--count", "30", "--raw", "bad.json", "--json", "run.json"];
    let output = run(Path::new(PROGRAM), there, &load);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""), "{output:?}");
    assert!(text(&output.stderr).ends_with("welcomed-load: no visit succeeded: 30 refused\n"), "{output:?}");
    assert!(!there.join("run.json").exists(), "a report without a figure is none");
    let output = run(Path::new(PROGRAM), there, &["merge", "good.json", "bad.json"]);
    let said = text(&output.stdout);
    assert!(output.status.success() && said.contains("50 begun, 20 done, 30 failed"), "{output:?}");
    // Of nothing but failures there is no report.
    let output = run(Path::new(PROGRAM), there, &["merge", "bad.json"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""), "{output:?}");
}

#[test]
fn the_first_wrong_answer_is_in_the_report_of_many() {
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path();
    measure(there, "--count 20 --raw good.json");
    let (address, _) = crate::any_server::server(|mut client, number| {
        use std::io::{Read as _, Write as _};
        let _ = client.read(&mut [0; 64]);
        let answer: &[u8] = if number == 2 { b"go \x1b[31maway\xff\n" } else { b"welcome " };
        let _ = client.write_all(answer);
    });
    let to = address.to_string();
    let load = ["-c", &to, "--connections", "1", "--count", "5", "--raw", "bad.json", "--json", "bad.report"];
    let output = run(Path::new(PROGRAM), there, &load);
    let shown = "The first wrong answer (wrong reply) had 14 bytes: go \\u{1b}[31maway\u{fffd}\\n\n\
                 in hexadecimal: 67 6f 20 1b 5b 33 31 6d 61 77 61 79 ff 0a\n";
    assert!(text(&output.stdout).contains(shown), "{output:?}");
    let merge = ["merge", "good.json", "bad.json", "--raw", "both.json", "--json", "both.report"];
    let output = run(Path::new(PROGRAM), there, &merge);
    assert!(output.status.success() && text(&output.stdout).contains(shown), "{output:?}");
    let wrong = |name: &str| json(&there.join(name))["run"]["first_wrong"].clone();
    assert_eq!(wrong("both.report"), wrong("bad.report"));
    let output = run(Path::new(PROGRAM), there, &["merge", "both.json"]);
    assert!(text(&output.stdout).contains(shown), "{output:?}");
    let spoilt = fs::read_to_string(there.join("bad.json")).unwrap().replace("67 6f 20 1b", "67 6f 20 xx");
    fs::write(there.join("spoilt.json"), spoilt).unwrap();
    let output = run(Path::new(PROGRAM), there, &["merge", "spoilt.json"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(text(&output.stderr).contains("no wrong answer"), "{output:?}");
}

#[test]
fn thresholds_are_those_of_all_runs_together() {
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path();
    measure(there, "--count 300 --connections 2 --raw a.json");
    measure(there, "--count 900 --connections 2 --raw b.json");
    for (condition, code) in [
        ("failures>0", 0),
        ("rate<1000000", 7),
        ("p99>60s", 0),
        ("p99>1us", 3),
        ("p99.9>60s", 0),
        ("p99.99>60s", 8),
    ] {
        let output = run(Path::new(PROGRAM), there, &["merge", "a.json", "b.json", "--fail-if", condition]);
        assert_eq!(output.status.code(), Some(code), "{condition}: {output:?}");
    }
    // 300 visits alone are too few.
    let output = run(Path::new(PROGRAM), there, &["merge", "a.json", "--fail-if", "p99.9>60s"]);
    assert_eq!(output.status.code(), Some(8), "{output:?}");
}

/// A server that writes how many clients have sent something.
const COUNTING_SERVER: &str = "import socket, threading
def serve(client):
    if client.recv(64): visits.append(1)
    client.sendall(b'welcome '); client.close()
visits = []
server = socket.create_server(('0.0.0.0', 7000), backlog=256)
print('up', flush=True)
def all():
    while True: threading.Thread(target=serve, args=(server.accept()[0],)).start()
threading.Thread(target=all, daemon=True).start()
input()
print(len(visits), file=open('visits', 'w'), flush=True)";

/// Eight network namespaces with a link each to the one of the server.
const EIGHT_MACHINES: &str = "set -e; ip link set lo up; mkfifo end; exec 3<>end
        python3 server.py <end >up & server=$!
        for _ in $(seq 200); do [ -s up ] && break; sleep 0.05; done; [ -s up ]
        trap 'kill $server $machines 2>/dev/null' EXIT
        machine() {
            unshare --net sh -c 'echo >ready.$0; exec sleep 120' $1 & eval machine_$1=$!; started=$!; machines=\"$machines $!\"
            for _ in $(seq 200); do [ -e ready.$1 ] && break; sleep 0.05; done
            ip link add v$1 type veth peer name e$1 netns $started
            ip addr add 10.77.$1.1/24 dev v$1; ip link set v$1 up
            nsenter -t $started -n sh -c \"ip addr add 10.77.$1.2/24 dev e$1; ip link set e$1 up; ip link set lo up\"
        }
        on() { eval local machine=\\$machine_$1; shift; nsenter -t $machine -n \"$@\"; }
        loads=
        for i in 1 2 3 4 5 6 7 8; do
            machine $i
            on $i \"$0\" -c 10.77.$i.1:7000 --rate 100 --count 5$i --seed $i --histogram $i.csv --raw - >$i.json 2>$i.log &
            loads=\"$loads $!\"
        done
        for load in $loads; do wait $load || [ $? = 5 ]; done
        echo >&3; wait $server
        \"$0\" merge [1-8].json --json all.json --html all.html --raw again --histogram all.csv --histogram all.hgrm \\
            --histogram all.hlog >all.txt 2>all.log || [ $? = 5 ]
        \"$0\" merge again --json again.json >again.txt || [ $? = 5 ]";

/// The recipe of docs/load-test.md, with a network namespace for each machine.
#[test]
fn eight_machines_are_one_report() {
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path();
    fs::write(there.join("server.py"), COUNTING_SERVER).unwrap();
    let Some(output) = in_namespaces(&["--net"], EIGHT_MACHINES, there) else { return };
    assert!(output.status.success(), "{output:?}");
    let all = &json(&there.join("all.json"));
    assert_eq!(breach(all), None);
    let run = &all["run"];
    let visits: u64 = (51..=58).sum();
    assert_eq!(fs::read_to_string(there.join("visits")).unwrap().trim(), visits.to_string());
    for member in ["due", "begun", "welcomed"] {
        assert_eq!(run[member], visits, "{member} of {run:#}");
    }
    let parts = run["contributions"].as_array().unwrap();
    assert_eq!((parts.len(), parts[7]["begun"].as_u64()), (8, Some(58)), "{parts:#?}");
    let rates: f64 = parts.iter().map(|part| part["rate"].as_f64().unwrap()).sum();
    assert!((rates - run["rate"].as_f64().unwrap()).abs() < 1e-6, "{run:#}");
    // All values in one histogram.
    let mut one = Histogram::<u64>::new(3).unwrap();
    let buckets = (1..=8).map(|machine| fs::read_to_string(there.join(format!("{machine}.csv"))).unwrap());
    for line in buckets.collect::<String>().lines().filter_map(|line| line.strip_prefix("latency,")) {
        let bucket: Vec<u64> = line.split(',').map(|figure| figure.parse().unwrap()).collect();
        one.record_n(bucket[1], bucket[2]).unwrap();
    }
    assert_eq!(one.len(), visits);
    for percentile in &run["latency"]["at"].as_array().unwrap()[..3] {
        let quantile = percentile["per_cent"].as_f64().unwrap() / 100.0;
        assert_eq!(percentile["nanos"], one.value_at_quantile(quantile), "{percentile}");
    }
    assert_eq!(run["latency"]["max_nanos"], one.max());
    // What is merged again is the same.
    let again = json(&there.join("again.json"));
    for member in ["latency", "parts", "culprits", "failures", "rate", "in_flight", "net", "timeline"] {
        assert_eq!(again["run"][member], run[member], "{member}");
    }
    let written = |name: &str| fs::read_to_string(there.join(name)).unwrap();
    assert!(
        written("all.hgrm").contains(&format!("Total count    = {visits:12}]")),
        "{}",
        written("all.hgrm")
    );
    assert!(written("all.hlog").contains("\nTag=from-due,") && written("all.html").ends_with("</html>\n"));
    assert!(
        written("all.txt").contains("8 generators made the visits, with 8 threads in all."),
        "{}",
        written("all.txt")
    );
}
