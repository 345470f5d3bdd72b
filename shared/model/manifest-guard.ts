import type { ServiceEntryManifest } from "./manifest.ts";

/**
 * A shortcut past zod for the one form of which there are very many. A fresh aggregator reads every entry of every
 * registry, easily a hundred thousand endpoints, before it may serve anything; zod copies each of their objects, which
 * costs 40 µs per entry of ten endpoints as long as nothing is compiled, and a third of the whole load.
 *
 * These functions only accept. Whatever is not exactly as expected, an unknown key above all, is left to zod, which
 * tells what is wrong, or strips what it doesn't know. So they may be stricter than the schema, never laxer: what they
 * accept, `ServiceEntryManifest.parse()` accepts too and answers an equal value (the property test holds them to that).
 */

/**
 * True if the value is a ServiceEntry without anything superfluous; false says nothing, ask zod then. The value is
 * plain data, such as `JSON.parse()` gives: getters, symbols as keys and names on arrays are not looked for.
 */
export function isServiceEntryManifest(value: unknown): value is ServiceEntryManifest {
  if (!isPlain(value)) return false;
  let required = 0;
  for (const key in value) {
    const member = value[key];
    switch (key) {
      case "apiVersion":
        if (!isApiVersion(member)) return false;
        required++;
        break;
      case "kind":
        if (member !== "ServiceEntry") return false;
        required++;
        break;
      case "metadata":
        if (!isMetadata(member)) return false;
        required++;
        break;
      case "spec":
        if (!isSpec(member)) return false;
        required++;
        break;
      default:
        return false;
    }
  }
  return required === 4;
}

function isMetadata(value: unknown): boolean {
  if (!isPlain(value)) return false;
  let required = 0;
  for (const key in value) {
    const member = value[key];
    switch (key) {
      case "name":
        if (typeof member !== "string" || member === "") return false;
        required++;
        break;
      case "namespace":
        if (typeof member !== "string") return false;
        required++;
        break;
      case "labels":
      case "annotations":
        if (!isTextMap(member)) return false;
        break;
      case "creationTimestamp":
        if (typeof member !== "string") return false;
        break;
      default:
        return false;
    }
  }
  return required === 2;
}

function isSpec(value: unknown): boolean {
  if (!isPlain(value)) return false;
  let required = 0;
  for (const key in value) {
    const member = value[key];
    switch (key) {
      case "hosts":
        if (!isTextList(member)) return false;
        required++;
        break;
      case "addresses":
      case "exportTo":
      case "subjectAltNames":
        if (!isTextList(member)) return false;
        break;
      case "ports":
        if (!isListOf(member, isServicePort)) return false;
        break;
      case "endpoints":
        if (!isListOf(member, isWorkloadEntry)) return false;
        break;
      case "location":
        if (member !== "MESH_EXTERNAL" && member !== "MESH_INTERNAL") return false;
        break;
      case "resolution":
        if (!isResolution(member)) return false;
        break;
      case "workloadSelector":
        if (!isSelector(member)) return false;
        break;
      default:
        return false;
    }
  }
  return required === 1;
}

function isServicePort(value: unknown): boolean {
  if (!isPlain(value)) return false;
  let required = 0;
  for (const key in value) {
    const member = value[key];
    switch (key) {
      case "number":
        if (!isUint32(member)) return false;
        required++;
        break;
      case "name":
        if (typeof member !== "string") return false;
        required++;
        break;
      case "protocol":
        if (typeof member !== "string") return false;
        break;
      case "targetPort":
        if (!isUint32(member)) return false;
        break;
      default:
        return false;
    }
  }
  return required === 2;
}

function isWorkloadEntry(value: unknown): boolean {
  if (!isPlain(value)) return false;
  for (const key in value) {
    const member = value[key];
    switch (key) {
      case "address":
      case "network":
      case "locality":
      case "serviceAccount":
        if (typeof member !== "string") return false;
        break;
      case "ports":
        if (!isNumberMap(member)) return false;
        break;
      case "labels":
        if (!isTextMap(member)) return false;
        break;
      case "weight":
        if (!isUint32(member)) return false;
        break;
      default:
        return false;
    }
  }
  return true;
}

function isSelector(value: unknown): boolean {
  if (!isPlain(value)) return false;
  for (const key in value) {
    if (key !== "labels" || !isTextMap(value[key])) return false;
  }
  return true;
}

function isApiVersion(value: unknown): boolean {
  return value === "networking.istio.io/v1" || value === "networking.istio.io/v1beta1" ||
    value === "networking.istio.io/v1alpha3";
}

function isResolution(value: unknown): boolean {
  return value === "STATIC" || value === "DNS" || value === "NONE" || value === "DNS_ROUND_ROBIN" ||
    value === "DYNAMIC_DNS";
}

/** An object literal's kind of object: no array, no Map, no instance of a class. */
function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** Zod takes the sign of minus zero along, and so does this. */
function isUint32(value: unknown): boolean {
  return typeof value === "number" && value >>> 0 === value;
}

/** JSON may hold a key `__proto__`, which zod leaves out of a map. */
function isTextMap(value: unknown): boolean {
  if (!isPlain(value)) return false;
  for (const key in value) {
    if (typeof value[key] !== "string" || key === "__proto__") return false;
  }
  return true;
}

function isNumberMap(value: unknown): boolean {
  if (!isPlain(value)) return false;
  for (const key in value) {
    if (!isUint32(value[key]) || key === "__proto__") return false;
  }
  return true;
}

function isTextList(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  for (let index = 0; index < value.length; index++) {
    if (typeof value[index] !== "string") return false;
  }
  return true;
}

function isListOf(value: unknown, isItem: (item: unknown) => boolean): boolean {
  if (!Array.isArray(value)) return false;
  for (let index = 0; index < value.length; index++) {
    if (!isItem(value[index])) return false;
  }
  return true;
}
