-- Times are integer microseconds UTC. SIDs are text, and text compares by bytes. A constraint bears the name of its
-- column (`table.column`), so that a conflict can say what is taken. JSON is text: it is given back as it came. `record` is
-- the record as JSON; what is asked for by value has a column of its own beside it.

CREATE TABLE settings (
    name TEXT COLLATE "C" CONSTRAINT "settings.name" PRIMARY KEY,
    value TEXT COLLATE "C" NOT NULL
);

-- Journals ------------------------------------------------------------------------------------------------------

-- `seq` is the fence: an append names the value it expects here.
CREATE TABLE workspaces (
    sid TEXT COLLATE "C" CONSTRAINT "workspaces.sid" PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    created BIGINT NOT NULL,
    deleted BIGINT
);
CREATE INDEX workspaces_of_account ON workspaces (account, created);

CREATE TABLE journal (
    workspace TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    sid TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    task TEXT COLLATE "C",
    worker TEXT COLLATE "C",
    reservation TEXT COLLATE "C",
    queue TEXT COLLATE "C",
    workflow TEXT COLLATE "C",
    event TEXT COLLATE "C" NOT NULL,
    CONSTRAINT "journal.seq" PRIMARY KEY (workspace, seq)
);
CREATE INDEX journal_at ON journal (workspace, at);
CREATE INDEX journal_sid ON journal (sid);
CREATE INDEX journal_task ON journal (task, seq) WHERE task IS NOT NULL;
CREATE INDEX journal_worker ON journal (worker, seq) WHERE worker IS NOT NULL;
CREATE INDEX journal_reservation ON journal (reservation, seq) WHERE reservation IS NOT NULL;

CREATE TABLE snapshots (
    workspace TEXT COLLATE "C" CONSTRAINT "snapshots.workspace" PRIMARY KEY,
    seq BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL
);

-- Accounts ------------------------------------------------------------------------------------------------------

CREATE TABLE accounts (
    sid TEXT COLLATE "C" CONSTRAINT "accounts.sid" PRIMARY KEY,
    created BIGINT NOT NULL,
    record TEXT COLLATE "C" NOT NULL
);

CREATE TABLE api_keys (
    sid TEXT COLLATE "C" CONSTRAINT "api_keys.sid" PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    record TEXT COLLATE "C" NOT NULL
);
CREATE INDEX api_keys_of_account ON api_keys (account, created, sid);

-- Configuration of voice ----------------------------------------------------------------------------------------

CREATE TABLE numbers (
    sid TEXT COLLATE "C" CONSTRAINT "numbers.sid" PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    number TEXT COLLATE "C" NOT NULL CONSTRAINT "numbers.number" UNIQUE,
    friendly_name TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    record TEXT COLLATE "C" NOT NULL
);
CREATE INDEX numbers_of_account ON numbers (account, created, sid);

CREATE TABLE twiml_bins (
    sid TEXT COLLATE "C" CONSTRAINT "twiml_bins.sid" PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    record TEXT COLLATE "C" NOT NULL
);
CREATE INDEX twiml_bins_of_account ON twiml_bins (account, created, sid);

CREATE TABLE voice_queues (
    sid TEXT COLLATE "C" CONSTRAINT "voice_queues.sid" PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    friendly_name TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    record TEXT COLLATE "C" NOT NULL,
    CONSTRAINT "voice_queues.friendly_name" UNIQUE (account, friendly_name)
);
CREATE INDEX voice_queues_of_account ON voice_queues (account, created, sid);

CREATE TABLE sip_accounts (
    sid TEXT COLLATE "C" CONSTRAINT "sip_accounts.sid" PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    "user" TEXT COLLATE "C" NOT NULL CONSTRAINT "sip_accounts.user" UNIQUE,
    created BIGINT NOT NULL,
    record TEXT COLLATE "C" NOT NULL
);
CREATE INDEX sip_accounts_of_account ON sip_accounts (account, created, sid);

-- What calls leave behind ---------------------------------------------------------------------------------------

CREATE TABLE calls (
    sid TEXT COLLATE "C" CONSTRAINT "calls.sid" PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    parent TEXT COLLATE "C",
    callee TEXT COLLATE "C" NOT NULL,
    caller TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    ended BIGINT,
    record TEXT COLLATE "C" NOT NULL
);
CREATE INDEX calls_of_account ON calls (account, created, sid);
CREATE INDEX calls_parent ON calls (parent) WHERE parent IS NOT NULL;
CREATE INDEX calls_callee ON calls (account, callee, created, sid);
CREATE INDEX calls_caller ON calls (account, caller, created, sid);
CREATE INDEX calls_live ON calls (account) WHERE ended IS NULL;

CREATE TABLE conferences (
    sid TEXT COLLATE "C" CONSTRAINT "conferences.sid" PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    friendly_name TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    record TEXT COLLATE "C" NOT NULL
);
CREATE INDEX conferences_of_account ON conferences (account, created, sid);
CREATE INDEX conferences_named ON conferences (account, friendly_name, created, sid);

CREATE TABLE timeline (
    seq BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    call TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    line TEXT COLLATE "C" NOT NULL,
    data TEXT COLLATE "C" NOT NULL
);
CREATE INDEX timeline_of_call ON timeline (call, seq);

CREATE TABLE notifications (
    sid TEXT COLLATE "C" CONSTRAINT "notifications.sid" PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    call TEXT COLLATE "C",
    error BIGINT NOT NULL,
    created BIGINT NOT NULL,
    record TEXT COLLATE "C" NOT NULL
);
CREATE INDEX notifications_of_account ON notifications (account, created, sid);
CREATE INDEX notifications_of_call ON notifications (call, created, sid) WHERE call IS NOT NULL;

-- Sync ----------------------------------------------------------------------------------------------------------

CREATE TABLE sync_services (
    sid TEXT COLLATE "C" CONSTRAINT "sync_services.sid" PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    unique_name TEXT COLLATE "C",
    created BIGINT NOT NULL,
    record TEXT COLLATE "C" NOT NULL,
    CONSTRAINT "sync_services.unique_name" UNIQUE (account, unique_name)
);
CREATE INDEX sync_services_of_account ON sync_services (account, created, sid);

CREATE TABLE sync_maps (
    sid TEXT COLLATE "C" CONSTRAINT "sync_maps.sid" PRIMARY KEY,
    service TEXT COLLATE "C" NOT NULL,
    unique_name TEXT COLLATE "C",
    revision BIGINT NOT NULL,
    items BIGINT NOT NULL,
    expires BIGINT,
    created_by TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    CONSTRAINT "sync_maps.unique_name" UNIQUE (service, unique_name)
);
CREATE INDEX sync_maps_of_service ON sync_maps (service, created, sid);
CREATE INDEX sync_maps_expiring ON sync_maps (expires) WHERE expires IS NOT NULL;

-- Keys compare by bytes.
CREATE TABLE sync_items (
    map TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    data TEXT COLLATE "C" NOT NULL,
    expires BIGINT,
    created_by TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    CONSTRAINT "sync_items.key" PRIMARY KEY (map, key)
);
CREATE INDEX sync_items_expiring ON sync_items (expires) WHERE expires IS NOT NULL;

-- Outgoing webhooks ---------------------------------------------------------------------------------------------

-- `head`: the first of its lane that waits, so that claiming costs the same however long the lanes are.
CREATE TABLE deliveries (
    seq BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    sid TEXT COLLATE "C" NOT NULL CONSTRAINT "deliveries.sid" UNIQUE,
    account TEXT COLLATE "C" NOT NULL,
    lane TEXT COLLATE "C" NOT NULL,
    head BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt BIGINT NOT NULL,
    claimed_until BIGINT,
    last_status BIGINT,
    last_error TEXT COLLATE "C",
    updated BIGINT NOT NULL,
    record TEXT COLLATE "C" NOT NULL
);
CREATE INDEX deliveries_due ON deliveries (next_attempt) WHERE state = 'waiting' AND head = 1;
CREATE INDEX deliveries_lane ON deliveries (lane, seq) WHERE state = 'waiting';
CREATE INDEX deliveries_of_account ON deliveries (account, seq);
CREATE INDEX deliveries_finished ON deliveries (updated) WHERE state <> 'waiting';
