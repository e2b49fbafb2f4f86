/**
 * Evidence that Postgres itself keeps of every change of a job's state and of every new epoch: triggers of the suite's
 * own, so that no service can leave anything out. Each service is told apart by a setting in its connection URL.
 */
import type { EpochChange, Transition } from '../checkers/evidence.js';

/** The setting that tells who writes. */
const WRITER = 'chaos.instance';

export function databaseUrlFor(url: string, port: number, instance: string): string {
  const own = new URL(url);
  own.port = String(port);
  own.searchParams.set('options', `-c ${WRITER}=${instance}`);
  // node-postgres takes a plus sign literally.
  return own.href.replaceAll('+', '%20');
}

/**
 * The holders are read while the writing transaction still share-locks the epoch it relied on, so a fenced write always
 * sees itself as the holder.
 */
export const CREATE_AUDIT = `
CREATE TABLE chaos_transitions (
  seq bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), job_id uuid NOT NULL,
  from_state text NOT NULL, to_state text NOT NULL, delivery int NOT NULL,
  attempt_before int NOT NULL, attempt_after int NOT NULL, writer text, owner text, feeder text, reclaimer text);
CREATE TABLE chaos_epochs (
  seq bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(),
  election text NOT NULL, epoch bigint NOT NULL, holder text NOT NULL);
CREATE FUNCTION chaos_record_transition() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  INSERT INTO chaos_transitions (job_id, from_state, to_state, delivery, attempt_before, attempt_after, writer, owner,
    feeder, reclaimer)
  VALUES (NEW.id, OLD.state, NEW.state, NEW.delivery, OLD.attempt, NEW.attempt, current_setting('${WRITER}', true),
    (SELECT instance FROM executors WHERE id = OLD.executor_id),
    (SELECT holder FROM leader_epochs WHERE election = 'scheduler/shard-0'),
    (SELECT holder FROM leader_epochs WHERE election = 'executor/reclaimer'));
  RETURN NULL;
END $body$;
CREATE TRIGGER chaos_transitions AFTER UPDATE ON jobs FOR EACH ROW
  WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION chaos_record_transition();
CREATE FUNCTION chaos_record_epoch() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  INSERT INTO chaos_epochs (election, epoch, holder) VALUES (NEW.election, NEW.epoch, NEW.holder);
  RETURN NULL;
END $body$;
CREATE TRIGGER chaos_epochs AFTER INSERT OR UPDATE ON leader_epochs FOR EACH ROW EXECUTE FUNCTION chaos_record_epoch();
`;

type Query = <Row extends object>(sql: string) => Promise<Row[]>;

export function readTransitions(query: Query): Promise<Transition[]> {
  return query<Transition>(
    `SELECT extract(epoch FROM at)::float8 * 1000 AS "atMs", job_id AS "jobId", from_state AS "from",
       to_state AS "to", delivery, attempt_before AS "attemptBefore", attempt_after AS "attemptAfter", writer, owner,
       feeder, reclaimer
     FROM chaos_transitions ORDER BY seq`,
  );
}

export function readEpochs(query: Query): Promise<EpochChange[]> {
  return query<EpochChange>(
    `SELECT extract(epoch FROM at)::float8 * 1000 AS "atMs", election, epoch::float8 AS epoch, holder
     FROM chaos_epochs ORDER BY seq`,
  );
}
