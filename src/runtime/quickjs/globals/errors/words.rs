//! What the interpreter says about mistakes, in V8's words.
//!
//! Only ever sees errors that the interpreter made itself. Must never know what a frame looks like.

use rquickjs::{Ctx, Object, Value, qjs};

use super::frames::Trace;
use super::{Errors, define, natives};
use crate::model::culprit::{Culprit, Deed};

/// Gives an error of the interpreter's own V8's message, where there is one.
pub(super) fn reword<'js>(ctx: &Ctx<'js>, errors: &Errors, error: &Object<'js>, trace: &Trace<'_, 'js>) {
    let Ok(Some(message)) = error.get::<_, Option<String>>("message") else { return };
    let native = trace.native();
    let mistake = Mistake { ctx, errors, trace, native: native.as_deref() };
    let Some(words) = mistake.words(&message) else { return };
    if let Ok(words) = rquickjs::String::from_str(ctx.clone(), &words) {
        define(ctx, error.as_value(), errors.names.message, words.into_value());
    }
}

/// One error of the interpreter's, with whom to ask about it.
struct Mistake<'a, 'js> {
    ctx: &'a Ctx<'js>,
    errors: &'a Errors,
    trace: &'a Trace<'a, 'js>,
    /// The built-in function that threw it, if it was not an operator.
    native: Option<&'a str>,
}

impl Mistake<'_, '_> {
    fn words(&self, message: &str) -> Option<String> {
        match self.native {
            Some(native) => self.of_function(native, message).or_else(|| self.of_either(message)),
            None => self.of_operator(message).or_else(|| self.of_either(message)),
        }
    }

    fn of_operator(&self, message: &str) -> Option<String> {
        if let Some(key) = between(message, "'", "' is read-only") {
            return Some(self.read_only(key));
        }
        if let Some(nothing) = message.strip_prefix("cannot read property 'Symbol.iterator' of ") {
            return Some(self.not_iterable(Some(nothing)));
        }
        Some(match message {
            "not a function" => self.no_function(),
            "not a constructor" => self.no_constructor(),
            "value is not iterable" => self.not_iterable(None),
            "Cannot convert undefined or null to object" => self.destructured()?,
            "object is not extensible" => match self.set()? {
                Deed::SetProperty { key: Some(key) } => {
                    format!("Cannot add property {key}, object is not extensible")
                }
                _ => return None,
            },
            "no setter for property" => match self.set()? {
                Deed::SetProperty { key: Some(key) } => {
                    format!("Cannot set property {key} of #<Object> which has only a getter")
                }
                _ => return None,
            },
            "could not delete property" => self.deleted()?,
            "invalid 'in' operand" => self.searched()?,
            "invalid 'instanceof' right operand" => self.instance()?,
            "not an object" => self.created_on_text()?,
            "parent class must be constructor" => self.parent()?,
            "class constructors must be invoked with 'new'" => {
                format!("Class constructor {} cannot be invoked without 'new'", self.trace.function()?)
            }
            "this is not initialized" => "Must call super constructor in derived class before accessing 'this' or returning from derived constructor".to_owned(),
            "'this' can be initialized only once" => "Super constructor may only be called once".to_owned(),
            "derived class constructor must return an object or undefined" => {
                "Derived constructors may only return object or undefined".to_owned()
            }
            "cannot convert BigInt to number" => {
                "Cannot mix BigInt and other types, use explicit conversions".to_owned()
            }
            "bigint argument with unary +" => "Cannot convert a BigInt value to a number".to_owned(),
            "BigInt operands are forbidden for >>>" => {
                "BigInts have no unsigned right shift, use >> instead".to_owned()
            }
            _ => return None,
        })
    }

    /// What both operators and built-in functions say.
    fn of_either(&self, message: &str) -> Option<String> {
        if let Some((key, nothing)) = about_nothing(message, "cannot read property '") {
            return Some(format!("Cannot read properties of {nothing} (reading '{}')", symbol(key)));
        }
        if let Some((key, nothing)) = about_nothing(message, "cannot set property '") {
            return Some(format!("Cannot set properties of {nothing} (setting '{}')", symbol(key)));
        }
        if let Some(name) = message.strip_suffix(" is not initialized") {
            return Some(format!("Cannot access '{name}' before initialization"));
        }
        if let Some(name) = between(message, "private class field '", "' does not exist") {
            let written = self.blame(
                |culprit| matches!(&culprit.deed, Deed::SetProperty { key: Some(key) } if key == name),
            );
            if written.is_some() {
                return Some(format!(
                    "Cannot write private member {name} to an object whose class did not declare it"
                ));
            }
            return Some(format!(
                "Cannot read private member {name} from an object whose class did not declare it"
            ));
        }
        if let Some(name) = between(message, "private class field '", "' already exists") {
            return Some(format!("Cannot initialize {name} twice on the same object"));
        }
        Some(
            match message {
                "cannot convert symbol to string" => "Cannot convert a Symbol value to a string",
                "cannot convert symbol to number" => "Cannot convert a Symbol value to a number",
                "cannot convert BigInt to number" => "Cannot convert a BigInt value to a number",
                "toPrimitive" => "Cannot convert object to primitive value",
                "BigInt division by zero" => "Division by zero",
                "BigInt negative exponent" => "Exponent must be non-negative",
                "BigInt is too large" | "BigInt is too large to allocate" => "Maximum BigInt size exceeded",
                "invalid array length" | "invalid array index" => "Invalid array length",
                "invalid string length" => "Invalid string length",
                "circular prototype chain" => "Cyclic __proto__ value",
                "revoked proxy" => "Cannot perform operation on a proxy that has been revoked",
                "invalid brand on object" | "expecting <brand> private field" => {
                    "Receiver must be an instance of the class that declares the private method"
                }
                "promise self resolution" => "Chaining cycle detected for promise #<Promise>",
                "cannot invoke a running generator" => "Generator is already running",
                _ => return None,
            }
            .to_owned(),
        )
    }

    fn of_function(&self, native: &str, message: &str) -> Option<String> {
        natives::words(native, message, &|| self.call_of(native))
    }

    // --- what stands there ---------------------------------------------------------------------------------------

    /// What may have failed where the interpreter says that it failed.
    fn culprits(&self) -> Vec<&Culprit> {
        let Some(frame) = self.trace.script() else { return Vec::new() };
        let texts = &self.errors.texts;
        let found = texts.culprits(&frame.file, frame.line, frame.column);
        found.iter().collect()
    }

    /// The only culprits that `is` accepts: one text, or several that cannot be told apart.
    fn blame(&self, is: impl Fn(&Culprit) -> bool) -> Option<(String, Option<&Culprit>)> {
        let mut found = self.culprits();
        found.retain(|culprit| is(culprit));
        found.dedup_by(|a, b| a.text == b.text && a.deed == b.deed);
        match found[..] {
            [] => None,
            [only] => {
                if self.native.is_none() {
                    self.trace.correct(only.at.0, only.at.1);
                }
                Some((only.text.clone(), Some(only)))
            }
            _ => {
                let mut texts: Vec<&str> = found.iter().map(|culprit| culprit.text.as_str()).collect();
                texts.dedup();
                // A part of a pattern stands nowhere by itself.
                let parts = texts.iter().any(|text| text.is_empty());
                texts.retain(|text| !text.is_empty());
                let part = if parts && !texts.is_empty() { " or a part of it" } else { "" };
                Some((texts.join(" or ") + part, None))
            }
        }
    }

    fn no_function(&self) -> String {
        let blamed = self.blame(|culprit| match culprit.deed {
            Deed::Call { .. } | Deed::IterateAsync => true,
            Deed::CallGlobal { .. } | Deed::Construct { .. } => !self.is_function(&culprit.text),
            _ => false,
        });
        // The interpreter does not tell calls from constructions of what is neither.
        match blamed {
            Some((text, Some(Culprit { deed: Deed::Construct { .. }, .. }))) => {
                format!("{text} is not a constructor")
            }
            Some((text, Some(Culprit { deed: Deed::IterateAsync, .. }))) => {
                format!("{text} is not async iterable")
            }
            Some((text, _)) => format!("{text} is not a function"),
            None => "(intermediate value) is not a function".to_owned(),
        }
    }

    fn no_constructor(&self) -> String {
        self.blame(|culprit| matches!(culprit.deed, Deed::Construct { .. })).map_or_else(
            || "(intermediate value) is not a constructor".to_owned(),
            |(text, _)| format!("{text} is not a constructor"),
        )
    }

    /// Whether a path of names leads from the global object to a function, without running any code.
    fn is_function(&self, path: &str) -> bool {
        let raw = self.ctx.as_raw().as_ptr();
        let mut value = self.ctx.globals().into_value();
        for name in path.split('.') {
            // SAFETY: live values of this context; the parts of the descriptor are ours to free.
            value = unsafe {
                let atom = qjs::JS_NewAtomLen(raw, name.as_ptr().cast(), name.len() as _);
                let mut found = std::mem::MaybeUninit::<qjs::JSPropertyDescriptor>::zeroed();
                let has = qjs::JS_IsObject(value.as_raw())
                    && qjs::JS_GetOwnProperty(raw, found.as_mut_ptr(), value.as_raw(), atom) > 0;
                qjs::JS_FreeAtom(raw, atom);
                if !has {
                    return false;
                }
                let found = found.assume_init();
                qjs::JS_FreeValue(raw, found.getter);
                qjs::JS_FreeValue(raw, found.setter);
                Value::from_raw(self.ctx.clone(), found.value)
            };
        }
        value.is_function()
    }

    fn not_iterable(&self, nothing: Option<&str>) -> String {
        let blamed = self.blame(|culprit| {
            matches!(culprit.deed, Deed::Iterate | Deed::TakeElements { .. } | Deed::Spread { .. })
        });
        let unnamed = || {
            let value = match nothing {
                Some("null") => "object null",
                other => other.unwrap_or("object"),
            };
            format!("{value} is not iterable (cannot read property Symbol(Symbol.iterator))")
        };
        let Some((text, one)) = blamed else { return unnamed() };
        match (one.map(|culprit| &culprit.deed), nothing) {
            (Some(Deed::Spread { last: true }), Some(nothing)) => {
                format!("{text} is not iterable (cannot read property {nothing})")
            }
            (Some(Deed::Spread { last: true }), None) => {
                "Spread syntax requires ...iterable[Symbol.iterator] to be a function".to_owned()
            }
            (Some(Deed::Spread { last: false }), _) => unnamed(),
            (Some(Deed::TakeElements { named: false }), Some(_)) => unnamed(),
            _ if text.is_empty() => unnamed(),
            _ => format!("{text} is not iterable"),
        }
    }

    fn destructured(&self) -> Option<String> {
        let (text, one) = self.blame(|culprit| matches!(culprit.deed, Deed::Destructure { .. }))?;
        // The interpreter does not say which of the two it was.
        const NOTHING: &str = "null or undefined";
        let Some(Culprit { deed: Deed::Destructure { first, literal }, .. }) = one else {
            let what = if text.is_empty() { "it" } else { &text };
            return Some(format!("Cannot destructure {what} as it is {NOTHING}."));
        };
        let nothing = if *literal { text.as_str() } else { NOTHING };
        let what = match first {
            Some(first) if text.is_empty() => format!("property '{first}'"),
            Some(first) => format!("property '{first}' of '{text}'"),
            None if text.is_empty() => "it".to_owned(),
            None => format!("'{text}'"),
        };
        Some(format!("Cannot destructure {what} as it is {nothing}."))
    }

    fn set(&self) -> Option<&Deed> {
        let (_, one) = self.blame(|culprit| matches!(culprit.deed, Deed::SetProperty { .. }))?;
        one.map(|culprit| &culprit.deed)
    }

    fn created_on_text(&self) -> Option<String> {
        let (text, one) = self.blame(|culprit| matches!(culprit.deed, Deed::SetProperty { .. }))?;
        let Deed::SetProperty { key: Some(key) } = &one?.deed else { return None };
        if !text.starts_with("string ") {
            return None;
        }
        Some(if key == "length" || key.parse::<u32>().is_ok() {
            format!("Cannot assign to read only property '{key}' of {text}")
        } else {
            format!("Cannot create property '{key}' on {text}")
        })
    }

    fn read_only(&self, name: &str) -> String {
        let property = self.blame(|culprit| match &culprit.deed {
            Deed::SetProperty { key } => key.as_deref().is_none_or(|key| key == name),
            _ => false,
        });
        let variable =
            self.blame(|culprit| culprit.deed == Deed::SetVariable && culprit.text == name).is_some();
        match property {
            Some((object, one)) if !variable => {
                let object = one.map_or("object '#<Object>'", |_| object.as_str());
                format!("Cannot assign to read only property '{name}' of {object}")
            }
            _ => "Assignment to constant variable.".to_owned(),
        }
    }

    fn deleted(&self) -> Option<String> {
        let (object, one) = self.blame(|culprit| matches!(culprit.deed, Deed::Delete { .. }))?;
        match &one?.deed {
            Deed::Delete { key: Some(key) } => Some(format!("Cannot delete property '{key}' of {object}")),
            _ => None,
        }
    }

    fn searched(&self) -> Option<String> {
        let (_, one) = self.blame(|culprit| matches!(culprit.deed, Deed::In { .. }))?;
        let Deed::In { key, object } = &one?.deed else { return None };
        Some(format!("Cannot use 'in' operator to search for '{key}' in {object}"))
    }

    fn instance(&self) -> Option<String> {
        let (_, one) = self.blame(|culprit| matches!(culprit.deed, Deed::InstanceOf { .. }))?;
        let what = match one?.deed {
            Deed::InstanceOf { literal: true } => "an object",
            _ => "callable",
        };
        Some(format!("Right-hand side of 'instanceof' is not {what}"))
    }

    fn parent(&self) -> Option<String> {
        let (text, one) = self.blame(|culprit| matches!(culprit.deed, Deed::Extend { .. }))?;
        let value = match one.map(|culprit| &culprit.deed) {
            Some(Deed::Extend { literal: Some(literal) }) => literal.clone(),
            _ => text,
        };
        Some(format!("Class extends value {value} is not a constructor or null"))
    }

    /// The call that is under way: its callee and its arguments, as the source has them.
    fn call_of(&self, native: &str) -> Option<(String, Vec<String>)> {
        let mut found = self.culprits();
        found.retain(|culprit| culprit.text.rsplit(['.', '?']).next() == Some(native));
        let mut calls = found.into_iter().filter_map(|culprit| match &culprit.deed {
            Deed::Call { arguments } | Deed::CallGlobal { arguments } | Deed::Construct { arguments } => {
                Some((culprit.text.clone(), arguments.clone()))
            }
            _ => None,
        });
        let call = calls.next()?;
        calls.next().is_none().then_some(call)
    }
}

fn between<'a>(text: &'a str, before: &str, behind: &str) -> Option<&'a str> {
    text.strip_prefix(before)?.strip_suffix(behind)
}

/// Takes `cannot … property 'key' of undefined` apart.
fn about_nothing<'a>(message: &'a str, before: &str) -> Option<(&'a str, &'a str)> {
    let rest = message.strip_prefix(before)?;
    ["undefined", "null"].into_iter().find_map(|nothing| {
        let key = rest.strip_suffix(nothing)?.strip_suffix("' of ")?;
        Some((key, nothing))
    })
}

/// The interpreter prints symbols by their descriptions; the well-known ones can be told.
fn symbol(key: &str) -> String {
    if key.starts_with("Symbol.") { format!("Symbol({key})") } else { key.to_owned() }
}
