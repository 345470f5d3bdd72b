import { describe, expect, test } from "vitest";
import { formatIssue } from "../config-issue.ts";
import { inspectConfig } from "../load-config.ts";

function errorsOf(k8sSource: object) {
  const { errors } = inspectConfig(JSON.stringify({ k8sSource }), { env: {}, fileName: "f" });
  return errors.map(formatIssue);
}

describe("the Kubernetes source", () => {
  test.each([
    [{
      clusters: [{ id: "east", kubeConfig: "/etc/east" }, {
        id: "west",
        kubeConfig: "/etc/west",
        context: "w",
      }],
    }],
    [{ clusters: [{ inCluster: true }] }],
    [{
      clusterSecretsNamespace: "mesh",
      namespaces: ["shop"],
      serviceSelectors: [{ matchLabels: { a: "b" } }],
    }],
    [{ enabled: true, enableConfigFile: true, configPath: "/etc/entries" }],
    [{ enabled: false, clusters: [{}] }],
  ])("takes %j", (source) => {
    expect(errorsOf(source)).toEqual([]);
  });

  test.each([
    [{ enabled: true }, /clusters: expected a cluster .* found none/],
    [
      { clusters: [{ id: "a", kubeConfig: "/a" }, { id: "a", kubeConfig: "/b" }] },
      /cluster a is in this list already/,
    ],
    [
      { clusters: [{ inCluster: true }, { id: "Kubernetes", kubeConfig: "/b" }] },
      /cluster Kubernetes is in this list/,
    ],
    [{ clusters: [{ kubeConfig: "/a" }] }, /clusters\[0\]\.id: expected a name/],
    [{ clusters: [{ id: "a b", kubeConfig: "/a" }] }, /expected a name of letters/],
    [{ clusters: [{ id: "a" }] }, /either kubeConfig or inCluster, found none/],
    [{ clusters: [{ id: "a", kubeConfig: "/a", inCluster: true }] }, /found both/],
    [{ clusters: [{ id: "a", inCluster: true, context: "c" }] }, /context: is ignored without kubeConfig/],
    [{ clusters: [{ id: "a", inCluster: true, domain: "a..b" }] }, /domain: expected a domain/],
    [
      { clusters: [{ id: "a", inCluster: true, waitTime: "-1s" }] },
      /waitTime: expected a duration of 0 or more/,
    ],
    [{ clusters: [{ id: "a", inCluster: true }], namespaces: ["a/b"] }, /namespaces\[0\]: expected the name/],
    [{ clusterSecretsNamespace: "-" }, /clusterSecretsNamespace: expected the name of a namespace/],
    [
      {
        clusterSecretsNamespace: "m",
        serviceSelectors: [{ matchExpressions: [{ key: "a", operator: "Is" }] }],
      },
      /serviceSelectors\[0\]: expected a label selector/,
    ],
    [{ clusterSecretsNamespace: "m", clusterLocalHosts: true }, /no effect without multiClusterServices/],
  ])("refuses %j", (source, message) => {
    expect(errorsOf(source)).toEqual([expect.stringMatching(message)]);
  });
});
