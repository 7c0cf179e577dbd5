//! What other releases must be able to rely on, of all `.proto` files: packages, messages, enums, services. Read from descriptors, and
//! from the lines that are committed; written as such lines. No rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;

use protox::prost_reflect::{
    Cardinality, DescriptorPool, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor,
};

/// Everything by its full name.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Schema {
    pub packages: BTreeSet<String>,
    pub messages: BTreeMap<String, Message>,
    pub enums: BTreeMap<String, Enum>,
    pub services: BTreeMap<String, Service>,
}

#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Message {
    pub is_deprecated: bool,
    pub fields: BTreeMap<u32, Field>,
    pub reserved: Vec<RangeInclusive<i64>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    pub name: String,
    /// `uint64`, `natter.event.v1.Message`, `map<string,bytes>`.
    pub kind: String,
    /// `plain`, `optional`, `repeated`, `required`, `oneof:NAME`.
    pub times: String,
}

#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Enum {
    pub is_deprecated: bool,
    pub values: BTreeMap<i32, String>,
    pub reserved: Vec<RangeInclusive<i64>>,
}

#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Service {
    pub is_deprecated: bool,
    pub methods: BTreeMap<String, Method>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Method {
    pub is_deprecated: bool,
    /// A full name, behind `stream:` if there are many.
    pub takes: String,
    pub gives: String,
}

// === from descriptors ===

impl Schema {
    pub fn of(pool: &DescriptorPool) -> Schema {
        let mut schema = Schema::default();
        for file in pool.files() {
            schema.packages.insert(file.package_name().to_owned());
        }
        for message in pool.all_messages().filter(|message| !message.is_map_entry()) {
            schema.messages.insert(message.full_name().to_owned(), of_message(&message));
        }
        for one in pool.all_enums() {
            schema.enums.insert(one.full_name().to_owned(), of_enum(&one));
        }
        for service in pool.services() {
            let methods = service.methods().map(|method| (method.name().to_owned(), of_method(&method))).collect();
            let options = service.service_descriptor_proto().options.as_ref();
            let is_deprecated = options.is_some_and(|options| options.deprecated());
            schema.services.insert(service.full_name().to_owned(), Service { is_deprecated, methods });
        }
        schema
    }
}

fn of_message(message: &MessageDescriptor) -> Message {
    let options = message.descriptor_proto().options.as_ref();
    Message {
        is_deprecated: options.is_some_and(|options| options.deprecated()),
        fields: message.fields().map(|field| (field.number(), of_field(&field))).collect(),
        reserved: message.reserved_ranges().map(|range| i64::from(range.start)..=i64::from(range.end) - 1).collect(),
    }
}

fn of_field(field: &FieldDescriptor) -> Field {
    let kind = match (field.is_map(), field.kind()) {
        (true, Kind::Message(entry)) => {
            let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
            format!("map<{:?},{:?}>", key.kind(), value.kind())
        }
        (_, Kind::Message(message)) => message.full_name().to_owned(),
        (_, Kind::Enum(one)) => one.full_name().to_owned(),
        (_, plain) => format!("{plain:?}"),
    };
    // What is `optional` in proto3 stands in a oneof that the compiler made.
    let oneof = field.containing_oneof().filter(|oneof| !oneof.is_synthetic());
    let times = match (oneof, field.cardinality()) {
        (Some(oneof), _) => format!("oneof:{}", oneof.name()),
        (None, Cardinality::Repeated) => "repeated".to_owned(),
        (None, Cardinality::Required) => "required".to_owned(),
        (None, Cardinality::Optional) if field.field_descriptor_proto().proto3_optional() => "optional".to_owned(),
        (None, Cardinality::Optional) => "plain".to_owned(),
    };
    Field { name: field.name().to_owned(), kind, times }
}

fn of_enum(one: &EnumDescriptor) -> Enum {
    let options = one.enum_descriptor_proto().options.as_ref();
    Enum {
        is_deprecated: options.is_some_and(|options| options.deprecated()),
        values: one.values().map(|value| (value.number(), value.name().to_owned())).collect(),
        reserved: one.reserved_ranges().map(|range| i64::from(*range.start())..=i64::from(*range.end())).collect(),
    }
}

fn of_method(method: &MethodDescriptor) -> Method {
    let many = |is_many: bool, message: MessageDescriptor| match is_many {
        true => format!("stream:{}", message.full_name()),
        false => message.full_name().to_owned(),
    };
    Method {
        is_deprecated: method.method_descriptor_proto().options.as_ref().is_some_and(|options| options.deprecated()),
        takes: many(method.is_client_streaming(), method.input()),
        gives: many(method.is_server_streaming(), method.output()),
    }
}

// === as lines ===

/// A head (`package`, `message`, `enum`, `service` and a full name), and below it, indented, what it holds.
impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = |is_deprecated| if is_deprecated { " deprecated" } else { "" };
        for package in &self.packages {
            writeln!(f, "package {package}")?;
        }
        for (name, message) in &self.messages {
            writeln!(f, "message {name}{}", mark(message.is_deprecated))?;
            for (number, field) in &message.fields {
                writeln!(f, "  {number} {} {} {}", field.name, field.kind, field.times)?;
            }
            reserved(f, &message.reserved)?;
        }
        for (name, one) in &self.enums {
            writeln!(f, "enum {name}{}", mark(one.is_deprecated))?;
            for (number, value) in &one.values {
                writeln!(f, "  {number} {value}")?;
            }
            reserved(f, &one.reserved)?;
        }
        for (name, service) in &self.services {
            writeln!(f, "service {name}{}", mark(service.is_deprecated))?;
            for (name, method) in &service.methods {
                writeln!(f, "  {name} {} {}{}", method.takes, method.gives, mark(method.is_deprecated))?;
            }
        }
        Ok(())
    }
}

fn reserved(f: &mut fmt::Formatter<'_>, ranges: &[RangeInclusive<i64>]) -> fmt::Result {
    ranges.iter().try_for_each(|range| writeln!(f, "  reserved {} {}", range.start(), range.end()))
}

impl Schema {
    /// Reads what `Display` wrote. `#` begins a remark. The line that is none.
    pub fn read(text: &str) -> Result<Schema, String> {
        let mut schema = Schema::default();
        let mut head = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let read = match line.starts_with(' ') {
                true => schema.read_part(&head, &words),
                false => {
                    head = words;
                    schema.read_head(&head)
                }
            };
            read.ok_or_else(|| format!("{line:?} cannot be read"))?;
        }
        Ok(schema)
    }

    fn read_head(&mut self, words: &[&str]) -> Option<()> {
        let (kind, name, is_deprecated) = match words {
            [kind, name] => (*kind, (*name).to_owned(), false),
            [kind, name, "deprecated"] => (*kind, (*name).to_owned(), true),
            _ => return None,
        };
        match kind {
            "package" => drop(self.packages.insert(name)),
            "message" => drop(self.messages.insert(name, Message { is_deprecated, ..Message::default() })),
            "enum" => drop(self.enums.insert(name, Enum { is_deprecated, ..Enum::default() })),
            "service" => drop(self.services.insert(name, Service { is_deprecated, ..Service::default() })),
            _ => return None,
        }
        Some(())
    }

    fn read_part(&mut self, head: &[&str], words: &[&str]) -> Option<()> {
        let range = |first: &str, last: &str| Some(first.parse().ok()?..=last.parse().ok()?);
        match (*head.first()?, *head.get(1)?, words) {
            ("message", name, ["reserved", first, last]) => self.messages.get_mut(name)?.reserved.push(range(first, last)?),
            ("message", of, [number, name, kind, times]) => {
                let [name, kind, times] = [name, kind, times].map(|word| (*word).to_owned());
                self.messages.get_mut(of)?.fields.insert(number.parse().ok()?, Field { name, kind, times });
            }
            ("enum", name, ["reserved", first, last]) => self.enums.get_mut(name)?.reserved.push(range(first, last)?),
            ("enum", of, [number, name]) => {
                self.enums.get_mut(of)?.values.insert(number.parse().ok()?, (*name).to_owned());
            }
            ("service", of, [name, takes, gives, rest @ ..]) => {
                let is_deprecated = *rest == ["deprecated"];
                let method = Method { is_deprecated, takes: (*takes).to_owned(), gives: (*gives).to_owned() };
                self.services.get_mut(of)?.methods.insert((*name).to_owned(), method);
            }
            _ => return None,
        }
        Some(())
    }
}
