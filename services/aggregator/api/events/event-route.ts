import type { Context } from "hono";
import type { EventHub } from "./event-hub.ts";

/** Event streams at a time: half of the connections that one address may have, so that a proxy has others left. */
const maxStreams = 128;

/** A console that leaves more than this unread is dropped, in bytes; it comes back with its last event's id. */
const maxUnread = 1_000_000;

/** `GET /events`: what happens, until the reader goes. */
export function eventResponse(c: Context, hub: EventHub): Response {
  if (hub.size >= maxStreams) {
    c.header("Retry-After", "10");
    return c.json({ error: `${maxStreams} consoles are open: close one` }, 503);
  }
  const lastId = c.req.header("last-event-id");
  const encoder = new TextEncoder();
  let end = () => {};
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      end = hub.listen((text) => {
        if ((controller.desiredSize ?? 0) < -maxUnread) {
          controller.error(new Error("its reader takes nothing"));
          return false;
        }
        controller.enqueue(encoder.encode(text));
        return true;
      }, lastId);
    },
    cancel: () => end(),
  }, new ByteLengthQueuingStrategy({ highWaterMark: 0 }));
  return c.body(body, 200, {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    // Proxies that gather responses would hold events back.
    "X-Accel-Buffering": "no",
  });
}
