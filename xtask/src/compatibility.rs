//! `docs/reference/compatibility.md`: every operation of the specifications (TaskRouter, and the 2010 API as far as it is
//! about calls), every request of the JavaScript SDK's event bridge, and every element and attribute of TwiML, with the
//! tests that say which one they cover.
//!
//! A test says so in a comment above it: `covers: POST /v1/Workspaces, GET /v1/Workspaces/{Sid}`, for a request of the
//! SDK `covers: EB Task.hold`, and for TwiML `covers: twiml Dial.timeout Dial.record Hangup`.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A product of the API.
struct Product {
    title: &'static str,
    operations: &'static str,
    routes: &'static str,
    /// What every path of its specification begins with.
    root: &'static str,
}

const PRODUCTS: &[Product] = &[
    Product {
        title: "TaskRouter v1",
        operations: "tests/openapi/taskrouter_v1.fields.json",
        routes: "crates/http/src/twilio/taskrouter",
        root: "/v1",
    },
    Product {
        title: "2010 API: accounts and voice",
        operations: "tests/openapi/api_v2010.fields.json",
        routes: "crates/http/src/twilio/api2010",
        root: "/2010-04-01",
    },
];
const REQUESTS: &str = "tests/openapi/event_bridge.requests.json";
const TESTS: &[&str] = &[
    "crates/http/tests",
    "crates/server/tests",
    "tests/sdk/python",
    "tests/sdk/node",
    "crates/twiml/tests",
    "crates/engine/tests",
    "crates/gateway/tests",
];
const TABLE: &str = "docs/reference/compatibility.md";
const TAG: &str = "covers: ";
/// How a request of the event bridge is told from an operation.
const BRIDGE: &str = "EB ";

/// How an element or attribute of TwiML is told from either.
const TWIML: &str = "twiml ";

/// Writes the table.
pub fn write(root: &Path) -> Result<(), String> {
    let (table, _) = table(root)?;
    let path = root.join(TABLE);
    let folder = path.parent().unwrap_or(root);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, table))
        .map_err(|e| format!("{}: {e}", path.display()))
}

/// What is wrong with the table and the tests behind it.
pub fn check(root: &Path) -> Vec<String> {
    match table(root) {
        Err(why) => vec![why],
        Ok((table, mut wrong)) => {
            if std::fs::read_to_string(root.join(TABLE)).ok().as_deref() != Some(&table) {
                wrong.push(format!("{TABLE} is stale: cargo run -p xtask -- compatibility"));
            }
            wrong
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// Files of ours below `folder`, in order; installed packages are not ours.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let ours = |path: &&PathBuf| !path.ends_with("node_modules");
    paths.iter().filter(ours).flat_map(|p| if p.is_dir() { files(p) } else { vec![p.clone()] }).collect()
}

/// A path with its parameters unnamed and without `.json`, so that ours and the specification's compare.
fn bare(operation: &str) -> String {
    let part = |part: &str| match part.strip_suffix(".json").unwrap_or(part) {
        part if part.starts_with('{') => "{}".to_owned(),
        part => part.to_owned(),
    };
    operation.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// What every handler is in that says no, whatever is asked.
const REFUSES: &str = "refused::";

/// `"/Workspaces/{ws}" => get fetch, post update;` of the route tables, as operations and whether they are refused.
fn served<'a>(text: &'a str, root: &'a str) -> impl Iterator<Item = (String, bool)> + 'a {
    text.lines().filter_map(|line| line.trim().strip_prefix('"')?.split_once("\" => ")).flat_map(
        move |(path, handlers)| {
            let methods = handlers.trim_end_matches(';').split(',').filter_map(|h| h.trim().split_once(' '));
            methods
                .map(move |(method, handler)| {
                    let operation = bare(&format!("{} {root}{path}", method.to_uppercase()));
                    (operation, handler.trim().starts_with(REFUSES))
                })
                .collect::<Vec<_>>()
        },
    )
}

/// The operations that tests of one file name, with the test's name.
fn tagged(text: &str) -> Vec<(String, String)> {
    let mut waiting: Vec<String> = Vec::new();
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        let comment = line.starts_with("//") || line.starts_with('#');
        if let Some((_, operations)) = line.split_once(TAG).filter(|_| comment) {
            for part in operations.split(',').map(str::trim) {
                match part.strip_prefix(TWIML) {
                    Some(words) => waiting.extend(words.split_whitespace().map(|w| format!("{TWIML}{w}"))),
                    None if part.contains(" /") || part.starts_with(BRIDGE) => waiting.push(part.to_owned()),
                    None => {}
                }
            }
        } else if let Some(name) = test_name(line).filter(|_| !waiting.is_empty()) {
            found.extend(waiting.drain(..).map(|operation| (operation, name.to_owned())));
        }
    }
    found
}

/// The name in `async fn name(`, `def name(` and `it('name',`.
fn test_name(line: &str) -> Option<&str> {
    let rest = ["async fn ", "fn ", "def ", "it('"].iter().find_map(|start| line.strip_prefix(start))?;
    rest.split(['(', '\'']).next()
}

type Operations = BTreeMap<String, Value>;

fn operations(root: &Path, product: &Product) -> Result<Operations, String> {
    let file = product.operations;
    serde_json::from_str(&read(&root.join(file))?).map_err(|e| format!("{file}: {e}"))
}

/// The tables as they should be, and what is wrong with what they are made of.
fn table(root: &Path) -> Result<(String, Vec<String>), String> {
    let mut known = BTreeSet::new();
    for product in PRODUCTS {
        known.extend(operations(root, product)?.keys().map(|operation| bare(operation)));
    }
    let requests: BTreeMap<String, String> =
        serde_json::from_str(&read(&root.join(REQUESTS))?).map_err(|e| format!("{REQUESTS}: {e}"))?;
    known.extend(requests.keys().map(|request| format!("{BRIDGE}{request}")));
    for word in twiml::VOCABULARY {
        known.insert(format!("{TWIML}{}", word.element));
        let all = word.used.iter().chain(word.accepted);
        known.extend(all.map(|attribute| format!("{TWIML}{}.{attribute}", word.element)));
    }
    let mut tests: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for file in TESTS.iter().flat_map(|folder| files(&root.join(folder))) {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let shown = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        for (operation, name) in tagged(&text) {
            let operation = bare(&operation);
            if !known.contains(&operation) {
                wrong.push(format!(
                    "{shown}: `{name}` covers {operation}, which the specification does not have"
                ));
            }
            tests.entry(operation).or_default().insert(format!("`{name}` ({shown})"));
        }
    }
    let sources: Vec<String> = PRODUCTS.iter().map(|p| format!("`{}`", p.operations)).collect();
    let routes: Vec<String> = PRODUCTS.iter().map(|p| format!("`{}`", p.routes)).collect();
    let mut text = format!(
        "# Compatibility\n\n\
         Generated by `cargo run -p xtask -- compatibility` from {}, the route tables in {} and the\n\
         `covers:` comments of the tests; `cargo run -p xtask -- tidy` says when it is stale. Differences that are known\n\
         are in [differences.md](differences.md).\n\n\
         Besides the tests named here, `every_operation_answers_in_the_documented_shape` (crates/http/tests/api/shapes.rs)\n\
         asks every served operation of TaskRouter and compares status and fields with the specification.\n",
        sources.join(" and "),
        routes.join(" and ")
    );
    for product in PRODUCTS {
        text.push_str(&section(root, product, &tests, &mut wrong)?);
    }
    text.push_str(&bridge(&requests, &tests, &mut wrong));
    text.push_str(&documents(&tests, &mut wrong));
    Ok((text, wrong))
}

/// The requests of the event bridge.
fn bridge(
    requests: &BTreeMap<String, String>,
    tests: &BTreeMap<String, BTreeSet<String>>,
    wrong: &mut Vec<String>,
) -> String {
    let mut rows = String::new();
    for (request, asks) in requests {
        let covered = tests.get(&format!("{BRIDGE}{request}"));
        let shown = covered.map(|names| names.iter().cloned().collect::<Vec<_>>().join("<br>"));
        if shown.is_none() {
            wrong.push(format!("{request} has no test: tag one with `{TAG}{BRIDGE}{request}`"));
        }
        let shown = shown.unwrap_or_else(|| "no test".to_owned());
        rows.push_str(&format!("| `{request}` | {asks} | {shown} |\n"));
    }
    format!(
        "\n## Event bridge: {} requests of `twilio-taskrouter` 2.1.1\n\n\
         Addresses are below `Workspaces/{{WorkspaceSid}}/`. Tests in crates/server/tests have real phones.\n\n\
         | Request | Asks | Tests |\n|---|---|---|\n{rows}",
        requests.len()
    )
}

/// The elements and attributes of TwiML.
fn documents(tests: &BTreeMap<String, BTreeSet<String>>, wrong: &mut Vec<String>) -> String {
    let shown = |key: &str| {
        let covered = tests.get(&format!("{TWIML}{key}"));
        covered.map(|names| names.iter().cloned().collect::<Vec<_>>().join("<br>"))
    };
    let mut rows = String::new();
    let mut count = 0;
    for word in twiml::VOCABULARY {
        let element = word.element;
        let mut of_attributes = false;
        let mut more = String::new();
        for attribute in word.used {
            let covered = shown(&format!("{element}.{attribute}"));
            of_attributes |= covered.is_some();
            count += usize::from(covered.is_some());
            if covered.is_none() {
                let tag = format!("{TAG}{TWIML}{element}.{attribute}");
                wrong.push(format!("<{element} {attribute}> has no test: tag one with `{tag}`"));
            }
            let covered = covered.unwrap_or_else(|| "no test".to_owned());
            more.push_str(&format!("| | `{attribute}` | used | {covered} |\n"));
        }
        for attribute in word.accepted {
            more.push_str(&format!("| | `{attribute}` | accepted, without a meaning | |\n"));
        }
        let own = shown(element);
        if own.is_none() && !of_attributes {
            wrong.push(format!("<{element}> has no test: tag one with `{TAG}{TWIML}{element}`"));
        }
        rows.push_str(&format!("| `<{element}>` | | used | {} |\n{more}", own.unwrap_or_default()));
    }
    let skipped = [
        ("verb", twiml::SKIPPED_VERBS, "skipped"),
        ("noun of `<Start>`, `<Stop>`, `<Connect>`", twiml::SKIPPED_NOUNS, "skipped"),
        ("noun of `<Dial>`", twiml::SKIPPED_PARTIES, "skipped"),
        ("markup in `<Say>`", twiml::UNHEARD_TAGS, "its words are said plainly"),
    ];
    for (kind, names, handling) in skipped {
        for name in names {
            rows.push_str(&format!("| `<{name}>` | | {kind}: {handling}, with a warning (12200) | |\n"));
        }
    }
    format!(
        "\n## TwiML: {count} attributes with an effect\n\n\
         From `twiml::VOCABULARY`, where the reader of documents looks up what it knows. What has no meaning here is held by\n\
         `what_has_no_meaning_here_is_accepted_without_a_warning`, what is skipped by `verbs_that_are_not_performed_are_named`,\n\
         `nouns_that_are_not_performed_are_named_and_the_document_goes_on` (crates/twiml/tests/documents.rs) and\n\
         `markup_that_cannot_be_heard_is_told_once` (crates/twiml/tests/speech.rs).\n\n\
         | Element | Attribute | Handling | Tests |\n|---|---|---|---|\n{rows}"
    )
}

/// One product's operations.
fn section(
    root: &Path,
    product: &Product,
    tests: &BTreeMap<String, BTreeSet<String>>,
    wrong: &mut Vec<String>,
) -> Result<String, String> {
    let operations = operations(root, product)?;
    let mut routes = BTreeMap::new();
    for file in files(&root.join(product.routes)) {
        routes.extend(served(&read(&file)?, product.root));
    }
    let mut by_path: BTreeMap<&str, Vec<(&str, &Value)>> = BTreeMap::new();
    for (operation, told) in &operations {
        let (method, path) = operation.split_once(' ').unwrap_or(("", operation));
        by_path.entry(path).or_default().push((method, told));
    }
    let mut rows = String::new();
    let mut count = 0;
    for (path, methods) in by_path {
        for (method, told) in methods {
            let operation = bare(&format!("{method} {path}"));
            let name = told["operation"].as_str().unwrap_or_default();
            let covered =
                tests.get(&operation).map(|names| names.iter().cloned().collect::<Vec<_>>().join("<br>"));
            let shown = match (routes.get(&operation), covered) {
                (None, _) => "not served".to_owned(),
                (Some(true), Some(covered)) => format!("refused: {covered}"),
                (Some(false), Some(covered)) => {
                    count += 1;
                    covered
                }
                (Some(_), None) => {
                    wrong.push(format!("{method} {path} has no test: tag one with `{TAG}{method} {path}`"));
                    "no test".to_owned()
                }
            };
            rows.push_str(&format!("| {method} `{path}` | {name} | {shown} |\n"));
        }
    }
    let title = product.title;
    let of = operations.len();
    Ok(format!(
        "\n## {title}: {count} of {of} operations\n\n| Operation | Name | Tests |\n|---|---|---|\n{rows}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_belongs_to_the_test_below_it() {
        let rust = "// covers: POST /v1/A, GET /v1/A/{Sid}\n#[test]\nasync fn made() {}\nfn other() {}";
        let made = |operation: &str| (operation.to_owned(), "made".to_owned());
        assert_eq!(tagged(rust), [made("POST /v1/A"), made("GET /v1/A/{Sid}")]);
        let python = "# covers: POST /v1/A\n# covers: GET /v1/A/{Sid}\ndef made(x):";
        assert_eq!(tagged(python), tagged(rust));
        assert_eq!(tagged("  // covers: POST /v1/A\n  it('made', async () => {"), [made("POST /v1/A")]);
        let twiml = "// covers: twiml Dial.timeout Hangup\nfn made() {}";
        assert_eq!(tagged(twiml), [made("twiml Dial.timeout"), made("twiml Hangup")]);
        assert!(tagged("let text = \"covers: POST /v1/A\";\nfn made() {}").is_empty());
    }

    #[test]
    fn routes_are_operations_whatever_their_parameters_are_called() {
        let found: Vec<_> =
            served("    \"/A/{x}\" => get fetch, post refused::update;\n    let x = 5;", "/v1").collect();
        assert_eq!(found, [(bare("GET /v1/A/{Sid}"), false), (bare("POST /v1/A/{Sid}"), true)]);
    }
}
