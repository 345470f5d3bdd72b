import type { Unit } from "./unit.ts";

/**
 * Which of several replicas owns a unit: rendezvous hashing. Each replica's name is hashed together with the unit's, and
 * the highest hash wins, so all replicas agree without talking, shares are equal, and a replica that comes or goes
 * moves only its own share.
 */
export function ownerOf(unit: Unit, members: readonly string[]): string | undefined {
  if (members.length <= 1) return members[0];
  let owner: string | undefined;
  let highest = -1;
  for (const member of members) {
    const weight = weightOf(member, unit);
    if (weight > highest || (weight === highest && owner !== undefined && member < owner)) {
      owner = member;
      highest = weight;
    }
  }
  return owner;
}

/** FNV-1a over both names, and the mixing of MurmurHash3: FNV alone depends too little on the first letters. */
function weightOf(member: string, unit: string): number {
  let hash = 0x811c9dc5;
  for (const text of [unit, "\n", member]) {
    for (let index = 0; index < text.length; index++) {
      hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
    }
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
