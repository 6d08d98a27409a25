//! Voices by the names that documents give them: what the engines of this machine have in their place.

/// A woman's or a man's voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gender {
    Woman,
    Man,
}

/// What is known of a voice by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Voice {
    pub(super) gender: Gender,
    /// The language that it speaks by itself.
    pub(super) language: Option<String>,
}

/// The voice of this name. One that is not known, and none, is a woman's.
pub(super) fn voice(name: &str) -> Voice {
    let own = |gender| Voice { gender, language: None };
    if name == "man" {
        return own(Gender::Man);
    }
    if let Some(name) = name.strip_prefix("Polly.") {
        let person = name.split('-').next().unwrap_or_default();
        let plain: String = person.chars().map(unaccented).collect();
        let is = |names: &str| names.split(' ').any(|known| known == plain);
        let found = POLLY.iter().find(|(_, women, men)| is(women) || is(men));
        return match found {
            Some((language, women, _)) => {
                let gender = if is(women) { Gender::Woman } else { Gender::Man };
                Voice { gender, language: Some((*language).to_owned()) }
            }
            None => own(Gender::Woman),
        };
    }
    if let Some(name) = name.strip_prefix("Google.") {
        let mut parts = name.split('-');
        let language: Vec<&str> = parts.by_ref().take(2).collect();
        let last = parts.next_back().unwrap_or_default();
        let american = language == ["en", "US"];
        let man = match last {
            "A" | "I" | "J" => american,
            "B" | "D" => true,
            star => GOOGLE_MEN.contains(&star),
        };
        let gender = if man { Gender::Man } else { Gender::Woman };
        let language = (language.len() == 2).then(|| language.join("-"));
        return Voice { gender, language };
    }
    own(Gender::Woman)
}

fn unaccented(c: char) -> char {
    match c {
        'á' | 'â' | 'ã' => 'a',
        'é' | 'è' | 'ê' => 'e',
        'í' => 'i',
        'ó' => 'o',
        other => other,
    }
}

/// Languages with the names of their women and of their men.
const POLLY: &[(&str, &str, &str)] = &[
    ("ar-AE", "Hala Zeina", "Zayd"),
    ("ca-ES", "Arlet", ""),
    ("cmn-CN", "Zhiyu", ""),
    ("cs-CZ", "Jitka", ""),
    ("cy-GB", "Gwyneth", ""),
    ("da-DK", "Naja Sofie", "Mads"),
    ("de-AT", "Hannah", ""),
    ("de-CH", "Sabrina", ""),
    ("de-DE", "Marlene Vicki", "Hans Daniel"),
    ("en-AU", "Nicole Olivia", "Russell"),
    ("en-GB", "Amy Emma", "Brian Arthur Geraint"),
    ("en-IE", "Niamh", ""),
    ("en-IN", "Aditi Raveena Kajal", ""),
    ("en-NZ", "Aria", ""),
    ("en-SG", "Jasmine", ""),
    (
        "en-US",
        "Danielle Ivy Joanna Kendra Kimberly Ruth Salli Tiffany",
        "Gregory Joey Justin Kevin Matthew Patrick Stephen",
    ),
    ("en-ZA", "Ayanda", ""),
    ("es-ES", "Alba Conchita Lucia", "Enrique Raul Sergio"),
    ("es-MX", "Mia", "Andres"),
    ("es-US", "Lupe Penelope", "Miguel Pedro"),
    ("fi-FI", "Suvi", ""),
    ("fr-BE", "Isabelle", ""),
    ("fr-CA", "Chantal Gabrielle", "Liam"),
    ("fr-FR", "Celine Lea", "Mathieu Remi"),
    ("is-IS", "Dora", "Karl"),
    ("it-IT", "Bianca Carla", "Adriano Giorgio"),
    ("ja-JP", "Kazuha Mizuki Tomoko", "Takumi"),
    ("ko-KR", "Jihye Seoyeon", ""),
    ("nb-NO", "Ida Liv", ""),
    ("nl-BE", "Lisa", ""),
    ("nl-NL", "Laura Lotte", "Ruben"),
    ("pl-PL", "Ewa Maja Ola", "Jacek Jan"),
    ("pt-BR", "Camila Vitoria", "Ricardo Thiago"),
    ("pt-PT", "Ines", "Cristiano"),
    ("ro-RO", "Carmen", ""),
    ("ru-RU", "Tatyana", "Maxim"),
    ("sv-SE", "Astrid Elin", ""),
    ("tr-TR", "Burcu Filiz", ""),
    ("yue-CN", "Hiujin", ""),
];

/// Google's newest voices are called after stars; these are men.
const GOOGLE_MEN: &[&str] = &[
    "Achird",
    "Algenib",
    "Algieba",
    "Alnilam",
    "Charon",
    "Enceladus",
    "Fenrir",
    "Iapetus",
    "Orus",
    "Puck",
    "Rasalgethi",
    "Sadachbia",
    "Sadaltager",
    "Schedar",
    "Umbriel",
    "Zubenelgenubi",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_who_speaks_and_in_which_language() {
        for (name, gender, language) in [
            ("man", Gender::Man, None),
            ("woman", Gender::Woman, None),
            ("alice", Gender::Woman, None),
            ("", Gender::Woman, None),
            ("Polly.Hans", Gender::Man, Some("de-DE")),
            ("Polly.Joanna-Neural", Gender::Woman, Some("en-US")),
            ("Polly.Rémi-Neural", Gender::Man, Some("fr-FR")),
            ("Polly.Nobody", Gender::Woman, None),
            ("Google.de-DE-Wavenet-B", Gender::Man, Some("de-DE")),
            ("Google.en-US-Standard-A", Gender::Man, Some("en-US")),
            ("Google.fr-FR-Standard-A", Gender::Woman, Some("fr-FR")),
            ("Google.en-GB-Chirp3-HD-Charon", Gender::Man, Some("en-GB")),
            ("Google.en-GB-Chirp3-HD-Aoede", Gender::Woman, Some("en-GB")),
        ] {
            assert_eq!(voice(name), Voice { gender, language: language.map(str::to_owned) }, "{name}");
        }
    }
}
