import { z } from 'zod';
import { RECORDING_FORMATS } from '../../config/parts/recordings.js';
import type { DiskStore } from '../storage/disk.js';

/**
 * What is still to be done with recordings of this gateway's disk: one small file for each, beside the recordings. They
 * need no Redis, survive a restart, and are where the sound is: nobody else could do this work.
 */
const FOLDER = '.work/';

const jobSchema = z.object({
  callId: z.string(),
  base: z.string(),
  /** The format to be made; null: none, or it is made. */
  make: z.enum(RECORDING_FORMATS).nullable(),
  keepWav: z.boolean(),
  /** The WAV, which the call was told of, has given way to what was made of it; the call is still to be told. */
  replaced: z.boolean().default(false),
  since: z.number(),
});
export type Job = z.output<typeof jobSchema>;

export class WorkJournal {
  constructor(private readonly disk: DiskStore) {}

  async write(job: Job): Promise<void> {
    await this.disk.save(nameOf(job.callId), Buffer.from(JSON.stringify(job)));
  }

  async remove(callId: string): Promise<void> {
    await this.disk.remove(nameOf(callId));
  }

  /** What a former run left. What cannot be read is passed over. */
  async all(): Promise<Job[]> {
    const jobs: Job[] = [];
    for await (const name of this.disk.files(FOLDER)) {
      const job = name.endsWith('.json') ? readJob(await this.disk.load(name)) : null;
      if (job) jobs.push(job);
    }
    return jobs.sort((a, b) => a.since - b.since);
  }
}

const nameOf = (callId: string): string => `${FOLDER}${callId}.json`;

function readJob(text: Buffer | null): Job | null {
  try {
    return jobSchema.safeParse(JSON.parse(text?.toString('utf8') ?? '')).data ?? null;
  } catch {
    return null;
  }
}
