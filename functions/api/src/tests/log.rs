//! What this thread logged. One subscriber serves the whole test binary: with one per test, a line of
//! code that another thread reaches first may stay switched off.

use std::cell::RefCell;
use std::io::Write;
use std::sync::Once;

thread_local! {
    static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct Thread;

impl Write for Thread {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGGED.with_borrow_mut(|logged| logged.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Starts logging, once.
pub(super) fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        tracing_subscriber::fmt().with_ansi(false).with_writer(|| Thread).init();
    });
}

/// What was logged since the last time.
pub(super) fn take() -> String {
    String::from_utf8(LOGGED.take()).unwrap()
}
