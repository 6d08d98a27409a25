//! What a question needs of a database: values, rows, statements. The questions are written once over this, in SQL that
//! both databases understand; `sqlite` and `postgres` say how each is spoken to.

use crate::StoreError;

pub(crate) type Answer<T> = Result<T, StoreError>;

/// One connection. Placeholders are `?1`, `?2`, … or `?`, in the order of the parameters.
pub(crate) trait Db {
    /// Runs `sql` and hands over every row. `each` may not use the connection.
    fn query(&self, sql: &str, params: &[Value], each: &mut dyn FnMut(&Row) -> Answer<()>) -> Answer<()>;
    /// Like `query` without parameters, for results too large for memory. Inside a transaction only.
    fn scan(&self, sql: &str, each: &mut dyn FnMut(&Row) -> Answer<()>) -> Answer<()>;
    /// Runs `sql`; answers how many rows it changed.
    fn execute(&self, sql: &str, params: &[Value]) -> Result<usize, Refusal>;
    /// Runs statements that have no parameters and answer nothing.
    fn batch(&self, sql: &str) -> Answer<()>;
    /// Makes sure that the connection is up.
    fn revive(&self) -> Answer<()>;
    /// Begins to write; nobody else writes until this ends.
    fn begin(&self) -> Answer<()>;
    /// Begins to read from one moment in time.
    fn begin_frozen(&self) -> Answer<()>;
    /// Makes durable what was begun.
    fn commit(&self) -> Answer<()>;
    /// Keeps what was written since the savepoint `job`, and sets it anew: one trip to the server, not two.
    fn next_job(&self) -> Answer<()>;
    /// Ends whatever was begun without keeping it; nothing if nothing was.
    fn rollback(&self) -> Answer<()>;
    /// Tables of the schema (the migrations' own left out), each with its columns.
    fn tables(&self) -> Answer<Vec<(String, Vec<String>)>>;
    /// Sets what counts rows up behind the rows that are there.
    fn counters_catch_up(&self) -> Answer<()>;
    /// The number of the last migration that this program knows.
    fn known(&self) -> u32;
    /// The number of the last migration that was run.
    fn version(&self) -> Answer<u32>;
}

/// Why a statement did nothing.
pub(crate) enum Refusal {
    /// Something else has a value that must be unique: words of which one is `table.column`.
    Unique(String),
    Other(StoreError),
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unique(text) => Self::Backend(format!("not unique: {text}")),
            Refusal::Other(error) => error,
        }
    }
}

/// All that columns hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Int(i64),
    Text(String),
}

/// One row of an answer.
#[derive(Debug)]
pub(crate) struct Row(pub(crate) Vec<Value>);

impl Row {
    pub(crate) fn value(&self, index: usize) -> &Value {
        self.0.get(index).unwrap_or(&Value::Null)
    }

    pub(crate) fn text(&self, index: usize) -> Answer<&str> {
        match self.value(index) {
            Value::Text(text) => Ok(text),
            other => Err(StoreError::Corrupt(format!("column {index} is {other:?}, not text"))),
        }
    }

    pub(crate) fn get<T: FromValue>(&self, index: usize) -> Answer<T> {
        T::from_value(self.value(index))
            .ok_or_else(|| StoreError::Corrupt(format!("column {index} holds {:?}", self.value(index))))
    }
}

/// What a column can be read as.
pub(crate) trait FromValue: Sized {
    fn from_value(value: &Value) -> Option<Self>;
}

macro_rules! integers {
    ($($type:ty)*) => {$(
        impl FromValue for $type {
            fn from_value(value: &Value) -> Option<Self> {
                if let Value::Int(n) = value { (*n).try_into().ok() } else { None }
            }
        }
        impl ToValue for $type {
            fn to_value(&self) -> Value {
                Value::Int(i64::try_from(*self).unwrap_or(i64::MAX))
            }
        }
    )*};
}

integers! { i64 u64 u32 u16 }

impl FromValue for String {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Text(text) = value { Some(text.clone()) } else { None }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Option<Self> {
        if *value == Value::Null { Some(None) } else { T::from_value(value).map(Some) }
    }
}

/// What can be a parameter.
pub(crate) trait ToValue {
    fn to_value(&self) -> Value;
}

impl ToValue for Value {
    fn to_value(&self) -> Value {
        self.clone()
    }
}

impl ToValue for bool {
    fn to_value(&self) -> Value {
        Value::Int(i64::from(*self))
    }
}

impl ToValue for str {
    fn to_value(&self) -> Value {
        Value::Text(self.to_owned())
    }
}

impl ToValue for String {
    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Value {
        (**self).to_value()
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, ToValue::to_value)
    }
}

/// The parameters of a statement.
pub(crate) trait Params {
    fn values(self) -> Vec<Value>;
}

impl Params for Vec<Value> {
    fn values(self) -> Vec<Value> {
        self
    }
}

impl<T: ToValue, const N: usize> Params for [T; N] {
    fn values(self) -> Vec<Value> {
        self.iter().map(ToValue::to_value).collect()
    }
}

/// Parameters of different types.
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$($crate::db::ToValue::to_value(&$value)),*] };
}
pub(crate) use params;

/// Tables with their columns, from rows of `(table, column)`.
pub(crate) fn columns_of(db: &dyn Db, sql: &str) -> Answer<Vec<(String, Vec<String>)>> {
    let mut tables: Vec<(String, Vec<String>)> = Vec::new();
    db.query(sql, &[], &mut |row| {
        let (table, column) = (row.text(0)?, row.text(1)?.to_owned());
        match tables.last_mut() {
            Some((name, columns)) if name == table => columns.push(column),
            _ => tables.push((table.to_owned(), vec![column])),
        }
        Ok(())
    })?;
    Ok(tables)
}
