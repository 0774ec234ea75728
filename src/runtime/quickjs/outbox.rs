//! What leaves the sandbox: calls and notes, counted and bounded, and the script's end.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use rquickjs::{Ctx, Error, Exception, Object, Value};

use crate::model::error::{ErrorData, WorkflowError};
use crate::model::ids::Slot;
use crate::model::json::JsonText;
use crate::model::limits::Limits;
use crate::model::outcome::Settled;
use crate::model::request::{Note, Request, RequestKind};
use crate::runtime::Item;

/// Shared by the native functions of one VM and its owner, on one thread. Holds no value of the script's, so it
/// cannot be part of a cycle that QuickJS does not see.
#[derive(Debug)]
pub(super) struct Outbox {
    limits: Limits,
    items: RefCell<Vec<Item>>,
    next_slot: Cell<u32>,
    /// Bytes that each pending call keeps outside the sandbox.
    pending: RefCell<HashMap<Slot, usize>>,
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
            next_slot: Cell::new(0),
            pending: RefCell::default(),
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
        let exceeded = if self.pending.borrow().len() >= self.limits.pending_calls {
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
        let slot = Slot(self.next_slot.get());
        self.next_slot.set(slot.0 + 1);
        self.pending_bytes.set(total_bytes);
        self.pending.borrow_mut().insert(slot, bytes);
        self.items.borrow_mut().push(Item::Request(Request { slot, kind }));
        Ok(slot.0)
    }

    /// A call is no longer pending.
    pub(super) fn forget(&self, slot: Slot) {
        if let Some(bytes) = self.pending.borrow_mut().remove(&slot) {
            self.pending_bytes.set(self.pending_bytes.get().saturating_sub(bytes));
        }
    }

    /// Whether the script has anything to wait for.
    pub(super) fn has_pending(&self) -> bool {
        !self.pending.borrow().is_empty()
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
            Settled::Failed(WorkflowError::Script { error, hint: None })
        });
    }

    /// Ends the script from outside.
    pub(super) fn fail(&self, error: WorkflowError) {
        self.settled.replace(Some(Settled::Failed(error)));
    }

    pub(super) fn is_settled(&self) -> bool {
        self.settled.borrow().is_some()
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

/// Reads what `describe` in `prelude.js` has written.
pub(super) fn parse_error(json: &str) -> ErrorData {
    fn read(value: &serde_json::Value) -> ErrorData {
        let text = |key: &str| value.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
        ErrorData {
            name: text("name").unwrap_or_default(),
            message: text("message").unwrap_or_default(),
            stack: text("stack"),
            code: text("code"),
            call: value.get("call").and_then(serde_json::Value::as_u64).map(crate::model::ids::CallId),
            cause: value.get("cause").map(|cause| Box::new(read(cause))),
        }
    }
    serde_json::from_str(json)
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
