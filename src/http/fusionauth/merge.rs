//! JSON put together and taken apart: what a patch changes (RFC 7396), and what of a document its own defaults do not say already.

use serde_json::{Map, Value};

/// Changes `base` as a patch says (RFC 7396): objects are merged, `null` takes away, and anything else stands for what was there.
pub fn merge(base: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *base = patch.clone();
        return;
    };
    if !base.is_object() {
        *base = Value::Object(Map::new());
    }
    let Value::Object(target) = base else { return };
    for (name, value) in fields {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name.as_str()).or_insert(Value::Null), value);
        }
    }
}

/// What `given` says beyond `base`; `None` where that is nothing. What is empty says nothing.
pub fn beyond(given: &Value, base: Option<&Value>) -> Option<Value> {
    match given {
        same if Some(same) == base => None,
        Value::Null => None,
        Value::Object(fields) => {
            let of = |name: &str| base.and_then(|base| base.get(name));
            let left: Map<_, _> =
                fields.iter().filter_map(|(name, value)| Some((name.clone(), beyond(value, of(name))?))).collect();
            (!left.is_empty()).then_some(Value::Object(left))
        }
        Value::Array(items) if items.is_empty() && base.is_none() => None,
        other => Some(other.clone()),
    }
}

/// Takes members away, each named by its path, such as `/oauthConfiguration/clientId`.
pub fn without(value: &mut Value, paths: &[&str]) {
    for path in paths {
        let Some((parent, name)) = path.rsplit_once('/') else { continue };
        if let Some(Value::Object(fields)) = value.pointer_mut(parent) {
            fields.remove(name);
        }
    }
}

/// A member of an object; `null` where there is none.
pub fn member<'a>(of: &'a Value, name: &str) -> &'a Value {
    of.get(name).unwrap_or(&Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_patch_changes_what_it_names_and_null_takes_away() {
        let mut base = json!({"a": {"b": 1, "c": [1, 2]}, "d": "e"});
        merge(&mut base, &json!({"a": {"b": null, "c": [3]}, "f": {"g": null, "h": true}}));
        assert_eq!(base, json!({"a": {"c": [3]}, "d": "e", "f": {"h": true}}));
        let mut text = json!("text");
        merge(&mut text, &json!({"a": 1}));
        assert_eq!(text, json!({"a": 1}));
    }

    #[test]
    fn what_is_beyond_the_defaults_gives_the_whole_again() {
        let base = json!({"a": {"b": 1, "c": false}, "d": []});
        let given = json!({"a": {"b": 2, "c": false, "n": null}, "d": [], "e": {"f": {}}, "g": "h"});
        let beyond = beyond(&given, Some(&base)).unwrap();
        assert_eq!(beyond, json!({"a": {"b": 2}, "g": "h"}));
        let mut whole = base;
        merge(&mut whole, &beyond);
        assert_eq!(whole, json!({"a": {"b": 2, "c": false}, "d": [], "g": "h"}));
    }

    #[test]
    fn members_are_taken_away_by_their_paths() {
        let mut value = json!({"a": {"b": 1, "c": 2}, "d": 3});
        without(&mut value, &["/a/b", "/d", "/no/where"]);
        assert_eq!(value, json!({"a": {"c": 2}}));
    }
}
