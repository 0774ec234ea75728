//! The stand-in for the engine's VM: a script with `agent()` in QuickJS, run turn by turn by its owner. Knows no
//! threads.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::Duration;

use cpu_time::ThreadTime;
use rquickjs::{Context, Ctx, Function, Persistent, Runtime, qjs};

/// A script that has used this much CPU time in one turn is ended. The engine's default is ten times as long.
const CPU_LIMIT: Duration = Duration::from_millis(500);

/// Makes setting up a VM about as expensive as the engine's.
const FILLER_FUNCTIONS: usize = 30;

const PRELUDE: &str = r"(ask, finished) => {
  const resolvers = [];
  globalThis.agent = (prompt) => new Promise((resolve) => { resolvers[ask(prompt)] = resolve; });
  return {
    start: (main) => { main().then(() => finished(true), () => finished(false)); },
    settle: (slot, value) => resolvers[slot](value),
  };
}";

/// What one turn left behind.
pub struct Turn {
    /// Calls that wait for their answer.
    pub asked: Vec<u32>,
    /// The script is over, and whether it got to its end by itself.
    pub ended: Option<bool>,
}

#[derive(Default)]
struct State {
    calls: Cell<u32>,
    asked: RefCell<Vec<u32>>,
    ended: Cell<Option<bool>>,
    /// When the turn's first check was.
    turn_began: Cell<Option<ThreadTime>>,
}

struct Bridge {
    start: Persistent<Function<'static>>,
    settle: Persistent<Function<'static>>,
}

pub struct Vm {
    // Dropped in this order: the script's values first, the runtime last.
    bridge: Option<Bridge>,
    context: Context,
    _runtime: Runtime,
    state: Rc<State>,
    script: &'static str,
}

impl Vm {
    pub fn new(script: &'static str) -> Self {
        let state = Rc::new(State::default());
        let runtime = Runtime::new().expect("there is memory");
        let watched = state.clone();
        runtime.set_interrupt_handler(Some(Box::new(move || match watched.turn_began.get() {
            Some(began) => began.elapsed() > CPU_LIMIT,
            None => {
                watched.turn_began.set(Some(ThreadTime::now()));
                false
            }
        })));
        let context = Context::full(&runtime).expect("there is memory");
        let bridge = context.with(|ctx| build(&ctx, &state)).expect("the prelude is valid");
        Self { bridge: Some(bridge), context, _runtime: runtime, state, script }
    }

    /// Starts the script. Called once, first.
    pub fn start(&mut self) -> Turn {
        let script = self.script;
        self.turn(|ctx, bridge| {
            let main: Function<'_> = ctx.eval(format!("async () => {{ {script} }}"))?;
            bridge.start.clone().restore(ctx)?.call((main,))
        })
    }

    /// Answers one call.
    pub fn deliver(&mut self, slot: u32) -> Turn {
        self.turn(|ctx, bridge| bridge.settle.clone().restore(ctx)?.call((slot, "done")))
    }

    fn turn(&mut self, begin: impl FnOnce(&Ctx<'_>, &Bridge) -> rquickjs::Result<()>) -> Turn {
        self.state.turn_began.set(None);
        let bridge = self.bridge.as_ref().expect("there until the drop");
        let begun = self.context.with(|ctx| {
            // SAFETY: the runtime is live. The stack may be another one than in the turn before.
            unsafe { qjs::JS_UpdateStackTop(qjs::JS_GetRuntime(ctx.as_raw().as_ptr())) };
            begin(&ctx, bridge)?;
            while ctx.execute_pending_job() {}
            Ok::<_, rquickjs::Error>(())
        });
        // Nothing but the limit makes the stand-in's scripts fail.
        let ended = if begun.is_err() { Some(false) } else { self.state.ended.get() };
        Turn { asked: self.state.asked.take(), ended }
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        self.bridge = None;
    }
}

fn build(ctx: &Ctx<'_>, state: &Rc<State>) -> rquickjs::Result<Bridge> {
    ctx.eval::<(), _>(filler())?;
    let (asking, ending) = (state.clone(), state.clone());
    let ask = Function::new(ctx.clone(), move |_prompt: String| {
        let slot = asking.calls.get();
        asking.calls.set(slot + 1);
        asking.asked.borrow_mut().push(slot);
        slot
    })?;
    let finished = Function::new(ctx.clone(), move |completed: bool| ending.ended.set(Some(completed)))?;
    let bridge: rquickjs::Object<'_> = ctx.eval::<Function<'_>, _>(PRELUDE)?.call((ask, finished))?;
    let save =
        |name: &str| Ok::<_, rquickjs::Error>(Persistent::save(ctx, bridge.get::<_, Function<'_>>(name)?));
    Ok(Bridge { start: save("start")?, settle: save("settle")? })
}

fn filler() -> &'static str {
    static FILLER: OnceLock<String> = OnceLock::new();
    FILLER.get_or_init(|| {
        let function = |i| {
            format!(
                "const check{i} = (value, name) => {{\n  if (typeof value !== 'object') throw new \
                 TypeError(`${{name}} must be an object`);\n  const kept = [];\n  for (const key of \
                 Object.keys(value)) kept.push([key, value[key]]);\n  return kept;\n}};\n"
            )
        };
        (0..FILLER_FUNCTIONS).map(function).collect()
    })
}
