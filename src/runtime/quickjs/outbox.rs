//! What leaves the sandbox: calls and notes, counted and bounded, and the script's end.

use std::cell::{Cell, RefCell};

use rquickjs::{Ctx, Error, Exception, Object, Value};

use super::hints::hint;
use crate::model::error::{ErrorData, WorkflowError};
use crate::model::ids::Slot;
use crate::model::json::{self, JsonText};
use crate::model::limits::Limits;
use crate::model::outcome::Settled;
use crate::model::request::{Item, Note, Request, RequestKind};

/// Shared by the native functions of one VM and its owner, on one thread. Holds no value of the script's, so it
/// cannot be part of a cycle that QuickJS does not see.
#[derive(Debug)]
pub(super) struct Outbox {
    limits: Limits,
    items: RefCell<Vec<Item>>,
    /// Bytes that the pending call in each slot keeps outside the sandbox; `None` where the slot is free.
    slots: RefCell<Vec<Option<usize>>>,
    /// The free slots among them; the one that became free last is taken first.
    free: RefCell<Vec<u32>>,
    pending_bytes: Cell<usize>,
    note_bytes: Cell<usize>,
    dropped_notes: Cell<u64>,
    settled: RefCell<Option<Settled>>,
    /// Which bound was exceeded. The script ends; it cannot catch this.
    exceeded: RefCell<Option<String>>,
}

/// A note costs this much beside its text, so that empty ones are bounded too.
const NOTE_OVERHEAD: usize = 64;

impl Outbox {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            items: RefCell::default(),
            slots: RefCell::default(),
            free: RefCell::default(),
            pending_bytes: Cell::new(0),
            note_bytes: Cell::new(0),
            dropped_notes: Cell::new(0),
            settled: RefCell::new(None),
            exceeded: RefCell::new(None),
        }
    }

    /// Hands a call out and gives it its slot.
    pub(super) fn request(&self, ctx: &Ctx<'_>, kind: RequestKind, bytes: usize) -> rquickjs::Result<u32> {
        if matches!(kind, RequestKind::Cancel { .. }) {
            self.items.borrow_mut().push(Item::Request(Request { slot: Slot(u32::MAX), kind }));
            return Ok(u32::MAX);
        }
        let total_bytes = self.pending_bytes.get() + bytes;
        let exceeded = if self.pending_calls() >= self.limits.pending_calls {
            Some(format!("more than {} calls are pending", self.limits.pending_calls))
        } else if total_bytes > self.limits.pending_bytes {
            Some(format!("pending calls hold more than {} bytes", self.limits.pending_bytes))
        } else {
            None
        };
        if let Some(exceeded) = exceeded {
            let error = Exception::throw_range(ctx, &exceeded);
            self.exceeded.replace(Some(exceeded));
            return Err(error);
        }
        let slot = self.take_slot(bytes);
        self.pending_bytes.set(total_bytes);
        self.items.borrow_mut().push(Item::Request(Request { slot, kind }));
        Ok(slot.0)
    }

    fn take_slot(&self, bytes: usize) -> Slot {
        let mut slots = self.slots.borrow_mut();
        let slot = match self.free.borrow_mut().pop() {
            Some(slot) => slot,
            None => {
                slots.push(None);
                // `pending_calls` bounds them far below.
                u32::try_from(slots.len() - 1).unwrap_or(u32::MAX)
            }
        };
        slots[slot as usize] = Some(bytes);
        Slot(slot)
    }

    /// A call is no longer pending; its slot is free.
    pub(super) fn forget(&self, slot: Slot) {
        let bytes = self.slots.borrow_mut().get_mut(slot.0 as usize).and_then(Option::take);
        if let Some(bytes) = bytes {
            self.pending_bytes.set(self.pending_bytes.get().saturating_sub(bytes));
            self.free.borrow_mut().push(slot.0);
        }
    }

    fn pending_calls(&self) -> usize {
        self.slots.borrow().len() - self.free.borrow().len()
    }

    /// Whether the script has anything to wait for.
    pub(super) fn has_pending(&self) -> bool {
        self.pending_calls() > 0
    }

    /// Takes a note, or counts it as dropped where the turn has left too many behind.
    pub(super) fn note(&self, bytes: usize, note: impl FnOnce() -> Note) {
        let total = self.note_bytes.get() + bytes + NOTE_OVERHEAD;
        if total > self.limits.log_bytes {
            self.dropped_notes.set(self.dropped_notes.get() + 1);
            return;
        }
        self.note_bytes.set(total);
        self.items.borrow_mut().push(Item::Note(note()));
    }

    /// The end of the script; a second one is ignored.
    pub(super) fn settle(&self, ok: bool, json: Option<String>) {
        let mut settled = self.settled.borrow_mut();
        if settled.is_some() {
            return;
        }
        *settled = Some(if ok {
            Settled::Value(json.map(JsonText::new))
        } else {
            let error = json.as_deref().map(parse_error).unwrap_or_default();
            Settled::Failed(script_error(error))
        });
    }

    /// Ends the script from outside.
    pub(super) fn fail(&self, error: WorkflowError) {
        self.settled.replace(Some(Settled::Failed(error)));
    }

    pub(super) fn is_settled(&self) -> bool {
        self.settled.borrow().is_some()
    }

    /// Whether the script ended by an error of its own, and by one that `is` recognises.
    pub(super) fn failed_with(&self, is: impl FnOnce(&ErrorData) -> bool) -> bool {
        match &*self.settled.borrow() {
            Some(Settled::Failed(WorkflowError::Script { error, .. })) => is(error),
            _ => false,
        }
    }

    /// Which bound was exceeded, if one was.
    pub(super) fn exceeded(&self) -> Option<String> {
        self.exceeded.borrow().clone()
    }

    pub(super) fn is_exceeded(&self) -> bool {
        self.exceeded.borrow().is_some()
    }

    /// What has gathered since the last time, in order.
    pub(super) fn take_items(&self) -> Vec<Item> {
        self.note_bytes.set(0);
        let mut items = self.items.take();
        let count = self.dropped_notes.replace(0);
        if count > 0 {
            items.push(Item::Note(Note::Dropped { count }));
        }
        items
    }

    pub(super) fn take_settled(&self) -> Option<Settled> {
        self.settled.borrow_mut().take()
    }
}

/// The end of a script by an error of its own.
pub(super) fn script_error(error: ErrorData) -> WorkflowError {
    let hint = hint(&error).or_else(|| error.advice().map(str::to_owned));
    WorkflowError::Script { error, hint }
}

/// Reads what `describe` in `prelude.js` has written.
pub(super) fn parse_error(text: &str) -> ErrorData {
    fn read(value: &serde_json::Value) -> ErrorData {
        let text = |key: &str| value.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
        ErrorData {
            name: text("name").unwrap_or_default(),
            message: text("message").unwrap_or_default(),
            stack: text("stack"),
            code: text("code"),
            hint: text("hint"),
            call: value.get("call").and_then(serde_json::Value::as_u64).map(crate::model::ids::CallId),
            cause: value.get("cause").map(|cause| Box::new(read(cause))),
        }
    }
    json::parse(text)
        .map(|value| read(&value))
        .unwrap_or_else(|_| ErrorData::new("Error", "an error that cannot be described"))
}

/// Throws an error into the script.
pub(super) fn throw(ctx: &Ctx<'_>, data: &ErrorData) -> Error {
    let constructor: rquickjs::Result<rquickjs::function::Constructor<'_>> =
        ctx.globals().get(data.name.as_str());
    let error = match constructor {
        Ok(constructor) => constructor.construct::<_, Object<'_>>((data.message.as_str(),)),
        Err(_) => return Exception::throw_message(ctx, &data.message),
    };
    match error {
        Ok(error) => {
            if let Some(code) = &data.code {
                // Without its code the error still says what is wrong.
                if let Err(failure) = error.set("code", code.as_str()) {
                    return failure;
                }
            }
            ctx.throw(Value::from(error))
        }
        Err(failure) => failure,
    }
}
