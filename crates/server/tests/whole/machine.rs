//! Who answers a call of ours: somebody who says a word and waits, or a machine that talks on.

use crate::scene::*;
use testkit::WITHIN;

impl Scene {
    /// Calls the friend and asks who it was that answered.
    async fn asks_who(&self, more: &[(&str, &str)]) -> (String, testkit::Call) {
        let answered = self.app.url("/answered");
        let form = [
            &[("To", FRIEND), ("From", "+15550100001"), ("Url", &*answered)][..],
            &[("MachineDetection", "Enable"), ("MachineDetectionSilenceTimeout", "2000")],
            more,
        ]
        .concat();
        let path = self.rest.account_path("/Calls.json");
        let made = self.rest.post(&path, &form).await.unwrap().ok().unwrap();
        let friend = self.trunk.receives(WITHIN).await.unwrap();
        friend.answered(WITHIN).await.unwrap();
        (made["sid"].as_str().unwrap().to_owned(), friend)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_and_a_machine_are_told_apart() {
    let it = Scene::start().await;
    it.says("/answered", &it.play(FIRST));
    let asked = async |sid: &str| {
        let theirs = |r: &testkit::Received| r.parameter("CallSid") == sid;
        it.app.receives("/answered", WITHIN * 2, theirs).await.unwrap()
    };

    // A word, then silence: the document is asked for only then.
    let (sid, friend) = it.asks_who(&[]).await;
    pass(std::time::Duration::from_millis(700)).await;
    friend.sings(None);
    let told = asked(&sid).await;
    assert_eq!(told.parameter("AnsweredBy"), "human", "{told:?}");
    assert!(told.signed && told.parameter("MachineDetectionDuration").parse::<u32>().is_ok());
    friend.hears(FIRST, WITHIN).await.unwrap();
    assert_eq!(it.call(&sid).await["answered_by"], "human");
    friend.hangs_up().await.unwrap();

    // Talks on and on; found out in the background, the document does not wait.
    let callback = it.app.url("/who");
    let (sid, friend) = it.asks_who(&[("AsyncAmd", "true"), ("AsyncAmdStatusCallback", &callback)]).await;
    assert_eq!(asked(&sid).await.parameter("AnsweredBy"), "");
    let who = it.app.receives("/who", WITHIN, |_| true).await.unwrap();
    assert_eq!((who.parameter("AnsweredBy"), who.parameter("CallSid")), ("machine_start", &*sid));
    friend.hangs_up().await.unwrap();
    it.stop().await;
}
