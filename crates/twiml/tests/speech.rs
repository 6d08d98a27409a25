//! What `<Say>` says, and how.
#![allow(clippy::unwrap_used, reason = "a test ends there")]

use std::time::Duration;
use twiml::*;

/// The parts of `<Say>{markup}</Say>`, and what it was warned of.
#[track_caller]
fn said(markup: &str) -> (Vec<SayPart>, Vec<String>) {
    let parsed = Document::parse(&format!("<Response><Say>{markup}</Say></Response>")).unwrap();
    let parts = match parsed.document.verbs.into_iter().next() {
        Some(Verb::Say(say)) => say.parts,
        None => Vec::new(),
        other => panic!("{other:?}"),
    };
    assert!(parsed.warnings.iter().all(|warning| [12200, 13521, 13520].contains(&warning.code)));
    (parts, parsed.warnings.into_iter().map(|warning| warning.message).collect())
}

/// The same of markup that nothing is wrong with.
#[track_caller]
fn parts(markup: &str) -> Vec<SayPart> {
    let (parts, warnings) = said(markup);
    assert_eq!(warnings, [""; 0], "{markup}");
    parts
}

fn words(text: &str) -> SayPart {
    so(text, Delivery::default())
}

fn so(text: &str, delivery: Delivery) -> SayPart {
    SayPart::Words(Words { text: text.into(), language: None, delivery })
}

fn pause(millis: u64) -> SayPart {
    SayPart::Pause(Duration::from_millis(millis))
}

// covers: twiml break.time break.strength p s sub.alias speak speak
#[test]
fn pauses_have_their_length_and_sentences_their_pauses() {
    for (markup, expected) in [
        ("one<break time='2s'/>two", vec![words("one"), pause(2_000), words("two")]),
        ("one <break time='250ms'/><break time='1.5s'/> two", vec![words("one"), pause(1_750), words("two")]),
        ("one <break/> two", vec![words("one"), pause(400), words("two")]),
        ("one<break strength='x-strong'/>two", vec![words("one"), pause(1_000), words("two")]),
        ("one<break strength='none'/>two", vec![words("one two")]),
        ("<break time='10s'/>one<break time='1s'/>", vec![pause(10_000), words("one"), pause(1_000)]),
        ("<p>One</p><p>Two!</p>", vec![words("One."), pause(800), words("Two!")]),
        (
            "<p><s>One</s><s>Two</s></p>Three",
            vec![words("One."), pause(400), words("Two."), pause(800), words("Three")],
        ),
        ("<sub alias='World Wide Web'>WWW</sub> rules", vec![words("World Wide Web rules")]),
        ("<speak>Hello <break time='1s'/> there</speak>", vec![words("Hello"), pause(1_000), words("there")]),
        (
            "&lt;speak&gt;Hello&lt;break time='1s'/&gt;there&lt;/speak&gt;",
            vec![words("Hello"), pause(1_000), words("there")],
        ),
        ("a<![CDATA[ <b> ]]>&amp; c", vec![words("a <b> & c")]),
    ] {
        assert_eq!(parts(markup), expected, "{markup}");
    }
}

// covers: twiml prosody.rate prosody.pitch prosody.volume emphasis.level
#[test]
fn prosody_and_emphasis_are_kept_and_add_up() {
    let plain = Delivery::default();
    for (markup, delivery) in [
        ("<prosody rate='slow'>x</prosody>", Delivery { rate: 75, ..plain }),
        ("<prosody rate='120%'>x</prosody>", Delivery { rate: 120, ..plain }),
        ("<prosody rate='900%'>x</prosody>", Delivery { rate: 200, ..plain }),
        ("<prosody pitch='+10%'>x</prosody>", Delivery { pitch: 110, ..plain }),
        ("<prosody pitch='-90%'>x</prosody>", Delivery { pitch: 67, ..plain }),
        ("<prosody pitch='x-high'>x</prosody>", Delivery { pitch: 145, ..plain }),
        ("<prosody volume='-6dB'>x</prosody>", Delivery { volume: -6, ..plain }),
        ("<prosody volume='loud'>x</prosody>", Delivery { volume: 4, ..plain }),
        (
            "<prosody volume='silent'><prosody volume='x-loud'>x</prosody></prosody>",
            Delivery { volume: Delivery::SILENT, ..plain },
        ),
        (
            "<prosody rate='slow' volume='soft'><prosody rate='200%' pitch='high'>x</prosody></prosody>",
            Delivery { rate: 150, pitch: 120, volume: -6 },
        ),
        ("<emphasis level='strong'>x</emphasis>", Delivery { rate: 80, volume: 5, ..plain }),
        ("<emphasis>x</emphasis>", Delivery { rate: 90, volume: 3, ..plain }),
        ("<emphasis level='reduced'>x</emphasis>", Delivery { rate: 110, volume: -4, ..plain }),
    ] {
        assert_eq!(parts(markup), [so("x", delivery)], "{markup}");
    }
    let slow = Delivery { rate: 75, ..plain };
    assert_eq!(
        parts("Take <prosody rate='slow'>your <emphasis level='none'>time</emphasis></prosody> now"),
        [words("Take"), so("your time", slow), words("now")]
    );
}

// covers: twiml say-as.interpret-as say-as.format
#[test]
fn what_is_to_be_read_in_a_way_is_spelled_out() {
    for (markup, text) in [
        ("Call <say-as interpret-as='telephone'>555-0100</say-as>.", "Call 5 5 5 0 1 0 0 ."),
        ("Code <say-as interpret-as='digits'>12 34</say-as> now", "Code 1 2 3 4 now"),
        ("<say-as interpret-as='spell-out'>abc</say-as>", "a b c"),
        ("<say-as interpret-as='date' format='dmy'>1/2/2026</say-as>", "February 1st, 2026"),
        ("You <say-as interpret-as='expletive'>fool</say-as>!", "You beep!"),
        ("The <say-as interpret-as='ordinal'>3</say-as> time", "The 3rd time"),
    ] {
        assert_eq!(parts(markup), [words(text)], "{markup}");
    }
}

// covers: twiml lang.lang
#[test]
fn another_language_is_kept() {
    let german = SayPart::Words(Words {
        text: "Guten Tag".into(),
        language: Some("de-DE".into()),
        delivery: Delivery::default(),
    });
    assert_eq!(parts("Say <lang xml:lang='de-DE'>Guten Tag</lang>."), [words("Say"), german, words(".")]);
}

#[test]
fn markup_that_cannot_be_heard_is_told_once() {
    for (markup, name) in [
        ("a <phoneme alphabet='ipa' ph='x'>b</phoneme> <phoneme ph='y'>c</phoneme>", "phoneme"),
        ("a <w role='x'>b</w> <w role='x'>c</w>", "<w>"),
        ("a <blink>b</blink> <blink>c</blink>", "blink"),
        ("a <prosody rate='soon'>b</prosody> <prosody rate='soon'>c</prosody>", "rate"),
        ("a <prosody volume='5'>b</prosody> c", "volume"),
        ("a <emphasis level='huge'>b</emphasis> c", "level"),
        ("a <lang>b</lang> c", "xml:lang"),
        ("a <say-as interpret-as='whisper'>b</say-as> c", "whisper"),
        ("a <break time='soon' strength='none'/> b c", "time"),
    ] {
        let (parts, warnings) = said(markup);
        let texts: Vec<_> = parts
            .iter()
            .filter_map(|p| match p {
                SayPart::Words(w) => Some(&*w.text),
                SayPart::Pause(_) => None,
            })
            .collect();
        assert_eq!(texts.join(" "), "a b c", "{markup}");
        assert!(matches!(&warnings[..], [told] if told.contains(name)), "{markup}: {warnings:?}");
    }
    let (parts, warnings) = said("a<break time='11s'/>b");
    assert_eq!((parts[1].clone(), warnings.len()), (pause(10_000), 1));
}

#[test]
fn a_say_is_bounded() {
    let (many, warnings) = said(&"a<break/>".repeat(SAY_PARTS_MAX));
    assert_eq!((many.len(), warnings.len()), (SAY_PARTS_MAX - 1, 1));
    let letters: usize = "ä ".repeat(SAY_CHARS_MAX).len();
    let (long, warnings) = said(&format!("<prosody rate='slow'>{}</prosody>x", "ä".repeat(letters)));
    let [SayPart::Words(only)] = &long[..] else { panic!("{}", long.len()) };
    assert_eq!((only.text.chars().count(), warnings.len()), (SAY_CHARS_MAX, 1));
    assert_eq!(said("<break time='2s'/>").0, [], "a pause alone is nothing to say");
}
