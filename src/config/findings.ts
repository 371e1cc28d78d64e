import type { Finding } from './describe.js';
import type { KeyPath } from './errors.js';

/** Kinds of findings that several sections have. */

export interface Named {
  value: string | undefined;
  path: KeyPath;
}

/** Each value may stand once; the second and later ones are reported, with a pointer to the first. */
export function checkDoubles(values: Named[], what: string): Finding[] {
  const first = new Map<string, KeyPath>();
  return values.flatMap(({ value, path }) => {
    if (value === undefined) return [];
    const earlier = first.get(value);
    if (!earlier) first.set(value, path);
    return earlier ? [{ path, message: `the same ${what} is given already at ${written(earlier)}` }] : [];
  });
}

function written(path: KeyPath): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`))
    .join('')
    .slice(1);
}

export function checkReference(
  name: string | undefined,
  path: KeyPath,
  known: Iterable<string>,
  what: string,
): Finding[] {
  const names = [...known];
  if (name === undefined || names.includes(name)) return [];
  const shown = names.slice(0, 10).join(', ') + (names.length > 10 ? ` and ${names.length - 10} more` : '');
  return [{ path, message: `"${name}" names no ${what}; there ${names.length > 0 ? `are: ${shown}` : 'is none'}` }];
}

export function namesOf(items: { id?: string | undefined }[]): string[] {
  return [...new Set(items.flatMap((item) => item.id ?? []))];
}
