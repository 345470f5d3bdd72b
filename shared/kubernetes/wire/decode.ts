import { z } from "zod";
import { errorText } from "../../runtime/errors.ts";
import { KubernetesError } from "../kubernetes-error.ts";
import type { ObjectKey, ReceivedObject } from "../kubernetes.ts";

/** One line of a watch. */
export type WatchEvent =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: ReceivedObject }
  /** `endsInitialEvents`: with this one a WatchList has told everything that there was. */
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string; readonly endsInitialEvents: boolean }
  | { readonly type: "ERROR"; readonly status: Status };

/** How the API says that something failed. */
export interface Status {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  /** `details.retryAfterSeconds` */
  readonly retryAfterSeconds: number | undefined;
}

/** What a page of a list says besides its items. */
export interface ListHead {
  readonly resourceVersion: string;
  /** Undefined on the last page. */
  readonly continueToken: string | undefined;
}

/** Set on the bookmark that ends the initial events of a WatchList. */
const initialEventsEnd = "k8s.io/initial-events-end";

const statusSchema = z.object({
  code: z.number().catch(0),
  reason: z.string().catch(""),
  message: z.string().catch(""),
  details: z.object({ retryAfterSeconds: z.number().optional().catch(undefined) }).optional().catch(
    undefined,
  ),
});

const listSchema = z.object({
  metadata: z.object({ resourceVersion: z.string().min(1), continue: z.string().nullish() }),
});

const bookmarkSchema = z.object({
  metadata: z.object({
    resourceVersion: z.string().min(1),
    annotations: z.record(z.string(), z.string()).nullish(),
  }),
});

/** @throws KubernetesError `protocol` */
export function decodeWatchLine(line: string): WatchEvent {
  const event = record(parseJson(line, "a line of a watch"), "a line of a watch");
  const { type, object } = event;
  switch (type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
      return { type, object: receivedObject(object) };
    case "BOOKMARK": {
      const bookmark = bookmarkSchema.safeParse(object);
      if (!bookmark.success) throw violation("a bookmark without a resourceVersion");
      const { resourceVersion, annotations } = bookmark.data.metadata;
      return { type, resourceVersion, endsInitialEvents: annotations?.[initialEventsEnd] === "true" };
    }
    case "ERROR":
      return { type, status: decodeStatus(object) ?? emptyStatus };
    default:
      throw violation(
        `a watch event of an unknown type (${typeof type === "string" ? type.slice(0, 40) : typeof type})`,
      );
  }
}

/** One item of a list. @throws KubernetesError `protocol` */
export function decodeItem(json: string): ReceivedObject {
  return receivedObject(parseJson(json, "an item of a list"));
}

/** A page without its items. @throws KubernetesError `protocol` */
export function decodeListHead(json: string): ListHead {
  const result = listSchema.safeParse(parseJson(json, "a list"));
  if (!result.success) throw violation("a list without metadata.resourceVersion");
  const { resourceVersion, continue: token } = result.data.metadata;
  return { resourceVersion, continueToken: token == null || token === "" ? undefined : token };
}

/** A Status; undefined for what is none. */
export function decodeStatus(value: unknown): Status | undefined {
  const result = statusSchema.safeParse(value);
  if (!result.success) return undefined;
  const { code, reason, message, details } = result.data;
  return { code, reason, message, retryAfterSeconds: details?.retryAfterSeconds };
}

/** A Status from the text of a response, which may be anything. */
export function decodeStatusText(text: string): Status {
  try {
    return decodeStatus(JSON.parse(text)) ?? emptyStatus;
  } catch {
    return { ...emptyStatus, message: text.trim().slice(0, 200) };
  }
}

const emptyStatus: Status = { code: 0, reason: "", message: "", retryAfterSeconds: undefined };

/** See {@link ObjectKey}. */
export function keyOf(object: ReceivedObject): ObjectKey {
  return `${object.namespace}/${object.name}`;
}

function receivedObject(value: unknown): ReceivedObject {
  const json = record(value, "an object");
  const metadata = record(json["metadata"], "an object's metadata");
  const { name, namespace = "", uid = "", resourceVersion } = metadata;
  if (typeof name !== "string" || name === "") throw violation("an object without metadata.name");
  if (typeof namespace !== "string" || typeof uid !== "string") {
    throw violation(`an object (${name.slice(0, 253)}) whose metadata.namespace or uid is no text`);
  }
  if (typeof resourceVersion !== "string" || resourceVersion === "") {
    throw violation(`an object (${name.slice(0, 253)}) without metadata.resourceVersion`);
  }
  return { name, namespace, uid, resourceVersion, json };
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (isRecord(value)) return value;
  throw violation(`${what} that is no object`);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw violation(`${what} that is no JSON (${errorText(error).slice(0, 120)})`, error);
  }
}

function violation(what: string, cause?: unknown): KubernetesError {
  return new KubernetesError("protocol", `the API server sent ${what}`, { cause });
}
