//! The messages of a media stream, both ways (reference: voice §2.8).

use base::StreamSid;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::call::port::StreamPlan;
use serde_json::{Map, Value, json};

/// A side of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Track {
    /// What the party says.
    Inbound,
    /// What it hears.
    Outbound,
}

impl Track {
    fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

/// What we say.
#[derive(Debug)]
pub(super) struct Said {
    stream: StreamSid,
    account: String,
    call: String,
    tracks: Vec<&'static str>,
    parameters: Map<String, Value>,
    sequence: u64,
    chunks: [u64; 2],
    /// Milliseconds since the beginning.
    time_ms: u64,
}

impl Said {
    pub(super) fn new(plan: &StreamPlan) -> Self {
        let tracks = match plan.track {
            twiml::StreamTrack::Inbound => vec!["inbound"],
            twiml::StreamTrack::Outbound => vec!["outbound"],
            twiml::StreamTrack::Both => vec!["inbound", "outbound"],
        };
        let parameters = plan.parameters.iter().map(|(name, value)| (name.clone(), value.as_str().into()));
        Self {
            stream: plan.stream,
            account: plan.account.to_string(),
            call: plan.call.to_string(),
            tracks,
            parameters: parameters.collect(),
            sequence: 0,
            chunks: [0; 2],
            time_ms: 0,
        }
    }

    fn message(&mut self, event: &str, body: Value) -> String {
        self.sequence += 1;
        let sequence = self.sequence.to_string();
        json!({"event": event, "sequenceNumber": sequence, event: body, "streamSid": self.stream}).to_string()
    }

    /// The first two messages.
    pub(super) fn beginning(&mut self) -> [String; 2] {
        let connected = json!({"event": "connected", "protocol": "Call", "version": "1.0.0"}).to_string();
        let start = json!({
            "accountSid": self.account,
            "streamSid": self.stream,
            "callSid": self.call,
            "tracks": self.tracks,
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": self.parameters,
        });
        [connected, self.message("start", start)]
    }

    /// 20 ms have passed.
    pub(super) fn passed(&mut self) {
        self.time_ms += 20;
    }

    /// The 20 ms that have passed.
    pub(super) fn media(&mut self, track: Track, bytes: &[u8]) -> String {
        let chunk = &mut self.chunks[track as usize];
        *chunk += 1;
        let body = json!({
            "track": track.as_str(),
            "chunk": chunk.to_string(),
            "timestamp": self.time_ms.to_string(),
            "payload": STANDARD.encode(bytes),
        });
        self.message("media", body)
    }

    pub(super) fn digit(&mut self, digit: char) -> String {
        self.message("dtmf", json!({"track": "inbound_track", "digit": digit.to_string()}))
    }

    pub(super) fn mark(&mut self, name: &str) -> String {
        self.message("mark", json!({"name": name}))
    }

    pub(super) fn end(&mut self) -> String {
        let body = json!({"accountSid": self.account, "callSid": self.call});
        self.message("stop", body)
    }
}

/// What an application says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    /// µ-law at 8 kHz.
    Media(Vec<u8>),
    /// To be said again once everything before it was played.
    Mark(String),
    /// What was not played yet is not to be.
    Clear,
}

/// Reads a message of an application; the error says what is wrong with it.
pub(super) fn read(text: &str, stream: StreamSid) -> Result<Heard, String> {
    let message: Value = serde_json::from_str(text).map_err(|why| format!("a message is no JSON: {why}"))?;
    if message["streamSid"].as_str().and_then(|sid| sid.parse().ok()) != Some(stream) {
        return Err("a message has not the streamSid of its stream".to_owned());
    }
    match message["event"].as_str() {
        Some("media") => {
            let payload = message["media"]["payload"].as_str().ok_or("a media message has no payload")?;
            let bytes = STANDARD.decode(payload).map_err(|why| format!("a payload is no base64: {why}"))?;
            Ok(Heard::Media(bytes))
        }
        Some("mark") => {
            let name = message["mark"]["name"].as_str().ok_or("a mark has no name")?;
            Ok(Heard::Mark(name.to_owned()))
        }
        Some("clear") => Ok(Heard::Clear),
        _ => Err("a message is neither media, mark nor clear".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::call::port::LegId;
    use media::control::RecordingId;

    const STREAM: &str = "MZ0123456789abcdef0123456789abcdef";

    fn said() -> Said {
        Said::new(&StreamPlan {
            stream: STREAM.parse().unwrap(),
            account: "AC0123456789abcdef0123456789abcdef".parse().unwrap(),
            call: "CA0123456789abcdef0123456789abcdef".parse().unwrap(),
            url: "wss://a.example/".to_owned(),
            track: twiml::StreamTrack::Both,
            parameters: vec![("k".to_owned(), "v".to_owned())],
            leg: LegId(1),
            tap: RecordingId(1),
            voice: None,
        })
    }

    #[test]
    fn messages_are_numbered_from_the_start_and_chunks_by_their_track() {
        let mut said = said();
        let [connected, start] = said.beginning().map(|text| serde_json::from_str::<Value>(&text).unwrap());
        assert_eq!(connected, json!({"event": "connected", "protocol": "Call", "version": "1.0.0"}));
        assert_eq!(start["sequenceNumber"], "1");
        assert_eq!(start["start"]["tracks"], json!(["inbound", "outbound"]));
        assert_eq!(start["start"]["customParameters"], json!({"k": "v"}));
        said.passed();
        let tracks = [Track::Inbound, Track::Outbound, Track::Inbound];
        let media = tracks.map(|t| serde_json::from_str::<Value>(&said.media(t, &[255])).unwrap());
        assert_eq!([&media[0], &media[1], &media[2]].map(|m| m["media"]["chunk"].clone()), ["1", "1", "2"]);
        assert_eq!(media[2]["sequenceNumber"], "4");
        assert_eq!(media[0]["media"]["timestamp"], "20");
        let stop: Value = serde_json::from_str(&said.end()).unwrap();
        assert_eq!((&stop["streamSid"], &stop["event"]), (&json!(STREAM), &json!("stop")));
    }

    #[test]
    fn what_is_no_message_is_told() {
        let stream = STREAM.parse().unwrap();
        let media = format!(r#"{{"event":"media","streamSid":"{STREAM}","media":{{"payload":"/w=="}}}}"#);
        assert_eq!(read(&media, stream), Ok(Heard::Media(vec![255])));
        let clear = format!(r#"{{"event":"clear","streamSid":"{STREAM}"}}"#);
        assert_eq!(read(&clear, stream), Ok(Heard::Clear));
        for wrong in [
            "x".to_owned(),
            r#"{"event":"clear"}"#.to_owned(),
            clear.replace("clear", "dance"),
            media.replace("/w==", "§"),
            media.replace("payload", "load"),
        ] {
            assert!(read(&wrong, stream).is_err(), "{wrong}");
        }
    }
}
