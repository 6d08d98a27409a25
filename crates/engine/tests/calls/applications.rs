//! TwiML applications: of numbers that name one, and of calls that the API makes (reference: voice §3.1, §4.5).

use crate::day::*;
use base::*;
use engine::call::*;

const APPLICATION: ApplicationSid = ApplicationSid([4; 16]);

fn application(day: &mut Day, voice: Option<&str>) {
    day.give(Input::Application(ApplicationSettings {
        sid: APPLICATION,
        voice: voice.map(post),
        voice_fallback: Some(post("http://app/spare")),
        status_callback: Some(post("http://app/status")),
    }));
}

fn number(application: Option<ApplicationSid>) -> Input {
    Input::Number(NumberSettings {
        sid: PhoneNumberSid([1; 16]),
        number: NUMBER.parse().unwrap(),
        voice: Some(post("http://app/voice")),
        voice_fallback: None,
        status_callback: None,
        application,
    })
}

fn new_call(application: ApplicationSid) -> Request {
    Request::CreateCall(NewCall {
        to: "+15550108888".to_owned(),
        from: NUMBER.to_owned(),
        program: Program::Application(application),
        fallback: Some(post("http://app/ignored")),
        status_callback: Some(StatusCallback {
            webhook: post("http://app/ignored"),
            events: vec!["initiated".to_owned()],
        }),
        send_digits: None,
        timeout: std::time::Duration::from_secs(20),
        time_limit: None,
        sip_credentials: None,
        record: None,
        machine: None,
    })
}

#[test]
fn a_number_that_names_an_application_does_what_that_says() {
    let mut day = Day::that_runs("<Say>the number's own</Say>");
    day.document("http://app/of-application", "<Say>the application's</Say>");
    application(&mut day, Some("http://app/of-application"));
    day.give(number(Some(APPLICATION)));
    let caller = day.call();
    assert_eq!(day.heard(caller), Heard::Said("the application's".to_owned()));
    let asked = &day.fetched("http://app/of-application")[0];
    assert_eq!(asked["ApplicationSid"], APPLICATION.to_string());
    day.hangs_up(caller);
    assert_eq!(day.told("http://app/status").len(), 1, "the application's status callback");

    day.give(Input::ApplicationRemoved(APPLICATION));
    let caller = day.call();
    assert_eq!(
        day.heard(caller),
        Heard::Said("the number's own".to_owned()),
        "one that is gone says nothing"
    );
    assert!(!day.fetched("http://app/voice")[0].contains_key("ApplicationSid"));
}

#[test]
fn a_call_of_the_api_may_run_an_application_instead_of_a_url() {
    let mut day = Day::new();
    day.document("http://app/of-application", "<Say>hello</Say>");
    let Response::Refused { status, code, .. } = day.ask(new_call(APPLICATION)) else { panic!() };
    assert_eq!((status, code), (400, 21218), "there is none");
    application(&mut day, None);
    assert!(matches!(day.ask(new_call(APPLICATION)), Response::Refused { code: 21218, .. }), "without a URL");
    application(&mut day, Some("http://app/of-application"));
    assert!(matches!(day.ask(new_call(APPLICATION)), Response::Call(_)));
    let leg = day.last_invited();
    day.answers(leg);
    assert_eq!(day.heard(leg), Heard::Said("hello".to_owned()));
    assert_eq!(day.fetched("http://app/of-application")[0]["ApplicationSid"], APPLICATION.to_string());
    day.hangs_up(leg);
    assert!(day.told("http://app/ignored").is_empty(), "the call's own callbacks are ignored");
    assert_eq!(day.told("http://app/status").len(), 1);
}
