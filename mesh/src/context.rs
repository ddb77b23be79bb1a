//! The context of a call: request id, trace, deadline and the caller's token. It is set where the call arrives, and
//! passed on by every client channel.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use http::HeaderMap;
use tokio::time::Instant;

use crate::error::{Error, ErrorReason};

tokio::task_local! {
    static CURRENT: Context;
}

/// The context of a call.
#[derive(Clone)]
pub struct Context {
    /// Identifies the request in logs and answers.
    pub request_id: Arc<str>,
    /// The W3C trace it belongs to.
    pub trace: Trace,
    /// When its caller stops waiting; `None` is never.
    pub deadline: Option<Instant>,
    /// The access token of the user it is made for.
    pub token: Option<Arc<str>>,
}

/// A W3C trace context (`traceparent`, version 00).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// The whole trace.
    pub trace_id: u128,
    /// The running span.
    pub span_id: u64,
    /// The calling span, if there is one.
    pub parent_id: Option<u64>,
    /// Whether spans are recorded.
    pub sampled: bool,
}

impl Trace {
    /// A trace that begins here.
    pub fn start() -> Self {
        Self {
            trace_id: rand::random(),
            span_id: rand::random(),
            parent_id: None,
            sampled: true,
        }
    }

    /// Reads a `traceparent` header.
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if version != "00"
            || trace.len() != 32
            || span.len() != 16
            || flags.len() != 2
            || parts.next().is_some()
        {
            return None;
        }
        let trace_id = u128::from_str_radix(trace, 16).ok().filter(|id| *id != 0)?;
        let span_id = u64::from_str_radix(span, 16).ok().filter(|id| *id != 0)?;
        Some(Self {
            trace_id,
            span_id,
            parent_id: None,
            sampled: u8::from_str_radix(flags, 16).ok()? & 1 == 1,
        })
    }

    /// The header for a call within this trace.
    pub fn header(&self) -> String {
        format!(
            "00-{:032x}-{:016x}-{:02x}",
            self.trace_id,
            self.span_id,
            u8::from(self.sampled)
        )
    }

    /// The same trace, one span further.
    #[must_use]
    pub fn child(self) -> Self {
        Self {
            span_id: rand::random(),
            parent_id: Some(self.span_id),
            ..self
        }
    }
}

impl Context {
    /// A new context, for background work: `name` begins its request id.
    pub fn background(name: &str) -> Self {
        let trace = Trace::start();
        Self {
            request_id: format!("{name}-{:016x}", trace.span_id).into(),
            trace,
            deadline: None,
            token: None,
        }
    }

    /// The context that a call's headers carry, apart from its deadline; what they lack begins here.
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let trace = text("traceparent")
            .and_then(Trace::parse)
            .map_or_else(Trace::start, Trace::child);
        let request_id = match text("x-request-id").filter(|id| is_request_id(id)) {
            Some(id) => id.into(),
            None => format!("{:032x}", trace.trace_id).into(),
        };
        let token = text("authorization")
            .and_then(|value| value.strip_prefix("Bearer "))
            .map(Arc::from);
        Self {
            request_id,
            trace,
            deadline: None,
            token,
        }
    }

    /// What is left until the deadline; `None` is no deadline, zero is past it.
    pub fn left(&self) -> Option<Duration> {
        self.deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }
}

impl fmt::Debug for Context {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

/// Whether a request id from outside may be used: 8 to 128 safe characters.
fn is_request_id(id: &str) -> bool {
    (8..=128).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// How long the caller waits by its header `grpc-timeout`: one to eight digits and a unit. Anything else there is refused:
/// without it the call would have another deadline than its caller believes.
pub(crate) fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Error> {
    let mut values = headers.get_all("grpc-timeout").iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let read = value.to_str().ok().and_then(duration);
    match (read, values.next()) {
        (Some(timeout), None) => Ok(Some(timeout)),
        _ => Err(Error::field(
            "grpc-timeout",
            ErrorReason::ValidationFailed,
            "The header grpc-timeout is one to eight digits and one of H, M, S, m, u and n.",
        )),
    }
}

fn duration(header: &str) -> Option<Duration> {
    let (digits, unit) = header.split_at_checked(header.len().checked_sub(1)?)?;
    // A number's parser would accept a sign too.
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(value * 3600),
        "M" => Duration::from_secs(value * 60),
        "S" => Duration::from_secs(value),
        "m" => Duration::from_millis(value),
        "u" => Duration::from_micros(value),
        "n" => Duration::from_nanos(value),
        _ => return None,
    })
}

/// The context of the running call, or a new one.
pub fn current() -> Context {
    CURRENT
        .try_with(Clone::clone)
        .unwrap_or_else(|_| Context::background("task"))
}

/// Looks at the context of the running call, if there is one.
pub fn inspect<T>(look: impl FnOnce(&Context) -> T) -> Option<T> {
    CURRENT.try_with(look).ok()
}

/// Runs `future` in this context.
pub fn scope<F: Future>(context: Context, future: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(context, future)
}

/// Spawns `future` in the context of the running call.
pub fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(scope(current(), future))
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    #[test]
    fn a_trace_survives_its_header() {
        let trace = Trace::start();
        assert_eq!(Trace::parse(&trace.header()), Some(trace));
        for bad in [
            "",
            "00-0-0-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Trace::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn timeouts_are_read() {
        let read = |values: &[&str]| {
            let headers = values
                .iter()
                .map(|value| (HeaderName::from_static("grpc-timeout"), value.parse().unwrap()));
            timeout(&headers.collect()).map_err(|error| error.reason())
        };
        assert_eq!(read(&[]), Ok(None));
        for (text, length) in [
            ("250m", Duration::from_millis(250)),
            ("10S", Duration::from_secs(10)),
            ("0S", Duration::ZERO),
            ("99999999H", Duration::from_secs(99_999_999 * 3600)),
        ] {
            assert_eq!(read(&[text]), Ok(Some(length)), "{text}");
        }
        for bad in [
            "",
            "S",
            "1",
            "10",
            "123456789S",
            "-1S",
            "+1S",
            " 1S",
            "1s",
            "1 S",
            "garbage",
        ] {
            assert_eq!(read(&[bad]), Err(ErrorReason::ValidationFailed), "{bad}");
        }
        assert_eq!(read(&["1S", "2S"]), Err(ErrorReason::ValidationFailed));
    }

    #[test]
    fn a_forged_request_id_is_replaced() {
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", "short".parse().unwrap());
        assert_ne!(&*Context::from_headers(&headers).request_id, "short");
        headers.insert("x-request-id", "order-42-retry-1".parse().unwrap());
        assert_eq!(&*Context::from_headers(&headers).request_id, "order-42-retry-1");
    }
}
