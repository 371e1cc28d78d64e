/**
 * Erlang's loss formula: the share of calls that find all channels taken, when calls come at random and who is refused
 * goes away. By the recursion B(0) = 1, B(n) = A·B(n-1) / (n + A·B(n-1)), which does not overflow.
 *
 * @param offered traffic in Erlang: calls per hour × mean holding time in hours, the refused ones included
 */
export function blocking(offered: number, channels: number): number {
  if (offered <= 0) return 0;
  let share = 1;
  for (let n = 1; n <= channels; n++) share = (offered * share) / (n + offered * share);
  return share;
}

/** Nobody rents more; a traffic that needs more was measured wrongly. */
const MOST_CHANNELS = 100_000;

/** The fewest channels that keep the share of refused calls at or under `target`. */
export function channelsFor(offered: number, target: number): number {
  let share = 1;
  for (let n = 0; n < MOST_CHANNELS; n++) {
    if (share <= target || offered <= 0) return n;
    share = (offered * share) / (n + 1 + offered * share);
  }
  return MOST_CHANNELS;
}
