//! Statements as the simulated servers read them: the subset of CQL that the house uses. What lies outside of it is refused.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use super::table::{Column, Kind, Table};

/// Where a value comes from.
#[derive(Clone, PartialEq, Debug)]
pub enum Term {
    /// The mark of this number.
    Mark(usize),
    Number(i64),
    Null,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    Is,
    Above,
    AtLeast,
    Below,
    AtMost,
    In,
}

/// Columns, in their order, and what they are compared with.
#[derive(Clone, PartialEq, Debug)]
pub struct Predicate {
    pub columns: Vec<usize>,
    pub relation: Relation,
    pub terms: Vec<Term>,
}

/// What has to hold for a conditional write.
#[derive(Clone, PartialEq, Debug)]
pub enum Condition {
    NotExists,
    Exists,
    All(Vec<Predicate>),
}

#[derive(Clone, PartialEq, Debug)]
pub enum What {
    Read {
        columns: Vec<usize>,
        descending: bool,
        limit: Option<Term>,
    },
    /// Values to columns. `makes`: an insertion, by which there is a row even if all of them are null.
    Put {
        makes: bool,
        values: Vec<(usize, Term)>,
    },
    /// Of these columns, or of the row, or of the partition.
    Delete {
        columns: Vec<usize>,
    },
}

/// A statement on a table.
#[derive(Clone, PartialEq, Debug)]
pub struct Text {
    pub table: usize,
    pub what: What,
    pub place: Vec<Predicate>,
    pub condition: Option<Condition>,
    pub timestamp: Option<Term>,
    /// The type of each mark.
    pub marks: Vec<Kind>,
}

/// Why a text is none.
type Refusal = String;

/// Reads `CREATE TABLE IF NOT EXISTS`.
pub fn table(text: &str) -> Result<Table, Refusal> {
    let mut words = Words::of(text);
    ["CREATE", "TABLE", "IF", "NOT", "EXISTS"].into_iter().try_for_each(|word| words.take(word))?;
    let name = words.next()?;
    words.take("(")?;
    let (mut columns, mut part, mut order) = (Vec::<Column>::new(), Vec::new(), Vec::new());
    loop {
        let column = words.next()?;
        if column == "PRIMARY" {
            words.take("KEY")?;
            words.take("(")?;
            match words.skip("(") {
                true => part = words.names(")")?,
                false => part = vec![words.next()?],
            }
            while words.skip(",") {
                order.push(words.next()?);
            }
            words.take(")")?;
        } else {
            let kind = Kind::of(&words.next()?)?;
            let is_static = words.skip("STATIC");
            if words.skip("PRIMARY") {
                words.take("KEY")?;
                part = vec![column.clone()];
            }
            columns.push(Column { name: column, kind, is_static });
        }
        if !words.skip(",") {
            break;
        }
    }
    words.take(")")?;
    Table::new(name, columns, &part, &order)
}

/// Reads a statement on one of the tables.
pub fn statement(text: &str, tables: &[Table]) -> Result<Text, Refusal> {
    let mut reader = Reader { words: Words::of(text), tables, table: 0, marks: Vec::new() };
    let first = reader.words.next()?;
    let mut read = match first.as_str() {
        "SELECT" => reader.select(),
        "INSERT" => reader.insert(),
        "UPDATE" => reader.update(),
        "DELETE" => reader.delete(),
        other => Err(format!("{other} is no statement")),
    }?;
    if let Some(more) = reader.words.peek() {
        return Err(format!("{more} is not understood in: {text}"));
    }
    read.table = reader.table;
    read.marks = reader.marks;
    Ok(read)
}

struct Reader<'a> {
    words: Words,
    tables: &'a [Table],
    table: usize,
    marks: Vec<Kind>,
}

impl Reader<'_> {
    fn on(&mut self, table: &str) -> Result<(), Refusal> {
        self.table = self.tables.iter().position(|one| one.name == table).ok_or_else(|| format!("no table {table}"))?;
        Ok(())
    }

    fn column(&self, name: &str) -> Result<usize, Refusal> {
        self.tables[self.table].column(name).ok_or_else(|| format!("no column {name}"))
    }

    fn kind(&self, column: usize) -> Kind {
        self.tables[self.table].columns[column].kind
    }

    fn columns(&self, names: &[String]) -> Result<Vec<usize>, Refusal> {
        names.iter().map(|name| self.column(name)).collect()
    }

    fn text(&self, what: What) -> Text {
        Text { table: 0, what, place: Vec::new(), condition: None, timestamp: None, marks: Vec::new() }
    }

    fn select(&mut self) -> Result<Text, Refusal> {
        let names = self.words.names("FROM")?;
        let table = self.words.next()?;
        self.on(&table)?;
        let (columns, place) = (self.columns(&names)?, self.place()?);
        let mut descending = false;
        if self.words.skip("ORDER") {
            self.words.take("BY")?;
            loop {
                self.words.next()?;
                descending = self.words.skip("DESC");
                if !self.words.skip(",") {
                    break;
                }
            }
        }
        let limit = if self.words.skip("LIMIT") { Some(self.term(Kind::Int)?) } else { None };
        Ok(Text { place, ..self.text(What::Read { columns, descending, limit }) })
    }

    fn insert(&mut self) -> Result<Text, Refusal> {
        self.words.take("INTO")?;
        let table = self.words.next()?;
        self.on(&table)?;
        self.words.take("(")?;
        let names = self.words.names(")")?;
        let columns = self.columns(&names)?;
        self.words.take("VALUES")?;
        self.words.take("(")?;
        let mut values = Vec::new();
        for (n, column) in columns.into_iter().enumerate() {
            if n > 0 {
                self.words.take(",")?;
            }
            values.push((column, self.term(self.kind(column))?));
        }
        self.words.take(")")?;
        let condition = match self.words.skip("IF") {
            true => {
                ["NOT", "EXISTS"].into_iter().try_for_each(|word| self.words.take(word)).map(|()| Some(Condition::NotExists))?
            }
            false => None,
        };
        let timestamp = self.using()?;
        let (keys, values): (Vec<_>, Vec<_>) =
            values.into_iter().partition(|(column, _)| self.tables[self.table].is_key(*column));
        let place =
            keys.into_iter().map(|(column, term)| Predicate { columns: vec![column], relation: Relation::Is, terms: vec![term] });
        Ok(Text { place: place.collect(), condition, timestamp, ..self.text(What::Put { makes: true, values }) })
    }

    fn update(&mut self) -> Result<Text, Refusal> {
        let table = self.words.next()?;
        self.on(&table)?;
        let timestamp = self.using()?;
        self.words.take("SET")?;
        let mut values = Vec::new();
        loop {
            let name = self.words.next()?;
            let column = self.column(&name)?;
            self.words.take("=")?;
            values.push((column, self.term(self.kind(column))?));
            if !self.words.skip(",") {
                break;
            }
        }
        let (place, condition) = (self.place()?, self.condition()?);
        Ok(Text { place, condition, timestamp, ..self.text(What::Put { makes: false, values }) })
    }

    fn delete(&mut self) -> Result<Text, Refusal> {
        let names = self.words.names("FROM")?;
        let table = self.words.next()?;
        self.on(&table)?;
        let columns = self.columns(&names)?;
        let timestamp = self.using()?;
        let (place, condition) = (self.place()?, self.condition()?);
        Ok(Text { place, condition, timestamp, ..self.text(What::Delete { columns }) })
    }

    /// `USING TIMESTAMP t`, and `USING TTL s`, of which nothing follows: no life of the simulation is that long.
    fn using(&mut self) -> Result<Option<Term>, Refusal> {
        if !self.words.skip("USING") {
            return Ok(None);
        }
        if self.words.skip("TTL") {
            self.term(Kind::Int)?;
            return Ok(None);
        }
        self.words.take("TIMESTAMP")?;
        Ok(Some(self.term(Kind::BigInt)?))
    }

    fn place(&mut self) -> Result<Vec<Predicate>, Refusal> {
        self.words.take("WHERE")?;
        self.predicates()
    }

    fn condition(&mut self) -> Result<Option<Condition>, Refusal> {
        if !self.words.skip("IF") {
            return Ok(None);
        }
        if self.words.skip("EXISTS") {
            return Ok(Some(Condition::Exists));
        }
        Ok(Some(Condition::All(self.predicates()?)))
    }

    fn predicates(&mut self) -> Result<Vec<Predicate>, Refusal> {
        let mut all = Vec::new();
        loop {
            let names = if self.words.skip("(") { self.words.names(")")? } else { vec![self.words.next()?] };
            let columns = self.columns(&names)?;
            let relation = match self.words.next()?.as_str() {
                "=" => Relation::Is,
                ">" => Relation::Above,
                ">=" => Relation::AtLeast,
                "<" => Relation::Below,
                "<=" => Relation::AtMost,
                "IN" => Relation::In,
                other => return Err(format!("{other} is no relation")),
            };
            let mut terms = Vec::new();
            if self.words.skip("(") {
                loop {
                    let of = columns.get(terms.len()).or(columns.first()).copied().unwrap_or(0);
                    terms.push(self.term(self.kind(of))?);
                    if !self.words.skip(",") {
                        break;
                    }
                }
                self.words.take(")")?;
            } else {
                let kind = self.kind(columns[0]);
                let of = if relation == Relation::In { kind.list().ok_or("a list of these")? } else { kind };
                terms.push(self.term(of)?);
            }
            all.push(Predicate { columns, relation, terms });
            if !self.words.skip("AND") {
                return Ok(all);
            }
        }
    }

    fn term(&mut self, of: Kind) -> Result<Term, Refusal> {
        match self.words.next()?.as_str() {
            "?" => {
                self.marks.push(of);
                Ok(Term::Mark(self.marks.len() - 1))
            }
            "null" => Ok(Term::Null),
            number => number.parse().map(Term::Number).map_err(|_| format!("{number} is no value")),
        }
    }
}

/// The words of a text, and its signs.
struct Words {
    words: Vec<String>,
    at: usize,
}

impl Words {
    fn of(text: &str) -> Words {
        let mut words: Vec<String> = Vec::new();
        let mut is_within = false;
        for sign in text.chars() {
            let is_word = sign.is_ascii_alphanumeric() || sign == '_';
            match words.last_mut() {
                Some(word) if is_word && is_within => word.push(sign),
                Some(word) if sign == '=' && (word == ">" || word == "<") => word.push(sign),
                _ if sign.is_whitespace() => {}
                _ => words.push(sign.to_string()),
            }
            is_within = is_word;
        }
        Words { words, at: 0 }
    }

    fn peek(&self) -> Option<&str> {
        self.words.get(self.at).map(String::as_str)
    }

    fn next(&mut self) -> Result<String, Refusal> {
        let word = self.words.get(self.at).cloned().ok_or("it ends too early")?;
        self.at += 1;
        Ok(word)
    }

    fn skip(&mut self, word: &str) -> bool {
        let is_next = self.peek() == Some(word);
        self.at += usize::from(is_next);
        is_next
    }

    fn take(&mut self, word: &str) -> Result<(), Refusal> {
        if self.skip(word) { Ok(()) } else { Err(format!("{word} is missing before {:?}", self.peek())) }
    }

    /// Names with commas between them, up to this word.
    fn names(&mut self, upto: &str) -> Result<Vec<String>, Refusal> {
        let mut names = Vec::new();
        while !self.skip(upto) {
            names.push(self.next()?);
            self.skip(",");
        }
        Ok(names)
    }
}
