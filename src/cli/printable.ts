/**
 * What is said on a terminal, without what would command it: visitors and callers write much of what the commands show,
 * and an escape sequence may rename the window, hide lines or write into the clipboard. Shown as in JSON, so that JSON
 * means what it meant.
 */
export const printable = (text: string): string =>
  text.replace(/[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
