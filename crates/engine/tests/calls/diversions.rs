//! A call that its workflow sends away: numbers, documents, sentences, and messages for agents and queues.

use crate::day::*;
use base::*;
use engine::call::*;
use engine::routing::effect::{Diversion, VoiceOrder};
use engine::routing::workflow::Redirection;
use sip::port::{Cause, LegId};
use std::time::Duration;

const MAILBOX: Mailbox = Mailbox::Worker(WorkerSid([7; 16]));
const WORKSPACE: WorkspaceSid = WorkspaceSid([3; 16]);

/// A caller in a workflow's queue, sent away.
fn sent(day: &mut Day, steps: Vec<Diversion>) -> LegId {
    let caller = day.call();
    let call = day.sid(caller);
    let task = day.task_of(call).unwrap();
    day.order(VoiceOrder::Divert { task, call, steps });
    caller
}

fn waiting() -> Day {
    Day::that_runs(&format!(r#"<Enqueue workflowSid="{}" action="/done"/>"#, WorkflowSid([5; 16])))
}

fn number(to: &str) -> Diversion {
    let (to, timeout) = (to.to_owned(), Duration::from_secs(9));
    Diversion::Step(Redirection::Number { to, timeout, caller_id: Some("+15550100001".to_owned()) })
}

fn say(text: &str) -> Diversion {
    Diversion::Step(Redirection::Say { text: text.to_owned(), language: None })
}

fn said(text: &str) -> Heard {
    Heard::Said(text.to_owned())
}

fn mailbox() -> Diversion {
    Diversion::Voicemail { workspace: WORKSPACE, mailbox: MAILBOX, name: "Ana Lind".to_owned() }
}

fn messages(day: &Day) -> Vec<VoicemailRecord> {
    let kept = day.log.iter().filter_map(|effect| match effect {
        Effect::Record(Record::Voicemail(record)) => Some((**record).clone()),
        _ => None,
    });
    kept.collect()
}

#[test]
fn the_next_number_is_tried_until_somebody_answers_and_then_no_more() {
    let mut day = waiting();
    let caller = sent(&mut day, vec![number("+15557770001"), number("+15557770002"), say("nobody")]);
    assert_eq!(day.told("http://app/done")[0]["QueueResult"], "redirected");
    assert!(day.reports().is_empty(), "the task is over already");
    let first = day.last_invited();
    day.goes(first, Cause::Busy);
    let second = day.last_invited();
    assert_ne!(first, second);
    assert_eq!(day.invites.last().unwrap().3, "+15550100001");
    day.answers(second);
    assert!(day.talk(caller, second));
    day.hangs_up(second);
    assert!(day.is_gone(caller), "they have talked: nothing is said after it");
}

#[test]
fn when_nobody_answers_it_is_said_and_a_document_takes_over() {
    let mut day = waiting();
    day.document("http://app/after", "<Say>from the app</Say>");
    let url = Diversion::Step(Redirection::Url { url: "http://app/after".to_owned(), get: true });
    let caller = sent(&mut day, vec![number("+15557770001"), say("nobody is here"), url, say("never")]);
    let out = day.last_invited();
    day.goes(out, Cause::NoAnswer);
    assert_eq!(day.heard(caller), said("nobody is here"));
    day.played_out(caller);
    assert_eq!(day.heard(caller), said("from the app"));
    day.played_out(caller);
    assert!(day.is_gone(caller), "the document is the last word");
}

#[test]
fn the_document_goes_on_where_it_was_left() {
    let proceed = || Diversion::Step(Redirection::Continue);
    let workflow = WorkflowSid([5; 16]);
    let mut day = Day::that_runs(&format!(r#"<Enqueue workflowSid="{workflow}"/><Say>ask again</Say>"#));
    let caller = sent(&mut day, vec![say("not a valid extension"), proceed(), say("never")]);
    assert_eq!(day.heard(caller), said("not a valid extension"));
    day.played_out(caller);
    assert_eq!(day.heard(caller), said("ask again"));
    day.played_out(caller);
    assert!(day.is_gone(caller));

    let mut day = waiting();
    day.document("http://app/done", "<Say>the action</Say>");
    let caller = sent(&mut day, vec![proceed()]);
    assert_eq!(day.heard(caller), said("the action"));
    let asked = &day.fetched("http://app/done")[0];
    assert_eq!(asked["QueueResult"], "redirected");
    assert!(day.told("http://app/done").is_empty(), "asked, not told");
}

#[test]
fn a_message_is_greeted_recorded_and_kept() {
    let mut day = waiting();
    let caller = sent(&mut day, vec![mailbox(), say("never")]);
    let greeting = "Ana Lind cannot take your call. Please leave a message after the tone.";
    assert_eq!(day.heard(caller), said(greeting));
    day.played_out(caller);
    assert_eq!(day.heard(caller), Heard::Beep);
    day.played_out(caller);
    day.wait(4.0);
    assert!(messages(&day).is_empty(), "nothing is kept before it is whole");
    let call = day.sid(caller);
    day.presses(caller, "#");
    assert_eq!(day.heard(caller), said("Thank you. Your message is saved. Goodbye."));
    let [message] = &messages(&day)[..] else { panic!("one message") };
    assert_eq!((message.mailbox, message.call, message.duration_s), (MAILBOX, call, 4));
    assert_eq!((message.from.as_str(), message.to.as_str()), (CALLER, NUMBER));
    assert_eq!(message.recording, day.recordings()[0].sid);
    assert!(message.task.is_some() && message.heard.is_none());
    day.played_out(caller);
    assert!(day.is_gone(caller));
}

#[test]
fn who_hangs_up_has_left_their_message_and_who_says_nothing_has_not() {
    let mut day = waiting();
    let caller = sent(&mut day, vec![mailbox()]);
    day.played_out(caller);
    day.played_out(caller);
    day.wait(3.0);
    day.hangs_up(caller);
    assert_eq!(messages(&day)[0].duration_s, 3);

    let mut day = waiting();
    day.nobody_speaks = true;
    let caller = sent(&mut day, vec![mailbox()]);
    day.played_out(caller);
    day.played_out(caller);
    day.wait(2.0);
    day.presses(caller, "#");
    assert_eq!(day.heard(caller), said("Nothing was recorded. Goodbye."));
    assert!(messages(&day).is_empty());
}

#[test]
fn a_mailbox_greets_as_it_was_told_and_has_what_was_said_written_down() {
    let mut day = Day::with(|settings| settings.transcribes = true);
    day.document("http://app/voice", &format!(r#"<Enqueue workflowSid="{}"/>"#, WorkflowSid([5; 16])));
    let mut settings = MailboxSettings::new(WORKSPACE, MAILBOX);
    settings.greeting = Some(Greeting::Say("Tell me & go".to_owned()));
    settings.transcribe = true;
    day.give(Input::Mailbox(settings));
    let caller = sent(&mut day, vec![mailbox()]);
    assert_eq!(day.heard(caller), said("Tell me & go"));
    day.played_out(caller);
    day.played_out(caller);
    day.wait(5.0);
    day.presses(caller, "1");
    let recording = day.recordings()[0].sid;
    assert!(day.log.contains(&Effect::Transcribe { recording }));
    assert_eq!(messages(&day)[0].transcript, Transcript::InProgress);
    day.give(Input::Transcribed { recording, outcome: Ok("call me back".to_owned()) });
    let written = day.last.iter().find_map(|effect| match effect {
        Effect::Record(Record::VoicemailTranscript(record)) => Some(record.transcript.clone()),
        _ => None,
    });
    assert_eq!(written, Some(Transcript::Completed("call me back".to_owned())));
    day.give(Input::Transcribed { recording, outcome: Ok("again".to_owned()) });
    assert!(day.last.is_empty(), "nobody waits for it any more");

    day.give(Input::MailboxRemoved(MAILBOX));
    let caller = sent(&mut day, vec![mailbox()]);
    assert!(matches!(day.heard(caller), Heard::Said(text) if text.starts_with("Ana Lind cannot")));
}

// covers: twiml Record.transcribe Record.transcribeCallback
#[test]
fn what_is_written_down_is_told_to_the_callback_of_record() {
    let mut day = Day::with(|settings| settings.transcribes = true);
    let verbs = r#"<Record action="/done" transcribe="true" transcribeCallback="/text"/>"#;
    day.document("http://app/voice", verbs);
    day.document("http://app/done", "<Say>thanks</Say>");
    let caller = day.call();
    day.played_out(caller);
    day.wait(3.0);
    day.presses(caller, "#");
    let recording = day.recordings()[0].sid;
    day.give(Input::Transcribed { recording, outcome: Err("no model".to_owned()) });
    let told = &day.told("http://app/text")[0];
    assert_eq!((&*told["TranscriptionStatus"], &*told["TranscriptionText"]), ("failed", ""));
    assert_eq!((&*told["RecordingSid"], &*told["From"]), (&*recording.to_string(), CALLER));
    assert!(!day.notices().contains(&12200));
}

#[test]
fn a_caller_who_leaves_or_is_fetched_elsewhere_is_not_followed() {
    let mut day = waiting();
    let caller = sent(&mut day, vec![number("+15557770001"), mailbox()]);
    let out = day.last_invited();
    day.redirect(day.sid(caller), "<Say>elsewhere</Say>");
    assert!(day.is_gone(out));
    assert_eq!(day.heard(caller), said("elsewhere"));
    day.played_out(caller);
    assert!(day.is_gone(caller));
    assert!(messages(&day).is_empty());
    day.order(VoiceOrder::Divert { task: TaskSid([1; 16]), call: CallSid([1; 16]), steps: vec![mailbox()] });
    assert!(day.last.is_empty(), "a call that has gone goes nowhere");
}
