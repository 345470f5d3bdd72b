import { outliveAbandonedSockets } from "./abandoned-sockets.ts";
import { errorText, isMeshError } from "./errors.ts";
import { maskUrls } from "./mask.ts";
import { createLogger } from "./log.ts";
import type { Logger } from "./log.ts";

/** What a service gets to work with. */
export interface ServiceContext {
  readonly log: Logger;
  /** Aborts when the process is asked to stop. Everything that waits takes it. */
  readonly signal: AbortSignal;
  /** Closes `resource` when the service stops, in the reverse order of these calls. Answers the resource. */
  use<T extends AsyncDisposable | Disposable>(resource: T): T;
}

/** How long a stopping service may take: Kubernetes' default grace period is 30 s, our promise 10 s. */
const drainTimeoutMs = 10_000;

/**
 * The one lifecycle of every service: runs `body`, which starts things and returns when they run; then waits for
 * SIGTERM or SIGINT, or until `body`'s own work fails; then closes everything in reverse order and answers the exit
 * code: 0 after a requested stop, 2 for a user's mistake (configuration, port in use), 1 for anything else.
 *
 * `body` may return a promise of its lasting work; the service stops when that settles. Without one it runs on.
 */
export async function runService(
  name: string,
  body: (context: ServiceContext) => Promise<{ readonly finished?: Promise<void> } | void>,
): Promise<number> {
  const log = createLogger(name);
  const stop = new AbortController();
  const stack = new AsyncDisposableStack();
  const onSignal = (signal: string) => {
    log.info({ signal }, "stopping");
    stop.abort();
  };
  const stopOutliving = outliveAbandonedSockets(log);
  process.once("SIGTERM", onSignal);
  process.once("SIGINT", onSignal);
  const context: ServiceContext = { log, signal: stop.signal, use: (resource) => stack.use(resource) };
  let exitCode = 0;
  try {
    const running = await body(context);
    const stopped = new Promise<void>((resolve) => {
      if (stop.signal.aborted) resolve();
      else stop.signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await Promise.race([stopped, running?.finished ?? stopped]);
  } catch (error) {
    if (!stop.signal.aborted) exitCode = reportFailure(log, error);
  }
  stop.abort();
  process.removeListener("SIGTERM", onSignal);
  process.removeListener("SIGINT", onSignal);
  const code = await drain(log, stack, exitCode);
  stopOutliving();
  return code;
}

function reportFailure(log: Logger, error: unknown): number {
  if (isMeshError(error, "configuration") || isMeshError(error, "address-in-use")) {
    process.stderr.write(`${maskUrls(errorText(error))}\n`);
    return 2;
  }
  log.fatal({ err: error }, `failed: ${errorText(error)}`);
  return 1;
}

async function drain(log: Logger, stack: AsyncDisposableStack, exitCode: number): Promise<number> {
  const deadline = setTimeout(() => {
    log.error({ drainTimeoutMs }, "stopping took too long, leaving");
    process.exit(exitCode === 0 ? 1 : exitCode);
  }, drainTimeoutMs);
  deadline.unref();
  try {
    await stack.disposeAsync();
  } catch (error) {
    log.error({ err: error }, `closing failed: ${errorText(error)}`);
    return exitCode === 0 ? 1 : exitCode;
  } finally {
    clearTimeout(deadline);
  }
  return exitCode;
}
