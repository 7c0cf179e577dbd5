//! One source, within bounds: its length, the fuel of a run (which pays for steps and for memory), and the length of what it says.
//! No includes, macros, functions or escaping; an undefined variable is an error.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;
use std::io;

use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value, filters, tests};

/// About a step, or 64 bytes, each. The longest text that templates see costs less than 300 when it is said.
const FUEL: u64 = 4_000;
/// Deep enough for people.
const DEPTH_MAX: usize = 64;
const DETAIL_CHARS_MAX: usize = 200;
const NAME: &str = "template";

/// A source that could be read.
#[derive(Debug)]
pub struct Script {
    environment: Environment<'static>,
}

/// Why a source cannot be read, or broke.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// From 1; 0: of the whole.
    line: usize,
    /// What kind of fault it is.
    kind: String,
    /// What is wrong with what. May have something of the variables in it.
    detail: String,
}

impl Script {
    pub fn new(source: &str, bytes_max: usize) -> Result<Script, Fault> {
        if source.len() > bytes_max {
            return Err(Fault::whole(format!("is too long (maximum is {bytes_max} bytes)")));
        }
        let mut environment = Environment::empty();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(DEPTH_MAX);
        // So that an error knows its place in the source.
        environment.set_debug(true);
        add_filters(&mut environment);
        environment.add_template_owned(NAME, source.to_owned())?;
        Ok(Script { environment })
    }

    /// What it says, at most `bytes_max` of it.
    pub fn run(&self, variables: &Value, bytes_max: usize) -> Result<String, Fault> {
        let mut page = Page { bytes: Vec::new(), bytes_max, is_full: false };
        let template = self.environment.get_template(NAME)?;
        match template.render_captured_to(variables.clone(), &mut page) {
            Err(error) if !page.is_full => Err(error.into()),
            _ => Ok(page.text()),
        }
    }

    /// Keys of the app that it may ask for.
    pub fn extension_keys(&self) -> Vec<String> {
        let Ok(template) = self.environment.get_template(NAME) else { return Vec::new() };
        let names = template.undeclared_variables(true);
        let mut keys: Vec<String> = names.iter().filter_map(|name| name.strip_prefix("extension.")).map(str::to_owned).collect();
        keys.sort_unstable();
        keys
    }
}

/// None of them makes more of a value than it was, but `replace`, which pays.
fn add_filters(environment: &mut Environment<'static>) {
    environment.add_filter("capitalize", filters::capitalize);
    environment.add_filter("default", filters::default);
    environment.add_filter("first", filters::first);
    environment.add_filter("length", filters::length);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("replace", filters::replace);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("truncate", truncate);
    environment.add_filter("upper", filters::upper);
    environment.add_test("defined", tests::is_defined);
    environment.add_test("undefined", tests::is_undefined);
    environment.add_test("number", tests::is_number);
    environment.add_test("string", tests::is_string);
}

/// The first `length` characters, and an ellipsis where more were.
fn truncate(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

// === impl Fault ===

impl Fault {
    pub fn nothing_said() -> Fault {
        Fault::whole("says nothing".to_owned())
    }

    fn whole(kind: String) -> Fault {
        Fault { line: 0, kind, detail: String::new() }
    }

    /// For the one who wrote the source.
    pub fn told(&self) -> String {
        match self.detail.as_str() {
            "" => self.to_string(),
            detail => format!("{self}: {detail}"),
        }
    }
}

/// Where and of which kind: nothing of the variables is in it.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.kind),
            line => write!(f, "line {line}: {}", self.kind),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        let kind = match error.kind() {
            ErrorKind::OutOfFuel => "takes too long".to_owned(),
            kind => kind.to_string(),
        };
        let place = || error.template_source()?.get(error.range()?);
        let detail = error.detail().or_else(place).unwrap_or_default();
        Fault { line: error.line().unwrap_or_default(), kind, detail: detail.chars().take(DETAIL_CHARS_MAX).collect() }
    }
}

/// Takes so many bytes, and no more.
struct Page {
    bytes: Vec<u8>,
    bytes_max: usize,
    is_full: bool,
}

impl Page {
    // Of a character that did not fit whole nothing is left.
    fn text(mut self) -> String {
        if let Err(error) = std::str::from_utf8(&self.bytes) {
            self.bytes.truncate(error.valid_up_to());
        }
        String::from_utf8(self.bytes).unwrap_or_default()
    }
}

impl io::Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.bytes_max - self.bytes.len();
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room {
            self.is_full = true;
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
