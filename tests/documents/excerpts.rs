//! The code in docs/your-own-protocol.md is that of the example.

use std::fs;
use std::path::Path;

/// The lines of a text without indents and empty ones.
fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

#[test]
fn every_piece_of_code_stands_in_the_example() {
    let read = |path: &str| fs::read_to_string(Path::new(crate::ROOT).join(path)).unwrap();
    let sources = ["examples/upper.rs", "examples/upper_schedules.rs"].map(read);
    let document = read("docs/your-own-protocol.md");
    let pieces: Vec<&str> =
        document.split("```rust\n").skip(1).map(|rest| rest.split_once("```").unwrap().0).collect();
    assert!(pieces.len() >= 10, "{} pieces of code", pieces.len());
    for piece in pieces {
        let piece = lines(piece);
        let stands = |source: &String| lines(source).windows(piece.len()).any(|window| window == piece);
        assert!(sources.iter().any(stands), "the example has another:\n{}", piece.join("\n"));
    }
}
