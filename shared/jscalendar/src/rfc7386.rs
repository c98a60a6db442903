//! JSON merge patch (RFC 7386).

use serde_json::{Map, Value};

/// Applies `patch` to `target`. Depth is bounded by the caller's check of the patch.
pub(crate) fn apply(target: Value, patch: &Value) -> Value {
    let Value::Object(changes) = patch else {
        return patch.clone();
    };
    let mut object = match target {
        Value::Object(object) => object,
        _ => Map::new(),
    };
    for (name, change) in changes {
        if change.is_null() {
            object.remove(name);
        } else {
            let old = object.remove(name).unwrap_or(Value::Null);
            object.insert(name.clone(), apply(old, change));
        }
    }
    Value::Object(object)
}
