//! Named fail points. A test build dies at the configured one, like a killed process; other builds contain no code
//! here.

/// Passes a fail point. With the feature `failpoints`, and the point configured as `return` (variable `FAILPOINTS`,
/// syntax of the `fail` crate), the process kills itself with SIGKILL here.
#[inline]
pub fn hit(point: &'static str) {
    #[cfg(feature = "failpoints")]
    fail::fail_point!(point, |_| die());
    #[cfg(not(feature = "failpoints"))]
    let _ = point;
}

#[cfg(feature = "failpoints")]
fn die() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    // SIGKILL is delivered before the call returns to user code; should it ever not be, this ends the process all the same.
    std::process::abort();
}
