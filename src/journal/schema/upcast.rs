//! How data that an older version of this program wrote is read: each old shape is turned into the next, up to the newest.
//!
//! To change the shape of a type: write a `Step` from the present version to the next and add it to `STEPS` (that alone
//! makes the next version the newest, and new entries are written with it), change the stored struct, and leave the golden
//! file of the old version where it is: it must still be read, though it is no longer written. A field that is absent where
//! it does not apply can be added without a step.

use serde_json::Value;
use std::borrow::Cow;

/// Turns the data of one version of a type into the data of the next.
struct Step {
    type_name: &'static str,
    from: u32,
    to_next: fn(Value) -> Result<Value, String>,
}

/// Every change of a shape there has been.
const STEPS: &[Step] = &[];

/// Why data cannot be brought to the newest shape.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Refused {
    /// It is newer than the newest known.
    Newer {
        /// The newest known.
        newest: u32,
    },
    /// There never was such a version.
    Unknown,
    /// It does not have the shape that its version had.
    Data(String),
}

/// The version of a type's newest shape.
pub(super) fn newest(type_name: &str) -> u32 {
    newest_of(STEPS, type_name)
}

/// The data in the newest shape of its type.
pub(super) fn upcast<'a>(type_name: &str, schema: u32, data: &'a str) -> Result<Cow<'a, str>, Refused> {
    upcast_by(STEPS, type_name, schema, data)
}

fn newest_of(steps: &[Step], type_name: &str) -> u32 {
    steps.iter().filter(|step| step.type_name == type_name).map(|step| step.from + 1).max().unwrap_or(1)
}

fn upcast_by<'a>(steps: &[Step], type_name: &str, schema: u32, data: &'a str) -> Result<Cow<'a, str>, Refused> {
    let newest = newest_of(steps, type_name);
    if schema == newest {
        return Ok(Cow::Borrowed(data));
    }
    if schema > newest {
        return Err(Refused::Newer { newest });
    }
    let wrong = |why: serde_json::Error| Refused::Data(why.to_string());
    let mut value = serde_json::from_str(data).map_err(wrong)?;
    for version in schema..newest {
        let step = steps.iter().find(|step| step.type_name == type_name && step.from == version);
        value = (step.ok_or(Refused::Unknown)?.to_next)(value).map_err(Refused::Data)?;
    }
    serde_json::to_string(&value).map(Cow::Owned).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A made-up past of `session.revoked`: first `why`, then `reason`, then with `by`.
    const PAST: &[Step] = &[
        Step { type_name: "session.revoked", from: 1, to_next: rename },
        Step { type_name: "session.revoked", from: 2, to_next: add },
    ];

    fn rename(mut data: Value) -> Result<Value, String> {
        let fields = data.as_object_mut().ok_or("not an object")?;
        let why = fields.remove("why").ok_or("why is missing")?;
        fields.insert("reason".to_owned(), why);
        Ok(data)
    }

    fn add(mut data: Value) -> Result<Value, String> {
        data.as_object_mut().ok_or("not an object")?.insert("by".to_owned(), json!("server"));
        Ok(data)
    }

    fn read(schema: u32, data: &str) -> Result<Value, Refused> {
        upcast_by(PAST, "session.revoked", schema, data).map(|data| serde_json::from_str(&data).unwrap())
    }

    #[test]
    fn an_old_shape_goes_through_every_later_one() {
        let newest = json!({"reason": "reuse", "by": "server"});
        assert_eq!(read(1, r#"{"why":"reuse"}"#), Ok(newest.clone()));
        assert_eq!(read(2, r#"{"reason":"reuse"}"#), Ok(newest));
        assert_eq!(newest_of(PAST, "session.revoked"), 3);
    }

    #[test]
    fn the_newest_shape_is_left_as_it_is() {
        let data = r#"{"reason":"reuse","by":"server"}"#;
        assert_eq!(upcast_by(PAST, "session.revoked", 3, data), Ok(Cow::Borrowed(data)));
        assert_eq!(upcast_by(PAST, "session.expired", 1, "{}"), Ok(Cow::Borrowed("{}")));
    }

    #[test]
    fn a_shape_that_never_was_is_refused() {
        assert_eq!(read(0, r#"{"why":"reuse"}"#), Err(Refused::Unknown));
        assert_eq!(read(4, r#"{"why":"reuse"}"#), Err(Refused::Newer { newest: 3 }));
        assert_eq!(read(1, r#"{"reason":"reuse"}"#), Err(Refused::Data("why is missing".to_owned())));
        assert_eq!(read(1, "[]"), Err(Refused::Data("not an object".to_owned())));
    }

    #[test]
    fn the_steps_of_a_type_have_no_gap() {
        for step in STEPS.iter().chain(PAST) {
            let known = |from: u32| STEPS.iter().chain(PAST).any(|s| s.type_name == step.type_name && s.from == from);
            assert!((1..=step.from).all(known), "{} from {}", step.type_name, step.from);
        }
    }
}
