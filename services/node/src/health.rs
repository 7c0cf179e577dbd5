//! Metrics and health on a port of their own: `/metrics`, `/livez`, `/readyz`. No access control: it belongs to the operator's
//! network and listens on loopback unless told otherwise.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Result;
use natter_edge::{Drains, State};
use natter_telemetry::Metrics;
use serde::{Deserialize, Serialize};

/// Settings of the health port.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Address to listen on.
    pub address: String,
    /// Port of `/metrics`, `/livez` and `/readyz`.
    pub port: u16,
}

impl Default for Options {
    fn default() -> Options {
        Options { address: "127.0.0.1".into(), port: 9600 }
    }
}

/// Whether the process takes traffic. Starts as no.
#[derive(Clone)]
pub struct Ready {
    is_set: Arc<AtomicBool>,
    edge: Option<Drains>,
}

impl Ready {
    /// Of a process with this edge: one that an operator drains takes none.
    pub fn of(edge: Option<Drains>) -> Ready {
        Ready { is_set: Arc::default(), edge }
    }

    pub fn set(&self, ready: bool) {
        self.is_set.store(ready, Ordering::Relaxed);
    }

    /// Whether it does.
    pub fn get(&self) -> bool {
        self.is_set.load(Ordering::Relaxed) && self.edge.as_ref().is_none_or(|edge| edge.state() == State::Serving)
    }
}

/// Answers until `stop`.
pub async fn run(listener: TcpListener, metrics: Metrics, ready: Ready, stop: impl Future<Output = ()>) -> Result<()> {
    let app = move || {
        let (metrics, ready) = (metrics.clone(), ready.clone());
        App::new()
            .route("/livez", web::get().to(|| async { HttpResponse::Ok().body("alive\n") }))
            .route("/metrics", web::get().to(move || std::future::ready(text(&metrics))))
            .route("/readyz", web::get().to(move || std::future::ready(readiness(&ready))))
    };
    let server = HttpServer::new(app).workers(1).disable_signals().listen(listener)?.run();
    let handle = server.handle();
    let stopping = async {
        stop.await;
        handle.stop(false).await;
    };
    let (served, ()) = tokio::join!(server, stopping);
    Ok(served?)
}

fn text(metrics: &Metrics) -> HttpResponse {
    HttpResponse::Ok().content_type(Metrics::CONTENT_TYPE).body(metrics.encode())
}

fn readiness(ready: &Ready) -> HttpResponse {
    if ready.get() { HttpResponse::Ok().body("ready\n") } else { HttpResponse::ServiceUnavailable().body("not ready\n") }
}
