//! Golden transcripts, `crates/wire/tests/golden/*.http`: the exact bytes of whole conversations.
//!
//! `> METHOD path   a=b&c=d` asks (values are encoded here), `| Name: value` adds a header, `~ 15s` moves the clock, `#` is
//! for the reader, and `< status ETag  body` is what must come. SIDs are numbered as they first appear.
//! With `TANDEM_GOLDEN=write` the answers are written into the files instead, to be reviewed.

use crate::house::{ACCOUNT, Got, House, form};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Default)]
struct Names {
    /// Number by SID, and SID by name: `WS[1]`.
    names: BTreeMap<String, String>,
    sids: BTreeMap<String, String>,
    counts: BTreeMap<String, usize>,
}

impl Names {
    /// SIDs become names.
    fn shorten(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| c.is_ascii_uppercase()) {
            let (before, from) = rest.split_at(at);
            out.push_str(before);
            if is_sid(from) {
                let (sid, after) = from.split_at(34);
                let name = self.names.get(sid).cloned().unwrap_or_else(|| {
                    let count = self.counts.entry(sid[..2].to_owned()).or_default();
                    *count += 1;
                    let name = format!("{}[{count}]", &sid[..2]);
                    self.names.insert(sid.to_owned(), name.clone());
                    self.sids.insert(name.clone(), sid.to_owned());
                    name
                });
                out.push_str(&name);
                rest = after;
            } else {
                out.push_str(&from[..1]);
                rest = &from[1..];
            }
        }
        out + rest
    }

    /// Names become SIDs.
    fn expand(&self, text: &str) -> String {
        self.sids.iter().rev().fold(text.to_owned(), |text, (name, sid)| text.replace(name, sid))
    }
}

fn is_sid(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends = bytes.get(34).is_none_or(|b| !b.is_ascii_alphanumeric());
    bytes.len() >= 34
        && bytes[1].is_ascii_uppercase()
        && ends
        && bytes[2..34].iter().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../wire/tests/golden")
}

/// The lines of one request: method and path, form, headers.
async fn ask(house: &House, names: &Names, line: &str, headers: &[String]) -> Got {
    let (method, rest) = line.trim().split_once(' ').expect("method and path");
    let (path, body) = rest.trim().split_once("   ").unwrap_or((rest.trim(), ""));
    let (path, body) = (names.expand(path.trim()), names.expand(body.trim()));
    let body = if body.starts_with('{') || body.is_empty() {
        body
    } else {
        let pairs: Vec<_> = body.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
        form(&pairs)
    };
    let headers: Vec<_> = headers.iter().filter_map(|line| line.split_once(": ")).collect();
    house.ask(ACCOUNT, method, &path, &body, &headers).await
}

fn seconds(text: &str) -> Duration {
    Duration::from_secs(text.trim().trim_end_matches('s').parse().expect("seconds, as in 15s"))
}

/// Plays the transcript; answers it with the answers as they came.
async fn play(text: &str) -> String {
    let house = House::open().await;
    let mut names = Names::default();
    names.shorten(ACCOUNT);
    let mut out = String::new();
    let mut asked: Option<(String, Vec<String>)> = None;
    let mut lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('<')).collect();
    lines.push("");
    for line in lines {
        match (line.strip_prefix("| "), asked.as_mut()) {
            (Some(header), Some((_, headers))) => headers.push(names.expand(header)),
            (_, Some((request, headers))) => {
                let got = ask(&house, &names, request, headers).await;
                let etag = got.headers.get("etag").map_or("", |value| value.to_str().unwrap());
                let body = names.shorten(&got.text);
                writeln!(out, "{}", format!("< {} {etag} {body}", got.status).trim_end()).unwrap();
                asked = None;
            }
            _ => {}
        }
        if let Some(by) = line.strip_prefix("~ ") {
            house.later(seconds(by));
        }
        if let Some(request) = line.strip_prefix("> ") {
            asked = Some((request.to_owned(), Vec::new()));
        }
        writeln!(out, "{line}").unwrap();
    }
    out.trim_end().to_owned() + "\n"
}

#[tokio::test]
async fn transcripts_are_as_they_were_reviewed() {
    let mut files: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "http"))
        .collect();
    files.sort();
    assert!(files.len() >= 4, "the transcripts are in {}", folder().display());
    let write = std::env::var("TANDEM_GOLDEN").is_ok_and(|what| what == "write");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let played = play(&text).await;
        if write {
            std::fs::write(&file, played).unwrap();
            continue;
        }
        for (at, (is, should)) in played.lines().zip(text.lines()).enumerate() {
            assert_eq!(is, should, "{}:{}", file.display(), at + 1);
        }
        assert_eq!(played.lines().count(), text.lines().count(), "{}", file.display());
    }
}
