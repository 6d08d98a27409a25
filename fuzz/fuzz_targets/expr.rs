//! Expressions: no text panics, what parses prints and parses back, and explaining agrees with evaluating.
#![no_main]

use base::{ActivitySid, WorkerSid};
use expr::{
    Context, Expression, OrderBy, Scope, SkipScope, TargetScope, TaskScope, WorkerScope, no_channels,
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|input: (u8, &str)| {
    let (choice, text) = input;
    let context = [Context::Worker, Context::Task, Context::Target, Context::Skip][usize::from(choice % 4)];
    // The first line may be attributes, so that comparisons have something to compare.
    let (attributes, text) = match text.split_once('\n').map(|(first, rest)| (serde_json::from_str(first), rest)) {
        Some((Ok(attributes @ Value::Object(_)), rest)) => (attributes, rest),
        _ => (json!({"a": 1, "b": [1, "x", null], "c": {"d": "y", "e": -2.5}, "sid": "x"}), text),
    };
    if let Ok(parsed) = Expression::parse(text, context) {
        check(&parsed, context, &attributes);
    }
    if let Ok(order) = OrderBy::parse(text) {
        let again = OrderBy::parse(&order.to_string()).expect("order_by prints what parses");
        assert_eq!(again.to_string(), order.to_string());
        order.key(&worker(&attributes));
    }
});

fn check(parsed: &Expression, context: Context, attributes: &Value) {
    let again = Expression::parse(&parsed.to_string(), context).expect("what is printed parses");
    assert!(parsed.same_tree(&again), "{parsed} is not {again}");
    let in_activity = |_| 3;
    let task = TaskScope { attributes };
    let scopes: [&dyn Scope; 4] = [
        &worker(attributes),
        &task,
        &TargetScope { task, worker: worker(attributes) },
        &SkipScope { available: 1, unavailable: 2, in_activity: &in_activity },
    ];
    for scope in scopes {
        let explained = parsed.explain(scope);
        assert_eq!(explained.holds, parsed.eval(scope));
        assert_eq!(explained.holds, explained.because.is_empty());
        if explained.holds {
            for (task, worker) in parsed.equalities() {
                assert_eq!(scope.value(&task).key(), scope.value(&worker).key());
            }
        }
    }
}

fn worker(attributes: &Value) -> WorkerScope<'_> {
    WorkerScope {
        sid: WorkerSid([1; 16]),
        friendly_name: "ana",
        attributes,
        activity_sid: ActivitySid([2; 16]),
        activity_name: "Available",
        channels: &no_channels,
    }
}
