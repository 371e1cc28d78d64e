/** What began over a link that is lost is ended over the next one, by its id: drachtio-server asks nobody whose it was. Never rejects. */
export interface OverNewLink {
  bye(dialogId: string): Promise<void>;
  refuse(transactionId: string, status: number): void;
  cancel(transactionId: string): void;
}
