//! What must hold for every text and every value.
#![allow(clippy::unwrap_used, reason = "a test ends there")]

use base::{ActivitySid, WorkerSid};
use expr::*;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

const CONTEXTS: [Context; 4] = [Context::Worker, Context::Task, Context::Target, Context::Skip];

fn constant() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        (-1e15..1e15f64).prop_map(|x| format!("{x:.6}")),
        "[a-z '\"\\\\é]{0,6}".prop_map(|s| format!("'{}'", s.replace('\\', "\\\\").replace('\'', "\\'"))),
        Just("true".to_owned()),
        Just("FALSE".to_owned()),
        Just("null".to_owned()),
    ]
}

fn operand() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_$][a-z0-9_]{0,4}(\\.[a-z]{1,3}|\\[[0-9]\\]){0,2}".prop_map(|path| format!("x{path}")),
        "(worker|task)\\.[xyz]{1,2}".prop_map(|path| path),
        constant(),
        prop::collection::vec(constant(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    let operators =
        prop::sample::select(vec!["==", "=", "!=", ">", ">=", "<", "<=", "CONTAINS", "has", "IN", "not in"]);
    let comparison = (operand(), operators, operand()).prop_map(|(l, o, r)| format!("{l} {o} {r}"));
    comparison.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|e| format!("({e})")),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|e| e.join(" AND ")),
            prop::collection::vec(inner, 2..4).prop_map(|e| format!("({})", e.join(" or "))),
        ]
    })
}

fn attributes() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        "[a-z]{0,3}".prop_map(Json::from),
    ];
    let value = leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map("[xyz]{1,2}", inner, 0..4)
                .prop_map(|m| Json::Object(m.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("[xyz]{1,2}", value, 0..5).prop_map(|m| Json::Object(m.into_iter().collect()))
}

fn worker(attributes: &Json) -> WorkerScope<'_> {
    WorkerScope {
        sid: WorkerSid([1; 16]),
        friendly_name: "xyz",
        attributes,
        activity_sid: ActivitySid([2; 16]),
        activity_name: "x",
        channels: &no_channels,
    }
}

proptest! {
    #[test]
    fn an_expression_prints_what_parses_back_to_the_same_tree(text in expression()) {
        let parsed = Expression::parse(&text, Context::Worker).unwrap();
        let printed = parsed.to_string();
        let again = Expression::parse(&printed, Context::Worker).unwrap();
        prop_assert_eq!(format!("{:?}", parsed.reads()), format!("{:?}", again.reads()));
        prop_assert!(parsed.same_tree(&again), "{} became {}", text, printed);
        prop_assert_eq!(again.to_string(), printed);
    }

    #[test]
    fn explain_agrees_with_eval_and_gives_a_reason_for_every_false(text in expression(), of in attributes()) {
        let parsed = Expression::parse(&text, Context::Worker).unwrap();
        let explained = parsed.explain(&worker(&of));
        prop_assert_eq!(explained.holds, parsed.eval(&worker(&of)));
        prop_assert_eq!(explained.because.is_empty(), explained.holds);
    }

    #[test]
    fn what_an_expression_does_not_read_does_not_change_it(
        text in expression(), of in attributes(), key in "[xyz]{1,2}", value in attributes()
    ) {
        let parsed = Expression::parse(&text, Context::Worker).unwrap();
        let mut changed = of.clone();
        changed[&key] = value;
        if !parsed.reads_attribute(Side::Worker, &key) {
            prop_assert_eq!(parsed.eval(&worker(&of)), parsed.eval(&worker(&changed)));
        }
    }

    #[test]
    fn a_true_target_has_equal_keys_at_its_equalities(task in attributes(), of in attributes(), x in "[xyz]{1,2}", y in "[xyz]{1,2}") {
        let parsed = Expression::parse(&format!("task.{x} == worker.{y} AND 1==1"), Context::Target).unwrap();
        let scope = TargetScope { task: TaskScope { attributes: &task }, worker: worker(&of) };
        if parsed.eval(&scope) {
            for (task, worker) in parsed.equalities() {
                let keys = (scope.value(&task).key(), scope.value(&worker).key());
                prop_assert!(keys.0.is_some() && keys.0 == keys.1, "{:?}", keys);
            }
        }
    }

    #[test]
    fn no_text_panics(text in ".{0,60}", at in 0usize..4) {
        if let Ok(parsed) = Expression::parse(&text, CONTEXTS[at]) {
            parsed.eval(&worker(&json!({})));
        }
        let _ = OrderBy::parse(&text);
    }

    #[test]
    fn no_text_of_the_languages_own_characters_panics(text in "[a-c01 ()\\[\\].,='\"!<>\\\\-]{0,40}", at in 0usize..4) {
        let _ = Expression::parse(&text, CONTEXTS[at]);
        let _ = OrderBy::parse(&text);
    }

    #[test]
    fn numbers_order_like_numbers(a in any::<i64>(), b in any::<i64>()) {
        let of = json!({"a": a, "b": b});
        let eval = |text| Expression::parse(text, Context::Worker).unwrap().eval(&worker(&of));
        prop_assert_eq!(eval("a < b"), a < b);
        prop_assert_eq!(eval("a >= b"), a >= b);
        prop_assert_eq!(eval("a == b"), a == b);
    }
}
