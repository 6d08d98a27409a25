//! Calls that leave their workflow because nobody took them: another number, a document, a sentence, a mailbox.

use super::parameters::{Parameters, pair};
use super::port::*;
use super::program::escape;
use super::recording::whole_seconds;
use super::state::*;
use super::switchboard::Switchboard;
use crate::routing::effect::Diversion;
use crate::routing::workflow::Redirection;
use base::*;
use serde_json::json;
use std::time::Duration;

/// Recordings that may be written down at a time.
const TRANSCRIPTS_MAX: usize = 1_000;
/// Said to whom nobody heard.
const NOTHING_SAID: &str = "Nothing was recorded. Goodbye.";
const SAVED: &str = "Thank you. Your message is saved. Goodbye.";

/// A message that is being left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MessagePlan {
    pub workspace: WorkspaceSid,
    pub mailbox: Mailbox,
    /// The task of which this is the end.
    pub task: Option<TaskSid>,
}

/// Somebody waits for a recording to be written down.
#[derive(Debug)]
pub(super) struct TranscriptWish {
    call: CallSid,
    callback: Option<Webhook>,
    /// What is told of the call.
    parameters: Parameters,
    message: Option<VoicemailRecord>,
    /// What is shown of it, once it is being written.
    record: Option<TranscriptionRecord>,
}

impl Switchboard {
    /// The call stops waiting and goes where its workflow says.
    pub(super) fn divert(&mut self, task: TaskSid, sid: CallSid, steps: Vec<Diversion>) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        if let Some(waiting) = call.waiting_mut()
            && waiting.task.is_none_or(|link| link.task == task)
        {
            // It is over already.
            waiting.task = None;
        }
        let goes_on = steps.contains(&Diversion::Step(Redirection::Continue));
        let resume = if goes_on { self.take_document(sid) } else { None };
        self.cut(sid, Cut::Redirected, None);
        self.note(sid, "queue", "redirected by the workflow", json!({"task_sid": task}));
        if let Some(call) = self.calls.get_mut(&sid) {
            call.diversions = Diversions { task: Some(task), steps: steps.into(), resume };
        }
        if !self.next_diversion(sid) {
            self.hang_up(sid);
        }
    }

    /// Where the document of a waiting call goes on later. Its action is not told of the redirection: it will be asked.
    fn take_document(&mut self, sid: CallSid) -> Option<Box<Resume>> {
        let waiting = self.calls.get(&sid)?.waiting()?;
        let parameters = self.queue_result(waiting, "redirected");
        let call = self.calls.get_mut(&sid)?;
        let frame = call.main.clone();
        let action = call.waiting_mut()?.action.take();
        Some(Box::new(Resume { frame, action, parameters }))
    }

    /// Begins what comes next for a call that its workflow sent away; false if nothing does.
    pub(super) fn next_diversion(&mut self, sid: CallSid) -> bool {
        let Some(call) = self.calls.get_mut(&sid) else { return false };
        let task = call.diversions.task;
        let Some(step) = call.diversions.steps.pop_front() else { return false };
        match step {
            Diversion::Step(Redirection::Number { to, timeout, caller_id }) => {
                let caller_id =
                    caller_id.map_or(String::new(), |id| format!(r#" callerId="{}""#, escape(&id)));
                let noun = match &to {
                    sip if sip.starts_with("sip:") => "Sip",
                    client if client.starts_with("client:") => "Client",
                    _ => "Number",
                };
                let who = escape(to.strip_prefix("client:").unwrap_or(&to));
                let seconds = timeout.as_secs();
                self.run_own(
                    sid,
                    &format!(r#"<Dial timeout="{seconds}"{caller_id}><{noun}>{who}</{noun}></Dial>"#),
                );
            }
            Diversion::Step(Redirection::Url { url, get }) => {
                let method = if get { Method::Get } else { Method::Post };
                call.diversions = Diversions::default();
                self.fetch_main(sid, Webhook { url, method }, Vec::new());
            }
            Diversion::Step(Redirection::Say { text, language }) => {
                let language = language.map_or(String::new(), |l| format!(r#" language="{}""#, escape(&l)));
                self.run_own(sid, &format!("<Say{language}>{}</Say>", escape(&text)));
            }
            Diversion::Step(Redirection::Play(url)) => {
                self.run_own(sid, &format!("<Play>{}</Play>", escape(&url)));
            }
            Diversion::Step(Redirection::Continue) => {
                let Some(resume) = std::mem::take(&mut call.diversions).resume else { return false };
                call.main = resume.frame;
                self.finish_verb(sid, resume.action, resume.parameters);
            }
            // Routing says whose mailbox it is.
            Diversion::Step(Redirection::Voicemail(_)) => return self.next_diversion(sid),
            Diversion::Voicemail { workspace, mailbox, name } => {
                call.diversions = Diversions::default();
                self.take_message(sid, MessagePlan { workspace, mailbox, task }, &name);
            }
        }
        true
    }

    /// Greets the caller and records what they say.
    pub(super) fn take_message(&mut self, sid: CallSid, plan: MessagePlan, name: &str) {
        let settings = self.mailboxes.get(&plan.mailbox).cloned();
        let settings = settings.unwrap_or_else(|| MailboxSettings::new(plan.workspace, plan.mailbox));
        let greeting = match settings.greeting {
            Some(Greeting::Say(text)) => format!("<Say>{}</Say>", escape(&text)),
            Some(Greeting::Play(url)) => format!("<Play>{}</Play>", escape(&url)),
            None => {
                let name = escape(name);
                format!("<Say>{name} cannot take your call. Please leave a message after the tone.</Say>")
            }
        };
        self.note(sid, "record", "asked for a message", json!({"mailbox": plan.mailbox}));
        let Some(call) = self.calls.get_mut(&sid) else { return };
        call.message = Some(plan);
        let (seconds, transcribe) = (settings.length_max.as_secs(), settings.transcribe);
        self.run_own(
            sid,
            &format!(
                r#"{greeting}<Record maxLength="{seconds}" timeout="5" transcribe="{transcribe}"/><Say>{NOTHING_SAID}</Say>"#
            ),
        );
    }

    /// A message begins to be recorded.
    pub(super) fn message_begins(&mut self, sid: CallSid, recording: RecordingSid) {
        let Some(call) = self.calls.get(&sid) else { return };
        let Some(plan) = &call.message else { return };
        let record = VoicemailRecord {
            sid: VoicemailSid::generate(&mut self.entropy),
            workspace: plan.workspace,
            mailbox: plan.mailbox,
            call: sid,
            recording,
            task: plan.task,
            from: call.record.from.clone(),
            from_name: call.record.from_name.clone(),
            to: call.record.to.clone(),
            duration_s: 0,
            created: self.now.wall,
            updated: self.now.wall,
            heard: None,
            transcript: Transcript::None,
        };
        self.messages.insert(recording, record);
    }

    /// Something was recorded (or not); if it is a message, it is kept from now on.
    pub(super) fn message_recorded(&mut self, recording: RecordingSid, length: Option<Duration>) {
        let message = self.messages.remove(&recording);
        let Some(length) = length else { return drop(self.transcripts.remove(&recording)) };
        let wanted = self.transcripts.contains_key(&recording);
        if wanted {
            self.begin_transcript(recording, length);
        }
        let Some(mut record) = message else { return };
        if wanted {
            record.transcript = Transcript::InProgress;
        }
        record.duration_s = whole_seconds(length);
        record.updated = self.now.wall;
        self.note(
            record.call,
            "record",
            "left a message",
            json!({"voicemail_sid": record.sid, "mailbox": record.mailbox, "duration_s": record.duration_s}),
        );
        self.out.push(Effect::Record(Record::Voicemail(Box::new(record.clone()))));
        if let Some(wish) = self.transcripts.get_mut(&recording) {
            wish.message = Some(record);
        }
    }

    /// What is recorded is to be written down afterwards.
    pub(super) fn wants_transcript(
        &mut self,
        sid: CallSid,
        recording: RecordingSid,
        callback: Option<Webhook>,
    ) {
        let Some(call) = self.calls.get(&sid) else { return };
        if self.transcripts.len() >= TRANSCRIPTS_MAX {
            let message = "too many recordings are being transcribed: this one is not";
            return self.notify_warning(sid, 12200, message);
        }
        let parameters = self.standard(call);
        self.transcripts.insert(
            recording,
            TranscriptWish { call: sid, callback, parameters, message: None, record: None },
        );
    }

    fn begin_transcript(&mut self, recording: RecordingSid, length: Duration) {
        let record = TranscriptionRecord {
            sid: TranscriptionSid::generate_at(self.now.wall, &mut self.entropy),
            account: self.settings.account,
            recording,
            status: "in-progress".to_owned(),
            text: String::new(),
            duration_s: whole_seconds(length),
            created: self.now.wall,
            updated: self.now.wall,
        };
        self.out.push(Effect::Record(Record::Transcription(Box::new(record.clone()))));
        if let Some(wish) = self.transcripts.get_mut(&recording) {
            wish.record = Some(record);
        }
        self.out.push(Effect::Transcribe { recording });
    }

    /// Somebody has written down what is said, or could not.
    pub(super) fn transcribed(&mut self, recording: RecordingSid, outcome: Result<String, String>) {
        let Some(wish) = self.transcripts.remove(&recording) else { return };
        let status = if outcome.is_ok() { "completed" } else { "failed" };
        let why = outcome.as_ref().err();
        self.note(wish.call, "record", format!("transcription {status}"), json!({"error": why}));
        let sid = wish.record.as_ref().map(|record| record.sid);
        if let Some(mut record) = wish.record {
            record.status = status.to_owned();
            record.text = outcome.clone().unwrap_or_default();
            record.updated = self.now.wall;
            self.out.push(Effect::Record(Record::Transcription(Box::new(record))));
        }
        if let Some(webhook) = wish.callback {
            let mut parameters = wish.parameters;
            if let Some(sid) = sid {
                let (settings, account) = (&self.settings, self.settings.account);
                let root = settings.public_url.trim_end_matches('/');
                let url = format!("{root}/{}/Accounts/{account}/Transcriptions/{sid}", settings.api_version);
                parameters.extend([pair("TranscriptionSid", sid), pair("TranscriptionUrl", url)]);
            }
            parameters.extend([
                pair("TranscriptionText", outcome.as_deref().unwrap_or_default()),
                pair("TranscriptionStatus", status),
            ]);
            // How long it is says its own callback.
            let of = self.recording_parameters(recording).into_iter();
            parameters.extend(of.filter(|(name, _)| name != "RecordingDuration"));
            self.out.push(Effect::Callback { lane: recording.to_string(), webhook, parameters });
        }
        if let Some(mut record) = wish.message {
            record.updated = self.now.wall;
            record.transcript = match outcome {
                Ok(text) => Transcript::Completed(text),
                Err(why) => Transcript::Failed(why),
            };
            self.out.push(Effect::Record(Record::VoicemailTranscript(Box::new(record))));
        }
    }

    /// The caller has left their message and is still there.
    pub(super) fn message_left(&mut self, sid: CallSid) {
        self.run_own(sid, &format!("<Say>{SAVED}</Say>"));
    }
}
