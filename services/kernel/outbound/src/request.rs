//! What is asked outside, and what comes back.

use std::fmt;

/// How it is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    Get,
    Post,
}

/// A request to the outside.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    pub method: Method,
    /// `http` or `https`, without a name and a password in it.
    pub url: String,
    /// Names and values. What cannot be one makes the request malformed.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// An answer, whatever its status is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case, values that are text; what is not text is left out.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of this name, given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Request {
    /// A `GET` without headers.
    pub fn get(url: impl Into<String>) -> Request {
        Request { method: Method::Get, url: url.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// A `POST` of JSON text.
    pub fn post_json(url: impl Into<String>, body: Vec<u8>) -> Request {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Request { method: Method::Post, url: url.into(), headers, body }
    }

    /// The same request with one more header.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Request {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// Its address, headers and body may hold secrets.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("method", &self.method).finish_non_exhaustive()
    }
}
