import { nkeys } from "@nats-io/transport-node";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { describe, expect, onTestFinished, test } from "vitest";
import { selfSignedCertificate } from "../../../test/servers/certificate.ts";
import { requireReal } from "../../../test/servers/find.ts";
import { eventually } from "../conformance/test-follower.ts";
import { JwtIssuer } from "./jwt-rig.ts";
import { never, put, startRig } from "./nats-rig.ts";

/** A folder for the files that a test rotates. */
function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "meshregistry-credentials-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A logger, and what it was told at info and above. */
function recorder() {
  const messages: string[] = [];
  const write = (line: string) => {
    const { msg }: { msg: string } = JSON.parse(line);
    messages.push(msg);
  };
  return { log: pino({ level: "info" }, { write }), messages };
}

describe.skipIf(requireReal("nats-server").skip)("credentials that change while it runs", () => {
  test("a credentials file that expired is said, and its successor is read without a restart", async () => {
    const issuer = new JwtIssuer();
    const rig = await startRig({ config: issuer.config });
    const credsFile = join(folder(), "user.creds");
    writeFileSync(credsFile, issuer.credentials(4000));
    const { log, messages } = recorder();
    const entryLog = await rig.open({ credsFile, log });
    expect(await entryLog.publish([put("a", "1")], never)).toMatchObject([{ status: "stored" }]);
    await eventually(
      "expired",
      () => entryLog.status().detail.includes(`refuses credentials file ${credsFile}`),
    );
    expect(entryLog.status().connected).toBe(false);
    const publishing = entryLog.publish([put("a", "2")], never);
    const said = () => messages.filter((message) => message.includes("can't be used"));
    await eventually("said", () => said().length === 1);
    expect(said()[0]).toContain(credsFile);
    writeFileSync(credsFile, "not credentials");
    await eventually("says what is wrong", () => entryLog.status().detail.includes("no valid credentials"));
    rmSync(credsFile);
    await eventually("says that it is missing", () => entryLog.status().detail.includes("can't be read"));
    writeFileSync(credsFile, issuer.credentials(3_600_000));
    expect(await publishing).toMatchObject([{ status: "stored" }]);
    await eventually("connected", () => entryLog.status().connected);
    await eventually("said", () => messages.some((message) => message.includes("can be used again")));
    expect(said()).toHaveLength(1);
  });

  test("a client's certificate is read again at each attempt", async () => {
    const files = folder();
    const [server, client, stranger] = [1, 2, 3].map(() => selfSignedCertificate());
    const write = (name: string, text = "") => {
      const path = join(files, name);
      writeFileSync(path, text);
      return path;
    };
    const caFile = write("server.crt", server?.cert);
    const rig = await startRig({
      config: `tls { cert_file: "${caFile}", key_file: "${write("server.key", server?.key)}"
        ca_file: "${write("clients.crt", client?.cert)}", verify: true }`,
    });
    const certFile = write("client.crt", stranger?.cert);
    const keyFile = write("client.key", stranger?.key);
    const entryLog = rig.openLater({ tls: { caFile, certFile, keyFile } });
    const publishing = entryLog.publish([put("a", "1")], never);
    await eventually("refused", () => /can't connect|lost the connection/.test(entryLog.status().detail));
    expect(entryLog.status().connected).toBe(false);
    write("client.crt", client?.cert);
    write("client.key", client?.key);
    expect(await publishing).toMatchObject([{ status: "stored" }]);
  });

  test("a password that is changed on the server is said to be refused, with the user and without the password", async () => {
    const users = (password: string) => `authorization { users: [ { user: mesh, password: ${password} } ] }`;
    const rig = await startRig({ config: users("hunter22") });
    const { log, messages } = recorder();
    const entryLog = rig.openLater({ user: "mesh", password: "hunter23", log });
    await eventually(
      "said",
      () => messages.some((message) => message.includes("refuses user mesh or its password")),
    );
    await eventually("status", () => entryLog.status().detail.includes("Authorization Violation"));
    expect([...messages, entryLog.status().detail].join()).not.toContain("hunter23");
  });

  test("an nkey seed that is missing or wrong is named, and the right one is read without a restart", async () => {
    const right = nkeys.createUser();
    const config = `authorization { users: [ { nkey: ${right.getPublicKey()} } ] }`;
    const rig = await startRig({ config });
    const nkeySeedFile = join(folder(), "seed");
    const entryLog = rig.openLater({ nkeySeedFile });
    const said = (text: string) =>
      eventually(text, () => entryLog.status().detail.includes(`nkey seed file ${nkeySeedFile}${text}`));
    await said(" can't be read: ENOENT");
    writeFileSync(nkeySeedFile, nkeys.createUser().getSeed());
    await said(", which is read again at each attempt (Authorization Violation)");
    writeFileSync(nkeySeedFile, right.getSeed());
    await eventually("connected", () => entryLog.status().connected);
  });

  test("a server without JetStream is named as such, with the remedy", async () => {
    const rig = await startRig({ jetStream: false });
    const { log, messages } = recorder();
    const entryLog = rig.openLater({ log });
    await eventually("status", () => entryLog.status().detail.includes("offers no JetStream"));
    expect(entryLog.status()).toMatchObject({
      connected: false,
      detail: expect.stringMatching(
        /this server offers no JetStream.*; add a jetstream block to its config/,
      ) as unknown,
    });
    await eventually("said", () => messages.some((message) => /can't be used: .*no JetStream/.test(message)));
  });

  test("an outage is said once at its beginning and once at its end, with how long it was", async () => {
    const rig = await startRig();
    const proxy = await rig.proxy();
    const { log, messages } = recorder();
    const entryLog = await rig.open({ servers: [proxy.url], log });
    const before = messages.length;
    proxy.closed = true;
    proxy.cut();
    await eventually("five seconds of outage", () => /\(for 5 s\)/.test(entryLog.status().detail));
    proxy.closed = false;
    await eventually("back", () => entryLog.status().connected);
    await eventually("said", () => messages.length >= before + 2);
    expect(messages.slice(before)).toEqual([
      expect.stringMatching(/^NATS connection "test" can't be used: .*(lost the connection|can't connect)/),
      expect.stringMatching(/^NATS connection "test" can be used again: connected to/),
    ]);
  });
});
