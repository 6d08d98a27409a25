//! baresip and our phone call each other: the two understand the same telephony.

use tandem_testkit::{Baresip, Phone, Tone, WITHIN};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs baresip"]
async fn a_phone_calls_baresip_and_both_hear_each_other() {
    let account = "<sip:bo@127.0.0.1;transport=udp>;regint=0;audio_codecs=pcmu";
    let mut bo = Baresip::start("bo", account, Tone(620)).await.unwrap();
    let ana = Phone::unregistered("ana", bo.sip_address(), Tone(440)).await.unwrap();
    let call = ana.dials(&format!("sip:bo@{}", bo.sip_address())).await.unwrap();
    bo.rings(1, WITHIN).await.unwrap();
    bo.answers(1, WITHIN).await.unwrap();
    call.answered(WITHIN).await.unwrap();
    bo.hears(Tone(440), WITHIN).await.unwrap();
    call.listens_at_any_level();
    call.hears(Tone(620), WITHIN).await.unwrap();
    bo.hangs_up().await.unwrap();
    call.ends(WITHIN).await.unwrap();
}
