/**
 * How callers are found by name: by the beginnings of its words. Of each word the first three, five and seven letters are
 * indexed, each as four of 256 slots: two beginnings that share one slot hardly share all four.
 */

const SLOTS = 256;
const MAX_WORDS = 4;
const MAX_LETTERS = 32;
const SHORTEST = 3;
/** Letters, the fewest first: a shorter word is indexed as it is. */
const LENGTHS = [SHORTEST, 5, 7];

/** As they are compared: "Алёна O‘ktamova" has алена and oktamova. Numbers in place of a name are none. */
export function nameWords(name: string): string[] {
  const plain = name
    .slice(0, 256)
    .toLowerCase()
    .replace(/['`´‘’ʻʼ]/gu, '')
    .normalize('NFKD')
    .replace(/\p{M}/gu, '');
  const words = plain.match(/[\p{L}\p{N}]+/gu) ?? [];
  const spoken = words
    .filter((word) => /\p{L}/u.test(word))
    .map((word) => Array.from(word).slice(0, MAX_LETTERS).join(''));
  return [...new Set(spoken)].slice(0, MAX_WORDS);
}

/** Of a caller's name, and of what is looked for: all of these must be set. */
export const nameSlots = (name: string): string[] => nameWords(name).flatMap(beginnings).flatMap(slotsOf);

/** Each word of `asked` begins a word of the name; one of less than three letters is the whole of it. */
export function hasName(name: string | null, asked: string): boolean {
  const words = nameWords(name ?? '');
  return nameWords(asked).every((one) =>
    words.some((word) => (Array.from(one).length < SHORTEST ? word === one : word.startsWith(one))),
  );
}

function beginnings(word: string): string[] {
  const letters = Array.from(word);
  const reached = LENGTHS.filter((length) => length <= letters.length);
  return (reached.length > 0 ? reached : [letters.length]).map((length) => letters.slice(0, length).join(''));
}

/** FNV-1a with the last step of MurmurHash3, so that each byte of it depends on every letter. */
function slotsOf(text: string): string[] {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  hash ^= hash >>> 16;
  return [0, 8, 16, 24].map((shift) => `w${(hash >>> shift) % SLOTS}`);
}
