//! The language as the API reference gives it: every vector, every row of the semantics tables.
#![allow(clippy::unwrap_used, reason = "a test ends there")]

use base::{ActivitySid, WorkerSid};
use expr::*;
use serde_json::{Value as Json, json};

fn channels(name: &str) -> Option<ChannelFigures> {
    (name == "voice").then_some(ChannelFigures {
        configured_capacity: 3,
        assigned_tasks: 1,
        available_capacity_percentage: 66,
    })
}

fn worker(attributes: &Json) -> WorkerScope<'_> {
    WorkerScope {
        sid: WorkerSid([0xab; 16]),
        friendly_name: "ana",
        attributes,
        activity_sid: ActivitySid([0xcd; 16]),
        activity_name: "Available",
        channels: &channels,
    }
}

fn sample() -> Json {
    json!({"skills": ["a", "b"], "level": 3, "lang": "en", "o": {"arr": ["x", "y"], "n": null},
           "rate": 2.5, "vip": true, "digits": "5", "big": 18446744073709551615u64, "whole": 3.0,
           "numbers": [1, 2.0, null], "task": "literal"})
}

#[track_caller]
fn assert_all(attributes: &Json, vectors: &[(&str, bool)]) {
    for (text, expected) in vectors {
        let expression = Expression::parse(text, Context::Worker).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(expression.eval(&worker(attributes)), *expected, "{text}");
        assert_eq!(expression.explain(&worker(attributes)).holds, *expected, "{text}");
    }
}

#[track_caller]
fn refused(text: &str, context: Context) -> ExprError {
    Expression::parse(text, context).expect_err(text)
}

#[test]
fn the_published_vectors_hold() {
    assert_all(
        &sample(),
        &[
            ("1==1", true),
            ("1 == 2", false),
            ("skills HAS 'a' AND level >= 3", true),
            ("level HAS 'a'", false),
            ("lang IN [\"en\",\"es\"]", true),
            ("lang NOT IN ['fr']", true),
            ("lang IN 'en'", false),
            ("lang NOT IN 'fr'", false),
            ("lang CONTAINS 'e'", true),
            ("skills == 'a'", false),
            ("skills != 'zzz'", false),
            ("o.arr[1] == 'y'", true),
            ("o.arr[9] == null", true),
            ("o.n == null", true),
            ("nope != null", false),
            ("(level > 5 OR lang == 'en') AND skills HAS 'b'", true),
            ("level > 5 OR lang == 'en' AND skills HAS 'zzz'", false),
        ],
    );
    assert_eq!(refused("skill-level > 3", Context::Worker).column, 6);
}

#[test]
fn missing_keys_null_and_mismatched_types_compare_as_documented() {
    assert_all(
        &sample(),
        &[
            ("missing == null", true),
            ("missing != null", false),
            ("missing == 'a'", false),
            ("missing != true", true),
            ("missing > 1", false),
            ("missing <= 1", false),
            ("missing CONTAINS 'a'", false),
            ("missing HAS 'a'", false),
            ("missing IN ['a']", false),
            ("missing NOT IN ['a']", true),
            ("level.deeper == null", true),
            ("lang[0] == null", true),
            ("o.arr.key == null", true),
            ("digits == 5", false),
            ("digits != 5", true),
            ("digits > 4", false),
            ("vip == 'true'", false),
            ("vip == true", true),
            ("level == 3.0", true),
            ("whole == 3", true),
            ("lang == 'EN'", false),
            ("Lang == null", true),
        ],
    );
}

#[test]
fn every_operator_minds_the_kind_of_its_operands() {
    assert_all(
        &sample(),
        &[
            ("level = 3", true),
            ("level != 4", true),
            ("level < 4", true),
            ("level > 3", false),
            ("level <= 3", true),
            ("rate > 2", true),
            ("rate < 2.25", false),
            ("-1 < 0", true),
            ("big > 9223372036854775807", true),
            ("'a' < 'b'", true),
            ("'B' < 'a'", true),
            ("vip > false", false),
            ("null >= null", false),
            ("skills == skills", false),
            ("skills != null", false),
            ("skills > 1", false),
            ("o != null", true),
            ("o == o", false),
            ("skills CONTAINS 'a'", false),
            ("level CONTAINS 3", true),
            ("rate CONTAINS '.5'", true),
            ("lang CONTAINS ''", true),
            ("lang CONTAINS null", false),
            ("vip CONTAINS 'ru'", true),
            ("o CONTAINS 'x'", false),
            ("skills HAS 'c'", false),
            ("o.arr HAS 'x'", true),
            ("o HAS 'arr'", false),
            ("['a', 'b'] HAS 'b'", true),
            ("numbers HAS 2", true),
            ("numbers HAS '2'", false),
            ("numbers HAS null", true),
            ("'b' IN skills", true),
            ("'z' NOT IN skills", true),
            ("'b' NOT IN skills", false),
            ("skills IN ['a']", false),
            ("skills NOT IN ['a']", false),
            ("o NOT IN ['a']", false),
            ("1 IN []", false),
            ("1 NOT IN []", true),
            ("level IN [1, 2.5, 'x', true, null, 3]", true),
        ],
    );
}

#[test]
fn keywords_blanks_and_quotes_are_free() {
    assert_all(
        &json!({"type": "sales", "q": "it's", "p": "a\"b", "s": "back\\slash", "été": 1, "$x_1": 2, "w": {"in": 3}}),
        &[
            ("type=='sales'", true),
            ("type in['sales']and 1==1", true),
            ("type nOt  In ['a'] Or 1=2", true),
            ("q == \"it's\"", true),
            ("q == 'it\\'s'", true),
            ("p == 'a\"b'", true),
            ("s == 'back\\slash'", true),
            ("s == 'back\\\\slash'", true),
            ("été == 1 AND $x_1 == 2", true),
            ("w.in == 3", true),
            ("TRUE == true AND Null == NULL", true),
            ("\t\n( (1==1) )  ", true),
        ],
    );
}

#[test]
fn what_is_not_the_language_is_refused_with_its_place() {
    for (text, column, says) in [
        ("", 1, "unexpected the end"),
        ("isVip", 6, "comparison operator"),
        ("a == ", 6, "unexpected the end"),
        ("a == 'x", 6, "no closing"),
        ("a <> 1", 3, "use '!='"),
        ("a == 1 && b == 2", 8, "use AND"),
        ("a == 1 || b == 2", 8, "use OR"),
        ("a NOT HAS 1", 7, "IN after NOT"),
        ("a !CONTAINS 1", 3, "unexpected character '!'"),
        ("(a == 1", 8, "AND, OR or ')'"),
        ("a == 1)", 7, "unexpected ')'"),
        ("a == 1 b == 2", 8, "unexpected 'b'"),
        ("a == 1 AND", 11, "unexpected the end"),
        ("a IN [b]", 7, "a constant in the list"),
        ("a IN ['x',]", 11, "a constant in the list"),
        ("a IN ['x' 'y']", 11, "',' or ']'"),
        ("a[-1] == 1", 3, "an index"),
        ("a[99999999999] == 1", 3, "an index"),
        ("a. == 1", 3, "a name must follow"),
        ("a == 1.", 7, "followed by digits"),
        ("a == -", 6, "followed by digits"),
        ("NOT (a == 1)", 1, "unexpected NOT"),
        ("é == ü &", 8, "use AND"),
    ] {
        let error = refused(text, Context::Worker);
        assert!(error.message.contains(says), "{text}: {error}");
        assert_eq!(error.column, column, "{text}: {error}");
    }
}

#[test]
fn nesting_and_paths_have_limits_and_long_chains_do_not_nest() {
    let nested = |depth: usize| format!("{}1==1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Expression::parse(&nested(DEPTH_MAX), Context::Task).is_ok());
    assert!(refused(&nested(DEPTH_MAX + 1), Context::Task).message.contains("nest at most"));
    assert!(refused(&"(".repeat(500_000), Context::Task).message.contains("nest at most"));
    let chain = vec!["a == 1"; 100_000].join(" OR ");
    assert!(!Expression::parse(&chain, Context::Task).unwrap().eval(&TaskScope { attributes: &json!({}) }));
    assert!(
        refused(&format!("a{} == 1", ".b".repeat(PATH_STEPS_MAX + 1)), Context::Task)
            .message
            .contains("steps")
    );
    assert!(refused(&" ".repeat(TEXT_BYTES_MAX + 1), Context::Task).message.contains("bytes"));
    assert!(refused(&format!("a == {}", "9".repeat(400)), Context::Task).message.contains("too large"));
}

#[test]
fn workers_have_built_ins() {
    let attributes =
        json!({"friendly_name": "not me", "worker": {"level": 9}, "channel": {"voice": {"x": 7}}});
    assert_all(
        &attributes,
        &[
            ("sid == 'WKabababababababababababababababab'", true),
            ("sid CONTAINS 'WKab'", true),
            ("sid IN ['WKabababababababababababababababab']", true),
            ("friendly_name == 'ana'", true),
            ("activity_name == 'Available'", true),
            ("activity_sid == 'WAcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd'", true),
            // An attribute literally called `worker` wins over the prefix.
            ("worker.level == 9", true),
            ("worker.friendly_name == null", true),
        ],
    );
    assert_all(
        &json!({"sid": "mine", "level": 1, "channel": {"voice": {"assigned_tasks": 7, "x": 8}}}),
        &[
            ("sid == 'mine'", true),
            ("worker.sid == 'mine'", true),
            ("worker.level == 1", true),
            ("worker.friendly_name == 'ana'", true),
            ("worker.channel.voice.configured_capacity == 3", true),
            ("worker.channel.voice.assigned_tasks == 1", true),
            ("worker.channel.voice.available_capacity_percentage > 65", true),
            ("worker.channel.chat.assigned_tasks == null", true),
            ("channel.voice.assigned_tasks == 7", true),
            ("worker.channel.voice.x == 8", true),
        ],
    );
}

#[test]
fn a_filter_reads_the_task_with_or_without_prefix() {
    let attributes = json!({"type": "call", "ext": null});
    let scope = TaskScope { attributes: &attributes };
    for (text, expected) in [
        ("type == 'call'", true),
        ("task.type == 'call'", true),
        ("isParkPickup == true OR isParkHangup == true", false),
        ("targetWorkerPhone != null", false),
        ("worker.type == null", true),
    ] {
        assert_eq!(Expression::parse(text, Context::Task).unwrap().eval(&scope), expected, "{text}");
    }
    let literal = json!({"task": {"type": "chat"}, "type": "call"});
    let scope = TaskScope { attributes: &literal };
    assert!(Expression::parse("task.type == 'chat'", Context::Task).unwrap().eval(&scope));
}

#[test]
fn a_target_requires_prefixes() {
    let task = json!({"directExtension": "1001", "lang": "en", "n": 1, "to": "ana"});
    let ana = json!({"directExtension": "1001", "languages": ["en", "de"], "n": 1.0});
    let scope = TargetScope { task: TaskScope { attributes: &task }, worker: worker(&ana) };
    for (text, expected) in [
        ("task.directExtension == worker.directExtension", true),
        ("task.lang IN worker.languages", true),
        ("worker.languages HAS task.lang AND task.n == worker.n", true),
        ("worker.contact_uri == task.targetWorkerContactUri", true),
        ("task.to == worker.friendly_name", true),
        ("task.to == worker.sid", false),
        ("1 == 2", false),
    ] {
        assert_eq!(Expression::parse(text, Context::Target).unwrap().eval(&scope), expected, "{text}");
    }
    for text in ["lang == 'en'", "task == 1", "worker == 1", "task[0] == 1", "workers.available == 1"] {
        refused(text, Context::Target);
    }
    assert_eq!(refused("1 == 1 AND lang == 'en'", Context::Target).column, 12);
}

#[test]
fn skip_if_counts_heads() {
    let sid = ActivitySid([1; 16]);
    let in_activity = |asked| if asked == sid { 4 } else { 0 };
    let scope = SkipScope { available: 2, unavailable: 5, in_activity: &in_activity };
    for (text, expected) in [
        ("workers.available == 0", false),
        ("workers.available < workers.unavailable", true),
        ("workers.WA01010101010101010101010101010101 == 4", true),
        ("workers.WA02020202020202020202020202020202 == 0", true),
        ("1==1", true),
        ("workers.available IN [1, 2]", true),
    ] {
        assert_eq!(Expression::parse(text, Context::Skip).unwrap().eval(&scope), expected, "{text}");
    }
    for text in ["available == 0", "workers.busy == 0", "workers.WA12 == 0", "task.age > 3", "workers == 1"] {
        refused(text, Context::Skip);
    }
}

#[test]
fn an_expression_knows_what_it_reads() {
    let expression = Expression::parse(
        "isAcdReady == true AND skills.voice[0] HAS 'a' AND skills.chat == 1 AND activity_name != 'Break' \
         AND worker.channel.voice.assigned_tasks < 2 AND isAcdReady != false",
        Context::Worker,
    )
    .unwrap();
    let printed: Vec<_> = expression.reads().iter().map(ToString::to_string).collect();
    // `worker.channel…` may also mean an attribute that is literally called `worker`.
    assert_eq!(
        printed,
        [
            "worker.isAcdReady",
            "worker.skills.voice[0]",
            "worker.skills.chat",
            "worker.activity_name",
            "worker.channel.voice.assigned_tasks",
            "worker.worker.channel.voice.assigned_tasks"
        ]
    );
    assert!(expression.reads_attribute(Side::Worker, "skills"));
    assert!(expression.reads_attribute(Side::Worker, "worker"));
    assert!(!expression.reads_attribute(Side::Worker, "level"));
    assert!(!expression.reads_attribute(Side::Task, "skills"));
    assert!(expression.reads_activity() && expression.reads_channels());
    assert!(!expression.reads_friendly_name());

    let constant = Expression::parse("1==1", Context::Worker).unwrap();
    assert!(constant.reads().is_empty() && !constant.reads_activity() && !constant.reads_channels());
    let sid = Expression::parse("sid == 'x'", Context::Worker).unwrap();
    assert!(sid.reads_attribute(Side::Worker, "sid"), "an attribute called sid wins");
    let target = Expression::parse("task.a == worker.b", Context::Target).unwrap();
    assert!(target.reads_attribute(Side::Task, "a") && target.reads_attribute(Side::Worker, "b"));
}

#[test]
fn necessary_equalities_are_exposed_for_indexing() {
    let pairs = |text| -> Vec<String> {
        let expression = Expression::parse(text, Context::Target).unwrap();
        expression.equalities().iter().map(|(task, worker)| format!("{task} {worker}")).collect()
    };
    assert_eq!(pairs("task.x == worker.y"), ["task.x worker.y"]);
    assert_eq!(pairs("worker.sid = task.to.sid AND 1==1"), ["task.to.sid worker.sid"]);
    assert_eq!(
        pairs("(task.a == worker.a AND (worker.b == task.b AND 1==1)) AND worker.c == 1"),
        ["task.a worker.a", "task.b worker.b"]
    );
    assert_eq!(pairs("task.x == worker.y OR 1==1").len(), 0);
    assert_eq!(pairs("task.x != worker.y AND task.x == task.y AND worker.x == worker.y").len(), 0);
}

#[test]
fn equal_values_have_equal_keys() {
    let key = |json: &Json| Value::from(json).key();
    assert_eq!(key(&json!(1)), key(&json!(1.0)));
    assert_eq!(key(&json!(0)), key(&json!(-0.0)));
    assert_eq!(key(&json!("a")), Some(ScalarKey::Text("a".into())));
    assert_ne!(key(&json!("1")), key(&json!(1)));
    assert_eq!(Value::from(None).key(), key(&json!(null)));
    assert_eq!(key(&json!([1])), None);
    assert_eq!(key(&json!({})), None);
    let sid = WorkerSid([7; 16]);
    assert_eq!(Value::from(sid).key(), key(&json!(sid.to_string())));
}

#[test]
fn an_explanation_names_the_false_comparisons_with_their_values() {
    let attributes = sample();
    let explain = |text| Expression::parse(text, Context::Worker).unwrap().explain(&worker(&attributes));
    assert_eq!(explain("1==1 AND level == 3").to_string(), "holds");
    assert_eq!(
        explain("lang == 'en' AND isAcdReady == true AND level > 7").to_string(),
        "isAcdReady == true is false: null against true"
    );
    assert_eq!(
        explain("(level > 5 OR lang == 'fr') AND 1==1").to_string(),
        "level > 5 is false: 3 against 5; lang == 'fr' is false: \"en\" against \"fr\""
    );
    assert_eq!(explain("skills HAS 'z'").because[0].left, "[\"a\", \"b\"]");
    let wide = vec!["level == 9"; 100].join(" OR ");
    assert_eq!(explain(&wide).because.len(), FINDINGS_MAX);
}

#[test]
fn order_by_ranks_workers() {
    let order =
        OrderBy::parse("worker.level DESC, worker.lang.en asc,worker.channel.voice.assigned_tasks").unwrap();
    assert_eq!(
        order.to_string(),
        "worker.level DESC, worker.lang.en ASC, worker.channel.voice.assigned_tasks ASC"
    );
    assert_eq!(OrderBy::parse(&order.to_string()).unwrap().to_string(), order.to_string());
    let people = [
        ("none", json!({})),
        ("low", json!({"level": 1, "lang": {"en": 1}})),
        ("high, poor english", json!({"level": 5, "lang": {"en": 9}})),
        ("high, no english", json!({"level": 5})),
        ("high, good english", json!({"level": 5.0, "lang": {"en": 2}})),
        ("high, good english, later", json!({"level": 5, "lang": {"en": 2}})),
    ];
    let mut candidates: Vec<_> = people.iter().map(|(who, a)| (order.key(&worker(a)), *who)).collect();
    order.sort(&mut candidates);
    let sorted: Vec<_> = candidates.into_iter().map(|(_, who)| who).collect();
    assert_eq!(
        sorted,
        [
            "high, good english",
            "high, good english, later",
            "high, poor english",
            "high, no english",
            "low",
            "none"
        ]
    );
}

#[test]
fn order_by_puts_a_worker_without_the_attribute_last_in_both_directions() {
    let (with, without) = (json!({"level": -5}), json!({}));
    for text in ["worker.level ASC", "worker.level DESC", "worker.level"] {
        let order = OrderBy::parse(text).unwrap();
        assert!(order.key(&worker(&with)) < order.key(&worker(&without)), "{text}");
    }
}

#[test]
fn order_by_ignores_a_clause_that_meets_a_value_that_is_no_integer() {
    let order = OrderBy::parse("worker.level DESC, worker.n ASC").unwrap();
    let (a, b) = (json!({"level": "high", "n": 1}), json!({"level": 9, "n": 2}));
    let mut candidates = vec![(order.key(&worker(&b)), "b"), (order.key(&worker(&a)), "a")];
    order.sort(&mut candidates);
    assert_eq!(candidates.iter().map(|(_, who)| *who).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn order_by_that_is_not_one_is_refused() {
    for (text, column) in [
        ("", 1),
        ("level DESC", 1),
        ("task.level DESC", 1),
        ("worker.level UP", 14),
        ("worker.level DESC worker.n", 19),
        ("worker.level DESC,", 19),
        ("worker", 1),
        ("worker.level == 1", 14),
    ] {
        assert_eq!(OrderBy::parse(text).expect_err(text).column, column, "{text}");
    }
    assert!(OrderBy::parse(&vec!["worker.a"; CLAUSES_MAX + 1].join(",")).is_err());
}
