//! Providers on this machine that check what they are sent, as the real ones would and by code of their own: signatures, headers,
//! topics, encryption. For tests here and of the whole product.
//!
//! Each is an HTTP/2 server over TLS. It answers by the rules of its provider, unless a test has said ([`Server::say`]) how the next
//! request is to be answered; it is checked all the same. What it took can be looked at.

mod apple;
mod authority;
mod browser;
mod google;
mod server;

pub use apple::{Apple, AppleDevice, AppleKey, ApplePush};
pub use authority::Authority;
pub use browser::{Browser, BrowserPush, Postman};
pub use google::{Google, GoogleAccount, GooglePush};
pub use server::{Asked, Server, Told};

use natter_actor::Clock;

use super::options::Options;

/// All three, and the authority that signed for them.
pub struct Providers {
    pub authority: Authority,
    pub apple: Apple,
    pub google: Google,
    pub postman: Postman,
}

impl Providers {
    /// Starts them on free ports of this machine. They end with the runtime.
    pub async fn start(clock: Clock) -> Providers {
        let authority = Authority::new();
        Providers {
            apple: Apple::start(&authority, clock.clone()).await,
            google: Google::start(&authority, clock.clone()).await,
            postman: Postman::start(&authority, clock).await,
            authority,
        }
    }

    /// Settings by which senders find them. `extra_ca` is the path of a file that holds [`Authority::pem`].
    pub fn options(&self, extra_ca: &std::path::Path) -> Options {
        Options {
            allow_private: true,
            extra_ca: extra_ca.to_owned(),
            apns_url: self.apple.server.url(),
            apns_sandbox_url: self.apple.sandbox.url(),
            fcm_url: self.google.server.url(),
            fcm_token_url: format!("{}/token", self.google.tokens.url()),
            ..Options::default()
        }
    }
}

/// Eight bytes of chance, in hex: names that no other test has.
fn unique() -> String {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("the system gives chance");
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// PEM around DER.
fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::prelude::BASE64_STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
