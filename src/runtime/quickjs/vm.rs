//! One script in one QuickJS runtime.

use std::cell::{Cell, RefCell};
use std::ffi::CString;
use std::ptr;
use std::rc::Rc;
use std::time::Duration;

use cpu_time::ThreadTime;
use rquickjs::context::intrinsic;
use rquickjs::function::Function;
use rquickjs::{Context, Ctx, Module, Object, Persistent, Promise, Runtime, Value, qjs};

use super::alloc::{Heap, HeapState};
use super::globals;
use super::modules::HelperModules;
use super::outbox::{Outbox, parse_error, script_error};
use crate::model::budget::BudgetState;
use crate::model::error::{CancelReason, ErrorData, WorkflowError};
use crate::model::ids::Slot;
use crate::model::limits::Limits;
use crate::model::outcome::Outcome;
use crate::model::request::Note;
use crate::model::script::{Script, ScriptForm};
use crate::runtime::{Interrupt, Turn, Vm, VmFactory, VmSetup};

/// Makes QuickJS VMs. They stay on the thread that made them.
#[derive(Clone, Copy, Debug, Default)]
pub struct QuickJs;

impl VmFactory for QuickJs {
    fn create(&self, script: &Script, setup: VmSetup) -> Result<Box<dyn Vm>, WorkflowError> {
        Ok(Box::new(QuickJsVm::new(script, setup)?))
    }
}

/// Everything scripts get from the engine itself. Left out: `performance` (a clock), `WeakRef` and
/// `FinalizationRegistry` (the times of collections differ between runs).
pub(super) type Intrinsics = (
    intrinsic::Date,
    intrinsic::Eval,
    intrinsic::RegExpCompiler,
    intrinsic::RegExp,
    intrinsic::Json,
    intrinsic::Proxy,
    intrinsic::MapSet,
    intrinsic::TypedArrays,
    intrinsic::Promise,
    intrinsic::DOMException,
);

/// Heap at which cycles are first looked for, bytes; QuickJS goes on from there by factors of 1.5. Its own choice of
/// 256 KiB makes scripts with very many pending calls spend a third of their time looking.
const GC_THRESHOLD: usize = 32 << 20;

/// The engine's functions inside the VM, as `install.js` returns them.
struct Bridge {
    settle: Persistent<Function<'static>>,
    run_body: Persistent<Function<'static>>,
    run_module: Persistent<Function<'static>>,
    describe: Persistent<Function<'static>>,
}

/// Counts the CPU time of a turn for the interrupt handler.
#[derive(Debug)]
struct Watch {
    interrupt: Interrupt,
    limit: Duration,
    /// Set at the first check of a turn: most turns end before it and pay nothing.
    started: Cell<Option<ThreadTime>>,
    tripped: Cell<Option<Trip>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trip {
    Cpu,
    Stopped,
}

impl Watch {
    /// Whether the script has to end now. Once it has, this stays so.
    fn check(&self) -> bool {
        self.interrupt.check();
        if self.tripped.get().is_some() {
            return true;
        }
        if self.interrupt.is_stopped() {
            self.tripped.set(Some(Trip::Stopped));
            return true;
        }
        match self.started.get() {
            None => self.started.set(Some(ThreadTime::now())),
            Some(started) if started.elapsed() > self.limit => self.tripped.set(Some(Trip::Cpu)),
            Some(_) => {}
        }
        self.tripped.get().is_some()
    }
}

/// Rejected promises that nothing has looked at yet: the promise's address and the reason.
type Rejections = Rc<RefCell<Vec<(usize, Persistent<Value<'static>>)>>>;

/// How many unhandled rejections are remembered for the report at the end.
const MAX_REJECTIONS: usize = 20;

struct QuickJsVm {
    // Dropped in this order: values of the script's first, then the context, then the runtime.
    bridge: Option<Bridge>,
    rejections: Rejections,
    context: Context,
    runtime: Runtime,
    outbox: Rc<Outbox>,
    heap: Rc<HeapState>,
    watch: Rc<Watch>,
    limits: Limits,
    script: Script,
    dead: bool,
}

impl Drop for QuickJsVm {
    fn drop(&mut self) {
        self.bridge = None;
        self.rejections.borrow_mut().clear();
        // The closure holds the list above; without it nothing refers to the VM any more.
        self.runtime.set_host_promise_rejection_tracker(None);
    }
}

impl QuickJsVm {
    fn new(script: &Script, setup: VmSetup) -> Result<Self, WorkflowError> {
        let heap = HeapState::with_limit(setup.limits.memory_bytes);
        let failed = |error: rquickjs::Error| setup_error(&error, &heap, &setup.limits, script);
        let runtime = Runtime::new_with_alloc(Heap::new(heap.clone())).map_err(failed)?;
        runtime.set_max_stack_size(setup.limits.stack_bytes);
        runtime.set_gc_threshold(GC_THRESHOLD);
        let helpers = HelperModules(script.helpers.clone());
        runtime.set_loader(helpers.clone(), helpers);
        let watch = Rc::new(Watch {
            interrupt: setup.interrupt.clone(),
            limit: Duration::from_millis(setup.limits.cpu_ms),
            started: Cell::new(None),
            tripped: Cell::new(None),
        });
        let context = Context::custom::<Intrinsics>(&runtime).map_err(failed)?;
        let outbox = Rc::new(Outbox::new(setup.limits.clone()));
        let bridge = context.with(|ctx| {
            // SAFETY: the context is live and no script runs in it yet.
            unsafe {
                qjs::JS_AddIntrinsicBigInt(ctx.as_raw().as_ptr());
                qjs::JS_AddIntrinsicAToB(ctx.as_raw().as_ptr());
            }
            build_bridge(&ctx, script, &setup, &outbox)
        });
        let bridge = bridge.map_err(failed)?;
        // From here on the script's own code runs.
        let handler = watch.clone();
        let bounds = outbox.clone();
        runtime.set_interrupt_handler(Some(Box::new(move || bounds.is_exceeded() || handler.check())));
        let rejections: Rejections = Rc::default();
        track_rejections(&runtime, rejections.clone());
        Ok(Self {
            bridge: Some(bridge),
            rejections,
            context,
            runtime,
            outbox,
            heap,
            watch,
            limits: setup.limits,
            script: script.clone(),
            dead: false,
        })
    }

    /// Runs one stretch: `begin`, then everything that follows from it.
    fn turn(&mut self, begin: impl FnOnce(&Ctx<'_>, &Bridge) -> rquickjs::Result<()>) -> Turn {
        if self.dead {
            return Turn::default();
        }
        self.watch.started.set(None);
        self.watch.interrupt.turn();
        let context = self.context.clone();
        let thrown = context.with(|ctx| {
            // SAFETY: the runtime is live. The stack is measured from here, on whatever depth the caller is.
            unsafe { qjs::JS_UpdateStackTop(qjs::JS_GetRuntime(ctx.as_raw().as_ptr())) };
            let bridge = self.bridge.as_ref()?;
            let begun = begin(&ctx, bridge);
            begun.err().map(|error| self.caught(&ctx, bridge, error)).or_else(|| self.drain(&ctx, bridge))
        });
        if let Some(error) = thrown {
            self.outbox.fail(script_error(error));
        }
        self.apply_limits();
        if self.outbox.is_settled() {
            self.dead = true;
            self.report_rejections();
        }
        self.watch.interrupt.turn();
        Turn { items: self.outbox.take_items(), settled: self.outbox.take_settled() }
    }

    /// Runs jobs until there are none, the script has settled, or a job threw what nobody can catch.
    fn drain(&self, ctx: &Ctx<'_>, bridge: &Bridge) -> Option<ErrorData> {
        let mut job_context = ptr::null_mut();
        // SAFETY: the context is live for the whole loop, and with it its runtime.
        let runtime = unsafe { qjs::JS_GetRuntime(ctx.as_raw().as_ptr()) };
        while !self.outbox.is_settled() {
            // SAFETY: as above.
            let done = unsafe { qjs::JS_ExecutePendingJob(runtime, &mut job_context) };
            match done {
                0 => return None,
                1.. => {}
                _ => return Some(self.caught(ctx, bridge, rquickjs::Error::Exception)),
            }
            if self.watch.tripped.get().is_some() || self.outbox.is_exceeded() {
                return None;
            }
        }
        None
    }

    /// An error on its way out of the VM, as data.
    fn caught(&self, ctx: &Ctx<'_>, bridge: &Bridge, error: rquickjs::Error) -> ErrorData {
        if !error.is_exception() {
            return ErrorData::new("Error", error.to_string());
        }
        describe(ctx, bridge, ctx.catch())
    }

    /// Replaces what the script made of a limit by the limit's own error.
    fn apply_limits(&self) {
        let script = || self.script.display_name.to_string();
        if let Some(what) = self.outbox.exceeded() {
            self.outbox.fail(WorkflowError::PendingLimit { what, script: script() });
        } else if let Some(trip) = self.watch.tripped.get() {
            self.outbox.fail(match trip {
                Trip::Cpu => WorkflowError::CpuLimit { limit_ms: self.limits.cpu_ms, script: script() },
                // The core knows the reason.
                Trip::Stopped => WorkflowError::Cancelled { reason: CancelReason::Parent },
            });
        } else if self.heap.refused() && self.ended_by_memory() {
            self.outbox.fail(memory_error(&self.limits, script()));
        }
    }

    /// Whether the refusal of memory is what ended the script. It may have caught the error and gone on.
    fn ended_by_memory(&self) -> bool {
        if self.outbox.is_settled() {
            self.outbox.failed_with(looks_like_memory)
        } else {
            // Not even its promise could be settled, and nothing will ever do so.
            !self.outbox.has_pending()
        }
    }

    /// Tells of the rejections that nothing ever looked at.
    fn report_rejections(&self) {
        if self.watch.tripped.get().is_some() || self.outbox.is_exceeded() || self.heap.refused() {
            return;
        }
        let reasons = self.rejections.take();
        let Some(bridge) = self.bridge.as_ref() else { return };
        self.context.with(|ctx| {
            for (_, reason) in reasons {
                let Ok(reason) = reason.restore(&ctx) else { continue };
                let error = describe(&ctx, bridge, reason);
                self.outbox.note(0, || Note::UnhandledRejection { error });
            }
        });
    }

    fn begin(ctx: &Ctx<'_>, bridge: &Bridge, script: &Script) -> rquickjs::Result<()> {
        match script.form {
            ScriptForm::Body => {
                let main = eval_body(ctx, script)?;
                bridge.run_body.clone().restore(ctx)?.call::<_, ()>((main,))
            }
            ScriptForm::Module => {
                let module = Module::declare(ctx.clone(), &*script.display_name, &*script.code)?;
                let (module, evaluated): (_, Promise<'_>) = module.eval()?;
                let namespace: Object<'_> = module.namespace()?;
                bridge.run_module.clone().restore(ctx)?.call::<_, ()>((evaluated, namespace))
            }
        }
    }
}

impl Vm for QuickJsVm {
    fn start(&mut self) -> Turn {
        let script = self.script.clone();
        self.turn(|ctx, bridge| Self::begin(ctx, bridge, &script))
    }

    fn deliver(&mut self, slot: Slot, outcome: &Outcome, budget: BudgetState) -> Turn {
        self.outbox.forget(slot);
        self.turn(|ctx, bridge| {
            let (failed, value) = match outcome {
                Ok(json) => match globals::parse(ctx, json.as_ref()) {
                    Ok(value) => (false, value),
                    // Too deep or too large for the sandbox: the call fails, the script may go on.
                    Err(error) if error.is_exception() => (true, describe_value(ctx, ctx.catch())?),
                    Err(error) => return Err(error),
                },
                Err(error) => (true, error_value(ctx, error)?),
            };
            let settle = bridge.settle.clone().restore(ctx)?;
            let total = match budget.total {
                Some(total) => Value::new_number(ctx.clone(), total),
                None => Value::new_null(ctx.clone()),
            };
            // The original shows no negative number once a call is over.
            settle.call::<_, ()>((slot.0, failed, value, total, budget.spent.max(0.0)))
        })
    }
}

fn build_bridge(
    ctx: &Ctx<'_>,
    script: &Script,
    setup: &VmSetup,
    outbox: &Rc<Outbox>,
) -> rquickjs::Result<Bridge> {
    let mut texts = globals::Texts::new(setup.explain);
    texts.add(script.display_name.clone(), script.code.clone(), script.form);
    for (name, code) in &script.helpers.code {
        texts.add(name.clone(), code.clone(), ScriptForm::Module);
    }
    globals::init(ctx, setup.limits.stack_bytes, texts)?;
    let bridge = globals::primitives(ctx, script, setup, outbox)?;
    let save =
        |name: &str| Ok::<_, rquickjs::Error>(Persistent::save(ctx, bridge.get::<_, Function<'_>>(name)?));
    Ok(Bridge {
        settle: save("settle")?,
        run_body: save("runBody")?,
        run_module: save("runModule")?,
        describe: save("describe")?,
    })
}

fn track_rejections(runtime: &Runtime, rejections: Rejections) {
    runtime.set_host_promise_rejection_tracker(Some(Box::new(move |ctx, promise, reason, handled| {
        // SAFETY: a promise is an object; its address names it as long as it is in the list or alive.
        let address = unsafe { qjs::JS_VALUE_GET_PTR(promise.as_raw()) } as usize;
        let mut list = rejections.borrow_mut();
        if handled {
            list.retain(|(known, _)| *known != address);
        } else if list.len() < MAX_REJECTIONS {
            list.push((address, Persistent::save(&ctx, reason)));
        }
    })));
}

/// The function that a body is wrapped into. The wrapper stands on lines -1 and 0 (QuickJS takes 0 itself for "not
/// given"), so the author's lines keep their numbers.
fn eval_body<'js>(ctx: &Ctx<'js>, script: &Script) -> rquickjs::Result<Value<'js>> {
    let source = CString::new(format!("(async function () {{\"use strict\";\n\n{}\n}})", script.code))?;
    eval_script(ctx, &source, CString::new(&*script.display_name)?, -1)
}

fn eval_script<'js>(
    ctx: &Ctx<'js>,
    source: &CString,
    name: CString,
    first_line: i32,
) -> rquickjs::Result<Value<'js>> {
    let mut options = qjs::JSEvalOptions {
        version: qjs::JS_EVAL_OPTIONS_VERSION as i32,
        eval_flags: (qjs::JS_EVAL_TYPE_GLOBAL | qjs::JS_EVAL_FLAG_STRICT) as i32,
        filename: name.as_ptr(),
        line_num: first_line,
    };
    let length = source.as_bytes().len();
    // SAFETY: source and name live until the call returns, the source ends with a NUL, and the value that comes
    // back is owned by us.
    unsafe {
        let value =
            qjs::JS_Eval2(ctx.as_raw().as_ptr(), source.as_ptr(), length as qjs::size_t, &mut options);
        if qjs::JS_IsException(value) {
            return Err(rquickjs::Error::Exception);
        }
        Ok(Value::from_raw(ctx.clone(), value))
    }
}

/// A thrown value as data, by `describe` of `prelude.js`.
fn describe<'js>(ctx: &Ctx<'js>, bridge: &Bridge, thrown: Value<'js>) -> ErrorData {
    let described = bridge
        .describe
        .clone()
        .restore(ctx)
        .and_then(|describe| describe.call::<_, String>((thrown.clone(),)));
    match described {
        Ok(json) => parse_error(&json),
        Err(_) => {
            // Not even that works, most likely for want of memory or because the script was interrupted.
            ctx.catch();
            match thrown.into_exception() {
                Some(exception) => ErrorData::new("InternalError", exception.message().unwrap_or_default()),
                None => ErrorData::new("", "null"),
            }
        }
    }
}

/// A caught exception as the value that `settle` makes an error of.
fn describe_value<'js>(ctx: &Ctx<'js>, thrown: Value<'js>) -> rquickjs::Result<Value<'js>> {
    let message = thrown.into_exception().and_then(|exception| exception.message());
    let message = message.unwrap_or_else(|| "the sandbox has no memory left for it".to_owned());
    error_value(
        ctx,
        &ErrorData::new("RangeError", format!("the result of the call cannot be read: {message}")),
    )
}

fn error_value<'js>(ctx: &Ctx<'js>, error: &ErrorData) -> rquickjs::Result<Value<'js>> {
    ctx.json_parse(serde_json::to_string(error).unwrap_or_else(|_| "{}".to_owned()))
}

fn looks_like_memory(error: &ErrorData) -> bool {
    // Without a stack, for which there was no memory either, an error has no name.
    (error.message == "out of memory" && (error.name == "InternalError" || error.name.is_empty()))
        || (error.name.is_empty() && error.message == "null")
}

fn memory_error(limits: &Limits, script: String) -> WorkflowError {
    WorkflowError::MemoryLimit { limit_bytes: limits.memory_bytes, script }
}

fn setup_error(error: &rquickjs::Error, heap: &HeapState, limits: &Limits, script: &Script) -> WorkflowError {
    if heap.refused() {
        return memory_error(limits, script.display_name.to_string());
    }
    WorkflowError::Internal { message: format!("the sandbox cannot be set up: {error}") }
}

#[cfg(test)]
mod tests;
