//! `<Start>`, `<Connect>`, `<Stop>` and `<Stream>`

use super::element::Element;
use super::{Failure, Notes, shorten};
use crate::stream::{Connect, PARAMETERS_MAX, Stream, StreamTrack};
use crate::verb::Verb;
use roxmltree::Node;

pub(crate) const STREAM_TRACKS: [(&str, StreamTrack); 3] = [
    ("inbound_track", StreamTrack::Inbound),
    ("outbound_track", StreamTrack::Outbound),
    ("both_tracks", StreamTrack::Both),
];

/// Nouns of the language that are not performed here.
const UNSUPPORTED: [&str; 10] = [
    "AiSession",
    "Assistant",
    "Autopilot",
    "Conversation",
    "ConversationRelay",
    "Recording",
    "Room",
    "Siprec",
    "Transcription",
    "VirtualAgent",
];

pub(super) fn start(node: Node<'_, '_>, notes: &mut Notes) -> Result<Option<Verb>, Failure> {
    let mut element = Element::new(node, notes);
    element.ignore(&["action", "method"]);
    let streams = streams(&mut element, stream)?;
    element.finish()?;
    Ok((!streams.is_empty()).then_some(Verb::Start(streams)))
}

pub(super) fn stop(node: Node<'_, '_>, notes: &mut Notes) -> Result<Option<Verb>, Failure> {
    let mut element = Element::new(node, notes);
    let streams = streams(&mut element, |node, notes| {
        let mut element = Element::new(node, notes);
        let name = element.text("name");
        element.ignore(&["url", "track", "statusCallback", "statusCallbackMethod"]);
        if name.is_none() {
            element.illegal(12200, "<Stream> in <Stop> has no name; it is skipped");
        }
        element.finish()?;
        Ok(name)
    })?;
    element.finish()?;
    Ok((!streams.is_empty()).then_some(Verb::Stop(streams)))
}

pub(super) fn connect(node: Node<'_, '_>, notes: &mut Notes) -> Result<Option<Verb>, Failure> {
    let mut element = Element::new(node, notes);
    let action = element.hook("action", "method", 12200);
    let mut streams = streams(&mut element, stream)?;
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

/// The streams among the nouns of an element, by `read`.
fn streams<T>(
    element: &mut Element<'_, '_, '_>,
    read: impl Fn(Node<'_, '_>, &mut Notes) -> Result<Option<T>, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut streams = Vec::new();
    for child in element.node.children().filter(Node::is_element) {
        match child.tag_name().name() {
            "Stream" => streams.extend(read(child, element.notes)?),
            other if UNSUPPORTED.contains(&other) => {
                element.notes.warn(child, 12200, format!("<{other}> is not supported and is skipped"));
            }
            other => {
                element.illegal(14300, format!("<{}> is no noun of <{}>", shorten(other), element.name()))
            }
        }
    }
    Ok(streams)
}

fn stream(node: Node<'_, '_>, notes: &mut Notes) -> Result<Option<Stream>, Failure> {
    let mut element = Element::new(node, notes);
    let stream = Stream {
        url: element.text("url").unwrap_or_default(),
        name: element.text("name"),
        track: element.choice("track", &STREAM_TRACKS, StreamTrack::Inbound, 12200),
        status: element.hook("statusCallback", "statusCallbackMethod", 12200),
        parameters: parameters(&mut element),
    };
    element.ignore(&["connectorName"]);
    if stream.url.is_empty() {
        element.illegal(11100, "<Stream> has no url");
    }
    element.finish()?;
    Ok(Some(stream))
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
