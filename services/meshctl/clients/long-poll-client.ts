import { create, fromBinary } from "@bufbuild/protobuf";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { DiscoveryResponseSchema } from "../../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { errorText } from "../../../shared/runtime/errors.ts";
import { keepConnecting, tellOfWaiting } from "./connecting.ts";
import type { FollowOptions } from "./dialect-client.ts";
import { completeUpdate } from "./type-update.ts";

/** The istio-mcp library's clients give up a poll after so long, and ask again. In milliseconds. */
const pollTimeoutMs = 65_000;

/** The least time between two polls of a type that brought nothing: a server may answer at once. In milliseconds. */
const leastPauseMs = 200;

/**
 * The HTTP long polling of the istio-mcp library: `GET /configs` for each type, with the version that is held, is
 * answered with everything when that has changed, and with nothing when the server's interval is over.
 */
export async function followConfigs(options: FollowOptions, signal: AbortSignal): Promise<void> {
  const versions = new Map<string, string>();
  await keepConnecting(options, (onAnswer) => pollAll(options, versions, onAnswer, signal), signal);
}

/** Polls all types until one of them fails; says what failed. */
async function pollAll(
  options: FollowOptions,
  versions: Map<string, string>,
  onAnswer: () => void,
  signal: AbortSignal,
): Promise<string> {
  const unanswered = new Set(options.typeUrls.filter((typeUrl) => !versions.has(typeUrl)));
  const stop = new AbortController();
  const stopped = AbortSignal.any([signal, stop.signal]);
  using _patience = tellOfWaiting(options, unanswered, () => true);
  const polls = options.typeUrls.map(async (typeUrl) => {
    while (!stopped.aborted) {
      const held = versions.get(typeUrl) ?? "";
      const answer = await ask(options.address, typeUrl, held, stopped);
      if (stopped.aborted) break;
      if (typeof answer === "string") return answer;
      const verdict = judge(held, answer);
      if (typeof verdict === "object") return verdict.failure;
      onAnswer();
      if (verdict === "nothing") {
        await delay(leastPauseMs, undefined, { signal: stopped }).catch(() => undefined);
        continue;
      }
      const response = decode(answer.body);
      if (typeof response === "string") return response;
      versions.set(typeUrl, answer.version ?? "");
      unanswered.delete(typeUrl);
      // An answer without resources need not say what they would be.
      options.onUpdate(completeUpdate({ ...response, typeUrl }));
    }
    return "stopped";
  });
  try {
    return await Promise.race(polls);
  } finally {
    stop.abort();
    await Promise.all(polls);
  }
}

/** A server's answer to a poll. */
export interface PollAnswer {
  readonly status: number;
  /** The header `version`; undefined if there is none. */
  readonly version: string | undefined;
  readonly body: Uint8Array;
}

/** What an answer means to a client that holds a version (empty: nothing yet). */
export function judge(
  held: string,
  { status, version, body }: PollAnswer,
): "everything" | "nothing" | { readonly failure: string } {
  if (status === 404) return { failure: "there is no /configs there (404): it does no long polling" };
  if (status !== 200) return { failure: `it answers with ${status}: ${firstLine(body)}` };
  if (version === undefined) return { failure: "its answer has no header `version`" };
  if (version === held) return "nothing";
  // Of nothing but a lost state: clients of istio-mcp delete everything then.
  if (version === "") {
    return { failure: `it no longer knows any version (clients hold ${held}, and delete everything)` };
  }
  return "everything";
}

/** Asks once; answers the failure as text. */
async function ask(
  address: string,
  typeUrl: string,
  version: string,
  signal: AbortSignal,
): Promise<PollAnswer | string> {
  const query = new URLSearchParams({ typeUrl, version, clientId: `meshctl.${hostname()}` });
  try {
    const response = await fetch(`http://${address}/configs?${query.toString()}`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(pollTimeoutMs)]),
    });
    return {
      status: response.status,
      version: response.headers.get("version") ?? undefined,
      body: new Uint8Array(await response.arrayBuffer()),
    };
  } catch (error) {
    return error instanceof Error && error.name === "TimeoutError"
      ? `no answer within ${pollTimeoutMs / 1000} s, after which clients of istio-mcp give up`
      : errorText(error).replace(/^fetch failed: /, "");
  }
}

function decode(body: Uint8Array) {
  try {
    return body.length === 0 ? create(DiscoveryResponseSchema) : fromBinary(DiscoveryResponseSchema, body);
  } catch (error) {
    return `its answer can't be decoded: ${errorText(error)}`;
  }
}

function firstLine(body: Uint8Array): string {
  return new TextDecoder().decode(body).split("\n")[0]?.slice(0, 200) || "nothing";
}
