"""SIP domains and what protects them, through the official SDK."""

import pytest
from twilio.base.exceptions import TwilioRestException


@pytest.fixture
def domain(client, unique):
    name = f"d{unique}".lower().replace(" ", "-").replace("_", "-") + ".sip.example.com"
    made = client.sip.domains.create(domain_name=name, voice_url="http://127.0.0.1:9/voice")
    yield made
    client.sip.domains(made.sid).delete()


@pytest.fixture
def credentials(client, unique):
    made = client.sip.credential_lists.create(friendly_name=unique)
    yield made
    client.sip.credential_lists(made.sid).delete()


@pytest.fixture
def addresses(client, unique):
    made = client.sip.ip_access_control_lists.create(friendly_name=unique)
    yield made
    client.sip.ip_access_control_lists(made.sid).delete()


def refusal(what):
    with pytest.raises(TwilioRestException) as refused:
        what()
    return refused.value.status, refused.value.code


# covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/Domains.json, POST /2010-04-01/Accounts/{AccountSid}/SIP/Domains.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{Sid}.json, POST /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{Sid}.json
# covers: DELETE /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{Sid}.json
def test_a_domain_lives(client, domain):
    assert domain.sid.startswith("SD") and domain.voice_method == "POST" and domain.sip_registration is False
    changed = client.sip.domains(domain.sid).update(
        friendly_name="Acme", sip_registration=True, secure=True, voice_status_callback_url="http://127.0.0.1:9/status"
    )
    assert (changed.friendly_name, changed.sip_registration, changed.secure) == ("Acme", True, True)
    assert client.sip.domains(domain.sid).fetch().voice_status_callback_url == "http://127.0.0.1:9/status"
    assert domain.sid in [d.sid for d in client.sip.domains.list()]
    again = lambda: client.sip.domains.create(domain_name=domain.domain_name)
    assert refusal(again) == (409, 20409)
    assert refusal(lambda: client.sip.domains.create(domain_name="192.0.2.1")) == (400, 20001)
    other = client.sip.domains.create(domain_name="x" + domain.domain_name)
    assert client.sip.domains(other.sid).delete()
    assert refusal(lambda: client.sip.domains(other.sid).fetch()) == (404, 20404)


# covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists.json, POST /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists/{Sid}.json, POST /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists/{Sid}.json
# covers: DELETE /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists/{Sid}.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists/{CredentialListSid}/Credentials.json
# covers: POST /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists/{CredentialListSid}/Credentials.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists/{CredentialListSid}/Credentials/{Sid}.json
# covers: POST /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists/{CredentialListSid}/Credentials/{Sid}.json
# covers: DELETE /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists/{CredentialListSid}/Credentials/{Sid}.json
def test_credentials_are_kept_in_lists_and_their_passwords_are_never_told(client, credentials):
    assert client.sip.credential_lists(credentials.sid).update(friendly_name="staff").friendly_name == "staff"
    assert client.sip.credential_lists(credentials.sid).fetch().friendly_name == "staff"
    assert credentials.sid in [c.sid for c in client.sip.credential_lists.list()]
    inside = client.sip.credential_lists(credentials.sid).credentials
    made = inside.create(username="bob", password="Secret-of-2026")
    assert (made.username, made.credential_list_sid) == ("bob", credentials.sid)
    assert [c.username for c in inside.list()] == ["bob"]
    one = client.sip.credential_lists(credentials.sid).credentials(made.sid)
    assert one.fetch().username == "bob"
    assert one.update(password="Another-of-2026").sid == made.sid
    assert refusal(lambda: one.update(password="weak")) == (400, 20001)
    assert refusal(lambda: inside.create(username="eve", password="short")) == (400, 20001)
    assert refusal(lambda: inside.create(username="bob", password="Secret-of-2026")) == (409, 20409)
    assert one.delete()
    assert inside.list() == []
    assert refusal(one.fetch) == (404, 20404)


# covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/IpAccessControlLists.json, POST /2010-04-01/Accounts/{AccountSid}/SIP/IpAccessControlLists.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/IpAccessControlLists/{Sid}.json, POST /2010-04-01/Accounts/{AccountSid}/SIP/IpAccessControlLists/{Sid}.json
# covers: DELETE /2010-04-01/Accounts/{AccountSid}/SIP/IpAccessControlLists/{Sid}.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/IpAccessControlLists/{IpAccessControlListSid}/IpAddresses.json
# covers: POST /2010-04-01/Accounts/{AccountSid}/SIP/IpAccessControlLists/{IpAccessControlListSid}/IpAddresses.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/IpAccessControlLists/{IpAccessControlListSid}/IpAddresses/{Sid}.json
# covers: POST /2010-04-01/Accounts/{AccountSid}/SIP/IpAccessControlLists/{IpAccessControlListSid}/IpAddresses/{Sid}.json
# covers: DELETE /2010-04-01/Accounts/{AccountSid}/SIP/IpAccessControlLists/{IpAccessControlListSid}/IpAddresses/{Sid}.json
def test_networks_are_kept_in_lists(client, addresses):
    assert client.sip.ip_access_control_lists(addresses.sid).update(friendly_name="office").friendly_name == "office"
    assert client.sip.ip_access_control_lists(addresses.sid).fetch().friendly_name == "office"
    assert addresses.sid in [a.sid for a in client.sip.ip_access_control_lists.list()]
    inside = client.sip.ip_access_control_lists(addresses.sid).ip_addresses
    made = inside.create(friendly_name="pbx", ip_address="192.0.2.10")
    assert (made.ip_address, made.cidr_prefix_length) == ("192.0.2.10", 32)
    one = client.sip.ip_access_control_lists(addresses.sid).ip_addresses(made.sid)
    assert one.update(cidr_prefix_length=24).cidr_prefix_length == 24
    assert one.fetch().friendly_name == "pbx"
    assert [a.sid for a in inside.list()] == [made.sid]
    assert refusal(lambda: inside.create(friendly_name="x", ip_address="nowhere")) == (400, 20001)
    assert one.delete()
    assert refusal(one.fetch) == (404, 20404)


# covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/Auth/Calls/CredentialListMappings.json
# covers: POST /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/Auth/Calls/CredentialListMappings.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/Auth/Calls/CredentialListMappings/{Sid}.json
# covers: DELETE /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/Auth/Calls/CredentialListMappings/{Sid}.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/Auth/Calls/IpAccessControlListMappings.json
# covers: POST /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/Auth/Calls/IpAccessControlListMappings.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/Auth/Calls/IpAccessControlListMappings/{Sid}.json
# covers: DELETE /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/Auth/Calls/IpAccessControlListMappings/{Sid}.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/Auth/Registrations/CredentialListMappings.json
# covers: POST /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/Auth/Registrations/CredentialListMappings.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/Auth/Registrations/CredentialListMappings/{Sid}.json
# covers: DELETE /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/Auth/Registrations/CredentialListMappings/{Sid}.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/CredentialListMappings.json
# covers: POST /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/CredentialListMappings.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/CredentialListMappings/{Sid}.json
# covers: DELETE /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/CredentialListMappings/{Sid}.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/IpAccessControlListMappings.json
# covers: POST /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/IpAccessControlListMappings.json
# covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/IpAccessControlListMappings/{Sid}.json
# covers: DELETE /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/IpAccessControlListMappings/{Sid}.json
def test_lists_protect_a_domain_by_both_names_of_a_mapping(client, credentials, addresses, domain):
    own = client.sip.domains(domain.sid)
    by_password = dict(credential_list_sid=credentials.sid)
    by_address = dict(ip_access_control_list_sid=addresses.sid)
    for mappings, arguments, sid, name in [
        (own.auth.calls.credential_list_mappings, by_password, credentials.sid, credentials.friendly_name),
        (own.auth.calls.ip_access_control_list_mappings, by_address, addresses.sid, addresses.friendly_name),
        (own.auth.registrations.credential_list_mappings, by_password, credentials.sid, credentials.friendly_name),
        (own.credential_list_mappings, by_password, credentials.sid, credentials.friendly_name),
        (own.ip_access_control_list_mappings, by_address, addresses.sid, addresses.friendly_name),
    ]:
        made = mappings.create(**arguments)
        assert (made.sid, made.friendly_name) == (sid, name)
        assert [m.sid for m in mappings.list()] == [sid]
        assert mappings(sid).fetch().friendly_name == name
        assert mappings(sid).delete()
        assert mappings.list() == []
        assert refusal(mappings(sid).fetch) == (404, 20404)
    own.auth.calls.credential_list_mappings.create(**by_password)
    assert [m.sid for m in own.credential_list_mappings.list()] == [credentials.sid], "the two are the same"
    assert own.fetch().auth_type == "CREDENTIAL_LIST"
    assert refusal(client.sip.credential_lists(credentials.sid).delete) == (409, 20409)
    own.credential_list_mappings(credentials.sid).delete()
