//! What built-in functions say about mistakes, in V8's words.
//!
//! Only texts; must never know how a mistake came about.

/// The message for one that the built-in function `native` gave. `call` finds the call in the source: its callee and
/// its arguments.
pub(super) fn words(
    native: &str,
    message: &str,
    call: &dyn Fn() -> Option<(String, Vec<String>)>,
) -> Option<String> {
    let nth = |index: usize| {
        let (_, arguments) = call()?;
        Some(arguments.get(index).cloned().unwrap_or_else(|| "undefined".to_owned()))
    };
    let argument = || nth(0);
    Some(match (native, message) {
        ("Promise", "not a function") => format!("Promise resolver {} is not a function", argument()?),
        ("sort" | "toSorted", "not a function") => {
            "The comparison function must be either a function or undefined".to_owned()
        }
        ("from" | "groupBy", "not a function") => format!("{} is not a function", nth(1)?),
        (_, "not a function") => format!("{} is not a function", argument()?),
        ("Symbol" | "BigInt", "not a constructor") => format!("{native} is not a constructor"),
        ("keyFor", "not a symbol") => format!("{} is not a symbol", argument()?),
        ("apply", "not a object") => "CreateListFromArrayLike called on non-object".to_owned(),
        ("defineProperty", "property is not configurable") => {
            format!("Cannot redefine property: {}", nth(1)?)
        }
        ("defineProperty", "object is not extensible") => {
            format!("Cannot define property {}, object is not extensible", nth(1)?)
        }
        ("setPrototypeOf", "object is not extensible") => "#<Object> is not extensible".to_owned(),
        ("defineProperty", "Property description must be an object") => {
            format!("Property description must be an object: {}", nth(2)?)
        }
        ("setPrototypeOf", "not an object") => {
            format!("Object prototype may only be an Object or null: {}", nth(1)?)
        }
        ("reduce" | "reduceRight", "empty array") => "Reduce of empty array with no initial value".to_owned(),
        ("Map" | "WeakMap" | "fromEntries", "not an object") => {
            let first = argument().and_then(|argument| only_element(&argument));
            let value = first.map(|value| format!(" {value}")).unwrap_or_default();
            format!("Iterator value{value} is not an entry object")
        }
        (_, "value is not iterable") => not_iterable(&argument().unwrap_or_default()),
        (_, "cannot read property 'Symbol.iterator' of undefined") => not_iterable("undefined"),
        (_, "cannot read property 'Symbol.iterator' of null") => not_iterable("object null"),
        ("repeat", "invalid repeat count") => format!("Invalid count value: {}", argument()?),
        ("fromCodePoint", "invalid code point") => format!("Invalid code point {}", argument()?),
        ("create", "object prototype may only be an Object or null") => {
            format!("Object prototype may only be an Object or null: {}", argument()?)
        }
        ("Proxy", "not an object") => "Cannot create proxy with a non-object as target or handler".to_owned(),
        (_, "not an object") => called_on_non_object(&call()?.0)?,
        ("Promise", "must be called with new") => {
            "Promise constructor cannot be invoked without 'new'".to_owned()
        }
        (_, "must be called with new" | "constructor requires 'new'" | "Constructor requires 'new'") => {
            format!("Constructor {native} requires 'new'")
        }
        ("BigInt", _) => bigint(message, &argument()?)?,
        ("replaceAll" | "matchAll", "regexp must have the 'g' flag") => {
            format!("String.prototype.{native} called with a non-global RegExp argument")
        }
        (_, "regexp not supported") => {
            format!("First argument to String.prototype.{native} must not be a regular expression")
        }
        (_, "null or undefined are forbidden") => {
            format!("String.prototype.{native} called on null or undefined")
        }
        _ => fixed(native, message)?.to_owned(),
    })
}

/// Messages that say nothing about values.
fn fixed(native: &str, message: &str) -> Option<&'static str> {
    Some(match (native, message) {
        ("toFixed", "invalid number of digits") => "toFixed() digits argument must be between 0 and 100",
        ("toPrecision", "invalid number of digits") => "toPrecision() argument must be between 1 and 100",
        ("toExponential", "invalid number of digits") => "toExponential() argument must be between 0 and 100",
        ("normalize", "bad normalization form") => {
            "The normalization form should be one of NFC, NFD, NFKC, NFKD."
        }
        ("decodeURI" | "decodeURIComponent" | "encodeURI" | "encodeURIComponent", _) => "URI malformed",
        (_, "operand 'prototype' property is not an object") => {
            "Function has non-object prototype 'undefined' in instanceof check"
        }
        (_, "Date value is NaN") => "Invalid time value",
        (_, "not a Date object") => "this is not a Date object.",
        (_, "invalid value used as WeakMap key") => "Invalid value used as weak map key",
        (_, "invalid value used as WeakSet key") => "Invalid value used in weak set",
        _ => return None,
    })
}

fn not_iterable(argument: &str) -> String {
    let value = match argument {
        "true" | "false" => format!("boolean {argument}"),
        "undefined" | "object null" => argument.to_owned(),
        _ if argument.parse::<f64>().is_ok() => format!("number {argument}"),
        _ => "object".to_owned(),
    };
    format!("{value} is not iterable (cannot read property Symbol(Symbol.iterator))")
}

/// `Object` and `Reflect` have functions of the same names.
fn called_on_non_object(callee: &str) -> Option<String> {
    let known = callee.starts_with("Object.") || callee.starts_with("Reflect.");
    known.then(|| format!("{callee} called on non-object"))
}

fn bigint(message: &str, argument: &str) -> Option<String> {
    Some(match message {
        "invalid BigInt literal" | "cannot convert to BigInt" | "cannot convert to bigint" => {
            format!("Cannot convert {argument} to a BigInt")
        }
        "cannot convert to BigInt: not an integer" | "cannot convert NaN or Infinity to BigInt" => {
            format!("The number {argument} cannot be converted to a BigInt because it is not an integer")
        }
        _ => return None,
    })
}

/// The only element of an array that stands in the source.
fn only_element(text: &str) -> Option<String> {
    let element = text.strip_prefix('[')?.strip_suffix(']')?.trim_matches('"');
    (!element.contains(['[', '{', '(', ','])).then(|| element.to_owned())
}
