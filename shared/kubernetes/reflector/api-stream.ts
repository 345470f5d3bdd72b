import { finished } from "node:stream";
import type { Readable } from "node:stream";
import { errorText, MeshError } from "../../runtime/errors.ts";
import type { ApiResponse } from "../http/transport.ts";
import { KubernetesError } from "../kubernetes-error.ts";
import type { RequestKind, ResourceSelection } from "../kubernetes.ts";
import { decodeStatusText } from "../wire/decode.ts";
import { failureOf } from "../wire/failure.ts";
import { SilenceTimer } from "./silence-timer.ts";

/** How much of the text of an error is read. */
const errorBodyLength = 65_536;

/** Ends a stream in which nothing came for too long. */
export class Silence extends Error {}

/** One request and how its body is taken. */
export interface StreamOptions {
  readonly cluster: string;
  readonly kind: RequestKind;
  readonly selection: ResourceSelection;
  readonly silenceMs: number;
  /** Ends it. */
  readonly signal: AbortSignal;
  get(signal: AbortSignal): Promise<ApiResponse>;
  /** The server took the request. */
  onOpen(): void;
  onChunk(chunk: Buffer): void;
}

/**
 * Sends a request and hands over its body, until it ends in order.
 * @throws KubernetesError if it is refused or breaks, Silence, or whatever `get` and `onChunk` throw.
 */
export async function readStream(options: StreamOptions): Promise<void> {
  const { silenceMs, cluster } = options;
  const over = new AbortController();
  const response = await options.get(AbortSignal.any([over.signal, options.signal]));
  const { body } = response;
  let isSilent = false;
  using silence = new SilenceTimer(silenceMs, () => {
    isSilent = true;
    over.abort();
    body.destroy();
  });
  try {
    if (response.status !== 200) throw await refusal(response, options);
    options.onOpen();
    await handOver(body, (chunk) => {
      silence.heard();
      options.onChunk(chunk);
    });
    if (isSilent) throw new Silence();
  } catch (error) {
    if (isSilent && !(error instanceof MeshError)) throw new Silence("", { cause: error });
    if (error instanceof MeshError) throw error;
    const text = `the connection to the API server of cluster ${cluster} broke: ${errorText(error)}`;
    throw new KubernetesError("unreachable", text, { cause: error });
  } finally {
    // The rest of the body is not needed. A later error of it must not become an uncaught one.
    body.on("error", () => {});
    body.destroy();
  }
}

/**
 * Hands over all chunks of a body, until it ends. By events, because an iterator takes a third more of the processor for
 * the many small chunks of a watch. @throws what `onChunk` throws, and Error if the body breaks off
 */
async function handOver(body: Readable, onChunk: (chunk: Buffer) => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  body.on("data", (chunk: unknown) => {
    try {
      onChunk(Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk)));
    } catch (error) {
      // The rest isn't wanted: another chunk may be on its way.
      body.removeAllListeners("data");
      body.pause();
      reject(error);
    }
  });
  finished(body, { writable: false }, (error) => {
    if (error) reject(error);
    else resolve();
  });
  await promise;
}

async function refusal(
  { status, headers, body }: ApiResponse,
  { cluster, kind, selection }: StreamOptions,
): Promise<KubernetesError> {
  const verb = kind === "list" ? "list" : "watch";
  return failureOf(status, decodeStatusText(await textOf(body)), headers, { cluster, verb, selection });
}

/** The beginning of a text, or what came of it before it broke off. */
async function textOf(body: Readable): Promise<string> {
  let text = "";
  try {
    for await (const chunk of body) {
      text += String(chunk);
      if (text.length > errorBodyLength) break;
    }
  } catch {
    // The status says enough.
  }
  return text;
}
