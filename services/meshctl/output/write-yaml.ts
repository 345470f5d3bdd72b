import { stringify } from "yaml";

/**
 * A value as YAML for `kubectl` and other readers of YAML 1.1: texts such as `on`, `1:20` or a time are quoted, or they
 * would be read as something else. Long lines are not folded, and what occurs
 * twice is written twice, without anchors.
 */
export function yamlText(value: unknown): string {
  return stringify(value, { version: "1.1", lineWidth: 0, indentSeq: false, aliasDuplicateObjects: false });
}
