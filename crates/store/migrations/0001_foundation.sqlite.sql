-- Times are integer microseconds UTC. SIDs are text. `record` is the record as JSON; what is asked for by value has a
-- column of its own beside it.

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- Journals ------------------------------------------------------------------------------------------------------

-- `seq` is the fence: an append names the value it expects here.
CREATE TABLE workspaces (
    sid TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    seq INTEGER NOT NULL,
    created INTEGER NOT NULL,
    deleted INTEGER
) WITHOUT ROWID;
CREATE INDEX workspaces_of_account ON workspaces (account, created);

CREATE TABLE journal (
    workspace TEXT NOT NULL,
    seq INTEGER NOT NULL,
    sid TEXT NOT NULL,
    at INTEGER NOT NULL,
    type TEXT NOT NULL,
    task TEXT,
    worker TEXT,
    reservation TEXT,
    queue TEXT,
    workflow TEXT,
    event TEXT NOT NULL,
    PRIMARY KEY (workspace, seq)
) WITHOUT ROWID;
CREATE INDEX journal_at ON journal (workspace, at);
CREATE INDEX journal_sid ON journal (sid);
CREATE INDEX journal_task ON journal (task, seq) WHERE task IS NOT NULL;
CREATE INDEX journal_worker ON journal (worker, seq) WHERE worker IS NOT NULL;
CREATE INDEX journal_reservation ON journal (reservation, seq) WHERE reservation IS NOT NULL;

CREATE TABLE snapshots (
    workspace TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    state TEXT NOT NULL
) WITHOUT ROWID;

-- Accounts ------------------------------------------------------------------------------------------------------

CREATE TABLE accounts (
    sid TEXT PRIMARY KEY,
    created INTEGER NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE api_keys (
    sid TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    created INTEGER NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX api_keys_of_account ON api_keys (account, created, sid);

-- Configuration of voice ----------------------------------------------------------------------------------------

CREATE TABLE numbers (
    sid TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    number TEXT NOT NULL UNIQUE,
    friendly_name TEXT NOT NULL,
    created INTEGER NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX numbers_of_account ON numbers (account, created, sid);

CREATE TABLE twiml_bins (
    sid TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    created INTEGER NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX twiml_bins_of_account ON twiml_bins (account, created, sid);

CREATE TABLE voice_queues (
    sid TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    friendly_name TEXT NOT NULL,
    created INTEGER NOT NULL,
    record TEXT NOT NULL,
    UNIQUE (account, friendly_name)
) WITHOUT ROWID;
CREATE INDEX voice_queues_of_account ON voice_queues (account, created, sid);

CREATE TABLE sip_accounts (
    sid TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    user TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX sip_accounts_of_account ON sip_accounts (account, created, sid);

-- What calls leave behind ---------------------------------------------------------------------------------------

CREATE TABLE calls (
    sid TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    parent TEXT,
    callee TEXT NOT NULL,
    caller TEXT NOT NULL,
    status TEXT NOT NULL,
    created INTEGER NOT NULL,
    ended INTEGER,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX calls_of_account ON calls (account, created, sid);
CREATE INDEX calls_parent ON calls (parent) WHERE parent IS NOT NULL;
CREATE INDEX calls_callee ON calls (account, callee, created, sid);
CREATE INDEX calls_caller ON calls (account, caller, created, sid);
CREATE INDEX calls_live ON calls (account) WHERE ended IS NULL;

CREATE TABLE conferences (
    sid TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    friendly_name TEXT NOT NULL,
    status TEXT NOT NULL,
    created INTEGER NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX conferences_of_account ON conferences (account, created, sid);
CREATE INDEX conferences_named ON conferences (account, friendly_name, created, sid);

CREATE TABLE timeline (
    seq INTEGER PRIMARY KEY,
    call TEXT NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    line TEXT NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX timeline_of_call ON timeline (call, seq);

CREATE TABLE notifications (
    sid TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    call TEXT,
    error INTEGER NOT NULL,
    created INTEGER NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX notifications_of_account ON notifications (account, created, sid);
CREATE INDEX notifications_of_call ON notifications (call, created, sid) WHERE call IS NOT NULL;

-- Sync ----------------------------------------------------------------------------------------------------------

CREATE TABLE sync_services (
    sid TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    unique_name TEXT,
    created INTEGER NOT NULL,
    record TEXT NOT NULL,
    UNIQUE (account, unique_name)
) WITHOUT ROWID;
CREATE INDEX sync_services_of_account ON sync_services (account, created, sid);

CREATE TABLE sync_maps (
    sid TEXT PRIMARY KEY,
    service TEXT NOT NULL,
    unique_name TEXT,
    revision INTEGER NOT NULL,
    items INTEGER NOT NULL,
    expires INTEGER,
    created_by TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    UNIQUE (service, unique_name)
) WITHOUT ROWID;
CREATE INDEX sync_maps_of_service ON sync_maps (service, created, sid);
CREATE INDEX sync_maps_expiring ON sync_maps (expires) WHERE expires IS NOT NULL;

-- Keys compare by bytes.
CREATE TABLE sync_items (
    map TEXT NOT NULL,
    key TEXT NOT NULL COLLATE BINARY,
    revision INTEGER NOT NULL,
    data TEXT NOT NULL,
    expires INTEGER,
    created_by TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    PRIMARY KEY (map, key)
) WITHOUT ROWID;
CREATE INDEX sync_items_expiring ON sync_items (expires) WHERE expires IS NOT NULL;

-- Outgoing webhooks ---------------------------------------------------------------------------------------------

-- `head`: the first of its lane that waits, so that claiming costs the same however long the lanes are.
CREATE TABLE deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    sid TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    lane TEXT NOT NULL,
    head INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt INTEGER NOT NULL,
    claimed_until INTEGER,
    last_status INTEGER,
    last_error TEXT,
    updated INTEGER NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX deliveries_due ON deliveries (next_attempt) WHERE state = 'waiting' AND head = 1;
CREATE INDEX deliveries_lane ON deliveries (lane, seq) WHERE state = 'waiting';
CREATE INDEX deliveries_of_account ON deliveries (account, seq);
CREATE INDEX deliveries_finished ON deliveries (updated) WHERE state <> 'waiting';
