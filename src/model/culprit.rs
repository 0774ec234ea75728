//! What stands in a source where an operation may fail, so that an error can name it as V8 does.

/// One operation that may fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Culprit {
    /// Where the interpreter says that it failed: 1-based line and 1-based column in bytes. It remembers places only
    /// now and then, so several operations may share one.
    pub mark: (u32, u32),
    /// Where it really is, counted likewise.
    pub at: (u32, u32),
    /// What is done there.
    pub deed: Deed,
    /// What it is done to, as V8 prints it: `o.list.map`, `(intermediate value)`. Empty if it does not stand there, as
    /// with a parameter.
    pub text: String,
}

/// What a [`Culprit`] does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Calls; the arguments as far as they can be told, as V8 would show them.
    Call { arguments: Vec<String> },
    /// Calls something whose name is declared nowhere in the source: a global, or a property of one.
    CallGlobal { arguments: Vec<String> },
    /// Constructs.
    Construct { arguments: Vec<String> },
    /// Iterates over it.
    Iterate,
    /// Takes it apart as a list. `named`: V8 names it even if it is nothing.
    TakeElements { named: bool },
    /// Iterates over it and awaits.
    IterateAsync,
    /// Spreads it into the arguments of a call.
    Spread { last: bool },
    /// Takes properties out of it; the first of them, if any. `literal`: the text is the value itself.
    Destructure { first: Option<String>, literal: bool },
    /// Assigns to the property of this name, or to one that is computed.
    SetProperty { key: Option<String> },
    /// Assigns to a variable.
    SetVariable,
    /// Deletes the property of this name, or one that is computed.
    Delete { key: Option<String> },
    /// Asks for a key with `in`: the values of literals, else the sources, of both sides.
    In { key: String, object: String },
    /// Is the right-hand side of `instanceof`, and a literal or not.
    InstanceOf { literal: bool },
    /// Is the parent of a class; its value if it is a literal.
    Extend { literal: Option<String> },
}
