//! JSON values as JavaScript sees them: numbers are doubles, integer-like keys come first, equality is deep.
//!
//! The answers here decide verdicts and message texts, so they follow ECMAScript, not `serde_json`. Knows nothing of
//! schemas.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use serde_json::{Map, Number, Value};

/// A set of JSON types, as the `type` keyword lists them. `integer` is a type of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TypeSet(u8);

/// Names of the types, in the order of their bits.
const TYPES: [&str; 7] = ["string", "number", "integer", "boolean", "null", "object", "array"];

impl TypeSet {
    /// Adds a type by name; `false` if there is no such type.
    pub(super) fn insert(&mut self, name: &str) -> bool {
        match TYPES.iter().position(|known| *known == name) {
            Some(bit) => {
                self.0 |= 1 << bit;
                true
            }
            None => false,
        }
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn has(self, name: &str) -> bool {
        TYPES.iter().position(|known| *known == name).is_some_and(|bit| self.0 & (1 << bit) != 0)
    }

    /// How many types are listed.
    pub(super) fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// The only type, if there is just one.
    pub(super) fn single(self) -> Option<&'static str> {
        (self.len() == 1).then(|| TYPES[self.0.trailing_zeros() as usize])
    }

    /// Whether a value is of one of the types. A number without a fraction is an integer however it is written.
    pub(super) fn accepts(self, value: &Value) -> bool {
        match value {
            Value::String(_) => self.has("string"),
            Value::Bool(_) => self.has("boolean"),
            Value::Null => self.has("null"),
            Value::Object(_) => self.has("object"),
            Value::Array(_) => self.has("array"),
            Value::Number(number) => {
                self.has("number") || (self.has("integer") && double(number).fract() == 0.0)
            }
        }
    }
}

/// A number as JavaScript holds it.
pub(super) fn double(number: &Number) -> f64 {
    // Without arbitrary precision, every `Number` converts.
    number.as_f64().unwrap_or(f64::NAN)
}

/// `String(number)` of ECMAScript: shortest digits that read back, exponent from 1e21 and below 1e-6.
pub(super) fn number_text(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{number:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-6..21).contains(&exponent) {
        // `{}` prints the same shortest digits, never with an exponent.
        return format!("{number}");
    }
    format!("{mantissa}e{}{exponent}", if exponent > 0 { "+" } else { "" })
}

/// How many code points a string has.
pub(super) fn length(text: &str) -> f64 {
    text.chars().count() as f64
}

/// Deep equality: numbers by their double, objects whatever the order of their keys.
pub(super) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => double(left) == double(right),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| equal(value, other)))
        }
        (left, right) => left == right,
    }
}

/// A hash that equal values share.
fn fingerprint(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    match value {
        Value::Null => 0u8.hash(&mut hasher),
        Value::Bool(flag) => (1u8, flag).hash(&mut hasher),
        // Adding zero turns -0 into 0, which equals it.
        Value::Number(number) => (2u8, (double(number) + 0.0).to_bits()).hash(&mut hasher),
        Value::String(text) => (3u8, text).hash(&mut hasher),
        Value::Array(items) => {
            4u8.hash(&mut hasher);
            for item in items {
                fingerprint(item).hash(&mut hasher);
            }
        }
        Value::Object(members) => {
            // The sum does not depend on the order of the keys.
            let sum = members.iter().fold(0u64, |sum, (key, value)| {
                let mut member = DefaultHasher::new();
                (key, fingerprint(value)).hash(&mut member);
                sum.wrapping_add(member.finish())
            });
            (5u8, sum).hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// For every item, the index of the last equal item before it. Linear in practice, where comparing all pairs of a
/// long array would take minutes.
fn earlier_equal(items: &[Value]) -> impl Iterator<Item = (usize, usize)> {
    let mut seen: HashMap<u64, Vec<usize>> = HashMap::with_capacity(items.len());
    items.iter().enumerate().filter_map(move |(index, item)| {
        let bucket = seen.entry(fingerprint(item)).or_default();
        let earlier = bucket.iter().rev().copied().find(|earlier| equal(&items[*earlier], item));
        if let Some(earlier) = earlier {
            // One entry per distinct value keeps the bucket short: the newest index replaces the older one.
            bucket.retain(|index| *index != earlier);
        }
        bucket.push(index);
        earlier.map(|earlier| (earlier, index))
    })
}

/// The two indices that the message of `uniqueItems` names, in the order in which it names them: the last item that
/// repeats an earlier one, after the item it repeats.
pub(super) fn duplicate_of_any(items: &[Value]) -> Option<(usize, usize)> {
    earlier_equal(items).last()
}

/// The same for an array whose `items` are of scalar types: other values are passed over, and the pair is named the
/// other way round, later index first.
pub(super) fn duplicate_of_scalars(items: &[Value], types: TypeSet) -> Option<(usize, usize)> {
    earlier_equal(items)
        .filter(|(_, index)| types.accepts(&items[*index]))
        .max_by_key(|(earlier, _)| *earlier)
        .map(|(earlier, index)| (index, earlier))
}

/// The members of an object in the order in which JavaScript lists them: integer-like keys first, ascending.
pub(super) fn members(object: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut members: Vec<_> = object.iter().collect();
    if members.iter().any(|(key, _)| array_index(key).is_some()) {
        members.sort_by_key(|(key, _)| array_index(key).map_or((1, 0), |index| (0, index)));
    }
    members
}

/// A key that JavaScript orders as a number: `0` to `4294967294` without leading zeros.
fn array_index(key: &str) -> Option<u32> {
    let digits = key.as_bytes();
    if !digits.first()?.is_ascii_digit() || (digits[0] == b'0' && digits.len() > 1) {
        return None;
    }
    key.parse().ok().filter(|index| *index < u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_print_as_in_javascript() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (5.0, "5"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (1e-6, "0.000001"),
            (1.25e-7, "1.25e-7"),
            (9_007_199_254_740_993.0, "9007199254740992"),
        ] {
            assert_eq!(number_text(number), text);
        }
    }

    #[test]
    fn equality_is_deep_and_numeric() {
        for (left, right, expected) in [
            (json!(1), json!(1.0), true),
            (json!(0), json!(-0.0), true),
            (json!({ "a": 1, "b": [2] }), json!({ "b": [2.0], "a": 1 }), true),
            (json!([1, 2]), json!([2, 1]), false),
            (json!("1"), json!(1), false),
            (json!({ "a": null }), json!({ "b": null }), false),
        ] {
            assert_eq!(equal(&left, &right), expected, "{left} {right}");
            if expected {
                assert_eq!(fingerprint(&left), fingerprint(&right), "{left} {right}");
            }
        }
    }

    #[test]
    fn integer_keys_come_first() {
        let value = json!({ "b": 0, "10": 0, "01": 0, "2": 0, "a": 0, "4294967295": 0 });
        let keys: Vec<_> = members(value.as_object().unwrap()).into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["2", "10", "b", "01", "a", "4294967295"]);
    }
}
