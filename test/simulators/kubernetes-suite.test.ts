import { SharedClusters } from "../../shared/kubernetes/shared-clusters.ts";
import { SimulatedKubernetes } from "../../shared/simulators/kubernetes/server.ts";
import { selfSignedCertificate } from "../servers/certificate.ts";
import { kubernetesSuite } from "./kubernetes-suite.ts";
import { getWithToken } from "./kubernetes-suite-context.ts";
import type { KubernetesSuiteServer } from "./kubernetes-suite-context.ts";

/** Who is known by a certificate is let in as the administrator. */
const tokens = { admin: "admin-token", nobody: "nobody-token", stranger: "stranger-token" };

async function startSimulator(hasWatchList: boolean): Promise<KubernetesSuiteServer> {
  const certificate = selfSignedCertificate();
  const server = new SimulatedKubernetes({ tls: { ...certificate, clientCa: certificate.cert } });
  server.knowsWatchList = hasWatchList;
  server.tokens.set(tokens.admin, "admin").set(tokens.nobody, "nobody");
  server.unknownKinds.add("serviceExportsV1alpha1").add("serviceExportsV1beta1");
  const granted = new Set<string>();
  server.denies = (user, _verb, kind) => user === "nobody" && !granted.has(kind);
  // A real one has objects of its own.
  server.set("namespaces", { metadata: { name: "default" } });
  const url = await server.listen("127.0.0.1:0");
  const port = Number(new URL(url).port);
  const done = Promise.resolve();
  return {
    port,
    kubeconfig: (user, atPort = port) =>
      server.kubeconfig(
        `https://127.0.0.1:${atPort}`,
        user === "certificate"
          ? {
            "client-certificate-data": Buffer.from(certificate.cert).toString("base64"),
            "client-key-data": Buffer.from(certificate.key).toString("base64"),
          }
          : { token: tokens[user] },
      ),
    set: (kind, object) => (server.set(kind, object), done),
    delete: (kind, metadata) => (server.delete(kind, metadata), done),
    forgetVersions: () => (server.compact(), done),
    installServiceExports: () => (server.unknownKinds.clear(), done),
    grant: (kind) => (granted.add(kind), done),
    get: (path, lines) => getWithToken(`${url}${path}`, certificate.cert, tokens.admin, lines),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

kubernetesSuite("The simulated API server", { start: () => startSimulator(true), hasWatchList: true });
kubernetesSuite("The simulated API server without WatchLists", {
  start: () => startSimulator(false),
  hasWatchList: false,
});

const shared = new SharedClusters();
kubernetesSuite("The simulated API server, shared by parts of a process", {
  start: () => startSimulator(true),
  hasWatchList: true,
  open: (access, options) => shared.open(access, options),
});
