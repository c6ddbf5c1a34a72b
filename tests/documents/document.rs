//! Parses a document: its sections, their commands, and the output below them.

/// Commands and their output.
pub(crate) struct Block {
    /// The line of the document.
    pub(crate) line: usize,
    pub(crate) commands: String,
    /// The output below the commands, if there is any.
    pub(crate) expected: Option<String>,
    pub(crate) run: Run,
}

/// How a block is run, as the comment above it says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Run {
    /// To its end: there is no comment.
    Here,
    /// While the rest of the document is played: `<!-- keeps running -->`.
    Background,
    /// Not by a test: `<!-- not run: WHY -->`.
    Not,
}

/// The text under one heading.
pub(crate) struct Section {
    /// Empty for the text before the first heading.
    pub(crate) heading: String,
    pub(crate) needs_root: bool,
    pub(crate) experiments: usize,
    pub(crate) blocks: Vec<Block>,
    /// The lines of blocks that are neither commands nor their output.
    pub(crate) others: Vec<usize>,
}

impl Section {
    fn new(heading: &str) -> Section {
        let heading = heading.to_owned();
        Section { heading, needs_root: false, experiments: 0, blocks: Vec::new(), others: Vec::new() }
    }
}

/// Parses a document.
pub(crate) fn sections(text: &str) -> Vec<Section> {
    let mut sections = vec![Section::new("")];
    let mut lines = text.lines().zip(1..);
    // Output belongs to the commands above it, with only empty lines between.
    let mut follows_commands = false;
    let mut run = Run::Here;
    while let Some((line, number)) = lines.next() {
        if let Some(heading) = line.strip_prefix("## ") {
            sections.push(Section::new(heading));
        }
        let section = sections.last_mut().unwrap();
        section.needs_root |= line.contains("(This section needs root.)");
        section.experiments += usize::from(line.starts_with("### Experiment: "));
        let Some(language) = line.strip_prefix("```") else {
            assert!(!line.contains("```"), "line {number}: a block that begins within a line");
            follows_commands &= line.is_empty();
            run = mark(line).unwrap_or(if line.is_empty() { run } else { Run::Here });
            continue;
        };
        let inside = lines.by_ref().take_while(|(line, _)| *line != "```");
        let inside: String = inside.flat_map(|(line, _)| [line, "\n"]).collect();
        match language {
            "sh" => section.blocks.push(Block { line: number, commands: inside, expected: None, run }),
            "text" if follows_commands => section.blocks.last_mut().unwrap().expected = Some(inside),
            _ => section.others.push(number),
        }
        follows_commands = language == "sh";
        run = Run::Here;
    }
    sections
}

/// What a line says about the block below it.
fn mark(line: &str) -> Option<Run> {
    match line.strip_prefix("<!-- ")?.strip_suffix(" -->")? {
        "keeps running" => Some(Run::Background),
        // The command that CI reads from README runs this very test.
        "the test command" => Some(Run::Not),
        other => other.strip_prefix("not run: ").map(|_| Run::Not),
    }
}

/// Whether `printed` matches `expected` line by line. `[..]` matches any text within a line, and a line `...` any lines.
/// Runs of blanks count as one blank, and blanks at the end of a line do not count.
pub(crate) fn matches(expected: &str, printed: &str) -> bool {
    let lines = |text: &str| text.trim_end().lines().map(words).collect::<Vec<_>>();
    lines_match(&lines(expected), &lines(printed))
}

fn lines_match(expected: &[String], printed: &[String]) -> bool {
    match expected {
        [] => printed.is_empty(),
        [any, rest @ ..] if any == "..." => {
            (0..=printed.len()).any(|skipped| lines_match(rest, &printed[skipped..]))
        }
        [first, rest @ ..] => match printed {
            [line, others @ ..] => line_matches(first, line) && lines_match(rest, others),
            [] => false,
        },
    }
}

/// Whether all lines of `expected` are in `printed`, in this order. All numbers are alike.
pub(crate) fn are_among(expected: &str, printed: &str) -> bool {
    let mut printed = printed.lines().map(|line| without_numbers(&words(line)));
    expected
        .lines()
        .map(|line| without_numbers(&words(line)))
        .all(|expected| printed.any(|line| line == expected))
}

fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn without_numbers(line: &str) -> String {
    let mut kept: Vec<char> = line.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    kept.dedup_by(|a, b| *a == '0' && *b == '0');
    kept.into_iter().collect()
}

fn line_matches(expected: &str, printed: &str) -> bool {
    let Some((before, after)) = expected.split_once("[..]") else { return expected == printed };
    let Some(rest) = printed.strip_prefix(before) else { return false };
    (0..=rest.len())
        .filter(|skipped| rest.is_char_boundary(*skipped))
        .any(|skipped| line_matches(after, &rest[skipped..]))
}

#[test]
fn a_line_matches_itself_and_any_text_at_its_placeholder() {
    for (expected, printed) in [
        ("a\n", "a"),
        ("a  b", "a b   \n"),
        ("pid [..]: x", "pid 4711: x"),
        ("[..]a[..]", "bab"),
        ("[..]", "\u{e9}"),
        ("", "\n"),
        ("a\n...\nd", "a\nb\nc\nd"),
        ("...\nb\n...", "b"),
    ] {
        assert!(matches(expected, printed), "{expected:?} {printed:?}");
    }
    for (expected, printed) in [
        ("a", ""),
        ("", "a"),
        ("a", "a\na"),
        ("a\na", "a"),
        ("a", "ab"),
        ("pid [..]: x", "pid 4711: y"),
        ("[..]a", "ab"),
        ("a\n[..]\nb", "a\nb"),
        ("a\n...\nd", "a\nb\nc"),
    ] {
        assert!(!matches(expected, printed), "{expected:?} {printed:?}");
    }
}

#[test]
fn lines_of_a_log_are_found_in_their_order() {
    let log = "1:07 begun\n1:08 port 57420\n1:09 over\n";
    assert!(are_among("2:00  begun\n2:10 over", log));
    for other in ["1:09 over\n1:07 begun", "1:07 begun\n1:07 begun", "begun"] {
        assert!(!are_among(other, log), "{other}");
    }
}

#[test]
fn the_comment_above_a_block_says_how_it_is_run() {
    let text = "<!-- not run: slow -->\n```sh\na\n```\n<!-- keeps running -->\n\n```sh\nb\n```\nwords\n```sh\nc\n```\n";
    let sections = sections(text);
    let runs: Vec<Run> = sections[0].blocks.iter().map(|block| block.run).collect();
    assert_eq!(runs, [Run::Not, Run::Background, Run::Here]);
}
