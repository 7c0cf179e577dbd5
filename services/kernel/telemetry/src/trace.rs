//! How a span crosses a wire: as the `traceparent` of W3C Trace Context, level 1, section 3.2.

use opentelemetry::global;
use opentelemetry::propagation::{Extractor, Injector};
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

/// Makes `span`, which was not entered yet, a child of the span that `traceparent` names. An empty or malformed one is
/// ignored.
pub fn follow(span: &Span, traceparent: &str) {
    if traceparent.is_empty() || span.is_disabled() {
        return;
    }
    let carrier = Carrier(traceparent.to_owned());
    let parent = global::get_text_map_propagator(|propagator| propagator.extract(&carrier));
    // Fails when nothing is traced; then there is nothing to follow.
    let _ = span.set_parent(parent);
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
