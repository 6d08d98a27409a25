//! What is said to everybody in a conference: a document that runs in the mixer instead of on a call
//! (reference: voice §4.1, `AnnounceUrl`).

use super::parameters::pair;
use super::port::*;
use super::program::spoken;
use super::state::*;
use super::switchboard::{FetchUse, Switchboard};
use base::*;
use media::control::{Command, PlayEnd, PlayId, Prompt};

/// Announcements that may wait for the one that is being said.
const ANNOUNCEMENTS_MAX: usize = 10;
/// Documents one announcement may redirect to.
const DOCUMENTS_MAX: u32 = 20;
/// Prompts of one document, loops counted.
const PROMPTS_MAX: usize = 1_000;

/// A document for everybody in a conference.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Announcement {
    /// As the API was asked.
    pub url: String,
    /// Where it goes on.
    pub next: Option<Webhook>,
    pub doing: AnnouncementStep,
    documents: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnnouncementStep {
    Waiting,
    Fetching(FetchId),
    Playing(PlayId),
}

impl Announcement {
    pub fn new(webhook: Webhook) -> Self {
        Self { url: webhook.url.clone(), next: Some(webhook), doing: AnnouncementStep::Waiting, documents: 0 }
    }
}

impl Switchboard {
    /// Says the document to everybody, after those that are being said. False if too many wait.
    pub(super) fn announce(&mut self, sid: ConferenceSid, webhook: Webhook) -> bool {
        let Some(conference) = self.conferences.get_mut(&sid) else { return false };
        if conference.announcements.len() >= ANNOUNCEMENTS_MAX {
            return false;
        }
        conference.announcements.push_back(Announcement::new(webhook));
        self.seats_changed(sid);
        self.go_on_announcing(sid);
        true
    }

    /// Fetches the next document of the announcement in front, unless it is busy; the next announcement if it is done.
    fn go_on_announcing(&mut self, sid: ConferenceSid) {
        let fetch = FetchId(self.fresh());
        let Some(conference) = self.conferences.get_mut(&sid) else { return };
        let jar = conference.seats.first().map(|s| s.call);
        let Some(now) = conference.announcements.front_mut() else {
            return self.seats_changed(sid);
        };
        if now.doing != AnnouncementStep::Waiting {
            return;
        }
        let (Some(webhook), Some(call)) = (now.next.take(), jar) else {
            return self.announced(sid, None);
        };
        now.documents += 1;
        if now.documents > DOCUMENTS_MAX {
            return self.announced(sid, Some("the document redirects too often".to_owned()));
        }
        now.doing = AnnouncementStep::Fetching(fetch);
        let mut parameters = match self.calls.get(&call) {
            Some(known) => self.standard(known),
            None => Vec::new(),
        };
        parameters.push(pair("ConferenceSid", sid));
        self.fetches.insert(fetch, (call, FetchUse::Announcement(sid), webhook.clone()));
        self.out.push(Effect::Fetch { fetch, call, webhook, fallback: None, parameters });
    }

    pub(super) fn announcement_fetched(
        &mut self,
        call: CallSid,
        sid: ConferenceSid,
        fetch: FetchId,
        outcome: Result<Document, FetchError>,
    ) {
        let waits = self.conferences.get(&sid).and_then(|c| c.announcements.front());
        if waits.is_none_or(|a| a.doing != AnnouncementStep::Fetching(fetch)) {
            return;
        }
        let read = match outcome {
            Ok(document) => self.read_document(call, document).map_err(|code| format!("error {code}")),
            Err(error) => {
                self.notify_error(call, error.code, error.message.clone());
                Err(error.message)
            }
        };
        let prompts = read.and_then(|frame| prompts_of(&frame));
        let (prompts, next) = match prompts {
            Ok(found) => found,
            Err(why) => return self.announced(sid, Some(why)),
        };
        let play = self.fresh_play();
        let Some(conference) = self.conferences.get_mut(&sid) else { return };
        let mixer = conference.mixer;
        let Some(now) = conference.announcements.front_mut() else { return };
        now.next = next;
        match mixer.filter(|_| !prompts.is_empty()) {
            Some(mixer) => {
                now.doing = AnnouncementStep::Playing(play);
                self.media(Command::Announce { mixer, play, prompts });
            }
            None => {
                now.doing = AnnouncementStep::Waiting;
                self.go_on_announcing(sid);
            }
        }
    }

    /// Something that was played to a mixer ended.
    pub(super) fn announcement_over(&mut self, play: PlayId, end: PlayEnd) {
        let playing = |c: &super::conference::Conference| {
            c.announcements.front().is_some_and(|a| a.doing == AnnouncementStep::Playing(play))
        };
        let Some(sid) = self.conferences.iter().find(|(_, c)| playing(c)).map(|(sid, _)| *sid) else {
            return;
        };
        match end {
            PlayEnd::Failed { reason, .. } => self.announced(sid, Some(reason)),
            PlayEnd::Finished | PlayEnd::Stopped => {
                let front = self.conferences.get_mut(&sid).and_then(|c| c.announcements.front_mut());
                if let Some(now) = front {
                    now.doing = AnnouncementStep::Waiting;
                }
                self.go_on_announcing(sid);
            }
        }
    }

    /// The announcement in front is over; `failed` says why it was not said.
    fn announced(&mut self, sid: ConferenceSid, failed: Option<String>) {
        let Some(done) = self.conferences.get_mut(&sid).and_then(|c| c.announcements.pop_front()) else {
            return;
        };
        self.tell_announced(sid, None, done.url, failed);
        self.go_on_announcing(sid);
    }

    /// Tells the application what became of an announcement, to all or to one.
    pub(super) fn tell_announced(
        &mut self,
        sid: ConferenceSid,
        seat: Option<&super::conference::Seat>,
        url: String,
        failed: Option<String>,
    ) {
        let mut more = vec![pair("AnnounceUrl", url)];
        let name = if failed.is_some() { "announcement-fail" } else { "announcement-end" };
        more.extend(failed.map(|why| pair("ReasonAnnouncementFailed", why)));
        self.conference_event(sid, "announcement", name, seat, more);
    }
}

/// What a document says, and where it goes on. Only what can be heard is allowed in it.
fn prompts_of(frame: &Frame) -> Result<(Vec<Prompt>, Option<Webhook>), String> {
    let base = frame.base.as_deref();
    let mut prompts = Vec::new();
    for verb in &frame.document.verbs {
        let (once, times) = match verb {
            twiml::Verb::Say(say) => (spoken(say), say.times),
            twiml::Verb::Play(play) => match &play.source {
                twiml::PlaySource::Url(url) => {
                    let url = twiml::resolve(base, url).map_err(|e| e.message)?;
                    (vec![Prompt::Url(url.into())], play.times)
                }
                twiml::PlaySource::Digits(digits) => {
                    (vec![Prompt::Digits(digits.as_str().into())], play.times)
                }
            },
            twiml::Verb::Pause(pause) => (vec![Prompt::Silence(pause.length)], 1),
            twiml::Verb::Redirect(redirect) => {
                let url = twiml::resolve(base, &redirect.url).map_err(|e| e.message)?;
                let method = match redirect.method {
                    twiml::Method::Get => Method::Get,
                    twiml::Method::Post => Method::Post,
                };
                return Ok((prompts, Some(Webhook { url, method })));
            }
            twiml::Verb::Unsupported { .. } => continue,
            _ => return Err("13238: only Say, Play, Pause and Redirect may be announced".to_owned()),
        };
        let room = PROMPTS_MAX.saturating_sub(prompts.len());
        let again = std::iter::repeat_n(once, times.max(1) as usize);
        prompts.extend(again.flatten().take(room));
    }
    Ok((prompts, None))
}
