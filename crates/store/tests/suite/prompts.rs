//! Audio that callers hear.

use super::*;

fn prompt(n: u64, name: &str) -> Prompt {
    Prompt {
        sid: PromptSid(sid_of(9_200 + n)),
        account: account(),
        friendly_name: name.to_owned(),
        language: "en-US".to_owned(),
        text: (n == 1).then(|| "Please hold.".to_owned()),
        file: format!("{n}.wav"),
        content_type: "audio/wav".to_owned(),
        bytes: 44,
        length: Duration::from_millis(1_500),
        created: Timestamp(n as i64),
        updated: Timestamp(n as i64),
    }
}

pub async fn prompts_have_one_name_each_in_an_account(place: &impl Place) {
    let store = place.open();
    let [hold, greeting] = [prompt(1, "Hold"), prompt(2, "Greeting")];
    for one in [&hold, &greeting] {
        store.prompt_add(one.clone()).await.unwrap();
    }
    let taken = store.prompt_add(prompt(3, "Hold")).await;
    assert!(matches!(taken, Err(StoreError::Conflict { what: "prompt name" })), "{taken:?}");
    let elsewhere = Prompt { account: AccountSid(sid_of(9_299)), ..prompt(4, "Hold") };
    store.prompt_add(elsewhere.clone()).await.unwrap();

    let listed = store.prompts(account(), Page::first(10)).await.unwrap();
    assert_eq!(listed.rows, [greeting.clone(), hold.clone()], "newest first, and only the account's own");
    let renamed = store.prompt_update(greeting.sid, |p| p.friendly_name = "Hold".to_owned()).await;
    assert!(matches!(renamed, Err(StoreError::Conflict { what: "prompt name" })), "{renamed:?}");
    let replaced = store.prompt_update(hold.sid, |p| p.file = "5.mp3".to_owned()).await.unwrap();
    assert_eq!(replaced, Prompt { file: "5.mp3".to_owned(), ..hold.clone() });
    assert_eq!(store.prompt(hold.sid).await.unwrap(), Some(replaced));
    assert!(store.prompt_remove(hold.sid).await.unwrap());
    assert!(!store.prompt_remove(hold.sid).await.unwrap());
    assert_eq!(store.prompt(hold.sid).await.unwrap(), None);
    store.prompt_add(prompt(6, "Hold")).await.unwrap();
}

#[test]
fn a_url_of_audio_names_its_prompt_whatever_the_host() {
    let sid = PromptSid(sid_of(9_201));
    let url = Prompt::media_url("https://desk.example/cc/", sid);
    assert_eq!(url, format!("https://desk.example/cc/tandem/v1/Prompts/{sid}/Media"));
    for same in
        [url.clone(), format!("{url}?v=2"), format!("http://127.0.0.1:1/tandem/v1/Prompts/{sid}/Media")]
    {
        assert_eq!(Prompt::of_media_url(&same), Some(sid), "{same}");
    }
    for other in
        [format!("http://a/?u={url}"), format!("{url}/x"), "http://a/tandem/v1/Prompts/PR1/Media".to_owned()]
    {
        assert_eq!(Prompt::of_media_url(&other), None, "{other}");
    }
}
