'use strict';

// SIP domains and what protects them, by the official SDK. `covers:` names the operations of the test below it.

const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');
const { randomBytes } = require('node:crypto');
const { tandem } = require('tandem-twilio');

const URL = process.env.TANDEM_URL || 'http://127.0.0.1:8080';
const ACCOUNT = process.env.TANDEM_ACCOUNT_SID || 'AC00000000000000000000000000000001';
const TOKEN = process.env.TANDEM_AUTH_TOKEN || 'tandem-dev-token';
const client = tandem(URL, ACCOUNT, TOKEN);
const unique = randomBytes(6).toString('hex');

/** The promise is rejected with this status and code. */
const refused = (promise, status, code) =>
  assert.rejects(promise, (error) => {
    assert.deepEqual([error.status, error.code], [status, code], error.message);
    return true;
  });
const sids = (items) => items.map((item) => item.sid);

describe('SIP domains', () => {
  let domain;
  let credentials;
  let addresses;

  before(async () => {
    const domainName = `n${unique}.sip.example.com`;
    domain = await client.sip.domains.create({ domainName, voiceUrl: 'http://127.0.0.1:9/voice' });
    credentials = await client.sip.credentialLists.create({ friendlyName: `c ${unique}` });
    addresses = await client.sip.ipAccessControlLists.create({ friendlyName: `a ${unique}` });
  });

  after(async () => {
    await client.sip.domains(domain.sid).remove();
    await client.sip.credentialLists(credentials.sid).remove();
    await client.sip.ipAccessControlLists(addresses.sid).remove();
    await refused(client.sip.ipAccessControlLists(addresses.sid).fetch(), 404, 20404);
  });

  // covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/Domains.json, POST /2010-04-01/Accounts/{AccountSid}/SIP/Domains.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{Sid}.json, POST /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{Sid}.json
  // covers: DELETE /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{Sid}.json
  it('live', async () => {
    assert.deepEqual([domain.sid.slice(0, 2), domain.voiceMethod, domain.sipRegistration], ['SD', 'POST', false]);
    const changed = await client.sip.domains(domain.sid).update({ friendlyName: 'Acme', sipRegistration: true });
    assert.deepEqual([changed.friendlyName, changed.sipRegistration], ['Acme', true]);
    assert.equal((await client.sip.domains(domain.sid).fetch()).voiceUrl, 'http://127.0.0.1:9/voice');
    assert.ok(sids(await client.sip.domains.list()).includes(domain.sid));
    await refused(client.sip.domains.create({ domainName: domain.domainName }), 409, 20409);
    await refused(client.sip.domains.create({ domainName: '192.0.2.1' }), 400, 20001);
    const other = await client.sip.domains.create({ domainName: `x${domain.domainName}` });
    assert.equal(await client.sip.domains(other.sid).remove(), true);
    await refused(client.sip.domains(other.sid).fetch(), 404, 20404);
    await refused(client.sip.domains(other.sid).remove(), 404, 20404);
  });

  // covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists.json, POST /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists/{Sid}.json, POST /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists/{Sid}.json
  // covers: DELETE /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists/{Sid}.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists/{CredentialListSid}/Credentials.json
  // covers: POST /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists/{CredentialListSid}/Credentials.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists/{CredentialListSid}/Credentials/{Sid}.json
  // covers: POST /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists/{CredentialListSid}/Credentials/{Sid}.json
  // covers: DELETE /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists/{CredentialListSid}/Credentials/{Sid}.json
  it('are called by who knows a password of their lists', async () => {
    const list = client.sip.credentialLists(credentials.sid);
    assert.equal((await list.update({ friendlyName: `staff ${unique}` })).friendlyName, `staff ${unique}`);
    assert.equal((await list.fetch()).friendlyName, `staff ${unique}`);
    assert.ok(sids(await client.sip.credentialLists.list()).includes(credentials.sid));
    const made = await list.credentials.create({ username: 'bob', password: 'Secret-of-2026' });
    assert.deepEqual([made.username, made.credentialListSid, made.password], ['bob', credentials.sid, undefined]);
    assert.deepEqual(sids(await list.credentials.list()), [made.sid]);
    const one = list.credentials(made.sid);
    assert.equal((await one.fetch()).username, 'bob');
    assert.equal((await one.update({ password: 'Another-of-2026' })).sid, made.sid);
    await refused(one.update({ password: 'weak' }), 400, 20001);
    await refused(list.credentials.create({ username: 'bob', password: 'Secret-of-2026' }), 409, 20409);
    await refused(client.sip.credentialLists(`CL${'0'.repeat(32)}`).credentials.list(), 404, 20404);
    assert.equal(await one.remove(), true);
    await refused(one.fetch(), 404, 20404);
  });

  // covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/IpAccessControlLists.json, POST /2010-04-01/Accounts/{AccountSid}/SIP/IpAccessControlLists.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/IpAccessControlLists/{Sid}.json, POST /2010-04-01/Accounts/{AccountSid}/SIP/IpAccessControlLists/{Sid}.json
  // covers: DELETE /2010-04-01/Accounts/{AccountSid}/SIP/IpAccessControlLists/{Sid}.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/IpAccessControlLists/{IpAccessControlListSid}/IpAddresses.json
  // covers: POST /2010-04-01/Accounts/{AccountSid}/SIP/IpAccessControlLists/{IpAccessControlListSid}/IpAddresses.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/IpAccessControlLists/{IpAccessControlListSid}/IpAddresses/{Sid}.json
  // covers: POST /2010-04-01/Accounts/{AccountSid}/SIP/IpAccessControlLists/{IpAccessControlListSid}/IpAddresses/{Sid}.json
  // covers: DELETE /2010-04-01/Accounts/{AccountSid}/SIP/IpAccessControlLists/{IpAccessControlListSid}/IpAddresses/{Sid}.json
  it('are called from networks of their lists', async () => {
    const list = client.sip.ipAccessControlLists(addresses.sid);
    assert.equal((await list.update({ friendlyName: `office ${unique}` })).friendlyName, `office ${unique}`);
    assert.equal((await list.fetch()).friendlyName, `office ${unique}`);
    assert.ok(sids(await client.sip.ipAccessControlLists.list()).includes(addresses.sid));
    const made = await list.ipAddresses.create({ friendlyName: 'pbx', ipAddress: '192.0.2.10' });
    assert.deepEqual([made.ipAddress, made.cidrPrefixLength], ['192.0.2.10', 32]);
    const one = list.ipAddresses(made.sid);
    assert.equal((await one.update({ cidrPrefixLength: 24 })).cidrPrefixLength, 24);
    assert.equal((await one.fetch()).friendlyName, 'pbx');
    assert.deepEqual(sids(await list.ipAddresses.list()), [made.sid]);
    await refused(list.ipAddresses.create({ friendlyName: 'x', ipAddress: 'nowhere' }), 400, 20001);
    assert.equal(await one.remove(), true);
    await refused(one.fetch(), 404, 20404);
  });

  // covers: POST /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/Auth/Calls/CredentialListMappings.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/Auth/Calls/CredentialListMappings.json
  // covers: POST /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/Auth/Calls/IpAccessControlListMappings.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/Auth/Calls/IpAccessControlListMappings.json
  // covers: POST /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/Auth/Registrations/CredentialListMappings.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/Auth/Registrations/CredentialListMappings.json
  // covers: POST /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/CredentialListMappings.json
  // covers: POST /2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/IpAccessControlListMappings.json
  it('are protected by lists that are mapped to them', async () => {
    const own = client.sip.domains(domain.sid);
    const byPassword = { credentialListSid: credentials.sid };
    const byAddress = { ipAccessControlListSid: addresses.sid };
    for (const [mappings, what, sid] of [
      [own.auth.calls.credentialListMappings, byPassword, credentials.sid],
      [own.auth.calls.ipAccessControlListMappings, byAddress, addresses.sid],
      [own.auth.registrations.credentialListMappings, byPassword, credentials.sid],
      [own.credentialListMappings, byPassword, credentials.sid],
      [own.ipAccessControlListMappings, byAddress, addresses.sid],
    ]) {
      assert.equal((await mappings.create(what)).sid, sid);
      assert.deepEqual(sids(await mappings.list()), [sid]);
      assert.equal((await mappings(sid).fetch()).sid, sid);
      assert.equal(await mappings(sid).remove(), true);
      await refused(mappings(sid).fetch(), 404, 20404);
    }
    await own.auth.calls.credentialListMappings.create(byPassword);
    await refused(client.sip.credentialLists(credentials.sid).remove(), 409, 20409);
    await own.auth.calls.credentialListMappings(credentials.sid).remove();
  });
});
