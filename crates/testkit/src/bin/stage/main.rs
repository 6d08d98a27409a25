//! `tandem-stage`: a demo server, a trunk and phones for a test that is written in another language: commands as lines of
//! JSON on standard input, answers as lines on standard output. The browser tests of the web are played on it.
//!
//! Every command is answered by `{"ok": …}` or `{"failed": "…"}`, in order. Calls and phones have names, which the
//! commands choose.

use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;
use tandem_testkit::{
    Call, Centre, Heard, Outside, Phase, Phone, Rest, Server, ServerOptions, Tone, Tones, Trouble, Trunk,
    WITHIN,
};

/// Commands that may wait.
const LINES_MAX: usize = 64;
/// A greeting is spoken before a message is recorded.
const PROMPT: Duration = Duration::from_secs(20);

/// A command.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
enum Do {
    /// A number of ours that runs this; `${workflow:NAME}` becomes a SID.
    Number { number: String, twiml: String },
    /// A phone of the demo, registered.
    Phone { user: String, tone: u16 },
    /// Somebody outside who answers when called.
    Expects { number: String, tone: u16 },
    /// Somebody outside whose phone rings and rings.
    Ignores { number: String },
    /// Somebody outside is called: the call is named.
    Reached { name: String },
    /// Somebody outside calls.
    Calls { name: String, from: String, to: String, tone: u16 },
    /// A phone rings; the call that rings is named.
    Rings { user: String, name: String },
    /// It is answered.
    Answers { name: String },
    /// What a call hears: a tone in Hz, several at once, `music`, `speech` or `silence`.
    Hears { name: String, what: Value },
    /// Which keys were pressed for a call to hear.
    HearsDigits { name: String, digits: String },
    /// A call from this number is being recorded.
    Recorded { from: String },
    /// It hangs up.
    HangsUp { name: String },
    /// It is hung up on.
    Ends { name: String },
    /// A PUT to our own API, below the demo's workspace.
    Put { path: String, body: Value },
    /// A DELETE there.
    Delete { path: String },
    /// A POST to TaskRouter, below the demo's workspace.
    Post { path: String, form: HashMap<String, String> },
    /// A GET from our own API.
    Get { path: String },
    /// A worker's SID.
    Worker { name: String },
    /// Sets what a worker says they do.
    Says { worker: String, activity: String },
    /// The server drains, and the program ends.
    Stop,
}

struct Stage {
    trunk: Trunk,
    server: Server,
    rest: Rest,
    centre: Centre,
    phones: HashMap<String, Phone>,
    calls: HashMap<String, Call>,
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "its answers")]
async fn main() -> Result<(), Trouble> {
    let trunk = Trunk::open().await?;
    // A folder that outlives the stage, for a test that opens it again with other settings.
    let data = std::env::var_os("TANDEM_STAGE_DATA").map(Into::into);
    let options = ServerOptions { trunk: Some(trunk.uri()), data, ..ServerOptions::default() };
    let server = Server::start(options).await?;
    trunk.serves(server.sip());
    let rest = server.rest();
    let centre = Centre::demo(server.rest()).await?;
    println!("{}", json!({ "ok": { "url": server.url(), "workspace": centre.workspace } }));
    let mut stage = Stage { trunk, server, rest, centre, phones: HashMap::new(), calls: HashMap::new() };
    let (tell, mut told) = tokio::sync::mpsc::channel(LINES_MAX);
    // Ends with the program: nothing interrupts a read of standard input.
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if tell.blocking_send(line).is_err() {
                return;
            }
        }
    });
    while let Some(line) = told.recv().await {
        let answer = match serde_json::from_str::<Do>(&line) {
            Ok(Do::Stop) => break,
            Ok(what) => stage.plays(what).await.map_err(|why| why.to_string()),
            Err(why) => Err(why.to_string()),
        };
        match answer {
            Ok(value) => println!("{}", json!({ "ok": value })),
            Err(why) => println!("{}", json!({ "failed": format!("{line}: {why}") })),
        }
    }
    let Stage { trunk, server, phones, calls, .. } = stage;
    drop((calls, phones));
    drop(trunk);
    server.stop().await
}

impl Stage {
    fn call(&self, name: &str) -> Result<&Call, Trouble> {
        self.calls.get(name).ok_or_else(|| missing(name))
    }

    async fn plays(&mut self, what: Do) -> Result<Value, Trouble> {
        match what {
            Do::Number { number, twiml } => self.number(&number, &twiml).await?,
            Do::Phone { user, tone } => {
                let password = format!("{user}-demo-phone");
                let phone = Phone::registered(&user, &password, self.server.sip(), Tone(tone)).await?;
                self.phones.insert(user, phone);
            }
            Do::Expects { number, tone } => self.trunk.expects(&number, Outside::Answers(Tone(tone))),
            Do::Calls { name, from, to, tone } => {
                let call = self.trunk.caller(&from, Tone(tone)).dials(&to).await?;
                self.calls.insert(name, call);
            }
            Do::Rings { user, name } => {
                let phone = self.phones.get(&user).ok_or_else(|| missing(&user))?;
                let mut call = phone.rings(WITHIN).await?;
                // What rang for a call that was taken at the desk has gone since.
                while matches!(call.phase(), Phase::Ended(_)) {
                    call = phone.rings(WITHIN).await?;
                }
                self.calls.insert(name, call);
            }
            Do::Answers { name } => {
                let call = self.calls.remove(&name).ok_or_else(|| missing(&name))?;
                self.calls.insert(name, call.answers().await?);
            }
            Do::Hears { name, what } => self.call(&name)?.hears(heard(&what), WITHIN).await?,
            Do::HearsDigits { name, digits } => self.call(&name)?.hears_digits(&digits, WITHIN).await?,
            Do::Ignores { number } => self.trunk.expects(&number, Outside::NoAnswer),
            Do::Reached { name } => {
                let call = self.trunk.receives(WITHIN).await?;
                self.calls.insert(name, call);
            }
            Do::Recorded { from } => self.recorded(&from).await?,
            Do::HangsUp { name } => self.call(&name)?.hangs_up().await?,
            Do::Ends { name } => drop(self.call(&name)?.ends(WITHIN).await?),
            Do::Put { path, body } => {
                self.rest.put_json(&self.centre.own_path(&path), &body).await?.ok()?;
            }
            Do::Delete { path } => {
                self.rest.delete(&self.centre.own_path(&path)).await?.ok()?;
            }
            Do::Post { path, form } => {
                let form: Vec<(&str, &str)> = form.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
                return self.rest.post(&self.centre.path(&path), &form).await?.ok();
            }
            Do::Get { path } => return self.rest.fetch(&self.centre.own_path(&path)).await?.ok(),
            Do::Worker { name } => return Ok(self.centre.worker(&name).await?.into()),
            Do::Says { worker, activity } => self.centre.says(&worker, &activity).await?,
            Do::Stop => {}
        }
        Ok(Value::Null)
    }

    async fn recorded(&self, from: &str) -> Result<(), Trouble> {
        let calls = format!("/Calls.json?Status=in-progress&From={}", from.replace('+', "%2B"));
        let found = |answer: &Value| answer.pointer("/calls/0/sid").is_some();
        let calls = self.centre.until(&self.rest.account_path(&calls), "a live call", PROMPT, found).await?;
        let call = calls.pointer("/calls/0/sid").and_then(Value::as_str).unwrap_or_default();
        let path = self.rest.account_path(&format!("/Calls/{call}/Recordings.json"));
        let found = |answer: &Value| answer.pointer("/recordings/0").is_some();
        self.centre.until(&path, "a recording", PROMPT, found).await.map(drop)
    }

    async fn number(&self, number: &str, twiml: &str) -> Result<(), Trouble> {
        let mut twiml = twiml.to_owned();
        while let Some((before, rest)) = twiml.split_once("${workflow:") {
            let Some((name, after)) = rest.split_once('}') else { break };
            let sid = self.centre.sid("Workflows", "workflows", name).await?;
            twiml = format!("{before}{sid}{after}");
        }
        let form = [("FriendlyName", number), ("Twiml", &twiml)];
        let bin = self.rest.post("/tandem/v1/TwimlBins", &form).await?.ok()?;
        let url = bin.get("document_url").and_then(Value::as_str).unwrap_or_default();
        let path = self.rest.account_path("/IncomingPhoneNumbers.json");
        self.rest.post(&path, &[("PhoneNumber", number), ("VoiceUrl", url)]).await?.ok()?;
        Ok(())
    }
}

/// `440`, `[440, 620]`, `"music"`, `"silence"`
fn heard(what: &Value) -> Heard {
    let tone = |hz: &Value| hz.as_u64().and_then(|hz| u16::try_from(hz).ok()).map(Tone);
    match what {
        Value::Array(all) => Heard::Tones(all.iter().filter_map(tone).fold(Tones::default(), Tones::with)),
        Value::String(word) if word == "silence" => Heard::Silence,
        Value::String(word) if word == "speech" => Heard::Speech,
        other => tone(other).map_or(Heard::Music, Heard::from),
    }
}

fn missing(name: &str) -> Trouble {
    Trouble::Server { what: format!("has nobody called {name}"), log: String::new() }
}
