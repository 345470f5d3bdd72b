import { mkdir, open, readFile, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** The holder touches its lock this often. */
const touchMs = 5_000;

/** A lock untouched for this long has lost its holder. */
const staleMs = 60_000;

/** A lock file that is gone tells nobody, so it is looked for this often. */
const lookMs = 500;

/**
 * Runs `body` while holding the lock file at `path`, after waiting for another process that holds it; `onWait` is
 * called once if there is one. A holder that died without cleaning up is noticed.
 */
export async function withLock<T>(path: string, onWait: () => void, body: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  let told = false;
  while (!(await create(path))) {
    if (await isStale(path)) {
      await removeStale(path);
      continue;
    }
    if (!told) onWait();
    told = true;
    await sleep(lookMs);
  }
  const touch = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined);
  }, touchMs);
  touch.unref();
  try {
    return await body();
  } finally {
    clearInterval(touch);
    await rm(path, { force: true });
  }
}

async function create(path: string): Promise<boolean> {
  try {
    const file = await open(path, "wx");
    await file.writeFile(`${process.pid} ${hostname()}`);
    await file.close();
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

/** Removes a dead lock under a lock of its own: else a second waiter could remove the one that the first has just made. */
async function removeStale(path: string): Promise<void> {
  const guard = `${path}.removing`;
  if (await create(guard)) {
    try {
      if (await isStale(path)) await rm(path, { force: true });
    } finally {
      await rm(guard, { force: true });
    }
  } else {
    if (await isStale(guard)) await rm(guard, { force: true });
    await sleep(lookMs);
  }
}

async function isStale(path: string): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > staleMs) return true;
    const [pid = "", host = ""] = (await readFile(path, "utf8")).trim().split(" ");
    return host === hostname() && !isAlive(Number(pid));
  } catch {
    // Gone in the meantime: the next attempt to create it decides.
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}
