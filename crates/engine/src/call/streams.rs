//! Media streams: applications that hear a call over a websocket, and speak in it (reference: voice §2.8).

use super::parameters::{Parameters, pair};
use super::port::*;
use super::requests::refused;
use super::state::*;
use super::switchboard::Switchboard;
use base::*;
use media::control::RecordingId;
use serde_json::json;

/// A stream that lives.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    pub call: CallSid,
    pub name: Option<String>,
    /// The leg by which the application speaks, in `<Connect>`.
    pub voice: Option<LegId>,
    pub callback: Option<Webhook>,
    /// The application listens.
    pub started: bool,
}

impl Switchboard {
    pub(super) fn connect_verb(&mut self, sid: CallSid, connect: twiml::Connect) {
        let action = self.optional_hook(sid, connect.action.as_ref());
        let new = self.new_stream(sid, connect.stream);
        match self.open_stream(sid, new, true) {
            Ok(stream) => {
                if let Some(call) = self.calls.get_mut(&sid) {
                    call.doing = Doing::Connected { stream, action };
                    self.dirty.insert(sid);
                }
            }
            Err((code, message)) => self.failed(sid, code, message),
        }
    }

    pub(super) fn new_stream(&mut self, sid: CallSid, stream: twiml::Stream) -> NewStream {
        let callback = self.optional_hook(sid, stream.status.as_ref());
        let twiml::Stream { url, name, track, parameters, .. } = stream;
        NewStream { url, name, track, callback, parameters }
    }

    /// Refused with a documented code and a sentence.
    pub(super) fn open_stream(
        &mut self,
        sid: CallSid,
        new: NewStream,
        speaks: bool,
    ) -> Result<StreamSid, (u32, String)> {
        let Some(leg) = self.calls.get(&sid).map(|c| c.leg) else {
            return Err((20404, "the call is over".to_owned()));
        };
        match new.url.split_once("://") {
            Some(("wss" | "ws", rest)) if !rest.is_empty() => {}
            Some(_) => return Err((31922, "a stream's URL begins with wss://".to_owned())),
            None => return Err((31923, format!("'{}' is no URL of a stream", new.url))),
        }
        let of_call = self.streams.values().filter(|stream| stream.call == sid);
        if of_call.clone().count() >= twiml::STREAMS_MAX {
            return Err((12400, format!("a call has at most {} streams", twiml::STREAMS_MAX)));
        }
        if new.name.is_some() && of_call.clone().any(|stream| stream.name == new.name) {
            return Err((12400, "a stream of this name is in progress".to_owned()));
        }
        let stream = StreamSid::generate_at(self.now.wall, &mut self.entropy);
        let tap = RecordingId(self.fresh());
        let voice = speaks.then(|| self.fresh_leg());
        self.note(
            sid,
            "stream",
            "audio goes to an application",
            json!({"stream_sid": stream, "url": new.url}),
        );
        let live = Stream { call: sid, name: new.name, voice, callback: new.callback, started: false };
        self.streams.insert(stream, live);
        let plan = StreamPlan {
            stream,
            account: self.settings.account,
            call: sid,
            url: new.url,
            track: new.track,
            parameters: new.parameters,
            leg,
            tap,
            voice,
        };
        self.out.push(Effect::Stream(StreamOrder::Open(Box::new(plan))));
        Ok(stream)
    }

    /// A live stream of this call, by its name or its SID.
    pub(super) fn find_stream(&self, call: CallSid, name: &str) -> Option<StreamSid> {
        let mut of_call = self.streams.iter().filter(|(_, stream)| stream.call == call);
        let found = of_call.find(|(sid, stream)| {
            stream.name.as_deref() == Some(name) || name.parse().is_ok_and(|named: StreamSid| named == **sid)
        });
        found.map(|(sid, _)| *sid)
    }

    /// Ends a stream; harmless if it has ended.
    pub(super) fn close_stream(&mut self, stream: StreamSid) {
        if self.streams.contains_key(&stream) {
            self.out.push(Effect::Stream(StreamOrder::Close { stream }));
            self.stream_over(stream);
        }
    }

    pub(super) fn close_streams_of(&mut self, call: CallSid) {
        let of_call = self.streams.iter().filter(|(_, stream)| stream.call == call);
        for stream in of_call.map(|(sid, _)| *sid).collect::<Vec<_>>() {
            self.close_stream(stream);
        }
    }

    /// The party pressed a key.
    pub(super) fn tell_streams(&mut self, call: CallSid, digit: char) {
        for (stream, _) in self.streams.iter().filter(|(_, stream)| stream.call == call) {
            self.out.push(Effect::Stream(StreamOrder::Digit { stream: *stream, digit }));
        }
    }

    pub(super) fn on_stream(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Started { stream } => {
                if let Some(live) = self.streams.get_mut(&stream) {
                    live.started = true;
                    self.tell_of_stream(stream, "stream-started", Vec::new());
                }
            }
            StreamEvent::Warned { stream, code, message } => {
                if let Some(call) = self.streams.get(&stream).map(|live| live.call) {
                    self.notify_warning(call, code, message);
                }
            }
            StreamEvent::Ended { stream, error } => self.stream_ended(stream, error),
        }
    }

    /// The application has gone, or never came.
    fn stream_ended(&mut self, stream: StreamSid, error: Option<FetchError>) {
        let Some(live) = self.streams.get(&stream) else { return };
        let call = live.call;
        if let Some(FetchError { code, message }) = error {
            self.notify_error(call, code, message.clone());
            self.tell_of_stream(stream, "stream-error", vec![pair("StreamError", message)]);
        }
        self.stream_over(stream);
        self.connected_over(call, stream);
    }

    /// A call whose `<Connect>` is over goes on.
    fn connected_over(&mut self, sid: CallSid, over: StreamSid) {
        let Some(call) = self.calls.get_mut(&sid) else { return };
        let action = match &mut call.doing {
            Doing::Connected { stream, action } if *stream == over => action.take(),
            _ => return,
        };
        self.finish_verb(sid, action, Vec::new());
    }

    fn stream_over(&mut self, stream: StreamSid) {
        if self.streams.get(&stream).is_some_and(|live| live.started) {
            self.tell_of_stream(stream, "stream-stopped", Vec::new());
        }
        if let Some(live) = self.streams.remove(&stream) {
            self.note(
                live.call,
                "stream",
                "audio goes to an application no more",
                json!({"stream_sid": stream}),
            );
            self.dirty.insert(live.call);
        }
    }

    fn tell_of_stream(&mut self, stream: StreamSid, event: &str, more: Parameters) {
        let Some(live) = self.streams.get(&stream) else { return };
        let Some(webhook) = live.callback.clone() else { return };
        let mut parameters = vec![
            pair("AccountSid", self.settings.account),
            pair("CallSid", live.call),
            pair("StreamSid", stream),
            pair("StreamName", live.name.clone().unwrap_or_else(|| stream.to_string())),
            pair("StreamEvent", event),
            pair("Timestamp", self.now.wall.iso8601_precise()),
        ];
        parameters.extend(more);
        self.out.push(Effect::Callback { lane: stream.to_string(), webhook, parameters });
    }

    // The API.

    pub(super) fn start_stream(&mut self, call: CallSid, new: NewStream) -> Response {
        match self.calls.get(&call) {
            None => return self.missing(call),
            Some(known) if !known.is_up() => {
                return refused(400, 21220, "Call is not in-progress. Cannot stream.".to_owned());
            }
            Some(_) => {}
        }
        let name = new.name.clone();
        match self.open_stream(call, new, false) {
            Ok(sid) => {
                Response::Stream(Box::new(StreamView { sid, call, name, live: true, updated: self.now.wall }))
            }
            Err((code, message)) => refused(400, code, message),
        }
    }

    pub(super) fn stop_stream(&mut self, call: CallSid, stream: &str) -> Response {
        if !self.calls.contains_key(&call) {
            return self.missing(call);
        }
        let Some(sid) = self.find_stream(call, stream) else {
            return refused(404, 20404, format!("The requested stream {stream} was not found"));
        };
        let name = self.streams.get(&sid).and_then(|live| live.name.clone());
        self.close_stream(sid);
        self.connected_over(call, sid);
        Response::Stream(Box::new(StreamView { sid, call, name, live: false, updated: self.now.wall }))
    }
}
