import type { WorkloadEntry } from "../model/manifest.ts";
import { compareCodePoints } from "./code-point-order.ts";

const noEntries = {};

function comparePorts(a: WorkloadEntry["ports"] = noEntries, b: WorkloadEntry["ports"] = noEntries): number {
  if (a === b) return 0;
  const portsA = Object.entries(a).sort(compareNumberedPort);
  const portsB = Object.entries(b).sort(compareNumberedPort);
  for (const [index, portA] of portsA.entries()) {
    const portB = portsB[index];
    if (portB === undefined) return 1;
    const difference = compareNumberedPort(portA, portB);
    if (difference !== 0) return difference;
  }
  return portsA.length - portsB.length;
}

function compareNumberedPort(a: readonly [string, number], b: readonly [string, number]): number {
  return a[1] - b[1] || compareCodePoints(a[0], b[0]);
}

function compareLabels(
  a: WorkloadEntry["labels"] = noEntries,
  b: WorkloadEntry["labels"] = noEntries,
): number {
  if (a === b) return 0;
  const labelsA = Object.entries(a);
  const labelsB = Object.entries(b);
  if (labelsA.length !== labelsB.length) return labelsB.length - labelsA.length;
  labelsA.sort((x, y) => compareCodePoints(x[0], y[0]));
  labelsB.sort((x, y) => compareCodePoints(x[0], y[0]));
  for (const [index, [keyA, valueA]] of labelsA.entries()) {
    const [keyB = "", valueB = ""] = labelsB[index] ?? [];
    const difference = compareCodePoints(keyA, keyB) || compareCodePoints(valueA, valueB);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Compares what makes an endpoint an instance of its own: address, ports, and the network in which the address is
 * meant. Two endpoints that are zero apart are one and the same listening socket.
 */
export function compareInstances(a: WorkloadEntry, b: WorkloadEntry): number {
  return compareCodePoints(a.address ?? "", b.address ?? "") ||
    comparePorts(a.ports, b.ports) ||
    compareCodePoints(a.network ?? "", b.network ?? "");
}

/**
 * The one order of endpoints: by address (code points), port numbers, port names, network, then more labels before
 * fewer, labels by key and value, locality, service account, weight. Zero only for endpoints that mean the same (an
 * absent field means the same as an empty one), so the order of the input never shows in the output.
 */
export function compareEndpoints(a: WorkloadEntry, b: WorkloadEntry): number {
  return compareInstances(a, b) ||
    compareLabels(a.labels, b.labels) ||
    compareCodePoints(a.locality ?? "", b.locality ?? "") ||
    compareCodePoints(a.serviceAccount ?? "", b.serviceAccount ?? "") ||
    (a.weight ?? 0) - (b.weight ?? 0);
}
