//! Sockets with a path that is as long as the kernel takes it, of which the directory has much or little.

use std::fs;

use rustix::process::Signal;

use super::folder::{Folder, WITH_PATH};
use super::unix_paths::{start, visit};

#[test]
fn each_path_that_the_kernel_takes_is_served() {
    let folder = Folder::new();
    let room = 107 - folder.path("").as_os_str().len();
    for kind in WITH_PATH {
        // Names of directories that leave room for a long name, for the prepared one alone, and for one letter.
        for directory in [1, room / 2, room - 22, room - 21, room - 20, room - 19, room - 10, room - 2] {
            let directory = "d".repeat(directory);
            fs::create_dir_all(folder.path(&directory)).unwrap();
            let name = "x".repeat(room - directory.len() - 1);
            let path = folder.path(&format!("{directory}/{name}"));
            assert_eq!(path.as_os_str().len(), 107);
            let endpoint = format!("{kind}://{}", path.display());
            for _ in 0..2 {
                let server = start(&endpoint, &[]);
                visit(&endpoint);
                // It is stale then, and is replaced.
                server.signal(Signal::KILL);
                server.wait();
            }
            let server = start(&endpoint, &[]);
            server.signal(Signal::TERM);
            assert_eq!(server.wait().status.code(), Some(0));
            assert_eq!(fs::read_dir(folder.path(&directory)).unwrap().count(), 0, "{kind} {directory}");
        }
    }
}
