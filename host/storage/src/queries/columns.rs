//! From columns to what they mean.

use std::fmt::Display;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use tillgate_application::ports::StoreError;
use tillgate_domain::{Money, Timestamp};

use super::super::{Db, Row};
use super::tables::Table;

/// Writes JSON. What is stored are strings, numbers and lists of them, so that this can't fail.
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A column that can't be understood.
#[derive(Debug)]
pub(super) struct Unreadable {
    column: &'static str,
    reason: String,
}

pub(super) fn unreadable(column: &'static str, reason: impl Display) -> Unreadable {
    Unreadable {
        column,
        reason: reason.to_string(),
    }
}

/// What a row is read as.
pub(super) trait Stored: Sized {
    /// Where its rows are.
    fn table() -> &'static Table;

    /// Reads one.
    fn read(row: &Row) -> Result<Self, Unreadable>;
}

/// Reads a row. One that can't be understood is named by its table, column and id.
pub(super) fn read<T: Stored>(row: &Row) -> Result<T, StoreError> {
    T::read(row).map_err(|Unreadable { column, reason }| {
        let id = row.try_get::<String, _>("id").unwrap_or_default();
        StoreError::Corrupt(format!("{}.{column} of row {id:?}: {reason}", T::table().name()))
    })
}

/// A column of a simple type.
pub(super) fn get<'r, T>(row: &'r Row, column: &'static str) -> Result<T, Unreadable>
where
    T: sqlx::Decode<'r, Db> + sqlx::Type<Db>,
{
    row.try_get(column).map_err(|error| unreadable(column, error))
}

/// A column of text that is something else.
pub(super) fn parsed<T>(row: &Row, column: &'static str) -> Result<T, Unreadable>
where
    T: FromStr,
    T::Err: Display,
{
    get::<String>(row, column)?
        .parse()
        .map_err(|error| unreadable(column, error))
}

pub(super) fn parsed_optional<T>(row: &Row, column: &'static str) -> Result<Option<T>, Unreadable>
where
    T: FromStr,
    T::Err: Display,
{
    get::<Option<String>>(row, column)?
        .map(|text| text.parse().map_err(|error| unreadable(column, error)))
        .transpose()
}

pub(super) fn time(row: &Row, column: &'static str) -> Result<Timestamp, Unreadable> {
    get(row, column).map(Timestamp::from_millis)
}

pub(super) fn time_optional(row: &Row, column: &'static str) -> Result<Option<Timestamp>, Unreadable> {
    Ok(get::<Option<i64>>(row, column)?.map(Timestamp::from_millis))
}

pub(super) fn unsigned<T: TryFrom<i64>>(row: &Row, column: &'static str) -> Result<T, Unreadable> {
    let number: i64 = get(row, column)?;
    T::try_from(number).map_err(|_| unreadable(column, format!("{number} is out of bounds")))
}

pub(super) fn unsigned_optional<T: TryFrom<i64>>(row: &Row, column: &'static str) -> Result<Option<T>, Unreadable> {
    let number: Option<i64> = get(row, column)?;
    number
        .map(|number| T::try_from(number).map_err(|_| unreadable(column, format!("{number} is out of bounds"))))
        .transpose()
}

pub(super) fn from_json_optional<T: DeserializeOwned>(
    row: &Row,
    column: &'static str,
) -> Result<Option<T>, Unreadable> {
    let text: Option<String> = get(row, column)?;
    text.map(|text| serde_json::from_str(&text).map_err(|error| unreadable(column, error)))
        .transpose()
}

pub(super) fn from_json<T: DeserializeOwned>(row: &Row, column: &'static str) -> Result<T, Unreadable> {
    let text: String = get(row, column)?;
    serde_json::from_str(&text).map_err(|error| unreadable(column, error))
}

/// Headers, as JSON: each byte of a value as the character of the same number, so that plain text stays as it is.
pub(super) fn headers_written(headers: &[(String, Vec<u8>)]) -> Vec<u8> {
    let texts: Vec<(&str, String)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.iter().copied().map(char::from).collect()))
        .collect();
    json(&texts).into_bytes()
}

/// What [`headers_written`] wrote.
pub(super) fn headers(row: &Row, column: &'static str) -> Result<Vec<(String, Vec<u8>)>, Unreadable> {
    let written: Vec<u8> = get(row, column)?;
    let texts: Vec<(String, String)> = serde_json::from_slice(&written).map_err(|error| unreadable(column, error))?;
    texts
        .into_iter()
        .map(|(name, value)| {
            let bytes: Result<Vec<u8>, _> = value.chars().map(u8::try_from).collect();
            Ok((name, bytes.map_err(|error| unreadable(column, error))?))
        })
        .collect()
}

/// One of a few words.
pub(super) fn word<T>(row: &Row, column: &'static str, known: &[(&str, T)]) -> Result<T, Unreadable>
where
    T: Copy,
{
    let text: String = get(row, column)?;
    let found = known.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found.ok_or_else(|| unreadable(column, format!("{text:?} is not a known word")))
}

pub(super) fn money(row: &Row) -> Result<Money, Unreadable> {
    Ok(Money::new(get(row, "amount")?, parsed(row, "currency")?))
}

pub(super) fn bytes32(row: &Row, column: &'static str) -> Result<[u8; 32], Unreadable> {
    let bytes: Vec<u8> = get(row, column)?;
    exactly32(&bytes, column)
}

pub(super) fn bytes32_optional(row: &Row, column: &'static str) -> Result<Option<[u8; 32]>, Unreadable> {
    let bytes: Option<Vec<u8>> = get(row, column)?;
    bytes.map(|bytes| exactly32(&bytes, column)).transpose()
}

fn exactly32(bytes: &[u8], column: &'static str) -> Result<[u8; 32], Unreadable> {
    bytes
        .try_into()
        .map_err(|_| unreadable(column, format!("{} bytes, not 32", bytes.len())))
}
