//! The text of a play, taken apart: a title, a cast, steps. It knows the words of the stage, not what they do.

use std::fmt;

use anyhow::{Context, Result, bail, ensure};
use natter_xmpp::{Element, Limits, StreamEvent, StreamReader};

/// A play.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) cast: Vec<Role>,
    pub(super) steps: Vec<Step>,
}

/// Somebody who takes part: one device of one user.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Role {
    pub(super) name: String,
    /// Key into the target's users.
    pub(super) user: String,
    /// In place of the user's own.
    pub(super) password: Option<String>,
    pub(super) latin1: bool,
    pub(super) authzid: String,
    pub(super) resource: Option<String>,
    pub(super) transport: Transport,
    /// The `to` of the stream; the target's host if empty.
    pub(super) host: String,
}

/// How the bytes travel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Transport {
    Ws,
    Wss,
    Tcp,
    StartTls,
    Tls,
}

/// One line of the play with what belongs to it.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) line: usize,
    pub(super) actor: String,
    pub(super) action: Action,
}

#[derive(Debug)]
pub(super) enum Action {
    Opens,
    SignsIn,
    Binds,
    Connects,
    IsRefused(String),
    Sends(Element),
    SendsRaw(String),
    Receives(Element),
    ReceivesNothing,
    Ends(Option<String>),
    Disconnects,
    Vanishes,
}

impl Script {
    /// Reads a play. Errors name the line.
    pub(super) fn parse(text: &str) -> Result<Script> {
        ensure!(text.starts_with("# "), "the first line is no title");
        let mut script = Script { cast: Vec::new(), steps: Vec::new() };
        let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line)).peekable();
        while let Some((number, line)) = lines.next() {
            if line.trim().is_empty() || line.starts_with('#') || line.starts_with("---") {
                continue;
            }
            ensure!(!line.starts_with([' ', '\t']), "line {number} belongs to nothing");
            let mut block = String::new();
            while let Some((_, line)) = lines.next_if(|(_, line)| line.starts_with([' ', '\t']) || line.trim().is_empty()) {
                block.push_str(line);
                block.push('\n');
            }
            let read = match line.strip_prefix("[Client]") {
                Some(name) => Role::parse(name.trim(), &block).map(|role| script.cast.push(role)),
                None => Step::parse(number, line, &block).map(|step| script.steps.push(step)),
            };
            read.with_context(|| format!("line {number}: {line}"))?;
        }
        Ok(script)
    }
}

impl Role {
    fn parse(name: &str, block: &str) -> Result<Role> {
        ensure!(!name.is_empty() && name.chars().all(char::is_alphanumeric), "a name is one word");
        let mut role = Role {
            name: name.to_owned(),
            user: name.to_lowercase(),
            password: None,
            latin1: false,
            authzid: String::new(),
            resource: None,
            transport: Transport::Wss,
            host: String::new(),
        };
        for line in block.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (key, value) = line.split_once(':').context("a setting is `key: value`")?;
            let value = value.trim().to_owned();
            match key {
                "user" => role.user = value,
                "password" => role.password = Some(value),
                "encoding" => role.latin1 = value == "latin-1",
                "authzid" => role.authzid = value,
                "resource" => role.resource = Some(value),
                "host" => role.host = value,
                "transport" => role.transport = Transport::parse(&value)?,
                _ => bail!("no setting is called {key}"),
            }
        }
        Ok(role)
    }
}

impl Transport {
    fn parse(word: &str) -> Result<Transport> {
        Ok(match word {
            "ws" => Transport::Ws,
            "wss" => Transport::Wss,
            "tcp" => Transport::Tcp,
            "starttls" => Transport::StartTls,
            "tls" => Transport::Tls,
            _ => bail!("no transport is called {word}"),
        })
    }
}

impl Step {
    fn parse(line: usize, text: &str, block: &str) -> Result<Step> {
        let (actor, words) = text.split_once(' ').context("a step is `Name does`")?;
        let action = match words.trim() {
            "opens a stream" => Action::Opens,
            "signs in" => Action::SignsIn,
            "binds" => Action::Binds,
            "connects" => Action::Connects,
            "disconnects" => Action::Disconnects,
            "vanishes" => Action::Vanishes,
            "receives nothing" => Action::ReceivesNothing,
            "is closed" => Action::Ends(None),
            "sends:" => Action::Sends(stanza(block)?),
            "sends raw:" => Action::SendsRaw(raw(block)),
            "receives:" => Action::Receives(stanza(block)?),
            words => match (words.strip_prefix("is refused: "), words.strip_prefix("is closed: ")) {
                (Some(condition), _) => Action::IsRefused(condition.to_owned()),
                (_, Some(condition)) => Action::Ends(Some(condition.to_owned())),
                _ => bail!("nobody can do that"),
            },
        };
        Ok(Step { line, actor: actor.to_owned(), action })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Opens => f.write_str("opens a stream"),
            Action::SignsIn => f.write_str("signs in"),
            Action::Binds => f.write_str("binds"),
            Action::Connects => f.write_str("connects"),
            Action::IsRefused(condition) => write!(f, "is refused: {condition}"),
            Action::Sends(_) => f.write_str("sends"),
            Action::SendsRaw(_) => f.write_str("sends raw"),
            Action::Receives(_) => f.write_str("receives"),
            Action::ReceivesNothing => f.write_str("receives nothing"),
            Action::Ends(Some(condition)) => write!(f, "is closed: {condition}"),
            Action::Ends(None) => f.write_str("is closed"),
            Action::Disconnects => f.write_str("disconnects"),
            Action::Vanishes => f.write_str("vanishes"),
        }
    }
}

/// One element as it stands inside a stream: without `xmlns` it is a stanza's.
fn stanza(block: &str) -> Result<Element> {
    let mut reader = StreamReader::tcp(Limits::after_sign_in(1 << 20));
    reader.push(natter_xmpp::stream_header("play", "play").as_bytes());
    reader.push(block.as_bytes());
    reader.push(b"</stream:stream>");
    let _header = reader.next()?;
    let Some(StreamEvent::Stanza(element)) = reader.next()? else { bail!("nothing to send or to wait for") };
    ensure!(reader.next()? == Some(StreamEvent::Close), "one element to a step");
    Ok(element)
}

/// The lines without their indentation, joined by nothing: a line break is written `\n`.
fn raw(block: &str) -> String {
    block.lines().map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_play_is_read() {
        let script = Script::parse(
            "# Two lines\n\n[Client] Romeo\n    user: romeo-token\n    transport: starttls\n\n[Client] Juliet\n\n-----\n\n\
             Romeo connects\n\nRomeo sends:\n    <message to='{Juliet}'>\n        <body>hi</body>\n    </message>\n\n\
             # A remark.\nJuliet receives nothing\nRomeo is closed: policy-violation\n",
        )
        .unwrap();
        assert_eq!(script.cast[0].user, "romeo-token");
        assert_eq!(script.cast[0].transport, Transport::StartTls);
        assert_eq!((script.cast[1].user.as_str(), script.cast[1].transport), ("juliet", Transport::Wss));
        let told: Vec<_> = script.steps.iter().map(|step| format!("{} {} {}", step.line, step.actor, step.action)).collect();
        assert_eq!(
            told,
            ["11 Romeo connects", "13 Romeo sends", "19 Juliet receives nothing", "20 Romeo is closed: policy-violation"]
        );
    }

    #[test]
    fn what_is_no_play_names_its_line() {
        for (text, line) in [
            ("# T\n\nRomeo dances\n", "line 3"),
            ("# T\n\n[Client] Romeo\n    shoes: red\n", "line 3"),
            ("# T\n\n    <a/>\n", "line 3"),
            ("# T\nRomeo sends:\n    <a/><b/>\n", "line 2"),
            ("# T\nRomeo sends:\n    <a>\n", "line 2"),
            ("Romeo connects\n", "title"),
        ] {
            let error = format!("{:#}", Script::parse(text).unwrap_err());
            assert!(error.contains(line), "{error}");
        }
    }
}
