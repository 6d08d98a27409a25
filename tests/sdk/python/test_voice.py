"""Live calls, conferences and recordings through the official SDK. A SIP phone answers."""

import sys
import time
from pathlib import Path

import pytest
import requests
from twilio.base.exceptions import TwilioException, TwilioRestException

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from phone import Phone  # noqa: E402

PHONE = "sip:bo@tandem.localhost"
OURS = "+15550100001"
OUTSIDE = "+15557779002"
WAIT = "<Response><Pause length='120'/></Response>"


@pytest.fixture(scope="module")
def phone():
    phone = Phone()
    yield phone
    phone.close()


def until(what, holds, seconds=20):
    """The first thing that `holds` answers that is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = holds()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"never: {what}")


def refused(status, code, ask):
    with pytest.raises(TwilioRestException) as error:
        ask()
    assert (error.value.status, error.value.code) == (status, code), error.value.msg


@pytest.fixture
def call(client, phone):
    made = client.calls.create(to=PHONE, from_=OURS, twiml=WAIT, timeout=10, time_limit=300)
    until("the call is up", lambda: client.calls(made.sid).fetch().status == "in-progress")
    yield client.calls(made.sid)
    if client.calls(made.sid).fetch().status == "in-progress":
        client.calls(made.sid).update(status="completed")


@pytest.fixture
def conference(client, phone, unique):
    name = f"room {unique}"
    first = client.conferences(name).participants.create(
        from_=OURS, to=PHONE, label="first", beep=False, conference_record="true", end_conference_on_exit=False
    )
    second = client.conferences(first.conference_sid).participants.create(
        from_=OURS, to=PHONE, label="second", beep="onExit", start_conference_on_enter=True
    )
    assert second.conference_sid == first.conference_sid and second.status in ("queued", "ringing", "connected")
    room = client.conferences(first.conference_sid)
    until("two are in it", lambda: room.fetch().status == "in-progress")
    yield room
    room.update(status="completed")


# covers: GET /2010-04-01/Accounts/{AccountSid}/Conferences.json, GET /2010-04-01/Accounts/{AccountSid}/Conferences/{Sid}.json
# covers: POST /2010-04-01/Accounts/{AccountSid}/Conferences/{Sid}.json
def test_conferences(client, conference):
    shown = conference.fetch()
    assert shown.region == "us1" and shown.reason_conference_ended is None
    today = shown.date_created.date()
    mine = client.conferences.list(friendly_name=shown.friendly_name, status="in-progress", date_created=today)
    assert [c.sid for c in mine] == [shown.sid]
    assert client.conferences.list(friendly_name=shown.friendly_name, date_updated_before="2020-01-01") == []
    assert client.conferences.list(friendly_name=shown.friendly_name, status="completed") == []
    refused(400, 21402, lambda: conference.update(announce_url="nowhere"))
    ended = conference.update(status="completed")
    assert (ended.status, ended.reason_conference_ended) == ("completed", "conference-ended-via-api")
    assert conference.fetch().status == "completed"
    assert conference.participants.list() == []
    refused(404, 20404, lambda: client.conferences("CF" + "0" * 32).fetch())


# covers: POST /2010-04-01/Accounts/{AccountSid}/Conferences/{ConferenceSid}/Participants.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/Conferences/{ConferenceSid}/Participants.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/Conferences/{ConferenceSid}/Participants/{CallSid}.json
# covers: POST /2010-04-01/Accounts/{AccountSid}/Conferences/{ConferenceSid}/Participants/{CallSid}.json
# covers: DELETE /2010-04-01/Accounts/{AccountSid}/Conferences/{ConferenceSid}/Participants/{CallSid}.json
def test_participants(client, conference):
    both = {p.label: p for p in conference.participants.list()}
    assert set(both) == {"first", "second"} and both["second"].start_conference_on_enter
    first = conference.participants("first")
    assert first.fetch().call_sid == both["first"].call_sid
    assert first.update(muted=True).muted and not first.update(muted=False).muted
    held = first.update(hold=True, hold_url="http://127.0.0.1:9/hold", hold_method="GET")
    assert held.hold and [p.label for p in conference.participants.list(hold=True)] == ["first"]
    assert not first.update(hold=False).hold
    coaching = first.update(coaching=True, call_sid_to_coach=both["second"].call_sid)
    assert coaching.coaching and coaching.call_sid_to_coach == both["second"].call_sid
    assert not first.update(coaching=False).coaching
    assert first.update(end_conference_on_exit=True).end_conference_on_exit
    assert not first.update(end_conference_on_exit=False, beep_on_exit=False).end_conference_on_exit
    refused(400, 16028, lambda: first.update(coaching=True, call_sid_to_coach="CA" + "9" * 32))
    create = conference.participants.create
    refused(400, 16025, lambda: create(from_=OURS, to=PHONE, label="first"))
    refused(400, 16023, lambda: create(from_=OURS, to=PHONE, label="a/b"))
    refused(400, 21201, lambda: create(from_=OURS, to=""))
    refused(400, 21211, lambda: create(from_=OURS, to="555"))
    refused(404, 20404, lambda: conference.participants("nobody").fetch())
    assert conference.participants("second").delete()
    until("one is left", lambda: len(conference.participants.list()) == 1)
    refused(404, 20404, lambda: conference.participants("second").update(muted=True))


# covers: GET /2010-04-01/Accounts/{AccountSid}/Conferences/{ConferenceSid}/Recordings.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/Conferences/{ConferenceSid}/Recordings/{Sid}.json
# covers: POST /2010-04-01/Accounts/{AccountSid}/Conferences/{ConferenceSid}/Recordings/{Sid}.json
# covers: DELETE /2010-04-01/Accounts/{AccountSid}/Conferences/{ConferenceSid}/Recordings/{Sid}.json
def test_recordings_of_a_conference(conference):
    [recording] = until("it is recorded", conference.recordings.list)
    assert (recording.source, recording.channels, recording.status) == ("Conference", 1, "in-progress")
    one = conference.recordings(recording.sid)
    assert one.update(status="paused", pause_behavior="skip").status == "paused"
    assert one.update(status="in-progress").status == "in-progress"
    time.sleep(0.5)
    assert one.update(status="stopped").status == "stopped"
    until("the file is there", lambda: one.fetch().status in ("completed", "absent"))
    refused(400, 16114, lambda: one.update(status="paused"))
    assert one.delete()
    refused(404, 20404, one.fetch)


# covers: POST /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Recordings.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Recordings.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Recordings/{Sid}.json
# covers: POST /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Recordings/{Sid}.json
# covers: DELETE /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Recordings/{Sid}.json
def test_recordings_of_a_call(client, call):
    begun = call.recordings.create(recording_channels="dual", recording_track="both")
    assert (begun.source, begun.channels, begun.status) == ("StartCallRecordingAPI", 2, "in-progress")
    assert call.recordings("Twilio.CURRENT").update(status="paused").status == "paused"
    assert call.recordings("Twilio.CURRENT").update(status="in-progress").status == "in-progress"
    refused(400, 20009, lambda: call.recordings(begun.sid).delete())
    time.sleep(1.2)
    assert call.recordings(begun.sid).update(status="stopped").status == "stopped"
    done = until("the file", lambda: (r := call.recordings(begun.sid).fetch()).status == "completed" and r)
    assert int(done.duration) >= 1 and [r.sid for r in call.recordings.list()] == [begun.sid]
    refused(404, 20404, lambda: call.recordings("Twilio.CURRENT").update(status="paused"))
    refused(400, 20001, lambda: call.recordings(begun.sid).update(status="done"))
    assert call.recordings(begun.sid).delete()
    refused(404, 20404, lambda: call.recordings(begun.sid).fetch())


# covers: GET /2010-04-01/Accounts/{AccountSid}/Recordings.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/Recordings/{Sid}.json
# covers: DELETE /2010-04-01/Accounts/{AccountSid}/Recordings/{Sid}.json
def test_recordings_and_their_media(client, call, url):
    begun = call.recordings.create()
    time.sleep(1)
    call.update(status="completed")
    one = client.recordings(begun.sid)
    done = until("the file", lambda: (r := one.fetch()).status == "completed" and r)
    assert begun.sid in [r.sid for r in client.recordings.list(call_sid=done.call_sid)]
    assert client.recordings.list(call_sid=done.call_sid, date_created_before="2020-01-01") == []
    media = f"{url}/2010-04-01/Accounts/{client.account_sid}/Recordings/{begun.sid}"
    auth = (client.username, client.password)
    assert requests.get(media, auth=auth, timeout=20).content[:4] == b"RIFF"
    assert requests.get(media + ".mp3", auth=auth, timeout=20).headers["content-type"] == "audio/mpeg"
    part = requests.get(media + ".wav", auth=auth, headers={"Range": "bytes=0-9"}, timeout=20)
    assert (part.status_code, len(part.content)) == (206, 10)
    assert requests.get(media, timeout=20).status_code == 401
    assert one.delete()
    refused(404, 20404, one.fetch)
    assert one.fetch(include_soft_deleted=True).status == "deleted"
    assert begun.sid in [r.sid for r in client.recordings.list(call_sid=done.call_sid, include_soft_deleted=True)]
    assert requests.get(media, auth=auth, timeout=20).status_code == 404


# covers: POST /2010-04-01/Accounts/{AccountSid}/Calls.json, GET /2010-04-01/Accounts/{AccountSid}/Calls.json, POST /2010-04-01/Accounts/{AccountSid}/Calls/{Sid}.json
def test_every_parameter_of_a_call(client, phone):
    made = client.calls.create(
        to=PHONE,
        from_=OURS,
        twiml=WAIT,
        method="GET",
        fallback_url="http://127.0.0.1:9/fallback",
        status_callback="http://127.0.0.1:9/status",
        status_callback_event=["initiated", "ringing", "answered", "completed"],
        status_callback_method="GET",
        send_digits="12w#",
        timeout=20,
        time_limit=60,
        record=True,
        recording_channels="dual",
        recording_track="both",
        trim="do-not-trim",
        sip_auth_username="u",
        sip_auth_password="p",
        machine_detection="DetectMessageEnd",
        machine_detection_timeout=10,
        machine_detection_speech_threshold=2000,
        machine_detection_speech_end_threshold=800,
        machine_detection_silence_timeout=2000,
        async_amd="true",
        async_amd_status_callback="http://127.0.0.1:9/amd",
        caller_id="+15550100002",
        call_reason="test",
    )
    assert (made.status, made.direction, made.to) == ("queued", "outbound-api", PHONE)
    call = client.calls(made.sid)
    until("it is up", lambda: call.fetch().status == "in-progress")
    until("nobody said anything", lambda: call.fetch().answered_by == "unknown")
    shown = call.fetch()
    assert shown._from == "+15550100002"
    day = shown.start_time.date()
    found = client.calls.list(to=PHONE, status="in-progress", start_time=day, start_time_after="2020-01-01")
    assert made.sid in [c.sid for c in found]
    assert made.sid not in [c.sid for c in client.calls.list(to=PHONE, start_time_before="2020-01-01")]
    assert made.sid not in [c.sid for c in client.calls.list(from_=OURS, status="busy")]
    assert call.update(status="completed").status == "completed"
    ended = call.fetch()
    assert int(ended.duration) >= 1 and ended.end_time
    assert made.sid in [c.sid for c in client.calls.list(to=PHONE, end_time_after="2020-01-01", limit=50)]
    refused(400, 21220, lambda: call.update(url="http://127.0.0.1:9/next"))


@pytest.mark.parametrize(
    "code, wrong",
    [
        (21201, dict(to="")),
        (21213, dict(from_="")),
        (21206, dict(send_digits="12x")),
        (21208, dict(timeout=601)),
        (21209, dict(url="http://127.0.0.1:9/", method="PUT")),
        (21205, dict(url="nowhere")),
        (21402, dict(status_callback="nowhere")),
        (20001, dict(status_callback="http://127.0.0.1:9/", status_callback_event=["hold"])),
        (21225, dict(sip_auth_username="u")),
        (21234, dict(machine_detection="Perhaps")),
        (21234, dict(machine_detection="Enable", machine_detection_timeout=100)),
        (21212, dict(caller_id="me")),
        (20001, dict(record=True, recording_channels="many")),
        (20001, dict(twiml="x" * 4001)),
    ],
)
def test_what_is_wrong_with_a_call(client, code, wrong):
    good = dict(to=PHONE, from_=OURS, twiml="<Response/>")
    refused(400, code, lambda: client.calls.create(**{**good, **wrong}))


# covers: GET /2010-04-01/Accounts/{AccountSid}/Notifications.json, GET /2010-04-01/Accounts/{AccountSid}/Notifications/{Sid}.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Notifications.json, GET /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Notifications/{Sid}.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Events.json
def test_notifications_and_events(client, phone):
    made = client.calls.create(to=PHONE, from_=OURS, url="http://127.0.0.1:9/nowhere")
    call = client.calls(made.sid)
    one = until("the failure is told", lambda: call.notifications.list(log=0))[0]
    assert (one.error_code, one.log, one.call_sid) == ("11205", "0", made.sid)
    assert (one.request_url, one.request_method) == ("http://127.0.0.1:9/nowhere", "POST")
    whole = client.notifications(one.sid).fetch()
    assert "LogLevel=ERROR" in whole.message_text
    assert (whole.request_url, whole.request_method) == (one.request_url, one.request_method)
    assert call.notifications(one.sid).fetch().response_body == ""
    assert call.notifications.list(log=1) == [] and call.notifications.list(message_date_before="2020-01-01") == []
    assert one.sid in [n.sid for n in client.notifications.list(message_date_after="2020-01-01", limit=50)]
    assert [e.request["url"] for e in call.events.list()] == ["http://127.0.0.1:9/nowhere"]
    refused(404, 20404, lambda: client.notifications("NO" + "0" * 32).fetch())
    unknown = client.calls("CA" + "0" * 32)
    refused(404, 20404, lambda: unknown.notifications(one.sid).fetch())
    # Of a page that is refused this SDK says the whole body, without status and code.
    for ask in (unknown.notifications.list, unknown.events.list):
        with pytest.raises(TwilioException, match='"code":20404.*"status":404'):
            ask()


def test_a_notification_of_a_wrong_document_names_its_request(client, phone):
    """The fallback stands in for the first document, and is not one either."""
    made = client.calls.create(
        to=PHONE, from_=OURS, url="http://127.0.0.1:9/first", method="GET", fallback_url="http://127.0.0.1:9/spare", fallback_method="GET"
    )
    call = client.calls(made.sid)
    told = until("the failure is told", lambda: call.notifications.list(log=0))
    assert {(n.request_url, n.request_method) for n in told} == {("http://127.0.0.1:9/first", "GET")}


# covers: POST /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Siprec.json, POST /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Siprec/{Sid}.json
# covers: POST /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Transcriptions.json, POST /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Transcriptions/{Sid}.json
# covers: POST /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Payments.json, POST /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Payments/{Sid}.json
# covers: POST /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/UserDefinedMessages.json
# covers: POST /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/UserDefinedMessageSubscriptions.json
# covers: DELETE /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/UserDefinedMessageSubscriptions/{Sid}.json
def test_what_is_not_offered_says_so(client, phone):
    made = client.calls.create(to=PHONE, from_=OURS, twiml=WAIT)
    for call, status, code in ((client.calls(made.sid), 403, 20403), (client.calls("CA" + "0" * 32), 404, 20404)):
        once = dict(idempotency_key="1", status_callback="http://127.0.0.1:9/paid")
        for ask in (
            lambda: call.siprec.create(connector_name="x"),
            lambda: call.siprec("SR" + "0" * 32).update(status="stopped"),
            lambda: call.transcriptions.create(),
            lambda: call.transcriptions("GT" + "0" * 32).update(status="stopped"),
            lambda: call.payments.create(**once),
            lambda: call.payments("PK" + "0" * 32).update(status="complete", **once),
            lambda: call.user_defined_messages.create(content="{}"),
            lambda: call.user_defined_message_subscriptions.create(callback="http://127.0.0.1:9/told"),
            lambda: call.user_defined_message_subscriptions("ZY" + "0" * 32).delete(),
        ):
            refused(status, code, ask)
    client.calls(made.sid).update(status="completed")


def test_a_call_shows_a_number_that_is_ours(client):
    create = client.calls.create
    refused(400, 21210, lambda: create(to=OUTSIDE, from_="+15550199998", twiml=WAIT))
    refused(400, 21210, lambda: create(to=OUTSIDE, from_="client:desk", caller_id="+15550199998", twiml=WAIT))
    participants = client.conferences("Nobody's").participants
    refused(400, 21210, lambda: participants.create(to=OUTSIDE, from_="+15550199998"))
