//! The thread that writes recordings: 16-bit WAV at 8 kHz, in the folder of recordings.
//!
//! Media threads hand over what they gathered and never wait; what the disk does not take in time becomes silence.

use super::thread::MediaCounters;
use media::control::{Event, RecordPlan, Recorded, RecordingId};
use media::g711::FRAME;
use media::reel::{Batch, is_quiet};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc;
use tracing::{error, warn};

/// Samples a second of every recording.
const RATE: u32 = 8_000;
/// Bytes before the samples of a WAV file.
const HEADER_BYTES: u64 = 44;
/// Batches of 200 ms that may wait for the disk, of all recordings together.
const BATCHES_MAX: usize = 8_192;
/// Longest recording in samples a channel: 24 hours.
const SAMPLES_MAX: u64 = 24 * 3_600 * RATE as u64;

/// What the recorder is told.
pub(super) enum Message {
    Begin(RecordingId, Arc<RecordPlan>),
    Batch(Batch),
    End(RecordingId),
    Stop,
}

/// Hands audio to the recorder. Clones speak to the same one.
#[derive(Clone)]
pub(super) struct Recorder {
    messages: SyncSender<Message>,
    counters: Arc<MediaCounters>,
}

impl Recorder {
    /// Starts the thread. Files go to `folder`, which is made when it is needed.
    pub(super) fn start(
        folder: PathBuf,
        events: mpsc::Sender<Event>,
        counters: Arc<MediaCounters>,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let (messages, inbox) = sync_channel(BATCHES_MAX);
        let desk = Desk { folder, open: HashMap::new(), events };
        let thread =
            std::thread::Builder::new().name("recorder".to_owned()).spawn(move || desk.run(&inbox))?;
        Ok((Self { messages, counters }, thread))
    }

    /// Begins a file; false if the recorder does not keep up.
    pub(super) fn begin(&self, recording: RecordingId, plan: Arc<RecordPlan>) -> bool {
        self.messages.try_send(Message::Begin(recording, plan)).is_ok()
    }

    /// Takes audio; false if there is no room.
    pub(super) fn take(&self, batch: Batch) -> bool {
        let taken = self.messages.try_send(Message::Batch(batch)).is_ok();
        if !taken {
            self.counters.recordings_late.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }

    /// Ends a file; false if there is no room: ask again.
    pub(super) fn end(&self, recording: RecordingId) -> bool {
        self.messages.try_send(Message::End(recording)).is_ok()
    }

    /// Ends the thread after what it was told before. Blocks.
    pub(super) fn stop(&self) {
        // If it is gone already, so much the better.
        let _ = self.messages.send(Message::Stop);
    }
}

struct Desk {
    folder: PathBuf,
    open: HashMap<RecordingId, Tape>,
    events: mpsc::Sender<Event>,
}

impl Desk {
    fn run(mut self, inbox: &Receiver<Message>) {
        while let Ok(message) = inbox.recv() {
            match message {
                Message::Begin(recording, plan) => self.begin(recording, &plan),
                Message::Batch(batch) => {
                    if let Some(tape) = self.open.get_mut(&batch.recording) {
                        tape.take(&batch);
                    }
                }
                Message::End(recording) => self.end(recording),
                Message::Stop => break,
            }
        }
        for recording in self.open.keys().copied().collect::<Vec<_>>() {
            self.end(recording);
        }
    }

    fn begin(&mut self, recording: RecordingId, plan: &RecordPlan) {
        match Tape::new(&self.folder, plan) {
            Ok(tape) => drop(self.open.insert(recording, tape)),
            Err(why) => {
                error!("could not begin recording {}: {why}", plan.name);
                self.tell(recording, failed(&why));
            }
        }
    }

    fn end(&mut self, recording: RecordingId) {
        let Some(tape) = self.open.remove(&recording) else { return };
        let name = tape.path.clone();
        let outcome = tape.finish().unwrap_or_else(|why| {
            error!("could not finish recording {}: {why}", name.display());
            failed(&why)
        });
        self.tell(recording, outcome);
    }

    fn tell(&self, recording: RecordingId, outcome: Recorded) {
        if self.events.blocking_send(Event::Recorded { recording, outcome }).is_err() {
            warn!("the end of a recording could not be told: the calls have gone");
        }
    }
}

fn failed(why: &io::Error) -> Recorded {
    Recorded { length: Duration::ZERO, heard: false, error: Some(why.to_string()) }
}

/// One file that is being written.
struct Tape {
    path: PathBuf,
    file: BufWriter<File>,
    channels: u16,
    trim: bool,
    /// Samples of each channel in the file.
    length: u64,
    /// Where the last sound ends.
    sounded: u64,
    failed: Option<io::Error>,
}

impl Tape {
    fn new(folder: &Path, plan: &RecordPlan) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join(format!("{}.wav", plan.name));
        let mut file = BufWriter::new(File::create(&path)?);
        let channels = plan.sides.channels();
        file.write_all(&header(channels, 0))?;
        Ok(Self { path, file, channels, trim: plan.trim, length: 0, sounded: 0, failed: None })
    }

    fn take(&mut self, batch: &Batch) {
        let frame = FRAME * usize::from(self.channels);
        let lost = vec![0; frame];
        let frames = (0..batch.missed).map(|_| lost.as_slice()).chain(batch.samples.chunks(frame));
        for samples in frames {
            if self.failed.is_some() || self.length >= SAMPLES_MAX {
                return;
            }
            let quiet = is_quiet(samples);
            if quiet && self.trim && self.sounded == 0 {
                continue;
            }
            let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            if let Err(why) = self.file.write_all(&bytes) {
                self.failed = Some(why);
                return;
            }
            self.length += FRAME as u64;
            if !quiet {
                self.sounded = self.length;
            }
        }
    }

    fn finish(mut self) -> io::Result<Recorded> {
        if let Some(why) = self.failed.take() {
            return Err(why);
        }
        let length = if self.trim { self.sounded } else { self.length };
        self.file.flush()?;
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        let bytes = length * u64::from(self.channels) * 2;
        file.set_len(HEADER_BYTES + bytes)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&header(self.channels, u32::try_from(bytes).unwrap_or(u32::MAX)))?;
        file.sync_all()?;
        let length = Duration::from_millis(length * 1_000 / u64::from(RATE));
        Ok(Recorded { length, heard: self.sounded > 0, error: None })
    }
}

/// RIFF, one `fmt` chunk of PCM, one `data` chunk of so many bytes.
pub(crate) fn header(channels: u16, bytes: u32) -> [u8; HEADER_BYTES as usize] {
    header_at(RATE, channels, bytes)
}

/// The same for so many samples a second.
pub(crate) fn header_at(rate: u32, channels: u16, bytes: u32) -> [u8; HEADER_BYTES as usize] {
    let width = channels * 2;
    let mut header = [0; HEADER_BYTES as usize];
    let parts: [&[u8]; 13] = [
        b"RIFF",
        &bytes.saturating_add(36).to_le_bytes(),
        b"WAVE",
        b"fmt ",
        &16u32.to_le_bytes(),
        &1u16.to_le_bytes(),
        &channels.to_le_bytes(),
        &rate.to_le_bytes(),
        &(rate * u32::from(width)).to_le_bytes(),
        &width.to_le_bytes(),
        &16u16.to_le_bytes(),
        b"data",
        &bytes.to_le_bytes(),
    ];
    let mut at = 0;
    for part in parts {
        header[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::control::Sides;

    fn record(folder: &Path, sides: Sides, trim: bool, batches: &[(u32, i16)]) -> (Recorded, Vec<u8>) {
        let (events, mut told) = mpsc::channel(4);
        let counters = Arc::new(MediaCounters::default());
        let (recorder, thread) = Recorder::start(folder.to_owned(), events, counters).unwrap();
        let plan = RecordPlan { name: "RE1".into(), sides, trim, quiet: None, live: false };
        let recording = RecordingId(1);
        assert!(recorder.begin(recording, Arc::new(plan)));
        for &(missed, sample) in batches {
            let samples = vec![sample; FRAME * usize::from(sides.channels())];
            assert!(recorder.take(Batch { recording, missed, samples }));
        }
        assert!(recorder.end(recording));
        recorder.stop();
        thread.join().unwrap();
        let Some(Event::Recorded { outcome, .. }) = told.blocking_recv() else { panic!("nothing was told") };
        (outcome, fs::read(folder.join("RE1.wav")).unwrap())
    }

    #[test]
    fn a_file_says_what_is_in_it_and_lost_time_is_silence() {
        let folder = tempfile::tempdir().unwrap();
        let (outcome, bytes) = record(folder.path(), Sides::Apart, false, &[(0, 9_000), (2, 9_000)]);
        assert_eq!(outcome, Recorded { length: Duration::from_millis(80), heard: true, error: None });
        assert_eq!((&bytes[..4], bytes[22], bytes.len()), (b"RIFF".as_slice(), 2, 44 + 4 * FRAME * 4));
        assert_eq!(u32::from_le_bytes(bytes[40..44].try_into().unwrap()) as usize, bytes.len() - 44);
        let sample = |frame: usize| i16::from_le_bytes([bytes[44 + frame * 640], bytes[45 + frame * 640]]);
        assert_eq!([0, 1, 2, 3].map(sample), [9_000, 0, 0, 9_000]);
    }

    #[test]
    fn silence_at_both_ends_is_left_out_if_asked() {
        let folder = tempfile::tempdir().unwrap();
        let said = [(0, 3), (0, 9_000), (0, 2), (0, 9_000), (0, 1), (0, 0)];
        let (outcome, bytes) = record(folder.path(), Sides::Said, true, &said);
        assert_eq!((outcome.length, bytes.len()), (Duration::from_millis(60), 44 + 3 * FRAME * 2));
        let (outcome, bytes) = record(folder.path(), Sides::Said, true, &[(0, 1), (0, 2)]);
        assert_eq!((outcome.heard, outcome.length, bytes.len()), (false, Duration::ZERO, 44));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (events, mut told) = mpsc::channel(4);
        let counters = Arc::new(MediaCounters::default());
        let (recorder, thread) = Recorder::start(file.path().join("x"), events, counters).unwrap();
        let plan =
            RecordPlan { name: "RE1".into(), sides: Sides::Said, trim: false, quiet: None, live: false };
        recorder.begin(RecordingId(1), Arc::new(plan));
        recorder.stop();
        thread.join().unwrap();
        let Some(Event::Recorded { outcome, .. }) = told.blocking_recv() else { panic!("nothing was told") };
        assert!(outcome.error.is_some());
    }
}
