//! What the names in the code stand for: each path that a file mentions, followed to where its item is defined.

use crate::code::{Code, Path, Reference};

/// The library as its own programs and tests call it.
const LIBRARY: &str = "welcomed";

/// Lower-case names that are no crates.
const PRIMITIVE: [&str; 17] = [
    "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "str", "u8", "u16", "u32",
    "u64", "u128", "usize",
];

impl Code {
    /// Every path that the reference is known by: as it is written, and from re-export to re-export. Empty for what
    /// needs no import, such as a variable.
    pub(crate) fn paths(&self, reference: &Reference) -> Vec<Path> {
        let mut paths: Vec<Path> = self.start(reference).into_iter().collect();
        let mut next = 0;
        while let Some(path) = paths.get(next) {
            for further in self.next(path) {
                assert!(paths.len() < 64, "imports without an end: {}", further.join("::"));
                if !paths.contains(&further) {
                    paths.push(further);
                }
            }
            next += 1;
        }
        paths
    }

    /// Whether nothing is re-exported there.
    pub(crate) fn is_definition(&self, path: &Path) -> bool {
        self.next(path).is_empty()
    }

    /// The file that has the module or the item, and the rest of the path within it.
    pub(crate) fn file(&self, path: &Path) -> Option<usize> {
        Some(self.modules[&path[..self.depth(path)?]].file)
    }

    /// How many segments of the path are a module.
    fn depth(&self, path: &[String]) -> Option<usize> {
        (1..=path.len()).take_while(|&n| self.modules.contains_key(&path[..n])).last()
    }

    fn start(&self, reference: &Reference) -> Option<Path> {
        let Reference { at, segments, name, .. } = reference;
        let (head, rest) = segments.split_first()?;
        let join = |base: &[String], rest: &[String]| Some([base, rest].concat());
        match head.as_str() {
            "" => Some(rest.to_vec()),
            "crate" => join(&at[..1], rest),
            "self" => join(at, rest),
            "super" => {
                let levels = segments.iter().take_while(|segment| *segment == "super").count();
                let above = at.len().checked_sub(levels).filter(|above| *above > 0)?;
                join(&at[..above], &segments[levels..])
            }
            head => {
                // `use log::log` names the crate, not itself.
                let itself = name.as_deref() == Some(head);
                let module = &self.modules[at];
                if module.items.contains(head) || (!itself && module.imports.contains_key(head)) {
                    join(at, segments)
                } else if head == LIBRARY {
                    join(&["crate".to_owned()], rest)
                } else {
                    let is_crate = head.starts_with(char::is_lowercase) && !PRIMITIVE.contains(&head);
                    (is_crate && (name.is_some() || !rest.is_empty())).then(|| segments.clone())
                }
            }
        }
    }

    /// Where a path leads that names an import.
    fn next(&self, path: &Path) -> Vec<Path> {
        let Some(split) = self.depth(path).filter(|&split| split < path.len()) else {
            return Vec::new();
        };
        let (base, rest) = path.split_at(split);
        let Some(imports) = self.modules[base].imports.get(&rest[0]) else {
            return Vec::new();
        };
        // `use play::play` in a crate without that module leads to itself.
        let starts = imports.iter().filter_map(|import| self.start(import));
        let others = starts.filter(|start| !start.starts_with(&path[..=split]));
        others.map(|start| [&start, &rest[1..]].concat()).collect()
    }
}
