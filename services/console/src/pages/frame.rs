//! What stands around every page: title, navigation, who is signed in, and what became of the form before.

use std::convert::Infallible;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use super::{assets, notice};

/// The frame of one page. A handler takes it as an argument and gives it a title.
pub struct Frame {
    pub title: String,
    /// The section of the navigation that the page belongs to.
    pub section: String,
    /// What became of the form that led here.
    pub notice: Option<&'static str>,
    /// The page shows a form again that was refused.
    pub is_refused: bool,
}

impl Frame {
    /// The frame for what is asked.
    pub fn of(request: &HttpRequest) -> Frame {
        let section = request.path().split('/').nth(2).unwrap_or_default().to_owned();
        Frame { title: String::new(), section, notice: notice::of_query(request.query_string()), is_refused: false }
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
}

impl FromRequest for Frame {
    type Error = Infallible;
    type Future = Ready<Result<Frame, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Frame::of(request)))
    }
}
