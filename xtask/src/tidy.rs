//! House rules: the direction of dependencies, what the core may not reach, docs, reasons, lengths, words.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Our crates from left to right: each may use those of a lower rank. Test crates (`testkit`, `sim`) may use anything,
/// and only tests use them.
const RANKS: &[(&str, u8)] = &[
    ("base", 0),
    ("expr", 1),
    ("twiml", 1),
    ("sip", 1),
    ("media", 1),
    ("flow", 2),
    ("engine", 3),
    ("store", 4),
    ("bus", 5),
    ("owner", 6),
    ("webhook", 6),
    ("wire", 7),
    ("http", 8),
    ("gateway", 8),
    ("server", 9),
];

/// Crates that decide and never wait.
const CORE: &[&str] = &["base", "expr", "twiml", "flow", "sip", "media", "engine"];

/// What a crate that never waits cannot need.
const SHELL_ONLY: &[&str] = &[
    "tokio",
    "axum",
    "hyper",
    "reqwest",
    "mio",
    "socket2",
    "rusqlite",
    "libsqlite3-sys",
    "sqlx",
    "tokio-postgres",
];

/// Dependencies of other platforms are not looked at: they need not even be downloaded.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// Longer files are named, not refused.
const LINES_MAX: usize = 900;

/// Runs every rule.
pub fn run(root: &Path) -> ExitCode {
    let mut wrong = Vec::new();
    match metadata(root) {
        Ok(metadata) => wrong.extend(dependencies(&metadata)),
        Err(why) => wrong.push(format!("cargo metadata failed: {why}")),
    }
    wrong.extend(crate::compatibility::check(root));
    let files = tracked(root);
    if files.is_empty() {
        wrong.push("git lists no files".to_owned());
    }
    for path in &files {
        let Ok(text) = std::fs::read_to_string(root.join(path)) else { continue };
        wrong.extend(words(path, &text));
        if path.extension().is_some_and(|e| e == "rs") {
            wrong.extend(reasons(path, &text));
            let lines = text.lines().count();
            if lines > LINES_MAX {
                println!("long: {} has {lines} lines", path.display());
            }
            let is_root = path.ends_with("src/lib.rs") || path.ends_with("src/main.rs");
            if is_root && !text.starts_with("//!") {
                wrong.push(format!("{}: begins without `//!` docs", path.display()));
            }
        }
    }
    for line in &wrong {
        println!("tidy: {line}");
    }
    if wrong.is_empty() {
        println!("tidy: {} files follow the house rules", files.len());
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn metadata(root: &Path) -> Result<Value, String> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--filter-platform", PLATFORM, "--manifest-path"])
        .arg(root.join("Cargo.toml"))
        .output()
        .map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|e| e.to_string())
}

/// Names of ours lose their prefix: `tandem-store` is `store`. The engine has none.
fn ours(package: &str) -> Option<&str> {
    package.strip_prefix("tandem-").or(Some(package).filter(|name| *name == "engine"))
}

fn dependencies(metadata: &Value) -> Vec<String> {
    let none = Vec::new();
    let packages = metadata["packages"].as_array().unwrap_or(&none);
    let name_of: BTreeMap<&str, &str> =
        packages.iter().filter_map(|p| Some((p["id"].as_str()?, p["name"].as_str()?))).collect();
    let nodes: BTreeMap<&str, &Value> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap_or(&none)
        .iter()
        .filter_map(|node| Some((node["id"].as_str()?, node)))
        .collect();
    // Ordinary dependencies only: tests may use what they like.
    let direct = |id: &str| -> Vec<&str> {
        let deps = nodes.get(id).and_then(|node| node["deps"].as_array()).unwrap_or(&none);
        deps.iter()
            .filter(|d| {
                d["dep_kinds"].as_array().is_some_and(|kinds| kinds.iter().any(|k| k["kind"].is_null()))
            })
            .filter_map(|d| d["pkg"].as_str())
            .collect()
    };
    let mut wrong = Vec::new();
    for (id, name) in &name_of {
        let Some(ours_name) = ours(name) else { continue };
        let rank = |name: &str| RANKS.iter().find(|(of, _)| *of == name).map(|(_, rank)| *rank);
        if let Some(own) = rank(ours_name) {
            for used in direct(id).into_iter().filter_map(|id| ours(name_of.get(id)?)) {
                if rank(used).is_none_or(|rank| rank >= own) {
                    wrong.push(format!("{ours_name} uses {used}: dependencies point the other way"));
                }
            }
        } else if !["testkit", "sim"].contains(&ours_name) {
            wrong.push(format!(
                "{ours_name} has no place in the direction of dependencies (xtask/src/tidy.rs)"
            ));
        }
        if CORE.contains(&ours_name) {
            let mut seen = BTreeSet::from([*id]);
            let mut next = vec![*id];
            while let Some(at) = next.pop() {
                next.extend(direct(at).into_iter().filter(|dep| seen.insert(dep)));
            }
            let reached = seen.iter().filter_map(|id| name_of.get(id)).filter(|n| SHELL_ONLY.contains(n));
            wrong.extend(
                reached.map(|n| format!("{ours_name} reaches {n}: the core decides and never waits")),
            );
        }
    }
    wrong
}

fn tracked(root: &Path) -> Vec<PathBuf> {
    let output = Command::new("git").arg("-C").arg(root).args(["ls-files", "-z"]).output();
    let Ok(output) = output else { return Vec::new() };
    String::from_utf8_lossy(&output.stdout).split('\0').filter(|p| !p.is_empty()).map(PathBuf::from).collect()
}

/// Every exception from a lint says why.
fn reasons(path: &Path, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut offset = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let start = offset;
        offset += line.len();
        let attribute = ["#[expect(", "#![expect(", "#[allow(", "#![allow("];
        if attribute.iter().any(|a| line.trim_start().starts_with(a))
            && !text[start..].split(")]").next().is_some_and(|attribute| attribute.contains("reason"))
        {
            wrong.push(format!(
                "{}:{}: an exception from a lint without a reason",
                path.display(),
                number + 1
            ));
        }
    }
    wrong
}

/// Places that mean something on one machine only: paths of a workplace, hosts of a package mirror.
fn words(path: &Path, text: &str) -> Vec<String> {
    // In pieces, so that this file does not mention them.
    let forbidden = [
        ["/wo", "rk/"],
        ["/home", "/"],
        ["/ro", "ot/"],
        ["/tmp/", "tgt"],
        [".inter", "nal/"],
        ["arti", "factory"],
    ];
    let mut wrong = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for word in forbidden.iter().map(|parts| parts.concat()) {
            if line.contains(&word) {
                wrong.push(format!("{}:{}: mentions {word}", path.display(), number + 1));
            }
        }
    }
    if path.ends_with("package-lock.json")
        || path.ends_with("Cargo.lock")
        || path.ends_with("requirements.txt")
    {
        for (number, line) in text.lines().enumerate() {
            let host = line.split("://").nth(1).and_then(|rest| rest.split(['/', '"']).next());
            let public = ["github.com", "registry.npmjs.org", "npmjs.org", "files.pythonhosted.org"];
            let about = ["\"url\"", "\"funding\"", "\"homepage\""].iter().any(|key| line.contains(key));
            if let Some(host) = host
                && !about
                && !public.contains(&host)
            {
                wrong.push(format!("{}:{}: comes from {host}", path.display(), number + 1));
            }
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expect_needs_a_reason() {
        let path = Path::new("x.rs");
        let wrong = |text: &str| reasons(path, text).len();
        assert_eq!(wrong("#[expect(clippy::x, reason = \"y\")]\nfn a() {}"), 0);
        assert_eq!(wrong("#[expect(\n  clippy::x,\n  reason = \"y\"\n)]\nfn a() {}"), 0);
        assert_eq!(wrong("    #[expect(clippy::x)]\nfn a() {}"), 1);
        assert_eq!(wrong("#![allow(clippy::x)]"), 1);
    }

    #[test]
    fn places_of_one_machine_are_found() {
        let path = Path::new("README.md");
        assert_eq!(words(path, &["see /wo", "rk/x"].concat()).len(), 1);
        assert_eq!(words(path, "POST /Workers and /workspaces").len(), 0);
        let lock = Path::new("a/package-lock.json");
        assert_eq!(words(lock, "\"resolved\": \"https://mirror.example/x.tgz\"").len(), 1);
        assert_eq!(words(lock, "\"resolved\": \"https://registry.npmjs.org/x.tgz\"").len(), 0);
    }

    #[test]
    fn a_core_crate_that_reaches_a_runtime_is_found() {
        let metadata = serde_json::json!({
            "packages": [{"id": "e", "name": "tandem-engine"}, {"id": "s", "name": "tandem-store"},
                         {"id": "m", "name": "middle"}, {"id": "t", "name": "tokio"}],
            "resolve": {"nodes": [
                {"id": "e", "deps": [{"pkg": "m", "dep_kinds": [{"kind": null}]}, {"pkg": "s", "dep_kinds": [{"kind": "dev"}]}]},
                {"id": "m", "deps": [{"pkg": "t", "dep_kinds": [{"kind": null}]}]},
                {"id": "s", "deps": [{"pkg": "e", "dep_kinds": [{"kind": null}]}, {"pkg": "t", "dep_kinds": [{"kind": null}]}]},
                {"id": "t", "deps": []}]}
        });
        assert_eq!(dependencies(&metadata), ["engine reaches tokio: the core decides and never waits"]);
    }
}
