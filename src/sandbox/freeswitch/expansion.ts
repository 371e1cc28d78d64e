export interface ExpansionSources {
  /** Undefined for one that is not set: nothing stands in its place. */
  variable: (name: string) => string | undefined;
  /** The answer of an API command; undefined for one that there is not. */
  command: (name: string, args: string) => Promise<string> | undefined;
}

/** `${name}` and `${command(args)}` replaced one after the other from the left, what is within them first. */
export async function expand(text: string, sources: ExpansionSources): Promise<string> {
  const from = text.indexOf('${');
  const end = from < 0 ? -1 : closingBrace(text, from + 2);
  if (end < 0) return text;
  const value = await valueOf(text.slice(from + 2, end), sources);
  return text.slice(0, from) + value + (await expand(text.slice(end + 1), sources));
}

async function valueOf(inner: string, sources: ExpansionSources): Promise<string> {
  const [, name, args] = /^([^\s(]+)\((.*)\)$/s.exec(inner) ?? [];
  if (name === undefined || args === undefined) return sources.variable(inner) ?? '';
  return (await sources.command(name, await expand(args, sources))) ?? '';
}

function closingBrace(text: string, from: number): number {
  let open = 1;
  for (let at = from; at < text.length; at++) {
    if (text[at] === '{') open += 1;
    if (text[at] === '}') open -= 1;
    if (open === 0) return at;
  }
  return -1;
}
