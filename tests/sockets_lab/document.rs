//! Parses docs/sockets.md: its sections, their commands, and the output below them.

use welcomed::net::Kind;

/// Commands and their output.
pub(crate) struct Block {
    /// The line of the document.
    pub(crate) line: usize,
    pub(crate) commands: String,
    /// The output below the commands, if there is any.
    pub(crate) expected: Option<String>,
}

/// The text under one heading.
pub(crate) struct Section {
    heading: String,
    pub(crate) needs_root: bool,
    pub(crate) experiments: usize,
    pub(crate) blocks: Vec<Block>,
}

/// The whole document.
pub(crate) struct Document {
    sections: Vec<Section>,
}

impl Document {
    /// Parses the text. Fails at a block that is neither commands nor their output.
    pub(crate) fn parse(text: &str) -> Document {
        let mut sections: Vec<Section> = Vec::new();
        let mut lines = text.lines().zip(1..);
        // Output belongs to the commands above it, with only empty lines between.
        let mut follows_commands = false;
        while let Some((line, number)) = lines.next() {
            if let Some(heading) = line.strip_prefix("## ") {
                let heading = heading.to_owned();
                sections.push(Section { heading, needs_root: false, experiments: 0, blocks: Vec::new() });
            }
            let Some(section) = sections.last_mut() else { continue };
            section.needs_root |= line.contains("(This section needs root.)");
            section.experiments += usize::from(line.starts_with("### Experiment: "));
            let Some(language) = line.strip_prefix("```") else {
                assert!(
                    !line.contains("```") && !line.starts_with("    "),
                    "line {number}: a block unfenced"
                );
                follows_commands &= line.is_empty();
                continue;
            };
            let inside = lines.by_ref().take_while(|(line, _)| *line != "```");
            let inside: String = inside.flat_map(|(line, _)| [line, "\n"]).collect();
            match language {
                "sh" => section.blocks.push(Block { line: number, commands: inside, expected: None }),
                "text" => {
                    assert!(follows_commands, "line {number}: no commands print this");
                    section.blocks.last_mut().unwrap().expected = Some(inside);
                }
                other => panic!("line {number}: a block of {other:?}, which the test cannot run"),
            }
            follows_commands = language == "sh";
        }
        Document { sections }
    }

    /// The kinds that have a section, in the document's order. The first section is the preparation.
    pub(crate) fn kinds(&self) -> Vec<&str> {
        self.sections.iter().skip(1).map(|section| section.heading.split(':').next().unwrap()).collect()
    }

    /// The section about `kind`.
    pub(crate) fn section(&self, kind: Kind) -> &Section {
        let heading = format!("{kind}: ");
        self.sections.iter().find(|section| section.heading.starts_with(&heading)).unwrap()
    }

    /// The commands before the first kind's section, except the build.
    pub(crate) fn preparation(&self) -> impl Iterator<Item = &Block> {
        self.sections[0].blocks.iter().filter(|block| block.commands != crate::BUILD)
    }

    /// Every block of commands.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.sections.iter().flat_map(|section| &section.blocks)
    }
}

/// Whether `printed` matches `expected` line by line. `[..]` matches any text within a line. Runs of blanks count
/// as one blank, and blanks at the end of a line do not count.
pub(crate) fn matches(expected: &str, printed: &str) -> bool {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut printed = printed.trim_end().lines();
    expected.trim_end().lines().all(|expected| {
        printed.next().is_some_and(|printed| line_matches(words(expected).trim(), words(printed).trim()))
    }) && printed.next().is_none()
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
    ] {
        assert!(!matches(expected, printed), "{expected:?} {printed:?}");
    }
}
