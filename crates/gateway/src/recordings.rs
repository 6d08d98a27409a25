//! The folder of recordings: what is in it, and other forms of it made when they are asked for.
//!
//! Everything here blocks.

use shine_rs::{Mp3Encoder, Mp3EncoderConfig, StereoMode};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

/// Bytes before the samples in a file of ours.
const HEADER_BYTES: usize = 44;
/// Samples a second in a file of ours.
const RATE: u32 = 8_000;
/// Kilobits a second of an MP3, for each channel: speech at 8 kHz has no more in it.
const KBPS_PER_CHANNEL: u32 = 32;

/// The folder.
#[derive(Debug, Clone)]
pub struct Shelf {
    folder: PathBuf,
}

impl Shelf {
    /// Recordings in this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The recording as WAV; `mono`: in one channel. `None` if there is none.
    pub fn wav(&self, name: &str, mono: bool) -> io::Result<Option<PathBuf>> {
        let file = self.path(name, "wav");
        if !file.is_file() {
            return Ok(None);
        }
        if !mono {
            return Ok(Some(file));
        }
        self.made(name, "mono.wav", || {
            let bytes = fs::read(&file)?;
            let (channels, samples) = samples(&bytes)?;
            if channels == 1 {
                return Ok(bytes);
            }
            let summed: Vec<i16> =
                samples.chunks(2).map(|pair| pair.iter().fold(0, |a, b| a + b / 2)).collect();
            let mut wav = bytes[..HEADER_BYTES].to_vec();
            let length = (summed.len() * 2) as u32;
            wav[4..8].copy_from_slice(&(length + 36).to_le_bytes());
            wav[22..24].copy_from_slice(&1u16.to_le_bytes());
            wav[28..32].copy_from_slice(&(RATE * 2).to_le_bytes());
            wav[32..34].copy_from_slice(&2u16.to_le_bytes());
            wav[40..44].copy_from_slice(&length.to_le_bytes());
            wav.extend(summed.iter().flat_map(|sample| sample.to_le_bytes()));
            Ok(wav)
        })
    }

    /// The same as MP3.
    pub fn mp3(&self, name: &str, mono: bool) -> io::Result<Option<PathBuf>> {
        let Some(wav) = self.wav(name, mono)? else { return Ok(None) };
        let ending = if mono { "mono.mp3" } else { "mp3" };
        self.made(name, ending, || {
            let bytes = fs::read(&wav)?;
            let (channels, samples) = samples(&bytes)?;
            encode(channels, &samples).map_err(io::Error::other)
        })
    }

    /// Removes every form of a recording.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        for ending in ["wav", "mp3", "mono.wav", "mono.mp3"] {
            match fs::remove_file(self.path(name, ending)) {
                Err(why) if why.kind() != ErrorKind::NotFound => return Err(why),
                _ => {}
            }
        }
        Ok(())
    }

    fn path(&self, name: &str, ending: &str) -> PathBuf {
        self.folder.join(format!("{name}.{ending}"))
    }

    /// A file that is made once, and whole when it is seen.
    fn made(
        &self,
        name: &str,
        ending: &str,
        make: impl FnOnce() -> io::Result<Vec<u8>>,
    ) -> io::Result<Option<PathBuf>> {
        let file = self.path(name, ending);
        if !file.is_file() {
            let mut partial = tempfile::NamedTempFile::new_in(&self.folder)?;
            io::Write::write_all(&mut partial, &make()?)?;
            partial.persist(&file).map_err(|why| why.error)?;
        }
        Ok(Some(file))
    }
}

/// Channels and samples of a file of ours.
fn samples(bytes: &[u8]) -> io::Result<(u8, Vec<i16>)> {
    let wrong = || io::Error::new(ErrorKind::InvalidData, "no recording of ours");
    let (header, data) = bytes.split_at_checked(HEADER_BYTES).ok_or_else(wrong)?;
    if !header.starts_with(b"RIFF") || !matches!(header[22], 1 | 2) {
        return Err(wrong());
    }
    Ok((header[22], data.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()))
}

fn encode(channels: u8, samples: &[i16]) -> Result<Vec<u8>, shine_rs::EncoderError> {
    let config = Mp3EncoderConfig::new()
        .sample_rate(RATE)
        .bitrate(KBPS_PER_CHANNEL * u32::from(channels))
        .channels(channels)
        .stereo_mode(if channels == 1 { StereoMode::Mono } else { StereoMode::Stereo });
    let mut encoder = Mp3Encoder::new(config)?;
    let mut mp3 = encoder.encode_interleaved(samples)?.concat();
    mp3.extend(encoder.finish()?);
    Ok(mp3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompts::decoded;
    use media::detect::share;
    use media::tone::{Tone, render};

    fn shelf(channels: u16, samples: &[i16]) -> (tempfile::TempDir, Shelf) {
        let folder = tempfile::tempdir().unwrap();
        let bytes = (samples.len() * 2) as u32;
        let mut wav = crate::media::wav_header(channels, bytes).to_vec();
        wav.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        fs::write(folder.path().join("RE1.wav"), wav).unwrap();
        let shelf = Shelf::new(folder.path());
        (folder, shelf)
    }

    fn tone(hertz: f64) -> Vec<i16> {
        render(&[Tone { hertz: [hertz, 0.0], ms: 2_000 }], -10.0)
    }

    #[test]
    fn an_mp3_holds_what_was_said() {
        for channels in [1, 2] {
            let said = tone(440.0);
            let samples: Vec<i16> = said.iter().flat_map(|s| vec![*s; channels]).collect();
            let (_folder, shelf) = shelf(channels as u16, &samples);
            let file = shelf.mp3("RE1", false).unwrap().unwrap();
            let heard = decoded(fs::read(file).unwrap(), "audio/mpeg");
            assert!((14_000..20_000).contains(&heard.len()), "{} samples", heard.len());
            assert!(share(&heard[4_000..12_000], 440.0) > 0.9);
        }
    }

    #[test]
    fn one_channel_is_made_of_two() {
        let (a, b) = (tone(440.0), tone(1_000.0));
        let samples: Vec<i16> = a.iter().zip(&b).flat_map(|(a, b)| [*a, *b]).collect();
        let (_folder, shelf) = shelf(2, &samples);
        let file = shelf.wav("RE1", true).unwrap().unwrap();
        let (channels, mono) = super::samples(&fs::read(file).unwrap()).unwrap();
        assert_eq!((channels, mono.len()), (1, a.len()));
        assert!(share(&mono, 440.0) > 0.4 && share(&mono, 1_000.0) > 0.4);
    }

    #[test]
    fn what_is_removed_is_gone_in_every_form() {
        let (folder, shelf) = shelf(1, &tone(440.0));
        shelf.mp3("RE1", false).unwrap();
        shelf.remove("RE1").unwrap();
        assert_eq!(shelf.mp3("RE1", false).unwrap(), None);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        shelf.remove("RE1").unwrap();
    }
}
