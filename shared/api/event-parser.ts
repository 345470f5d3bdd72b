/** A server-sent event. */
export interface ServerEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: string;
}

/** Cuts a stream of text into events; comments are passed over. */
export class EventParser {
  #rest = "";

  /** Takes in the next piece, and returns the events that it completes. */
  push(piece: string): ServerEvent[] {
    const parts = (this.#rest + piece).split("\n\n");
    this.#rest = parts.pop() ?? "";
    return parts.flatMap((part) => {
      const fields = new Map(
        part.split("\n").map((line) => {
          const colon = line.indexOf(":");
          return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, "")] as const;
        }),
      );
      const [event, data] = [fields.get("event"), fields.get("data")];
      return event === undefined || data === undefined ? [] : [{ event, id: fields.get("id"), data }];
    });
  }
}
