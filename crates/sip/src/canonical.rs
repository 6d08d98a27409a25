//! One spelling of what RFC 3261 lets be spelt in many ways: folded lines, blanks before colons and around slashes,
//! semicolons and equals signs. The stack reads only this one.

use std::borrow::Cow;

/// Headers whose blanks around separators mean nothing, in their long and short names.
const ADDRESSES: [&str; 8] = ["from", "f", "to", "t", "contact", "m", "route", "record-route"];

/// The message in its one spelling; as it came, if that is the same or it is no message. The body is never touched.
pub fn canonical(message: &[u8]) -> Cow<'_, [u8]> {
    let Some(end) = message.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Cow::Borrowed(message);
    };
    let Ok(head) = std::str::from_utf8(&message[..end]) else { return Cow::Borrowed(message) };
    if !is_unusual(head) {
        return Cow::Borrowed(message);
    }
    let mut lines = head.split("\r\n");
    let mut out = lines.next().unwrap_or_default().to_owned();
    let mut logical: Vec<String> = Vec::new();
    for line in lines {
        match (line.starts_with([' ', '\t']), logical.last_mut()) {
            (true, Some(before)) => {
                before.push(' ');
                before.push_str(line.trim_matches([' ', '\t']));
            }
            _ => logical.push(line.to_owned()),
        }
    }
    for line in logical {
        out.push_str("\r\n");
        match line.split_once(':') {
            Some((name, value)) => {
                let name = name.trim_end_matches([' ', '\t']);
                out.push_str(name);
                out.push_str(": ");
                out.push_str(&tight(name, value.trim_matches([' ', '\t'])));
            }
            None => out.push_str(&line),
        }
    }
    let mut bytes = out.into_bytes();
    bytes.extend_from_slice(&message[end..]);
    Cow::Owned(bytes)
}

/// Whether anything in it may be spelt unlike the rest of the world spells it.
fn is_unusual(head: &str) -> bool {
    let mut lines = head.split("\r\n");
    lines.next();
    lines.any(|line| {
        let Some((name, value)) = line.split_once(':') else { return line.starts_with([' ', '\t']) };
        let blank = [' ', '\t'];
        let kind = name.trim_matches(blank).to_ascii_lowercase();
        name.ends_with(blank)
            || name.starts_with(blank)
            || match kind.as_str() {
                "via" | "v" => tight("via", value.trim_matches(blank)) != value.trim_matches(blank),
                kind if ADDRESSES.contains(&kind) => {
                    [" ;", "\t;", "; ", " =", "= "].iter().any(|odd| value.contains(odd))
                }
                _ => false,
            }
    })
}

/// A value without the blanks that mean nothing in a header of this name.
fn tight(name: &str, value: &str) -> String {
    let name = name.to_ascii_lowercase();
    let separators = match name.as_str() {
        "via" | "v" => "/;=,",
        name if ADDRESSES.contains(&name) => ";=,",
        "cseq" => "",
        _ => return value.to_owned(),
    };
    let mut out = String::with_capacity(value.len());
    let (mut quoted, mut escaped, mut blank) = (false, false, false);
    for c in value.chars() {
        if quoted {
            out.push(c);
            (quoted, escaped) = (escaped || c != '"', !escaped && c == '\\');
            continue;
        }
        if c == ' ' || c == '\t' {
            blank = true;
            continue;
        }
        let bound = separators.contains(c) || out.ends_with(|last| separators.contains(last));
        if std::mem::take(&mut blank) && !bound && !out.is_empty() {
            out.push(' ');
        }
        out.push(c);
        quoted = c == '"';
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tidy(message: &str) -> String {
        String::from_utf8(canonical(message.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn what_is_spelt_oddly_is_spelt_plainly() {
        let odd = "INVITE sip:a@b SIP/2.0\r\nTO :\r\n sip:v@e ;   tag    = 19n\r\nv:  SIP  / 2.0  / TCP     s.e   ;\r\n  branch  =   z9 ,\r\n \
            SIP / 2.0 / UDP  10.0.0.1 ; branch=\r\n z8\r\nfrom   : \"J \\\\\\\"  x\"       <sip:j@e>\r\n  ;\r\n  tag = 9\r\ncseq: 0009\r\n  INVITE\r\n\r\nbody :  x ; y";
        let plain = "INVITE sip:a@b SIP/2.0\r\nTO: sip:v@e;tag=19n\r\nv: SIP/2.0/TCP s.e;branch=z9,SIP/2.0/UDP 10.0.0.1;branch=z8\r\n\
            from: \"J \\\\\\\"  x\" <sip:j@e>;tag=9\r\ncseq: 0009 INVITE\r\n\r\nbody :  x ; y";
        assert_eq!(tidy(odd), plain);
        assert_eq!(tidy(plain), plain);
    }

    #[test]
    fn what_is_usual_is_not_copied() {
        let usual = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9;rport\r\nTo: \"A B\" <sip:a@b>\r\nSubject: a  ;  b\r\n\r\n";
        assert!(matches!(canonical(usual.as_bytes()), Cow::Borrowed(_)));
        for other in [&b""[..], b"\r\n\r\n", b"\xff\xfe\r\n\r\n", b"no end"] {
            assert_eq!(&*canonical(other), other);
        }
    }

    proptest! {
        #[test]
        fn once_is_enough(head in "[A-Za-z :;=,/\"\\\\\r\n\t<>]{0,200}", body in proptest::collection::vec(any::<u8>(), 0..20)) {
            let message = [b"X sip:a SIP/2.0\r\n".as_slice(), head.as_bytes(), b"\r\n\r\n", &body].concat();
            let once = canonical(&message).into_owned();
            let end = message.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
            prop_assert!(once.ends_with(&message[end..]));
            let twice = canonical(&once).into_owned();
            prop_assert_eq!(once, twice);
        }
    }
}
