//! Audio files into clips.

use super::PromptError;
use media::clip::Clip;
use media::g711::Law;
use media::resample;
use std::io::Cursor;
use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

/// Whether a content type is one of those that a prompt may have, and how it is read.
pub(super) fn format_of(content_type: &str) -> Option<Format> {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.as_str() {
        "audio/mpeg" | "audio/mp3" => Some(Format::Container("mp3")),
        "audio/wav" | "audio/wave" | "audio/x-wav" | "audio/vnd.wave" => Some(Format::Container("wav")),
        "audio/aiff" | "audio/x-aiff" | "audio/x-aifc" => Some(Format::Container("aiff")),
        "audio/ulaw" | "audio/basic" => Some(Format::Ulaw),
        _ => None,
    }
}

/// How a prompt is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// A file of a kind with this usual extension.
    Container(&'static str),
    /// Bare µ-law at 8 kHz.
    Ulaw,
}

/// Decodes a body; without a content type by what it looks like.
pub(super) fn decode(bytes: Vec<u8>, content_type: Option<&str>) -> Result<Clip, PromptError> {
    let mut hint = Hint::new();
    match content_type.map(|kind| format_of(kind).ok_or_else(|| PromptError::ContentType(kind.to_owned()))) {
        Some(Err(error)) => return Err(error),
        Some(Ok(Format::Ulaw)) => {
            let samples: Vec<i16> = bytes.iter().map(|&byte| Law::Mu.decode(byte)).collect();
            return Ok(Clip::new(&samples));
        }
        Some(Ok(Format::Container(extension))) => {
            hint.with_extension(extension);
        }
        None => {}
    }
    let (samples, rate) = samples(bytes, &hint)?;
    Ok(Clip::new(&resample::to_8k(&samples, rate)))
}

/// One channel of the file, and its rate.
fn samples(bytes: Vec<u8>, hint: &Hint) -> Result<(Vec<f32>, u32), PromptError> {
    let stream = MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default());
    let mut format = symphonia::default::get_probe()
        .probe(hint, stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(undecodable)?;
    let track =
        format.default_track(TrackType::Audio).ok_or_else(|| PromptError::Undecodable("no audio".into()))?;
    let track_id = track.id;
    let parameters = track
        .codec_params
        .as_ref()
        .and_then(|parameters| parameters.audio())
        .ok_or_else(|| PromptError::Undecodable("unknown codec".into()))?;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(undecodable)?;
    let (mut mono, mut rate, mut interleaved) = (Vec::new(), 0, Vec::new());
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            // Cut short: what there is can be played.
            Err(Error::IoError(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(undecodable(error)),
        };
        if packet.track_id != track_id {
            continue;
        }
        let audio = match decoder.decode(&packet) {
            Ok(audio) => audio,
            // A bad frame is left out.
            Err(Error::DecodeError(_)) => continue,
            Err(error) => return Err(undecodable(error)),
        };
        rate = audio.spec().rate();
        let channels = audio.spec().channels().count().max(1);
        audio.copy_to_vec_interleaved::<f32>(&mut interleaved);
        mono.extend(interleaved.chunks(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32));
        if mono.len() as u64 > u64::from(rate) * SECONDS_MAX {
            return Err(PromptError::Undecodable(format!("longer than {} minutes", SECONDS_MAX / 60)));
        }
    }
    if rate == 0 || mono.is_empty() {
        return Err(PromptError::Undecodable("no audio in it".into()));
    }
    Ok((mono, rate))
}

fn undecodable(error: Error) -> PromptError {
    PromptError::Undecodable(error.to_string())
}

/// Longest prompt: 40 minutes, as documented.
const SECONDS_MAX: u64 = 40 * 60;

#[cfg(test)]
mod tests {
    use super::*;
    use media::detect::share;
    use std::f64::consts::TAU;

    /// A WAV file of this format tag, rate and channels.
    fn wav(tag: u16, bits: u16, channels: u16, rate: u32, data: &[u8]) -> Vec<u8> {
        let block = channels * bits / 8;
        let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x12\0\0\0".to_vec();
        bytes.extend(tag.to_le_bytes());
        bytes.extend(channels.to_le_bytes());
        bytes.extend(rate.to_le_bytes());
        bytes.extend((rate * u32::from(block)).to_le_bytes());
        bytes.extend(block.to_le_bytes());
        bytes.extend(bits.to_le_bytes());
        bytes.extend([0, 0]);
        bytes.extend(b"data");
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
        let size = (bytes.len() as u32 - 8).to_le_bytes();
        bytes[4..8].copy_from_slice(&size);
        bytes
    }

    fn tone(hertz: f64, rate: u32) -> impl Iterator<Item = i16> {
        (0..rate).map(move |i| (12_000.0 * (TAU * hertz * f64::from(i) / f64::from(rate)).sin()) as i16)
    }

    fn heard(clip: &Clip) -> Vec<i16> {
        (0..clip.frames()).flat_map(|i| clip.frame(Law::A, i).unwrap().map(|b| Law::A.decode(b))).collect()
    }

    #[test]
    fn every_kind_of_wav_sounds_as_it_should() {
        let linear: Vec<u8> = tone(440.0, 44_100).flat_map(|s| [s, s]).flat_map(i16::to_le_bytes).collect();
        let alaw: Vec<u8> = tone(440.0, 8_000).map(|s| Law::A.encode(s)).collect();
        let ulaw: Vec<u8> = tone(440.0, 8_000).map(|s| Law::Mu.encode(s)).collect();
        let files = [wav(1, 16, 2, 44_100, &linear), wav(6, 8, 1, 8_000, &alaw), wav(7, 8, 1, 8_000, &ulaw)];
        for file in files {
            let clip = decode(file, Some("audio/x-wav; charset=binary")).unwrap();
            assert!((49..=51).contains(&clip.frames()), "{clip:?}");
            let share = share(&heard(&clip)[800..7_200], 440.0);
            assert!(share > 0.99, "{share}");
        }
        let bare = decode(ulaw, Some("audio/basic")).unwrap();
        assert!(share(&heard(&bare), 440.0) > 0.99);
    }

    #[test]
    fn an_mp3_of_ours_sounds_as_it_should() {
        let clip = decode(include_bytes!("../../tests/tone-500.mp3").to_vec(), Some("audio/mpeg")).unwrap();
        assert!((95..=110).contains(&clip.frames()), "{clip:?}");
        assert!(share(&heard(&clip)[1_600..14_400], 500.0) > 0.99);
    }

    #[test]
    fn what_is_no_audio_is_refused_with_its_code() {
        let codes = [
            decode(b"<html>".to_vec(), Some("text/html")),
            decode(b"<html>".to_vec(), Some("audio/mpeg")),
            decode(b"RIFFxxxxWAVE".to_vec(), Some("audio/wav")),
            decode(vec![], None),
            decode(vec![1; 100], Some("audio/gsm")),
        ]
        .map(|refused| refused.unwrap_err().code());
        assert_eq!(codes, [13_420; 5]);
    }
}
