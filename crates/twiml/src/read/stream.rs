//! `<Start>`, `<Connect>`, `<Stop>` and `<Stream>`

use super::dial::{TRACKS, TRIMS, recording_status};
use super::element::Element;
use super::{Failure, Notes, shorten};
use crate::dial::RecordingTrack;
use crate::stream::{CallRecording, Connect, PARAMETERS_MAX, Started, Stopped, Stream, StreamTrack};
use crate::verb::Verb;
use crate::vocabulary::SKIPPED_NOUNS;
use roxmltree::Node;

pub(crate) const STREAM_TRACKS: [(&str, StreamTrack); 3] = [
    ("inbound_track", StreamTrack::Inbound),
    ("outbound_track", StreamTrack::Outbound),
    ("both_tracks", StreamTrack::Both),
];

pub(super) fn start(node: Node<'_, '_>, notes: &mut Notes) -> Result<Option<Verb>, Failure> {
    let mut element = Element::new(node, notes);
    let started = nouns(&mut element, |node, notes| match node.tag_name().name() {
        "Stream" => Some(stream(node, notes).map(|stream| Some(Started::Stream(stream)))),
        "Recording" => Some(recording(node, notes).map(|recording| Some(Started::Recording(recording)))),
        _ => None,
    })?;
    element.finish()?;
    Ok((!started.is_empty()).then_some(Verb::Start(started)))
}

pub(super) fn stop(node: Node<'_, '_>, notes: &mut Notes) -> Result<Option<Verb>, Failure> {
    let mut element = Element::new(node, notes);
    let stopped = nouns(&mut element, |node, notes| match node.tag_name().name() {
        "Stream" => Some(named(node, notes).map(|name| name.map(Stopped::Stream))),
        "Recording" => Some(named(node, notes).map(|name| name.map(Stopped::Recording))),
        _ => None,
    })?;
    element.finish()?;
    Ok((!stopped.is_empty()).then_some(Verb::Stop(stopped)))
}

/// The name of what `<Stop>` ends. What it was begun with may be repeated there.
fn named(node: Node<'_, '_>, notes: &mut Notes) -> Result<Option<String>, Failure> {
    let mut element = Element::new(node, notes);
    let name = element.text("name");
    if name.is_none() {
        element.illegal(12200, format!("<{}> in <Stop> has no name; it is skipped", element.name()));
    }
    element.finish()?;
    Ok(name)
}

pub(super) fn connect(node: Node<'_, '_>, notes: &mut Notes) -> Result<Option<Verb>, Failure> {
    let mut element = Element::new(node, notes);
    let action = element.hook("action", "method", 12200);
    let mut streams = nouns(&mut element, |node, notes| {
        node.has_tag_name("Stream").then(|| stream(node, notes).map(Some))
    })?;
    if streams.len() > 1 {
        element.illegal(12200, "<Connect> has one noun; the others are ignored");
        streams.truncate(1);
    }
    for stream in &mut streams {
        if stream.track != StreamTrack::Inbound {
            element.illegal(12200, "<Stream> in <Connect> has the inbound track only");
            stream.track = StreamTrack::Inbound;
        }
    }
    element.finish()?;
    Ok(streams.pop().map(|stream| Verb::Connect(Connect { action, stream })))
}

/// The nouns of an element, by `read`: `None` for one that is not allowed there.
fn nouns<T>(
    element: &mut Element<'_, '_, '_>,
    read: impl Fn(Node<'_, '_>, &mut Notes) -> Option<Result<Option<T>, Failure>>,
) -> Result<Vec<T>, Failure> {
    let mut nouns = Vec::new();
    for child in element.node.children().filter(Node::is_element) {
        match (read(child, element.notes), child.tag_name().name()) {
            (Some(noun), _) => nouns.extend(noun?),
            (None, other) if SKIPPED_NOUNS.contains(&other) => {
                element.notes.warn(child, 12200, format!("<{other}> is not supported and is skipped"));
            }
            (None, other) => {
                element.illegal(14300, format!("<{}> is no noun of <{}>", shorten(other), element.name()))
            }
        }
    }
    Ok(nouns)
}

fn stream(node: Node<'_, '_>, notes: &mut Notes) -> Result<Stream, Failure> {
    let mut element = Element::new(node, notes);
    let stream = Stream {
        url: element.text("url").unwrap_or_default(),
        name: element.text("name"),
        track: element.choice("track", &STREAM_TRACKS, StreamTrack::Inbound, 12200),
        status: element.hook("statusCallback", "statusCallbackMethod", 12200),
        parameters: parameters(&mut element),
    };
    if stream.url.is_empty() {
        element.illegal(11100, "<Stream> has no url");
    }
    element.finish()?;
    Ok(stream)
}

fn recording(node: Node<'_, '_>, notes: &mut Notes) -> Result<CallRecording, Failure> {
    let mut element = Element::new(node, notes);
    let recording = CallRecording {
        name: element.text("name"),
        dual: element.choice("channels", &[("dual", true), ("mono", false)], true, 12200),
        track: element.choice("track", &TRACKS, RecordingTrack::Both, 12200),
        trim: element.choice("trim", &TRIMS, true, 12200),
        status: recording_status(&mut element),
    };
    element.finish()?;
    Ok(recording)
}

fn parameters(element: &mut Element<'_, '_, '_>) -> Vec<(String, String)> {
    let mut parameters = Vec::new();
    for child in element.node.children().filter(Node::is_element) {
        let of = |name: &str| child.attribute(name).unwrap_or_default().to_owned();
        let name = of("name");
        if child.tag_name().name() != "Parameter" || name.is_empty() {
            element.notes.warn(child, 12200, "only <Parameter name value> stands in <Stream>; it is skipped");
        } else if parameters.len() == PARAMETERS_MAX {
            element.illegal(12200, format!("a stream has at most {PARAMETERS_MAX} parameters"));
            break;
        } else {
            parameters.push((name, of("value")));
        }
    }
    parameters
}
