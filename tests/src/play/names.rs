//! What stands in braces in a play: who is who, ids that are new in each run, and what an earlier stanza has told.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use natter_xmpp::{Element, Node};

use super::Target;
use super::script::Role;

/// Values by name.
#[derive(Debug)]
pub(super) struct Names(BTreeMap<String, String>);

impl Names {
    pub(super) fn new(target: &Target) -> Names {
        let given = [("host", target.host.clone()), ("app", target.app.to_string()), ("nul", "\0".to_owned())];
        let group = target.group.iter().map(|group| ("group", group.clone()));
        Names(given.into_iter().chain(group).map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// `{Romeo}` is the local part of his address, `{Romeo.id}` his number, `{Romeo.jid}` his full address once he is bound.
    pub(super) fn introduce(&mut self, role: &Role, target: &Target) -> Result<()> {
        let (id, _) = target.users.get(&role.user).with_context(|| format!("the target has no user {}", role.user))?;
        self.set(&role.name, format!("{id}-{}", target.app));
        self.set(&format!("{}.id", role.name), id.to_string());
        Ok(())
    }

    pub(super) fn set(&mut self, name: &str, value: String) {
        self.0.insert(name.to_owned(), value);
    }

    /// The value of a name. `id.` and a word is an id of 24 hex digits, another one in each run: the server takes the same id
    /// for the same message.
    pub(super) fn get(&mut self, name: &str) -> Result<String> {
        if let Some(value) = self.0.get(name) {
            return Ok(value.clone());
        }
        if !name.starts_with("id.") {
            bail!("nothing is called {{{name}}}");
        }
        let mut bytes = [0; 12];
        getrandom::fill(&mut bytes).context("no chance")?;
        let id: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.set(name, id.clone());
        Ok(id)
    }

    /// A text with its names replaced.
    pub(super) fn fill_text(&mut self, text: &str) -> Result<String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').context("a brace is open")?;
            filled.push_str(before);
            filled.push_str(&self.get(name)?);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// An element to send, with its names replaced.
    pub(super) fn fill(&mut self, element: &Element) -> Result<Element> {
        let mut filled = Element::new(element.name.as_str(), element.ns.as_str());
        for (name, value) in &element.attrs {
            filled.set(name, self.fill_text(value)?);
        }
        for node in &element.children {
            filled.children.push(match node {
                Node::Element(child) => Node::Element(self.fill(child)?),
                Node::Text(text) => Node::Text(self.fill_text(text)?),
            });
        }
        Ok(filled)
    }

    /// Bytes to send as they are: names replaced, then `[<a>]*200`, `\n`, `\r`, `\t`, `\xE4`.
    pub(super) fn fill_raw(&mut self, text: &str) -> Result<Vec<u8>> {
        let text = repeated(&self.fill_text(text)?)?;
        let mut bytes = Vec::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('\\') {
            bytes.extend_from_slice(before.as_bytes());
            let (byte, length) = match after.as_bytes() {
                [b'n', ..] => (b'\n', 1),
                [b'r', ..] => (b'\r', 1),
                [b't', ..] => (b'\t', 1),
                [b'x', _, _, ..] => (u8::from_str_radix(after.get(1..3).context("two hex digits")?, 16)?, 3),
                _ => bail!("a backslash stands before n, r, t, or x and two digits"),
            };
            bytes.push(byte);
            rest = &after[length..];
        }
        bytes.extend_from_slice(rest.as_bytes());
        Ok(bytes)
    }
}

/// `[<a>]*200` is `<a>` two hundred times.
fn repeated(text: &str) -> Result<String> {
    let Some((before, after)) = text.split_once('[').filter(|(_, after)| after.contains("]*")) else {
        return Ok(text.to_owned());
    };
    let (piece, after) = after.split_once("]*").context("a bracket is open")?;
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    let times = after[..digits].parse().context("how often?")?;
    Ok(format!("{before}{}{}", piece.repeat(times), repeated(&after[digits..])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_and_ids_last_for_one_run() {
        let mut names = Names(BTreeMap::from([("Romeo".to_owned(), "34-905".to_owned())]));
        assert_eq!(names.fill_text("to {Romeo}@h, {Romeo}").unwrap(), "to 34-905@h, 34-905");
        let id = names.fill_text("{id.1}").unwrap();
        assert_eq!((id.len(), names.fill_text("{id.1}").unwrap()), (24, id.clone()));
        assert_ne!(names.fill_text("{id.2}").unwrap(), id);
        assert!(names.fill_text("{Tybalt}").is_err());
    }

    #[test]
    fn raw_text_can_hold_any_byte_any_number_of_times() {
        let mut names = Names(BTreeMap::new());
        assert_eq!(names.fill_raw("a\\xE4[<b>]*3\\r\\n[c]*2").unwrap(), b"a\xe4<b><b><b>\r\ncc");
        assert_eq!(names.fill_raw("<![CDATA[x]]>").unwrap(), b"<![CDATA[x]]>");
    }
}
