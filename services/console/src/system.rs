//! Routes about the process itself: its version, what a look at it finds, the settings in force; and all of that as one text
//! for whoever helps. Secrets are in none of it.

use std::fmt::Write;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::http::header::{ContentDisposition, DispositionParam, DispositionType};
use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::json;

use crate::apps;
use crate::caller::Caller;
use crate::error::Refusal;
use crate::service::{Door, iso};

/// What the console is told of the process it runs in.
#[derive(Clone)]
pub struct SystemFacts {
    pub version: String,
    /// Every setting in force, secrets masked.
    pub settings: Vec<Setting>,
    pub examine: Examine,
}

/// Looks at settings, data, certificates, limits and ports, as `natter doctor` does.
pub type Examine = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Examined> + Send>> + Send + Sync>;

/// A setting in force.
#[derive(Clone, Debug, Serialize)]
pub struct Setting {
    /// Dotted, as in `natter.toml`.
    pub path: String,
    /// As TOML.
    pub value: String,
    pub is_default: bool,
    /// `default`, `file`, `environment` or `flag`.
    pub origin: String,
}

/// What a look found.
#[derive(Clone, Debug)]
pub struct Examined {
    /// When, unix seconds.
    pub at: i64,
    pub checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    pub name: &'static str,
    /// `ok`, `warn` or `fail`.
    pub verdict: &'static str,
    /// What was found, and unless it is well, what to do.
    pub text: String,
}

/// `GET /admin/v1/system`.
pub async fn get(door: web::Data<Door>) -> HttpResponse {
    let Examined { at, checks } = examine(&door).await;
    let SystemFacts { version, settings, .. } = &door.system;
    HttpResponse::Ok().json(json!({ "version": version, "at": iso(at * 1_000), "checks": checks, "settings": settings }))
}

/// `GET /admin/v1/system/bundle`: the same, how many apps there are, and the metrics, as a text to send to who helps.
pub async fn bundle(door: web::Data<Door>, caller: Caller) -> Result<HttpResponse, Refusal> {
    let disposition = ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![DispositionParam::Filename("natter-support.txt".to_owned())],
    };
    let text = support(&door, &caller).await?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").insert_header(disposition).body(text))
}

/// Looks at the process and the machine.
pub async fn examine(door: &Door) -> Examined {
    (door.system.examine)().await
}

async fn support(door: &Door, caller: &Caller) -> Result<String, Refusal> {
    let Examined { at, checks } = examine(door).await;
    let mut text = format!("Natter {}, {}\n\nChecks\n", door.system.version, iso(at * 1_000));
    let fits = "a String takes all";
    for Check { name, verdict, text: found } in &checks {
        writeln!(text, "{verdict:<4}  {name:<13} {found}").expect(fits);
    }
    writeln!(
        text,
        "\nApps: {}\n\nSettings, and where those come from that are no defaults",
        apps::all(door, caller).await?.len()
    )
    .expect(fits);
    for Setting { path, value, is_default, origin } in &door.system.settings {
        let note = if *is_default { String::new() } else { format!("  # {origin}") };
        writeln!(text, "{path} = {value}{note}").expect(fits);
    }
    write!(text, "\nMetrics\n{}", door.registry.encode()).expect(fits);
    Ok(text)
}
