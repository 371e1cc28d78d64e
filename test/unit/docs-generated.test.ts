import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { generatedDocuments, GENERATED_FOLDERS } from '../../scripts/docs/documents.js';

describe('documents that follow from the code', async () => {
  const documents = await generatedDocuments();

  it.each([...documents.keys()])('%s is as the code says (npm run docs:generate)', async (path) => {
    expect(await readFile(path, 'utf8')).toBe(documents.get(path));
  });

  it('none is left of what is gone', async () => {
    for (const folder of GENERATED_FOLDERS)
      for (const name of await readdir(folder)) expect([...documents.keys()]).toContain(`${folder}/${name}`);
  });
});
