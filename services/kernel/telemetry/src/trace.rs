//! How a span crosses a wire: as the `traceparent` of W3C Trace Context, level 1, section 3.2.

use opentelemetry::propagation::{Extractor, Injector};
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, global};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

const TRACEPARENT: &str = "traceparent";

/// The current span for the other side of a wire; empty when nothing is traced.
pub fn traceparent() -> String {
    let mut carrier = Carrier::default();
    let context = Span::current().context();
    global::get_text_map_propagator(|propagator| propagator.inject_context(&context, &mut carrier));
    carrier.0
}

/// The same for what is kept, or goes to many: empty also when this trace is not one of those that are kept.
pub fn kept_traceparent() -> String {
    let current = traceparent();
    if is_kept(&current) { current } else { String::new() }
}

/// Whether the trace of this span is one of those that are kept (W3C Trace Context, 3.2.2.5: the last bit of the flags).
pub fn is_kept(traceparent: &str) -> bool {
    let flags = traceparent.get(53..55).and_then(|flags| u8::from_str_radix(flags, 16).ok());
    flags.is_some_and(|flags| flags & 1 == 1)
}

/// The span that `span` makes, as a child of the one that `traceparent` names, if that trace is kept; else none. So work that somebody
/// else began costs nothing where nobody looks at it, and never begins a trace.
pub fn continued(traceparent: &str, span: impl FnOnce() -> Span) -> Span {
    continued_together([traceparent], span)
}

/// The span that `span` makes, as a child of the current one, if its trace is kept; else none.
pub fn within(span: impl FnOnce() -> Span) -> Span {
    if is_kept(&traceparent()) { span() } else { Span::none() }
}

/// As [`continued`], for work that is done for several at once: a child of the first whose trace is kept, linked to the others.
pub fn continued_together<'a>(traceparents: impl IntoIterator<Item = &'a str>, span: impl FnOnce() -> Span) -> Span {
    let mut kept = traceparents.into_iter().filter(|traceparent| is_kept(traceparent));
    let Some(first) = kept.next() else { return Span::none() };
    let span = span();
    follow(&span, first);
    for other in kept.take(LINKS_MAX).filter(|other| *other != first) {
        span.add_link(remote(other).span().span_context().clone());
    }
    span
}

/// Links of a span; what a collector takes by default.
const LINKS_MAX: usize = 128;

/// Makes `span`, which was not entered yet, a child of the span that `traceparent` names. An empty or malformed one is
/// ignored.
pub fn follow(span: &Span, traceparent: &str) {
    if traceparent.is_empty() || span.is_disabled() {
        return;
    }
    // Fails when nothing is traced; then there is nothing to follow.
    let _ = span.set_parent(remote(traceparent));
}

fn remote(traceparent: &str) -> Context {
    let carrier = Carrier(traceparent.to_owned());
    global::get_text_map_propagator(|propagator| propagator.extract(&carrier))
}

#[derive(Default)]
struct Carrier(String);

impl Injector for Carrier {
    fn set(&mut self, key: &str, value: String) {
        if key == TRACEPARENT {
            self.0 = value;
        }
    }
}

impl Extractor for Carrier {
    fn get(&self, key: &str) -> Option<&str> {
        (key == TRACEPARENT).then_some(&self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}
