//! What stands around every page: title, navigation, who is signed in, and what became of the form before.

use std::convert::Infallible;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use natter_proto::AppId;

use super::{assets, notice};
use crate::caller::{Caller, Role};

/// The frame of one page. A handler takes it as an argument and gives it a title.
pub struct Frame {
    pub title: String,
    /// The section of the navigation that the page belongs to.
    pub section: String,
    /// Who is signed in; on some pages nobody is.
    pub caller: Option<Caller>,
    /// What became of the form that led here.
    pub notice: Option<&'static str>,
    /// The page shows a form again that was refused.
    pub is_refused: bool,
}

impl Frame {
    /// The frame for what is asked.
    pub fn of(request: &HttpRequest) -> Frame {
        Frame {
            title: String::new(),
            section: request.path().split('/').nth(2).unwrap_or_default().to_owned(),
            caller: request.extensions().get::<Caller>().cloned(),
            notice: notice::of_query(request.query_string()),
            is_refused: false,
        }
    }

    pub fn titled(mut self, title: impl Into<String>) -> Frame {
        self.title = title.into();
        self
    }

    /// The same of a form that is shown again because it was refused.
    pub fn again(self, title: impl Into<String>) -> Frame {
        Frame { is_refused: true, ..self.titled(title) }
    }

    pub fn style(&self) -> &'static str {
        &assets::STYLE.path
    }

    pub fn script(&self) -> &'static str {
        &assets::SCRIPT.path
    }

    pub fn icon(&self) -> &'static str {
        &assets::ICON.path
    }

    /// For `aria-current` of a link to a section.
    pub fn is_in(&self, section: &str) -> bool {
        self.section == section
    }

    /// What a form of this page sends along; empty without a sign-in by cookie, where nothing is asked for.
    pub fn csrf(&self) -> &str {
        self.caller.as_ref().and_then(|caller| caller.csrf.as_deref()).unwrap_or_default()
    }

    /// Whether the caller is an operator of at least this app: for what a page offers. The guard decides again.
    pub fn may_change(&self, app: &u64) -> bool {
        self.may(Role::Operator, Some(AppId(*app)))
    }

    /// Whether the caller may deal with the users of this app.
    pub fn may_moderate(&self, app: &u64) -> bool {
        self.may(Role::Moderator, Some(AppId(*app)))
    }

    /// Whether the caller is an operator of the whole installation.
    pub fn may_change_house(&self) -> bool {
        self.may(Role::Operator, None)
    }

    /// Whether the caller owns the whole installation.
    pub fn owns_house(&self) -> bool {
        self.may(Role::Owner, None)
    }

    /// Whether the caller owns anything: the audit log about it is shown.
    pub fn owns(&self) -> bool {
        self.caller.as_ref().is_some_and(|caller| caller.is_at_least(Role::Owner).is_ok())
    }

    /// Whether the caller is there for the whole installation.
    pub fn is_of_house(&self) -> bool {
        self.may(Role::Viewer, None)
    }

    fn may(&self, need: Role, app: Option<AppId>) -> bool {
        self.caller.as_ref().is_some_and(|caller| caller.may(need, app).is_ok())
    }
}

impl FromRequest for Frame {
    type Error = Infallible;
    type Future = Ready<Result<Frame, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Frame::of(request)))
    }
}
