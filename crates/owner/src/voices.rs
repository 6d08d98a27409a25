use crate::{Phones, Voice};
use base::{AccountSid, PhoneNumber};
use engine::call::port::{Input, LegId, Request, Response};
use engine::call::{Series, dialled_number};
use media::control::Event as MediaEvent;
use sip::port::{Event as SipEvent, Source};
use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use store::StoreError;
use tracing::{error, info};

/// Most accounts beside the first one whose switchboards a process runs. One that is closed counts until the process ends.
pub const SUBACCOUNTS_MAX: usize = 1_000;
/// Legs that are over and of which it is still known whose they were: the report on their media comes late.
const PAST_LEGS_MAX: usize = 4_096;
/// What a caller is told whose call nobody takes because the account is not active.
const NOT_ACTIVE: u16 = 403;

/// What opening takes its time for.
pub type Opening<'a> = Pin<Box<dyn Future<Output = Result<Voice, StoreError>> + Send + 'a>>;

/// Opens the switchboards of accounts, with everything around them.
pub trait Opener: Send + Sync {
    /// The switchboard of `account` as its store has it, whose numbers begin with `series`.
    fn open(&self, account: AccountSid, series: Series) -> Opening<'_>;
    /// Refuses an inbound leg that no switchboard takes, with this SIP status.
    fn refuse(&self, leg: LegId, status: u16);
}

impl<T: Opener + ?Sized> Opener for Arc<T> {
    fn open(&self, account: AccountSid, series: Series) -> Opening<'_> {
        (**self).open(account, series)
    }

    fn refuse(&self, leg: LegId, status: u16) {
        (**self).refuse(leg, status);
    }
}

/// Which account has what is called from outside: numbers and SIP domains. Every switchboard's owner keeps its own part.
/// Clones are the same.
#[derive(Clone, Default)]
pub struct Directory(Arc<RwLock<Entries>>);

#[derive(Default)]
struct Entries {
    numbers: HashMap<PhoneNumber, AccountSid>,
    domains: HashMap<String, AccountSid>,
}

impl Directory {
    /// Notes what an input says of numbers and domains of `account`.
    pub(crate) fn note(&self, account: AccountSid, input: &Input) {
        let entries = || self.0.write().unwrap_or_else(PoisonError::into_inner);
        match input {
            Input::Number(number) => drop(entries().numbers.insert(number.number.clone(), account)),
            Input::NumberRemoved(number) => entries().numbers.retain(|n, of| n != number || *of != account),
            Input::SipDomain(domain) => drop(entries().domains.insert(domain.name.clone(), account)),
            Input::SipDomainRemoved(name) => entries().domains.retain(|n, of| n != name || *of != account),
            _ => {}
        }
    }

    fn number(&self, dialled: &str) -> Option<AccountSid> {
        let number = dialled_number(dialled)?;
        self.0.read().unwrap_or_else(PoisonError::into_inner).numbers.get(&number).copied()
    }

    fn domain(&self, name: &str) -> Option<AccountSid> {
        let name = name.to_ascii_lowercase();
        self.0.read().unwrap_or_else(PoisonError::into_inner).domains.get(&name).copied()
    }
}

/// The switchboards of all accounts of a process, which share one gateway. A cheap handle.
///
/// What the gateway reports goes to the switchboard that it concerns ([`route`](Self::route)). A number that a switchboard
/// gave out (a leg it calls, a play, a recording) tells which one that is ([`Series`]). A call that comes in belongs to the
/// account of the number, SIP domain or phone it is for or from, or of the browser that makes it; its leg is remembered.
/// What nobody claims is the first account's.
#[derive(Clone)]
pub struct Voices(Arc<Shared>);

struct Shared {
    first: Voice,
    opener: Box<dyn Opener>,
    directory: Directory,
    phones: Phones,
    boards: RwLock<Boards>,
    legs: Mutex<Legs>,
    /// Held while one is opened: the number of the next.
    opening: tokio::sync::Mutex<u32>,
}

#[derive(Default)]
struct Boards {
    of: HashMap<AccountSid, Board>,
    series: HashMap<Series, AccountSid>,
}

struct Board {
    voice: Voice,
    active: bool,
}

/// Whose the inbound legs of other accounts than the first are.
#[derive(Default)]
struct Legs {
    of: HashMap<LegId, AccountSid>,
    past: VecDeque<LegId>,
}

/// Why there is no switchboard to be had.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There are [`SUBACCOUNTS_MAX`] already.
    #[error("there are {SUBACCOUNTS_MAX} subaccounts already")]
    Full,
    /// What is configured cannot be read.
    #[error("could not open the switchboard")]
    Store(#[from] StoreError),
}

impl Voices {
    /// With the switchboard of the first account, which has [`Series`] 0. `opener` opens the others; `directory` is the one
    /// that all of them keep.
    pub fn new(first: Voice, opener: impl Opener + 'static, directory: Directory, phones: Phones) -> Self {
        let mut boards = Boards::default();
        boards.of.insert(first.account(), Board { voice: first.clone(), active: true });
        boards.series.insert(Series::default(), first.account());
        Self(Arc::new(Shared {
            first,
            opener: Box::new(opener),
            directory,
            phones,
            boards: RwLock::new(boards),
            legs: Mutex::default(),
            opening: tokio::sync::Mutex::new(1),
        }))
    }

    /// The first account's.
    pub fn first(&self) -> &Voice {
        &self.0.first
    }

    /// The switchboard of an account, if it is there and active.
    pub fn of(&self, account: AccountSid) -> Option<Voice> {
        let boards = self.0.boards.read().unwrap_or_else(PoisonError::into_inner);
        boards.of.get(&account).filter(|board| board.active).map(|board| board.voice.clone())
    }

    /// The same whether it is active or not.
    pub fn any_of(&self, account: AccountSid) -> Option<Voice> {
        let boards = self.0.boards.read().unwrap_or_else(PoisonError::into_inner);
        boards.of.get(&account).map(|board| board.voice.clone())
    }

    /// Those of all accounts.
    pub fn all(&self) -> Vec<Voice> {
        let boards = self.0.boards.read().unwrap_or_else(PoisonError::into_inner);
        boards.of.values().map(|board| board.voice.clone()).collect()
    }

    /// Opens the switchboard of an account if it is not there yet; it takes calls if `active`.
    pub async fn open(&self, account: AccountSid, active: bool) -> Result<(), OpenError> {
        let mut next = self.0.opening.lock().await;
        if self.any_of(account).is_some() {
            self.set_active(account, active);
            return Ok(());
        }
        if self.all().len() > SUBACCOUNTS_MAX {
            return Err(OpenError::Full);
        }
        let series = Series(*next);
        *next += 1;
        let voice = self.0.opener.open(account, series).await?;
        let mut boards = self.0.boards.write().unwrap_or_else(PoisonError::into_inner);
        boards.of.insert(account, Board { voice, active });
        boards.series.insert(series, account);
        drop(boards);
        info!(account.sid = %account, "the switchboard of account {account} is open");
        Ok(())
    }

    /// Whether the switchboard of an account takes new calls. Calls that live go on.
    pub fn set_active(&self, account: AccountSid, active: bool) {
        let mut boards = self.0.boards.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(board) = boards.of.get_mut(&account) {
            board.active = active;
        }
    }

    /// Ends what lives on the switchboard of an account, and lets nothing begin there any more.
    pub async fn close(&self, account: AccountSid) {
        use engine::call::port::{CallChange, EndStatus};
        self.set_active(account, false);
        let Some(voice) = self.any_of(account) else { return };
        let live = match voice.read(|switchboard, _| switchboard.live_calls()).await {
            Ok(live) => live,
            Err(why) => return error!(account.sid = %account, "the calls of {account} go on: {why}"),
        };
        for call in live {
            let call = call.sid;
            let change = CallChange { status: Some(EndStatus::Completed), ..CallChange::default() };
            match voice.request(Request::UpdateCall { call, change }).await {
                // What is refused is over already.
                Ok(Response::Refused { .. } | _) => {}
                Err(why) => error!(call.sid = %call, "call {call} of a closed account goes on: {why}"),
            }
        }
    }

    /// The inbound leg `leg`, which is about to be reported, is a call of this account's browser.
    pub fn claim(&self, leg: LegId, account: AccountSid) {
        self.legs().take(leg, account, self.0.first.account());
    }

    /// Hands what the gateway reports to the switchboard that it concerns. Waits for room there.
    pub async fn route(&self, input: Input) {
        let voice = match &input {
            Input::Sip(event) => match self.of_sip(event) {
                Some(voice) => voice,
                None => return,
            },
            Input::Media(event) => self.of_media(event),
            _ => self.0.first.clone(),
        };
        if let Err(why) = voice.input(input).await {
            error!("an event could not be handed to the calls: {why}");
        }
    }

    /// Whom an event of the gateway concerns; `None` if it is dealt with.
    fn of_sip(&self, event: &SipEvent) -> Option<Voice> {
        match event {
            SipEvent::Incoming { leg, source, to, to_domain, .. } => {
                let account = self.account_called(*leg, source, to, to_domain);
                let voice = self.of(account);
                if voice.is_none() {
                    info!(account.sid = %account, "a call to account {account}, which is not active, is refused");
                    self.legs().gone(*leg);
                    self.0.opener.refuse(*leg, NOT_ACTIVE);
                }
                voice
            }
            SipEvent::Replacing { leg, replaced, .. } => {
                let account = self.legs().of.get(replaced).copied();
                if let Some(account) = account {
                    self.claim(*leg, account);
                }
                Some(self.of_leg(if account.is_some() { *leg } else { *replaced }))
            }
            SipEvent::Gone { leg, .. } => {
                let voice = self.of_leg(*leg);
                self.legs().gone(*leg);
                Some(voice)
            }
            SipEvent::Ringing { leg, .. }
            | SipEvent::Answered { leg }
            | SipEvent::Digit { leg, .. }
            | SipEvent::PeerHold { leg, .. }
            | SipEvent::Referred { leg, .. }
            | SipEvent::ReferAnswered { leg, .. }
            | SipEvent::ReferNotified { leg, .. } => Some(self.of_leg(*leg)),
            SipEvent::Registration { user, .. } => {
                let account = self.0.phones.account_of(user).unwrap_or(self.0.first.account());
                self.any_of(account)
            }
        }
    }

    /// Whose call a new inbound leg is; noted with the leg.
    fn account_called(&self, leg: LegId, source: &Source, to: &str, to_domain: &str) -> AccountSid {
        let first = self.0.first.account();
        let mut legs = self.legs();
        if let Some(claimed) = legs.of.get(&leg) {
            return *claimed;
        }
        let found = match source {
            Source::Trunk(_) => self.0.directory.number(to),
            Source::Phone(user) => self.0.phones.account_of(user),
            Source::Domain { .. } => self.0.directory.domain(to_domain),
            // Claimed, unless it is the first account's.
            Source::Client { .. } => None,
        };
        let account = found.unwrap_or(first);
        legs.take(leg, account, first);
        account
    }

    fn of_media(&self, event: &MediaEvent) -> Voice {
        match event {
            MediaEvent::PlayEnded { play, .. } => self.of_series(Series::of(play.0)),
            MediaEvent::RecordingQuiet { recording } | MediaEvent::Recorded { recording, .. } => {
                self.of_series(Series::of(recording.0))
            }
            MediaEvent::Digit { leg, .. }
            | MediaEvent::Heard { leg }
            | MediaEvent::Silent { leg }
            | MediaEvent::Speaking { leg, .. }
            | MediaEvent::AnsweredBy { leg, .. }
            | MediaEvent::Quality { leg, .. } => self.of_leg(LegId(*leg)),
        }
    }

    fn of_leg(&self, leg: LegId) -> Voice {
        // Inbound legs are numbered by the gateway, and odd.
        if leg.0.is_multiple_of(2) {
            return self.of_series(Series::of(leg.0));
        }
        let account = self.legs().of.get(&leg).copied();
        account.and_then(|account| self.any_of(account)).unwrap_or_else(|| self.0.first.clone())
    }

    fn of_series(&self, series: Series) -> Voice {
        let boards = self.0.boards.read().unwrap_or_else(PoisonError::into_inner);
        let board = boards.series.get(&series).and_then(|account| boards.of.get(account));
        board.map_or_else(|| self.0.first.clone(), |board| board.voice.clone())
    }

    fn legs(&self) -> MutexGuard<'_, Legs> {
        self.0.legs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Voices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.all()).finish()
    }
}

impl Legs {
    fn take(&mut self, leg: LegId, account: AccountSid, first: AccountSid) {
        if account != first {
            self.of.insert(leg, account);
        }
    }

    /// The leg is over. Whose it was is known for a while.
    fn gone(&mut self, leg: LegId) {
        if !self.of.contains_key(&leg) {
            return;
        }
        self.past.push_back(leg);
        if self.past.len() > PAST_LEGS_MAX
            && let Some(oldest) = self.past.pop_front()
        {
            self.of.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leg_is_known_for_a_while_after_its_end_and_the_first_accounts_are_not_kept() {
        let (first, other) = (AccountSid([1; 16]), AccountSid([2; 16]));
        let mut legs = Legs::default();
        legs.take(LegId(1), first, first);
        legs.gone(LegId(1));
        assert!(legs.of.is_empty() && legs.past.is_empty());
        for n in 0..=PAST_LEGS_MAX as u64 {
            legs.take(LegId(2 * n + 3), other, first);
            legs.gone(LegId(2 * n + 3));
        }
        assert_eq!(legs.of.len(), PAST_LEGS_MAX);
        assert!(!legs.of.contains_key(&LegId(3)) && legs.of.contains_key(&LegId(5)));
    }
}
