/** How many digits the sequence of a cursor has. */
const sequenceDigits = 16;

/**
 * A cursor orders resources by their place in the entry log: `<streamId>-<sequence>`, both of fixed width, so that
 * cursors sort as text. A recreated stream is younger, so its cursors sort after all those of the old one.
 * Cursors are the `ResourceVersion` annotation, the debug API's `ver` and the istio-mcp dialect's nonce.
 */
export function cursorOf(streamId: string, sequence: number): string {
  return `${streamId}-${sequence.toString().padStart(sequenceDigits, "0")}`;
}

/** The identity of a stream from its time of creation: sorts by time, has no character that needs quoting. */
export function streamIdOf(created: Date): string {
  return created.toISOString().replaceAll(/[-:.]/g, "");
}

/** The stream of a cursor. */
export function streamIdIn(cursor: string): string {
  return cursor.slice(0, -sequenceDigits - 1);
}

/** The sequence of a cursor; NaN if it is none. */
export function sequenceIn(cursor: string): number {
  return cursor === "" ? NaN : Number(cursor.slice(-sequenceDigits));
}
