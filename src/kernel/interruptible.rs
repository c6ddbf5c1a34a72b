//! Work that takes long and cannot be interrupted, beside a process that can.

use std::io;
use std::sync::mpsc::{TryRecvError, channel};
use std::thread;

use super::mio::Mio;
use super::seam::{Kernel as _, Ready, Signal};

impl Mio {
    /// Does `work` on a thread of its own, and waits for it. `None` if the process is asked to stop meanwhile: then the thread goes
    /// on, and its result is lost. A request to stop that comes together with the result is kept for the next wait. One to
    /// report is forgotten.
    ///
    /// Fails if the thread cannot be started, as waiting does, and if `work` panics.
    pub fn unless_stopped<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<Option<T>> {
        let (done, is_done) = channel();
        let handle = self.handle();
        let thread = thread::Builder::new().name("work".to_owned()).spawn(move || {
            // Dropped last, also where the work panics: then there is something to be told.
            let _wakes = Wakes(handle);
            let done = done;
            // This fails if it is not waited for any more.
            let _ = done.send(work());
        })?;
        let mut ready = Vec::new();
        loop {
            match self.wait(&mut ready, None) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                waited => waited?,
            }
            let stops = ready.drain(..).any(|ready| matches!(ready, Ready::Signal(Signal::Stop)));
            match is_done.try_recv() {
                Ok(result) => {
                    // It has nothing left to do but to wake this one, which is no request of the operator's.
                    let _ = thread.join();
                    if stops | self.handle().pending().any(|signal| signal == Signal::Stop) {
                        self.handle().stop()?;
                    }
                    return Ok(Some(result));
                }
                Err(TryRecvError::Disconnected) => return Err(io::Error::other("the work has panicked")),
                Err(TryRecvError::Empty) if stops => return Ok(None),
                Err(TryRecvError::Empty) => {}
            }
        }
    }
}

/// Wakes the loop when it is dropped.
struct Wakes(super::Handle);

impl Drop for Wakes {
    fn drop(&mut self) {
        let _ = self.0.report();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn work_is_done_unless_the_process_is_asked_to_stop() {
        let mut kernel = Mio::new().unwrap();
        assert_eq!(kernel.unless_stopped(|| 7).unwrap(), Some(7));
        kernel.handle().report().unwrap();
        kernel.handle().stop().unwrap();
        let (end, is_over) = channel::<()>();
        let waits = move || is_over.recv_timeout(Duration::from_secs(20)).is_err();
        assert_eq!(kernel.unless_stopped(waits).unwrap(), None);
        drop(end);
    }

    #[test]
    fn a_request_to_stop_beside_the_result_is_not_lost() {
        let mut kernel = Mio::new().unwrap();
        let handle = kernel.handle();
        let stops = kernel.unless_stopped(move || handle.stop().unwrap()).unwrap().is_none();
        let mut ready = Vec::new();
        if !stops {
            kernel.wait(&mut ready, Some(Duration::ZERO)).unwrap();
            assert_eq!(ready, [Ready::Signal(Signal::Stop)], "it came with the result");
        }
    }

    #[test]
    fn of_a_request_to_report_beside_the_result_nothing_is_left() {
        let mut kernel = Mio::new().unwrap();
        for _ in 0..200 {
            let handle = kernel.handle();
            assert_eq!(kernel.unless_stopped(move || handle.report().is_ok()).unwrap(), Some(true));
            let mut ready = Vec::new();
            kernel.wait(&mut ready, Some(Duration::ZERO)).unwrap();
            assert_eq!(ready, [], "it is forgotten, and so is what wakes the loop");
        }
    }

    #[test]
    fn work_that_panics_is_an_error() {
        assert!(
            Mio::new()
                .unwrap()
                .unless_stopped(|| panic!("as planned"))
                .is_err_and(|error| error.to_string().contains("panicked"))
        );
    }
}
