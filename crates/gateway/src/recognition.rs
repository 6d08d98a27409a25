//! What callers say, for `<Gather input="speech">`: a trait, and a program of this machine.

use crate::transcripts::{Transcriber as _, TranscriptCommand, TranscriptError};
use engine::call::port::Recognised;
use serde_json::Value;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

/// Stand in the command for the language, the hints (with commas) and the model that the document asks for.
const LANGUAGE: &str = "{language}";
const HINTS: &str = "{hints}";
const MODEL: &str = "{model}";

/// What comes of a recognition.
pub type Recognising<'a> = Pin<Box<dyn Future<Output = Result<Recognised, TranscriptError>> + Send + 'a>>;

/// Somebody who recognises speech.
pub trait Recogniser: Send + Sync {
    /// What this WAV file says; its text is empty if nothing.
    fn recognise<'a>(
        &'a self,
        wav: &'a Path,
        language: &'a str,
        hints: &'a [String],
        model: &'a str,
    ) -> Recognising<'a>;
}

/// A program that is given a WAV file and prints what it says: as text, or as JSON with `text` and `confidence`.
#[derive(Debug, Clone)]
pub struct RecognitionCommand {
    /// The program and its arguments; `{file}`, `{language}`, `{hints}` and `{model}` are what they say.
    pub words: Vec<String>,
    /// It is ended after this long.
    pub timeout: Duration,
}

impl Recogniser for RecognitionCommand {
    fn recognise<'a>(
        &'a self,
        wav: &'a Path,
        language: &'a str,
        hints: &'a [String],
        model: &'a str,
    ) -> Recognising<'a> {
        Box::pin(async move {
            let hints = hints.join(",");
            let fill =
                |word: &String| word.replace(LANGUAGE, language).replace(HINTS, &hints).replace(MODEL, model);
            let words = self.words.iter().map(fill).collect();
            let command = TranscriptCommand { words, timeout: self.timeout };
            Ok(read(&command.transcribe(wav).await?))
        })
    }
}

/// What a program printed.
fn read(printed: &str) -> Recognised {
    match serde_json::from_str::<Value>(printed) {
        Ok(Value::Object(said)) if said.get("text").is_some_and(Value::is_string) => Recognised {
            text: said["text"].as_str().unwrap_or_default().trim().to_owned(),
            confidence: said.get("confidence").and_then(Value::as_f64),
        },
        _ => Recognised { text: printed.trim().to_owned(), confidence: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_prints_text_or_json() {
        assert_eq!(read(" hello there "), Recognised { text: "hello there".to_owned(), confidence: None });
        let said = read(r#"{"text": "hello", "confidence": 0.5}"#);
        assert_eq!(said, Recognised { text: "hello".to_owned(), confidence: Some(0.5) });
        assert_eq!(read(r#"{"words": 1}"#).text, r#"{"words": 1}"#);
    }

    #[tokio::test]
    async fn a_program_is_told_the_language_and_the_hints() {
        let words = ["sh", "-c", "echo \"$1 $2 $3\"", "sh", "{language}", "{hints}", "{model}"];
        let command = RecognitionCommand {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            timeout: Duration::from_secs(10),
        };
        let hints = ["one".to_owned(), "$(two)".to_owned()];
        let said = command.recognise(Path::new("/x.wav"), "de-DE", &hints, "phone_call").await.unwrap();
        assert_eq!(said.text, "de-DE one,$(two) phone_call");
    }
}
