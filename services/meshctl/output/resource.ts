import { isDeepStrictEqual } from "node:util";

/** A resource as it is shown: a Kubernetes manifest of any kind. */
export interface ShownResource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly creationTimestamp?: string;
  };
  /** As in Istio's JSON; undefined if it couldn't be decoded. */
  readonly spec: unknown;
}

/** What happened to a resource. */
export interface Change {
  readonly change: "added" | "updated" | "deleted";
  /** As it is now; for a deletion, as it was last. */
  readonly resource: ShownResource;
  /** As it was before an update. */
  readonly before?: ShownResource;
  /** Where this was seen (version, subject, sequence); printed in the JSON and YAML forms. */
  readonly origin: Readonly<Record<string, string | number>>;
}

/** The annotation with a resource's place in the entry log: it differs with each publish, even of the same content. */
export const cursorAnnotation = "ResourceVersion";

/** True if the two say the same to istiod: same labels, annotations (but the cursor) and spec. */
export function isSameContent(a: ShownResource, b: ShownResource): boolean {
  return isDeepStrictEqual(a.spec, b.spec) &&
    isDeepStrictEqual(a.metadata.labels ?? {}, b.metadata.labels ?? {}) &&
    isDeepStrictEqual(annotationsOf(a), annotationsOf(b));
}

/** The annotations without the cursor. */
export function annotationsOf({ metadata }: ShownResource): Record<string, string> {
  const { [cursorAnnotation]: _cursor, ...others } = metadata.annotations ?? {};
  return others;
}
