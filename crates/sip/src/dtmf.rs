//! Keys of a telephone in INFO requests: `application/dtmf-relay` and `application/dtmf`, as phones without RFC 4733
//! send them. Neither was ever standardised; this is what they have in common.

/// The key in an INFO body of this content type: `0`-`9`, `*`, `#`, `A`-`D`. `None` if it is about something else.
pub fn digit(content_type: &str, body: &[u8]) -> Option<char> {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let body = std::str::from_utf8(body).ok()?;
    let signal = match kind.as_str() {
        "application/dtmf-relay" => body.lines().find_map(|line| {
            let (name, value) = line.split_once(['=', ':'])?;
            name.trim().eq_ignore_ascii_case("signal").then_some(value)
        })?,
        "application/dtmf" => body,
        _ => return None,
    };
    match signal.trim() {
        "10" => Some('*'),
        "11" => Some('#'),
        one => {
            let mut characters = one.chars();
            let key = characters.next()?.to_ascii_uppercase();
            let known = matches!(key, '0'..='9' | '*' | '#' | 'A'..='D');
            (known && characters.next().is_none()).then_some(key)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_either_form_and_nothing_in_any_other() {
        let relay = "application/dtmf-relay";
        assert_eq!(digit(relay, b"Signal=5\r\nDuration=160\r\n"), Some('5'));
        assert_eq!(digit("Application/DTMF-Relay; charset=utf-8", b"Signal= *\r\n"), Some('*'));
        assert_eq!(digit(relay, b"signal=11"), Some('#'));
        assert_eq!(digit("application/dtmf", b" d\r\n"), Some('D'));
        for body in [&b"Signal=55"[..], b"Signal=x", b"Duration=160", b"", b"\xff\xfe"] {
            assert_eq!(digit(relay, body), None, "{body:?}");
        }
        assert_eq!(digit("application/media_control+xml", b"5"), None);
    }
}
