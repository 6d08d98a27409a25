//! Speech input: listens to a leg until something was said, and has it recognised (reference: voice §2.4).

use crate::media::{MediaPlane, wav_header};
use crate::recognition::Recogniser;
use engine::call::port::{ListenEvent, ListenId, ListenOrder, ListenPlan, Recognised};
use media::control::Sides;
use media::g711::FRAME;
use media::reel::is_quiet;
use std::collections::{HashMap, VecDeque};
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Frames of 20 ms that may wait for a listener.
const FRAMES_MAX: usize = 100;
/// Frames of sound in a row that are speech: 100 ms. A click is shorter.
const LOUD_FRAMES: u32 = 5;
/// Frames before speech was noticed that belong to it: 400 ms.
const BEFORE_FRAMES: usize = 20;
/// Recognisers that run at a time: each may keep a processor busy.
const RECOGNISERS_MAX: usize = 4;
/// Speech between two guesses at what is being said.
const PARTIAL_EVERY: Duration = Duration::from_secs(2);
const FRAME_TIME: Duration = Duration::from_millis(20);

/// Listens as ordered until there are no more orders.
pub async fn run(
    mut orders: mpsc::Receiver<ListenOrder>,
    media: MediaPlane,
    recogniser: Option<Arc<dyn Recogniser>>,
    events: mpsc::Sender<ListenEvent>,
) {
    let mut open: HashMap<ListenId, CancellationToken> = HashMap::new();
    let mut running = JoinSet::new();
    let turns = Arc::new(Semaphore::new(RECOGNISERS_MAX));
    loop {
        let order = tokio::select! {
            order = orders.recv() => order,
            Some(done) = running.join_next() => {
                if let Ok(listen) = done {
                    open.remove(&listen);
                }
                continue;
            }
        };
        match order {
            Some(ListenOrder::Begin(plan)) => {
                let (listen, stop) = (plan.listen, CancellationToken::new());
                open.insert(listen, stop.clone());
                let listener = Listener {
                    plan: *plan,
                    media: media.clone(),
                    recogniser: recogniser.clone(),
                    events: events.clone(),
                    turns: turns.clone(),
                };
                running.spawn(async move {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = listener.listen() => {}
                    }
                    listener.media.untap(listener.plan.tap, listener.plan.leg.0);
                    listen
                });
            }
            Some(ListenOrder::End { listen }) => {
                if let Some(stop) = open.remove(&listen) {
                    stop.cancel();
                }
            }
            None => return,
        }
    }
}

struct Listener {
    plan: ListenPlan,
    media: MediaPlane,
    recogniser: Option<Arc<dyn Recogniser>>,
    events: mpsc::Sender<ListenEvent>,
    turns: Arc<Semaphore>,
}

impl Listener {
    async fn listen(&self) {
        let listen = self.plan.listen;
        let (sink, mut frames) = mpsc::channel(FRAMES_MAX);
        self.media.tap(self.plan.tap, self.plan.leg.0, Sides::Said, sink);
        let mut speech = Speech::new(self.plan.quiet, self.plan.longest);
        let mut guesses = JoinSet::new();
        let mut guessed = Duration::ZERO;
        while let Some(frame) = frames.recv().await {
            match speech.take(&frame) {
                Progress::Waiting => {}
                Progress::Began => self.tell(ListenEvent::Spoke { listen }).await,
                Progress::Going => {
                    if self.plan.partial && guesses.is_empty() && speech.length() >= guessed + PARTIAL_EVERY {
                        guessed = speech.length();
                        let (samples, guesser) = (speech.samples.clone(), self.guesser());
                        guesses.spawn(async move { guesser.recognise(samples).await });
                    }
                    if let Some(Ok(Ok(guess))) = guesses.try_join_next()
                        && !guess.text.is_empty()
                    {
                        self.tell(ListenEvent::Partial { listen, text: guess.text }).await;
                    }
                }
                Progress::Ended => break,
            }
        }
        if !speech.began {
            // The leg has gone, and with it whoever wanted to know.
            return;
        }
        guesses.shutdown().await;
        let outcome = self.guesser().recognise(speech.samples).await;
        if let Err(why) = &outcome {
            warn!(call.sid = %self.plan.call, "what was said on {} was not recognised: {why}", self.plan.call);
        }
        self.tell(ListenEvent::Recognised { listen, outcome }).await;
    }

    fn guesser(&self) -> Guesser {
        Guesser {
            recogniser: self.recogniser.clone(),
            turns: self.turns.clone(),
            language: self.plan.language.clone(),
            hints: self.plan.hints.clone(),
            model: self.plan.model.clone(),
        }
    }

    async fn tell(&self, event: ListenEvent) {
        if self.events.send(event).await.is_err() {
            warn!("what was said could not be told: the calls have gone");
        }
    }
}

struct Guesser {
    recogniser: Option<Arc<dyn Recogniser>>,
    turns: Arc<Semaphore>,
    language: String,
    hints: Vec<String>,
    model: String,
}

impl Guesser {
    /// What these samples say, in a file for as long as it takes.
    async fn recognise(self, samples: Vec<i16>) -> Result<Recognised, String> {
        let Some(recogniser) = &self.recogniser else { return Err("nobody recognises speech".to_owned()) };
        let _turn = self.turns.acquire().await.map_err(|e| e.to_string())?;
        let file = tokio::task::spawn_blocking(move || write(&samples)).await.map_err(|e| e.to_string())?;
        let file = file.map_err(|e| e.to_string())?;
        let said = recogniser.recognise(file.path(), &self.language, &self.hints, &self.model).await;
        said.map_err(|e| e.to_string())
    }
}

fn write(samples: &[i16]) -> std::io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::Builder::new().suffix(".wav").tempfile()?;
    file.write_all(&wav_header(1, u32::try_from(samples.len() * 2).unwrap_or(u32::MAX)))?;
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    file.write_all(&bytes)?;
    file.flush()?;
    Ok(file)
}

/// How far it is with what is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Waiting,
    Began,
    Going,
    Ended,
}

/// What is said, from its first sound on.
struct Speech {
    began: bool,
    before: VecDeque<Vec<i16>>,
    samples: Vec<i16>,
    loud: u32,
    quiet: u32,
    quiet_max: u32,
    frames_max: usize,
}

impl Speech {
    fn new(quiet: Duration, longest: Duration) -> Self {
        let frames = |time: Duration| time.as_millis() / FRAME_TIME.as_millis();
        Self {
            began: false,
            before: VecDeque::with_capacity(BEFORE_FRAMES),
            samples: Vec::new(),
            loud: 0,
            quiet: 0,
            quiet_max: u32::try_from(frames(quiet)).unwrap_or(u32::MAX).max(1),
            frames_max: usize::try_from(frames(longest)).unwrap_or(usize::MAX).max(1),
        }
    }

    fn length(&self) -> Duration {
        FRAME_TIME * u32::try_from(self.samples.len() / FRAME).unwrap_or(u32::MAX)
    }

    fn take(&mut self, frame: &[i16]) -> Progress {
        let quiet = is_quiet(frame);
        (self.loud, self.quiet) = if quiet { (0, self.quiet + 1) } else { (self.loud + 1, 0) };
        if self.began {
            self.samples.extend_from_slice(frame);
            let full = self.samples.len() / FRAME >= self.frames_max;
            return if full || self.quiet >= self.quiet_max { Progress::Ended } else { Progress::Going };
        }
        if self.before.len() == BEFORE_FRAMES {
            self.before.pop_front();
        }
        self.before.push_back(frame.to_vec());
        if self.loud < LOUD_FRAMES {
            return Progress::Waiting;
        }
        self.began = true;
        self.samples = self.before.drain(..).flatten().collect();
        Progress::Began
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speech_begins_with_what_is_no_click_and_ends_with_silence() {
        let mut speech = Speech::new(Duration::from_millis(200), Duration::from_secs(60));
        let (loud, quiet) = (vec![3_000; FRAME], vec![0; FRAME]);
        let mut take =
            |frame: &[i16], times: usize| (0..times).map(|_| speech.take(frame)).collect::<Vec<_>>();
        assert!(take(&quiet, 50).iter().all(|p| *p == Progress::Waiting));
        assert!(take(&loud, 3).iter().all(|p| *p == Progress::Waiting), "a click");
        assert!(take(&quiet, 3).iter().all(|p| *p == Progress::Waiting));
        assert_eq!(take(&loud, 5).last(), Some(&Progress::Began));
        assert!(take(&loud, 20).iter().all(|p| *p == Progress::Going));
        assert!(take(&quiet, 9).iter().all(|p| *p == Progress::Going), "a breath");
        assert_eq!(take(&quiet, 1), [Progress::Ended]);
        assert_eq!(speech.samples.len() / FRAME, BEFORE_FRAMES + 20 + 10);
    }

    #[test]
    fn who_talks_on_and_on_is_cut_short() {
        let mut speech = Speech::new(Duration::from_secs(5), Duration::from_secs(1));
        let loud = vec![3_000; FRAME];
        let ended = (0..100).position(|_| speech.take(&loud) == Progress::Ended);
        assert!(ended.is_some_and(|frames| frames < 60));
    }
}
