//! The second and third solution: an application that decides who is called, and calls that nobody accepts.

use crate::story::{CALLER_A, CALLER_C, OUTSIDE, OUTSIDE_NUMBER, PROMPT, Stage};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tandem_testkit::{Call, DEV_TOKEN, Ear, End, Heard, Rest, Trouble, WITHIN, WebhookReceiver};

/// The number whose calls an application assigns.
const ASSIGNED_NUMBER: &str = "+15550100020";
const ASSIGNED: &str = "Assigned by an application";
/// Sales, support and everyone have had their time.
const ESCALATED: Duration = Duration::from_secs(40);
const MESSAGE: Duration = Duration::from_secs(3);

impl Stage<'_> {
    /// S2: the workflow's application is asked about the offer, and says `dequeue`.
    pub async fn assigned(&mut self) -> Result<(), Trouble> {
        let app = WebhookReceiver::start(DEV_TOKEN).await?;
        let break_ = self.centre.sid("Activities", "activities", "Break").await?;
        let instruction = json!({"instruction": "dequeue", "from": ASSIGNED_NUMBER,
            "post_work_activity_sid": break_});
        app.answers("/assign", 200, "application/json", &instruction.to_string());
        let workflow = self.workflow_of(&app).await?;
        app.answers_twiml(
            "/voice",
            &format!(
                r#"<Response><Enqueue workflowSid="{workflow}"><Task>{{"account_number":"12345abcdef"}}</Task></Enqueue></Response>"#
            ),
        );
        self.number_of(&app).await?;
        self.centre.says("ana", "Available").await?;
        let call = self.a.dials(ASSIGNED_NUMBER).await?;
        let asked = app.receives("/assign", PROMPT, |_| true).await?;
        self.check(
            asked.signed && asked.parameter("TaskAttributes").contains("12345abcdef"),
            "the application is asked about the offer, signed, with the call's attributes",
        );
        let (ringing, _) = self.ana.rings(PROMPT).await?;
        self.ana.answers(ringing).await?;
        self.both_hear(&call, CALLER_A, Instant::now(), crate::story::ANSWERED).await?;
        self.report.passed("it says dequeue: ana's phone rings, and they hear each other");
        let path = self.centre.path(&format!("/Tasks/{}", asked.parameter("TaskSid")));
        let knows = |task: &Value| {
            let attributes = task.get("attributes").and_then(Value::as_str).unwrap_or_default();
            attributes.contains("\"worker_call_sid\"")
        };
        self.centre.until(&path, "worker_call_sid", WITHIN, knows).await?;
        self.report.passed("the task knows the worker's call");
        self.talk().await;
        call.hangs_up().await?;
        let worker = self.centre.worker("ana").await?;
        let path = self.centre.path(&format!("/Workers/{worker}"));
        let is_on_break = |worker: &Value| worker.get("activity_name") == Some(&json!("Break"));
        self.centre.until(&path, "the post-work activity", WITHIN, is_on_break).await?;
        self.report.passed("afterwards ana is in the post-work activity");
        Ok(())
    }

    /// S3, and beside it a wrong extension and a message.
    pub async fn nobody_accepts(&mut self) -> Result<(), Trouble> {
        self.centre.says("ana", "Break").await?;
        let escalated = Instant::now();
        let waiting = self.a.dials("+15550100003").await?;
        waiting.answered(WITHIN).await?;
        self.leaves_a_message().await?;
        waiting.hears(Heard::Music, PROMPT).await?;
        let outside = self.trunk.receives(ESCALATED).await?;
        let after = escalated.elapsed().as_secs_f64();
        self.check(
            outside.dialled() == OUTSIDE_NUMBER && (18.0..40.0).contains(&after),
            &format!("caller A went through four queues and a number outside is called after {after:.0} s"),
        );
        waiting.hears(OUTSIDE, WITHIN).await?;
        outside.hears(CALLER_A, WITHIN).await?;
        self.report.passed("it answers: they hear each other");
        self.talk().await;
        outside.hangs_up().await?;
        waiting.ends(WITHIN).await?;
        Ok(())
    }

    async fn leaves_a_message(&mut self) -> Result<(), Trouble> {
        let worker = self.centre.worker("bo").await?;
        let path = self.centre.own_path(&format!("/Workers/{worker}/Voicemail"));
        let before = self.centre.rest.list(&path, "voicemails").await?.len();
        let call = self.c.dials("+15550100002").await?;
        call.answered(WITHIN).await?;
        call.hears(Heard::Speech, PROMPT).await?;
        call.presses("9999").await;
        self.is_told(&call, "redirected by the workflow").await?;
        call.hears(Heard::Speech, PROMPT).await?;
        self.is_told_after(&call, "redirected by the workflow", "Gather").await?;
        self.report
            .passed("caller C dials an extension of nobody, hears that it is not valid, and is asked again");
        call.hears(Heard::Speech, PROMPT).await?;
        call.presses("1002").await;
        self.is_told(&call, "recording begins").await?;
        self.report.passed("caller C dials 1002: bo is not at work, and his mailbox answers");
        tokio::time::sleep(MESSAGE).await;
        call.presses("#").await;
        call.hears(Heard::Speech, WITHIN).await?;
        self.check(call.ends(PROMPT).await? == End::TheyHungUp, "caller C leaves a message, and is thanked");
        let more = |body: &Value| {
            body.get("voicemails").and_then(Value::as_array).is_some_and(|all| all.len() > before)
        };
        let list = self.centre.until(&path, "the message", WITHIN, more).await?;
        let media = list.pointer("/voicemails/0/media_url").and_then(Value::as_str).unwrap_or_default();
        let heard = played_back(&self.centre.rest, media).await?;
        self.check(
            heard == Heard::Tones(CALLER_C.into()),
            &format!("the message in bo's mailbox says what caller C said: {heard}"),
        );
        Ok(())
    }

    /// Waits until the timeline of a caller's call has this line.
    async fn is_told(&self, call: &Call, text: &str) -> Result<(), Trouble> {
        self.is_told_after(call, text, text).await
    }

    /// The same for a line that comes after another.
    async fn is_told_after(&self, call: &Call, first: &str, then: &str) -> Result<(), Trouble> {
        let from = call.caller().replace('+', "%2B");
        let path = self.centre.rest.account_path(&format!("/Calls.json?Status=in-progress&From={from}"));
        let calls = self.centre.rest.list(&path, "calls").await?;
        let sid = calls.first().and_then(|call| call.get("sid")?.as_str()).unwrap_or_default().to_owned();
        let has = |story: &Value| {
            let lines = story.get("timeline").and_then(Value::as_array).cloned().unwrap_or_default();
            let is = |line: &Value, text: &str| line.get("text").and_then(Value::as_str) == Some(text);
            let at = lines.iter().position(|line| is(line, first));
            at.is_some_and(|at| lines.iter().skip(at).any(|line| is(line, then)))
        };
        self.centre.until(&format!("/tandem/v1/Calls/{sid}/Timeline"), then, PROMPT, has).await.map(drop)
    }

    /// The workflow whose application is `app`, made if it is not there.
    async fn workflow_of(&self, app: &WebhookReceiver) -> Result<String, Trouble> {
        let queue = self.centre.sid("TaskQueues", "task_queues", "Everyone").await?;
        let configuration = json!({"task_routing": {"filters": [], "default_filter": {"queue": queue}}});
        let (configuration, url) = (configuration.to_string(), app.url("/assign"));
        let form = [
            ("FriendlyName", ASSIGNED),
            ("Configuration", &*configuration),
            ("AssignmentCallbackUrl", &*url),
            ("TaskReservationTimeout", "30"),
        ];
        let list = self.centre.path("/Workflows");
        let all = self.centre.rest.list(&list, "workflows").await?;
        let known = all.iter().find(|w| w.get("friendly_name") == Some(&json!(ASSIGNED)));
        let path = match known.and_then(|w| w.get("sid")?.as_str()) {
            Some(sid) => format!("{list}/{sid}"),
            None => list,
        };
        let made = self.centre.rest.post(&path, &form).await?.ok()?;
        Ok(made.get("sid").and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    async fn number_of(&self, app: &WebhookReceiver) -> Result<(), Trouble> {
        let list = self.centre.rest.account_path("/IncomingPhoneNumbers.json");
        let url = app.url("/voice");
        let filter = format!("{list}?PhoneNumber={}", ASSIGNED_NUMBER.replace('+', "%2B"));
        let all = self.centre.rest.list(&filter, "incoming_phone_numbers").await?;
        let path = match all.first().and_then(|n| n.get("sid")?.as_str()) {
            Some(sid) => self.centre.rest.account_path(&format!("/IncomingPhoneNumbers/{sid}.json")),
            None => list,
        };
        let form = [("PhoneNumber", ASSIGNED_NUMBER), ("VoiceUrl", &*url)];
        self.centre.rest.post(&path, &form[usize::from(!all.is_empty())..]).await?.ok().map(drop)
    }
}

/// What most of a WAV file is.
async fn played_back(rest: &Rest, url: &str) -> Result<Heard, Trouble> {
    const HEADER_BYTES: usize = 44;
    let (status, kind, wav) = rest.download(url, false).await?;
    if status != 200 || wav.len() < HEADER_BYTES {
        return Err(Trouble::Api { what: format!("GET {url}"), status, body: kind });
    }
    let samples: Vec<i16> =
        wav[HEADER_BYTES..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    let now = Instant::now();
    let mut ear = Ear::new(now);
    ear.hear(now, &samples);
    Ok(ear.between(now, now + WITHIN))
}
