//! What follows from messages: lamps of phones, and transcripts.

use base::{AccountSid, RecordingSid};
use engine::call::port::{Input, Mailbox};
use gateway::recordings::Shelf;
use gateway::sip::{SipGateway, Waiting};
use gateway::transcripts::Transcriber;
use owner::{Voice, Voices};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use store::{Page, Rows, Store, StoreError};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Lamps are looked after this often even if nobody says that anything changed: phones and their owners change too.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Keeps the lamps of phones in step with their owners' mailboxes.
pub async fn light(store: Store, voices: Voices, sip: SipGateway, stop: CancellationToken) {
    let mut changes = store.voicemails_watch();
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
            changed = changes.changed() => if changed.is_err() { return },
        }
        for voice in voices.all() {
            if let Err(why) = look(&store, voice.account(), &sip).await {
                warn!("the lamps of phones could not be set: {why}");
            }
        }
    }
}

async fn look(store: &Store, account: AccountSid, sip: &SipGateway) -> Result<(), StoreError> {
    let counts: HashMap<Mailbox, _> = store.voicemail_counts(account).await?.into_iter().collect();
    let mut page = Page::all();
    loop {
        let Rows { rows, more } = store.sip_accounts(account, page).await?;
        for phone in &rows {
            let Some(worker) = phone.worker else { continue };
            let counts = counts.get(&Mailbox::Worker(worker)).copied().unwrap_or_default();
            sip.messages(&phone.user, Waiting { new: counts.new, old: counts.heard });
        }
        let Some(last) = rows.last().filter(|_| more) else { return Ok(()) };
        page = Page::after(store::PAGE_ROWS_MAX, last.sid.to_string());
    }
}

/// Has recordings written down, as many at a time as there is `room` for, and says what came of each.
pub async fn transcribe(
    mut orders: mpsc::Receiver<RecordingSid>,
    shelf: Shelf,
    transcriber: Option<Arc<dyn Transcriber>>,
    room: Arc<Semaphore>,
    voice: Voice,
) {
    let mut running = JoinSet::new();
    while let Some(recording) = orders.recv().await {
        while running.try_join_next().is_some() {}
        let Ok(place) = room.clone().acquire_owned().await else { return };
        let (shelf, transcriber, voice) = (shelf.clone(), transcriber.clone(), voice.clone());
        running.spawn(async move {
            let _place = place;
            let outcome = match transcriber {
                Some(transcriber) => write_down(&shelf, &*transcriber, recording).await,
                None => Err("no transcription provider is configured".to_owned()),
            };
            if let Err(why) = &outcome {
                warn!(recording.sid = %recording, "recording {recording} was not transcribed: {why}");
            }
            // Nobody is left to be told when the calls are over.
            let _ = voice.input(Input::Transcribed { recording, outcome }).await;
        });
    }
}

async fn write_down(
    shelf: &Shelf,
    transcriber: &dyn Transcriber,
    recording: RecordingSid,
) -> Result<String, String> {
    let shelf = shelf.clone();
    let file = tokio::task::spawn_blocking(move || shelf.wav(&recording.to_string(), true)).await;
    let file = file.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
    let file = file.ok_or_else(|| "its media is not there".to_owned())?;
    transcriber.transcribe(&file).await.map_err(|e| e.to_string())
}
