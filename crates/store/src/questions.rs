//! Every question the store answers, one function each. What they do is SQL, in `sql`.

use crate::model::*;
use crate::resource::{Resource, ResourceKind};
use crate::sql::{
    accounts, calls, config, deliveries, journal, prompts, recordings, resources, sync, users, voicemails,
};
use crate::{
    JournalFilter, JournalRow, Loaded, Page, Rows, Seq, Store, StoreError, Told, ToldFilter, WorkspaceEntry,
};
use base::*;
use engine::call::port::{
    CallRecord, ConferenceRecord, Mailbox, MailboxSettings, RecordingRecord, TimelineEntry, VoicemailRecord,
};
use std::time::Duration;

/// Writes the functions of [`Store`]: each hands its arguments to the function of that question, on the writer or on
/// a reader.
macro_rules! questions {
    ($($(#[$doc:meta])* $kind:ident $name:ident($($arg:ident: $type:ty),*) -> $answer:ty = $path:path;)*) => {
        impl Store {$(
            $(#[$doc])*
            pub async fn $name(&self, $($arg: $type),*) -> Result<$answer, StoreError> {
                self.threads.$kind(move |db| $path(db, $(&$arg),*)).await
            }
        )*}
    };
}

/// Writes the functions that change a record in place: read, changed by the closure and written in one transaction.
macro_rules! changes {
    ($($(#[$doc:meta])* $name:ident($sid:ty) -> $record:ty = $path:path;)*) => {
        impl Store {$(
            $(#[$doc])*
            pub async fn $name(
                &self,
                sid: $sid,
                change: impl FnOnce(&mut $record) + Send + 'static,
            ) -> Result<$record, StoreError> {
                self.threads.write(move |db| $path(db, &sid, change)).await
            }
        )*}
    };
}

// Journals.
questions! {
    /// Every workspace that has a journal and was not deleted.
    read workspaces_all() -> Vec<WorkspaceEntry> = journal::workspaces_all;
    /// The workspaces of an account, oldest first.
    read workspaces(account: AccountSid) -> Vec<WorkspaceSid> = journal::workspaces;
    /// The last snapshot of a workspace and the events since; `None` if it has no journal or was deleted.
    read load(workspace: WorkspaceSid) -> Option<Loaded> = journal::load;
    /// Keeps a snapshot taken at `seq`, unless a later one is there.
    write snapshot_save(workspace: WorkspaceSid, seq: Seq, json: String) -> () = journal::snapshot_save;
    /// Where a journal is; zero if there is none.
    read journal_seq(workspace: WorkspaceSid) -> Seq = journal::seq;
    /// Events of a workspace, newest first, at most `limit`, before the one numbered `before`.
    read journal(workspace: WorkspaceSid, filter: JournalFilter, before: Option<Seq>, limit: u32)
        -> Vec<JournalRow> = journal::list;
    /// One event.
    read journal_event(workspace: WorkspaceSid, sid: EventSid) -> Option<JournalRow> = journal::event;
    /// Forgets events from before `before` that a snapshot covers (or whose workspace was deleted), at most `limit`; how
    /// many.
    write journal_prune(before: Timestamp, limit: u32) -> u64 = journal::prune;
    /// Workspaces with an event from before `before` that no snapshot covers: [`Store::journal_prune`] has to leave it.
    read journal_uncovered(before: Timestamp) -> Vec<WorkspaceSid> = journal::uncovered;
    /// Events that the API tells of, newest first.
    read told(workspace: WorkspaceSid, filter: ToldFilter, page: Page) -> Rows<Told> = journal::told;
}

// Accounts, keys and settings.
questions! {
    /// Adds an account. Conflict: `sid`.
    write account_add(account: Account) -> () = accounts::add;
    /// One account.
    read account(sid: AccountSid) -> Option<Account> = accounts::one;
    /// All accounts, oldest first.
    read accounts(page: Page) -> Rows<Account> = accounts::list;
    /// Adds an API key. Conflict: `sid`.
    write api_key_add(key: ApiKey) -> () = accounts::key_add;
    /// One API key.
    read api_key(sid: ApiKeySid) -> Option<ApiKey> = accounts::key;
    /// The keys of an account, oldest first.
    read api_keys(account: AccountSid, page: Page) -> Rows<ApiKey> = accounts::keys;
    /// Replaces a key's record; whether it was there.
    write api_key_update(key: ApiKey) -> bool = accounts::key_update;
    /// Removes a key; whether it was there.
    write api_key_remove(sid: ApiKeySid) -> bool = accounts::key_remove;
    /// A value kept under a name: `instance_secret`.
    read setting(name: String) -> Option<String> = accounts::setting;
    /// Keeps `value` under `name`.
    write setting_save(name: String, value: String) -> () = accounts::setting_save;
    /// Keeps `value` under `name` unless there is one; answers the one that is kept.
    write setting_or(name: String, value: String) -> String = accounts::setting_or;
}

changes! {
    /// Changes an account.
    account_update(AccountSid) -> Account = accounts::update;
    /// Changes a number. Its SID and number stay.
    number_update(PhoneNumberSid) -> IncomingNumber = config::number_update;
    /// Changes an application.
    application_update(ApplicationSid) -> Application = config::application_update;
    /// Changes a TwiML bin.
    twiml_bin_update(TwimlBinSid) -> TwimlBin = config::bin_update;
    /// Changes a voice queue. Conflict: `friendly_name`.
    queue_update(QueueSid) -> VoiceQueue = config::queue_update;
    /// Changes a SIP account. Conflict: `user`.
    sip_account_update(SipCredentialSid) -> SipAccount = config::sip_account_update;
    /// Changes a user. Conflict: `login`.
    user_update(UserSid) -> User = users::update;
    /// Changes a prompt. Conflict: `prompt name`.
    prompt_update(PromptSid) -> Prompt = prompts::update;
    /// Changes a message.
    voicemail_update(VoicemailSid) -> VoicemailRecord = voicemails::update;
    /// Changes a Sync service.
    sync_service_update(ServiceSid) -> SyncService = sync::service_update;
}

// Configuration of voice.
questions! {
    /// Adds a number. Conflict: `number`.
    write number_add(number: IncomingNumber) -> () = config::number_add;
    /// One number by SID.
    read number(sid: PhoneNumberSid) -> Option<IncomingNumber> = config::number;
    /// One number by its digits, whoever it belongs to.
    read number_called(number: PhoneNumber) -> Option<IncomingNumber> = config::number_called;
    /// The numbers of an account, newest first.
    read numbers(account: AccountSid, filter: NumberFilter, page: Page) -> Rows<IncomingNumber> = config::numbers;
    /// Removes a number; answers what it was.
    write number_remove(sid: PhoneNumberSid) -> Option<IncomingNumber> = config::number_remove;

    /// Adds a resource. A conflict says `name`.
    write resource_add(resource: Resource) -> () = resources::add;
    /// One resource.
    read resource(sid: String) -> Option<Resource> = resources::find;
    /// The resources of a kind, newest first; of those in something only what is in `parent`, if one is given.
    read resources(account: AccountSid, kind: ResourceKind, parent: Option<String>, page: Page) -> Rows<Resource> = resources::list;
    /// All resources of an account.
    read resources_of_account(account: AccountSid) -> Vec<Resource> = resources::of_account;
    /// Changes a resource; whether it was there. A conflict says `name`.
    write resource_save(resource: Resource) -> bool = resources::save;
    /// Removes a resource and what is in it; whether it was there.
    write resource_remove(sid: String) -> bool = resources::remove;
    /// Adds a prompt. Conflict: `prompt name`.
    write prompt_add(prompt: Prompt) -> () = prompts::add;
    /// One prompt, whoever it belongs to.
    read prompt(sid: PromptSid) -> Option<Prompt> = prompts::one;
    /// The prompts of an account, newest first.
    read prompts(account: AccountSid, page: Page) -> Rows<Prompt> = prompts::list;
    /// Removes a prompt; whether it was there.
    write prompt_remove(sid: PromptSid) -> bool = prompts::remove;
    /// Adds an application.
    write application_add(application: Application) -> () = config::application_add;
    /// One application.
    read application(sid: ApplicationSid) -> Option<Application> = config::application;
    /// The applications of an account, newest first; of this name, if one is given.
    read applications(account: AccountSid, name: Option<String>, page: Page) -> Rows<Application> = config::applications;
    /// Removes an application; whether it was there.
    write application_remove(sid: ApplicationSid) -> bool = config::application_remove;

    /// Adds a TwiML bin.
    write twiml_bin_add(bin: TwimlBin) -> () = config::bin_add;
    /// One TwiML bin.
    read twiml_bin(sid: TwimlBinSid) -> Option<TwimlBin> = config::bin;
    /// The bins of an account, newest first.
    read twiml_bins(account: AccountSid, page: Page) -> Rows<TwimlBin> = config::bins;
    /// Removes a bin; whether it was there.
    write twiml_bin_remove(sid: TwimlBinSid) -> bool = config::bin_remove;

    /// Adds a voice queue. Conflict: `friendly_name`.
    write queue_add(queue: VoiceQueue) -> () = config::queue_add;
    /// One voice queue.
    read queue(sid: QueueSid) -> Option<VoiceQueue> = config::queue;
    /// One voice queue by its name.
    read queue_named(account: AccountSid, friendly_name: String) -> Option<VoiceQueue> = config::queue_named;
    /// The voice queues of an account, newest first.
    read queues(account: AccountSid, page: Page) -> Rows<VoiceQueue> = config::queues;
    /// Removes a voice queue; whether it was there. That nobody waits in it is the switchboard's to know.
    write queue_remove(sid: QueueSid) -> bool = config::queue_remove;

    /// Adds a SIP account. Conflict: `user`.
    write sip_account_add(sip: SipAccount) -> () = config::sip_account_add;
    /// One SIP account.
    read sip_account(sid: SipCredentialSid) -> Option<SipAccount> = config::sip_account;
    /// The SIP account of a user name.
    read sip_account_of(user: String) -> Option<SipAccount> = config::sip_account_of;
    /// The SIP accounts of an account, newest first.
    read sip_accounts(account: AccountSid, page: Page) -> Rows<SipAccount> = config::sip_accounts;
    /// Removes a SIP account; answers what it was.
    write sip_account_remove(sid: SipCredentialSid) -> Option<SipAccount> = config::sip_account_remove;
}

// People and their sessions.
questions! {
    /// Adds a user. Conflict: `login`.
    write user_add(user: User) -> () = users::add;
    /// One user.
    read user(sid: UserSid) -> Option<User> = users::one;
    /// The user who signs in with this name, whoever they belong to.
    read user_named(login: String) -> Option<User> = users::named;
    /// The users of an account, newest first.
    read users(account: AccountSid, page: Page) -> Rows<User> = users::list;
    /// Removes a user with their sessions; whether they were there.
    write user_remove(sid: UserSid) -> bool = users::remove;
    /// Begins a session, and forgets those that are over.
    write user_session_add(session: UserSession) -> () = users::session_add;
    /// The session of a token's digest, unless it is over.
    read user_session(digest: String, now: Timestamp) -> Option<UserSession> = users::session;
    /// Ends a session; whether it was there.
    write user_session_remove(digest: String) -> bool = users::session_remove;
    /// Keeps what somebody did.
    write audit_add(entry: AuditEntry) -> () = users::audit_add;
    /// What people did in a workspace, newest first.
    read audit(workspace: WorkspaceSid, page: Page) -> Rows<AuditEntry> = users::audit;
    /// Ends every session of a user; how many.
    write user_sessions_remove(user: UserSid) -> u64 = users::sessions_remove;
}

// What calls leave behind.
questions! {
    /// Writes a call, in place of what was there.
    write call_save(account: AccountSid, record: CallRecord) -> () = calls::save;
    /// One call.
    read call(account: AccountSid, sid: CallSid) -> Option<CallRecord> = calls::one;
    /// The calls of an account, newest first.
    read calls(account: AccountSid, filter: CallFilter, page: Page) -> Rows<CallRecord> = calls::list;
    /// Removes an ended call with its timeline; whether it was there and ended.
    write call_remove(account: AccountSid, sid: CallSid) -> bool = calls::remove;
    /// Ends every call (and conference) that is still live, as `completed` if it was answered, else as `failed`.
    /// For a start after a crash: whoever was on them has gone.
    write calls_close(account: AccountSid, now: Timestamp) -> Vec<CallSid> = calls::close;
    /// One conference.
    read conference(account: AccountSid, sid: ConferenceSid) -> Option<ConferenceRecord> = calls::conference;
    /// One recording, deleted or not.
    read media_recording(account: AccountSid, sid: RecordingSid) -> Option<RecordingRecord> = recordings::one;
    /// The recordings of an account, newest first.
    read media_recordings(account: AccountSid, filter: RecordingFilter, page: Page)
        -> Rows<RecordingRecord> = recordings::list;
    /// Marks a finished recording as deleted; false if there is none, or it is not finished.
    write media_recording_remove(account: AccountSid, sid: RecordingSid, now: Timestamp) -> bool = recordings::remove;
    /// The conferences of an account, newest first.
    read conferences(account: AccountSid, filter: ConferenceFilter, page: Page)
        -> Rows<ConferenceRecord> = calls::conferences;
    /// The story of a call, oldest first, as far as one answer may be long.
    read timeline(call: CallSid) -> Vec<TimelineEntry> = calls::timeline;
    /// Writes a notification.
    write notification_add(notification: Notification) -> () = calls::notification_add;
    /// One notification.
    read notification(account: AccountSid, sid: NotificationSid) -> Option<Notification> = calls::notification;
    /// The notifications of an account, newest first.
    read notifications(account: AccountSid, filter: NotificationFilter, page: Page)
        -> Rows<Notification> = calls::notifications;
}

// Messages for agents and queues.
questions! {
    /// One message.
    read voicemail(account: AccountSid, sid: VoicemailSid) -> Option<VoicemailRecord> = voicemails::one;
    /// Messages of a workspace, newest first.
    read voicemails(account: AccountSid, filter: VoicemailFilter, page: Page)
        -> Rows<VoicemailRecord> = voicemails::list;
    /// Removes a message; whether it was there. Its recording stays.
    write voicemail_remove(account: AccountSid, sid: VoicemailSid) -> bool = voicemails::remove;
    /// How many messages each mailbox of an account holds; an empty one is not told of.
    read voicemail_counts(account: AccountSid) -> Vec<(Mailbox, VoicemailCounts)> = voicemails::counts;
    /// Writes how a mailbox greets, in place of what was there.
    write mailbox_save(account: AccountSid, settings: MailboxSettings) -> () = voicemails::mailbox_save;
    /// How a mailbox greets, if somebody has said so.
    read mailbox(account: AccountSid, mailbox: Mailbox) -> Option<MailboxSettings> = voicemails::mailbox;
    /// Every mailbox of an account of which somebody has said something.
    read mailboxes(account: AccountSid) -> Vec<MailboxSettings> = voicemails::mailboxes;
    /// The mailbox greets as all do; whether something else was said.
    write mailbox_remove(account: AccountSid, mailbox: Mailbox) -> bool = voicemails::mailbox_remove;
}

// Sync.
questions! {
    /// Adds a Sync service. Conflict: `unique_name`, within the account.
    write sync_service_add(service: SyncService) -> () = sync::service_add;
    /// One service of an account, by SID or unique name (`default`).
    read sync_service(account: AccountSid, name: String) -> Option<SyncService> = sync::service;
    /// The services of an account, newest first.
    read sync_services(account: AccountSid, page: Page) -> Rows<SyncService> = sync::services;
    /// Removes a service with all that is in it; whether it was there.
    write sync_service_remove(sid: ServiceSid) -> bool = sync::service_remove;

    /// Makes a map. Conflict: `unique_name`, within the service.
    write sync_map_add(map: NewSyncMap, now: Timestamp) -> SyncMap = sync::map_add;
    /// One map, by SID or unique name. One whose time is over is not there.
    read sync_map(service: ServiceSid, name: String, now: Timestamp) -> Option<SyncMap> = sync::map;
    /// The maps of a service, newest first.
    read sync_maps(service: ServiceSid, page: Page, now: Timestamp) -> Rows<SyncMap> = sync::maps;
    /// Sets (or clears) when a map goes away. Missing: `map`.
    write sync_map_expire(map: SyncMapSid, expires: Option<Timestamp>, now: Timestamp) -> SyncMap = sync::map_expire;
    /// Removes a map with its items; answers what it was.
    write sync_map_remove(map: SyncMapSid) -> Option<SyncMap> = sync::map_remove;
    /// Makes an item. Missing: `map`. Conflict: `key`. TooLarge: `data`, `map`.
    write sync_item_add(item: NewSyncItem, now: Timestamp) -> SyncItem = sync::item_add;
    /// One item. One whose time is over is not there.
    read sync_item(map: SyncMapSid, key: String, now: Timestamp) -> Option<SyncItem> = sync::item;
    /// Items of a map in the byte order of their keys; `more` says whether others follow.
    read sync_items(map: SyncMapSid, query: SyncItemsQuery, now: Timestamp) -> Rows<SyncItem> = sync::items;
    /// Replaces the data of an item, or sets its times. Missing: `item`. Revision: `if_match` was another. TooLarge: `data`.
    write sync_item_update(map: SyncMapSid, key: String, change: SyncItemChange, now: Timestamp)
        -> SyncItem = sync::item_update;
    /// Removes an item; answers what it was. Missing: `item`. Revision: `if_match` was another.
    write sync_item_remove(map: SyncMapSid, key: String, if_match: Option<u64>, now: Timestamp)
        -> SyncItem = sync::item_remove;
    /// Removes at most `limit` maps and items whose time is over; answers what they were, for their events.
    write sync_sweep(now: Timestamp, limit: u32) -> Vec<SyncRemoved> = sync::sweep;
    /// When the next map or item goes away by itself.
    read sync_next_expiry() -> Option<Timestamp> = sync::next_expiry;
}

// Outgoing webhooks.
questions! {
    /// Claims what may be sent now, oldest first: the first of each lane that is due and that nobody else has. Claimed until
    /// `now + lease`; each claim counts as an attempt.
    write deliveries_claim(now: Timestamp, lease: Duration, limit: u32) -> Vec<Delivery> = deliveries::claim;
    /// When something may next be claimed: an attempt is due, or a claim runs out.
    read deliveries_next() -> Option<Timestamp> = deliveries::next;
    /// One delivery.
    read delivery(account: AccountSid, sid: DeliverySid) -> Option<Delivery> = deliveries::one;
    /// The deliveries of an account, newest first.
    read deliveries(account: AccountSid, state: Option<DeliveryState>, page: Page)
        -> Rows<Delivery> = deliveries::list;
    /// Forgets deliveries that were finished before `before`, at most `limit`; how many.
    write deliveries_purge(before: Timestamp, limit: u32) -> u64 = deliveries::purge;
}

impl Store {
    /// What came of a sending. Answers whether the delivery was still waiting.
    pub async fn delivery_done(
        &self,
        sid: DeliverySid,
        outcome: DeliveryOutcome,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = self.threads.write(move |db| deliveries::done(db, &sid, &outcome, &now)).await?;
        self.deliveries_changed();
        Ok(done)
    }

    /// An operator wants a failed delivery to be sent again: it waits at the end of its lane.
    pub async fn delivery_again(
        &self,
        account: AccountSid,
        sid: DeliverySid,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let again = self.threads.write(move |db| deliveries::again(db, &account, &sid, &now)).await?;
        self.deliveries_changed();
        Ok(again)
    }
}
