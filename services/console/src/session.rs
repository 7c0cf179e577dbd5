//! Sign-ins at the console: the cookie, who it stands for, and the proof that a page is its own.
//!
//! Invariant: the cookie holds the token and nothing else does; it is sent to this door only, by no other site's page, and no script
//! reads it.

use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, SameSite};
use natter_proto::account::v1::{CheckSignInRequest, EndSignInsRequest, SignInRequest, SignedIn};
use natter_proto::{Code, Failure};
use subtle::ConstantTimeEq;

use crate::audit::Entry;
use crate::caller::{Caller, SessionId};
use crate::error::Refusal;
use crate::service::Door;
use crate::visit::Visit;

/// The cookie over TLS: a browser takes one of such a name from this host over TLS only (RFC 6265bis, 4.1.3.2).
const SECURE: &str = "__Host-natter";
/// The cookie on this machine.
const PLAIN: &str = "natter";

/// A sign-in that has begun.
pub struct NewSession {
    pub cookie: Cookie<'static>,
    pub caller: Caller,
}

/// Checks a name and a password and begins a sign-in.
pub async fn sign_in(door: &Door, name: String, password: String, visit: &Visit) -> Result<NewSession, Refusal> {
    let request = SignInRequest { name, password, address: visit.address.clone(), agent: visit.agent.clone() };
    let signed_in = door.operators().sign_in(request).await;
    let signed_in = signed_in.map_err(|status| match Failure::from(status) {
        Failure { code: Code::Unauthenticated, .. } => Refusal::wrong_password(),
        failure => failure.into(),
    })?;
    let signed_in = signed_in.into_inner();
    let token = signed_in.token.clone();
    let caller = caller(signed_in);
    if let Err(refusal) = enter(door, &caller, visit).await {
        // What is not in the log did not happen.
        let _ = sign_out(door, &caller).await;
        return Err(refusal);
    }
    Ok(NewSession { cookie: cookie(token, visit.is_secure), caller })
}

async fn enter(door: &Door, caller: &Caller, visit: &Visit) -> Result<(), Refusal> {
    let entry = Entry::begin(door, caller, &visit.address, "session.begin", "", 0, String::new()).await?;
    entry.settle(door, 201, None).await;
    Ok(())
}

/// Ends the sign-in of a caller. One who came without it stays as he is.
pub async fn sign_out(door: &Door, caller: &Caller) -> Result<(), Refusal> {
    let Some(session) = caller.session else { return Ok(()) };
    let request = EndSignInsRequest { operator: caller.name.clone(), id: session.0.to_vec() };
    match door.operators().end_sign_ins(request).await.map_err(Failure::from) {
        // Ended meanwhile, which is what was wanted.
        Err(failure) if failure.code == Code::NotFound => Ok(()),
        outcome => Ok(outcome.map(drop)?),
    }
}

/// The cookie that takes the one of a sign-in away.
pub fn no_cookie(visit: &Visit) -> Cookie<'static> {
    let mut cookie = cookie(String::new(), visit.is_secure);
    cookie.make_removal();
    cookie
}

/// The token that a browser sends along.
pub fn token_of(request: &HttpRequest) -> Option<String> {
    let cookie = request.cookie(SECURE).or_else(|| request.cookie(PLAIN))?;
    Some(cookie.value().to_owned())
}

/// Who a token stands for.
pub async fn check(door: &Door, token: String) -> Result<Caller, Refusal> {
    let signed_in = door.operators().check_sign_in(CheckSignInRequest { token }).await;
    let signed_in = signed_in.map_err(|status| match Failure::from(status) {
        Failure { code: Code::Unauthenticated, .. } => Refusal::unauthorized(),
        failure => failure.into(),
    })?;
    Ok(caller(signed_in.into_inner()))
}

/// Whether a page of this sign-in sent the request. Takes the same time wherever it differs.
pub fn is_own_page(caller: &Caller, given: &str) -> bool {
    let same = |csrf: &String| bool::from(csrf.as_bytes().ct_eq(given.as_bytes())) && !csrf.is_empty();
    caller.csrf.as_ref().is_some_and(same)
}

fn caller(signed_in: SignedIn) -> Caller {
    let id = signed_in.sign_in.unwrap_or_default().id;
    let caller = Caller::operator(signed_in.operator.unwrap_or_default());
    Caller { session: SessionId::of(&id), csrf: Some(signed_in.csrf), ..caller }
}

// Without an end: the account service knows when it is over, and the browser's own end may come first.
fn cookie(token: String, is_secure: bool) -> Cookie<'static> {
    let name = if is_secure { SECURE } else { PLAIN };
    Cookie::build(name, token).path("/").http_only(true).same_site(SameSite::Strict).secure(is_secure).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_script_and_no_other_site_gets_the_cookie() {
        let secure = cookie("t".into(), true).to_string();
        assert_eq!(secure, "__Host-natter=t; HttpOnly; SameSite=Strict; Secure; Path=/");
        assert_eq!(cookie("t".into(), false).to_string(), "natter=t; HttpOnly; SameSite=Strict; Path=/");
    }

    #[test]
    fn only_its_own_page_is_believed() {
        let caller = |csrf: Option<&str>| Caller { csrf: csrf.map(str::to_owned), ..Caller::token() };
        assert!(is_own_page(&caller(Some("abc")), "abc"));
        for (csrf, given) in [(Some("abc"), "abd"), (Some("abc"), ""), (Some(""), ""), (None, ""), (None, "abc")] {
            assert!(!is_own_page(&caller(csrf), given), "{csrf:?} {given}");
        }
    }
}
