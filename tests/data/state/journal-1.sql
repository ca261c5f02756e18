-- The journal as schema version 1 wrote it: never changed again, and to be opened for ever.
PRAGMA application_id = 1297368904;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "facts" VALUES('wanted_since','1795046400000000');
INSERT INTO "facts" VALUES('index_was_empty','yes');
CREATE TABLE intervals (
        start INTEGER NOT NULL, stop INTEGER NOT NULL, listed_at INTEGER NOT NULL, asked TEXT NOT NULL
    );
INSERT INTO "intervals" VALUES(1795046400000000,1795132800000000,1795140000000000,'qos raw');
CREATE TABLE meetings (
        uuid TEXT PRIMARY KEY,
        outcome TEXT NOT NULL,
        start INTEGER,
        digest TEXT NOT NULL,
        hint TEXT NOT NULL,
        asked TEXT NOT NULL,
        rank INTEGER,
        harvested_at INTEGER,
        due INTEGER,
        reason TEXT,
        attempts INTEGER NOT NULL,
        first_run INTEGER NOT NULL
    ) WITHOUT ROWID;
INSERT INTO "meetings" VALUES('/listed//==','listed',1795078800000000,'digest of /listed//==','{"source":"dashboard","kind":"meeting","type":"past","end":"2026-11-19T10:00:00+00:00"}','',NULL,NULL,NULL,NULL,0,1);
INSERT INTO "meetings" VALUES('done','done',1795078800000000,'digest of done','{"source":"dashboard","kind":"meeting","type":"past","end":"2026-11-19T10:00:00+00:00"}','qos raw',3,1795140000000000,NULL,NULL,0,1);
INSERT INTO "meetings" VALUES('failed','failed',1795078800000000,'digest of failed','{"source":"dashboard","kind":"meeting","type":"past","end":"2026-11-19T10:00:00+00:00"}','qos raw',NULL,NULL,NULL,'zoom: no',1,1);
INSERT INTO "meetings" VALUES('gone','gone',1795078800000000,'digest of gone','{"source":"dashboard","kind":"meeting","type":"past","end":"2026-11-19T10:00:00+00:00"}','',NULL,NULL,NULL,'deleted',1,1);
INSERT INTO "meetings" VALUES('pending','pending',1795078800000000,'digest of pending','{"source":"dashboard","kind":"meeting","type":"past","end":"2026-11-19T10:00:00+00:00"}','',1,1795140000000000,1795226400000000,'live',0,1);
INSERT INTO "meetings" VALUES('timeless','listed',NULL,'digest of timeless','{"source":"dashboard","kind":"meeting","type":"past","end":"2026-11-19T10:00:00+00:00"}','',NULL,NULL,NULL,NULL,0,1);
CREATE TABLE readings (
        id INTEGER PRIMARY KEY, start INTEGER NOT NULL, stop INTEGER NOT NULL, asked TEXT NOT NULL,
        began INTEGER NOT NULL, finished INTEGER
    );
INSERT INTO "readings" VALUES(1,1795046400000000,1795132800000000,'qos raw',1795140000000000,NULL);
CREATE TABLE runs (
        id INTEGER PRIMARY KEY, began INTEGER NOT NULL, ended INTEGER, what TEXT NOT NULL,
        exit_code INTEGER, summary TEXT
    );
INSERT INTO "runs" VALUES(1,1795140000000000,1795140300000000,'nightly',75,'{"listed":6,"exit_code":75}');
INSERT INTO "runs" VALUES(2,1795226400000000,NULL,'2026-11-19',NULL,NULL);
CREATE TABLE skipped (
        subject TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, reason TEXT NOT NULL,
        tried_at INTEGER NOT NULL, PRIMARY KEY (subject, start, stop)
    );
INSERT INTO "skipped" VALUES('user abc',1795046400000000,1795132800000000,'error',1795140000000000);
CREATE INDEX meetings_open ON meetings (uuid) WHERE outcome IN ('listed', 'pending', 'failed');
COMMIT;
