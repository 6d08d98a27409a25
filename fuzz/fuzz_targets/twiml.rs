//! TwiML: no text panics, and a document prints what parses back to it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twiml::{Document, Verb};

fuzz_target!(|text: &str| {
    let _ = twiml::resolve(Some("https://app.example.com/ivr/menu?x=1"), text);
    let parameters = [("From".to_owned(), text.to_owned()), ("a".to_owned(), "<&>".to_owned())];
    let _ = twiml::fill(text, &parameters);
    let Ok(parsed) = Document::parse(text) else { return };
    // A failed verb prints as a comment.
    let verbs = parsed.document.verbs.into_iter().filter(|verb| !matches!(verb, Verb::Failed { .. }));
    let document = Document { verbs: verbs.collect() };
    let printed = document.to_string();
    match Document::parse(&printed) {
        Ok(again) => assert_eq!(again.document, document, "{printed}"),
        // Escaping makes a document longer than it was.
        Err(error) => assert_eq!(error.code, 11750, "{printed}: {error}"),
    }
});
