//! What the simulated servers know of a table, and of its values.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::sync::Arc;

use scylla::frame::response::result::{CollectionType, ColumnType, NativeType};
use scylla::value::CqlValue;

/// Types of columns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    BigInt,
    Int,
    Blob,
    Text,
    /// Lists, of marks alone.
    BigInts,
    Blobs,
}

/// A value, ordered as its column is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Value {
    Number(i64),
    Bytes(Arc<[u8]>),
    List(Vec<Value>),
}

#[derive(Clone, PartialEq, Debug)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
    pub is_static: bool,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    /// The columns of the partition key, and of the clustering key.
    pub part: Vec<usize>,
    pub order: Vec<usize>,
}

impl Table {
    pub fn new(name: String, columns: Vec<Column>, part: &[String], order: &[String]) -> Result<Table, String> {
        let mut table = Table { name, columns, part: Vec::new(), order: Vec::new() };
        let places = |names: &[String]| -> Option<Vec<usize>> { names.iter().map(|name| table.column(name)).collect() };
        let keys = (places(part), places(order));
        match keys {
            (Some(part), Some(order)) if !part.is_empty() => (table.part, table.order) = (part, order),
            _ => return Err(format!("the key of {} is none", table.name)),
        }
        Ok(table)
    }

    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    pub fn is_key(&self, column: usize) -> bool {
        self.part.contains(&column) || self.order.contains(&column)
    }
}

impl Kind {
    pub fn of(name: &str) -> Result<Kind, String> {
        match name {
            "bigint" => Ok(Kind::BigInt),
            "int" => Ok(Kind::Int),
            "blob" => Ok(Kind::Blob),
            "text" => Ok(Kind::Text),
            other => Err(format!("{other} is no type")),
        }
    }

    pub fn native(self) -> ColumnType<'static> {
        let list = |of: Kind| ColumnType::Collection { frozen: false, typ: CollectionType::List(Box::new(of.native())) };
        ColumnType::Native(match self {
            Kind::BigInt => NativeType::BigInt,
            Kind::Int => NativeType::Int,
            Kind::Blob => NativeType::Blob,
            Kind::Text => NativeType::Text,
            Kind::BigInts => return list(Kind::BigInt),
            Kind::Blobs => return list(Kind::Blob),
        })
    }

    /// That of a list of values, if marks can be that.
    pub fn list(self) -> Option<Kind> {
        match self {
            Kind::BigInt => Some(Kind::BigInts),
            Kind::Blob => Some(Kind::Blobs),
            _ => None,
        }
    }

    /// The value of bytes as they travel.
    pub fn read(self, bytes: &[u8]) -> Option<Value> {
        Some(match self {
            Kind::BigInt => Value::Number(i64::from_be_bytes(bytes.try_into().ok()?)),
            Kind::Int => Value::Number(i32::from_be_bytes(bytes.try_into().ok()?).into()),
            Kind::Blob | Kind::Text => Value::Bytes(bytes.into()),
            Kind::BigInts => Value::List(Kind::BigInt.read_list(bytes)?),
            Kind::Blobs => Value::List(Kind::Blob.read_list(bytes)?),
        })
    }

    fn read_list(self, bytes: &[u8]) -> Option<Vec<Value>> {
        let (count, mut rest) = bytes.split_first_chunk::<4>()?;
        let mut values = Vec::new();
        for _ in 0..u32::from_be_bytes(*count) {
            let (length, behind) = rest.split_first_chunk::<4>()?;
            let (value, behind) = behind.split_at_checked(u32::from_be_bytes(*length) as usize)?;
            values.push(self.read(value)?);
            rest = behind;
        }
        Some(values)
    }

    /// The bytes of a value as they travel: a length, and what is so long.
    pub fn write(self, value: Option<&Value>, into: &mut Vec<u8>) {
        let mut put = |bytes: &[u8]| {
            into.extend((bytes.len() as i32).to_be_bytes());
            into.extend(bytes);
        };
        match (self, value) {
            (_, None) => into.extend((-1_i32).to_be_bytes()),
            (Kind::Int, Some(Value::Number(number))) => put(&(*number as i32).to_be_bytes()),
            (_, Some(Value::Number(number))) => put(&number.to_be_bytes()),
            (_, Some(Value::Bytes(bytes))) => put(bytes),
            // Columns are no lists.
            (_, Some(Value::List(_))) => into.extend((-1_i32).to_be_bytes()),
        }
    }

    pub fn told(self, value: &Value) -> CqlValue {
        match value {
            Value::Number(number) if self == Kind::Int => CqlValue::Int(*number as i32),
            Value::Number(number) => CqlValue::BigInt(*number),
            Value::Bytes(bytes) => CqlValue::Blob(bytes.to_vec()),
            Value::List(_) => CqlValue::Empty,
        }
    }
}
