//! The exhibits: what goes wrong, where the world met it, and a scene in which it shows.

use std::time::Duration;

use welcomed::net::{ErrorCode, Kind};
use welcomed::schedules::{WELCOME, Welcoming, bytewise, half_closing, prompt, surplus};
use welcomed::simulation::{Fault, Promise, Reading, Schedule, Script, Step, Weather};

/// A change to the plain loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bug {
    TrustsFlags,
    ForgetsTheEdgeAfterEmfile,
    SpinsOnEmfile,
    ForgetsWhoIsBeyondTheBudget,
    StopsAfterOneRead,
    WouldBlockOnWriteIsFatal,
    ShortWriteIsAll,
    EndOfInputIsData,
    HalfCloseIsADisconnect,
    NeverRearms,
    ServesTheWrongClient,
    ExtendsTheDeadlineByEveryByte,
    ClosesOnUnreadInput,
    DiesOfEintr,
    DiesOfAClosedLogPipe,
    DiesOfOneAcceptError,
    LeaksWhatCannotBeWatched,
    EmptyRecordIsTheEnd,
    ForgetsTheBoundaries,
    WelcomesAWelcome,
    AnswersOneDatagramForEachEvent,
    SavesTheLastCall,
    LetsAResetOut,
}

/// A bug, for people to look at.
pub(crate) struct Exhibit {
    pub(crate) bug: Bug,
    pub(crate) title: &'static str,
    /// What goes wrong, in two sentences.
    pub(crate) what: &'static str,
    /// Where the world met it: public issues, CVEs, man pages.
    pub(crate) met: &'static str,
    /// Which of our promises catches it.
    pub(crate) breaks: Promise,
    /// Where it shows.
    pub(crate) scene: fn() -> Schedule<Welcoming>,
}

impl Exhibit {
    /// Whether the log of its scene is read.
    pub(crate) fn log_is_read(&self) -> bool {
        self.bug != Bug::DiesOfAClosedLogPipe
    }
}

/// Clients in good weather, but for the planned faults and a send buffer of so many bytes.
fn scene(clients: Vec<Script>, send_buffer: usize, plan: &[(usize, Fault)]) -> Schedule<Welcoming> {
    scene_at(Kind::Tcp, clients).in_weather(Weather::planned(plan).with_send_buffer(send_buffer))
}

/// Clients in good weather at a socket of this kind.
fn scene_at(kind: Kind, clients: Vec<Script>) -> Schedule<Welcoming> {
    Schedule::calm(&Welcoming::default(), &[Welcoming::socket(kind)], clients)
}

const LARGE: usize = 64 * 1024;
const SMALL: usize = 4;

fn after(millis: u64, client: Script) -> Script {
    client.arriving(Duration::from_millis(millis))
}

/// A client that connects and does the rest only when its stream is being watched.
fn later(client: Script) -> Script {
    client.after_a_pause(Duration::from_millis(20))
}

pub(crate) const EXHIBITS: &[Exhibit] = &[
    Exhibit {
        bug: Bug::TrustsFlags,
        title: "The loop that trusts flags",
        what: "An event says that the peer has hung up, and the loop closes the connection at once, although the bytes \
               that were sent before are still unread. Only sometimes, when data and FIN arrive close together, the \
               last message is gone.",
        met: "netty/netty#4317, \"Epoll level-triggered discards last packets when remote end disconnects\"; \
              haproxy/haproxy#1863",
        breaks: WELCOME,
        scene: || scene(vec![later(half_closing(b"Ada"))], LARGE, &[]),
    },
    Exhibit {
        bug: Bug::ForgetsTheEdgeAfterEmfile,
        title: "The listener that never wakes again",
        what: "Edge-triggered, the news of a client comes once; accept fails for want of a descriptor, and the \
               loop goes back to wait for news. Clients hang in the accept queue long after descriptors are free.",
        met: "projecteru/redis-cerberus#29 (after \"too many open files\" no client is accepted any more); the cure, \
              remembering that a client waits, is sozu-proxy/sozu#82",
        breaks: Promise::NoStall,
        scene: || scene(vec![prompt(b"Ada")], LARGE, &[(1, Fault::Error(ErrorCode::MFile))]),
    },
    Exhibit {
        bug: Bug::SpinsOnEmfile,
        title: "A core for nothing",
        what: "Accept fails for want of a descriptor and leaves the client in the queue, so the loop is told at once \
               that a client waits, and asks again. One core is at 100 %, a log grows by megabytes a second, and no client \
               is served.",
        met: "joyent/libuv#690, \"Endless loop in EMFILE\"; twisted/twisted#5368; tokio-rs/tokio#3529; \
              12,832,728 log lines in ethereum/go-ethereum#21878",
        breaks: Promise::NoSpin,
        scene: || {
            let weather = Weather::planned(&[]).with_descriptors(1);
            let clients = vec![Script::silent(), after(10, prompt(b"Ada"))];
            scene_at(Kind::Tcp, clients).in_weather(weather)
        },
    },
    Exhibit {
        bug: Bug::ForgetsWhoIsBeyondTheBudget,
        title: "The cure that stalls",
        what: "To be fair to those inside, the loop accepts only so many in a turn, and then waits for news of the rest. \
               There is none: they were part of the old news.",
        met: "sjanel/aeronet#485",
        breaks: Promise::NoStall,
        scene: || {
            let names = (0..100).map(|number| prompt(format!("N{number}").as_bytes()));
            scene(names.collect(), LARGE, &[])
        },
    },
    Exhibit {
        bug: Bug::StopsAfterOneRead,
        title: "Half a request, for ever",
        what: "The loop reads once for each event and goes back to wait with bytes still in the socket. It is never told \
               of them, because nothing changes: both sides wait for each other.",
        met: "epoll(7) has it as its first example; tokio-rs/mio#45, \"the data will remain forever alone\"; \
              netty/netty#7788 for the short read that is taken for the last",
        breaks: Promise::NoStall,
        scene: || scene(vec![later(prompt(b"Ada"))], LARGE, &[(6, Fault::Short(1))]),
    },
    Exhibit {
        bug: Bug::WouldBlockOnWriteIsFatal,
        title: "A full buffer is no error",
        what: "The reply is larger than the room in the send buffer, write says that it would block, and the loop takes \
               that for a failure and closes. Small replies always work, a large one arrives cut off.",
        met: "sgieseking/anyrpc#51, \"Resume partial writes instead of treating EAGAIN as fatal\"; netdata/netdata#11754",
        breaks: WELCOME,
        scene: || scene(vec![prompt(b"Rafatul")], SMALL, &[]),
    },
    Exhibit {
        bug: Bug::ShortWriteIsAll,
        title: "The rest of the reply",
        what: "Write takes a part of the reply, and the loop forgets the rest. A client that reads slowly gets less than the \
               others.",
        met: "libevent/libevent#1433, \"Deal with partial writes on SSL write\"; sent twice instead in \
              MisterTea/EternalTerminal#815",
        breaks: WELCOME,
        scene: || scene(vec![prompt(b"Rafatul")], SMALL, &[]),
    },
    Exhibit {
        bug: Bug::EndOfInputIsData,
        title: "Reading nothing, again and again",
        what: "Read gives 0, which is the end of input, and the loop takes it for data of no length and reads on. The \
               end of input does not go away by being read, so that never ends.",
        met: "wg/wrk#179, \"Fixed infinite loop when server dropped TCP-connection\"; MarcJHuber/event-driven-servers#204; \
              swhitty/FlyingFox#224",
        breaks: Promise::NoSpin,
        scene: || scene(vec![Script::scanning()], LARGE, &[]),
    },
    Exhibit {
        bug: Bug::HalfCloseIsADisconnect,
        title: "Thanks, and goodbye",
        what: "The client sends all it has, says so by shutting its side, and waits for the answer; the loop sees the end \
               of input and hangs up. A printf piped into netcat gets nothing from a server that works in every browser.",
        met: "enghitalo/vanilla#103, \"Backend drops the response when a client half-closes\"; hyperium/hyper#1981 made it \
              the default on purpose",
        breaks: WELCOME,
        scene: || scene(vec![half_closing(b"Ada")], LARGE, &[]),
    },
    Exhibit {
        bug: Bug::NeverRearms,
        title: "One frozen connection",
        what: "The loop watched for bytes, now it has to wait for room to write, and does not say so to the kernel. That \
               one connection freezes, without an error and without a line in the log.",
        met: "netty/netty#4216, \"Correctly set EPOLLOUT flag\"; pjsip/pjproject#3018; netty/netty#7730",
        breaks: WELCOME,
        scene: || {
            let bytewise = bytewise(b"Rafatul", Duration::from_millis(5));
            scene(vec![bytewise], SMALL, &[])
        },
    },
    Exhibit {
        bug: Bug::ServesTheWrongClient,
        title: "Somebody else's answer",
        what: "A client is gone while its reply is being sent, and its place in the table goes to the next one together \
               with what was left under that key. A stranger reads the end of a reply that was never for him.",
        met: "joyent/libuv#971, \"fix reopened fd bug\"; \
              tokio-rs/mio#219; epoll(7), \"If using an event cache\"",
        breaks: Promise::NothingElse,
        scene: || {
            let gone = prompt(b"Secret")
                .reading(Reading::Never)
                .then([Step::Pause(Duration::from_millis(5)), Step::Reset]);
            scene(vec![gone, after(20, prompt(b"Eve"))], SMALL, &[])
        },
    },
    Exhibit {
        bug: Bug::ExtendsTheDeadlineByEveryByte,
        title: "Slow loris",
        what: "Each byte sets the deadline anew, so a client that sends one now and then is never late. A handful of them \
               hold every place there is, for next to no traffic.",
        met: "CVE-2007-6750 (Apache); CVE-2018-12122 (Node.js)",
        breaks: Promise::Deadline,
        scene: || scene(vec![Script::slow_loris(Duration::from_millis(40), 100)], LARGE, &[]),
    },
    Exhibit {
        bug: Bug::ClosesOnUnreadInput,
        title: "The reset that eats the reply",
        what: "The server answers and closes while bytes of the client are unread; the kernel must send a reset, and the \
               reset takes the answer with it. The user sees \"connection reset by peer\" instead of what the server said.",
        met: "hyperium/hyper#3078, \"hyper server send rst after response 503\"; rwf2/Rocket#2783; the rule is RFC 9112, \
              section 9.6, and nginx calls it lingering_close",
        breaks: WELCOME,
        scene: || {
            // More comes in the moment between the last look and the close.
            let surplus = surplus(b"Ada", &[b'x'; 5000]);
            scene(vec![surplus], LARGE, &[])
        },
    },
    Exhibit {
        bug: Bug::DiesOfEintr,
        title: "Dead of being looked at",
        what: "A signal interrupts the wait, which says so by an error, and the loop takes that for the end. The server \
               stops just when a debugger is attached, or the laptop is opened.",
        met: "rust-lang/futures-rs#2, \"mio: Retry poll if interrupted\"; pistacheio/pistache#565; travisghansen/fanout#19",
        breaks: Promise::Survival,
        scene: || scene(vec![prompt(b"Ada")], LARGE, &[(0, Fault::Error(ErrorCode::Intr))]),
    },
    Exhibit {
        bug: Bug::DiesOfAClosedLogPipe,
        title: "Dead of having nobody to talk to",
        what: "The reader of the log is gone, the next line fails, and there is no code for that. A server that was \
               serving well dies because its log is not read.",
        met: "rust-lang/rust#46016 (println! panics); vercel-labs/agent-browser#802, \"prevent daemon panic on broken stderr \
              pipe\"",
        breaks: Promise::Survival,
        scene: || scene(vec![prompt(b"Ada")], LARGE, &[]),
    },
    Exhibit {
        bug: Bug::DiesOfOneAcceptError,
        title: "Dead of one client that changed its mind",
        what: "A client connects and is gone before it is accepted; accept says so, and the loop gives up. The process looks \
               alive, but no client is let in any more.",
        met: "hickory-dns/hickory-dns#3725, \"permanently (and silently) kills the TCP accept loop\"; grpc/grpc-rust#1874; \
              tiny-http/tiny-http#283; accept(2) says to treat such errors like EAGAIN",
        breaks: Promise::Survival,
        scene: || {
            let clients = vec![prompt(b"Ada"), prompt(b"Bob")];
            scene(clients, LARGE, &[(1, Fault::Error(ErrorCode::ConnAborted))])
        },
    },
    Exhibit {
        bug: Bug::LeaksWhatCannotBeWatched,
        title: "Connected to nobody",
        what: "The client is accepted, but the kernel has no room to watch its socket, and the path for that error forgets \
               to close it. Each such client costs a descriptor for good, and waits for an answer that never comes.",
        met: "golang/go#34392, \"net: Not close accept conn when epoll failed\"; oven-sh/bun#32706; epoll(7), \
              max_user_watches",
        breaks: Promise::NoLeak,
        scene: || scene(vec![Script::silent()], LARGE, &[(3, Fault::Error(ErrorCode::NoSpc))]),
    },
    Exhibit {
        bug: Bug::EmptyRecordIsTheEnd,
        title: "Nothing, said on purpose",
        what: "A record may be empty, and receiving it gives 0 as the end of input does; the loop that has learnt from \
               streams takes it for the end. A client that says nothing is taken to be gone.",
        met: "cockpit-project/cockpit#5227; recv(2): datagram sockets \"permit zero-length datagrams. When such a datagram is received, the return value is \
              0\", which is what a stream gives at its end; unix(7), SOCK_SEQPACKET",
        breaks: WELCOME,
        scene: || scene_at(Kind::UnixPacket, vec![Script::sends(b"")]),
    },
    Exhibit {
        bug: Bug::ForgetsTheBoundaries,
        title: "The end that was not one",
        what: "The socket keeps boundaries, and the loop looks for its own in what it brings: a line feed in the record \
               ends the name. One client is welcomed by half a name, and one without a line feed waits for a silence that it does not need.",
        met: "socket(2): SOCK_SEQPACKET is \"for datagrams of fixed maximum length\", and \"a consumer is required to read an \
              entire packet with each input system call\" (unix(7) keeps the boundaries)",
        breaks: Promise::NothingElse,
        scene: || scene_at(Kind::UnixPacket, vec![Script::sends(b"Ada\nLovelace")]),
    },
    Exhibit {
        bug: Bug::WelcomesAWelcome,
        title: "After you, after you",
        what: "Two servers answer every datagram, and one forged sender address makes them answer each other. They do so \
               for ever, and no client has to keep them at it.",
        met: "CVE-2024-2169, \"Loop DoS\", in implementations of TFTP, DNS and NTP; CVE-1999-0103 for echo and chargen; \
              CVE-2009-3563 for ntpd",
        breaks: Promise::NothingElse,
        scene: || scene_at(Kind::Udp, vec![Script::sends(b"hello Ada!")]),
    },
    Exhibit {
        bug: Bug::AnswersOneDatagramForEachEvent,
        title: "One letter for each ring",
        what: "Edge-triggered, several datagrams that came together are one event, and the loop receives one of them. The \
               others stay until the next one comes, and then they are one behind for ever.",
        met: "FujiNetWIFI/tnfsd#27; epoll(7), \"Questions and answers\", on reading \"until EAGAIN when using the EPOLLET flag\" (edge-triggered behavior); mio's documentation, \
              \"Draining readiness\"",
        breaks: Promise::NoStall,
        scene: || scene_at(Kind::Udp, vec![Script::sends(b"Ada"), Script::sends(b"Bob")]),
    },
    Exhibit {
        bug: Bug::SavesTheLastCall,
        title: "The saved system call",
        what: "The answer is held back, to leave in one segment with the FIN of close, and a byte of the client comes between the \
               last read and close. The kernel resets the connection, and throws away \
               the answer that it was told to hold back.",
        met: "this server (2 to 6 % of the clients that sent more in a second segment lost their welcome, and all that sent \
              an urgent byte); tcp(7), MSG_MORE; RFC 1122, section 4.2.2.13",
        breaks: WELCOME,
        scene: || {
            // There is room for the name alone, and the rest comes as soon as the name was read.
            let weather = Weather::calm().with_receive_buffer(4).with_concurrent_clients();
            scene_at(Kind::Tcp, vec![surplus(b"Ada", b"more")]).in_weather(weather)
        },
    },
    Exhibit {
        bug: Bug::LetsAResetOut,
        title: "A stranger's reset ends the loop",
        what: "A client resets its connection, the next read of it says so, and `?` carries that error out of the \
               loop. One client ends the server for all the others.",
        met: "tokio-rs/mio, examples/tcp_server.rs as of mio 1.2.5: `handle_connection_event(..)?` returns from `main`, and \
              the server ends with exit code 1",
        breaks: Promise::Survival,
        scene: || {
            let gone = Script::silent().then([Step::Pause(Duration::from_millis(20)), Step::Reset]);
            scene(vec![gone, after(40, prompt(b"Ada"))], LARGE, &[])
        },
    },
];
