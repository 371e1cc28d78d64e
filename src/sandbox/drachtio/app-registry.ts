import type { AppConnection } from './app-connection.js';

/** Which application wants which requests. Requests outside dialogs are dealt round-robin among those who asked for the verb. */
export class AppRegistry {
  readonly #byVerb = new Map<string, AppConnection[]>();
  readonly #turn = new Map<string, number>();
  readonly #connections = new Set<AppConnection>();

  get connections(): readonly AppConnection[] {
    return [...this.#connections];
  }

  join(connection: AppConnection): void {
    this.#connections.add(connection);
  }

  leave(connection: AppConnection): void {
    this.#connections.delete(connection);
    this.unroute(connection);
  }

  /** A second `route` for the same verb counts twice, as it does in the real server. */
  route(connection: AppConnection, verb: string): void {
    const key = verb.toLowerCase();
    this.#byVerb.set(key, [...(this.#byVerb.get(key) ?? []), connection]);
  }

  /** drachtio-server 0.9 takes the client off every verb, whichever one it named (client-controller.cpp). */
  unroute(connection: AppConnection): void {
    for (const [verb, connections] of this.#byVerb) {
      this.#byVerb.set(
        verb,
        connections.filter((one) => one !== connection),
      );
    }
  }

  /** The next application in turn for a new request; undefined when none wants it. */
  choose(method: string): AppConnection | undefined {
    const key = method.toLowerCase();
    const candidates = (this.#byVerb.get(key) ?? []).filter((connection) => connection.isOpen);
    const turn = this.#turn.get(key) ?? 0;
    const index = turn < candidates.length ? turn : 0;
    this.#turn.set(key, index + 1);
    return candidates[index];
  }
}
