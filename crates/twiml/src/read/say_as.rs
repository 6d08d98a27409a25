//! `<say-as>`: how digits, dates and the like are read out.

/// What is read.
pub(super) enum Reading {
    /// These words.
    Words(String),
    /// As it is written, and why.
    Plain(&'static str),
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Whether it is read letter by letter.
pub(super) fn is_spelled(how: &str) -> bool {
    matches!(how, "characters" | "spell-out" | "digits" | "telephone")
}

/// `text` read as `how` and `format` say. Words of our own are English: other languages get what every engine reads.
pub(super) fn read(how: &str, format: Option<&str>, text: &str, language: &str) -> Reading {
    let english = language.get(..2).is_some_and(|primary| primary.eq_ignore_ascii_case("en"));
    let read = match how {
        _ if is_spelled(how) => return Reading::Words(spelled(text)),
        "expletive" => return Reading::Words("beep".to_owned()),
        "cardinal" | "number" | "address" | "unit" => return Reading::Words(text.to_owned()),
        "ordinal" | "fraction" | "date" | "time" if !english => {
            return Reading::Plain("is read in English only");
        }
        "ordinal" => text.trim().parse().ok().map(ordinal),
        "fraction" => fraction(text),
        "date" => date(text, format.unwrap_or("mdy")),
        "time" => time(text),
        _ => return Reading::Plain("is not known"),
    };
    read.map_or(Reading::Plain("does not fit its words"), Reading::Words)
}

fn spelled(text: &str) -> String {
    let letters = text.chars().filter(|c| c.is_alphanumeric()).map(String::from);
    letters.collect::<Vec<_>>().join(" ")
}

/// `22nd`
fn ordinal(number: u32) -> String {
    let end = match (number % 10, number % 100) {
        (1, tens) if tens != 11 => "st",
        (2, tens) if tens != 12 => "nd",
        (3, tens) if tens != 13 => "rd",
        _ => "th",
    };
    format!("{number}{end}")
}

/// `3/20` and `1+1/2`
fn fraction(text: &str) -> Option<String> {
    let (whole, rest) = match text.trim().split_once('+') {
        Some((whole, rest)) => (Some(whole.trim().parse::<u32>().ok()?), rest),
        None => (None, text),
    };
    let (above, below) = rest.trim().split_once('/')?;
    let (above, below): (u32, u32) = (above.trim().parse().ok()?, below.trim().parse().ok()?);
    let plural = if above == 1 { "" } else { "s" };
    let part = match below {
        0 | 1 => format!("{above} over {below}"),
        2 if above == 1 => "1 half".to_owned(),
        2 => format!("{above} halves"),
        4 => format!("{above} quarter{plural}"),
        _ => format!("{above} {}{plural}", ordinal(below)),
    };
    Some(match whole {
        Some(whole) => format!("{whole} and {part}"),
        None => part,
    })
}

/// `12/31/2026` by `mdy`, and the other orders; `yyyymmdd` with `?` for what is left out.
fn date(text: &str, format: &str) -> Option<String> {
    let known = |number: &str| number.chars().all(|c| c.is_ascii_digit()) && !number.is_empty();
    let (mut year, mut month, mut day) = (None, None, None);
    if format == "yyyymmdd" {
        let text = text.trim();
        (year, month, day) = (text.get(..4), text.get(4..6), text.get(6..8));
        (year, month, day) =
            (year.filter(|n| known(n)), month.filter(|n| known(n)), day.filter(|n| known(n)));
    } else {
        let numbers: Vec<&str> =
            text.trim().split(|c: char| !c.is_ascii_digit()).filter(|n| !n.is_empty()).collect();
        if numbers.len() != format.len() || format.is_empty() {
            return None;
        }
        for (letter, number) in format.chars().zip(numbers) {
            match letter {
                'y' => year = Some(number),
                'm' => month = Some(number),
                'd' => day = Some(number),
                _ => return None,
            }
        }
    }
    let month = match month {
        Some(month) => Some(*MONTHS.get(month.parse::<usize>().ok()?.checked_sub(1)?)?),
        None => None,
    };
    let day = match day.map(str::parse::<u32>) {
        Some(Ok(day @ 1..=31)) => Some(ordinal(day)),
        Some(_) => return None,
        None => None,
    };
    let said: Vec<&str> = [month, day.as_deref()].into_iter().flatten().collect();
    match (said.join(" "), year) {
        (said, Some(year)) if said.is_empty() => Some(year.to_owned()),
        (said, Some(year)) => Some(format!("{said}, {year}")),
        (said, None) => Some(said).filter(|said| !said.is_empty()),
    }
}

/// `1'21"`: a length of time.
fn time(text: &str) -> Option<String> {
    let text = text.trim();
    let (minutes, rest) = match text.split_once('\'') {
        Some((minutes, rest)) => (Some(minutes.trim().parse::<u32>().ok()?), rest),
        None => (None, text),
    };
    let seconds = match rest.trim().strip_suffix('"') {
        Some(seconds) => Some(seconds.trim().parse::<u32>().ok()?),
        None if rest.trim().is_empty() => None,
        None => return None,
    };
    let counted = |count: u32, unit: &str| format!("{count} {unit}{}", if count == 1 { "" } else { "s" });
    let said = [minutes.map(|n| counted(n, "minute")), seconds.map(|n| counted(n, "second"))];
    let said: Vec<String> = said.into_iter().flatten().collect();
    (!said.is_empty()).then(|| said.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_times_and_numbers_are_read_as_they_are_meant() {
        for (how, format, text, said) in [
            ("ordinal", None, "1", "1st"),
            ("ordinal", None, "112", "112th"),
            ("ordinal", None, "23", "23rd"),
            ("fraction", None, "3/20", "3 20ths"),
            ("fraction", None, "1+1/2", "1 and 1 half"),
            ("date", Some("mdy"), "12/31/2026", "December 31st, 2026"),
            ("date", Some("dmy"), "1.2.2026", "February 1st, 2026"),
            ("date", Some("ym"), "2026-03", "March, 2026"),
            ("date", Some("yyyymmdd"), "????0422", "April 22nd"),
            ("date", None, "1/2/2026", "January 2nd, 2026"),
            ("time", None, "1'21\"", "1 minute 21 seconds"),
            ("telephone", None, "+1 555", "1 5 5 5"),
            ("cardinal", None, "12345", "12345"),
        ] {
            let Reading::Words(words) = read(how, format, text, "en-GB") else { panic!("{how} {text}") };
            assert_eq!(words, said);
        }
        for (how, text, language) in [
            ("ordinal", "first", "en"),
            ("date", "13/41/2026", "en"),
            ("date", "yesterday", "en"),
            ("time", "noon", "en"),
            ("ordinal", "1", "de-DE"),
            ("whisper", "x", "en"),
        ] {
            assert!(matches!(read(how, None, text, language), Reading::Plain(_)), "{how} {text}");
        }
    }
}
