//! Speech to text: a trait, and a program of this machine.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;
use std::time::Duration;

/// What one recording may say, in bytes of text. The rest is left out.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Stands in the command for the file.
const FILE: &str = "{file}";

/// Why nobody knows what a recording says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TranscriptError {
    /// The program cannot be run.
    #[error("could not run {program}: {why}")]
    NoProgram {
        /// Which.
        program: String,
        /// What the system says.
        why: String,
    },
    /// The program took too long.
    #[error("the transcription did not finish in {0:?}")]
    TimedOut(Duration),
    /// The program failed.
    #[error("the transcription failed: {0}")]
    Failed(String),
}

/// Somebody who writes down what is said.
pub trait Transcriber: Send + Sync {
    /// What this WAV file says; empty if nothing.
    fn transcribe<'a>(
        &'a self,
        wav: &'a Path,
    ) -> Pin<Box<dyn Future<Output = Result<String, TranscriptError>> + Send + 'a>>;
}

/// A program that is given a WAV file and prints what it says, such as whisper.cpp's.
#[derive(Debug, Clone)]
pub struct TranscriptCommand {
    /// The program and its arguments; `{file}` is the file, which is the last argument if it stands nowhere.
    pub words: Vec<String>,
    /// It is ended after this long.
    pub timeout: Duration,
}

impl Transcriber for TranscriptCommand {
    fn transcribe<'a>(
        &'a self,
        wav: &'a Path,
    ) -> Pin<Box<dyn Future<Output = Result<String, TranscriptError>> + Send + 'a>> {
        Box::pin(async move {
            let file = wav.display().to_string();
            let mut words: Vec<String> = self.words.iter().map(|word| word.replace(FILE, &file)).collect();
            if !self.words.iter().any(|word| word.contains(FILE)) {
                words.push(file);
            }
            let program = words.first().cloned().unwrap_or_default();
            let started = tokio::process::Command::new(&program)
                .args(&words[1..])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn();
            let no_program = |why: std::io::Error| TranscriptError::NoProgram {
                program: program.clone(),
                why: why.to_string(),
            };
            let child = started.map_err(no_program)?;
            let ended = tokio::time::timeout(self.timeout, child.wait_with_output()).await;
            let output = match ended {
                Ok(Ok(output)) => output,
                Ok(Err(why)) => return Err(no_program(why)),
                Err(_) => return Err(TranscriptError::TimedOut(self.timeout)),
            };
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr);
                let last = said.trim().lines().last().unwrap_or_default();
                return Err(TranscriptError::Failed(format!("{}: {last}", output.status)));
            }
            let said = &output.stdout[..output.stdout.len().min(TEXT_BYTES_MAX)];
            Ok(String::from_utf8_lossy(said).split_whitespace().collect::<Vec<_>>().join(" "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> TranscriptCommand {
        TranscriptCommand {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            timeout: Duration::from_secs(20),
        }
    }

    #[tokio::test]
    async fn a_program_prints_what_a_file_says() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), " please call \n back ").unwrap();
        let said = command(&["cat"]).transcribe(file.path()).await;
        assert_eq!(said.as_deref(), Ok("please call back"));
        let named = command(&["sh", "-c", "wc -c < {file}"]).transcribe(file.path()).await;
        assert_eq!(named.as_deref(), Ok("20"));
    }

    #[tokio::test]
    async fn a_program_that_fails_is_not_there_or_does_not_end_says_so() {
        let none = Path::new("/nonexistent.wav");
        let failed = command(&["cat"]).transcribe(none).await;
        assert!(matches!(failed, Err(TranscriptError::Failed(why)) if why.contains("nonexistent")));
        let missing = command(&["/no/such/program"]).transcribe(none).await;
        assert!(matches!(missing, Err(TranscriptError::NoProgram { .. })));
        let slow =
            TranscriptCommand { timeout: Duration::from_millis(50), ..command(&["sh", "-c", "sleep 20"]) };
        assert!(matches!(slow.transcribe(none).await, Err(TranscriptError::TimedOut(_))));
    }
}
