import { readFileSync } from 'node:fs';

const BEGIN = '-----BEGIN ';

/** PEM as it stands or from the file that is named; null where neither is to be had. */
export function readPem(text: string): string | null {
  if (text.includes(BEGIN)) return text;
  try {
    const content = readFileSync(text, 'utf8');
    return content.includes(BEGIN) ? content : null;
  } catch {
    return null;
  }
}
