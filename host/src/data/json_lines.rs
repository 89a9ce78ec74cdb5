//! Rows of JSON Lines files.

use std::path::Path;

use serde_json::{Map, Value};

use super::columns::{self, LOGITS};
use super::error::{DataError, DataErrorKind};
use super::read::{ReadOptions, Row, Rows};
use super::source;

/// Rows of a file with one JSON object a line. The names of the fields are settled by the first row that has them: a
/// text is in every row, a label may be absent or null.
pub(super) fn read(path: &Path, bytes: &[u8], options: &ReadOptions) -> Result<Rows, DataError> {
    let mut text_field: Option<String> = options.text_column.clone();
    let mut label_field: Option<String> = options.label_column.clone();
    let mut label_seen = false;
    let mut rows = Vec::new();
    for line in source::lines(path, bytes) {
        let (number, line) = line?;
        if line.trim().is_empty() {
            continue;
        }
        let fail = |kind| DataError::at(path, number, kind);
        let value: Value =
            serde_json::from_str(line).map_err(|error| fail(DataErrorKind::Json(error)))?;
        let Value::Object(object) = value else {
            return Err(fail(DataErrorKind::NotAnObject {
                found: kind_of(&value),
            }));
        };
        let text_name = match &text_field {
            Some(name) => name.clone(),
            None => usual(&object, columns::TEXT).ok_or_else(|| {
                fail(DataErrorKind::NoTextColumn {
                    columns: names(&object),
                    expected: columns::TEXT,
                })
            })?,
        };
        let text = match object.get(&text_name) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => {
                return Err(fail(DataErrorKind::FieldType {
                    field: text_name,
                    found: kind_of(other),
                    expected: "a string",
                }));
            }
            None => {
                return Err(fail(DataErrorKind::NoSuchColumn {
                    wanted: text_name,
                    columns: names(&object),
                }));
            }
        };
        if label_field.is_none() {
            label_field = usual(&object, columns::LABEL).filter(|name| *name != text_name);
        }
        text_field = Some(text_name);
        let label = match label_field
            .as_ref()
            .and_then(|name| Some((name, object.get(name)?)))
        {
            Some((name, value)) => {
                label_seen = true;
                label_name(name, value).map_err(fail)?
            }
            None => None,
        };
        let logits = logits(&object).map_err(fail)?;
        rows.push(Row {
            line: number,
            text,
            label,
            logits,
        });
    }
    // A label field that the caller named has to exist somewhere.
    if let (Some(wanted), false, Some(first)) = (&options.label_column, label_seen, rows.first()) {
        let kind = DataErrorKind::NoSuchColumn {
            wanted: wanted.clone(),
            columns: text_field.into_iter().collect(),
        };
        return Err(DataError::at(path, first.line, kind));
    }
    if rows.is_empty() {
        return Err(DataError::whole(
            path,
            DataErrorKind::Empty {
                expected: "one JSON object a line",
            },
        ));
    }
    Ok(Rows {
        rows,
        label_column: label_field,
    })
}

/// A label as its name: strings as they are, whole numbers and booleans written out, null and "" for none.
fn label_name(field: &str, value: &Value) -> Result<Option<String>, DataErrorKind> {
    let name = match value {
        Value::Null => return Ok(None),
        Value::String(name) => name.trim().to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => match number.as_f64() {
            Some(float)
                if !number.is_i64()
                    && !number.is_u64()
                    && float.fract() == 0.0
                    && float.abs() < 1e15 =>
            {
                format!("{float:.0}")
            }
            _ => number.to_string(),
        },
        Value::Array(_) | Value::Object(_) => {
            return Err(DataErrorKind::FieldType {
                field: field.to_owned(),
                found: kind_of(value),
                expected: "one label: a string, a number, true, false or null",
            });
        }
    };
    Ok(Some(name).filter(|name| !name.is_empty()))
}

/// The teacher's logits of a row, if it has any.
fn logits(object: &Map<String, Value>) -> Result<Option<Vec<f32>>, DataErrorKind> {
    let wrong = |found| DataErrorKind::FieldType {
        field: LOGITS.to_owned(),
        found,
        expected: "a list of finite numbers, one for each label",
    };
    match object.get(LOGITS) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| match item.as_f64().map(|number| number as f32) {
                Some(number) if number.is_finite() => Ok(number),
                Some(_) => Err(wrong("a list with a number that is too large")),
                None => Err(wrong("a list with something else than numbers")),
            })
            .collect::<Result<Vec<f32>, _>>()
            .map(Some),
        Some(other) => Err(wrong(kind_of(other))),
    }
}

fn usual(object: &Map<String, Value>, wanted: &[&str]) -> Option<String> {
    let names = names(object);
    columns::usual(&names, wanted).map(|index| names[index].clone())
}

fn names(object: &Map<String, Value>) -> Vec<String> {
    object.keys().cloned().collect()
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
