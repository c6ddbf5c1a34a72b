//! What happens to a session, written so that a person can read a seed and a fuzzer can mutate it.
//!
//! The first byte picks the welcome. Then the bytes are what the client sends, except that `%` marks
//! something else:
//!
//! | mark | what it stands for |
//! | --- | --- |
//! | `%\|` | a cut: what follows comes in another piece |
//! | `%r` | the end of a record: what came since the last mark is one, even if that is nothing |
//! | `%k` | 256 times `x`, for names near the limit |
//! | `%e` | the end of the client's input |
//! | `%s` | silence for the name gap |
//! | `%d` | the deadline of the state |
//! | `%f` | the stream has failed |
//! | `%x` | the server stops |
//! | `%w` and a digit | so many bytes of the welcome have been sent (other bytes count on from `9`) |
//! | `%a` | all that is left of the welcome has been sent |
//! | `%` and another byte | that byte |

/// The most `%k` that count: a script stays quick to run.
const FILLS_MAX: usize = 16;

/// The welcomes that a script can pick by its first byte.
pub(crate) const WELCOMES: [&str; 6] =
    ["welcome ", "Hello, {name}!", "{name}", "", "{name} and {name}{name}\n", "{name"];

/// One thing that happens to a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    Bytes(Vec<u8>),
    Record(Vec<u8>),
    EndOfInput,
    Silence,
    Deadline,
    Failed,
    Stopped,
    /// At most so many bytes of the welcome have been sent; none would be no call.
    Sent(usize),
}

impl Step {
    /// Whether it is a piece without a byte.
    fn is_empty(&self) -> bool {
        matches!(self, Step::Bytes(bytes) if bytes.is_empty())
    }
}

/// A welcome's text and what happens, as the bytes of a seed say.
pub(crate) fn read(script: &[u8]) -> (&'static str, Vec<Step>) {
    let mut script = script.iter().copied();
    let welcome = WELCOMES[usize::from(script.next().unwrap_or(b'0').wrapping_sub(b'0')) % WELCOMES.len()];
    let (mut steps, mut piece, mut fills) = (Vec::new(), Vec::new(), 0);
    while let Some(byte) = script.next() {
        let mark = if byte == b'%' { script.next() } else { None };
        let step = match mark {
            None => {
                piece.push(byte);
                continue;
            }
            Some(b'k') => {
                fills += 1;
                if fills <= FILLS_MAX {
                    piece.extend([b'x'; 256]);
                }
                continue;
            }
            Some(b'|') => None,
            Some(b'r') => {
                steps.push(Step::Record(std::mem::take(&mut piece)));
                continue;
            }
            Some(b'e') => Some(Step::EndOfInput),
            Some(b's') => Some(Step::Silence),
            Some(b'd') => Some(Step::Deadline),
            Some(b'f') => Some(Step::Failed),
            Some(b'x') => Some(Step::Stopped),
            Some(b'w') => {
                Some(Step::Sent(usize::from(script.next().unwrap_or(b'0').wrapping_sub(b'0')).max(1)))
            }
            Some(b'a') => Some(Step::Sent(usize::MAX)),
            Some(other) => {
                piece.push(other);
                continue;
            }
        };
        // A cut without a byte before it is a piece of nothing: no call may mind.
        steps.push(Step::Bytes(std::mem::take(&mut piece)));
        steps.extend(step);
    }
    steps.push(Step::Bytes(piece));
    // A socket keeps boundaries or does not, and behind the end of input nothing comes.
    let first =
        steps.iter().find(|step| matches!(step, Step::Record(_) | Step::Bytes(_)) && !step.is_empty());
    let keeps_boundaries = matches!(first, Some(Step::Record(_)));
    let mut has_ended = false;
    steps.retain(|step| match step {
        Step::Bytes(_) => !keeps_boundaries && !has_ended,
        Step::Record(_) => keeps_boundaries && !has_ended,
        Step::EndOfInput => !std::mem::replace(&mut has_ended, true),
        Step::Silence | Step::Deadline | Step::Failed | Step::Stopped | Step::Sent(_) => true,
    });
    (welcome, steps)
}

/// The same with as few cuts as can be: pieces between which nothing happens are one.
pub(crate) fn joined(steps: &[Step]) -> Vec<Step> {
    let mut joined: Vec<Step> = Vec::new();
    for step in steps {
        match (joined.last_mut(), step) {
            (_, Step::Bytes(bytes)) if bytes.is_empty() => {}
            (Some(Step::Bytes(before)), Step::Bytes(bytes)) => before.extend_from_slice(bytes),
            _ => joined.push(step.clone()),
        }
    }
    joined
}

/// The same with as many cuts as can be: every byte comes alone.
pub(crate) fn scattered(steps: &[Step]) -> Vec<Step> {
    let mut scattered = Vec::new();
    for step in steps {
        match step {
            Step::Bytes(bytes) => scattered.extend(bytes.iter().map(|byte| Step::Bytes(vec![*byte]))),
            other => scattered.push(other.clone()),
        }
    }
    scattered
}
