/**
 * Names and contents of the nodes that Triumvir keeps in ZooKeeper. Contents are JSON, so that a person with zkCli can
 * read who is who; they are parsed when read, because anybody can write there.
 */
import { z } from 'zod';

/** Who this process is, for people who look at the cluster. */
export interface Identity {
  /** Unique among the instances, and its name in logs. */
  readonly id: string;
  readonly host: string;
  readonly pid: number;
}

const identity = {
  id: z.string().min(1),
  host: z.string(),
  pid: z.number().int(),
  /** When it became what it is, ISO 8601. */
  since: z.iso.datetime(),
};

const candidateContent = z.object(identity);
const memberContent = z.object({
  ...identity,
  /** Differs between two runs of an instance with the same id. */
  run: z.string(),
  /** What it says about itself: of schedulers and executors, whether they reach Redis. */
  info: z.record(z.string(), z.unknown()),
});

export type CandidateContent = z.infer<typeof candidateContent>;
export type MemberContent = z.infer<typeof memberContent>;

export const MEMBER_KINDS = ['store', 'scheduler', 'executor'] as const;
export type MemberKind = (typeof MEMBER_KINDS)[number];

export const electionPath = (root: string, election: string) => `${root}/${election}`;
export const membersPath = (root: string, kind: MemberKind) => `${root}/members/${kind}`;
export const memberPath = (root: string, kind: MemberKind, id: string) => `${membersPath(root, kind)}/${id}`;

/** The name of a candidate node without the ten digits; `guid` finds it again when the answer to its creation is lost. */
export const candidatePrefix = (guid: string) => `candidate-${guid}-`;

const CANDIDATE = /^candidate-.+-(\d{10})$/;

/**
 * The candidates among the children of an election, first in line first. Their order is that of the ten digits that
 * ZooKeeper appended: the GUID before them would sort them by chance.
 */
export function inLine(children: readonly string[]): string[] {
  return children
    .filter((name) => CANDIDATE.test(name))
    .sort((a, b) => Number(a.slice(-10)) - Number(b.slice(-10)));
}

/** The content of a candidate node; undefined when it is not what Triumvir writes. */
export const parseCandidate = (content: Buffer) => parse(candidateContent, content);
/** The content of a member node; undefined when it is not what Triumvir writes. */
export const parseMember = (content: Buffer) => parse(memberContent, content);

function parse<Schema extends z.ZodType>(schema: Schema, content: Buffer): z.infer<Schema> | undefined {
  try {
    return schema.safeParse(JSON.parse(content.toString('utf8'))).data;
  } catch {
    return undefined; // not JSON
  }
}
