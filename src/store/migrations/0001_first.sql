-- One text for SQLite and PostgreSQL. Only TEXT, BIGINT and BYTES, which is BLOB on the one and BYTEA on the other.
-- Times are milliseconds since 1970. GitHub's ids are stored bit for bit in a signed BIGINT.

-- What GitHub sent, as it came; `done` once everything that follows from it is a job.
CREATE TABLE deliveries (
    id       TEXT   NOT NULL PRIMARY KEY,
    event    TEXT   NOT NULL,
    body     BYTES  NOT NULL,
    received BIGINT NOT NULL,
    state    TEXT   NOT NULL CHECK (state IN ('kept', 'done'))
);
CREATE INDEX deliveries_received ON deliveries (received);

-- What remains to be done. `id` grows with the order of pushing; `fence` grows with every claim.
CREATE TABLE jobs (
    id          BIGINT NOT NULL PRIMARY KEY,
    job         TEXT   NOT NULL,
    lane        TEXT   NOT NULL,
    key         TEXT   NOT NULL,
    state       TEXT   NOT NULL CHECK (state IN ('queued', 'running', 'done', 'buried')),
    run_at      BIGINT NOT NULL,
    attempts    BIGINT NOT NULL,
    fence       BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    pushed      BIGINT NOT NULL,
    changed     BIGINT NOT NULL,
    error       TEXT   NOT NULL
);
-- Two jobs with one key are one while the first has not begun.
CREATE UNIQUE INDEX jobs_waiting_once ON jobs (key) WHERE state = 'queued';
-- Of the jobs of a lane one runs at a time, whatever the workers do.
CREATE UNIQUE INDEX jobs_one_per_lane ON jobs (lane) WHERE state = 'running';
CREATE INDEX jobs_due ON jobs (run_at, id) WHERE state = 'queued';
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE state = 'running';
CREATE INDEX jobs_done ON jobs (changed) WHERE state = 'done';
CREATE INDEX jobs_buried ON jobs (changed) WHERE state = 'buried';

-- What was shown on a pull request, and when it was complete.
CREATE TABLE previews (
    id        BIGINT NOT NULL PRIMARY KEY,
    repo      BIGINT NOT NULL,
    pull      BIGINT NOT NULL,
    head      TEXT   NOT NULL,
    base      TEXT   NOT NULL,
    tree      TEXT   NOT NULL,
    completed BIGINT NOT NULL,
    body      TEXT   NOT NULL
);
CREATE INDEX previews_of_pull ON previews (repo, pull, completed);
CREATE INDEX previews_of_head ON previews (repo, head, completed);
CREATE INDEX previews_of_tree ON previews (repo, tree, completed);
CREATE INDEX previews_completed ON previews (completed);

-- The effect of each environment of a preview, to be found by environment.
CREATE TABLE effects (
    preview     BIGINT NOT NULL REFERENCES previews (id) ON DELETE CASCADE,
    environment TEXT   NOT NULL,
    digest      TEXT,
    bundle      TEXT,
    PRIMARY KEY (preview, environment)
);
CREATE INDEX effects_bundle ON effects (bundle);

-- What was deployed, as JSON, by digest. Secrets lie in it in clear, as the cluster got them.
CREATE TABLE bundles (
    digest TEXT   NOT NULL PRIMARY KEY,
    body   BYTES  NOT NULL,
    kept   BIGINT NOT NULL
);
CREATE INDEX bundles_kept ON bundles (kept);

CREATE TABLE deployments (
    id          TEXT   NOT NULL PRIMARY KEY,
    repo        BIGINT NOT NULL,
    environment TEXT   NOT NULL,
    pull        BIGINT,
    state       TEXT   NOT NULL,
    created     BIGINT NOT NULL,
    -- When it began to write, when its state last changed, and who asked it to stop while it ran.
    began       BIGINT,
    changed     BIGINT NOT NULL,
    stop        TEXT,
    body        TEXT   NOT NULL
);
CREATE INDEX deployments_of_environment ON deployments (repo, environment, created, id);
CREATE INDEX deployments_begun ON deployments (repo, environment, began) WHERE began IS NOT NULL;
CREATE INDEX deployments_succeeded ON deployments (repo, environment, changed) WHERE state = 'succeeded';
CREATE INDEX deployments_of_pull ON deployments (repo, pull, created, id);

-- What we wrote on GitHub, so that it is edited and never written twice.
CREATE TABLE comments (
    repo    BIGINT NOT NULL,
    pull    BIGINT NOT NULL,
    marker  TEXT   NOT NULL,
    comment BIGINT NOT NULL,
    PRIMARY KEY (repo, pull, marker)
);
-- Preview checks that we began and have not ended: whatever becomes of the job, none may stay pending.
CREATE TABLE checks (
    repo  BIGINT NOT NULL,
    pull  BIGINT NOT NULL,
    head  TEXT   NOT NULL,
    begun BIGINT NOT NULL,
    PRIMARY KEY (repo, pull, head)
);
CREATE INDEX checks_begun ON checks (begun);

-- Who holds an environment.
CREATE TABLE locks (
    repo        BIGINT NOT NULL,
    environment TEXT   NOT NULL,
    pull        BIGINT NOT NULL,
    holder      TEXT   NOT NULL,
    reason      TEXT   NOT NULL,
    taken       BIGINT NOT NULL,
    expires     BIGINT NOT NULL,
    PRIMARY KEY (repo, environment)
);
CREATE INDEX locks_of_pull ON locks (repo, pull);

-- The id first seen under a name (lower case) that the operator lists.
CREATE TABLE repositories (
    name TEXT   NOT NULL PRIMARY KEY,
    repo BIGINT NOT NULL,
    seen BIGINT NOT NULL
);
CREATE INDEX repositories_by_id ON repositories (repo);

-- Keys made here on first use.
CREATE TABLE secrets (
    name  TEXT  NOT NULL PRIMARY KEY,
    value BYTES NOT NULL
);
