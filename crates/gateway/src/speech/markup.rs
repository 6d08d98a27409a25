//! SSML as far as plain engines can speak it.

/// What is said of `text`: markup is left out, characters are spelled where it says so, an alias replaces its text,
/// a break becomes a pause of punctuation.
pub(super) fn spoken(text: &str) -> String {
    if !text.contains('<') && !text.contains('&') {
        return tidy(text);
    }
    let wrapped = format!("<tandem>{text}</tandem>");
    match roxmltree::Document::parse(&wrapped) {
        Ok(document) => {
            let mut said = String::new();
            speak(document.root_element(), &mut said, 0);
            tidy(&said)
        }
        // Not markup after all: "a < b".
        Err(_) => tidy(text),
    }
}

fn speak(node: roxmltree::Node<'_, '_>, said: &mut String, depth: usize) {
    for child in node.children() {
        if let Some(text) = child.text().filter(|_| child.is_text()) {
            said.push_str(text);
        }
        if !child.is_element() || depth > DEPTH_MAX {
            continue;
        }
        match child.tag_name().name() {
            "break" => said.push_str(", "),
            "sub" => said.push_str(child.attribute("alias").or(child.text()).unwrap_or_default()),
            "say-as" => {
                let mut inner = String::new();
                speak(child, &mut inner, depth + 1);
                match child.attribute("interpret-as") {
                    Some("characters" | "spell-out" | "digits" | "telephone" | "verbatim") => {
                        inner.chars().filter(|c| c.is_alphanumeric()).for_each(|c| said.extend([c, ' ']));
                    }
                    Some("expletive") => said.push_str("beep"),
                    _ => said.push_str(&inner),
                }
            }
            "p" | "s" => {
                speak(child, said, depth + 1);
                said.push_str(". ");
            }
            _ => speak(child, said, depth + 1),
        }
    }
}

/// One line, without control characters and without doubled spaces.
fn tidy(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

const DEPTH_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_spoken_and_not_read_out() {
        for (text, said) in [
            ("Please   hold\n the line.", "Please hold the line."),
            ("<speak>Hi <emphasis level='strong'>you</emphasis></speak>", "Hi you"),
            ("Your code: <say-as interpret-as=\"characters\">A1-2</say-as>", "Your code: A 1 2"),
            ("one<break time='1s'/>two", "one, two"),
            ("<sub alias='World Wide Web'>WWW</sub>", "World Wide Web"),
            ("Tom &amp; Jerry", "Tom & Jerry"),
            ("if a < b", "if a < b"),
        ] {
            assert_eq!(spoken(text), said);
        }
    }
}
