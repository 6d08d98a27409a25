//! Messages and mailboxes.

use super::*;

fn message(n: u64, mailbox: Mailbox) -> VoicemailRecord {
    VoicemailRecord {
        sid: VoicemailSid(sid_of(8_100 + n)),
        workspace: WorkspaceSid(sid_of(8_001)),
        mailbox,
        call: CallSid(sid_of(8_200 + n)),
        recording: RecordingSid(sid_of(8_300 + n)),
        task: None,
        from: "+15558880001".to_owned(),
        from_name: None,
        to: "+15550100002".to_owned(),
        duration_s: n,
        created: Timestamp(n as i64),
        updated: Timestamp(n as i64),
        heard: None,
        transcript: Transcript::InProgress,
    }
}

pub async fn messages_are_listed_counted_heard_and_removed(place: &impl Place) {
    let store = place.open();
    let ana = Mailbox::Worker(WorkerSid(sid_of(8_010)));
    let queue = Mailbox::Queue(TaskQueueSid(sid_of(8_011)));
    let mut watch = store.voicemails_watch();
    watch.mark_unchanged();
    let all = [message(1, ana), message(2, ana), message(3, queue)];
    let rows = all.iter().map(|m| Row::Voicemail { account: account(), record: Box::new(m.clone()) });
    store.commit(Commit { append: None, rows: rows.collect() }).await.unwrap();
    assert!(watch.has_changed().unwrap(), "whoever keeps lamps hears of it");

    let listed = async |mailbox, heard| {
        let filter = VoicemailFilter { workspace: all[0].workspace, mailbox, heard };
        let page = store.voicemails(account(), filter, Page::first(10)).await.unwrap();
        page.rows.iter().map(|m| m.duration_s).collect::<Vec<_>>()
    };
    assert_eq!(listed(None, None).await, [3, 2, 1], "newest first");
    assert_eq!(listed(Some(ana), Some(false)).await, [2, 1]);
    let heard = |m: &mut VoicemailRecord| m.heard = Some(Timestamp(9));
    store.voicemail_update(all[0].sid, heard).await.unwrap();
    assert_eq!((listed(Some(ana), Some(false)).await, listed(None, Some(true)).await), (vec![2], vec![1]));
    let counts = store.voicemail_counts(account()).await.unwrap();
    let of = |mailbox| counts.iter().find(|(m, _)| *m == mailbox).unwrap().1;
    assert_eq!(of(ana), VoicemailCounts { new: 1, heard: 1 });
    assert_eq!(of(queue), VoicemailCounts { new: 1, heard: 0 });

    // What was written down later leaves alone what was heard meanwhile, and does not bring back what was removed.
    let done = |m: &VoicemailRecord| VoicemailRecord {
        transcript: Transcript::Completed("call me".to_owned()),
        ..m.clone()
    };
    assert!(store.voicemail_remove(account(), all[1].sid).await.unwrap());
    assert!(!store.voicemail_remove(account(), all[1].sid).await.unwrap());
    let rows = all.iter().map(|m| Row::VoicemailTranscript(Box::new(done(m))));
    store.commit(Commit { append: None, rows: rows.collect() }).await.unwrap();
    let first = store.voicemail(account(), all[0].sid).await.unwrap().unwrap();
    assert_eq!(first.transcript, Transcript::Completed("call me".to_owned()));
    assert!(first.heard.is_some());
    assert_eq!(store.voicemail(account(), all[1].sid).await.unwrap(), None);
    let stranger = AccountSid(sid_of(8_999));
    assert_eq!(store.voicemail(stranger, all[0].sid).await.unwrap(), None);

    let mut settings = MailboxSettings::new(all[0].workspace, ana);
    assert_eq!(store.mailbox(account(), ana).await.unwrap(), None);
    for greeting in [Greeting::Say("hello".to_owned()), Greeting::Play("http://app/a.wav".to_owned())] {
        settings.greeting = Some(greeting);
        store.mailbox_save(account(), settings.clone()).await.unwrap();
        assert_eq!(store.mailbox(account(), ana).await.unwrap(), Some(settings.clone()));
    }
    assert_eq!(store.mailboxes(account()).await.unwrap(), [settings]);
    assert!(store.mailbox_remove(account(), ana).await.unwrap());
    assert!(!store.mailbox_remove(account(), ana).await.unwrap());
}
