import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { generatedDocuments, GENERATED_FOLDERS } from './documents.js';

const documents = await generatedDocuments();
for (const folder of GENERATED_FOLDERS) {
  // What is left of types that are gone.
  for (const name of await readdir(folder).catch(() => []))
    if (!documents.has(`${folder}/${name}`)) await rm(`${folder}/${name}`);
}
for (const [path, text] of documents) {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}
console.log(`${documents.size} documents written`);
